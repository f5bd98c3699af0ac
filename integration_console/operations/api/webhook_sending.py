"""Sending what waits for a webhook: claimed, so that several workers send nothing twice at once; retried for a day."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urljoin

from flask import current_app
from sqlalchemy import func, or_, select, update

from ... import clock
from ...errors import SealBroken, TryLater
from ...models import Connection, WebhookMessage, WebhookTarget, db
from ...storage import outbound
from ...storage.transactions import Recorder
from ...transport import outside, standard_webhooks, wire
from ...transport.call import Answer, Attempt, Call
from ...transport.record import attempt_of
from ...transport.redact import Redactor
from . import webhook_targets

AFTER_S = (5, 300, 1800, 7200, 18_000, 28_800, 28_800)  # between tries: eight of them within a day
CLAIMED_S = 60  # longer than a try may take
AT_ONCE, ROUND = 8, 32
ENDS_AFTER_S = 25  # a round takes no more messages after this
GONE = 410  # the receiver wants nothing any more
SEALED = "Its signing secret cannot be opened with the encryption keys of now. Make a new one."


def send_due() -> int:
    """Send what is due, one message a connection at a time; how many arrived."""
    insecure, began, arrived = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS, clock.monotonic(), 0
    with ThreadPoolExecutor(AT_ONCE) as hands:
        while clock.monotonic() - began < ENDS_AFTER_S and (waiting := _claim()):
            for one in hands.map(lambda letter: letter.send(insecure), waiting):
                arrived += _settle(one)
    return arrived


@dataclass
class _Letter:
    """One try of one message, without anything of the database. Also what transport.record wants of a try."""

    message_id: int
    connection_id: int
    service: str
    key: str
    address: str
    body: bytes | None
    secrets: Sequence[str]  # none where no key opens them
    number: int
    call_key: str
    started_at: datetime = field(default_factory=clock.now)
    call: Call = field(default_factory=lambda: Call("POST", "/", template="webhook to a program"))
    waited_ms: float = 0.0
    took_s: float = 0.0
    status: int | None = None
    failure: str = ""
    attempt: Attempt | None = None

    @property
    def url(self) -> str:
        """Where it goes, as far as that is logged: the rest of an address may be a secret of theirs."""
        return urljoin(self.address, "/…")

    def send(self, insecure: bool) -> _Letter:
        """Try once and note what came of it."""
        if not self.secrets:
            self.failure = SEALED
            return self
        self.started_at, began = clock.now(), clock.monotonic()
        signed = standard_webhooks.headers(self.secrets, self.key, int(self.started_at.timestamp()), self.body or b"")
        headers = {"Content-Type": "application/json", "User-Agent": "IntegrationConsole/1.0", **signed}
        answer = None
        try:
            reply = outside.request("POST", outside.look(self.address, insecure=insecure), headers, self.body)
            answer = Answer(reply.status, reply.headers, b"")
        except outside.Refused as error:
            self.failure = str(error)
        except wire.NotSent:
            self.failure = "The address could not be reached."
        except wire.Lost:
            self.failure = "The address did not answer in time."
        except wire.TooLong as error:  # it was heard all the same
            answer = Answer(error.status, {}, b"")
        if answer is not None:
            self.status = answer.status
            self.failure = "" if 200 <= answer.status < 300 else f"The address answered with status {answer.status}."
        self.took_s = clock.monotonic() - began
        self.attempt = self._noted(headers, answer)
        return self

    def _noted(self, headers: dict[str, str], answer: Answer | None) -> Attempt:
        """The try as it is logged; what a stranger answered is not among it (X3)."""
        error, word = (TryLater(self.failure), "retry") if self.failure else (None, "fine")
        return attempt_of(self, self.service, Redactor(self.secrets), headers, word, answer, error)


def _claim() -> list[_Letter]:
    """The oldest due message of each of some connections, ours for a minute; none on a restored copy (W10)."""
    if outbound.paused(db.session()):
        db.session.rollback()
        return []
    now = clock.now()
    due = (WebhookMessage.state.in_(("pending", "sending")), WebhookMessage.due_at <= now)
    oldest = select(func.min(WebhookMessage.id)).where(*due).group_by(WebhookMessage.connection_id).limit(ROUND)
    ours = (
        update(WebhookMessage)
        .where(WebhookMessage.id.in_(oldest), *due)  # again: another worker may have been quicker
        .values(state="sending", due_at=now + timedelta(seconds=CLAIMED_S), tries=WebhookMessage.tries + 1)
        .returning(WebhookMessage.id)
        .execution_options(synchronize_session=False)
    )
    ids = list(db.session.scalars(ours))
    db.session.commit()
    rows = db.session.execute(
        select(WebhookMessage, WebhookTarget, Connection.service)
        .join(WebhookTarget, WebhookTarget.connection_id == WebhookMessage.connection_id)
        .join(Connection, Connection.id == WebhookMessage.connection_id)
        .where(WebhookMessage.id.in_(ids))
    ).all()
    letters = [
        _Letter(one.id, one.connection_id, service, one.key, target.url, one.body.encode(),
                _secrets(target), one.tries, one.key.removeprefix("msg_"))
        for one, target, service in rows
    ]  # fmt: skip
    db.session.rollback()  # nothing is held open while others answer (D5)
    return letters


def _secrets(target: WebhookTarget) -> Sequence[str]:
    """What signs; nothing where no key opens it: the other addresses hear none the less."""
    try:
        return webhook_targets.keys_of(target)
    except SealBroken:
        return ()


def _settle(letter: _Letter) -> int:
    """Write down what a try came to; 1 when the message arrived."""
    now = clock.now()
    values: dict = {"message": letter.failure or None, "state": "done", "ended_at": now}
    if letter.failure and letter.number <= len(AFTER_S) and letter.status != GONE:
        later = now + timedelta(seconds=AFTER_S[letter.number - 1])
        values |= {"state": "pending", "ended_at": None, "due_at": later}
    elif letter.failure:
        values["state"] = "dead"
    ours = (WebhookMessage.id == letter.message_id, WebhookMessage.tries == letter.number)
    db.session.execute(update(WebhookMessage).where(*ours).values(**values))
    _tell_target(letter, values["state"], now)
    recorder = Recorder(letter.connection_id, None, letter.service)
    if letter.attempt:
        recorder(letter.attempt)
    recorder.flush(db.session())
    db.session.commit()
    return int(values["state"] == "done")


def _tell_target(letter: _Letter, state: str, now: datetime) -> None:
    """A message given up is shown at its connection until the next one arrives."""
    target = update(WebhookTarget).where(WebhookTarget.connection_id == letter.connection_id)
    if state == "dead":
        db.session.execute(target.values(failed_at=func.coalesce(WebhookTarget.failed_at, now), failure=letter.failure))
    elif state == "done":
        was_wrong = or_(WebhookTarget.failed_at.is_not(None), WebhookTarget.failure.is_not(None))
        db.session.execute(target.where(was_wrong).values(failed_at=None, failure=None))
