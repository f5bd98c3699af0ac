"""The daily digest: once a local day, how everything stands and what the last day brought."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from ...models import Connection, ConnectionStanding, Issue, NotificationRule, SyncRun, db
from ..accounts.connections import every as every_connection
from ..matters import due_dates
from .notice_words import Told, local

DAY = timedelta(days=1)
LATE = timedelta(hours=12)  # a digest later than this is no longer today's
BAD = ("failed", "needs_person")


def due(rule: NotificationRule, now: datetime) -> Iterator[Told]:
    """Today's, once its time has come. A console that was off at that time sends it late, but only one."""
    here = local(now, rule)
    at = datetime.combine(here.date(), time.fromisoformat(rule.digest_at), ZoneInfo(rule.time_zone))
    if "digest" not in rule.events or not rule.since <= at <= now <= at + LATE:
        return
    connections = [one for one in every_connection() if rule.about_id in (None, one.id)]
    issues, near = _open_issues(), due_dates.near() if rule.about_id is None else due_dates.Near(0, 0, 0)
    lines = list(_lines(connections, issues, rule, now))
    bad = sum(1 for line in lines if line.startswith("! "))
    odd = [f"{bad} of {len(lines)} need attention"] if bad else []
    if near.passed:
        odd.insert(0, f"{_counted(near.passed, 'limitation date')} passed")
    if near.no_date:
        odd.append(f"{_counted(near.no_date, 'limitation date')} not a date")
    ours = issues.get(None, 0) if rule.about_id is None else 0  # of no account, as a backup that failed
    if ours:
        lines.append(f"The console itself: {_counted(ours, 'kind')} of errors open.")
    if not odd and (ours or any(issues.get(one.id) for one in connections)):
        odd.append("problems are open")
    title = f"{here:%A, %d %B}: " + (", ".join(odd) or "all is well")
    if any(near):
        none = f", {near.no_date} not a date" if near.no_date else ""
        lines.insert(0, f"Limitation dates: {near.passed} passed, {near.coming} within 30 days{none}.")
    text = "\n".join(line.removeprefix("! ") for line in lines) or "Nothing is connected."
    yield Told("digest", f"digest {here.date()}", now, rule.about_id, title, text, "/")


def _open_issues() -> dict[int | None, int]:
    """How many problems are open, by connection."""
    query = select(Issue.connection_id, func.count()).where(Issue.state == "open").group_by(Issue.connection_id)
    return dict(db.session.execute(query).all())


def _lines(
    connections: list[Connection], issues: dict[int | None, int], rule: NotificationRule, now: datetime
) -> Iterator[str]:
    runs = _runs_since(now - DAY)
    trouble = {row.connection_id: row.state for row in db.session.scalars(select(ConnectionStanding)) if _is_bad(row)}
    for one in connections:
        good, bad = runs.get(one.id, (0, 0))
        said = f"{_counted(good + bad, 'run')}, {bad} failed" if bad else "no run"
        if good and not bad:
            said = f"{_counted(good, 'run')}, {'all' if good > 1 else 'it'} went well"
        parts = [said, *([f"{_counted(issues[one.id], 'kind')} of errors open"] if issues.get(one.id) else [])]
        if one.status == "paused":
            parts.append("paused")
        elif one.status == "needs_reconnect":
            parts.append("must be reconnected")
        elif one.id in trouble:
            parts.append("waits for a person" if trouble[one.id] == "person" else "fails at the moment")
        if one.last_sync_at:
            parts.append(f"last read {local(one.last_sync_at, rule):%d %b %H:%M %Z}")
        mark = "! " if one.status == "needs_reconnect" or one.id in trouble else ""
        yield f"{mark}{one.name}: {', '.join(parts)}."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"


def _runs_since(since: datetime) -> dict[int, tuple[int, int]]:
    """Runs that ended well, and those that did not, by connection."""
    found: dict[int, tuple[int, int]] = {}
    query = select(SyncRun.connection_id, SyncRun.state, func.count()).where(SyncRun.ended_at > since)
    for number, state, count in db.session.execute(query.group_by(SyncRun.connection_id, SyncRun.state)):
        good, bad = found.get(number, (0, 0))
        found[number] = (good, bad + count) if state in BAD else (good + count, bad)
    return found


def _is_bad(row: ConnectionStanding) -> bool:
    return row.state != "fine"
