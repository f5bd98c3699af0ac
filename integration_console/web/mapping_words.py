"""A mapping in plain words: its two ends, what it does, and each line as the editor shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .. import clock
from ..errors import InvalidInput
from ..models import Connection, DataMapping
from ..operations.finding.named import Named
from ..operations.mapping import mappings
from ..operations.mapping.samples import Carried, Sample
from ..services.writing import MISSING, Field, line_in_words
from ..sync.flows import FLOWS
from ..sync.mapping import ID, Line, Problem
from ..sync.mapping import Mapping as Version
from ..sync.mapping.words import spelled
from ..sync.transforms import OTHER
from .formatting import number as figure
from .option_fields import told

SIDES = ("left", "right")
ARROWS = {"both": "↔", "to_right": "→", "to_left": "←"}
WINNERS = {"newest": "the newest wins", "ask": "a person is asked"}
BLANKS = {
    "keep": "An emptied field leaves the other side as it is", "clear": "An emptied field empties the other side",
    "default": "An emptied field writes a default",
}  # fmt: skip
TYPES = {
    "text": "text", "email": "e-mail", "phone": "telephone", "date": "day", "time": "moment", "number": "number",
    "money": "money", "boolean": "yes or no", "choice": "choice", "list": "list", "lines": "lines of a bill",
    "ref": "record",
}  # fmt: skip
STATES = {"draft": "Draft", "active": "Active", "paused": "Paused"}
STATUS = {"draft": "never", "active": "ok", "paused": "paused"}


@dataclass(frozen=True)
class End:
    """One side of a mapping for people."""

    side: str
    connection: Connection
    what: str  # "Clio contacts"
    records: str  # "contacts"
    resource: str
    fields: Mapping[str, Field]

    def named(self, name: str) -> Field:
        """A field by its name, also one that is gone upstream."""
        return self.fields.get(name) or Field(name, name.removeprefix("custom:"), type="text", writable=False)

    def knows(self, name: str) -> bool:
        return name in self.fields

    def label(self, names: str) -> str:
        """Fields by their labels, with commas."""
        return ", ".join(self.named(name).label for name in names.split(",") if name)


Ends = Mapping[str, End]


def ends_of(mapping: DataMapping, version: Version) -> dict[str, End]:
    """Both sides."""
    found = {}
    for side in SIDES:
        place = version.side(side)
        connection = mapping.left_connection if side == "left" else mapping.right_connection
        fields = {ID: Field(ID, "Id", writable=False)} | {one.name: one for one in mappings.fields_of(place)}
        kind = place.kind.label.lower()
        found[side] = End(side, connection, place.label, kind, place.resource, fields)
    return found


def direction(mapping: DataMapping) -> str:
    """Which way it goes, in words: in the version that runs use, else in the latest."""
    left, right = (side.label for side in mappings.sides(mapping))
    return {
        "both": f"{left} and {right}, both ways", "to_right": f"{left} to {right}",
        "to_left": f"{right} to {left}", "link": f"{left} and {right}, linked only",
    }[mappings.numbered(mapping, mapping.active_version).direction]  # fmt: skip


def winner(rule: str, ends: Mapping[str, End]) -> str:
    """Who wins when both sides changed the same field."""
    if rule in SIDES:
        return f"{_service(ends[rule])} wins" if _differ(ends) else f"the {rule} side wins"
    return WINNERS[rule]


def _service(end: End) -> str:
    return end.what.removesuffix(end.records).strip()


def _differ(ends: Mapping[str, End]) -> bool:
    return ends["left"].connection.service != ends["right"].connection.service


# -- the whole --------------------------------------------------------------------------------------------------------


def sentences(version: Version, ends: Mapping[str, End]) -> list[str]:
    """What it does, one sentence each."""
    said = []
    for towards in ("right", "left"):
        here, there = ends[OTHER[towards]], ends[towards]
        if not version.goes(towards):
            continue
        more = "is made there" if version.creates(towards) else "is left alone"
        said.append(f"What changes in {here.what} is written to {there.what}. One without a partner {more}.")
        if version.deletes(towards):
            said.append(f"When one of the {here.what} is deleted, its partner in {there.what} is deleted, too.")
    if version.direction == "link":
        said.append("Pairs are found and linked. Nothing is written on either side.")
    said += [filter_in_words(one, ends) for one in version.filters]
    if version.keys:
        said.append(f"Two records are a pair when they have {_either([key_in_words(k, ends) for k in version.keys])}.")
    if version.direction == "link":
        return said
    said.append(f"When both sides changed the same field, {winner(version.rule, ends)}; both values are kept.")
    said.append(f"At most {figure(version.options.write_cap)} writes a run.")
    if own := version.options.brake_creates:
        said.append(f"A run that would make {figure(own)} new records unannounced stops and asks.")
    return said


def _either(words: list[str]) -> str:
    return " or, failing that, ".join(words)


def key_in_words(key: Mapping[str, Any], ends: Mapping[str, End]) -> str:
    """A match key as the end of a sentence."""
    left, right = (ends[side].label(key.get(side) or "") for side in SIDES)
    what = {
        "field": f"the same value in {left} and {right}", "email": "the same e-mail address",
        "phone": "the same telephone number", "name": "the same name and one more fact in common",
        "link": "been linked by another mapping",
    }  # fmt: skip
    return what[key["by"]]


def filter_in_words(one: Mapping[str, Any], ends: Mapping[str, End]) -> str:
    """A filter as a sentence."""
    end = ends[one["side"]]
    label = end.label(one["field"])
    values = " or ".join(map(spelled, one.get("values", ())))
    holds = {"in": f"is {values}", "not in": f"is not {values}", "empty": "is empty", "filled": "is filled"}
    return f"Only those of the {end.what} whose {label} {holds[one.get('is', 'in')]} are linked or made anew."


def _plain(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


# -- lines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line as the editor shows it."""

    number: int
    line: Line
    left: list[Field]
    right: list[Field]
    options: list[str]
    winner: str
    blank: str
    note: str
    problems: list[Problem] = field(default_factory=list)
    carried: Carried | None = None

    @property
    def arrow(self) -> str:
        return ARROWS[self.line.direction]

    @property
    def way(self) -> str:
        """The arrow in words."""
        return {"both": "both ways", "to_right": "to the right", "to_left": "to the left"}[self.line.direction]


def rows(
    version: Version, ends: Mapping[str, End], notes: Iterable[str], problems: Iterable[Problem] = (),
    sample: Sample | None = None,
) -> list[Row]:  # fmt: skip
    """Every line, numbered from 1."""
    problems = list(problems)
    return [
        Row(
            place, line, [ends["left"].named(name) for name in line.left],
            [ends["right"].named(name) for name in line.right], line_options(line),
            winner(line.winner, ends).capitalize() if line.winner else "", BLANKS[line.blank], note,
            [one for one in problems if one.line == line.key], sample.lines[place - 1] if sample else None,
        )
        for place, (line, note) in enumerate(zip(version.lines, notes, strict=True), 1)
    ]  # fmt: skip


def named(places: Iterable[tuple[str, Field | None, Any]], ends: Ends) -> Callable[[str, Field | None, Any], Any]:
    """Tells a value of a side's field by the name of the record it refers to, for all of these."""
    names = Named((ends[side].connection.id, one, value) for side, one, value in places)
    return lambda side, one, value: names(ends[side].connection.id, one, value)


def sampled(rows: Iterable[Row], side: str) -> Iterator[tuple[str, Field | None, Any]]:
    """Every value of the sample, a record of that side, in these lines."""
    for row in rows:
        ours, theirs = (row.left, row.right) if side == "left" else (row.right, row.left)
        if row.carried:
            yield from ((side, one, value) for one, value in zip(ours, row.carried.source, strict=False))
            for one in theirs[:1]:
                yield from ((OTHER[side], one, value) for value in (row.carried.result, row.carried.there))


def line_options(line: Line) -> list[str]:
    """A line's options that say something, each as a phrase."""
    flow = FLOWS.get(getattr(line.options, "flow", ""))
    said = [text.replace(flow.key, f"“{flow.label}”") if flow else text for text in told(line.options)]
    if line.only_create:
        said.append("only when the record is made")
    if line.blank == "default" and line.default is not None:
        said.append(f"default: {_plain(line.default)}")
    return said


def shown(value: Any) -> str:
    """A plain value as text; "" when there is nothing."""
    if value is MISSING or value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(text for one in value if (text := shown(one)))
    if isinstance(value, Mapping):
        return line_in_words(value) if "amount" in value else ", ".join(filter(None, map(shown, value.values())))
    return _plain(value)


Clashes = list[tuple[str, str, str]]

_UNSHOWN = {"seen_at", "options_for", "look"}  # fields of a form that say nothing of the mapping


def clashes(sent: Mapping[str, str], now: Mapping[str, str]) -> Clashes:
    """Where a form and what is saved by now differ: what the field is called, what was written, what is there."""
    names = [name for name in sent if name not in _UNSHOWN and sent[name] != now.get(name, "")]
    return [(_called(name), sent[name], now.get(name, "")) for name in names]


def _called(name: str) -> str:
    said = name.removeprefix("o-").replace("-", " ").replace("_", " ")
    return said[:1].upper() + said[1:]


def field_groups(end: End) -> dict[str, list[tuple[str, str]]]:
    """An end's fields for a select list: group -> [(name, label with what it is)], the required first."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in sorted(end.fields.values(), key=lambda f: (not f.required,)):
        marks = [TYPES.get(one.type, one.type)]
        marks += ["required"] if one.required else []
        marks += ["read only"] if not one.writable else []
        number = f" {one.name.removeprefix('custom:')}" if one.name.startswith("custom:") else ""
        groups.setdefault(one.group or "", []).append((one.name, f"{one.label}{number} ({', '.join(marks)})"))
    return groups


def seen(text: str) -> datetime:
    """The version the person looked at, by when it was changed. Raises InvalidInput."""
    try:
        if at := clock.parse(text):
            return at
    except ValueError:
        pass
    raise InvalidInput("This form does not say which version it is about. Open the page again.", field="seen_at")


def put_aside(mapping: DataMapping) -> str:
    """What became of the draft whose place another took; nothing when there was none."""
    before = mappings.put_aside(mapping)
    return f" The draft before it was put aside: it stays as version {before.number}." if before else ""
