"""/metrics: off until somebody may read it, and then the figures of the rows."""

import pytest

from .firm import Firm

TOKEN = {"Authorization": "Bearer a-long-token-for-prometheus"}


def test_it_is_not_there_while_nobody_may_read_it(client):
    assert client.get("/metrics", headers=TOKEN).status_code == 404


@pytest.mark.settings(METRICS_TOKEN="a-long-token-for-prometheus")
def test_the_token_opens_it_and_nothing_else_does(client):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 401
    assert client.get("/metrics?token=a-long-token-for-prometheus").status_code == 401
    assert client.get("/metrics", headers=TOKEN).status_code == 200


@pytest.mark.settings(METRICS_ADDRESSES="10.0.0.7, 10.0.0.8")
def test_a_listed_address_needs_no_token(client):
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.8"}).status_code == 200
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.9"}).status_code == 401


@pytest.mark.settings(METRICS_TOKEN="a-long-token-for-prometheus")
def test_it_tells_what_the_rows_say(client, app, monkeypatch, fresh_upstreams):
    from ..operations.conftest import point_at

    point_at(monkeypatch, fresh_upstreams)
    firm = Firm(app, fresh_upstreams)
    number = firm.connect("clio")
    firm.read(number, "users")
    firm.ask(number, "matters")
    firm.worker()

    lines = client.get("/metrics", headers=TOKEN).get_data(as_text=True).splitlines()

    assert 'console_runs{state="queued"} 1.0' in lines
    assert 'console_connections{status="connected"} 1.0' in lines
    assert "console_workers 1.0" in lines
    assert any(line.startswith('console_calls_5m{outcome="ok",service="clio"}') for line in lines), lines
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)
