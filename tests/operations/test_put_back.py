"""A clock that was ahead and is put back: nothing waits for its day, and nothing looks well for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console.models import Change, Heartbeat, Notice, NotificationRule, SyncRun, db
from integration_console.operations.health import health, overview
from integration_console.operations.keeping import put_back
from integration_console.operations.notices import notices
from integration_console.operations.runs import pushes

from .mapped import make_mapping, push, read, small_pair

AHEAD = timedelta(days=400)


@pytest.fixture
def pair(session, sandbox):
    return small_pair(sandbox, 3)


def mapping_runs() -> int:
    db.session.rollback()
    return len(list(db.session.scalars(select(SyncRun.id).where(SyncRun.mapping_id.is_not(None)))))


def test_a_mapping_that_was_carried_then_is_carried_again(session, sandbox, pair, clock):
    mapping = make_mapping(*pair)
    clock.advance(AHEAD.total_seconds())
    read(pair)
    push(mapping)
    clock.advance(-AHEAD.total_seconds())
    before = mapping_runs()
    clock.advance(60)

    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Ravn", "email": "nova@example.org"})
    read(pair)

    assert pushes.due() == 1
    assert mapping_runs() == before + 1


def test_a_write_that_was_told_to_wait_until_then_is_sent(session, sandbox, pair, clock):
    mapping = make_mapping(*pair)
    push(mapping)
    clock.advance(AHEAD.total_seconds())
    sandbox.ghl.put("contacts", {"firstName": "Nova", "lastName": "Ravn", "email": "nova@example.org"})
    read(pair)
    sandbox.clio.script("/contacts", {"method": "POST", "status": 503, "times": 9})
    push(mapping)
    clock.advance(-AHEAD.total_seconds())
    push(mapping)
    newest = select(Change.state).order_by(Change.id.desc()).limit(1)
    assert db.session.scalar(newest) == "uncertain"

    sandbox.clio.unscript()
    put_back.bring_back()
    push(mapping)

    db.session.rollback()
    assert db.session.scalar(newest) == "done"


def test_a_notice_that_waited_for_then_goes_out_and_a_rule_of_then_tells_what_happens_now(session, clock):
    now = clock.now()
    rule = NotificationRule(
        kind="email", place="ada@example.com", events=["issue"], since=now + AHEAD, changed_at=now + AHEAD
    )
    session.add(rule)
    session.flush()
    session.add(Notice(
        rule_id=rule.id, event="issue", key="one", title="An error", text="It happened.", path="/errors/1",
        state="waiting", next_try_at=now + AHEAD, created_at=now, tries=1,
    ))  # fmt: skip
    session.commit()

    assert put_back.bring_back() == 2

    assert rule.since <= clock.now()
    notices.send_due(clock.now())
    (notice,) = notices.latest()
    assert "SMTP_URL" in notice.said
    assert put_back.bring_back() == 0


def test_a_machine_whose_clock_is_minutes_ahead_is_not_taken_for_one_of_then(session, clock):
    session.add(Heartbeat(owner="other", started_at=clock.now(), seen_at=clock.now() + timedelta(minutes=5), chores={}))
    session.commit()

    assert overview.worker_need(health.last_heard()) is None
    assert put_back.bring_back() == 0


def test_a_worker_that_died_then_is_not_said_to_be_alive(session, clock):
    session.add(Heartbeat(owner="old", started_at=clock.now() + AHEAD, seen_at=clock.now() + AHEAD, chores={}))
    session.commit()

    assert overview.worker_need(health.last_heard()) is not None
    assert not any(map(health.is_alive, health.workers()))
    assert {part.name: part.fine for part in health.parts()}["worker"] is False
