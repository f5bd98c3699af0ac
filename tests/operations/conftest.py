"""Accounts at the sandbox, connected as a person would."""

import pytest

from integration_console.models import SyncRun, db
from integration_console.operations import connections, holds, runs


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    """This test's own stand-in upstreams, and the settings that lead to them."""
    point_at(monkeypatch, fresh_upstreams)
    return fresh_upstreams


def point_at(monkeypatch, upstreams) -> None:
    """Set CLIO_API_URL and the like."""
    for key, facts in upstreams.described().items():
        for name in ("api_url", "auth_url", "token_url", "client_id", "client_secret"):
            if name in facts:
                monkeypatch.setenv(f"{key}_{name}".upper(), facts[name])


def connect(upstreams, key: str, name: str = "") -> connections.Connection:
    """Connect one of the sandbox's accounts."""
    facts = upstreams.described()[key]
    if key == "clio":
        return connections.add("clio", name=name or "Clio", credentials=facts["token"], by="test", frequency="manual")
    place = "location_id" if key == "ghl" else "workspace_id"
    return connections.add(
        key,
        name=name or key,
        credentials={"api_key": facts["api_key"]},
        settings={place: facts[place]},
        by="test",
        frequency="manual",
    )


def carry_out(run: SyncRun) -> SyncRun:
    """Claim and execute one run in this process, as a worker would."""
    number = run.id
    db.session.remove()
    (hold,) = holds.claim(db.engine, owner="test:1", lease_s=30, run_id=number)
    runs.execute(hold, foreground=True)
    db.session.remove()
    return runs.find(number)


def sync(connection, **options) -> SyncRun:
    """Ask for a run and carry it out."""
    return carry_out(runs.request(connection, **options))
