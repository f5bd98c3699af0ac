"""Runs as the Integrations API tells of them: its own ids and words, counts, and how far a run has come.

What it calls a sync is a read of lists; single records and writes are not.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any

from flask import current_app
from sqlalchemy import select

from ... import clock, services
from ...errors import NotFound
from ...models import Connection, RunPart, SyncRun, db
from ...models.run import LIVE_STATES, READ
from ..runs.run_history import sum_of
from . import data_types

WORDS = {
    "queued": "queued", "running": "running", "waiting": "queued", "done": "success", "done_with_problems": "partial",
    "interrupted": "partial", "failed": "failed", "needs_person": "failed",
}  # fmt: skip
NEVER = "never"
_PREFIX = "sync_"


def id_of(run_id: int) -> str:
    """A run's id for programs: its number, and a mark that nobody can make who does not have our key."""
    return f"{_PREFIX}{run_id:x}_{_mark(run_id)}"


def find(connection: Connection, text: str | None) -> SyncRun:
    """The sync of that id, or the latest of the connection. Raises NotFound."""
    query = select(SyncRun).where(SyncRun.connection_id == connection.id, READ)
    if text is not None:
        query = query.where(SyncRun.id == _number(text))
    if run := db.session.scalar(query.order_by(SyncRun.id.desc()).limit(1)):
        return run
    raise NotFound("There is no such sync of this connection.")


def _number(text: str) -> int:
    digits, _, mark = text.removeprefix(_PREFIX).partition("_")
    fits = text.startswith(_PREFIX) and text.isascii() and digits.isalnum() and len(digits) < 16
    try:
        number = int(digits, 16) if fits else 0
    except ValueError:
        number = 0
    if not number or not hmac.compare_digest(mark, _mark(number)):
        raise NotFound("There is no such sync of this connection.")
    return number


def _mark(run_id: int) -> str:
    key = current_app.config["SECRET_KEY"].encode()
    return hmac.digest(key, f"sync:{run_id}".encode(), "sha256").hex()[:20]


def words_of(connections: Iterable[Connection]) -> dict[int, str]:
    """How the last sync of each went: connection number -> a word; one look into an index for each."""
    ids = [connection.id for connection in connections]
    newest = (
        select(SyncRun.id)
        .where(SyncRun.connection_id == Connection.id, READ)
        .order_by(SyncRun.id.desc()).limit(1).correlate(Connection).scalar_subquery()
    )  # fmt: skip
    last = select(newest).select_from(Connection).where(Connection.id.in_(ids)).scalar_subquery()
    rows = db.session.execute(select(SyncRun.connection_id, SyncRun.state).where(SyncRun.id.in_(last))) if ids else ()
    return dict.fromkeys(ids, NEVER) | {number: WORDS[state] for number, state in rows}


def describe(run: SyncRun) -> dict[str, Any]:
    """One sync as the API shows it; times are moments."""
    service, total = services.by_key(run.connection.service), sum_of(run)
    failed = sum(part.state == "failed" for part in run.parts)
    return {
        "id": id_of(run.id), "connectionId": f"conn_{run.connection.key}", "status": WORDS[run.state],
        "syncType": run.kind, "startedAt": run.started_at or run.queued_at, "completedAt": run.ended_at,
        "recordsProcessed": total["seen"], "recordsSynced": total["seen"] - total["refused"],
        "errors": total["refused"] + failed,
        "dataTypes": data_types.names_for(service, [part.resource for part in run.parts]),
        "progress": progress(run),
    }  # fmt: skip


def progress(run: SyncRun) -> dict[str, int | None]:
    """Records read and to be read, as far as anybody knows, and the seconds left at the pace so far."""
    done = sum(part.seen for part in run.parts)
    left = [_expected(part) for part in run.parts]
    expected = None if None in left else sum(count for count in left if count is not None)
    if run.state not in LIVE_STATES:
        percent = 100 if run.state in ("done", "done_with_problems") else _percent(done, expected)
        return {"done": done, "expected": expected, "percent": percent, "etaSeconds": None}
    eta = None
    if run.started_at and done and expected and run.state == "running":
        took_s = (clock.now() - run.started_at).total_seconds()
        eta = max(0, round(took_s / done * (expected - done)))
    return {"done": done, "expected": expected, "percent": _percent(done, expected), "etaSeconds": eta}


def _expected(part: RunPart) -> int | None:
    """What a part will come to; what it came to when it has ended."""
    if part.ended_at or not part.live:
        return part.seen
    known = part.expected if part.expected is not None else part.upstream_count
    return None if known is None else max(known, part.seen)


def _percent(done: int, expected: int | None) -> int | None:
    return None if not expected else min(99, 100 * done // expected)
