"""What a read will take, told before it is asked for."""

from integration_console.operations.accounts import connections
from integration_console.operations.runs import forecasts

from .conftest import connect, sync


def test_a_forecast_tells_calls_and_minutes_from_the_last_counts(session, sandbox):
    connection = connect(sandbox, "clio")
    unknown = {f.resource: f for f in forecasts.of(connections.find(connection), ["contacts"])}
    assert unknown["contacts"].calls is None
    sync(connection, kind="full", only=["contacts"])

    known = {f.resource: f for f in forecasts.of(connections.find(connection), ["contacts"])}["contacts"]

    assert (known.records, known.calls) == (sandbox.clio.ledger()["contacts"], -(-known.records // 200))
    assert known.seconds > 0
