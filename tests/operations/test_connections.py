"""Connecting an account, keeping it and letting it go, against the sandbox, on both databases."""

import threading

import pytest
from sqlalchemy import func, select

from integration_console.errors import (
    BadAnswer,
    Conflict,
    InvalidInput,
    NeedsPerson,
    NotFound,
    SealBroken,
    TryLater,
    UpstreamError,
    WrongAccount,
)
from integration_console.models import AuditEvent, Connection, Record, RunPart, Transaction, db
from integration_console.operations import holds, sealed
from integration_console.operations.accounts import connections
from integration_console.operations.runs import runs

from ..cli.conftest import wait_for
from .conftest import ask, connect, sync


def add(upstreams, key: str, **changes):
    """Connect as a person would, one thing changed."""
    facts = upstreams.described()[key]
    usual = {"name": "Ours", "by": "Ana", "credentials": facts.get("token"), "settings": {}}
    if key != "clio":
        place = "location_id" if key == "ghl" else "workspace_id"
        usual |= {"credentials": {"api_key": facts["api_key"]}, "settings": {place: facts[place]}}
    return connections.add(key, **{**usual, **changes})


def kept(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


# -- connecting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["ghl", "clockify"])
def test_a_key_is_proved_by_one_call_and_names_its_account(session, sandbox, key):
    connection = add(sandbox, key)

    assert connection.status == "connected"
    assert connection.account_name
    assert connection.account_id in (sandbox.ghl.location_id, sandbox.clockify.workspace_id)
    assert len(sandbox.upstreams[key].requests) <= 2
    assert connection.next_due_at is not None


def test_tokens_are_proved_and_sealed_and_nobody_reads_them_in_the_row(session, sandbox):
    """X1"""
    connection = add(sandbox, "clio")

    assert connection.account_name
    assert sandbox.clio.access_token not in connection.credentials
    assert sealed.unseal(connection)["access_token"] == sandbox.clio.access_token
    assert not any(sandbox.clio.access_token in str(vars(row)) for row in session.scalars(select(Transaction)))


def test_a_row_moved_to_another_connection_is_refused(session, sandbox):
    """X1: the owner is sealed inside the value."""
    one, other = add(sandbox, "clio"), add(sandbox, "ghl")
    other.credentials = one.credentials

    with pytest.raises(SealBroken, match="refused"):
        sealed.unseal(other)


@pytest.mark.parametrize(
    ("key", "changes", "error", "said"),
    [
        ("ghl", {"credentials": {"api_key": "pit-wrong"}}, NeedsPerson, "GoHighLevel does not accept these"),
        ("clockify", {"credentials": {"api_key": "wrong"}}, NeedsPerson, "Clockify does not accept these"),
        ("clockify", {"settings": {"workspace_id": "5f0000000000000000000000"}}, UpstreamError, "Clockify"),
        ("ghl", {"settings": {"location_id": "elsewhere"}}, UpstreamError, "GoHighLevel"),
        ("clio", {"credentials": {"access_token": "another region's"}}, NeedsPerson, "Clio does not accept these"),
        (
            "clio",
            {"credentials": {"access_token": "x"}, "settings": {"region": "eu"}},
            NeedsPerson,
            "region EU?",
        ),
        ("clio", {"settings": {"region": "mars"}}, InvalidInput, "no region 'mars'"),
        ("clio", {"credentials": {"api_key": "k"}}, InvalidInput, "consent"),
        ("clockify", {"credentials": {"access_token": "t"}}, InvalidInput, "with a key"),
        ("clockify", {"credentials": {"api_key": "  "}}, InvalidInput, "key is missing"),
        ("clockify", {"credentials": {"api_key": "schlüssel"}}, InvalidInput, "characters"),
        ("clockify", {"credentials": {"api_key": "a\r\nX-Other: 1"}}, InvalidInput, "characters"),
        ("clockify", {"settings": {"colour": "red"}}, InvalidInput, "no setting 'colour'"),
        ("ghl", {"settings": {}}, InvalidInput, "Location ID is missing"),
        ("clio", {"credentials": {"access_token": ""}}, InvalidInput, "token"),
        ("clio", {"credentials": {"access_token": 7}}, InvalidInput, "token"),
        ("clio", {"credentials": {"access_token": "t", "expires_at": "soon"}}, InvalidInput, "token"),
        ("clio", {"name": " "}, InvalidInput, "name"),
        ("clio", {"frequency": "sometimes"}, InvalidInput, "no schedule"),
        ("clio", {"time_zone": "Mars/Olympus"}, InvalidInput, "no time zone"),
    ],
    ids=str,
)
def test_what_cannot_be_connected_is_said_in_a_sentence_and_nothing_is_kept(
    session, sandbox, key, changes, error, said
):
    with pytest.raises(error) as refused:
        add(sandbox, key, **changes)

    assert said in str(refused.value)
    assert kept(Connection) == 0
    assert add(sandbox, key).status == "connected"


@pytest.mark.one_database
def test_a_value_that_is_none_of_those_offered_is_named(session, sandbox):
    facts = sandbox.described()["clockify"]
    with pytest.raises(InvalidInput, match=r"Plan cannot be 'gold'\. There are: paid, free\.") as caught:
        connections.add("clockify", name="Ours", credentials={"api_key": facts["api_key"]}, settings={"plan": "gold"},
                        by="Ana")  # fmt: skip
    assert caught.value.field == "plan"


def test_an_unknown_service_is_refused(session, sandbox):
    with pytest.raises((InvalidInput, NotFound), match="dragons"):
        connections.add("dragons", name="x", credentials={"api_key": "k"}, by="Ana")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"body": "<html>hello</html>", "headers": {"Content-Type": "text/html"}}, BadAnswer),
        ({"body": ""}, BadAnswer),
        ({"body": "null"}, BadAnswer),
        ({"body": "[]"}, BadAnswer),
        ({"body": '{"data": {}}'}, BadAnswer),
        ({"body": '{"data": {"id": null}}'}, BadAnswer),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, BadAnswer),
        ({"status": 503, "body": "busy"}, TryLater),
    ],
    ids=["a web page", "nothing", "null", "a list", "nobody", "no id", "elsewhere", "down"],
)
@pytest.mark.one_database
def test_an_answer_that_names_no_account_connects_nothing(session, sandbox, answer, error, clock):
    sandbox.clio.script("/users/who_am_i", {**answer, "times": 99})

    with pytest.raises(error) as refused:
        add(sandbox, "clio")

    assert "Clio" in str(refused.value) or "answer" in str(refused.value)
    assert kept(Connection) == 0
    assert kept(Transaction) >= 1  # the failed call can be looked up


@pytest.mark.one_database
def test_a_service_that_is_not_there_is_said_and_nothing_is_kept(session, sandbox, monkeypatch, clock):
    monkeypatch.setenv("CLIO_API_URL", "http://127.0.0.1:9/api/v4")

    with pytest.raises(TryLater, match="could not be reached"):
        add(sandbox, "clio")
    assert kept(Connection) == 0


def test_a_revoked_key_is_told_by_the_test_button(session, sandbox):
    connection = add(sandbox, "clockify")
    assert connections.test(connection).id == sandbox.clockify.workspace_id
    sandbox.clockify.revoke()

    with pytest.raises(NeedsPerson, match="Clockify"):
        connections.test(connections.find(connection.id))


# -- reconnecting -----------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_reconnecting_another_account_is_refused_and_the_old_credentials_stay(session, sandbox):
    """K5"""
    connection = add(sandbox, "clio")
    before = sealed.unseal(connection)
    sandbox.clio.script("/users/who_am_i", {"body": {"data": {
        "id": 9, "name": "Eve", "account": {"id": 9, "name": "Other & Partners"}}}})  # fmt: skip

    with pytest.raises(WrongAccount, match="Nothing was changed") as refused:
        connections.reconnect(connection, sandbox.clio.token_answer(), by="Ana")

    assert "Other & Partners" in str(refused.value)
    session.rollback()
    assert sealed.unseal(connections.find(connection.id)) == before
    assert connections.test(connections.find(connection.id)).id == connection.account_id


def test_reconnecting_with_a_wrong_key_leaves_the_old_one_at_work(session, sandbox):
    """K5"""
    connection = add(sandbox, "ghl")

    with pytest.raises(NeedsPerson):
        connections.reconnect(connection, {"api_key": "pit-wrong"}, by="Ana")

    assert sealed.unseal(connections.find(connection.id)) == {"api_key": sandbox.ghl.api_key}
    assert connections.test(connections.find(connection.id)).id == sandbox.ghl.location_id


def test_reconnecting_the_same_account_goes_on_where_it_stopped(session, sandbox):
    """K5: the records and the pages read are still this connection's."""
    connection = connect(sandbox, "clio")
    sync(connection, only=["users"])
    sandbox.clio.revoke()
    assert sync(connection, only=["users"]).state == "needs_person"
    assert connections.find(connection).status == "needs_reconnect"

    sandbox.clio.open_sign_in()
    connections.reconnect(connections.find(connection), sandbox.clio.token_answer(), by="Ana")

    assert connections.find(connection).status_reason is None
    assert sync(connection, only=["users"]).state == "done"
    assert kept(Record) == sandbox.clio.ledger()["users"]


def test_a_run_with_the_old_key_does_not_undo_a_reconnection(app, session, sandbox):
    """Who makes a new key and deletes the old one does so while runs are under way with that."""
    connection = connect(sandbox, "clockify")
    run = ask(connection, only=["tags"]).id
    db.session.remove()
    (hold,) = holds.claim(db.engine, owner="test:1", lease_s=30, run_id=run)
    sandbox.clockify.script("*tags", {"status": 401, "body": {"message": "no"}, "delay_s": 1})

    def carry() -> None:
        with app.app_context():
            runs.execute(hold)

    hand = threading.Thread(target=carry)
    hand.start()
    wait_for(lambda: not sandbox.clockify.unasked(), "the call with the old key")
    new = {"api_key": sandbox.described()["clockify"]["api_key"]}
    connections.reconnect(connections.find(connection), new, by="Ana")
    db.session.remove()
    hand.join(30)

    assert connections.find(connection).status == "connected"
    assert runs.find(run).state == "waiting"  # and goes on with the new one


# -- pausing and removing ---------------------------------------------------------------------------------------------


def test_pausing_stops_what_waits_and_what_runs_at_its_page_edge(session, sandbox):
    """W9"""
    connection = connect(sandbox, "clio")
    waiting, running = ask(connection, only=["users"]), ask(connection, kind="full", only=["contacts"])
    numbers = waiting.id, running.id
    db.session.remove()
    (hold,) = holds.claim(db.engine, owner="test:1", lease_s=30, run_id=numbers[1])

    connections.pause(connections.find(connection), by="Ana")
    db.session.remove()
    runs.execute(hold)

    assert [runs.find(number).state for number in numbers] == ["interrupted", "interrupted"]
    assert all("Ana" in runs.find(number).message for number in numbers)
    assert db.session.scalar(select(func.count()).where(RunPart.live)) == 0
    db.session.remove()
    assert holds.claim(db.engine, owner="test:1", lease_s=30) == []


def test_a_run_whose_worker_died_does_not_outlive_the_pause_of_its_connection(session, sandbox):
    """D3: nothing stays live for ever."""
    connection = connect(sandbox, "clio")
    run = ask(connection, kind="full", only=["contacts"])
    number = run.id
    db.session.remove()
    holds.claim(db.engine, owner="test:1", lease_s=-1, run_id=number)  # and silent ever after
    connections.pause(connections.find(connection), by="Ana")
    db.session.remove()

    for hold in holds.claim(db.engine, owner="test:2", lease_s=30):
        runs.execute(hold)

    assert (runs.find(number).state, len(sandbox.clio.requests)) == ("interrupted", 1)
    assert db.session.scalar(select(func.count()).where(RunPart.live)) == 0


def test_resuming_reads_at_once_and_only_what_was_paused_is_resumed(session, sandbox, clock):
    connection = add(sandbox, "clio", frequency="daily")
    connections.pause(connection, by="Ana")
    connections.resume(connection, by="Ana")

    assert connection.next_due_at <= clock.now()
    with pytest.raises(Conflict, match="not paused"):
        connections.resume(connection, by="Ana")


def test_removing_wipes_the_secrets_and_keeps_the_history(session, sandbox):
    connection = connect(sandbox, "clio")
    sync(connection, only=["users"])
    live = ask(connection, only=["tasks"]).id

    said = connections.remove(connections.find(connection), by="Ana")

    row = db.session.get(Connection, connection)
    assert (row.status, row.credentials, row.expires_at, row.next_due_at) == ("removed", None, None, None)
    assert "took the tokens back" in said
    assert not sandbox.clio.is_alive(sandbox.clio.access_token)
    assert kept(Record) == sandbox.clio.ledger()["users"]
    assert runs.find(live).state == "interrupted"
    with pytest.raises(NotFound):
        connections.find(connection)
    assert row not in connections.every()
    assert "connection removed" in session.scalars(select(AuditEvent.action)).all()


@pytest.mark.parametrize("trouble", ["revoked", "down", "keys lost", "ends soon and revoked"])
def test_removing_does_not_depend_on_the_service(session, sandbox, clock, monkeypatch, trouble):
    connection = connect(sandbox, "clio")
    if trouble == "keys lost":
        connections.find(connection).credentials = "unreadable"
        session.commit()
    if trouble == "ends soon and revoked":
        clock.advance(days=29, hours=20)
    if "revoked" in trouble:
        sandbox.clio.revoke()
    if trouble == "down":
        sandbox.clio.script("/oauth/deauthorize", {"status": 503, "times": 9})

    said = connections.remove(connections.find(connection), by="Ana")

    assert "took the tokens back" not in said
    assert "did not take the tokens back" in said or "still works" in said
    assert db.session.get(Connection, connection).credentials is None


# -- small changes ----------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_a_resource_switched_off_is_not_read(session, sandbox):
    connection = connect(sandbox, "clockify")
    connections.set_resource(connections.find(connection), "time_entries", False, by="Ana")

    run = sync(connection)
    assert "time_entries" not in {part.resource for part in run.parts}

    connections.set_resource(connections.find(connection), "time_entries", True, by="Ana")
    assert "time_entries" in {part.resource for part in ask(connection).parts}
    with pytest.raises(InvalidInput, match="dragons"):
        connections.set_resource(connections.find(connection), "dragons", False, by="Ana")


@pytest.mark.one_database
def test_a_name_and_a_schedule_are_checked_before_they_are_kept(session, sandbox):
    connection = connections.find(connect(sandbox, "clockify"))
    for name in ("", "x" * 201):
        with pytest.raises(InvalidInput):
            connections.rename(connection, name, by="Ana")
        session.rollback()
    with pytest.raises(InvalidInput):
        connections.set_schedule(connection, "* * *", "UTC", by="Ana")
    with pytest.raises(InvalidInput):
        connections.set_schedule(connection, "0 0 30 2 *", "UTC", by="Ana")  # a day that never comes

    connections.rename(connection, "  Müller   &  Söhne ", by="Ana")
    connections.set_schedule(connection, "30 6 * * 1-5", "Europe/Berlin", by="Ana")

    assert (connection.name, connection.frequency) == ("Müller & Söhne", "30 6 * * 1-5")
    assert connection.next_due_at is not None
