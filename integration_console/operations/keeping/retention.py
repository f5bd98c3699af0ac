"""Removing what is past its retention, in small committed steps, so that a killed purge just goes on (D9, X15)."""

from __future__ import annotations

from datetime import datetime, timedelta

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


def purge() -> dict[str, int]:
    """Remove what is past its days; how many rows of each table."""
    now = clock.now()
    removed = _of_calls() | _of_work() | _of_consents(now) | _of_access(now)
    quotas.purge()
    db.session.execute(delete(Throttle).where(Throttle.last_at < now - timedelta(days=1)))
    db.session.execute(delete(Heartbeat).where(Heartbeat.seen_at < now - timedelta(days=1)))
    db.session.commit()
    return {name: count for name, count in removed.items() if count}


def _of_calls() -> dict[str, int]:
    """What was said in API calls, then the calls themselves; what went wrong."""
    old_bodies = and_(
        Transaction.started_at < _oldest("bodies"), legal_holds.free(Transaction),
        or_(Transaction.request_body.is_not(None), Transaction.response_body.is_not(None)),
    )  # fmt: skip
    old_calls = and_(Transaction.started_at < _oldest("transactions"), legal_holds.free(Transaction))
    return {
        "bodies": _in_steps(
            Transaction.id, old_bodies,
            lambda ids: (
                update(Transaction).where(Transaction.id.in_(ids)).values(request_body=None, response_body=None)
            ),
        ),
        "transactions": _in_steps(Transaction.id, old_calls, _calls),
        "errors": _gone(ErrorLog, ErrorLog.created_at < _oldest("errors")),
        "dead_letters": _gone(DeadLetter, DeadLetter.resolved_at < _oldest("errors")),
    }  # fmt: skip


def _of_work() -> dict[str, int]:
    """What has been dealt with: deliveries, runs, notices; what was corrected and previewed."""
    dealt_with = Delivery.state.in_(("done", "ignored", "dead"))
    corrected, previewed = PracticeAreaCorrection.at, PreviewPage.kept_at
    return {
        "deliveries": _gone(Delivery, and_(Delivery.received_at < _oldest("deliveries"), dealt_with)),
        "runs": _gone(SyncRun, and_(SyncRun.ended_at < _oldest("runs"), SyncRun.state.in_(ENDED_STATES))),
        "notices": _gone(Notice, and_(Notice.created_at < _oldest("errors"), Notice.state.in_(("sent", "dead")))),
        "corrections": _gone(
            PracticeAreaCorrection, and_(corrected < _oldest("corrections"), legal_holds.free(PracticeAreaCorrection))
        ),
        "previews": _gone(PreviewPage, and_(previewed < _oldest("bodies"), legal_holds.free(PreviewPage))),
        "webhook_messages": _gone(WebhookMessage, WebhookMessage.ended_at < _oldest("transactions")),
    }


def _of_consents(now: datetime) -> dict[str, int]:
    """Tokens nobody chose an account for, at once; consents and connections nobody finished, later."""
    unchosen = and_(OAuthState.pending.is_not(None), OAuthState.expires_at < now)
    return {
        "choices": _in_steps(
            OAuthState.id, unchosen,
            lambda ids: update(OAuthState).where(OAuthState.id.in_(ids)).values(pending=None, choices=[]),
        ),
        "consents": _gone(OAuthState, OAuthState.expires_at < now - timedelta(days=1)),
        "pending_connections": _gone(PendingConnection, PendingConnection.expires_at < now - timedelta(hours=1)),
    }  # fmt: skip


def _of_access(now: datetime) -> dict[str, int]:
    """Answers kept for programs that ask twice, and sessions of people who have not come back."""
    return {
        "repeatable_calls": _gone(RepeatableCall, RepeatableCall.created_at < now - repeats.KEPT_FOR),
        "sessions": _gone(UserSession, UserSession.last_used_at < now - timedelta(days=30)),
    }


def _oldest(table: str) -> datetime:
    """The moment before which its rows are past their days."""
    return clock.now() - timedelta(days=firm.days_kept(table))


def _gone(table, condition) -> int:
    """Rows that match, but for those of accounts under a legal hold."""
    condition = and_(condition, legal_holds.free(table)) if hasattr(table, "connection_id") else condition
    return _in_steps(table.id, condition, lambda ids: delete(table).where(table.id.in_(ids)))


def _calls(ids):
    """Calls go with what they can be found by."""
    db.session.execute(delete(CallTrace).where(CallTrace.transaction_id.in_(ids)))
    return delete(Transaction).where(Transaction.id.in_(ids))


def _in_steps(column, condition, statement) -> int:
    """Apply a statement to the rows that match, a few hundred a transaction; the number of rows."""
    done = 0
    while ids := list(db.session.scalars(select(column).where(condition).limit(BATCH))):
        db.session.execute(statement(ids))
        db.session.commit()
        done += len(ids)
        if len(ids) < BATCH:
            break
    return done
