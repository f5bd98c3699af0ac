"""Whatever an upstream does to a read: nothing lost, nothing doubled, a clear state, and the next run is fine."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import func, select, text

from integration_console import clock as house
from integration_console.models import Checkpoint, DeadLetter, Record, Transaction, db
from integration_console.operations import holds
from integration_console.operations.accounts import connections
from integration_console.operations.runs import runs
from tests.operations.conftest import ask, connect, sync

from .truth import held, is_clear, is_finished, is_whole, there


def pages_asked(upstream, path: str) -> list[int]:
    """The answers to every call to a list, in order."""
    return [seen.status for seen in upstream.requests if seen.path.removesuffix(".json").endswith(path)]


def page_of(sandbox, *records: dict, token: str | None = None) -> dict:
    """A page of Clio's, with an address of the next one."""
    link = f"{sandbox.clio.api_url}/contacts.json?page_token={token}"
    return {"data": list(records), "meta": {"paging": {"next": link} if token else {}}}


def contact(sandbox, number: int, **changes) -> dict:
    return {**sandbox.clio.record("contacts", number), **changes}


class Between:
    """Does something at the upstream once so many calls to a list were answered."""

    def __init__(self, upstream, path: str, number: int, act: Callable[[], object]) -> None:
        self.upstream, self.path, self.left, self.act = upstream, path, number, act
        self._answer, upstream.answer = upstream.answer, self

    def __call__(self, request):
        answer = self._answer(request)
        if request.path.removesuffix(".json").endswith(self.path):
            self.left -= 1
            if self.left == 0:
                self.act()
        return answer


def the_next_run_is_fine(connection: int, sandbox, *resources: str) -> None:
    sandbox.clio.unscript()
    run = sync(connection, kind="full", only=resources)
    assert run.state == "done", run.message
    is_whole(connection, sandbox.clio, *resources)
    is_clear(run.id)
    is_finished(connection, *resources)


# -- answers that are none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [{"status": 500}, {"status": 502, "body": "<html>bad gateway</html>"}, {"cut": True, "body": {"data": [1] * 50}},
     {"raw": b""}, {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"}],
    ids=["500", "502", "cut", "hung up", "cut in the middle"],
)  # fmt: skip
@pytest.mark.one_database
def test_a_burst_of_failures_is_outlasted(session, sandbox, answer):
    """P9"""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/contacts*", {**answer, "times": 2, "after": 2})

    run = sync(connection, kind="full", only=["contacts"])

    assert run.state == "done"
    assert run.parts[0].calls == -(-len(there(sandbox.clio, "contacts")) // 200) + 2
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(run.id)


@pytest.mark.parametrize(
    "answer",
    [{"status": 200, "body": "<html>maintenance</html>"}, {"status": 200, "body": ""}, {"body": {"data": None}},
     {"body": '{"data": ' + "[" * 100 + "]" * 100 + "}"}, {"body": b'{"data": [{"id": 1' + b" " * 3_000_000 + b"}]}"},
     {"body": '{"data": [NaN]}'}, {"body": b'\xff\xfe{"data": []}'}],
    ids=["a web page", "nothing", "no list", "too deep", "too large", "no JSON number", "no UTF-8"],
)  # fmt: skip
@pytest.mark.settings(MAX_ANSWER_MIB=1)
@pytest.mark.one_database
def test_an_answer_that_cannot_be_used_is_not_used_at_all(session, sandbox, answer):
    """P5, P8"""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/contacts*", {**answer, "times": 99, "after": 1})

    run = sync(connection, kind="full", only=["contacts", "users"])

    assert run.state == "done_with_problems"
    assert (len(held(connection, "contacts")), run.parts[-1].complete or run.parts[0].complete) == (200, True)
    assert db.session.scalar(select(Checkpoint.high_water).filter_by(resource="contacts")) is None
    is_clear(run.id)
    the_next_run_is_fine(connection, sandbox, "contacts")


@pytest.mark.one_database
def test_one_page_that_is_dead_for_ever_stops_only_its_own_list(session, sandbox):
    """P4, P9: what came before it is kept, the others are read, and the next run begins behind what was kept."""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/contacts*", {"status": 500, "times": 999, "after": 2})

    run = sync(connection, kind="full", only=["contacts", "users", "tasks"])

    assert run.state == "done_with_problems"
    assert len(held(connection, "contacts")) == 400
    is_whole(connection, sandbox.clio, "users", "tasks")
    is_clear(run.id)
    before = len(pages_asked(sandbox.clio, "/contacts"))
    the_next_run_is_fine(connection, sandbox, "contacts")
    pages = -(-len(there(sandbox.clio, "contacts")) // 200)
    assert len(pages_asked(sandbox.clio, "/contacts")) - before == pages - 2


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.one_database
def test_a_page_whose_address_counts_no_longer_is_not_asked_for_again(session, sandbox, status):
    """P4: nothing says how long a page's token lasts. The list is begun anew, and what was kept of it stays."""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/contacts*", {"status": status, "body": {"error": {"type": "x", "message": "No"}}, "after": 2})

    run = sync(connection, kind="full", only=["contacts", "users"])

    assert (run.state, len(held(connection, "contacts"))) == ("done_with_problems", 400)
    is_whole(connection, sandbox.clio, "users")
    is_clear(run.id)
    before = len(pages_asked(sandbox.clio, "/contacts"))
    the_next_run_is_fine(connection, sandbox, "contacts")
    assert len(pages_asked(sandbox.clio, "/contacts")) - before == -(-len(there(sandbox.clio, "contacts")) // 200)


# -- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_a_rate_limit_met_by_eight_owners_at_once_is_waited_for_by_all(session, sandbox):
    """P9"""
    connection = connect(sandbox, "ghl")
    sync(connection, only=["contacts"])
    sandbox.ghl.script("/contacts/*/notes", {"status": 429, "headers": {"Retry-After": "1"}, "times": 8, "after": 3})

    run = sync(connection, kind="full", only=["notes"])

    assert run.state == "done"
    assert pages_asked(sandbox.ghl, "/notes").count(429) == 8
    is_whole(connection, sandbox.ghl, "notes")
    is_clear(run.id)


@pytest.mark.one_database
def test_a_long_wait_parks_the_run_and_it_goes_on_from_its_page(session, sandbox, clock):
    """P9: longer than a minute is not slept through."""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/contacts*", {"status": 429, "headers": {"Retry-After": "1800"}, "after": 2})
    number = ask(connection, kind="full", only=["contacts"]).id
    db.session.remove()
    _work(number)

    run = runs.find(number)
    assert run.state == "waiting"
    assert timedelta(minutes=29) < run.retry_at - house.now() < timedelta(minutes=34)
    assert len(held(connection, "contacts")) == 400
    db.session.remove()
    assert holds.claim(db.engine, owner="b:1", lease_s=30) == []
    before = len(pages_asked(sandbox.clio, "/contacts"))
    clock.advance(minutes=35)
    _work(number)

    assert runs.find(number).state == "done"
    assert len(pages_asked(sandbox.clio, "/contacts")) - before == -(-len(there(sandbox.clio, "contacts")) // 200) - 2
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(number)


@pytest.mark.parametrize("odd", ["-1", "soon", "1e9", "", "99999999999", "Wed, 99 Foo 2026"])
@pytest.mark.one_database
@pytest.mark.faults
def test_an_odd_retry_after_is_our_own_backoff(session, sandbox, odd):
    """P9"""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("/users*", {"status": 429, "headers": {"Retry-After": odd}})

    run = sync(connection, only=["users"])

    assert run.state == "done"
    is_clear(run.id)


def _work(number: int) -> None:
    (hold,) = holds.claim(db.engine, owner="a:1", lease_s=30, run_id=number)
    runs.execute(hold)
    db.session.remove()


# -- lists that do not behave -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [["A", "A"], ["A", "B", "A"], ["A", "B", "C", "D", "B"]], ids=len)
@pytest.mark.one_database
def test_pages_that_lead_in_circles_end_the_read_as_failed(session, sandbox, tokens):
    """P4: stopping early is never reported as complete."""
    connection = connect(sandbox, "clio")
    for number, token in enumerate(tokens, 1):
        sandbox.clio.script("/contacts*", {"body": page_of(sandbox, contact(sandbox, number), token=token)})
    sandbox.clio.script("/contacts*", {"body": page_of(sandbox, contact(sandbox, 99), token="A"), "times": 99})

    run = sync(connection, kind="full", only=["contacts"])

    assert (run.state, run.parts[0].complete) == ("failed", False)
    assert "twice" in run.message
    assert len(pages_asked(sandbox.clio, "/contacts")) == len(tokens)
    assert db.session.scalar(select(Checkpoint.high_water).filter_by(resource="contacts")) is None
    is_clear(run.id)


@pytest.mark.one_database
def test_the_same_page_again_and_again_under_new_addresses_ends_the_read(session, sandbox):
    """P4"""
    connection = connect(sandbox, "clio")
    for token in "ABCDEF":
        sandbox.clio.script("/contacts*", {"body": page_of(sandbox, contact(sandbox, 1), token=token)})

    run = sync(connection, kind="full", only=["contacts"])

    assert (run.state, len(pages_asked(sandbox.clio, "/contacts"))) == ("failed", 2)
    is_clear(run.id)


@pytest.mark.parametrize("away", ["http://127.0.0.1:9/api/v4/contacts", "https://evil.example/x", "//evil.example/x"])
@pytest.mark.one_database
def test_a_next_address_at_another_host_is_never_called(session, sandbox, away):
    """X3: the list is not read to its end, and nothing of it counts as gone."""
    connection = connect(sandbox, "clio")
    answer = sandbox.clio.answer

    def elsewhere(request):
        found = answer(request)
        link = found.body.get("meta", {}).get("paging", {}).get("next") if isinstance(found.body, dict) else None
        if link:
            found.body["meta"]["paging"]["next"] = (
                f"{away}?page_token={dict(parse_qsl(link.split('?')[1]))['page_token']}"
            )
        return found

    sandbox.clio.answer = elsewhere

    run = sync(connection, kind="full", only=["contacts"])

    assert (run.state, len(pages_asked(sandbox.clio, "/contacts"))) == ("failed", 1)
    assert "another host" in run.message
    is_clear(run.id)
    hosts = set(db.session.scalars(select(Transaction.host)))
    assert hosts == {"127.0.0.1"} or hosts == {sandbox.clio.url.split("//")[1]}


def test_rows_that_move_while_a_list_is_read_are_neither_lost_nor_doubled(session, sandbox):
    """P4, P7"""
    connection = connect(sandbox, "clio")

    def stir() -> None:
        sandbox.clio.delete("contacts", 7)  # on a page already read
        sandbox.clio.delete("contacts", 450)  # on the page just being read
        sandbox.clio.put("contacts", contact(sandbox, 3, title="Changed meanwhile"))
        sandbox.clio.put("contacts", {"first_name": "New", "last_name": "Person", "type": "Person"})

    Between(sandbox.clio, "/contacts", 2, stir)
    first = sync(connection, kind="full", only=["contacts"])
    assert first.state in ("done", "done_with_problems")
    sync(connection, only=["contacts"])
    changed = db.session.scalar(select(Record).filter_by(resource="contacts", external_id="3"))
    assert changed.data["title"] == "Changed meanwhile"

    the_next_run_is_fine(connection, sandbox, "contacts")


def test_contacts_that_move_to_the_end_of_their_order_are_met_there(session, sandbox):
    """P4: HighLevel's list is in the order of change."""
    connection = connect(sandbox, "ghl")
    ids = there(sandbox.ghl, "contacts")

    def stir() -> None:
        for number in ids[:5] + ids[-5:]:
            sandbox.ghl.put("contacts", {"id": number, "companyName": "Moved & Co"})

    Between(sandbox.ghl, "/contacts/search", 1, stir)
    run = sync(connection, kind="full", only=["contacts"])

    is_whole(connection, sandbox.ghl, "contacts")
    is_clear(run.id)
    sync(connection, only=["contacts"])
    moved = db.session.scalars(select(Record).where(Record.external_id.in_(ids[:5] + ids[-5:])))
    assert {row.data["companyName"] for row in moved} == {"Moved & Co"}


def test_a_thousand_records_of_one_moment_are_all_read_and_a_late_one_too(session, sandbox):
    """P3"""
    connection = connect(sandbox, "clio")
    shelf = sandbox.clio.shelves["contacts"]
    moment = (house.now() - timedelta(days=3)).timestamp()
    shelf.changed_at = lambda number: moment
    assert len(shelf) >= 1000
    sync(connection, kind="full", only=["contacts"])
    is_whole(connection, sandbox.clio, "contacts")
    written = db.session.scalar(select(func.max(Record.written_at)))

    again = sync(connection, only=["contacts"])
    assert (again.parts[0].mode, again.parts[0].new, again.parts[0].changed) == ("incremental", 0, 0)
    assert db.session.scalar(select(func.max(Record.written_at))) == written

    shelf.put(500, {**shelf.get(500), "title": "Late"})  # under the same moment, seen only now
    late = sync(connection, only=["contacts"])
    assert late.parts[0].changed == 1


def test_an_id_that_comes_twice_counts_once_and_its_later_form_wins(session, sandbox):
    """P2"""
    connection = connect(sandbox, "clio")
    twice = [contact(sandbox, 1, title="first"), contact(sandbox, 2), contact(sandbox, 1, title="second")]
    sandbox.clio.script("/contacts*", {"body": page_of(sandbox, *twice)})
    run = sync(connection, kind="full", only=["contacts"])

    assert held(connection, "contacts") == ["1", "2"]
    assert db.session.scalar(select(Record).filter_by(external_id="1")).data["title"] == "second"
    assert run.parts[0].seen == run.parts[0].new == 2
    is_clear(run.id)
    the_next_run_is_fine(connection, sandbox, "contacts")


def test_a_field_that_changes_its_type_sets_records_aside_and_takes_them_back(session, sandbox):
    """P5, P6"""
    connection = connect(sandbox, "clio")
    sync(connection, kind="full", only=["tasks"])
    answer = sandbox.clio.answer

    def retyped(request):
        found = answer(request)
        if request.path.removesuffix(".json").endswith("/tasks") and isinstance(found.body, dict):
            found.body = {**found.body, "data": [{**item, "priority": {"was": "text"}} for item in found.body["data"]]}
        return found

    sandbox.clio.answer = retyped
    run = sync(connection, kind="full", only=["tasks"])

    tasks = len(there(sandbox.clio, "tasks"))
    assert (run.state, run.parts[0].refused, run.parts[0].deleted) == ("done_with_problems", tasks, 0)
    is_whole(connection, sandbox.clio, "tasks")
    assert db.session.scalar(select(func.count(DeadLetter.id)).where(DeadLetter.resolved_at.is_(None))) == tasks
    is_clear(run.id)

    sandbox.clio.answer = answer
    the_next_run_is_fine(connection, sandbox, "tasks")
    assert db.session.scalar(select(func.count(DeadLetter.id)).where(DeadLetter.resolved_at.is_(None))) == 0


def test_a_field_that_comes_and_goes_changes_only_what_it_says(session, sandbox):
    """P6: a missing field clears nothing, an explicit null clears; an unknown one is kept."""
    connection = connect(sandbox, "clio")
    first = contact(sandbox, 1, title="Dr.")
    sandbox.clio.script("/contacts*", {"body": page_of(sandbox, {**first, "brand_new": {"x": 1}})})
    sync(connection, kind="full", only=["contacts"])
    row = db.session.scalar(select(Record).filter_by(external_id="1"))
    assert row.data["brand_new"] == {"x": 1}

    sandbox.clio.script("/contacts*", {"body": page_of(sandbox, {**first, "title": None})})
    sync(connection, kind="full", only=["contacts"])
    db.session.expire_all()
    assert db.session.scalar(select(Record).filter_by(external_id="1")).data["title"] is None


@pytest.mark.faults
def test_a_service_that_goes_silent_is_not_knocked_at_for_every_list(session, sandbox):
    """P9: and the run tries again by itself."""
    connection = connect(sandbox, "clio")
    sandbox.clio.script("*", {"status": 503, "times": 9999})
    number = ask(connection, kind="full").id
    db.session.remove()
    _work(number)

    run = runs.find(number)
    assert (run.state, len(sandbox.clio.requests)) == ("waiting", 1 + 2 * 5)
    assert connections.find(connection).status == "connected"
    sandbox.clio.unscript()
    db.session.execute(text("UPDATE sync_run SET retry_at = '2026-01-01 00:00:00'"))
    db.session.commit()
    db.session.remove()
    _work(number)

    assert runs.find(number).state == "done"
    is_whole(connection, sandbox.clio, "contacts", "matters", "users")
    is_clear(number)
