"""Who is told what, where, and when not: the rules an administrator makes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from ... import clock, services
from ...errors import InvalidInput, NotFound, together
from ...models import Connection, Notice, NotificationRule, Record, db
from ...models.notification import EVENTS, KINDS
from .. import audit
from ..accounts.connections import every as every_connection

CHANNELS = 500  # offered to choose from
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{2,40}")


@dataclass(frozen=True)
class Wanted:
    """A rule as a person filled it in."""

    kind: str = "email"
    connection_id: int | None = None
    place: str = ""
    events: tuple[str, ...] = ()
    about_id: int | None = None
    names_records: bool = False
    quiet_from: str = ""
    quiet_to: str = ""
    digest_at: str = "08:00"
    time_zone: str = "UTC"
    enabled: bool = True


def every() -> list[NotificationRule]:
    """All rules, the oldest first."""
    query = select(NotificationRule).options(
        joinedload(NotificationRule.connection), joinedload(NotificationRule.about)
    )
    return list(db.session.scalars(query.order_by(NotificationRule.id)))


def find(rule_id: int) -> NotificationRule:
    """The rule of that number. Raises NotFound."""
    if 0 < rule_id < 2**63 and (rule := db.session.get(NotificationRule, rule_id)):
        return rule
    raise NotFound(f"There is no notification rule {rule_id}.")


def add(wanted: Wanted, *, actor: str) -> NotificationRule:
    """Make a rule. What is so already is not told, only what changes from now on.

    Raises InvalidInput naming the field.
    """
    values = check(wanted)
    rule = NotificationRule(**values, since=clock.now(), changed_by=actor, changed_at=clock.now())
    db.session.add(rule)
    db.session.flush()
    audit.add("notification rule made", where(rule), actor=actor, rule=rule.id, events=rule.events)
    db.session.commit()
    return rule


def change(rule: NotificationRule, wanted: Wanted, *, actor: str) -> None:
    """Change a rule. One that is switched off forgets what it had not told yet; switched on, it begins anew.

    Raises InvalidInput naming the field.
    """
    values, was_on = check(wanted), rule.enabled
    changes = audit.changes({name: getattr(rule, name) for name in values}, values)
    for name, value in values.items():
        setattr(rule, name, value)
    rule.changed_by, rule.changed_at = actor, clock.now()
    if not rule.enabled:
        waiting = (Notice.rule_id == rule.id, Notice.state.in_(("waiting", "held")))
        db.session.execute(update(Notice).where(*waiting).values(state="dead", said="The rule was switched off."))
    elif not was_on:
        rule.since = clock.now()
    audit.add("notification rule changed", where(rule), actor=actor, rule=rule.id, **changes)
    db.session.commit()


def remove(rule: NotificationRule, *, actor: str) -> None:
    """Take a rule away, with its notices."""
    audit.add("notification rule removed", where(rule), actor=actor, rule=rule.id)
    db.session.delete(rule)
    db.session.commit()


def where(rule: NotificationRule) -> str:
    """The place a rule speaks to, for people: "#integrations" or an address."""
    return f"#{rule.place_name}" if rule.place_name else rule.place


def speakers() -> list[Connection]:
    """Connections through which a rule can speak."""
    return [one for one in every_connection() if services.by_key(one.service).speaks]


def channels(connection_id: int) -> list[tuple[str, str]]:
    """Channels known at a connection, id and name; none before its channels were read."""
    query = select(Record.external_id, Record.label, Record.data).filter_by(
        connection_id=connection_id, resource="channels", deleted_at=None
    )
    rows = db.session.execute(query.order_by(Record.label).limit(CHANNELS))
    return [(row.external_id, row.label) for row in rows if not _of(row.data).get("is_archived")]


def is_quiet(rule: NotificationRule, now: datetime) -> bool:
    """Whether the rule's place is not to be disturbed now. From 22:00 to 07:00 spans a midnight.

    Both ends the same means: at no time.
    """
    if not rule.quiet_from or not rule.quiet_to:
        return False
    here = now.astimezone(ZoneInfo(rule.time_zone)).strftime("%H:%M")
    if rule.quiet_from <= rule.quiet_to:
        return rule.quiet_from <= here < rule.quiet_to
    return here >= rule.quiet_from or here < rule.quiet_to


# -- what can be used -------------------------------------------------------------------------------------------------


def check(wanted: Wanted) -> dict:
    """The rule's columns as they will be kept. Raises InvalidInput naming the field."""
    to, events, zone, quiet, about_id, digest_at = together(
        lambda: _place(wanted), lambda: _events(wanted.events), lambda: _zone(wanted.time_zone),
        lambda: _quiet(wanted), lambda: _about(wanted.about_id), lambda: _clock(wanted.digest_at, "digest_at"),
    )  # fmt: skip
    return {
        "kind": wanted.kind, **to, "events": events, "about_id": about_id, "names_records": wanted.names_records,
        **quiet, "digest_at": digest_at or "08:00", "time_zone": zone, "enabled": wanted.enabled,
    }  # fmt: skip


def _events(wanted: tuple[str, ...]) -> list[str]:
    events = [event for event in EVENTS if event in wanted]
    if not events or set(wanted) - set(EVENTS):
        raise InvalidInput("Choose at least one thing to be told of.", field="events")
    return events


def _zone(name: str) -> str:
    if name not in clock.zones():
        raise InvalidInput("Choose a time zone of the list, such as Europe/Berlin.", field="time_zone")
    return name


def _quiet(wanted: Wanted) -> dict[str, str | None]:
    begins, ends = together(
        lambda: _clock(wanted.quiet_from, "quiet_from"), lambda: _clock(wanted.quiet_to, "quiet_to")
    )
    if bool(begins) != bool(ends):
        raise InvalidInput("Enter both ends of the quiet hours, or none.", field="quiet_from" if ends else "quiet_to")
    return {"quiet_from": begins, "quiet_to": ends}


def _about(connection_id: int | None) -> int | None:
    if connection_id is not None and connection_id not in {one.id for one in every_connection()}:
        raise InvalidInput("There is no such connection.", field="about_id")
    return connection_id


def _place(wanted: Wanted) -> dict[str, int | str | None]:
    if wanted.kind not in KINDS:
        raise InvalidInput("Choose Slack or e-mail.", field="kind")
    connection_id, place, name = _slack(wanted) if wanted.kind == "slack" else (None, _mail(wanted.place), "")
    return {"connection_id": connection_id, "place": place, "place_name": name}


def _slack(wanted: Wanted) -> tuple[int, str, str]:
    if wanted.connection_id not in {one.id for one in speakers()}:
        raise InvalidInput("Choose the connection through which it speaks.", field="connection_id")
    number = int(wanted.connection_id or 0)
    known, typed = dict(channels(number)), wanted.place.strip().removeprefix("#")
    if not typed:
        raise InvalidInput("Enter a channel, such as #integrations.", field="place")
    found = next((id for id, name in known.items() if typed in (id, name)), None)
    if found is None and not _CHANNEL_ID.fullmatch(typed):
        raise InvalidInput(
            "There is no channel of that name among those read. Enter its ID: in Slack, open the channel's details; "
            "it stands at the very bottom and begins with C.", field="place",
        )  # fmt: skip
    return number, found or typed, known.get(found or typed, "")[:200]


def _mail(address: str) -> str:
    if not current_app.config["SETTINGS"].SMTP_URL.get_secret_value():
        raise InvalidInput("There is no mail server yet: set SMTP_URL, then start the console again.", field="kind")
    from email_validator import EmailNotValidError, validate_email  # a megabyte, and nothing to a worker

    try:
        checked = validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidInput("Enter one e-mail address, such as support@example.com.", field="place") from None
    if not checked.ascii_email:
        raise InvalidInput("Enter an address without special letters before the @.", field="place")
    return checked.ascii_email


def _clock(text: str, field: str) -> str | None:
    if not text.strip():
        return None
    try:
        return time.fromisoformat(text.strip()).strftime("%H:%M")
    except ValueError:
        raise InvalidInput("Enter a time of day, such as 07:30.", field=field) from None


def _of(data: object) -> Mapping:
    return data if isinstance(data, Mapping) else {}
