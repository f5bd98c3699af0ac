"""Every night something is read as a whole, and what reads of changes alone had missed is told (P10)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from integration_console.models import Connection, Issue, Record, SyncRun, db
from integration_console.operations.runs import reconcile

from .conftest import carry_out, connect, sync
from .mapped import keep_only


@pytest.fixture
def read(session, sandbox, clock):
    """An account whose contacts and tasks were read; it is two o'clock of the night after."""
    number = connect(sandbox, "clio")
    db.session.execute(update(Connection).values(frequency="hourly"))
    db.session.commit()
    sync(number, kind="full", only=["tasks"])
    clock.advance(minutes=1)
    sync(number, kind="full", only=["contacts"])
    to_the_night(clock)
    return number


def to_the_night(clock) -> None:
    later = (clock.now() + timedelta(hours=36)).date()  # half a day after the last full read, at any hour
    clock.travel_to(datetime(later.year, later.month, later.day, 2, tzinfo=UTC))


def missed(resource: str) -> int:
    """A change of long ago that never came here; the record's number."""
    dated = Record.updated_at.is_not(None)
    number = db.session.scalar(select(Record.id).where(Record.resource == resource, dated).order_by(Record.updated_at))
    db.session.execute(update(Record).where(Record.id == number).values(label="Of then", content_hash=bytes(range(16))))
    db.session.commit()
    return number


def checked() -> SyncRun:
    assert reconcile.due() == 1
    return carry_out(db.session.scalar(select(SyncRun).order_by(SyncRun.id.desc())))


def issues() -> list[tuple[str, str, str]]:
    return [tuple(row) for row in db.session.execute(select(Issue.kind, Issue.resource, Issue.state))]


def test_what_reads_of_changes_missed_is_found_mended_and_told_until_a_check_is_clean(read, clock):
    number = missed("tasks")

    run = checked()

    assert (run.kind, run.cause, run.state) == ("full", "check", "done")
    (part,) = run.parts
    assert (part.resource, part.changed) == ("tasks", 1)  # the longest unread
    assert part.note.startswith(f"1 of {part.seen} tasks were not here as Clio has them")
    assert db.session.get(Record, number).label != "Of then"
    assert issues() == [("drift", "tasks", "open")]
    assert reconcile.due() == 0  # once a night

    to_the_night(clock)
    assert checked().parts[0].resource == "contacts"
    assert issues() == [("drift", "tasks", "open")]
    to_the_night(clock)
    assert checked().parts[0].note is None
    assert issues() == [("drift", "tasks", "resolved")]


@pytest.mark.one_database
def test_a_check_of_a_clock_that_was_ahead_does_not_count(read, clock):
    checked()
    db.session.execute(update(SyncRun).values(queued_at=clock.now() + timedelta(days=400)))
    db.session.commit()

    assert reconcile.due() == 1


@pytest.mark.one_database
def test_a_change_since_the_last_read_is_no_miss(read, clock, sandbox):
    sandbox.clio.put("tasks", {**sandbox.clio.record("tasks", 1), "name": "Just now"})

    assert checked().parts[0].changed == 1
    assert issues() == []


@pytest.mark.one_database
@pytest.mark.parametrize("values", [{"frequency": "manual"}, {"time_zone": "Asia/Tokyo"}, {"status": "paused"}])
def test_nobody_is_checked_by_day_nor_who_is_read_by_hand_only(read, values):
    db.session.execute(update(Connection).values(**values))
    db.session.commit()

    assert reconcile.due() == 0


@pytest.mark.one_database
def test_a_check_that_finds_too_many_gone_marks_none_and_a_person_decides(read, sandbox):
    """P7, P10: nobody is there at night."""
    left = sandbox.clio.ledger()["tasks"] // 2
    live = select(func.count()).select_from(Record).where(Record.resource == "tasks", Record.deleted_at.is_(None))
    there = db.session.scalar(live)
    keep_only(sandbox.clio, "tasks", left)

    run = checked()

    assert (run.state, run.parts[0].deleted, db.session.scalar(live)) == ("needs_person", 0, there)
    assert "Nothing was marked deleted" in run.parts[0].message
    released = sync(read, kind="full", only=["tasks"], release_brake=True)
    assert (released.state, db.session.scalar(live)) == ("done", left)
