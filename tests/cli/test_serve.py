"""`flask serve`: pages and worker come up with one command, are kept alive, and end together."""

import json
import os
import signal
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from integration_console.stand_ins import SANDBOX_LIMITS

from .conftest import end, wait_for

TOLD = "SELECT DISTINCT service FROM delivery WHERE state = 'done'"

pytestmark = [pytest.mark.one_database, pytest.mark.timeout(300)]  # several processes start, one after the other


def test_everything_comes_up_is_kept_alive_and_ends_cleanly(installed, tmp_path):
    """D1, D4: web and worker are processes of their own; a crashed one comes back; SIGTERM ends all in ten seconds."""
    console = installed(url=None, TICK_SECONDS="0.5")
    assert console("db", "upgrade").status == 0
    process = console.starting("serve", "--sandbox-if-new", "--sandbox-alive", "--port", "0", "--json")
    told = json.loads(process.stdout.readline())
    assert len(told["setup_code"]) > 10

    children = wait_for(lambda: _all_of(process.pid), "sandbox, web and worker")
    with urllib.request.urlopen(told["address"] + "/setup") as answer:  # the first page there is
        assert answer.status == 200
        assert not any(letter.isdigit() for letter in answer.headers.get("Server", ""))  # X16: which, but no version

    there = tmp_path / "sandbox.db"
    first = [("done",)] * len(SANDBOX_LIMITS)  # no person asked for them
    wait_for(lambda: _rows(there, "SELECT state FROM sync_run WHERE cause = 'command'") == first, "the first reads")
    by_hand = {"ghl", "slack", "quickbooks", "xero"}  # whose webhooks no API registers
    wait_for(lambda: by_hand <= {row[0] for row in _rows(there, TOLD)}, "what changes by itself to be told")
    sandbox = ("--env-file", tmp_path / "sandbox.env")
    assert {c["service"] for c in console.lines(*sandbox, "connections", "list")} == set(SANDBOX_LIMITS)
    assert console(*sandbox, "connections", "test", 1).status == 0
    for name, place in (("BACKUP_DIR", tmp_path / "sandbox-backups"), ("INSTANCE_DIR", tmp_path)):
        assert f"{name}='{place}'" in (tmp_path / "sandbox.env").read_text()
    assert (tmp_path / "sandbox.env").stat().st_mode & 0o077 == 0
    assert console.lines("connections", "list") == []  # the console's own database is free for other processes

    worker = next(pid for pid, name in children.items() if name == "worker")
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: "worker" in {n for p, n in _children(process.pid).items() if p != worker}, "a new worker")

    children = _children(process.pid)
    ended = end(process, signal.SIGTERM, within_s=10)
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]


def test_the_stand_ins_stay_as_they_were_left_for_as_long_as_the_console_knows_them(installed, tmp_path):
    console, memory = installed(url=None), tmp_path / "sandbox-memory"
    memory.mkdir()
    (memory / "day").write_text("2026-05-04")

    def day_told() -> str:
        process = console.starting("serve", "--sandbox", "--port", "0", "--json")
        assert json.loads(process.stdout.readline())["address"]
        assert end(process, signal.SIGTERM).status == 0
        return (memory / "day").read_text()

    (tmp_path / "sandbox.db").touch()
    assert day_told() == "2026-05-04"
    (tmp_path / "sandbox.db").unlink()
    assert day_told() != "2026-05-04"  # a new console meets a new firm


def test_a_taken_port_is_one_line(installed):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert installed()("serve", "--port", port).failed(f"Port {port}", "--port")


def test_a_key_in_the_environment_is_the_first_connection(installed, upstreams):
    console = installed(upstreams, CLOCKIFY_API_KEY=upstreams.clockify.api_key, GHL_API_KEY="wrong")
    process = console.starting("serve", "--port", "0", "--sandbox-if-new", "--json")
    assert json.loads(process.stdout.readline())["address"].startswith("http://127.0.0.1:")

    assert [c["service"] for c in console.lines("connections", "list")] == ["clockify"]

    ended = end(process, signal.SIGINT)
    assert ended.status == 0
    assert "could not be connected" in ended.err


def _rows(database: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(database)) as there:
        return there.execute(query).fetchall()


def _all_of(pid: int) -> dict[int, str] | None:
    """The three processes; None while one of them is not there, or just between its two names."""
    children = _children(pid)
    return children if sorted(children.values()) == ["sandbox", "web", "worker"] else None


def _children(pid: int) -> dict[int, str]:
    """The processes of a `flask serve` by what they are."""
    # A worker begins as a command and goes on as `-m integration_console`, with the same number.
    names = {"gunicorn": "web", "wsgi.py worker": "worker", "integration_console$": "worker", ".sandbox ": "sandbox"}
    found = {child: word for child, args in _started_by(pid).items() for word in names if word in f"{args}$"}
    return {child: names[word] for child, word in found.items()}


def _started_by(parent: int) -> dict[int, str]:
    """Child processes and their whole command lines, from the system itself: `ps` may be missing, and cuts lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, args = (folder / "status").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue  # it has just ended
        if f"\nPPid:\t{parent}\n" in status and args:  # one that ended and was not fetched yet has no arguments
            found[int(folder.name)] = args.replace("\0", " ").rstrip()
    return found
