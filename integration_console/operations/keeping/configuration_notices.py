"""Who is told what, as a part of the configuration's document: a channel or an address, and never a password.

{"notification_rules": [{"kind": "slack", "through": "Our Slack", "place": "C0123456789", "about": "Clio of Hale",
                         "events": ["run_failed", "recovered"], …}]}

Rules have no names. Equal ones pair off one by one; what is left of both sides pairs by the place it speaks to and the
connection it is about, and what is left then is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from ...errors import InvalidInput
from ...models import Connection, NotificationRule, db
from ..notices import notification_rules

PLACE = ("kind", "connection_id", "place", "about_id")  # by which a rule that is not equal to any is known
SAME = ("kind", "place", "names_records", "digest_at", "time_zone", "enabled")  # so named here and in the document


class Rule(BaseModel):
    """A notification rule, its connections by their names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["slack", "email"]
    place: str
    events: tuple[str, ...]
    through: str | None = None  # the connection that speaks
    about: str | None = None  # only this one; None = all
    names_records: bool = False
    quiet_from: str = ""
    quiet_to: str = ""
    digest_at: str = "08:00"
    time_zone: str = "UTC"
    enabled: bool = True


def export() -> list[dict[str, Any]]:
    """Every rule, the oldest first."""
    return [_told(rule) for rule in notification_rules.every()]


def steps(wanted: tuple[Rule, ...], problems: list[str], by: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """What an import changes, in sentences, each with what does it. What cannot be done here is named as a problem.

    A rule whose connection is not here is left out whole: about all instead of one, it would tell people too much.
    """
    here, left = notification_rules.every(), []
    for rule in wanted:
        name = f"{'Slack' if rule.kind == 'slack' else 'e-mail'} to {rule.place}"
        try:
            meant = _meant(rule)
            columns = notification_rules.check(meant)
        except InvalidInput as error:
            problems.append(f"Notification rule, {name}: {error}")
            continue
        if not _taken(here, columns, columns.keys() - {"place_name"}):
            left.append((name, meant, columns))
    for name, meant, columns in left:
        if found := _taken(here, columns, PLACE):
            yield f"Notification rule, {name}: changes.", partial(notification_rules.change, found, meant, actor=by)
        else:
            yield f"A new notification rule: {name}.", partial(notification_rules.add, meant, actor=by)


def _taken(here: list[NotificationRule], columns: dict, names: Iterable[str]) -> NotificationRule | None:
    """The first rule with these columns, which no other may have then."""
    fits = (at for at, rule in enumerate(here) if all(getattr(rule, name) == columns[name] for name in names))
    return None if (at := next(fits, None)) is None else here.pop(at)


def _told(rule: NotificationRule) -> dict[str, Any]:
    told = Rule(
        **{name: getattr(rule, name) for name in SAME}, events=tuple(rule.events),
        through=rule.connection.name if rule.connection else None, about=rule.about.name if rule.about else None,
        quiet_from=rule.quiet_from or "", quiet_to=rule.quiet_to or "",
    )  # fmt: skip
    return told.model_dump(mode="json")


def _meant(rule: Rule) -> notification_rules.Wanted:
    return notification_rules.Wanted(
        **{name: getattr(rule, name) for name in SAME}, events=rule.events, quiet_from=rule.quiet_from,
        quiet_to=rule.quiet_to, connection_id=_connection(rule.through), about_id=_connection(rule.about),
    )  # fmt: skip


def _connection(name: str | None) -> int | None:
    """By its exact name: a guess might tell a stranger."""
    if name is None:
        return None
    query = select(Connection.id).where(Connection.name == name, Connection.status != "removed")
    numbers = list(db.session.scalars(query.limit(2)))
    if len(numbers) == 1:
        return numbers[0]
    raise InvalidInput(f"{'Two connections are' if numbers else 'No connection is'} called {name} here.")
