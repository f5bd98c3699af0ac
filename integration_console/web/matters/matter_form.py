"""The form of a matter: what it shows, what somebody changed in it, and what Clio has changed meanwhile.

It carries a short hash of every value it showed, so that only what a person touched is written, and what somebody
else changed in Clio in the meantime is noticed field by field.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, select

from ...errors import InvalidInput
from ...models import Record, db
from ...operations.matters import matters
from ...operations.matters.matter_fields import (
    BY_NAME,
    CUSTOM,
    REMINDERS,
    STATUSES,
    custom_value,
    definitions_of,
    label_of,
)
from ...services.writing import MISSING, value_of

WAS = "was"  # the hidden field with the hashes
CHANGEABLE = [name for name in BY_NAME if name != REMINDERS]


@dataclass(frozen=True)
class Line:
    """One field of the form."""

    name: str
    label: str
    kind: str  # text, textarea, date, select
    options: Sequence[tuple[str, str]] = ()
    help: str = ""


class MatterForm:
    """The form for one matter as it is now."""

    def __init__(self, record: Record) -> None:
        self.record, self.definitions = record, definitions_of(record.connection_id)
        self.customs = {f"{CUSTOM}{one['id']}": one for one in self.definitions}
        self.names = [*CHANGEABLE, *self.customs]
        present = matters.plain(record)
        self.texts = {name: as_text(value_of(present, name)) for name in self.names}

    @property
    def was(self) -> str:
        """The hashes of what is shown now."""
        return json.dumps({name: _hash(text) for name, text in self.texts.items()}, separators=(",", ":"))

    # -- what was sent ----------------------------------------------------------------------------------------------

    def touched(self, sent: Mapping[str, str]) -> dict[str, str]:
        """The fields whose text is not the one that was shown."""
        was = _read_hashes(sent.get(WAS, ""))
        found = {name: sent[name] for name in self.names if _hash(_plain(sent[name])) != was.get(name)}
        return found | ({REMINDERS: sent[REMINDERS]} if sent.get(REMINDERS) else {})

    def clashes(self, sent: Mapping[str, str], touched: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Touched fields that Clio has changed meanwhile, too: their label, what was sent, what is there now."""
        was = _read_hashes(sent.get(WAS, ""))
        return [
            (label_of(name, self.definitions), self.shown(name, text), self.shown(name, self.texts[name]))
            for name, text in touched.items()
            if name != REMINDERS and _hash(self.texts[name]) != was.get(name) and self.texts[name] != _plain(text)
        ]

    def wanted(self, touched: Mapping[str, str]) -> dict[str, Any]:
        """Texts as plain values. Raises InvalidInput that names every field that cannot be used."""
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, text in touched.items():
            try:
                values[name] = self._read(name, text.strip())
            except ValueError as error:
                said = str(error)
                wrong[name] = f"{label_of(name, self.definitions)}: {said[:1].lower()}{said[1:]}"
        if wrong:
            raise InvalidInput(next(iter(wrong.values())), fields=wrong)
        return values

    def _read(self, name: str, text: str) -> Any:
        if name == REMINDERS:
            words = text.replace(",", " ").split()
            if not all(word.isascii() and word.isdecimal() and len(word) < 6 for word in words):
                raise ValueError("Write whole days, such as 30, 7.")
            return BY_NAME[name].read([int(word) for word in words])
        definition = self.customs.get(name)
        return custom_value(definition, text) if definition else BY_NAME[name].read(text)

    def shown(self, name: str, text: str) -> str:
        """A value in words: of a choice its label."""
        line = next((line for line in (*self.lines(), *self.custom_lines()) if line.name == name), None)
        return dict(line.options).get(text, text) if line else text

    # -- what is shown ----------------------------------------------------------------------------------------------

    def lines(self) -> list[Line]:
        """The matter's own fields, without its limitation date."""
        return [self._line(name) for name in CHANGEABLE if not name.startswith("statute_of")]

    def custom_lines(self) -> list[Line]:
        """The firm's own fields."""
        return [_custom_line(name, one, self.texts[name]) for name, one in self.customs.items()]

    def _line(self, name: str) -> Line:
        field = BY_NAME[name]
        if field.of:
            return Line(name, field.label, "select", self._choices(name, field.of))
        if name == "status":
            return Line(name, field.label, "select", [(word, word.capitalize()) for word in STATUSES])
        return Line(name, field.label, "date" if name.endswith("_date") else "textarea")

    def _choices(self, name: str, resource: str) -> list[tuple[str, str]]:
        """Our copies of what may be chosen; what is set now is among them in any case."""
        rows, now = self._copies[resource], self.texts[name]
        found = [(r.external_id, r.label) for r in rows if r.external_id == now or r.data.get("enabled", True)]
        if resource == "matter_stages":
            found = self._stages(rows)
        if now and now not in dict(found):
            inner = self.record.data.get(name.partition(".")[0]) or {}
            found.insert(0, (now, str(inner.get("name") or now)))
        return [("", "not set"), *found]

    @cached_property
    def _copies(self) -> dict[str, list[Row]]:
        """Our copies of everything a field may name, by resource; read together."""
        found: dict[str, list[Row]] = {field.of: [] for field in BY_NAME.values() if field.of}
        columns = (Record.id, Record.resource, Record.external_id, Record.label, Record.data)
        there = (Record.connection_id == self.record.connection_id, Record.deleted_at.is_(None))
        query = select(*columns).where(*there, Record.resource.in_(found)).order_by(Record.label, Record.id)
        for row in db.session.execute(query):
            found[row.resource].append(row)
        return found

    def _stages(self, rows: Iterable[Row]) -> list[tuple[str, str]]:
        """Stages by their practice area, those of the matter's own first."""
        areas = dict(self._choices("practice_area.id", "practice_areas"))
        own = self.texts["practice_area.id"]
        placed = [(str(r.data.get("practice_area_id") or ""), r.data.get("order") or 0, r) for r in rows]
        placed.sort(key=lambda one: (one[0] != own, areas.get(one[0], ""), one[1], one[2].id))
        return [(r.external_id, f"{r.label} ({areas[a]})" if a and a in areas else r.label) for a, _, r in placed]


def as_text(value: Any) -> str:
    """A plain value as a form field holds it."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _plain(str(value))


def _custom_line(name: str, definition: Mapping[str, Any], text: str) -> Line:
    kind, label = definition.get("field_type"), str(definition.get("name"))
    if kind == "checkbox":
        return Line(name, label, "select", [("", "not set"), ("true", "yes"), ("false", "no")])
    if kind == "picklist":
        there = [str(o["option"]) for o in definition.get("picklist_options") or () if not o.get("deleted_at")]
        also = [text] if text and text not in there else []
        return Line(name, label, "select", [("", "not set"), *((one, one) for one in (*also, *there))])
    if kind in ("contact", "matter"):
        return Line(name, label, "text", help=f"The id of a {kind} in Clio.")
    return Line(name, label, {"date": "date", "text_area": "textarea"}.get(str(kind), "text"))


def _plain(text: str) -> str:
    """As a browser sends it back: no space around, one kind of line end."""
    return text.replace("\r\n", "\n").strip()


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:10]


def _read_hashes(text: str) -> dict[str, str]:
    """What the form carried; nothing when it was tampered with: then everything counts as touched."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
