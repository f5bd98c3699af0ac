"""Every call is in the log exactly once, and the log is searched by its indexes, never by a walk through all of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, text

from integration_console.errors import InvalidInput
from integration_console.models import Transaction
from integration_console.storage import counting, transactions
from integration_console.storage.transactions import Filters, Position, Recorder
from integration_console.transport.call import Attempt

from .rows import NOON

ATTEMPT = Attempt(
    call_key="c1", attempt=1, service="clio", resource="matters", method="GET", host="app.clio.com",
    path_template="/matters", url="https://app.clio.com/api/v4/matters?limit=200", status=200, outcome="ok", error=None,
    started_at=NOON, duration_ms=12.5, waited_ms=0.5, request_bytes=10, response_bytes=2000,
    response_body='{"data": []}',
)  # fmt: skip


def attempt(number=0, **changes):
    return replace(ATTEMPT, call_key=f"c{number}", started_at=NOON + timedelta(seconds=number), **changes)


@pytest.fixture
def log(session):
    """Log these attempts."""

    def log(*attempts, connection_id=1, run_id=1):
        recorder = Recorder(connection_id, run_id, "clio")
        for one in attempts:
            recorder(one)
        recorder.flush(session)
        session.commit()

    return log


def keys(found):
    return [row.call_key for row in found.rows]


# -- recording


def test_an_attempt_is_kept_with_all_it_knows(session, log):
    log(ATTEMPT, connection_id=4, run_id=9)

    row = session.scalars(select(Transaction)).one()
    assert (row.connection_id, row.run_id, row.direction) == (4, 9, "out")
    assert {name: getattr(row, name) for name in Attempt.__dataclass_fields__} == {
        name: getattr(ATTEMPT, name) for name in Attempt.__dataclass_fields__
    }


def test_what_was_flushed_is_not_written_again(session):
    recorder = Recorder(1, 1, "clio")
    recorder(ATTEMPT)

    assert [recorder.flush(session), recorder.flush(session)] == [1, 0]
    session.commit()
    assert recorder.flush(session) == 0


def test_calls_of_a_page_that_was_rolled_back_are_logged_with_the_next(session):
    """P1: the page is lost, its calls were made all the same"""
    recorder = Recorder(1, 1, "clio")
    recorder(attempt(1))
    recorder.flush(session)
    session.rollback()
    recorder(attempt(2))

    assert recorder.flush(session) == 2
    session.commit()
    assert keys(transactions.search(session, Filters())) == ["c2", "c1"]


def test_text_too_long_or_unfit_for_a_column_is_cut_and_cleaned_not_refused(session, log):
    log(replace(ATTEMPT, path_template="/x" * 400, upstream_request_id="i" * 999, response_body="\0PK\0"))

    row = session.scalars(select(Transaction)).one()
    assert (len(row.path_template), len(row.upstream_request_id), row.response_body) == (300, 200, "\ufffdPK\ufffd")


@pytest.mark.parametrize(
    "body", ["two\nlines\r\n\\.\nand \\N", 'a "b", \x01c\x01\x02;\t\\', "", None, "\u2126 \U0001f600"]
)
def test_any_text_comes_back_as_it_was(session, log, body):
    log(replace(ATTEMPT, response_body=body, error=body, body_cut=True, status=None), run_id=None)

    row = session.scalars(select(Transaction)).one()
    assert (row.response_body, row.error, row.body_cut, row.status, row.run_id) == (body, body, True, None, None)


# -- searching


def test_pages_go_down_and_up_again_over_equal_times(session, log):
    log(*(replace(ATTEMPT, call_key=f"c{n}") for n in range(7)))

    top = transactions.search(session, Filters(), limit=3)
    middle = transactions.search(session, Filters(), top.older, limit=3)
    end = transactions.search(session, Filters(), middle.older, limit=3)
    back = transactions.search(session, Filters(), end.newer, limit=3)
    first = transactions.search(session, Filters(), back.newer, limit=3)

    assert [keys(found) for found in (top, middle, end)] == [["c6", "c5", "c4"], ["c3", "c2", "c1"], ["c0"]]
    assert (keys(back), keys(first)) == (keys(middle), keys(top))
    assert (top.newer, end.older, first.newer) == (None, None, None)
    assert top.looked_to is None


FILTERS = {
    "service": Filters(service="ghl"),
    "connection": Filters(connection_id=2),
    "run": Filters(run_id=2),
    "status": Filters(status=404),
    "status class": Filters(status_class=4),
    "unanswered": Filters(unanswered=True),
    "outcome": Filters(outcome="missing"),
    "resource": Filters(resource="bills"),
    "path": Filters(text="/BILLS"),
    "address": Filters(text="id=7"),
    "since": Filters(since=NOON + timedelta(seconds=1)),
    "several": Filters(status=404, outcome="missing", resource="bills", service="ghl", direction="out", text="bill"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_finds_its_calls_and_no_others(session, log, name):
    odd = {
        "service": {"service": "ghl"}, "status": {"status": 404}, "status class": {"status": 499},
        "unanswered": {"status": None}, "outcome": {"outcome": "missing"}, "resource": {"resource": "bills"},
        "path": {"path_template": "/Bills"}, "address": {"url": "https://x/?id=7"},
        "several": {
            "status": 404, "outcome": "missing", "resource": "bills", "service": "ghl", "path_template": "/bills",
        },
    }  # fmt: skip
    log(attempt(0))
    log(attempt(1, **odd.get(name, {})), connection_id=2, run_id=2)

    found = transactions.search(session, FILTERS[name])

    assert keys(found) == ["c1"]
    assert transactions.search(session, replace(FILTERS[name], until=NOON)).rows == []


def test_calls_that_fit_are_counted_as_far_as_is_wanted(session, log, monkeypatch):
    monkeypatch.setattr(counting, "NEWEST", 10)
    log(*(attempt(n, resource="bills" if n % 2 else "matters", status=404 if n < 6 else 200) for n in range(30)))
    place = Position(NOON + timedelta(seconds=25), 26)

    def count(most=100, above=None, **filters):
        return tuple(transactions.count(session, Filters(**filters), most, above))

    assert (count(), count(4)) == ((30, 0), (5, 0))
    assert (count(status=404), count(status_class=4), count(status_class=4, most=2)) == ((6, 0), (6, 0), (3, 0))
    assert count(resource="bills") == (5, 10)  # among the newest ten
    assert count(resource="bills", since=NOON + timedelta(seconds=22)) == (4, 0)
    assert (count(above=place), count(above=place, resource="bills")) == ((4, 0), (2, 0))


def test_calls_that_ended_as_nearly_all_do_are_found_although_no_index_holds_them(session, log):
    log(attempt(0), attempt(1, status=404, outcome="missing"), attempt(2, status=None, outcome="retry"))

    assert keys(transactions.search(session, Filters(status=200))) == ["c0"]
    assert keys(transactions.search(session, Filters(outcome="ok"))) == ["c0"]
    assert keys(transactions.search(session, Filters(status=200, outcome="ok", run_id=1))) == ["c0"]


def test_wildcards_and_nul_in_a_search_mean_themselves(session, log):
    log(attempt(1), attempt(2, url="https://x/100%_sure"))

    assert keys(transactions.search(session, Filters(text="%_s"))) == ["c2"]
    assert keys(transactions.search(session, Filters(text="\0"))) == []


def test_a_search_no_index_knows_stops_early_says_so_and_goes_on(session, log, monkeypatch):
    monkeypatch.setattr(transactions, "LOOKS", (4, 10))
    log(*(attempt(n, resource="bills" if n in (3, 24) else "matters") for n in range(25)))

    first = transactions.search(session, Filters(resource="bills"))
    second = transactions.search(session, Filters(resource="bills"), first.older)
    third = transactions.search(session, Filters(resource="bills"), second.older)

    assert (keys(first), first.looked_to) == (["c24"], NOON + timedelta(seconds=15))
    assert (keys(second), second.looked_to) == ([], NOON + timedelta(seconds=5))
    assert (keys(third), third.looked_to, third.older) == (["c3"], None, None)


def test_a_list_does_not_fetch_what_it_does_not_show(session, log):
    log(ATTEMPT)

    row = transactions.search(session, Filters()).rows[0]

    assert not hasattr(row, "response_body")
    assert transactions.get(session, row.id).response_body == '{"data": []}'


def test_the_attempts_of_one_call_are_found_in_order(session, log):
    log(replace(ATTEMPT, attempt=2, status=200), replace(ATTEMPT, attempt=1, status=503), attempt(9))

    assert [(a.attempt, a.status) for a in transactions.attempts(session, "c1")] == [(1, 503), (2, 200)]


def test_every_search_is_led_by_an_index_however_long_the_log(session, monkeypatch):
    monkeypatch.setattr(transactions, "LOOKS", (20, 50))
    facts = {name: getattr(ATTEMPT, name) for name in Attempt.__dataclass_fields__}
    many = [
        {**facts, "direction": "out", "call_key": f"c{n}", "connection_id": n % 40, "run_id": n // 20,
         "started_at": NOON + timedelta(seconds=n // 3), "status": (200, 200, 200, 404, None)[n % 5],
         "service": ("clio", "ghl", "clockify")[n % 3], "outcome": ("ok", "ok", "missing")[n % 3]}
        for n in range(4000)
    ]  # fmt: skip
    session.execute(insert(Transaction), many)
    session.execute(text("ANALYZE"))
    asked = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *args: asked.append(args[2:4]))

    for filters in (Filters(), Filters(status=200), Filters(outcome="ok"), *FILTERS.values()):
        for newer in (False, True):
            place = Position(NOON + timedelta(seconds=600), 1800, newer)
            transactions.search(session, filters, place, limit=20)
            transactions.count(session, filters, 50, place)
    transactions.count(session, Filters(status_class=4), 50)

    explain = "EXPLAIN QUERY PLAN " if session.get_bind().dialect.name == "sqlite" else "EXPLAIN "
    for statement, values in list(asked):
        plan = "\n".join(str(row) for row in session.connection().exec_driver_sql(explain + statement, values))
        assert "ix_transaction_" in plan, plan
        assert "Seq Scan" not in plan, plan
        assert "SCAN transaction" not in plan, plan
        if "anon_1" not in statement:  # the few that a window leaves may be sorted
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort" not in plan, plan


# -- positions in addresses


def test_a_position_survives_the_address_and_a_forged_one_is_refused():
    position = Position(NOON, 17, True)
    address = transactions.encode(position, "secret")

    assert transactions.decode(address, "secret") == position
    for forged in (address[:-2], "x" + address, transactions.encode(position, "other"), "", "é"):
        with pytest.raises(InvalidInput):
            transactions.decode(forged, "secret")
