"""Lists of matters: one order over several accounts, and an index for the dates."""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from integration_console import clock
from integration_console.models import LimitationRule, Record, db
from integration_console.operations import matter_list
from integration_console.operations.matter_list import Wanted
from integration_console.storage import records

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
    due = (matter_list.today() + timedelta(days=number - 5)).isoformat()
    matter = rows.incoming(
        number, name=f"{number:05}-Whitfield", status=("Open", "Closed", "Pending")[number % 3],
        practice_area={"id": 1, "name": "Immigration" if number % 5 else "Tax"}, client={"name": f"Client {number}"},
        statute_of_limitations=number < 20 and {"due_at": due, "status": "complete" if number == 3 else "pending"},
    )  # fmt: skip
    now = clock.now()
    records.keep_page(session, connection_id=connection_id, resource="matters", run_id=None, rows=[matter], now=now)


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


def test_near_dates_are_those_of_open_matters_that_are_not_settled(accounts):
    """4 is closed and 3 is settled; of those that have passed 2 is left, 1 being closed, too."""
    assert matter_list.near() == (1, 10)
    assert [one.record.label[:5] for one in matter_list.due(0)] == ["00002", "00005"]
    assert [row.label[:5] for row in matter_list.without(limit=4)[0]] == ["00030", "00029", "00027", "00026"]


@pytest.mark.parametrize("to_field", ["statute_of_limitations", "custom:7"])
def test_near_dates_are_walked_page_by_page(accounts, session, to_field):
    session.add(LimitationRule(
        name="Two years", practice_area="Tax", period=2, unit="years", from_field="open_date", to_field=to_field,
        changed_at=clock.now(),
    ))  # fmt: skip
    session.commit()
    seen, after = [], None
    while page := matter_list.due(30, after=after, limit=3):
        assert len(page) <= 3
        seen += [one.record.id for one in page]
        after = page[-1].place

    assert seen == [one.record.id for one in matter_list.due(30)]
    assert len(seen) == 11


@pytest.mark.parametrize("ask", [matter_list.near, lambda: matter_list.due(30)])
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
