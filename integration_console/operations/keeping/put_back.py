"""After a clock that was ahead was put back: what waits for a moment that lies too far ahead is due now.

Every wait has its longest; what waits for longer was told so by that clock and would stand still until its day came,
without a word. The same holds for what is said to have happened already.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import InstrumentedAttribute

from ... import clock
from ...models import (
    Change,
    Checkpoint,
    Connection,
    DataMapping,
    Delivery,
    Heartbeat,
    Notice,
    NotificationRule,
    WebhookMessage,
    WebhookSubscription,
    WebhookTarget,
    db,
)
from ...models.change import WAITING_STATES
from ...transport.meaning import LONGEST_WAIT_S
from ..api import webhook_sending
from ..deliveries import deliveries, tending
from ..notices import notices

log = structlog.get_logger(__name__)

_PAST, _A_WEEK = timedelta(0), timedelta(seconds=LONGEST_WAIT_S)
_TIMES: tuple[tuple[InstrumentedAttribute, timedelta, tuple[ColumnElement[bool], ...]], ...] = (
    # what waits, and for how long at most
    (Change.retry_at, _A_WEEK, (Change.state.in_(WAITING_STATES),)),
    (Notice.next_try_at, _A_WEEK, (Notice.state.in_(notices.UNSENT),)),
    (WebhookMessage.due_at, timedelta(seconds=max(webhook_sending.AFTER_S)),
     (WebhookMessage.state.in_(("pending", "sending")),)),
    (Delivery.next_try_at, timedelta(seconds=max(deliveries.AGAIN_AFTER_S)), (Delivery.state == "waiting",)),
    (WebhookSubscription.next_try_at, tending.TRY_AGAIN, ()),
    # what has been
    (Change.sent_at, _PAST, (Change.state == "sending",)),
    (WebhookSubscription.looked_at, _PAST, ()),
    (WebhookTarget.created_at, _PAST, ()),
    (NotificationRule.since, _PAST, ()),
    (Connection.renewed_at, _PAST, ()),
    (DataMapping.updated_at, _PAST, ()),
    (Checkpoint.last_read_at, _PAST, ()),
    (Checkpoint.last_complete_at, _PAST, ()),
    (Heartbeat.seen_at, _PAST, ()),
)  # fmt: skip


def bring_back() -> int:
    """Let all of it be now; how many rows."""
    now, brought = clock.now(), 0
    for column, longest, which in _TIMES:
        too_late = update(column.class_).where(column > clock.latest() + longest, *which)
        done = db.session.execute(too_late.values({column: now}).execution_options(synchronize_session=False))
        brought += done.rowcount  # type: ignore[attr-defined]
    db.session.commit()
    if brought:
        log.warning("The clock was put back: what waited for a day that lies ahead is due now", rows=brought)
    return brought
