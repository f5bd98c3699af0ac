"""Log lines: what a mistake of ours repeats is taken out of them, whatever stands around it (X2)."""

from __future__ import annotations

import json
import logging
from secrets import token_urlsafe

import pytest
import structlog

from integration_console import logs

CANARY, OURS = "n0thing-like-a-key/+", "of-the-installation-7"


@pytest.fixture
def line(capsys):
    """line("said") logs a failure and returns what is read of it."""
    logs.set_up()

    def line(said: str, level: str = "error") -> str:
        getattr(structlog.get_logger(), level)("It failed", said=said)
        return capsys.readouterr().err

    yield line
    logs.know(always=True)


def test_a_secret_this_process_held_is_in_no_failure_told(line):
    assert CANARY in line(CANARY)
    logs.know(CANARY)
    logs.know(OURS, always=True)
    assert "before [redacted]-[redacted] after" in line(f"before {CANARY}-{OURS} after", "warning")
    assert "n0thing" not in line("https://x.example/?q=n0thing-like-a-key%2F%2B")


def test_a_trace_is_no_way_out(line, capsys):
    logs.know(CANARY)
    try:
        raise ValueError(f"no such key: {CANARY}")
    except ValueError:
        structlog.get_logger().exception("It failed")
    said = capsys.readouterr().err
    assert "ValueError: no such key: [redacted]" in said
    assert "n0thing" not in said


def test_what_a_library_warns_of_is_a_line_like_ours(line, capsys):
    """In production a line that is no JSON, and was never redacted, came of each."""
    logs.know(CANARY)
    logs.set_up(production=True)
    theirs = logging.getLogger("apscheduler.scheduler")
    theirs.info("nothing of this")
    theirs.warning("Job %s was skipped", CANARY)
    try:
        raise ValueError(CANARY)
    except ValueError:
        theirs.exception("It failed")
    (ours,) = (one for one in logging.getLogger().handlers if type(one).__module__ == logs.__name__)
    ours.handle(logging.makeLogRecord({"msg": "Job %s of %s", "args": ("one",), "levelno": logging.WARNING}))
    skipped, failed, odd = (json.loads(one) for one in capsys.readouterr().err.splitlines())
    assert (skipped["event"], skipped["level"]) == ("Job [redacted] was skipped", "warning")
    assert skipped["logger"] == "apscheduler.scheduler"
    assert odd["event"] == "Job %s of %s"
    assert failed["exception"].endswith("ValueError: [redacted]")


def test_the_latest_are_known_and_those_of_the_installation_always(line):
    logs.know(OURS, always=True)
    logs.know(CANARY)
    logs.know(*(f"another-secret-{n}" for n in range(logs.LATEST)))
    assert OURS not in line(OURS)
    assert "another-secret-7 " not in line("another-secret-7 ")
    assert CANARY in line(CANARY)


def test_long_traces_and_many_long_secrets_are_no_trouble(line):
    logs.know(*(token_urlsafe(900) for _ in range(logs.LATEST - 1)), CANARY)
    said = line("y" * 20_000 + f" {CANARY} " + "z" * 20_000)
    assert "n0thing" not in said
    assert " [redacted] " in said
