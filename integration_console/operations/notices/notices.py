"""The outbox of notices: sent in order for each rule, several at once as one message, again after a failure, once.

A notice whose answer was lost is sent again: better told twice than never. Slack has no key against that; a letter
carries the same Message-ID, so that mail programs show it once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from flask import current_app
from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from ... import clock
from ...errors import Conflict, ConsoleError, Parked
from ...models import Connection, Notice, NotificationRule, db
from ..accounts.accounts import calling
from . import notice_words
from .notice_words import Message
from .notification_rules import is_quiet, where

log = structlog.get_logger(__name__)

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))  # before each further try
HOLD = timedelta(minutes=5)  # a notice in hand for longer was left behind by a process that died
TOO_OLD = timedelta(hours=36)  # to be news; as after a restored backup, or days without a worker
ROUND_S = 8  # the clock's other chores wait for us
CALL_S = 10
TOGETHER = 200  # notices of a rule taken at once
UNSENT = ("waiting", "held", "sending")


def send_due(now: datetime) -> int:
    """Send what waits, rule by rule; the number of messages sent. What is left over goes with the next round."""
    _give_up_old(now)
    due = select(Notice.rule_id, func.min(Notice.next_try_at)).where(_is_due(now)).group_by(Notice.rule_id)
    rules = [rule_id for rule_id, _ in db.session.execute(due.order_by(func.min(Notice.next_try_at)))]
    db.session.commit()
    ends, sent = clock.monotonic() + ROUND_S, 0
    for rule_id in rules:
        if clock.monotonic() > ends:
            break
        sent += _send_of(rule_id, now)
    return sent


def latest(limit: int = 50) -> list[Notice]:
    """The last notices, newest first."""
    query = select(Notice).options(joinedload(Notice.rule)).order_by(Notice.id.desc()).limit(limit)
    return list(db.session.scalars(query))


def send_test(rule: NotificationRule, *, by: str) -> Notice:
    """Send a test message now, also in quiet hours; the notice tells what came of it."""
    now = clock.now()
    firm = current_app.config["SETTINGS"].BASE_URL
    notice = Notice(
        rule_id=rule.id, event="test", key=f"test {secrets.token_hex(8)}", title="This is a test",
        text=f"{by} tries out whether notifications arrive here. The console is at {firm}.",
        path="/settings/notifications", state="sending", next_try_at=now + HOLD, created_at=now, tries=0,
    )  # fmt: skip
    db.session.add(notice)
    db.session.commit()
    number = notice.id
    _deliver_and_note(rule.id, [number], final=True)
    return db.session.get_one(Notice, number)


# -- one rule ---------------------------------------------------------------------------------------------------------


def _send_of(rule_id: int, now: datetime) -> int:
    """Send all that waits for one rule as one message; 1 when it went out."""
    rule = db.session.get(NotificationRule, rule_id)
    if rule is None:
        return 0
    if is_quiet(rule, now):
        _hold(rule_id)
        return 0
    return int(_deliver_and_note(rule_id, _take(rule_id, now)))


def _give_up_old(now: datetime) -> None:
    old = (Notice.state.in_(UNSENT), Notice.created_at < now - TOO_OLD)
    db.session.execute(update(Notice).where(*old).values(state="dead", said="It was too old to be told."))


def _is_due(now: datetime):
    return Notice.state.in_(UNSENT) & (Notice.next_try_at <= now)


def _hold(rule_id: int) -> None:
    waiting = (Notice.rule_id == rule_id, Notice.state == "waiting")
    db.session.execute(update(Notice).where(*waiting).values(state="held"))
    db.session.commit()


def _take(rule_id: int, now: datetime) -> list[int]:
    """Claim the notices: of two processes one gets each."""
    due = select(Notice.id).where(Notice.rule_id == rule_id, _is_due(now)).order_by(Notice.id).limit(TOGETHER)
    taken = db.session.execute(
        update(Notice)
        .where(Notice.id.in_(list(db.session.scalars(due))), _is_due(now))
        .values(state="sending", next_try_at=now + HOLD)
        .returning(Notice.id)
    )
    ids = sorted(taken.scalars())
    db.session.commit()
    return ids


def _deliver_and_note(rule_id: int, ids: list[int], *, final: bool = False) -> bool:
    """Send the notices of these numbers as one message and keep what came of it."""
    if not ids:
        return False
    rule = db.session.get_one(NotificationRule, rule_id)
    batch = list(db.session.scalars(select(Notice).where(Notice.id.in_(ids)).order_by(Notice.id)))
    quiet = any(is_quiet(rule, one.created_at) for one in batch)
    base_url = current_app.config["SETTINGS"].BASE_URL
    message = notice_words.message(batch, rule, base_url=base_url, after_quiet=quiet)
    try:
        said = _deliver(rule, message, batch)
    except ConsoleError as error:
        db.session.rollback()
        _failed(ids, error, final=final)
        return False
    except Exception as error:  # one rule's trouble must not keep the others from being told
        db.session.rollback()
        log.exception("A notice could not be sent", rule=rule_id)
        _failed(ids, ConsoleError(f"The console made a mistake here ({type(error).__name__})."), final=final)
        return False
    _sent(ids, said, message)
    return True


def _deliver(rule: NotificationRule, message: Message, batch: Sequence[Notice]) -> str:
    """Hand the message over; what came of it, in words."""
    if rule.kind == "email":
        return _mail(rule.place, message, key=f"notice-{batch[0].id}-{len(batch)}")
    connection = db.session.get(Connection, rule.connection_id) if rule.connection_id else None
    if connection is None:
        raise Conflict("The connection it speaks through is gone.")
    place, told = rule.place, where(rule)
    with calling(connection, within_s=CALL_S) as opened:  # budgeted, recorded and redacted as every other call
        ts = opened.service.post(opened.upstream, place, message.text, message.blocks)
    return f"Posted to {told} ({ts})."


def _mail(address: str, message: Message, *, key: str) -> str:
    from ...transport import mail  # a megabyte of Python's own parsers, where a mail server is set up

    settings = current_app.config["SETTINGS"]
    if not settings.SMTP_URL.get_secret_value():
        raise Conflict("There is no mail server: SMTP_URL is not set.")
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    letter = mail.letter(
        sender=settings.SMTP_FROM or f"console@{host}", to=address, subject=message.subject, text=message.text, key=key,
        host=host,
    )  # fmt: skip
    db.session.rollback()  # nothing is held open while the mail server takes its time (D5)
    mail.send(mail.server_of(settings.SMTP_URL.get_secret_value()), letter)
    return f"The mail server took it for {address}."


# -- what came of it --------------------------------------------------------------------------------------------------


def _sent(ids: list[int], said: str, message: Message) -> None:
    words = said if len(ids) == 1 else f"{said} Together with {len(ids) - 1} more."
    now = clock.now()
    values = {"state": "sent", "sent_at": now, "said": words, "sent_text": message.text, "tries": Notice.tries + 1}
    db.session.execute(update(Notice).where(Notice.id.in_(ids)).values(**values))
    db.session.commit()


def _failed(ids: list[int], error: ConsoleError, *, final: bool) -> None:
    """Later again; given up after as many tries as there are pauses and one."""
    now = clock.now()
    for one in db.session.scalars(select(Notice).where(Notice.id.in_(ids))):
        one.tries, one.said = one.tries + 1, str(error)[:1_000]
        if final or one.tries > len(PAUSES):
            one.state = "dead"
            continue
        one.state, one.next_try_at = "waiting", now + PAUSES[one.tries - 1]
        if isinstance(error, Parked):
            one.next_try_at = max(error.until, one.next_try_at)
    db.session.commit()
