"""Workers killed while they write: every record is made once, none twice, none forgotten (W2, W3, S4)."""

import random
import time
from collections import Counter

import pytest
from sqlalchemy import func, select

from integration_console.models import Change, RecordLink, SyncRun, db
from integration_console.operations.runs import pushes
from tests.operations.conftest import carry_out, connect, sync
from tests.operations.mapped import keep_only, make_mapping, push, writes

from .conftest import Strike, kill, wait_for

pytestmark = pytest.mark.faults

NEW = 12  # people only GHL knows


@pytest.fixture
def pair(session, sandbox):
    """A location and a firm that agree, and then a dozen new people in the location."""
    keep_only(sandbox.ghl, "contacts", 6)
    keep_only(sandbox.clio, "contacts", 6)
    left, right = connect(sandbox, "ghl"), connect(sandbox, "clio")
    for connection in (left, right):
        sync(connection, kind="full", only=["contacts", "custom_fields"])
    mapping = make_mapping(left, right)
    push(mapping)
    for number in range(NEW):
        sandbox.ghl.put(
            "contacts", {"firstName": f"Nova{number}", "lastName": "Quist", "email": f"nova{number}@example.org"}
        )
    sync(left, only=["contacts"])
    return mapping


def waiting() -> int:
    db.session.rollback()
    open_ones = ("pending", "sending", "retry", "uncertain")
    found = db.session.scalar(select(func.count()).where(Change.state.in_(open_ones)))
    linked = db.session.scalar(select(func.count()).where(RecordLink.state == "linked"))
    db.session.remove()
    return found + (linked < 6 + NEW)


def made_once(sandbox, mapping: int) -> None:
    people = [sandbox.clio.record("contacts", n) for n in sandbox.clio.shelves["contacts"].numbers()]
    names = Counter(one["first_name"] for one in people if (one["first_name"] or "").startswith("Nova"))
    assert names == {f"Nova{number}": 1 for number in range(NEW)}
    states = db.session.execute(select(RecordLink.state, func.count()).group_by(RecordLink.state)).all()
    assert dict(states) == {"linked": 6 + NEW}
    assert set(db.session.scalars(select(Change.state))) <= {"done", "dropped"}
    db.session.rollback()
    before = len(writes(sandbox.clio))
    pushes.nudge(mapping)
    for (number,) in db.session.execute(select(SyncRun.id).where(SyncRun.state == "queued")).all():
        carry_out(db.session.get_one(SyncRun, number))
    assert len(writes(sandbox.clio)) == before


def go_on(workers, monkeypatch, hours: list[int]) -> None:
    """Workers whose clock is past every patience, until nothing waits any more."""
    for _ in range(4):
        hours[0] += 300
        monkeypatch.setenv("CLOCK_OFFSET_SECONDS", str(hours[0]))
        worker = workers(lease_s=1)
        try:
            wait_for(lambda: not waiting(), "everything to be written", 25)
            worker.terminate()
            worker.wait(20)
            return
        except AssertionError:
            kill(worker)
            time.sleep(1.2)  # on PostgreSQL a lease runs by the database's own clock
    raise AssertionError(f"{waiting()} writes still wait")


@pytest.mark.parametrize("after", [False, True], ids=["before the answer", "after the answer"])
@pytest.mark.parametrize("number", [1, 5])
def test_a_worker_killed_around_a_create_makes_nothing_twice(
    session, sandbox, workers, pair, monkeypatch, number, after
):
    worker: list = []
    strike = Strike(sandbox.clio, "/contacts", number + 1, lambda: kill(worker[0]), after=after)
    sandbox.clio.script("*", {"delay_s": 0.05, "through": True, "times": 100_000})
    pushes.nudge(pair)
    db.session.remove()
    worker.append(workers(lease_s=1))

    assert strike.done.wait(40)
    sandbox.clio.unscript()
    time.sleep(1.2)
    go_on(workers, monkeypatch, [0])

    made_once(sandbox, pair)


@pytest.mark.parametrize("ahead_s", [0, 1200])
def test_workers_killed_at_random_while_they_write_lose_and_double_nothing(
    session, sandbox, workers, pair, monkeypatch, ahead_s
):
    """ahead_s: of the services' clocks is ours, so that what was made would seem older than our wish."""
    chance, hours = random.Random(7), [ahead_s]
    monkeypatch.setenv("CLOCK_OFFSET_SECONDS", str(ahead_s))
    sandbox.clio.script("*", {"delay_s": 0.15, "through": True, "times": 100_000})
    pushes.nudge(pair)
    db.session.remove()
    for _ in range(5):
        worker = workers(lease_s=1)
        time.sleep(chance.uniform(1.5, 3.5))
        kill(worker)
        time.sleep(1.2)
        hours[0] += 300
        monkeypatch.setenv("CLOCK_OFFSET_SECONDS", str(hours[0]))

    go_on(workers, monkeypatch, hours)

    made_once(sandbox, pair)
