"""Looking after our hooks at the services: made, renewed, asked after and taken away, by the worker (H5, H6)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import delete, select, update

from ... import clock, services
from ...errors import Conflict, ConsoleError, Missing, NeedsPerson
from ...models import Connection, WebhookSubscription, db, reading
from ...services.base import Registered
from .. import outbound
from ..accounts import accounts
from ..accounts.accounts import Opened
from ..accounts.hook_secrets import secret_of, set_secret
from ..accounts.subscriptions import BY_HAND, OFF, register, want
from . import gaps

log = structlog.get_logger(__name__)

RENEW_AFTER = 2 / 3  # of a hook's life
LOOK_EVERY = timedelta(hours=1)  # at how the service says our hooks are
EXCHANGE_WITHIN = timedelta(seconds=30)  # then we finish it ourselves, with the secret the service told
TRY_AGAIN = timedelta(minutes=15)
A_TURN_S, CALL_S = 8.0, 8.0  # the clock's other chores wait for us, and a service may not answer


def tend() -> int:
    """Make, renew, look after and take away; how many hooks were seen to. Also mends what a silence of ours missed.

    What there is no time for is seen to the next time; what failed waits meanwhile, so that it keeps no other waiting.
    """
    if current_app.config["SETTINGS"].SANDBOX:
        _register_in_sandbox()
    gaps.mend_silence()
    if outbound.is_held():  # a restored console may not know the hooks it made since
        db.session.rollback()
        return 0
    now, ends, seen = clock.now(), clock.monotonic() + A_TURN_S, 0
    by_connection: dict[int, list[int]] = {}
    with reading():
        hand_made = WebhookSubscription.topic == BY_HAND
        for row in db.session.scalars(select(WebhookSubscription).where(~hand_made)):
            if _is_due(row, now):
                by_connection.setdefault(row.connection_id, []).append(row.id)
        db.session.rollback()
    for connection_id, numbers in by_connection.items():
        if clock.monotonic() > ends:
            break
        try:
            seen += _tend(db.session.get_one(Connection, connection_id), numbers, ends)
        except ConsoleError as error:  # paused, or it needs a person: the others' hooks are none the worse for it
            db.session.rollback()
            log.info("Webhooks were not seen to", connection=connection_id, why=str(error))
            _put_off(numbers, str(error))
    return seen


def _is_due(row: WebhookSubscription, now: datetime) -> bool:
    if row.next_try_at and row.next_try_at > now:
        return False
    if row.state == "asked":
        return row.asked_at + EXCHANGE_WITHIN <= now
    if row.state != "active":
        return True
    return _renewal_due(row, now) or row.looked_at is None or row.looked_at + LOOK_EVERY <= now


def _renewal_due(row: WebhookSubscription, now: datetime) -> bool:
    webhook = services.by_key(row.connection.service).webhook
    life = webhook.registrar.life if webhook and webhook.registrar else None
    if row.expires_at is None or life is None:
        return False
    return now >= row.expires_at - life * (1 - RENEW_AFTER)


def _tend(connection: Connection, numbers: list[int], ends: float) -> int:
    seen = 0
    with accounts.calling(connection, within_s=CALL_S) as opened:
        for number in numbers:
            _tend_one(opened, number)
            seen += 1
            if clock.monotonic() > ends:
                break
    return seen


def _row(number: int) -> WebhookSubscription:
    return db.session.get_one(WebhookSubscription, number)


def _tend_one(opened: Opened, number: int) -> None:
    """One hook. What the service refuses is written beside it; what stops all of them passes on."""
    try:
        _Hand(opened, number).see_to()
    except NeedsPerson:
        raise
    except ConsoleError as error:
        db.session.rollback()
        _put_off([number], str(error))


def _put_off(numbers: list[int], why: str) -> None:
    db.session.execute(
        update(WebhookSubscription)
        .where(WebhookSubscription.id.in_(numbers))
        .values(next_try_at=clock.now() + TRY_AGAIN, message=why)
    )
    unmade = (WebhookSubscription.id.in_(numbers), WebhookSubscription.state.in_(("wanted", "asked")))
    db.session.execute(update(WebhookSubscription).where(*unmade).values(state="failed"))
    db.session.commit()


class _Hand:
    """What is done for one hook, in calls with no transaction open around them."""

    def __init__(self, opened: Opened, number: int) -> None:
        self.opened, self.number = opened, number
        webhook = opened.service.webhook
        if webhook is None or webhook.registrar is None:
            raise Conflict(f"{opened.service.label} lets webhooks be registered only by hand.")
        self.registrar, self.exchange = webhook.registrar, webhook.exchange

    def see_to(self) -> None:
        row, now = _row(self.number), clock.now()
        state, external_id, due = row.state, row.external_id, _renewal_due(row, now)
        over = row.expires_at is not None and row.expires_at <= now
        secret = secret_of(row)
        db.session.rollback()
        if state == "unwanted":
            self._take_away(external_id)
        elif external_id is None or state in ("wanted", "failed", "broken", "expired") or over:
            self._make(external_id, over=over or state in ("broken", "expired"))
        elif due:
            self._heed(external_id, lambda: self.registrar.renew(self.opened.upstream, external_id, now))
        elif state == "asked" and secret:
            self._keep(self.registrar.activate(self.opened.upstream, external_id, secret))
        else:
            self._heed(external_id, lambda: self.registrar.look(self.opened.upstream, external_id))

    def _make(self, old: str | None, *, over: bool) -> None:
        """The row says that an exchange is under way before the service is told to begin it (H6)."""
        if old:
            self._remove(old)
        row = _row(self.number)
        want(row, row.connection, row.asked_by)
        row.state, row.external_id, row.secret, row.old_secret = "asked", None, None, None
        topic, url, connection_id = row.topic, row.url, row.connection_id
        db.session.commit()
        for left in self.registrar.left_there(self.opened.upstream, topic, url):
            self._remove(left)  # made by us before, and forgotten when we died
        made = self.registrar.create(self.opened.upstream, topic, url, clock.now())
        self._keep(made, is_new=True)
        if over:
            gaps.mend(db.session.get_one(Connection, connection_id), "Its webhooks had stopped.")

    def _keep(self, told: Registered, *, is_new: bool = False) -> None:
        """What the service says of a hook wins over what an exchange brought."""
        row = db.session.get_one(WebhookSubscription, self.number, with_for_update=True, populate_existing=True)
        exchanged = is_new and row.secret is not None  # it came before the answer to our own call
        if told.secret:
            set_secret(row, told.secret)
        row.external_id, row.expires_at, row.looked_at, row.next_try_at = (
            told.external_id, told.expires_at, clock.now(), None,
        )  # fmt: skip
        if row.secret and (told.works or exchanged):
            row.state, row.message = "active", None
        elif not (is_new and self.exchange):
            row.state, row.message = "broken", f"The service says: {told.said or 'switched off'}. It is made anew."
        db.session.commit()

    def _heed(self, external_id: str, told: Callable[[], Registered]) -> None:
        """How the service says it is, also at a renewal: a longer life wakes no hook. One that is gone or switched off
        is made anew, and what was missed is read.
        """
        try:
            found = told()
        except Missing:
            found = Registered(external_id, works=False, said="it is gone")
        self._keep(found)
        if not found.works:
            self._make(external_id, over=True)

    def _take_away(self, external_id: str | None) -> None:
        if external_id:
            self._remove(external_id)
        db.session.execute(delete(WebhookSubscription).where(WebhookSubscription.id == self.number))
        db.session.commit()

    def _remove(self, external_id: str) -> None:
        with suppress(Missing):
            self.registrar.remove(self.opened.upstream, external_id)


def _register_in_sandbox() -> None:
    """A newcomer sees changes arrive without looking for the button first; once given up, they stay away."""
    tried = set(db.session.scalars(select(WebhookSubscription.connection_id).distinct()))
    for connection in list(db.session.scalars(select(Connection).where(Connection.status == "connected"))):
        webhook = services.by_key(connection.service).webhook
        if connection.id not in tried and webhook and webhook.registrar and not connection.settings.get(OFF):
            register(connection, by="the sandbox")
    db.session.rollback()
