"""Processes killed at random and at chosen moments: whatever is left goes on, nothing is lost, nothing doubled (S4)."""

import random
import signal
import threading
import time

import pytest
from sqlalchemy import func, select

from integration_console.errors import Conflict
from integration_console.models import Record, SyncRun, db
from integration_console.operations.accounts import connections
from integration_console.operations.runs import runs
from tests.databases import bare_app
from tests.operations.conftest import ask, connect, sync

from .conftest import Strike, kill, wait_for
from .truth import held, is_clear, is_finished, is_whole, there

CLIO = ("users", "matters", "contacts", "tasks")


def asked(connection: int, *resources: str, kind: str = "full") -> int:
    number = ask(connection, kind=kind, only=resources).id
    db.session.remove()
    return number


def state_of(number: int) -> str:
    db.session.rollback()
    found = db.session.scalar(select(SyncRun.state).where(SyncRun.id == number))
    db.session.remove()
    return found


def ended(number: int, seconds: float = 240) -> str:
    """Wait for the end of a run; its state."""
    live = ("queued", "running", "waiting")
    wait_for(lambda: state_of(number) not in live, f"the end of run {number}", seconds)
    return state_of(number)


def until_done(number: int, start, rounds: int, chance: random.Random, longest_s: float) -> int:
    """Start workers and kill each after a while, so many times; the last one may live. How often it struck in time."""
    struck = 0
    for _ in range(rounds):
        worker = start()
        wait_for(lambda: state_of(number) != "queued", "the claim", 90)
        time.sleep(chance.uniform(0.05, longest_s))
        struck += state_of(number) == "running"
        kill(worker)
        if state_of(number) in ("done", "done_with_problems"):
            return struck
        time.sleep(1.1)  # its lease of a second runs out
    worker = start()
    ended(number)
    worker.terminate()
    worker.wait(60)
    return struck


def killed_and_whole(
    sandbox, workers, key: str, resources: tuple[str, ...], rounds: int, seed: int, longest_s: float
) -> None:
    upstream = sandbox.upstreams[key]
    connection = connect(sandbox, key)
    if key != "clio":
        sync(connection, only=[resources[0]])  # what the others hang on
    upstream.script("*", {"delay_s": 0.4 if key == "clockify" else 0.1, "through": True, "times": 100_000})
    number = asked(connection, *resources)

    struck = until_done(number, lambda: workers(lease_s=1), rounds, random.Random(seed), longest_s)

    assert state_of(number) == "done"
    assert struck, "every worker had finished before it was killed; nothing was proved"
    is_whole(connection, upstream, *resources)
    is_clear(number)
    is_finished(connection, *resources)
    upstream.unscript()
    again = sync(connection, kind="full", only=resources)
    assert {(p.new, p.changed, p.deleted) for p in again.parts} == {(0, 0, 0)}


# -- the quick part ---------------------------------------------------------------------------------------------------


def test_a_full_read_whose_workers_are_killed_at_random_is_whole(session, sandbox, workers):
    """S4, P1, D2, D4"""
    killed_and_whole(sandbox, workers, "clio", CLIO, 2, random.randrange(10**6), 1.2)


@pytest.mark.parametrize("after", [False, True], ids=["before the answer", "after the answer"])
@pytest.mark.one_database
def test_a_worker_killed_at_its_third_request_is_followed_by_another_that_goes_on_there(
    session, sandbox, workers, after
):
    """S4, P1: what was committed is not asked for again."""
    connection = connect(sandbox, "clio")
    number = asked(connection, "contacts")
    first = workers(lease_s=1)
    Strike(sandbox.clio, "/contacts", 3, lambda: kill(first), after=after)
    first.wait(90)
    kept = len(held(connection, "contacts"))
    assert kept <= 600
    before = len(sandbox.clio.requests)
    db.session.remove()

    second = workers(lease_s=1)
    assert ended(number) == "done"
    second.terminate()

    left = -(-len(there(sandbox.clio, "contacts")) // 200) - kept // 200
    assert len(sandbox.clio.requests) - before <= left + 1  # the one that was cut may be counted late
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(number)
    is_finished(connection, "contacts")


@pytest.mark.one_database
def test_sigterm_ends_a_worker_within_ten_seconds_though_the_service_is_silent(session, sandbox, workers):
    """D4: the page is dropped, the run is free at once, another goes on from the last page."""
    connection = connect(sandbox, "clio")
    number = asked(connection, "contacts")
    sandbox.clio.script("/contacts*", {"delay_s": 25, "through": True, "after": 2})
    first = workers(lease_s=600)
    wait_for(lambda: len(held(connection, "contacts")) >= 400 or db.session.remove(), "two pages", 90)
    db.session.remove()

    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(15) == 0
    assert time.monotonic() - began < 10
    assert state_of(number) == "queued"

    sandbox.clio.unscript()
    second = workers(lease_s=600)
    assert ended(number) == "done"
    second.terminate()
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(number)


@pytest.mark.faults
@pytest.mark.one_database
def test_sigterm_at_a_page_edge_leaves_the_run_to_the_next_worker(session, sandbox, workers):
    """D4"""
    connection = connect(sandbox, "clio")
    number = asked(connection, "contacts")
    sandbox.clio.script("/contacts*", {"delay_s": 0.5, "through": True, "times": 99})
    first = workers(lease_s=600)
    wait_for(lambda: held(connection, "contacts") or db.session.remove(), "a page", 90)
    db.session.remove()
    first.terminate()
    assert first.wait(10) == 0
    assert state_of(number) == "queued"

    sandbox.clio.unscript()
    workers("--once", lease_s=600).wait(90)

    assert state_of(number) == "done"
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(number)


def test_twenty_who_ask_at_once_get_one_run(session, sandbox, settings):
    """D3"""
    connection = connect(sandbox, "clio")
    db.session.remove()
    gate, got = threading.Barrier(20), []

    def click(app) -> None:
        with app.app_context():
            gate.wait(20)
            try:
                got.append(runs.request(connections.find(connection), only=["users"]).id)
            except Conflict as refused:
                got.append(refused)
            db.session.remove()

    app = bare_app(settings)
    clicks = [threading.Thread(target=click, args=(app,)) for _ in range(20)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join(60)

    numbers = {one for one in got if isinstance(one, int)}
    assert (len(got), len(numbers)) == (20, 1)
    assert {one.run_id for one in got if isinstance(one, runs.LiveRun)} == numbers
    assert db.session.scalar(select(func.count(SyncRun.id))) == 1
    with app.app_context():
        db.engine.dispose()


# -- the long part ----------------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("key", "resources", "longest_s"),
    [
        ("clio", (*CLIO, "activities", "notes"), 2.5),
        ("ghl", ("contacts", "opportunities", "notes", "tasks"), 2.5),
        ("clockify", ("users", "projects", "tasks", "time_entries"), 2.5),
    ],
    ids=["clio", "ghl", "clockify"],
)
def test_many_workers_killed_at_random(session, sandbox, workers, key, resources, longest_s, seed):
    """S4, P1, D2, D4"""
    killed_and_whole(sandbox, workers, key, resources, 6, seed, longest_s)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [1, 2, 5, 8])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_killed_at_the_nth_request(session, sandbox, workers, number, after):
    """S4"""
    connection = connect(sandbox, "clio")
    run = asked(connection, "contacts")
    first = workers(lease_s=1)
    Strike(sandbox.clio, "/contacts", number, lambda: kill(first), after=after)
    wait_for(lambda: first.poll() is not None or state_of(run) == "done", "the kill", 90)
    second = workers(lease_s=1)
    assert ended(run) == "done"
    second.terminate()
    kill(first)

    is_whole(connection, sandbox.clio, "contacts")
    is_clear(run)
    is_finished(connection, "contacts")


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_of_two_workers_the_other_takes_over_when_the_leader_is_killed(session, sandbox, workers, database):
    """D2, D4: within the lease and ten seconds; and the clock goes on."""
    lease_s = 3
    connection = connect(sandbox, "clio")
    number = asked(connection, "contacts")
    sandbox.clio.script("/contacts*", {"delay_s": 1, "through": True, "times": 99})
    both = {worker.pid: worker for worker in (workers(lease_s=lease_s), workers(lease_s=lease_s))}
    wait_for(lambda: held(connection, "contacts") or db.session.remove(), "a page", 90)
    leader = int(runs.find(number).lease_owner.rpartition(":")[2])
    db.session.remove()
    kill(both.pop(leader))
    killed_at = time.monotonic()

    def other_has_it() -> bool:
        db.session.rollback()
        owner = runs.find(number).lease_owner or ""
        db.session.remove()
        return owner.endswith(tuple(f":{pid}" for pid in both))

    wait_for(other_has_it, "the takeover", lease_s + 10)
    assert time.monotonic() - killed_at <= lease_s + 10
    sandbox.clio.unscript()
    assert ended(number) == "done"
    is_whole(connection, sandbox.clio, "contacts")
    is_clear(number)

    connections.set_schedule(connections.find(connection), "* * * * *", "UTC", by="Ana")
    db.session.remove()
    count = select(func.count(SyncRun.id)).where(SyncRun.cause == "schedule")
    wait_for(lambda: db.session.scalar(count) or db.session.remove(), "the next slot", 90)
    db.session.remove()
    for worker in both.values():
        worker.terminate()
        assert worker.wait(15) == 0


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_sync_at_the_terminal_killed_again_and_again_is_finished_by_the_next(session, sandbox, installed, database):
    """S2, D4"""
    connection = connect(sandbox, "clio")
    db.session.remove()
    sandbox.clio.script("*", {"delay_s": 0.1, "through": True, "times": 100_000})
    chance = random.Random(11)
    console = installed(url=database)
    words = ("sync", connection, "--full", *(w for name in CLIO for w in ("--only", name)))
    for _ in range(5):
        process = console.starting(*words)
        before = len(sandbox.clio.requests)
        wait_for(lambda seen=before: len(sandbox.clio.requests) > seen, "a request", 90)
        time.sleep(chance.uniform(0.05, 1.0))
        kill(process)
    sandbox.clio.unscript()

    last = console(*words)

    assert last.status == 0, last.err
    is_whole(connection, sandbox.clio, *CLIO)
    is_clear(*db.session.scalars(select(SyncRun.id)))
    is_finished(connection, *CLIO)
    assert db.session.scalar(select(func.count(Record.id))) == sum(len(there(sandbox.clio, name)) for name in CLIO)
