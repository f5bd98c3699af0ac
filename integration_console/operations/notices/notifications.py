"""Noticing what changed: fine to failing, failing to fine, a person needed, a new kind of error, the day's digest.

Told is a change of state, never a run: how each connection stood is kept, and looked at again every few seconds. A
notice carries the key of its change, unique for each rule, so looking twice tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from ... import clock
from ...errors import ConsoleError
from ...models import Connection, ConnectionStanding, Issue, Notice, NotificationRule, SyncRun, db
from ...models.run import READ
from ...transport.redact import Redactor
from .. import outbound
from ..health import overview
from ..sealed import unseal
from . import digests, lifetimes, notice_words, notices
from .notice_words import Told
from .notification_rules import every, is_quiet

LOOK_BACK = timedelta(hours=1)  # for errors: keys keep them from being told twice
WELL = ("done", "done_with_problems")
FAILED = ("failed", "needs_person")
TELLING = (*WELL, *FAILED)  # an interrupted run says nothing


class Seen(NamedTuple):
    """How reading, or a mapping, stands now."""

    connection: Connection
    lane: str
    state: str
    since: datetime
    run: SyncRun | None  # that shows it; None where the connection itself does


def tell() -> int:
    """The chore: notice what changed, then send what waits; the number of messages sent.

    Nobody is told anything from a restored backup before an administrator lets things flow again.
    """
    if outbound.is_held():
        db.session.rollback()
        return 0
    look(clock.now())
    return notices.send_due(clock.now())


def look(now: datetime) -> int:
    """Make a notice of every change for every rule that asks for it; how many were made."""
    rules = [rule for rule in every() if rule.enabled]
    if not rules:
        db.session.rollback()
        return 0
    told = [*_changes(), *_errors(now), *lifetimes.told(now)]
    made = sum(_keep(rule, [*told, *digests.due(rule, now)], now) for rule in rules)
    db.session.commit()
    return made


# -- how connections stand --------------------------------------------------------------------------------------------


def _changes() -> Iterator[Told]:
    """What stands otherwise than when it was last looked at; the new standing is kept with the notices."""
    before = {(row.connection_id, row.lane): row for row in db.session.scalars(select(ConnectionStanding))}
    for seen in _standings():
        known = before.get((seen.connection.id, seen.lane))
        if known is None:
            known = ConnectionStanding(
                connection_id=seen.connection.id, lane=seen.lane, state="fine", since=seen.connection.created_at
            )
            db.session.add(known)
        if known.state == seen.state:
            continue
        yield from _change(known, seen)
        known.state, known.since = seen.state, seen.since


def _change(known: ConnectionStanding, seen: Seen) -> Iterator[Told]:
    key = f"{seen.state} {seen.lane} {seen.connection.id} {seen.since.isoformat()}"
    if seen.state == "person":
        yield notice_words.needs_person(seen.connection, seen.run, key)
    elif seen.state == "failing" and seen.run:
        yield notice_words.failed(seen.connection, seen.run, key)
    elif seen.run:
        yield notice_words.recovered(seen.connection, seen.run, known.since, key)


def _standings() -> Iterator[Seen]:
    for connection, run in db.session.execute(_last_reads()):
        if connection.status == "needs_reconnect":
            yield Seen(connection, "read", "person", connection.status_since, None)
        elif run is not None:
            yield _shown_by(connection, "read", _failed_still(connection, run) or run)
    for connection, run in db.session.execute(_last_pushes()):
        if connection.status != "needs_reconnect":  # said once, by the connection
            yield _shown_by(connection, f"mapping {run.mapping_id}", run)


def _failed_still(connection: Connection, run: SyncRun) -> SyncRun | None:
    """An earlier read that failed, where this one went well and read other lists, as the dashboard says it."""
    if run.state not in WELL:
        return None
    return next((one for one in overview.unmended(connection, run) if one.state in FAILED), None)


def _shown_by(connection: Connection, lane: str, run: SyncRun) -> Seen:
    state = "fine" if run.state in WELL else "person" if run.state == "needs_person" else "failing"
    return Seen(connection, lane, state, run.ended_at or run.queued_at, run)


def _last_reads():
    """Each living connection with its last run that tells something: one look into an index each."""
    inner = aliased(SyncRun)
    last = (
        select(inner.id)
        .where(inner.connection_id == Connection.id, READ, inner.state.in_(TELLING))
        .order_by(inner.id.desc()).limit(1).correlate(Connection).scalar_subquery()
    )  # fmt: skip
    return (
        select(Connection, SyncRun)
        .outerjoin(SyncRun, SyncRun.id == last)
        .where(Connection.status.in_(("connected", "needs_reconnect")))
    )


def _last_pushes():
    last = select(func.max(SyncRun.id)).where(SyncRun.mapping_id.is_not(None), SyncRun.state.in_(TELLING))
    return (
        select(Connection, SyncRun)
        .join(SyncRun, and_(SyncRun.connection_id == Connection.id, SyncRun.id.in_(last.group_by(SyncRun.mapping_id))))
        .where(Connection.status.in_(("connected", "needs_reconnect")))
    )


# -- errors -----------------------------------------------------------------------------------------------------------


def _errors(now: datetime) -> Iterator[Told]:
    """Issues opened, or come back, of late; but a lost sign-in is told by its connection."""
    lately = now - LOOK_BACK
    fresh = (Issue.state == "open", Issue.last_seen_at > lately, Issue.kind != "connection")
    found = select(Issue, Connection).outerjoin(Connection, Connection.id == Issue.connection_id)
    for issue, connection in db.session.execute(found.where(*fresh)):
        if issue.regressed_at and issue.regressed_at > lately:
            key = f"issue {issue.id} again {issue.regressed_at.isoformat()}"
            yield notice_words.issue(issue, connection, again=True, key=key)
        elif issue.first_seen_at > lately:
            yield notice_words.issue(issue, connection, again=False, key=f"issue {issue.id}")


# -- by rule ----------------------------------------------------------------------------------------------------------


def _keep(rule: NotificationRule, told: Iterable[Told], now: datetime) -> int:
    """Make the notices this rule asks for and does not have yet."""
    mine = [one for one in told if one.event in rule.events and one.at >= rule.since]
    wanted = [one for one in mine if rule.about_id is None or one.connection_id in (rule.about_id, None)]
    known = set(
        db.session.scalars(select(Notice.key).where(Notice.rule_id == rule.id, Notice.key.in_([t.key for t in wanted])))
    )
    new = [one for one in wanted if one.key not in known]
    state = "held" if is_quiet(rule, now) else "waiting"
    for one in new:
        title, text = notice_words.safe(one, rule, _redactor(one.connection_id))
        db.session.add(Notice(
            rule_id=rule.id, event=one.event, key=one.key, connection_id=one.connection_id, title=title, text=text,
            path=one.path, state=state, next_try_at=now, created_at=now, tries=0,
        ))  # fmt: skip
    return len(new)


def _redactor(connection_id: int | None) -> Redactor:
    """Knows what the connection a notice is about must never show."""
    connection = db.session.get(Connection, connection_id) if connection_id else None
    kept: dict[str, Any] = {}
    with suppress(ConsoleError):  # none any more, or no key opens them: that is what people are to be told
        kept = unseal(connection) if connection else {}
    names = ("access_token", "refresh_token", "api_key", "id_token")
    return Redactor([str(kept[name]) for name in names if kept.get(name)])
