"""What transforms may look up, answered from our own copies: one query for each list, asked for when first needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, Select, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from .. import clock, services
from ..models import Checkpoint, DataMapping, Record, RecordLink
from ..services.writing import CUSTOM, value_of
from .mapping import Mapping, MappingOptions
from .transforms import World, empty, folded, text_of
from .transforms.matter_numbers import numbers_in

__all__ = ["PROJECTS_FLOW", "Detect", "Look", "StoredWorld", "World"]

Look = Callable[[], AbstractContextManager[Session]]  # a transaction that only reads
Detect = Callable[[str], tuple[str | None, float, str]]  # text -> practice area, how sure from 0 to 1, why

PROJECTS_FLOW = "clio_matters_clockify_projects"  # its links say which matter a Clockify project is
MOST_UNMATCHED = 1000  # different values remembered of one run
BATCH = 2000

Table = tuple[dict[str, Any], dict[str, str | None]]  # upstream id -> value; compared value -> the only id, else None


class StoredWorld:
    """One mapping's world. Caches for as long as it lives: make one for each run, or call `forget`."""

    def __init__(self, look: Look, mapping: Mapping, *, zone: str = "UTC", detect: Detect | None = None) -> None:
        self.look, self.mapping, self.detect = look, mapping, detect
        self.zone = ZoneInfo(mapping.options.zone or zone)
        self.unmatched: Counter[tuple[str, str]] = Counter()  # (field, value) -> how often; storage.unmatched keeps it
        self.forget()

    @property
    def options(self) -> MappingOptions:
        """The mapping's own options."""
        return self.mapping.options

    def forget(self) -> None:
        """Look everything up anew from now on: links were made, records were read."""
        self._links: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self._flows: dict[str, Row | None] = {}
        self._tables: dict[tuple[int, str, str], Table] = {}
        self._owned: dict[tuple[int, str, str], dict[str, list[int]]] = {}
        self._areas: dict[str, str | None] = {}
        self._numbers: dict[str, dict[str, set[str]]] = {}
        self.__dict__.pop("_choices", None)

    def note_unmatched(self, field: str, value: str) -> None:
        """Remember a value nobody knew; the caller keeps them with storage.unmatched.add."""
        key = (field[:300], value[:300])
        if key in self.unmatched or len(self.unmatched) < MOST_UNMATCHED:
            self.unmatched[key] += 1

    # -- links --------------------------------------------------------------------------------------------------------

    def linked_id(self, flow: str, side: str, external_id: str) -> str | None:
        """The partner of a record that lies on this side of another mapping; None when it has none yet.

        flow: the flow's key, or the mapping's number. Only mappings between the same two connections count.
        """
        if flow not in self._links:
            self._links[flow] = self._pairs(flow)
        return self._links[flow][0 if side == "left" else 1].get(external_id)

    def link_resource(self, flow: str, side: str) -> str:
        """What lies on this side of that mapping; "records" when there is no such mapping."""
        found = self._mapping_of(flow)
        return "records" if found is None else found.left_resource if side == "left" else found.right_resource

    def _pairs(self, flow: str) -> tuple[dict[str, str], dict[str, str]]:
        found = self._mapping_of(flow)
        if found is None:
            return {}, {}
        left, right = aliased(Record), aliased(Record)
        query = (
            select(left.external_id, right.external_id)
            .select_from(RecordLink)
            .join(left, left.id == RecordLink.left_record_id)
            .join(right, right.id == RecordLink.right_record_id)
            .where(RecordLink.mapping_id == found.id, RecordLink.state == "linked")
        )
        there: dict[str, str] = dict(self._rows(query))
        return there, {theirs: ours for ours, theirs in there.items()}

    def _mapping_of(self, flow: str) -> Row | None:
        """Of several, the one that is switched on, else the oldest."""
        if flow not in self._flows:
            left, right = self.mapping.left.connection_id, self.mapping.right.connection_id
            ends = (DataMapping.left_connection_id, DataMapping.right_connection_id)
            query = (
                select(DataMapping.id, DataMapping.left_resource, DataMapping.right_resource)
                .where(DataMapping.id == int(flow) if flow.isdecimal() else DataMapping.flow == flow)
                .where(tuple_(*ends).in_([(left, right), (right, left)]))
                .order_by(DataMapping.state != "active", DataMapping.id)
            )
            self._flows[flow] = next(iter(self._rows(query)), None)
        return self._flows[flow]

    # -- fields of other records --------------------------------------------------------------------------------------

    def value_of(self, side: str, resource: str, external_id: str, field: str) -> Any:
        """A field of a record of the connection on this side; None when there is nothing."""
        return self._table(side, resource, field)[0].get(external_id)

    def id_of(self, side: str, resource: str, field: str, value: str) -> str | None:
        """The only record there whose field holds this value, however it is capitalised."""
        return self._table(side, resource, field)[1].get(folded(value))

    def under(self, side: str, resource: str, field: str, external_id: str) -> list[dict[str, Any]]:
        """The live records whose field names that record, as they came, oldest first."""
        key = (self.mapping.side(side).connection_id, resource, field)
        if key not in self._owned:
            self._owned[key] = self._by_owner(*key)
        wanted = select(Record.data).where(Record.id.in_(self._owned[key].get(external_id, ())))
        return [data for (data,) in self._rows(wanted.order_by(Record.id))]

    def was_read_before(self, side: str, resource: str, other: str, external_id: str) -> bool:
        """Whether that list was read last before that record of another one came as it is now."""
        of: Any = self.mapping.side(side).connection_id
        with self.look() as session:
            state = session.scalar(select(Checkpoint.state).filter_by(connection_id=of, resource=resource))
            known = select(Record.written_at).filter_by(connection_id=of, resource=other, external_id=external_id)
            came = session.scalar(known)
        begun = clock.parse((state or {}).get("begun"))
        return came is not None and (begun is None or begun < came)

    def _by_owner(self, connection_id: int, resource: str, field: str) -> dict[str, list[int]]:
        """Which records lie under which: their numbers only, so that all of a firm's fit."""
        query = select(Record.data[tuple(field.split("."))].as_string(), Record.id).where(
            Record.connection_id == connection_id, Record.resource == resource, Record.deleted_at.is_(None)
        )
        found: dict[str, list[int]] = {}
        for owner, number in self._rows(query):
            found.setdefault(owner, []).append(number)
        return found

    def _table(self, side: str, resource: str, field: str) -> Table:
        end = self.mapping.side(side)
        key = (end.connection_id, resource, field)
        if key not in self._tables:
            values = {number: value for number, value in self._values(*key, end.service) if not empty(value)}
            self._tables[key] = (values, _only(values.items()))
        return self._tables[key]

    def _values(self, connection_id: int, resource: str, field: str, service: str) -> Iterator[tuple[str, Any]]:
        writing = services.by_key(service).writing
        of = select(Record.external_id).where(
            Record.connection_id == connection_id, Record.resource == resource, Record.deleted_at.is_(None)
        )
        if field.startswith(CUSTOM) or field in {one.name for one in writing.fields(resource)}:
            for number, data in self._rows(of.add_columns(Record.data)):
                yield number, value_of(writing.plain(resource, data), field) or None
        else:
            yield from self._rows(of.add_columns(Record.data[tuple(field.split("."))].as_string()))

    def _rows(self, query: Select) -> Iterator[Any]:
        with self.look() as session:
            yield from session.execute(query.execution_options(yield_per=BATCH))

    # -- custom fields' choices ---------------------------------------------------------------------------------------

    def choice_text(self, side: str, field: str, value: str) -> str:
        """The words of a choice of a custom field; the value itself where choices have no ids."""
        return self._choices_of(side, field).get(value, value)

    def choice_id(self, side: str, field: str, text: str) -> str | None:
        """The choice with these words as that side writes it; None when there is none."""
        choices = self._choices_of(side, field)
        if not choices:
            return text  # a field of free text
        return next((number for number, words in choices.items() if folded(words) == folded(text)), None)

    def _choices_of(self, side: str, field: str) -> dict[str, str]:
        return self._choices.get((side, field.removeprefix(CUSTOM)), {})

    @cached_property
    def _choices(self) -> dict[tuple[str, str], dict[str, str]]:
        """(side, definition's id) -> {choice as it is written: its words}."""
        found = {}
        for side in ("left", "right"):
            query = select(Record.external_id, Record.data).where(
                Record.connection_id == self.mapping.side(side).connection_id, Record.resource == "custom_fields"
            )
            for number, data in self._rows(query):
                found[(side, number)] = dict(_choices(data))
        return found

    # -- legal work ---------------------------------------------------------------------------------------------------

    def practice_area_id(self, side: str, text: str) -> str | None:
        """The firm's practice area a text is about; None when not sure, or when the firm has none of that name."""
        if text not in self._areas:
            area = self.detect(text)[0] if self.detect else None
            found = self.id_of(side, "practice_areas", "name", area) if area else None
            if area and found is None:
                self.note_unmatched("practice area", area)
            self._areas[text] = found
        return self._areas[text]

    def matter_of_time(self, side: str, project: str | None, description: str | None) -> str | None:
        """The matter that time is for: the project's link, else the one matter whose number the description names.

        Numbers of several matters name none.
        """
        linked = self.linked_id(PROJECTS_FLOW, "right", project) if project else None
        if linked is not None or not description:
            return linked
        numbers = (_number(number) for number in numbers_in(description, self.options.number_patterns))
        found = {matter for number in numbers for matter in self._matters(side).get(number, ())}
        return found.pop() if len(found) == 1 else None

    def _matters(self, side: str) -> dict[str, set[str]]:
        """Number as a description may write it -> the matters known by it."""
        if side not in self._numbers:
            fields = [Record.data[name].as_string() for name in ("display_number", "custom_number", "number")]
            query = select(Record.external_id, *fields).where(
                Record.connection_id == self.mapping.side(side).connection_id, Record.resource == "matters",
                Record.deleted_at.is_(None), or_(*(field.is_not(None) for field in fields)),
            )  # fmt: skip
            found: dict[str, set[str]] = {}
            for external_id, *numbers in self._rows(query):
                for number in filter(None, map(_number, numbers)):
                    found.setdefault(number, set()).add(external_id)
            self._numbers[side] = found
        return self._numbers[side]


def _only(pairs: Iterable[tuple[str, Any]]) -> dict[str, str | None]:
    """Compared value -> the only id that has it; None where several have."""
    found: dict[str, str | None] = {}
    for number, value in pairs:
        for one in value if isinstance(value, list) else [value]:
            fold = folded(one)
            found[fold] = None if fold in found and found[fold] != number else number
    return found


def _number(text: Any) -> str:
    """A matter number as it is compared: 00012 is 12."""
    fold = folded(text)
    return fold.lstrip("0") if fold.isdecimal() else fold


def _choices(definition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Clio's choices have ids; others' are plain words, or have a name of their own."""
    for one in definition.get("picklist_options") or definition.get("picklistOptions") or ():
        if isinstance(one, dict):
            words = text_of(one.get("option") or one.get("label") or one.get("name"))
            yield text_of(one.get("id") or words), words
        else:
            yield text_of(one), text_of(one)
