"""The sandbox beside `flask serve`: connections made while it runs are told of as well as those of the start."""

import pytest

from integration_console import stand_ins
from integration_console.models import db
from integration_console.operations.accounts import connections, subscriptions

from .operations.conftest import connect, point_at


@pytest.mark.one_database
def test_a_connection_made_while_the_sandbox_runs_is_told_to_its_webhooks_at_once(monkeypatch, app, upstreams):
    point_at(monkeypatch, upstreams)
    upstreams.slack.hook_url = None
    doors = stand_ins.Doors(app, upstreams.described())
    doors.open()
    assert upstreams.slack.hook_url is None

    with app.app_context():
        number = connect(upstreams, "slack")
    doors.open()

    with app.app_context():
        connection = connections.find(number)
        assert upstreams.slack.hook_url == subscriptions.address(connection)
        assert subscriptions.of(connection)[0].state == "active"
        db.session.remove()

    upstreams.slack.hook_url = None  # who was told is not told again
    doors.open()
    assert upstreams.slack.hook_url is None
