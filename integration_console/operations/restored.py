"""What becomes of the rows of a backup when it is put back: nothing in it is alive, and nothing in it may be sent.

Written for tables of any version: only columns that were always there are touched.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, inspect, null, select, update
from sqlalchemy.engine import Connection as Link
from sqlalchemy.exc import SQLAlchemyError

from .. import clock
from ..models import (
    ApiToken,
    AuditEvent,
    Change,
    Checkpoint,
    Connection,
    Heartbeat,
    Invitation,
    Lease,
    OAuthState,
    RecoveryCode,
    RunPart,
    Setting,
    SyncRun,
    User,
    UserSession,
    db,
    reading,
)
from ..models.run import LIVE_STATES
from ..storage import outbound
from . import erased_again

INTERRUPTED = (
    "Interrupted: a backup was restored. What was read until the backup is kept; the next run goes on from it."
)
UNCERTAIN = "Restored from a backup: it is looked up at the other side before anything is sent."


def facts_of_now() -> dict[str, list[Any]]:
    """What a restore must not take back: people shut out or erased, tokens revoked, codes used, credentials renewed.

    Services hand out many refresh tokens for one use only; an old one would cost the connection.
    """
    try:
        with reading(), db.engine.connect() as connection:
            there = set(inspect(connection).get_table_names())
            facts: dict[str, list[Any]] = {
                name: [tuple(row) for row in connection.execute(query)] if table in there else []
                for name, (table, query) in _KEPT.items()
            }
            return facts | {
                "legal holds": erased_again.holds_of_now(connection), "erasures": erased_again.of_now(connection)
            }  # fmt: skip
    except SQLAlchemyError:  # older tables, or a damaged file
        return {name: [] for name in (*_KEPT, "legal holds", "erasures")}


def kept_since(facts: dict[str, list[Any]], backup_at: datetime) -> dict[str, int]:
    """How many of each a restore takes over from now; of erasures those the backup does not know to be done."""
    since = [one for one in facts["erasures"] if one.done_at is None or one.done_at > backup_at]
    return {name: len(found) for name, found in facts.items()} | {"erasures": len(since)}


_KEPT: dict[str, tuple[str, Select]] = {
    "people": (User.__tablename__, select(User.email).where(User.active.is_(False))),
    "tokens": (ApiToken.__tablename__, select(ApiToken.token_hash).where(ApiToken.revoked_at.is_not(None))),
    "recovery codes": (
        RecoveryCode.__tablename__, select(RecoveryCode.code_hash).where(RecoveryCode.used_at.is_not(None)),
    ),
    "credentials": (
        Connection.__tablename__,
        select(
            Connection.id, Connection.key, Connection.credentials, Connection.expires_at, Connection.renewed_at
        ).where(Connection.renewed_at.is_not(None)),
    ),
}  # fmt: skip


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
    for (email,) in facts["people"]:
        link.execute(update(User).where(User.email == email).values(active=False))
    if ApiToken.__tablename__ in there:
        for (token_hash,) in facts["tokens"]:
            mine = (ApiToken.token_hash == token_hash, ApiToken.revoked_at.is_(None))
            link.execute(update(ApiToken).where(*mine).values(revoked_at=clock.now()))
    if RecoveryCode.__tablename__ in there:
        for (code_hash,) in facts["recovery codes"]:
            code = (RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
            link.execute(update(RecoveryCode).where(*code).values(used_at=clock.now()))
    for number, key, credentials, expires_at, renewed_at in facts["credentials"]:
        # Sealed for the row's number: the same account only when number and key agree.
        same = (Connection.id == number, Connection.key == key)
        newer = (Connection.renewed_at.is_(None)) | (Connection.renewed_at < renewed_at)
        values = {"credentials": credentials, "expires_at": expires_at, "renewed_at": renewed_at}
        link.execute(update(Connection).where(*same, newer).values(**values))
    erased_again.hold(link, facts["legal holds"], there)
    erased_again.erase(link, facts["erasures"], there)
