"""Tokens are renewed once for everybody, kept before they are used, and never asked for in vain (K1-K4)."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

import config
from integration_console import clock
from integration_console.errors import Cancelled, NeedsPerson, Parked, SealBroken, TryLater
from integration_console.models import Connection, db
from integration_console.operations import sealed
from integration_console.operations.accounts import accounts, connections
from integration_console.operations.keeping import rotation
from integration_console.services.base import Call
from tests.databases import bare_app

from ..cli.conftest import wait_for
from ..processes import processes
from .conftest import connect, sync

TOKENS = "/oauth/token"


def by_tokens(upstreams, key: str = "ghl", **changes) -> int:
    """An account connected by consent; HighLevel's refresh tokens work once."""
    facts = upstreams.described()[key]
    place = {"location_id": facts["location_id"]} if key == "ghl" else {}
    token = {**facts["token"], **changes}
    return connections.add(key, name=key, credentials=token, settings=place, by="Ana", frequency="manual").id


def refreshes(upstream) -> int:
    return sum(1 for seen in upstream.requests if seen.path == TOKENS)


def stored(connection: int) -> dict:
    db.session.rollback()
    found = sealed.unseal(connections.find(connection))
    db.session.remove()
    return found


def opened(connection: int):
    account = accounts.open_account(connections.find(connection))
    db.session.remove()
    return account


def _refresh_in_process(url: str, home: str, connection: int, environment: dict[str, str], go) -> None:
    os.environ.update(environment)
    app = bare_app(config.load(APP_ENV="test", ALLOW_INSECURE_UPSTREAMS=True, INSTANCE_DIR=home, DATABASE_URL=url))
    go.wait(30)
    _refresh_in_threads(app, connection, 8)


def _refresh_in_threads(app, connection: int, count: int) -> None:
    def one(_number) -> str:
        with app.app_context():
            account = accounts.open_account(connections.find(connection))
            db.session.remove()
            return account.service.account(account.upstream).id

    with ThreadPoolExecutor(count) as pool:
        assert len(set(pool.map(one, range(count)))) == 1


def test_many_threads_and_processes_renew_a_single_use_token_exactly_once(session, sandbox, settings, database):
    """K1, K2"""
    connection = by_tokens(sandbox)
    before = stored(connection)
    sandbox.ghl.expire()
    context = processes()
    go = context.Event()
    facts = (database, str(settings.INSTANCE_DIR), connection, dict(os.environ))
    others = [context.Process(target=_refresh_in_process, args=(*facts, go)) for _ in range(2)]
    for process in others:
        process.start()
    app = bare_app(settings)
    go.set()
    _refresh_in_threads(app, connection, 16)
    for process in others:
        process.join(60)

    assert [process.exitcode for process in others] == [0, 0]
    assert refreshes(sandbox.ghl) == 1
    assert stored(connection)["refresh_token"] != before["refresh_token"]
    with app.app_context():
        db.engine.dispose()


def test_an_answer_without_a_refresh_token_keeps_the_old_one(session, sandbox):
    """K2"""
    connection = by_tokens(sandbox, "clio")
    old = stored(connection)
    sandbox.clio.expire()

    account = opened(connection)
    account.service.account(account.upstream)

    new = stored(connection)
    assert new["refresh_token"] == old["refresh_token"]
    assert new["access_token"] != old["access_token"]
    assert refreshes(sandbox.clio) == 1


def test_a_token_is_stored_before_it_is_used(session, sandbox):
    """K2: whoever dies after the answer leaves the new token behind."""
    connection = by_tokens(sandbox)
    sandbox.ghl.expire()
    account = opened(connection)
    account.upstream._refresh()

    assert sandbox.ghl.is_alive(stored(connection)["access_token"])


def test_an_expiring_token_is_renewed_before_the_first_call(session, sandbox, clock):
    """K4"""
    connection = by_tokens(sandbox)
    clock.advance(86_399 - 7_000)  # a tenth of a day is left to go

    account = opened(connection)
    account.service.account(account.upstream)

    assert refreshes(sandbox.ghl) == 1
    assert [seen.status for seen in sandbox.ghl.requests if seen.status != 200] == []
    opened(connection)
    assert refreshes(sandbox.ghl) == 1


@pytest.mark.parametrize("life", [None, 0, -5, 1e30, "soon", True, [], 1], ids=str)
@pytest.mark.one_database
def test_an_odd_lifetime_never_makes_a_loop(session, sandbox, life):
    """K4"""
    connection = by_tokens(sandbox, "clio", expires_in=life)
    for _ in range(3):
        account = opened(connection)
        account.service.account(account.upstream)

    assert refreshes(sandbox.clio) <= 1


@pytest.mark.one_database
def test_refreshed_tokens_of_an_odd_lifetime_never_make_a_loop(session, sandbox):
    """K4"""
    connection = by_tokens(sandbox, "clio")
    sandbox.clio.token_life_s = -1  # what it gives out from now on has ended already
    sandbox.clio.expire()

    account = opened(connection)
    with pytest.raises(NeedsPerson):
        account.service.account(account.upstream)
    assert refreshes(sandbox.clio) == 1


def test_a_refused_refresh_asks_for_a_person_once_and_is_not_tried_again(session, sandbox):
    """K3"""
    connection = by_tokens(sandbox)
    sandbox.ghl.revoke()
    account = opened(connection)
    db.session.remove()
    errors = []

    def call() -> None:
        try:
            account.upstream.send(Call("GET", "/users/", {"locationId": sandbox.ghl.location_id}))
        except NeedsPerson as error:
            errors.append(str(error))

    hands = [threading.Thread(target=call) for _ in range(6)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(30)

    assert (len(errors), refreshes(sandbox.ghl)) == (6, 1)
    row = connections.find(connection)
    assert row.status == "needs_reconnect"
    assert row.status_reason.startswith("GoHighLevel refused to renew")
    assert "reconnect" in row.status_reason
    db.session.remove()
    with pytest.raises(NeedsPerson):
        connections.test(connections.find(connection))
    assert refreshes(sandbox.ghl) == 1


def test_a_token_stored_meanwhile_counts_more_than_a_refusal(session, sandbox):
    """K3: the refused process looks again before it gives up."""
    connection = by_tokens(sandbox)
    old = opened(connection)
    sandbox.ghl.open_sign_in()  # everything given out before is forgotten
    sandbox.ghl.script(TOKENS, {"status": 400, "body": {"error": "invalid_grant"}, "delay_s": 1})
    sandbox.ghl.expire()
    hand = threading.Thread(target=lambda: _quietly(old.upstream._refresh))
    hand.start()
    wait_for(lambda: not sandbox.ghl.unasked(), "the refresh to be on its way")
    sandbox.ghl.open_sign_in()
    connections.reconnect(connections.find(connection), sandbox.ghl.token_answer() | {"access_token": _fresh(sandbox)},
                          by="Ana")  # fmt: skip
    db.session.remove()
    hand.join(30)

    assert connections.find(connection).status == "connected"
    assert stored(connection)["access_token"].startswith("ghl-")


def test_a_refresh_under_way_brings_nothing_back_into_a_removed_connection(session, sandbox):
    connection = by_tokens(sandbox)
    account = opened(connection)
    sandbox.ghl.script(TOKENS, {"delay_s": 1, "through": True})
    hand = threading.Thread(target=lambda: _quietly(account.upstream._refresh))
    hand.start()
    wait_for(lambda: not sandbox.ghl.unasked(), "the refresh to be on its way")
    connections.remove(connections.find(connection), by="Ana")
    db.session.remove()
    hand.join(30)

    assert db.session.scalar(select(Connection.credentials)) is None


def test_keys_rotated_while_a_token_is_renewed_lose_no_sign_in(session, sandbox):
    """K2: the refresh token that was sent works once, so the answer is kept, however the old one is sealed by now."""
    connection = by_tokens(sandbox)
    account, before = opened(connection), stored(connection)
    sandbox.ghl.script(TOKENS, {"delay_s": 1, "through": True})
    hand = threading.Thread(target=lambda: _quietly(account.upstream._refresh))
    hand.start()
    wait_for(lambda: not sandbox.ghl.unasked(), "the refresh to be on its way")
    assert rotation.rotate("Ana")["connections"] == 1
    db.session.remove()
    hand.join(30)

    assert stored(connection)["refresh_token"] != before["refresh_token"]
    connections.test(connections.find(connection))
    assert connections.find(connection).status == "connected"


def test_a_token_endpoint_that_is_down_is_no_refusal(session, sandbox, clock):
    """K3: the run waits and goes on by itself."""
    connection = by_tokens(sandbox)
    clock.advance(86_399)
    sandbox.ghl.script(TOKENS, {"status": 503, "body": "busy"})

    with pytest.raises(TryLater, match="not ready"):
        opened(connection)

    db.session.remove()
    assert connections.find(connection).status == "connected"
    assert opened(connection).upstream


def test_a_401_is_answered_by_one_refresh_and_one_repeat(session, sandbox):
    """K4"""
    connection = by_tokens(sandbox)
    sandbox.ghl.script("/users/", {"status": 401, "body": {"message": "Invalid JWT"}})

    run = sync(connection, only=["users"])

    assert run.state == "done"
    assert refreshes(sandbox.ghl) == 1
    assert [seen.status for seen in sandbox.ghl.requests if seen.path == "/users/"] == [401, 200]


def test_a_401_for_ever_ends_after_one_refresh_and_asks_for_a_person(session, sandbox):
    """K4"""
    connection = by_tokens(sandbox)
    sandbox.ghl.script("/*", {"status": 401, "body": {"message": "Invalid JWT"}, "times": 999, "method": "GET"})

    run = sync(connection, only=["users", "tags"])

    assert run.state == "needs_person"
    assert refreshes(sandbox.ghl) == 1
    assert [seen.status for seen in sandbox.ghl.requests].count(401) == 2
    assert connections.find(connection).status == "needs_reconnect"


def test_owners_read_at_once_renew_their_common_token_once(session, sandbox):
    """K1: the threads of one run share its keys; a token that works once is asked for once."""
    connection = by_tokens(sandbox)
    sync(connection, only=["contacts"])
    sandbox.ghl.script("/contacts/*/notes", {"delay_s": 0.3, "through": True, "times": 8})
    threading.Timer(0.15, sandbox.ghl.expire).start()

    run = sync(connection, kind="full", only=["notes"])

    assert (run.state, refreshes(sandbox.ghl)) == ("done", 1)
    assert connections.find(connection).status == "connected"


@pytest.mark.one_database
def test_what_was_read_before_a_renewal_does_not_replace_it(session, sandbox, monkeypatch):
    """K1: a thread that was slow to unseal the old token would send everybody out with it again."""
    keys = accounts.keys_of(connections.find(by_tokens(sandbox)))
    db.session.remove()
    old, unseal, was_read, renewed = keys.headers(), keys.vault.open, threading.Event(), threading.Event()

    def slowly(*sealed: str) -> str:
        if threading.current_thread() is slow:
            was_read.set()
            renewed.wait(0.3)
        return unseal(*sealed)

    slow = threading.Thread(target=keys._reread)
    monkeypatch.setattr(keys.vault, "open", slowly)
    slow.start()
    assert was_read.wait(30)
    keys.renew()
    renewed.set()
    slow.join(30)

    assert keys.headers() != old


@pytest.mark.one_database
def test_credentials_sealed_with_other_keys_are_refused_in_plain_words(session, sandbox, settings):
    """X1"""
    connection = connect(sandbox, "clio")
    other = bare_app(settings.model_copy(update={"ENCRYPTION_KEYS": type(settings.ENCRYPTION_KEYS)(OTHER_KEY)}))
    session.rollback()

    with other.app_context():
        with pytest.raises(SealBroken, match="encryption keys"):
            sealed.unseal(connections.find(connection))
        db.session.remove()
        db.engine.dispose()


OTHER_KEY = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="


def _fresh(upstreams) -> str:
    return upstreams.ghl._new_access()


def _quietly(function) -> None:
    try:
        function()
    except (NeedsPerson, TryLater):
        pass


def test_where_calls_are_short_a_page_goes_before_a_run(session, sandbox):
    connection = by_tokens(sandbox)
    run = opened(connection).budget
    with accounts.briefly(8):
        page = opened(connection).budget
    run.slow_down(clock.now() + timedelta(seconds=30))
    looks = iter((False, True))
    with pytest.raises(Cancelled):
        page.wait(should_stop=lambda: next(looks))  # has begun to wait, and is not there yet

    turns = []
    for budget in (page, run):
        with pytest.raises(Parked) as parked:
            budget.wait(deadline_s=0)
        turns.append(parked.value.until)

    assert turns[0] + timedelta(seconds=0.1) < turns[1]
