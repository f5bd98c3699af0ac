"""SQLite with eight writing processes and fifty page views a second, for ten minutes: nobody sees "locked" (D5)."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from itertools import count
from pathlib import Path
from urllib.parse import urljoin

import pytest
import urllib3

from tests.cli.conftest import HOME, end, wait_for

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
VIEWS_PER_S, READERS = 50, 8
ACCOUNTS = 7
ADDRESSES = (
    "/", "/connections", "/runs", "/records", "/transactions", "/transactions?status=200", "/errors", "/search?q=ruiz",
    "/mappings", "/settings/firm",
)  # fmt: skip


@pytest.mark.faults
@pytest.mark.one_database
@pytest.mark.timeout(SECONDS * 2 + 300)
def test_eight_writers_and_fifty_views_a_second_never_see_a_locked_database(installed, tmp_path):
    """D5: seven reading accounts whole without a pause, and the worker of `flask serve` beside its pages."""
    console = installed(url=None, TICK_SECONDS="1")
    serving = console.starting("serve", "--sandbox", "--sandbox-alive", "--port", "0", "--json")
    told = json.loads(serving.stdout.readline())
    console.environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/sandbox.db"
    wait_for(lambda: _read(console) == ACCOUNTS, "the first reads", 120)
    console("users", "add", "ada@firm.example", "--role", "admin", "--password-stdin", stdin="violet-harbor-lantern-49")
    cookie = _signed_in(told["address"])
    numbers = [connection["id"] for connection in console.lines("connections", "list")]
    where = {**_stand_ins(serving.pid), "PYTHONPATH": str(HOME)}
    # Read without a pause, an account uses up its 5,000 calls of a day within ten minutes, and then waits as it should.
    more = urllib3.request("POST", urljoin(where["XERO_API_URL"], "/__sandbox__/daily_limit"), json={"calls": 10**6})
    assert more.status == 200, more.data

    writers = [console.starting(n, SECONDS, program=("tests.faults.writer",), **where) for n in numbers]
    views = _view(told["address"], cookie)
    said = [writer.communicate(timeout=SECONDS + 120) for writer in writers]
    ended = end(serving, signal.SIGTERM)

    print(views, [out for out, _ in said])
    assert set(views) == {200}, views
    assert views[200] == int(SECONDS * VIEWS_PER_S)
    for out, err in said:
        assert out, err[-2000:]
        assert set(json.loads(out)) == {"done"}, (out, err[-2000:])
    assert "locked" not in ended.err + "".join(err for _, err in said)
    assert console.lines("errors") == []


def _read(console) -> int:
    """How many accounts were read well at least once; the sandbox is alive, so another run is always under way."""
    return len({run["connection_id"] for run in console.lines("runs") if run["state"] == "done"})


def _signed_in(address: str) -> str:
    """The cookie of a browser that has signed in."""
    http = urllib3.PoolManager(retries=False)
    asked = http.request("GET", f"{address}/sign-in")
    token = re.search(r'name="csrf_token" value="([^"]+)"', asked.data.decode())[1]
    form = {"csrf_token": token, "email": "ada@firm.example", "password": "violet-harbor-lantern-49"}
    answer = http.request(
        "POST", f"{address}/sign-in", fields=form, encode_multipart=False, redirect=False,
        headers={"Cookie": _cookie(asked), "Referer": f"{address}/sign-in"},
    )  # fmt: skip
    assert answer.status == 302, answer.data[:500]
    return _cookie(answer)


def _cookie(answer) -> str:
    return "; ".join(line.partition(";")[0] for line in answer.headers.getlist("Set-Cookie"))


def _stand_ins(pid: int) -> dict[str, str]:
    """What `flask serve` handed its worker: where the stand-ins are."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        pairs = Path(f"/proc/{child}/environ").read_text().split("\0")
        found = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        if "CLIO_API_URL" in found:
            return found
    raise AssertionError("no process knows the stand-ins")


def _view(address: str, cookie: str) -> Counter:
    """Fifty page views a second, as even as the answers let them be; how many had which status."""
    statuses: Counter = Counter()
    numbers, lock, began = count(), threading.Lock(), time.monotonic()

    def reader() -> None:
        http = urllib3.PoolManager(headers={"Cookie": cookie}, retries=False)
        while (number := next(numbers)) < SECONDS * VIEWS_PER_S:
            time.sleep(max(0.0, began + number / VIEWS_PER_S - time.monotonic()))
            status = http.request("GET", address + ADDRESSES[number % len(ADDRESSES)], redirect=False).status
            with lock:
                statuses[status] += 1

    threads = [threading.Thread(target=reader) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
