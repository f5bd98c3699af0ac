"""Removing what is past its retention, in small committed steps, so that a killed purge just goes on (D9, X15)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select, update

from .. import clock
from ..models import (
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
)  # fmt: skip
from ..models.run import ENDED_STATES
from . import legal_holds, quotas, repeats
from . import settings as firm

BATCH = 500


def purge() -> dict[str, int]:
    """Remove what is past its days; how many rows of each table."""
    now = clock.now()

    def before(table: str) -> datetime:
        return now - timedelta(days=firm.days_kept(table))

    bodies = or_(Transaction.request_body.is_not(None), Transaction.response_body.is_not(None))
    removed = {
        "bodies": _in_steps(
            Transaction.id, and_(Transaction.started_at < before("bodies"), bodies, legal_holds.free(Transaction)),
            lambda ids: (
                update(Transaction).where(Transaction.id.in_(ids)).values(request_body=None, response_body=None)
            ),
        ),
        "transactions": _in_steps(
            Transaction.id, and_(Transaction.started_at < before("transactions"), legal_holds.free(Transaction)), _calls
        ),
        "errors": _gone(ErrorLog, ErrorLog.created_at < before("errors")),
        "dead_letters": _gone(DeadLetter, DeadLetter.resolved_at < before("errors")),
        "deliveries": _gone(
            Delivery,
            and_(Delivery.received_at < before("deliveries"), Delivery.state.in_(("done", "ignored", "dead"))),
        ),
        "runs": _gone(SyncRun, and_(SyncRun.ended_at < before("runs"), SyncRun.state.in_(ENDED_STATES))),
        "notices": _gone(Notice, and_(Notice.created_at < before("errors"), Notice.state.in_(("sent", "dead")))),
        "corrections": _gone(
            PracticeAreaCorrection,
            and_(PracticeAreaCorrection.at < before("corrections"), legal_holds.free(PracticeAreaCorrection)),
        ),
        "previews": _gone(PreviewPage, and_(PreviewPage.kept_at < before("bodies"), legal_holds.free(PreviewPage))),
        "choices": _in_steps(  # tokens nobody chose an account for
            OAuthState.id, and_(OAuthState.pending.is_not(None), OAuthState.expires_at < now),
            lambda ids: update(OAuthState).where(OAuthState.id.in_(ids)).values(pending=None, choices=[]),
        ),
        "consents": _gone(OAuthState, OAuthState.expires_at < now - timedelta(days=1)),
        "pending_connections": _gone(PendingConnection, PendingConnection.expires_at < now - timedelta(hours=1)),
        "repeatable_calls": _gone(RepeatableCall, RepeatableCall.created_at < now - repeats.KEPT_FOR),
        "webhook_messages": _gone(WebhookMessage, WebhookMessage.ended_at < before("transactions")),
        "sessions": _gone(UserSession, UserSession.last_used_at < now - timedelta(days=30)),
    }  # fmt: skip
    quotas.purge()
    db.session.execute(delete(Throttle).where(Throttle.last_at < now - timedelta(days=1)))
    db.session.execute(delete(Heartbeat).where(Heartbeat.seen_at < now - timedelta(days=1)))
    db.session.commit()
    return {name: count for name, count in removed.items() if count}


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
