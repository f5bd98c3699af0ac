"""A configuration document taken in: what it changes here, told in sentences, and done unless that is only asked.

Each thing stands for itself: what cannot be taken in is told as a problem, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from ... import services
from ...errors import ConsoleError, InvalidInput
from ...models import Connection, DataMapping, LimitationRule, PracticeAreaRule, db
from .. import audit
from .. import settings as firm
from ..accounts import applications
from ..mapping import mappings, practice_area_rules
from ..matters import limitation_rules
from . import configuration_notices
from .configuration import (
    LIMIT,
    SET_BY_PEOPLE,
    SIGN,
    Document,
    Limit,
    Pair,
    Sign,
    limit_of,
    services_here,
    settings_here,
)


@dataclass
class Import:
    """What an import changes, in sentences, and what of it cannot be done here."""

    changes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def take_in(document: Document, *, by: str, dry_run: bool = False) -> Import:
    """Compare a document with what is here, and unless it is a dry run make here what it says."""
    told = Import()
    for sentence, do in _steps(document, told, by):
        try:
            if not dry_run:
                do()
            told.changes.append(sentence)
        except ConsoleError as error:
            db.session.rollback()
            told.problems.append(f"{sentence.rstrip('.')}: {error}")
    if told.changes and not dry_run:
        audit.add("configuration imported", actor=by, changes=len(told.changes), problems=len(told.problems))
        db.session.commit()
    return told


Step = tuple[str, Callable[[], object]]


def _steps(document: Document, told: Import, by: str) -> Iterator[Step]:
    yield from _settings_in(document, told, by)
    yield from _services_in(document, told, by)
    yield from _signs_in(document, by)
    yield from _limits_in(document, by)
    yield from configuration_notices.steps(document.notification_rules, told.problems, by)
    for pair in document.mappings:
        yield from _pair_in(pair, told, by)


def _settings_in(document: Document, told: Import, by: str) -> Iterator[Step]:
    here = settings_here()
    for name, value in document.settings.items():
        if not name.startswith(SET_BY_PEOPLE) or here.get(name, "") == value:
            continue
        try:
            firm.check(name, value)
        except InvalidInput as error:
            told.problems.append(f"{name}: {error}")
            continue
        yield f"{name}: {here.get(name) or 'not set'} becomes {value}.", _later(firm.save, {name: value}, actor=by)


def _services_in(document: Document, told: Import, by: str) -> Iterator[Step]:
    here = services_here()
    for key, values in document.services.items():
        if key not in services.every():
            told.problems.append(f"There is no service {key} here.")
            continue
        service, stands = services.by_key(key), here.get(key, {})
        if strange := sorted(set(values) - set(applications.fields(service))):
            told.problems.append(f"{service.label}: {', '.join(strange)} cannot be set this way.")
        wanted = stands | {name: value for name, value in values.items() if name not in strange and value}
        if changed := sorted(name for name, value in wanted.items() if value != stands.get(name)):
            yield f"{service.label}: {', '.join(changed)} changes.", _later(applications.save, key, wanted, actor=by)


def _signs_in(document: Document, by: str) -> Iterator[Step]:
    here = {tuple(getattr(rule, name) for name in SIGN): rule for rule in db.session.scalars(select(PracticeAreaRule))}
    for wanted in document.practice_area_rules:
        rule, name = here.get((wanted.area, wanted.kind, wanted.text)), f"{wanted.area}, {wanted.kind} “{wanted.text}”"
        if rule is None:
            yield f"A new practice area rule: {name}.", _later(_add_sign, wanted, by)
        elif (rule.weight, rule.enabled) != (wanted.weight, wanted.enabled):
            yield f"Practice area rule {name}: weight or state changes.", _later(_set_sign, rule.id, wanted, by)


def _add_sign(wanted: Sign, by: str) -> None:
    rule = practice_area_rules.add(wanted.area, wanted.kind, wanted.text, wanted.weight, by=by)
    practice_area_rules.switch(rule.id, wanted.enabled, by=by)


def _set_sign(number: int, wanted: Sign, by: str) -> None:
    told = {name: getattr(wanted, name) for name in (*SIGN, "weight")}
    practice_area_rules.edit(number, **told, by=by)
    practice_area_rules.switch(number, wanted.enabled, by=by)


def _limits_in(document: Document, by: str) -> Iterator[Step]:
    here = [(_known_by(rule), rule.name, rule) for rule in limitation_rules.every()]
    named = {(_known_by(wanted), wanted.name) for wanted in document.limitation_rules}
    for wanted in document.limitation_rules:
        alike = [(name, rule) for key, name, rule in here if key == _known_by(wanted)]
        same = [rule for name, rule in alike if name == wanted.name]
        renamed = [rule for name, rule in alike if (_known_by(wanted), name) not in named]
        rule = same[0] if same else renamed[0] if len(alike) == len(renamed) == 1 else None
        if rule is not None and limit_of(rule) == wanted.model_dump():
            continue
        values = {name: str(value) for name, value in wanted.model_dump(exclude={"enabled"}).items()}
        save = _later(limitation_rules.save, rule, values | {"enabled": "on" if wanted.enabled else ""}, actor=by)
        yield (
            f"{'Limitation rule' if rule else 'A new limitation rule:'} {wanted.name}{' changes' if rule else ''}.",
            save,
        )


def _known_by(rule: LimitationRule | Limit) -> tuple[str, ...]:
    return tuple(getattr(rule, name) for name in LIMIT)


def _pair_in(pair: Pair, told: Import, by: str) -> Iterator[Step]:
    """The draft where there is one, else what is active there: here it becomes a draft either way."""
    given = pair.draft or pair.active
    if given is None:
        return
    wanted = mappings.read_file(given)
    ends = {side: _connection(getattr(wanted, side).service, getattr(pair, side)) for side in ("left", "right")}
    if missing := [getattr(pair, side) for side, found in ends.items() if found is None]:
        told.problems.append(f"{wanted.name}: there is no connection {' and no '.join(missing)} of that service here.")
        return
    left, right = ends["left"], ends["right"]
    assert left is not None
    assert right is not None
    mapping = _alike(wanted, left, right)
    if mapping is None:
        yield f"A new mapping: {wanted.name}.", _later(mappings.create, wanted, left, right, by=by)
    elif changes := mappings.compare(mapping, wanted):
        yield f"{wanted.name}: {' '.join(changes)}", _later(mappings.replace, mapping, wanted, by=by)


def _connection(service: str, name: str) -> Connection | None:
    """By name; where only one of that service is connected, that one, whatever it is called here."""
    query = select(Connection).where(Connection.service == service, Connection.status != "removed")
    found = list(db.session.scalars(query))
    return next((one for one in found if one.name == name), found[0] if len(found) == 1 else None)


def _alike(wanted: Any, left: Connection, right: Connection) -> DataMapping | None:
    """The mapping here that the document means: the same pair, and the same flow or name."""
    query = select(DataMapping).where(
        DataMapping.left_connection_id == left.id, DataMapping.right_connection_id == right.id,
        DataMapping.left_resource == wanted.left.resource, DataMapping.right_resource == wanted.right.resource,
    )  # fmt: skip
    found = list(db.session.scalars(query))
    by_flow = (one for one in found if wanted.flow and one.flow == wanted.flow)
    return next(by_flow, None) or next((one for one in found if one.name == wanted.name), None)


def _later(do: Callable[..., object], *arguments: Any, **more: Any) -> Callable[[], object]:
    return lambda: do(*arguments, **more)
