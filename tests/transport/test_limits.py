"""Budgets: shared by threads and processes, steered by headers, never faster than allowed."""

import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integration_console import clock
from integration_console.errors import Cancelled, Parked, Unavailable
from integration_console.transport.call import Call
from integration_console.transport.client import Upstream
from integration_console.transport.limit_headers import LimitHeaders, Seen
from integration_console.transport.limits import Budget, Limit, parse_limits
from integration_console.transport.pacing import SqliteStore, open_store
from tests.processes import processes
from tests.transport.conftest import Harbor, Script, reply

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CLIO = LimitHeaders("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.fixture
def store(database, tmp_path):
    return open_store(database, tmp_path / "limits")


def test_the_calls_a_window_allows_go_at_once_and_the_next_one_waits(store):
    budget = Budget("a", parse_limits("3/0.5"), store)
    began = time.monotonic()

    for _ in range(3):
        budget.wait(deadline_s=0)  # refuses to wait: a slow machine may take its time, but not sleep
    budget.wait()

    assert time.monotonic() - began > 0.5


def test_every_window_is_kept_not_only_the_shortest(store):
    budget = Budget("a", parse_limits("10/0.2,12/3600"), store)
    for _ in range(12):
        budget.wait()

    with pytest.raises(Parked) as parked:
        budget.wait(deadline_s=60)

    assert 3500 < (parked.value.until - clock.now()).total_seconds() < 3700


def test_two_budgets_of_one_key_are_one_and_of_two_keys_are_two(store):
    one, same, other = (Budget(key, parse_limits("2/60"), store) for key in ("a", "a", "b"))
    one.wait()
    same.wait()

    with pytest.raises(Parked):
        one.wait(deadline_s=1)
    assert other.wait(deadline_s=1) < 1000


def test_a_person_who_waits_gets_the_next_turn_before_runs_that_have_waited_longer(store):
    declared, taken, stop = parse_limits("1/0.6"), [], threading.Event()
    Budget("a", declared, store).wait()

    def run():
        budget = Budget("a", declared, store)
        try:
            while True:
                budget.wait(should_stop=stop.is_set)
                taken.append("run")
        except Cancelled:
            return

    runs = [threading.Thread(target=run) for _ in range(4)]
    for one in runs:
        one.start()
    try:
        time.sleep(0.2)
        for _ in range(3):
            before = taken.count("run")
            Budget("a", declared, store, first=True).wait(deadline_s=10)
            assert taken.count("run") == before
            time.sleep(0.01)
        until = time.monotonic() + 10
        while taken.count("run") < 2 and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        stop.set()
        for one in runs:
            one.join(10)

    assert taken.count("run") >= 2  # they go on as soon as nobody waits


def test_who_gives_up_at_a_page_keeps_no_turn_from_a_run(store):
    declared = parse_limits("1/0.6")
    Budget("a", declared, store).wait()
    with pytest.raises(Parked):
        Budget("a", declared, store, first=True).wait(deadline_s=0)

    assert Budget("a", declared, store).wait() < 800


def test_nothing_left_means_nobody_calls_before_the_reset(store):
    one, same = Budget("a", parse_limits("50/10"), store), Budget("a", parse_limits("50/10"), store)
    one.wait()
    one.saw(Seen(limit=50, remaining=0, reset_at=clock.now() + timedelta(seconds=8)))

    for budget in (one, same):
        with pytest.raises(Parked) as parked:
            budget.wait(deadline_s=1)
        assert 7 < (parked.value.until - clock.now()).total_seconds() < 9


@pytest.mark.parametrize("reset", [None, NOW - timedelta(days=3), clock.now() + timedelta(days=300)])
def test_nothing_left_and_an_incredible_reset_means_one_window(store, reset):
    budget = Budget("a", parse_limits("50/10"), store)
    budget.saw(Seen(limit=50, remaining=0, reset_at=reset))

    if reset and reset < clock.now():
        assert budget.wait(deadline_s=1) < 1000
        return
    with pytest.raises(Parked) as parked:
        budget.wait(deadline_s=1)
    assert 9 < (parked.value.until - clock.now()).total_seconds() < 11


@pytest.mark.parametrize(("said", "free"), [(5, 4), (80, 79)])
def test_the_limit_in_the_headers_wins_over_the_declared_one_lower_and_higher(store, said, free):
    budget, same = Budget("a", parse_limits("50/60"), store), Budget("a", parse_limits("50/60"), store)
    budget.wait()
    budget.saw(Seen(limit=said, remaining=said - 1))

    for _ in range(free):
        same.wait(deadline_s=1)
    with pytest.raises(Parked):
        same.wait(deadline_s=1)
    assert same.state()["windows"] == [{"calls": said, "per_s": 60.0, "used": said}]


def test_calls_that_others_make_on_the_account_are_counted_too(store):
    budget = Budget("a", parse_limits("10/60"), store)
    budget.wait()
    budget.saw(Seen(limit=10, remaining=2))  # we made one, somebody else seven

    budget.wait(deadline_s=1)
    budget.wait(deadline_s=1)
    with pytest.raises(Parked):
        budget.wait(deadline_s=1)


def test_slow_down_holds_for_everybody_and_is_never_shortened(store):
    one, same = Budget("a", parse_limits("50/10"), store), Budget("a", parse_limits("50/10"), store)
    one.slow_down(clock.now() + timedelta(seconds=90))
    one.slow_down(clock.now() + timedelta(seconds=5))

    with pytest.raises(Parked) as parked:
        same.wait(deadline_s=60)
    assert (parked.value.until - clock.now()).total_seconds() > 80
    assert same.state()["until"] is not None


def test_a_used_up_day_stops_until_the_day_is_over(store):
    budget = Budget("a", parse_limits("100/10,200000/86400"), store)
    budget.saw(Seen(100, 90, None, 10.0, 200_000, 0, clock.now() + timedelta(hours=3)))

    with pytest.raises(Parked) as parked:
        budget.wait(deadline_s=60)
    assert 2.9 < (parked.value.until - clock.now()).total_seconds() / 3600 < 3.1


def test_waiting_ends_when_told_to_stop(store):
    budget = Budget("a", parse_limits("1/60"), store)
    budget.wait()
    told = threading.Timer(0.3, lambda: stop.append(True))
    stop: list[bool] = []
    told.start()

    with pytest.raises(Cancelled):
        budget.wait(should_stop=lambda: bool(stop))


def test_threads_never_take_more_than_the_window_holds(store):
    taken: deque[float] = deque()  # when each turn was counted, in seconds: a thread may be kept waiting after that
    budget = Budget("a", parse_limits("20/1"), store)

    def take():
        for _ in range(5):
            budget.wait()
            taken.append(budget._turn.ms / 1000)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 40
    assert _most_within(taken, 1.0) <= 20


@pytest.mark.parametrize(("kind", "headers", "per_s"), [("fixed", True, 1.0), ("sliding", False, 0.5)])
def test_two_processes_on_one_account_use_what_is_allowed_and_are_never_refused(
    database, tmp_path, kind, headers, per_s
):
    """P9, G22: against a server that counts for itself; headers tell whole seconds, so that its window there is one."""
    server, window = Script(), ServerWindow(20, per_s, kind, headers)
    server.by = window.answer
    context = processes()
    both_ready = context.Barrier(2)  # a process takes its time to start; the windows begin when both have
    workers = [
        context.Process(target=_call_for, args=(server.url, database, str(tmp_path / "limits"), both_ready, per_s))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    server.close()

    assert [worker.exitcode for worker in workers] == [0, 0]
    assert window.refused == 0
    assert window.allowed >= 30  # both got going; how close to all of it is measured in the benchmarks


class ServerWindow:
    """An upstream's own count."""

    def __init__(self, limit: int, per_s: float, kind: str, headers: bool) -> None:
        self.limit, self.per_s, self.kind, self.headers = limit, per_s, kind, headers
        self.allowed = self.refused = 0
        self._calls: deque[float] = deque()
        self._began = 0.0
        self._lock = threading.Lock()

    def answer(self, request: bytes) -> bytes:
        with self._lock:
            now = time.monotonic()
            if self.kind == "fixed" and now - self._began >= self.per_s:
                self._began = now
                self._calls.clear()
            while self.kind == "sliding" and self._calls and now - self._calls[0] >= self.per_s:
                self._calls.popleft()
            if len(self._calls) >= self.limit:
                self.refused += 1
                return reply(429, Retry_After="1")
            self._calls.append(now)
            self.allowed += 1
            left = self.limit - len(self._calls)
            starts = self._began if self.kind == "fixed" else self._calls[0]
            reset = int(time.time() + starts + self.per_s - now + 1)
        told = {
            "X_RateLimit_Limit": str(self.limit),
            "X_RateLimit_Remaining": str(left),
            "X_RateLimit_Reset": str(reset),
        }
        return reply(**told) if self.headers else reply()


def _call_for(url: str, database: str, folder: str, both_ready, per_s: float, seconds: float = 2.5) -> None:
    budget = Budget("a", (Limit(20, per_s),), open_store(database, Path(folder)))
    calls = Upstream(
        service=Harbor(), base_url=url, settings={}, authorize=dict, budget=budget, insecure=True,
        limit_headers=CLIO, should_stop=lambda: time.monotonic() > ends,
    )  # fmt: skip
    both_ready.wait(50)
    ends = time.monotonic() + seconds

    def run():
        try:
            while True:
                calls.send(Call("GET", "/x"))
        except Cancelled:
            pass

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _most_within(times, per_s: float) -> int:
    times = sorted(times)
    return max(sum(start <= each < start + per_s for each in times) for start in times)


@pytest.mark.parametrize("text", ["", "50", "50/0", "0/60", "a/b", "50/60;1/2", "-5/60", "50/60,"])
def test_a_limit_that_is_none_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is no limit"):
        parse_limits(text)


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "limits").write_text("in the way")

    with pytest.raises(Unavailable, match="cannot be used"):
        SqliteStore(tmp_path / "limits")


def test_what_one_store_keeps_another_finds(database, tmp_path):
    """After a restart, also of the machine's only worker, the window is still full."""
    first = open_store(database, tmp_path / "limits")
    Budget("a", (Limit(1, 60),), first).wait()

    with pytest.raises(Parked):
        Budget("a", (Limit(1, 60),), SqliteStore(tmp_path / "limits") if "sqlite" in database else first).wait(1)


def test_a_call_is_counted_from_its_answer_not_from_its_start(store):
    """G22: a slow way there must not let the next window begin early."""
    budget = Budget("a", parse_limits("1/0.5"), store)
    budget.wait()
    time.sleep(0.3)  # on its way
    budget.landed()

    assert budget.wait() > 400


def test_a_shared_file_is_never_found_locked(tmp_path):
    """D5: a connection stands for a process, and its threads share it; where a question stays open a write fails."""
    stores, refused = [], []

    def hand(store: SqliteStore, key: str) -> None:
        for _ in range(150):
            try:
                store.swap(key, store.read(key)[0], b"row")
            except Unavailable as error:
                refused.append(str(error))

    opening = [threading.Thread(target=lambda: stores.append(SqliteStore(tmp_path / "limits"))) for _ in range(4)]
    for thread in opening:
        thread.start()
    for thread in opening:
        thread.join()
    assert len(stores) == 4
    hands = [
        threading.Thread(target=hand, args=(one, f"{a} {b}")) for a, one in enumerate(stores[:2]) for b in range(3)
    ]
    for thread in hands:
        thread.start()
    for thread in hands:
        thread.join()
    assert refused == []
