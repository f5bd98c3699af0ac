"""Limitation dates: worked out right, proposed or set, never over a date that is there."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from integration_console import clock as house_clock
from integration_console.errors import Conflict, InvalidInput, NotFound
from integration_console.models import AuditEvent, Change, Connection, LimitationProposal, Record, Transaction, db
from integration_console.operations import settings
from integration_console.operations.matters import due_dates, limitation_rules, limitations, matter_list, matters
from integration_console.operations.matters.limitation_rules import later
from integration_console.operations.matters.matter_fields import LIMITATION

from ..cases import together
from .conftest import connect, sync
from .mapped import keep_only

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


# -- the arithmetic ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "period", "unit", "end"),
    [
        ("2028-02-29", 1, "years", "2029-02-28"),
        ("2028-02-29", 4, "years", "2032-02-29"),
        ("2027-02-28", 1, "years", "2028-02-28"),
        ("2026-01-31", 1, "months", "2026-02-28"),
        ("2028-01-31", 1, "months", "2028-02-29"),
        ("2026-08-31", 18, "months", "2028-02-29"),
        ("2026-12-15", 1, "months", "2027-01-15"),
        ("2026-12-31", 180, "days", "2027-06-29"),
        ("2026-03-01", 2, "years", "2028-03-01"),
    ],
)
def test_periods_end_where_a_calendar_says(start, period, unit, end):
    assert later(date.fromisoformat(start), period, unit).isoformat() == end


@given(DAYS, st.integers(1, 1200))
def test_months_keep_the_day_or_take_the_last_of_the_month(start, months):
    end = later(start, months, "months")
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == start.day or (end.day < start.day and (end + timedelta(days=1)).day == 1)


@given(DAYS, st.integers(1, 100))
def test_years_are_twelve_months_and_only_a_leap_day_moves(start, years):
    end = later(start, years, "years")
    assert end == later(start, years * 12, "months")
    assert (end.month, end.day) == (start.month, start.day) or (start.month, start.day, end.day) == (2, 29, 28)


@given(DAYS, DAYS, st.integers(1, 100), st.sampled_from(["days", "months", "years"]))
def test_what_began_earlier_never_ends_later(one, other, period, unit):
    first, second = sorted((one, other))
    assert later(first, period, unit) <= later(second, period, unit)


def test_beyond_the_calendar_there_is_no_date():
    with pytest.raises(OverflowError):
        later(date(9990, 1, 1), 20, "years")


# -- rules ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clio(app, session, sandbox):
    """An account with one area's matters for the rules to work on."""
    keep_only(sandbox.clio, "matters", 250)  # more than a page, and a score of each area
    number = connect(sandbox, "clio", "Ruiz")
    sync(number, only=["matters", "custom_fields", "practice_areas"], kind="full")
    return number


VALUES = {
    "name": "", "practice_area": "", "jurisdiction": "", "period": "2", "unit": "years", "from_field": "open_date",
    "to_field": "statute_of_limitations", "mode": "propose", "source": "Code 335.1", "enabled": "on",
}  # fmt: skip


def rule(area: str, **values):
    return limitation_rules.save(None, {**VALUES, "practice_area": area, **values}, actor="Ana")


def an_area() -> str:
    return db.session.query(Record).filter_by(resource="practice_areas").order_by(Record.id).first().label


def bare(area: str) -> list[Record]:
    """Open matters of an area without a limitation date."""
    rows = db.session.query(Record).filter_by(resource="matters").order_by(Record.id)
    return [
        row
        for row in rows
        if row.data["practice_area"]["name"] == area and row.data["status"] != "Closed"
        and not (row.data["statute_of_limitations"] or {}).get("due_at")
    ]  # fmt: skip


def proposals(state: str = "proposed") -> list[LimitationProposal]:
    return db.session.query(LimitationProposal).filter_by(state=state).order_by(LimitationProposal.id).all()


def test_every_open_matter_of_the_area_without_a_date_is_proposed_one_once(clio):
    area = an_area()
    made = rule(area.upper())
    assert made.name == f"{area.upper()}: 2 years"
    wanted = bare(area)
    assert limitations.work_out_all() == len(wanted) > 3
    assert limitations.work_out_all() == 0
    found = {one.record_id: one.due_on for one in proposals()}
    assert found == {r.id: later(date.fromisoformat(r.data["open_date"]), 2, "years").isoformat() for r in wanted}
    assert db.session.query(Change).count() == 0


def test_an_accepted_proposal_is_written_with_its_rule_named(clio, sandbox):
    rule(an_area(), name="Two years")
    limitations.work_out_all()
    one = proposals()[0]
    number, due_on = one.id, one.due_on
    record = limitations.accept(number, by="Bo")
    assert matters.plain(record)[LIMITATION] == due_on
    row = db.session.query(Change).one()
    assert (row.state, row.cause, row.asked_by) == ("done", "limitation rule “Two years”", "Bo")
    decided = proposals("set")[0]
    assert (decided.id, decided.decided_by) == (number, "Bo")
    with pytest.raises(Conflict):
        limitations.accept(number, by="Bo")


def test_a_dismissed_proposal_does_not_come_back(clio):
    rule(an_area())
    many = limitations.work_out_all()
    limitations.dismiss(proposals()[0].id, by="Bo")
    assert limitations.work_out_all() == 0
    assert len(proposals()) == many - 1
    with pytest.raises(NotFound):
        limitations.dismiss(999_999, by="Bo")


def test_a_date_that_is_there_is_never_overwritten(clio, sandbox):
    """W5: also one that came to Clio since we read it, also when the rule sets by itself."""
    area = an_area()
    record = bare(area)[0]
    sandbox.clio.put("matters", {"id": int(record.external_id), "statute_of_limitations": {"due_at": "2027-01-02"}})
    rule(area)
    limitations.work_out_all()
    one = next(p for p in proposals() if p.record_id == record.id)
    with pytest.raises(Conflict, match="2 Jan 2027"):
        limitations.accept(one.id, by="Bo")
    assert sandbox.clio.get("tasks", sandbox.clio.get("matters", int(record.external_id))
                            ["statute_of_limitations"]["id"])["due_at"] == "2027-01-02"  # fmt: skip
    assert one.id not in {p.id for p in proposals()}
    assert db.session.query(Change).count() == 0


@pytest.mark.parametrize("moved", ["the matter", "the rule", "the rule is off"])
def test_a_date_that_no_longer_follows_is_not_set(clio, sandbox, moved):
    """W4: what was proposed before the day it counts from, or the period, was corrected."""
    made = rule(area := an_area())
    limitations.work_out_all()
    number, record = proposals()[0].id, db.session.get(Record, proposals()[0].record_id)
    if moved == "the matter":
        sandbox.clio.put("matters", {"id": int(record.external_id), "open_date": "2025-05-31"})
    else:
        changed = {"period": "1"} if moved == "the rule" else {"enabled": ""}
        limitation_rules.save(made, {**VALUES, "practice_area": area, **changed}, actor="Ana")
    opened = date.fromisoformat("2025-05-31" if moved == "the matter" else record.data["open_date"])
    with pytest.raises(Conflict, match="Nothing was written"):
        limitations.accept(number, by="Bo")
    assert db.session.query(Change).count() == 0
    if moved == "the rule is off":
        assert number not in {one.id for one in proposals()}
        return
    due = later(opened, 2 if moved == "the matter" else 1, "years").isoformat()
    assert matters.plain(limitations.accept(number, by="Bo"))[LIMITATION] == due


def test_a_rule_that_sets_sets_and_asks_no_one(clio, sandbox, monkeypatch):
    monkeypatch.setattr(limitations, "SETS_AT_ONCE", 3)
    area = an_area()
    dated = [r for r in db.session.query(Record).filter_by(resource="matters") if r.data["statute_of_limitations"]]
    before = {r.external_id: sandbox.clio.get("matters", int(r.external_id))["statute_of_limitations"] for r in dated}
    rule(area, mode="set", period="90", unit="days")
    many = limitations.work_out_all()
    assert (len(proposals("set")), len(proposals())) == (3, many - 3)
    limitations.work_out_all()
    assert len(proposals("set")) == 6
    assert {one.decided_by for one in proposals("set")} == {"the console"}
    assert {row.cause for row in db.session.query(Change)} == {f"limitation rule “{area}: 90 days”"}
    after = {number: sandbox.clio.get("matters", int(number))["statute_of_limitations"] for number in before}
    assert after == before


def test_what_clio_refuses_waits_for_a_person_and_is_not_tried_again(clio, sandbox, monkeypatch):
    """W4"""
    monkeypatch.setattr(limitations, "SETS_AT_ONCE", 1)
    rule(an_area(), mode="set")
    refusal = {"error": {"type": "UnprocessableEntity", "message": "Due at is too far away"}}
    sandbox.clio.script("/matters/*", {"status": 422, "method": "PATCH", "body": refusal})
    limitations.work_out_all()
    refused = db.session.query(Change).one().record_id
    assert (len(proposals("set")), db.session.query(Change).one().state) == (0, "dead")
    limitations.work_out_all()
    (done,) = proposals("set")
    assert done.record_id != refused
    assert refused in {one.record_id for one in proposals()}


@pytest.mark.parametrize("status", ["paused", "needs_reconnect"])
def test_an_account_that_waits_for_a_person_keeps_no_other_from_its_dates(clio, sandbox, monkeypatch, status):
    """However many of its dates come first."""
    monkeypatch.setattr(limitations, "SETS_AT_ONCE", 1)
    monkeypatch.setattr(limitations, "BATCH", 3)
    other = connect(sandbox, "clio", "Lee")
    sync(other, only=["matters", "custom_fields", "practice_areas"], kind="full")
    db.session.get_one(Connection, clio).status = status
    db.session.commit()
    rule(an_area(), mode="set")

    limitations.work_out_all()

    accounts = [db.session.get_one(Record, one.record_id).connection_id for one in proposals("set")]
    assert accounts == [other]
    assert len({one.record_id for one in proposals()}) > 2 * limitations.BATCH


def test_a_slow_clio_keeps_the_clock_from_nothing_else_for_long(clio, sandbox, monkeypatch):
    """D3"""
    monkeypatch.setattr(limitations, "ROUND_S", 0.2)
    sandbox.clio.script("/matters/*", {"delay_s": 0.3, "through": True, "times": 99})
    rule(an_area(), mode="set")
    limitations.work_out_all()
    assert len(proposals("set")) == 1
    limitations.work_out_all()
    assert len(proposals("set")) == 2


def test_what_a_removed_account_leaves_waits_for_nobody(clio, monkeypatch):
    monkeypatch.setattr(limitations, "BATCH", 3)
    rule(an_area())
    assert limitations.work_out_all() > limitations.BATCH
    db.session.get_one(Connection, clio).status = "removed"
    db.session.commit()

    limitations.work_out_all()

    assert proposals() == []


def test_two_rules_for_one_field_leave_the_choice_to_a_person(clio):
    area = an_area()
    rule(area, mode="set", name="From opening")
    rule(area, mode="set", name="Shorter", period="1")
    limitations.work_out_all()
    assert len(proposals()) == 2 * len(bare(area))
    assert proposals("set") == []
    limitations.accept(proposals()[0].id, by="Bo")
    record_id = proposals("set")[0].record_id
    limitations.work_out_all()
    assert record_id not in {one.record_id for one in proposals()}  # the other is moot


def test_the_firms_jurisdiction_and_the_more_exact_rule_count(clio):
    area = an_area()
    rule(area, name="Anywhere")
    exact = rule(area, name="Here", jurisdiction="California", period="1")
    limitations.work_out_all()
    assert {one.rule_id for one in proposals()} != {exact.id}
    settings.save({"firm.jurisdiction": "california"}, actor="Ana")
    limitations.work_out_all()
    assert {one.rule_id for one in proposals()} == {exact.id}


def test_a_matters_own_jurisdiction_wins_over_the_firms():
    data = {"custom_field_values": [{"field_name": "Jurisdiction", "value": "Ontario", "custom_field": {"id": 9}}]}
    assert limitation_rules.jurisdiction_of(data) == "Ontario"
    chosen = {"field_name": "JURISDICTION", "value": "91", "picklist_option": {"id": 91, "option": "Nevada"}}
    assert limitation_rules.jurisdiction_of({"custom_field_values": [chosen]}) == "Nevada"


def test_a_rule_counts_from_and_writes_to_custom_date_fields(clio, sandbox):
    """ "Date of loss" is custom:2."""
    area = an_area()
    rule(area, from_field="custom:2")
    with_loss = [r for r in bare(area) if limitation_rules.day_in(r.data, "custom:2")]
    assert limitations.work_out_all() == len(with_loss) > 0
    loss = limitation_rules.day_in(db.session.get(Record, proposals()[0].record_id).data, "custom:2")
    assert proposals()[0].due_on == later(loss, 2, "years").isoformat()


def test_a_date_in_a_rules_own_field_is_a_limitation_date_too(clio):
    area = an_area()
    free = [r for r in bare(area) if not limitation_rules.day_in(r.data, "custom:2")]
    rule(area, to_field="custom:2", mode="propose")
    assert limitations.work_out_all() == len(free) < len(bare(area))
    limitations.accept(proposals()[0].id, by="Bo")
    record = db.session.get(Record, proposals("set")[0].record_id)
    assert limitation_rules.limitation_of(record.data, ["custom:2"]).isoformat() == proposals("set")[0].due_on
    assert record.id not in {r.id for r in matter_list.without(limit=900)[0]}


def test_the_audit_log_names_the_field_of_a_rule_by_its_label(clio):
    made, values = rule(area := an_area(), to_field="custom:2"), {**VALUES, "practice_area": area}
    limitation_rules.save(made, values, actor="Ana")

    made_so, changed = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(2)).all()[::-1]
    assert made_so.details["to_field"] == "Date of loss (2)"
    assert changed.details["to_field"] == "Date of loss (2) → statute_of_limitations"


@pytest.mark.parametrize("ending", ["switched off", "removed", "another field"])
def test_a_date_in_a_custom_field_stays_watched_when_its_rule_is(clio, sandbox, ending):
    made, values = rule(area := an_area(), to_field="custom:2"), {**VALUES, "practice_area": area}
    limitations.work_out_all()
    limitations.accept(proposals()[0].id, by="Bo")
    number = proposals("set")[0].record_id
    assert number in {one.record.id for one in due_dates.due(40_000, limit=None)}

    if ending == "removed":
        limitation_rules.remove(made, actor="Ana")
    elif ending == "another field":
        limitation_rules.save(made, values, actor="Ana")
    else:
        limitation_rules.save(made, {**values, "to_field": "custom:2", "enabled": ""}, actor="Ana")

    assert number in {one.record.id for one in due_dates.due(40_000, limit=None)}
    assert number not in {one.id for one in matter_list.without(limit=900)[0]}
    assert sum(due_dates.near()) == len(due_dates.due(30, limit=None))


def test_a_closed_matter_a_moved_date_and_a_rule_switched_off_are_followed(clio):
    area = an_area()
    made = rule(area)
    limitations.work_out_all()
    closed, moved = (db.session.get(Record, one.record_id) for one in proposals()[:2])
    closed.data = {**closed.data, "status": "Closed"}
    moved.data = {**moved.data, "open_date": "2028-02-29"}
    number, gone = moved.id, closed.id
    db.session.commit()
    limitations.work_out_all()
    assert gone not in {one.record_id for one in proposals()}
    assert next(p for p in proposals() if p.record_id == number).due_on == "2030-02-28"
    limitation_rules.save(made, {**VALUES, "practice_area": area, "enabled": ""}, actor="Ana")
    limitations.work_out_all()
    assert proposals() == []


def test_a_lost_sign_in_stops_the_account_and_keeps_what_was_proposed(clio, sandbox):
    """K3"""
    rule(an_area(), mode="set")
    sandbox.clio.revoke()
    many = limitations.work_out_all()
    assert len(proposals()) == many
    assert db.session.query(Transaction).filter_by(method="PATCH").count() == 0


@pytest.mark.one_database
@together(
    "field, value",
    [
        ("practice_area", ""), ("practice_area", "x" * 101), ("period", "0"), ("period", "1.5"), ("period", "101"),
        ("period", "٢"), ("unit", "weeks"), ("from_field", "close_date"), ("from_field", "custom:1"),
        ("to_field", "open_date"), ("to_field", "custom:999"), ("mode", "ask"), ("source", "x" * 2001),
        ("name", "x" * 201), ("jurisdiction", "x" * 101),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_names_its_field(clio, field, value):
    with pytest.raises(InvalidInput) as refused:
        rule(**{"area": "Wills", field: value} if field != "practice_area" else {"area": value})
    assert refused.value.field == field


# -- lists ------------------------------------------------------------------------------------------------------------


def test_what_is_due_is_listed_overdue_first_and_settled_or_closed_ones_not(clio):
    today = due_dates.today()
    found = due_dates.due(90)
    assert found
    assert [one.due_on for one in found] == sorted(one.due_on for one in found)
    assert found[0].days < 0
    assert all(one.due_on <= today + timedelta(days=90) for one in found)
    assert {one.record.data["status"] for one in found} <= {"Open", "Pending"}
    assert all(one.record.data["statute_of_limitations"]["status"] != "complete" for one in found)
    assert [one.record.id for one in due_dates.due(30)] == [one.record.id for one in found if one.days <= 30]


def test_the_matters_without_a_date_are_walked_page_by_page(clio):
    every, end = matter_list.without(limit=900)
    assert end is None
    assert {row.data["status"] for row in every} == {"Open", "Pending"}
    assert not any((row.data["statute_of_limitations"] or {}).get("due_at") for row in every)
    seen, before = [], None
    while True:
        page, before = matter_list.without(before_id=before, limit=100)
        seen += [row.id for row in page]
        if before is None:
            break
    assert seen == [row.id for row in every]


def test_the_day_is_the_firms(clio, clock):
    settings.save({"firm.time_zone": "Pacific/Auckland"}, actor="Ana")
    clock.travel_to(house_clock.now().replace(hour=20, minute=0) + timedelta(days=1))
    assert due_dates.today() == house_clock.now().date() + timedelta(days=1)
