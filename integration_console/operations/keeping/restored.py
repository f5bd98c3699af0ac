"""What becomes of the rows of a backup when it is put back: nothing in it is alive, and nothing in it may be sent.

Written for tables of any version: only columns that were always there are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, inspect, null, select, update
from sqlalchemy.engine import Connection as Link
from sqlalchemy.exc import SQLAlchemyError

from ... import clock
from ...models import (
    ApiToken,
    AuditEvent,
    Change,
    Checkpoint,
    Connection,
    Heartbeat,
    Invitation,
    Lease,
    OAuthState,
    RunPart,
    Setting,
    SyncRun,
    UserSession,
    db,
    reading,
)
from ...models.run import LIVE_STATES
from ...storage import outbound
from . import erased_again, people_again

INTERRUPTED = (
    "Interrupted: a backup was restored. What was read until the backup is kept; the next run goes on from it."
)
UNCERTAIN = "Restored from a backup: it is looked up at the other side before anything is sent."


def facts_of_now() -> dict[str, list[Any]]:
    """What a restore must not take back: people's rights and secrets, erasures, tokens ended, credentials renewed.

    Services hand out many refresh tokens for one use only; an old one would cost the connection.
    """
    return {name: _known(read) for name, read in _KEPT.items()}


def _known(read: Callable[[Link], Iterable[Any]]) -> list[Any]:
    """Each for itself: what can be read of a damaged database counts."""
    try:
        with reading(), db.engine.connect() as connection:
            return list(read(connection))
    except SQLAlchemyError:  # older tables, none, or a damaged file
        return []


def kept_since(facts: dict[str, list[Any]], backup_at: datetime) -> dict[str, int]:
    """How many of each a restore takes over from now: of people and tokens those shut out, of codes those used.

    Of erasures those the backup does not know to be done.
    """
    since = [one for one in facts["erasures"] if one.done_at is None or one.done_at > backup_at]
    return {name: len(found) for name, found in facts.items()} | {
        "people": sum(not one.comes_in["active"] for one in facts["people"]),
        "recovery codes": sum(code.used_at is not None for one in facts["people"] for code in one.codes),
        "tokens": sum(revoked_at is not None for _, _, revoked_at in facts["tokens"]),
        "erasures": len(since),
    }


_TOKENS = select(ApiToken.token_hash, ApiToken.expires_at, ApiToken.revoked_at)
_CREDENTIALS = select(
    Connection.id, Connection.key, Connection.credentials, Connection.expires_at, Connection.renewed_at
).where(Connection.renewed_at.is_not(None))
_KEPT: dict[str, Callable[[Link], Iterable[Any]]] = {
    "people": people_again.of_now,
    "tokens": lambda connection: connection.execute(_TOKENS),
    "credentials": lambda connection: connection.execute(_CREDENTIALS),
    "legal holds": erased_again.holds_of_now,
    "erasures": erased_again.of_now,
}


def settle(link: Link, facts: dict[str, list[Any]], now: dict[str, Any]) -> None:
    """Make the rows of a backup fit to be the database again, in the caller's transaction."""
    there = set(inspect(link).get_table_names())
    for table in (Lease, Heartbeat, OAuthState, UserSession, Invitation):  # ended or used since: not to come back
        if table.__tablename__ in there:
            link.execute(delete(table))
    _end_runs(link)
    if Change.__tablename__ in there:
        waiting = Change.state.in_(("pending", "sending", "retry"))
        link.execute(update(Change).where(waiting).values(state="uncertain", retry_at=None, message=UNCERTAIN))
    _take_over(link, facts, there)
    link.execute(delete(Setting).where(Setting.name.startswith("backup.")))  # orders and failures of then
    outbound.pause(link, now)
    link.execute(
        insert(AuditEvent).values(
            at=clock.now(), actor=now["by"], action="backup restored", target=now["backup"], address="",
            details={"backup_at": now["backup_at"]},
        )
    )  # fmt: skip


def _end_runs(link: Link) -> None:
    """Nobody holds a run of then; and a read begun then starts over from its last mark, not from a stale cursor."""
    link.execute(
        update(SyncRun).where(SyncRun.state.in_(LIVE_STATES)).values(
            state="interrupted", ended_at=clock.now(), lease_owner=None, lease_until=None, retry_at=None,
            epoch=SyncRun.epoch + 1, message=INTERRUPTED,
        )
    )  # fmt: skip
    link.execute(
        update(RunPart).where(RunPart.live, RunPart.state.in_(("queued", "running"))).values(state="interrupted")
    )
    link.execute(update(RunPart).where(RunPart.live).values(live=False))
    link.execute(update(Checkpoint).values(cursor=null()))


def _take_over(link: Link, facts: dict[str, list[Any]], there: set[str]) -> None:
    people_again.keep(link, facts["people"], there)
    if ApiToken.__tablename__ in there:
        for token_hash, expires_at, revoked_at in facts["tokens"]:
            same = ApiToken.token_hash == token_hash
            link.execute(update(ApiToken).where(same, ApiToken.expires_at > expires_at).values(expires_at=expires_at))
            if revoked_at:
                link.execute(update(ApiToken).where(same, ApiToken.revoked_at.is_(None)).values(revoked_at=clock.now()))
    for number, key, credentials, expires_at, renewed_at in facts["credentials"]:
        # Sealed for the row's number: the same account only when number and key agree.
        same = (Connection.id == number, Connection.key == key)
        newer = (Connection.renewed_at.is_(None)) | (Connection.renewed_at < renewed_at)
        values = {"credentials": credentials, "expires_at": expires_at, "renewed_at": renewed_at}
        link.execute(update(Connection).where(*same, newer).values(**values))
    erased_again.hold(link, facts["legal holds"], there)
    erased_again.erase(link, facts["erasures"], there)
