"""Removing what is past its retention, in small committed steps, so that a killed purge just goes on (D9, X15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from math import inf
from typing import Any

from sqlalchemy import and_, delete, or_, select, update

from ... import clock
from ...models import (
    CallTrace,
    DeadLetter,
    Delivery,
    ErrorLog,
    Heartbeat,
    Notice,
    OAuthState,
    PendingConnection,
    PracticeAreaCorrection,
    PreviewPage,
    RepeatableCall,
    SyncRun,
    Throttle,
    Transaction,
    UserSession,
    WebhookMessage,
    db,
)
from ...models.run import ENDED_STATES
from .. import legal_holds
from .. import settings as firm
from ..api import quotas, repeats

BATCH = 500
A_TURN_S = 10.0  # of work before the clock gets its thread back: a silent one counts as gone after two ticks
Old = tuple[str, Any, Any, Callable[[list[int]], Any]]  # what it is called, its number, which, and what becomes of it

_left = False


def purge(within_s: float = inf) -> dict[str, int]:
    """Remove what is past its days; how many rows of each table.

    within_s: after so many seconds the rest is left to the next one; `is_left` says that there is some.
    """
    global _left
    now, ends, removed = clock.now(), clock.monotonic() + within_s, dict[str, int]()
    for name, column, condition, statement in chain(_of_calls(), _of_work(), _of_consents(now), _of_access(now)):
        removed[name] = _in_steps(column, condition, statement, ends)
        if _left := clock.monotonic() > ends:
            break
    quotas.purge()
    db.session.execute(delete(Throttle).where(Throttle.last_at < now - timedelta(days=1)))
    db.session.execute(delete(Heartbeat).where(Heartbeat.seen_at < now - timedelta(days=1)))
    db.session.commit()
    return {name: count for name, count in removed.items() if count}


def turn() -> dict[str, int]:
    """The chore: so long that runs are asked for, and the worker is heard of, meanwhile."""
    return purge(A_TURN_S)


def is_left() -> bool:
    """Whether the last purge of this process ended before it was through."""
    return _left


def _of_calls() -> Iterator[Old]:
    """API calls, and of those that stay what was said in them; what went wrong."""
    yield "transactions", Transaction.id, _free(Transaction, Transaction.started_at < _oldest("transactions")), _calls
    kept = or_(Transaction.request_body.is_not(None), Transaction.response_body.is_not(None))
    yield (
        "bodies", Transaction.id, _free(Transaction, and_(Transaction.started_at < _oldest("bodies"), kept)),
        lambda ids: update(Transaction).where(Transaction.id.in_(ids)).values(request_body=None, response_body=None),
    )  # fmt: skip
    yield _rows("errors", ErrorLog, ErrorLog.created_at < _oldest("errors"))
    yield _rows("dead_letters", DeadLetter, DeadLetter.resolved_at < _oldest("errors"))


def _of_work() -> Iterator[Old]:
    """What has been dealt with: deliveries, runs, notices; what was corrected and previewed."""
    dealt_with = Delivery.state.in_(("done", "ignored", "dead"))
    yield _rows("deliveries", Delivery, and_(Delivery.received_at < _oldest("deliveries"), dealt_with))
    yield _rows("runs", SyncRun, and_(SyncRun.ended_at < _oldest("runs"), SyncRun.state.in_(ENDED_STATES)))
    yield _rows("notices", Notice, and_(Notice.created_at < _oldest("errors"), Notice.state.in_(("sent", "dead"))))
    corrected = PracticeAreaCorrection.at < _oldest("corrections")
    yield _rows("corrections", PracticeAreaCorrection, _free(PracticeAreaCorrection, corrected))
    yield _rows("previews", PreviewPage, _free(PreviewPage, PreviewPage.kept_at < _oldest("bodies")))
    yield _rows("webhook_messages", WebhookMessage, WebhookMessage.ended_at < _oldest("transactions"))


def _of_consents(now: datetime) -> Iterator[Old]:
    """Tokens nobody chose an account for, at once; consents and connections nobody finished, later."""
    yield (
        "choices", OAuthState.id, and_(OAuthState.pending.is_not(None), OAuthState.expires_at < now),
        lambda ids: update(OAuthState).where(OAuthState.id.in_(ids)).values(pending=None, choices=[]),
    )  # fmt: skip
    yield _rows("consents", OAuthState, OAuthState.expires_at < now - timedelta(days=1))
    yield _rows("pending_connections", PendingConnection, PendingConnection.expires_at < now - timedelta(hours=1))


def _of_access(now: datetime) -> Iterator[Old]:
    """Answers kept for programs that ask twice, and sessions of people who have not come back."""
    yield _rows("repeatable_calls", RepeatableCall, RepeatableCall.created_at < now - repeats.KEPT_FOR)
    yield _rows("sessions", UserSession, UserSession.last_used_at < now - timedelta(days=30))


def _oldest(table: str) -> datetime:
    """The moment before which its rows are past their days."""
    return clock.now() - timedelta(days=firm.days_kept(table))


def _rows(name: str, table: Any, condition: Any) -> Old:
    """Rows that match, but for those of accounts under a legal hold."""
    condition = _free(table, condition) if hasattr(table, "connection_id") else condition
    return name, table.id, condition, lambda ids: delete(table).where(table.id.in_(ids))


def _free(table: Any, condition: Any) -> Any:
    return and_(condition, legal_holds.free(table))


def _calls(ids):
    """Calls go with what they can be found by."""
    db.session.execute(delete(CallTrace).where(CallTrace.transaction_id.in_(ids)))
    return delete(Transaction).where(Transaction.id.in_(ids))


def _in_steps(column: Any, condition: Any, statement: Callable[[list[int]], Any], ends: float) -> int:
    """Apply a statement to the rows that match, a few hundred a transaction; the number of rows."""
    done = 0
    while ids := list(db.session.scalars(select(column).where(condition).limit(BATCH))):
        db.session.execute(statement(ids))
        db.session.commit()
        done += len(ids)
        if len(ids) < BATCH or clock.monotonic() > ends:
            break
    return done
