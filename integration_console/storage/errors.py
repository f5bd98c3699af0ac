"""Failures: as they happened, the issues they group into, and the records that could not be kept (P5)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from hashlib import blake2b, sha256
from typing import Any, Protocol

from sqlalchemy import Case, ColumnElement, and_, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from ..models import Change, DeadLetter, ErrorLog, Issue, IssueNote, SyncRun
from ..models.change import WAITING_STATES
from ..models.record import field_name
from .storable import fitting, without_nul

BY_ITSELF = "the console"  # who resolved an issue whose last record passed
ON_THE_WAY = ("upstream", "rate limit", "connection", "permission")  # kinds of what keeps a list from being read


class Refused(Protocol):
    """A record that came but cannot be kept; see sync.reading.sifting."""

    @property
    def external_id(self) -> str | None: ...
    @property
    def field(self) -> str | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


# -- failures and issues --------------------------------------------------------------------------------------------


def log_failure(
    session: Session, *, connection_id: int | None, run_id: int | None, service: str, resource: str | None, kind: str,
    message: str, raw: str, code: str, field: str | None, now: datetime, transaction_key: str | None = None,
    external_id: str | None = None, title: str | None = None,
) -> int:  # fmt: skip
    """Write one failure down and count it into its issue; the issue's number.

    message: a sentence for people. raw: the upstream's words or our own, redacted. code: what sort of failure it was
    there, the upstream's error code or the path it happened on.
    """
    # Alike means: the same thing to do about it. Two accounts at one service are two things to do.
    fingerprint = _fingerprint(service, connection_id, kind, resource, code, field)
    issue_id = _count(session, now, {
        "fingerprint": fingerprint, "kind": kind, "title": fitting(title or message, 300), "service": service,
        "connection_id": connection_id, "resource": resource, "field": fitting(field, 200),
    })  # fmt: skip
    session.execute(
        insert(ErrorLog).values(
            issue_id=issue_id, connection_id=connection_id, run_id=run_id, transaction_key=transaction_key,
            resource=resource, external_id=fitting(external_id, 200), kind=kind, message=without_nul(message),
            raw_message=without_nul(raw), fingerprint=fingerprint, created_at=now,
        )
    )  # fmt: skip
    return issue_id


def resolve(
    session: Session, *, service: str, connection_id: int | None, kind: str, resource: str | None, code: str,
    now: datetime,
) -> None:  # fmt: skip
    """What was written down so, of no field, is so no longer."""
    fingerprint = _fingerprint(service, connection_id, kind, resource, code, None)
    alike = Issue.fingerprint == fingerprint, Issue.state != "resolved"
    session.execute(update(Issue).where(*alike).values(state="resolved", state_by=BY_ITSELF, state_at=now))


def give_up(
    session: Session, *, service: str, connection_id: int | None, kind: str, resource: str | None, code: str, by: str,
    why: str, now: datetime,
) -> None:  # fmt: skip
    """Nobody finds out any longer whether what was written down so, of no field, still is: closed, with a note why."""
    fingerprint = _fingerprint(service, connection_id, kind, resource, code, None)
    alike = update(Issue).where(Issue.fingerprint == fingerprint, Issue.state != "resolved").returning(Issue.id)
    if number := session.scalar(alike.values(state="resolved", state_by=by, state_at=now)):
        session.add(IssueNote(issue_id=number, author=BY_ITSELF, text=why, at=now))


def told_at(
    session: Session, *, service: str, connection_id: int | None, kind: str, resource: str | None, code: str
) -> datetime | None:
    """When such a failure, of no field, was written down last; None where it never was, or was over by itself since."""
    fingerprint = _fingerprint(service, connection_id, kind, resource, code, None)
    by_a_person = or_(Issue.state != "resolved", Issue.state_by != BY_ITSELF)
    return session.scalar(select(Issue.last_seen_at).where(Issue.fingerprint == fingerprint, by_a_person))


def of_all(message: str, values: Mapping[str, Any]) -> str:
    """What was said, as a title for all that is refused alike: without the values of this one record.

    >>> of_all("It was refused. It says: The name Ana Ruiz is taken.", {"name": "Ana Ruiz", "kind": "name"})
    'It was refused. It says: The name … is taken.'
    """
    ours, says, theirs = message.partition(" It says: ")
    for value in sorted({str(one) for one in values.values() if isinstance(one, str | int)}, key=len, reverse=True):
        if any(sign.isupper() or sign.isdigit() or sign == "@" for sign in value):
            theirs = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", theirs)
    return f"{ours}{says}{theirs}"


def _fingerprint(*parts: object) -> str:
    return sha256("\x1f".join("" if part is None else str(part) for part in parts).encode()).hexdigest()


def _count(session: Session, now: datetime, facts: dict[str, Any]) -> int:
    """Make the issue or count one more into it. One that was resolved is open again, and says so; one that was
    snoozed wakes once its count or its time is reached.
    """
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    resolved = Issue.state == "resolved"
    woken = and_(Issue.state == "snoozed", or_(Issue.count + 1 >= Issue.snoozed_count, Issue.snoozed_until <= now))
    new = dialect.insert(Issue).values(first_seen_at=now, last_seen_at=now, count=1, state="open", **facts)
    again = new.on_conflict_do_update(
        index_elements=[Issue.fingerprint],
        set_={
            "last_seen_at": now,
            "count": Issue.count + 1,
            "title": new.excluded.title,
            "state": _if(resolved | woken, "open", Issue.state),
            "state_by": _if(resolved | woken, None, Issue.state_by),
            "state_at": _if(resolved | woken, now, Issue.state_at),
            "regressed_at": _if(resolved, now, Issue.regressed_at),
            "snoozed_until": _if(woken, None, Issue.snoozed_until),
            "snoozed_count": _if(woken, None, Issue.snoozed_count),
        },
    )
    return session.execute(again.returning(Issue.id)).scalar_one()


def _if(condition: ColumnElement[bool], value: Any, otherwise: Any) -> Case:
    return case((condition, value), else_=otherwise)


# -- dead letters ---------------------------------------------------------------------------------------------------


def keep_dead_letters(
    session: Session, *, connection_id: int, resource: str, run_id: int | None, service: str, label: str,
    refused: Iterable[Refused], now: datetime, call_key: str | None = None,
) -> None:  # fmt: skip
    """Keep records that were refused, with their reason. One that is refused again for the same reason is counted
    on its letter; a new reason, or a new letter, is a new failure.

    label: the service's name for people. call_key: Transaction.call_key of the call they came with.
    """
    letters = {_identity(one): one for one in refused}
    known = _letters(session, connection_id, resource, list(letters))
    for identity, one in letters.items():
        letter, reason = known.get(identity), without_nul(one.reason)
        payload = without_nul(one.payload.decode(errors="replace"))
        issue_id = letter.issue_id if letter else None
        if letter is None or letter.resolved_at is not None or letter.reason != reason:
            issue_id = log_failure(
                session, connection_id=connection_id, run_id=run_id, service=service, resource=resource, kind="value",
                message=reason, raw=payload[:2000], code="refused", field=one.field, now=now,
                external_id=one.external_id, title=_title(label, resource, one.field), transaction_key=call_key,
            )  # fmt: skip
        if letter is None:
            letter = DeadLetter(
                connection_id=connection_id, resource=resource, identity=identity, first_seen_at=now, tries=0
            )
            session.add(letter)
        letter.external_id, letter.field = fitting(one.external_id, 200), fitting(one.field, 200)
        letter.issue_id, letter.run_id, letter.reason, letter.payload = issue_id, run_id, reason, payload
        letter.tries, letter.last_seen_at, letter.resolved_at = letter.tries + 1, now, None
    session.flush()


def _title(label: str, resource: str, field: str | None) -> str:
    what = resource.replace("_", " ")
    return f"{label} {what}: {field_name(field)} cannot be used" if field else f"{label} {what}: records cannot be used"


def _identity(one: Refused) -> str:
    """What a letter is found by: the upstream's id, or a mark of the record itself where it has none."""
    if one.external_id:
        return without_nul(one.external_id)[:200]
    return "#" + blake2b(one.payload, digest_size=16).hexdigest()


def _letters(session: Session, connection_id: int, resource: str, identities: list[str]) -> dict[str, DeadLetter]:
    query = _of(connection_id, resource).where(DeadLetter.identity.in_(identities))
    return {letter.identity: letter for letter in session.scalars(query)}


def open_identities(session: Session, connection_id: int, resources: Collection[str]) -> dict[str, set[str]]:
    """The identities of records that still wait to be kept, by resource."""
    found: dict[str, set[str]] = {resource: set() for resource in resources}
    asked = {"connection": connection_id, "resources": list(found)}
    for resource, identity in session.execute(_OPEN, asked):
        found[resource].add(identity)
    return found


_LETTER: Any = DeadLetter.__table__.c
_OPEN = select(_LETTER.resource, _LETTER.identity).where(  # asked by each run, so put together once
    _LETTER.connection_id == bindparam("connection"), _LETTER.resolved_at.is_(None),
    _LETTER.resource.in_(bindparam("resources", expanding=True)),
)  # fmt: skip


def resolve_dead_letters(
    session: Session, *, connection_id: int, resource: str, identities: Collection[str], now: datetime
) -> None:
    """These records were kept after all. An issue none of whose records wait any longer is resolved with them."""
    open_ones = _of(connection_id, resource).where(
        DeadLetter.identity.in_(identities), DeadLetter.resolved_at.is_(None)
    )
    letters = session.scalars(open_ones).all()
    for letter in letters:
        letter.resolved_at = now
    session.flush()
    waiting = exists().where(DeadLetter.issue_id == Issue.id, DeadLetter.resolved_at.is_(None))
    session.execute(
        update(Issue)
        .where(
            Issue.id.in_({letter.issue_id for letter in letters if letter.issue_id}),
            Issue.state != "resolved",
            ~waiting,
        )
        .values(state="resolved", state_by=BY_ITSELF, state_at=now)
    )


def resolve_read(
    session: Session, *, connection_id: int, resources: Collection[str], in_full: Collection[str], now: datetime
) -> None:
    """These were read or carried to their end: what kept them from it is over. Where refused writes wait, it is not;
    nor where a full read failed, before one comes to its end (in_full): what was deleted shows in no other.
    """
    waiting = exists().where(Change.issue_id == Issue.id, Change.state.in_((*WAITING_STATES, "dead")))
    since = ErrorLog.created_at >= func.coalesce(Issue.regressed_at, Issue.first_seen_at)
    full = exists().where(ErrorLog.issue_id == Issue.id, since, ErrorLog.run_id == SyncRun.id, SyncRun.kind == "full")
    here = Issue.connection_id == connection_id, Issue.resource.in_(resources), Issue.kind.in_(ON_THE_WAY)
    over = update(Issue).where(*here, Issue.state != "resolved", ~waiting, or_(Issue.resource.in_(in_full), ~full))
    session.execute(over.values(state="resolved", state_by=BY_ITSELF, state_at=now))


def resolve_written(
    session: Session, change_id: int, *, link_id: int | None, connection_id: int, now: datetime
) -> None:
    """This write went through, or has nothing left to change. An issue none of whose refused writes waits any longer is
    resolved with it.

    A refused write waits no longer, too, once a later one of its pair went through: that one carried whatever differed.
    """
    earlier = and_(Change.link_id == link_id, Change.connection_id == connection_id, Change.id < change_id)
    mine = or_(Change.id == change_id, earlier) if link_id is not None else Change.id == change_id
    issues = set(session.scalars(select(Change.issue_id).where(Change.issue_id.is_not(None), mine)))
    if not issues:
        return
    later = aliased(Change)
    overtaken = exists().where(
        later.link_id == Change.link_id, later.connection_id == Change.connection_id, later.id > Change.id,
        later.state == "done",
    )  # fmt: skip
    waiting = exists().where(Change.issue_id == Issue.id, Change.state.in_((*WAITING_STATES, "dead")), ~overtaken)
    letters = exists().where(DeadLetter.issue_id == Issue.id, DeadLetter.resolved_at.is_(None))
    session.execute(
        update(Issue)
        .where(Issue.id.in_(issues), Issue.state != "resolved", ~waiting, ~letters)
        .values(state="resolved", state_by=BY_ITSELF, state_at=now)
    )


def _of(connection_id: int, resource: str) -> Any:
    return select(DeadLetter).where(DeadLetter.connection_id == connection_id, DeadLetter.resource == resource)
