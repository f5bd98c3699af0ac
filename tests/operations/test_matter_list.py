"""Lists of matters: one order over several accounts, and an index for the dates."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from integration_console import clock
from integration_console.models import Connection, LimitationRule, Record, db
from integration_console.operations.matters import due_dates, matter_list
from integration_console.operations.matters.matter_list import Wanted
from integration_console.storage import records
from integration_console.storage.counting import Count

from ..storage import rows


@pytest.fixture
def accounts(app, session):
    """Two Clio accounts whose matters were read by turns."""
    both = [rows.connection(session, name) for name in ("Smith & Partners", "Ruiz")]
    for number in range(1, 31):
        keep(session, both[number % 2], number)
    session.commit()
    return both


def keep(session, connection_id: int, number: int) -> None:
    due = (due_dates.today() + timedelta(days=number - 5)).isoformat()
    keep_as(
        session, connection_id, number, status=("Open", "Closed", "Pending")[number % 3],
        statute_of_limitations=number < 20 and {"due_at": due, "status": "complete" if number == 3 else "pending"},
    )  # fmt: skip


def keep_as(session, connection_id: int, number: int, **more) -> None:
    matter = rows.incoming(
        number, name=f"{number:05}-Whitfield", client={"name": f"Client {number}"},
        practice_area={"id": 1, "name": "Immigration" if number % 5 else "Tax"}, **more,
    )  # fmt: skip
    now = clock.now()
    records.keep_page(session, connection_id=connection_id, resource="matters", run_id=None, rows=[matter], now=now)


@contextmanager
def heard(loaded: list[Record]):
    """Which records the session builds meanwhile."""
    db.session.expunge_all()

    def hear(record: Record, _context) -> None:
        loaded.append(record)

    event.listen(Record, "load", hear)
    try:
        yield
    finally:
        event.remove(Record, "load", hear)


def test_matters_of_several_accounts_are_walked_in_one_order_both_ways(accounts):
    every = [row.label for row in matter_list.browse(Wanted(), limit=100)]
    assert every == [f"{number:05}-Whitfield" for number in range(30, 0, -1)]

    top = matter_list.browse(Wanted(), limit=7)
    below = matter_list.browse(Wanted(), before_id=top[-1].id, limit=7)
    above = matter_list.browse(Wanted(), after_id=below[0].id, limit=7)

    assert [row.label for row in [*top, *below]] == every[:14]
    assert above == top


def test_filters_look_at_every_account(accounts):
    assert {row.connection_id for row in matter_list.browse(Wanted(status="open"))} == set(accounts)
    assert [row.label[:5] for row in matter_list.browse(Wanted(area="Tax", status="pending"))] == ["00020", "00005"]
    assert {row.connection_id for row in matter_list.browse(Wanted(connection_id=accounts[0]))} == {accounts[0]}


def test_matters_are_counted_among_the_newest(accounts, monkeypatch):
    def said(**wanted) -> Count:
        return matter_list.count(Wanted(**wanted))

    assert said() == (30, 0)
    assert said(connection_id=accounts[0]) == (15, 0)
    assert (said(status="open"), said(text="Whitfield", area="Tax")) == ((10, 0), (6, 0))
    monkeypatch.setattr(matter_list, "NEWEST", 12)
    assert said(status="open") == (4, 12)
    assert said(status="open", connection_id=accounts[0]) == (4, 12)


def test_near_dates_are_those_of_open_matters_that_are_not_settled(accounts):
    """4 is closed and 3 is settled; of those that have passed 2 is left, 1 being closed, too."""
    assert due_dates.near() == (1, 10, 0)
    assert [one.record.label[:5] for one in due_dates.due(0)] == ["00002", "00005"]
    assert [row.label[:5] for row in matter_list.without(limit=4)[0]] == ["00030", "00029", "00027", "00026"]


def test_a_removed_account_has_no_near_dates(accounts, session):
    session.get_one(Connection, accounts[0]).status = "removed"
    session.commit()
    assert due_dates.near() == (0, 5, 0)
    assert len(due_dates.due(30)) == 5


@pytest.mark.parametrize("to_field", ["statute_of_limitations", "custom:7"])
def test_near_dates_are_walked_page_by_page(accounts, session, to_field):
    session.add(LimitationRule(
        name="Two years", practice_area="Tax", period=2, unit="years", from_field="open_date", to_field=to_field,
        changed_at=clock.now(),
    ))  # fmt: skip
    session.commit()
    seen, after = [], None
    while page := due_dates.due(30, after=after, limit=3):
        assert len(page) <= 3
        seen += [one.record.id for one in page]
        after = page[-1].place

    assert seen == [one.record.id for one in due_dates.due(30)]
    assert len(seen) == 11
    assert due_dates.near() == (1, 10, 0)


def test_a_date_in_a_custom_field_is_near_and_no_other_matter_is_read_for_it(accounts, session):
    """1 to 30 as above; of the others 31 has a day that is settled and a near one in a field, 32 one of last year."""
    session.add(LimitationRule(
        name="Two years", practice_area="Tax", period=2, unit="years", from_field="open_date", to_field="custom:7",
        changed_at=clock.now(),
    ))  # fmt: skip
    today = due_dates.today()
    for number, days, field in ((31, 5, 7), (32, -365, 7), (33, -1, 8), (34, 200, 7), (36, None, 7)):
        said = (today + timedelta(days=days)).isoformat() if days is not None else "soon"
        values = [{"id": "date-1", "value": said, "custom_field": {"id": field}}, {"id": "x", "value": None}]
        settled = {"due_at": (today - timedelta(days=9)).isoformat(), "status": "complete"}
        keep_as(session, accounts[0], number, custom_field_values=values, statute_of_limitations=settled)
    session.commit()
    loaded: list[Record] = []
    with heard(loaded):
        assert due_dates.near() == (2, 11, 0)
    assert not loaded

    with heard(loaded):
        near = due_dates.due(30)
    assert [(one.record.label[:5], one.days) for one in near if one.record.label > "00030"] == [
        ("00032", -365), ("00031", 5),
    ]  # fmt: skip
    assert len(loaded) == 13


def test_what_is_no_date_is_counted_and_listed_as_such(accounts, session):
    """41 says 31 February and nothing else, 42 has a true date beside it."""
    session.add(LimitationRule(
        name="Two years", practice_area="Tax", period=2, unit="years", from_field="open_date", to_field="custom:7",
        changed_at=clock.now(),
    ))  # fmt: skip
    tomorrow = (due_dates.today() + timedelta(days=1)).isoformat()
    values = [{"id": "date-1", "value": "2026-02-31", "custom_field": {"id": 7}}]
    keep_as(session, accounts[0], 41, custom_field_values=values)
    keep_as(session, accounts[0], 42, custom_field_values=values, statute_of_limitations={"due_at": tomorrow})
    session.commit()

    assert due_dates.near() == (1, 10, 2)
    assert len(near := due_dates.due(30)) == 13
    assert [(one.record.label[:5], one.no_date, one.days) for one in near[:2]] == [
        ("00041", "2026-02-31", None), ("00042", "2026-02-31", 1),
    ]  # fmt: skip
    assert [one.record.label[:5] for one in due_dates.due(30, after=near[0].place, limit=1)] == ["00042"]


@pytest.mark.parametrize("ask", [due_dates.near, lambda: due_dates.due(30)])
def test_an_index_knows_the_dates_that_are_near(accounts, ask):
    """It does only as long as the queries have the very words it was made of."""
    plans: list[str] = []
    if db.engine.dialect.name == "postgresql":  # small tables are read whole, and one index is as good as another
        db.session.execute(text("DROP INDEX ix_record_live"))
        db.session.execute(text("SET LOCAL enable_seqscan = off"))

    def explain(connection, cursor, statement, parameters, *_more) -> None:
        if Record.__tablename__ in statement and not statement.startswith("EXPLAIN"):
            how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
            cursor.execute(f"{how} {statement}", parameters)
            plans.append(str(cursor.fetchall()))

    event.listen(db.engine, "before_cursor_execute", explain)
    ask()
    event.remove(db.engine, "before_cursor_execute", explain)
    db.session.rollback()

    assert any("ix_record_matter_due" in plan for plan in plans), plans


def test_more_accounts_than_one_statement_unites_are_listed(accounts, session):
    for number in range(510):
        rows.connection(session, f"Office {number}")
    session.commit()

    assert len(matter_list.browse(Wanted(), limit=100)) == 30
    assert len(matter_list.browse(Wanted(text="whitfield"), limit=100)) == 30
