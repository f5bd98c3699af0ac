"""Keeping what was proved: one row an event, each where it belongs, none twice (H3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import clock
from ...errors import Malformed
from ...models import Connection
from ...services.base import Event, Named, Service, Webhook
from ...storage import deliveries
from ...storage.storable import STAND_IN, without_nul
from ...transport.redact import Redactor

LONGEST_ID = 200
HELD_BACK_FOR = timedelta(minutes=15)  # more minutes of the kind may follow: one full read makes up for all of them
TOO_ODD_A_TIME = timedelta(days=366)  # a sender's time further off than this is not worth keeping


@dataclass(frozen=True)
class Letter:
    """One proved body, and where it was delivered."""

    service: Service
    webhook: Webhook
    connection: Connection
    subscription_id: int | None
    headers: Mapping[str, str]
    body: bytes
    call_key: str
    client_id: str | None  # of our own application there


def keep(session: Session, letter: Letter, events: Sequence[Event], redactor: Redactor) -> int:
    """Keep the events that are not there yet, in the caller's transaction; how many that were."""
    new = 0
    for reopen in {event.may_recur for event in events}:
        rows = [_row(session, letter, event, redactor) for event in events if event.may_recur is reopen]
        new += _keep_with_one_body(session, letter, rows, redactor, reopen=reopen)
    return new


def _keep_with_one_body(session: Session, letter: Letter, rows: list[dict], redactor: Redactor, *, reopen: bool) -> int:
    """The first that is new gets the body; the others name it."""
    text = redactor.text(letter.body.decode("utf-8", "replace")) if rows else ""
    for at, row in enumerate(rows):
        body = None if row.pop("foreign") else text
        if found := deliveries.keep(session, [{**row, "body": body, "first_id": None}], reopen=reopen):
            rest = [{**{k: v for k, v in one.items() if k != "foreign"}, "body": None, "first_id": found[0]}
                    for one in rows[at + 1 :]]  # fmt: skip
            return 1 + len(deliveries.keep(session, rest, reopen=reopen))
    return 0


def _row(session: Session, letter: Letter, event: Event, redactor: Redactor) -> dict:
    connection, why_not = _addressee(session, letter, event)
    records = [] if why_not else _named(letter.service, connection, event.records)
    held_back = event.kind in letter.webhook.held_back
    if not why_not and not records and not event.access_ended and not held_back:
        why_not = _why_nothing(letter.service, event)
    now = clock.now()
    at = event.at if event.at and abs(event.at - now) < TOO_ODD_A_TIME else None
    return {
        "service": letter.service.key, "connection_id": connection.id, "event_key": _key(event.key),
        "subscription_id": letter.subscription_id if connection.id == letter.connection.id else None,
        "kind": redactor.text(event.kind)[:100], "records": records, "happened_at": at, "received_at": now,
        "state": "ignored" if why_not else "waiting", "outcome": why_not, "tries": 0,
        "next_try_at": now + HELD_BACK_FOR if held_back else now,
        "call_key": letter.call_key, "body_bytes": len(letter.body), "body_hash": sha256(letter.body).hexdigest(),
        "headers": redactor.headers(letter.headers), "foreign": bool(why_not and connection is letter.connection
                                                                     and event.account),
    }  # fmt: skip


def _key(key: str) -> str:
    plain = len(key) <= LONGEST_ID and key.isprintable()
    return key if plain and key else sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _addressee(session: Session, letter: Letter, event: Event) -> tuple[Connection, str | None]:
    """Whose event it is, and why nothing is done with it; another account's is never read with this one's access."""
    if event.app and not _is_our_app(letter.client_id, event.app):
        return letter.connection, "It was sent for another application."
    if event.account is None or event.account == letter.connection.account_id:
        return letter.connection, None
    if letter.webhook.shared and event.account:
        query = select(Connection).where(
            Connection.service == letter.service.key, Connection.account_id == without_nul(event.account),
            Connection.status != "removed",
        )  # fmt: skip
        if found := session.scalars(query.order_by(Connection.id)).first():
            return found, None
    return letter.connection, "It is of another account than this connection's."


def _is_our_app(client_id: str | None, app: str) -> bool:
    """HighLevel's client ids begin with the id of their app; with no client id there is no app to compare with."""
    return not client_id or client_id == app or client_id.startswith(f"{app}-")


def _named(service: Service, connection: Connection, records: Iterable[Named]) -> list[list]:
    """The records as they are stored. Raises Malformed for an id no record can have."""
    off, found = set(connection.settings.get("resources_off", ())), []
    for named in records:
        for text in (named.external_id, named.owner or ""):
            if len(text) > LONGEST_ID or STAND_IN in text or (text and not text.isprintable()):
                raise Malformed("The delivery names a record by something that is no id.")
        if named.external_id and named.resource in service.resources and named.resource not in off:
            found.append([named.resource, named.external_id, named.owner])
    return found


def _why_nothing(service: Service, event: Event) -> str:
    if not event.records:
        return "It names nothing that is read here."
    resource = service.resources.get(event.records[0].resource)
    label = resource.label if resource else event.records[0].resource
    return f"{label} are switched off at this connection."
