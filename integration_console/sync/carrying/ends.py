"""The two ends of a mapping: whose records they are, and how they read in plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ...models import Record
from ...services.base import Resource, Service, Upstream
from ...services.writing import CUSTOM, Field, by_name
from .verdict import Half

COLUMNS = (
    Record.id, Record.external_id, Record.label, Record.data, Record.content_hash, Record.updated_at, Record.deleted_at,
)  # fmt: skip
AT_ONCE = 500  # records held in memory together


@dataclass(frozen=True)
class End:
    """One side of a mapping."""

    side: str  # left, right
    connection_id: int
    service: Service
    resource: Resource
    custom: Sequence[Mapping[str, Any]] = ()  # the account's definitions of custom fields
    upstream: Upstream | None = None  # none where nothing is sent: a preview

    def fields(self) -> list[Field]:
        """What can be mapped at this end."""
        return self.service.writing.fields(self.resource.key, self.custom)

    @cached_property
    def once(self) -> tuple[Field, ...]:
        """The fields in which no two records may hold the same."""
        return tuple(one for one in self.fields() if one.once)

    def called(self, names: Iterable[str]) -> str:
        """What people call these fields: "First name, City"."""
        known = by_name(self.fields())
        return ", ".join(known[name].label if name in known else name for name in names)

    @property
    def needs(self) -> str:
        """How the reason begins why a record cannot be made here."""
        return f"{self.service.label} needs "

    def missing(self, given: Iterable[str]) -> str:
        """What a record has to have here and is not among these fields."""
        there = set(given)
        return ", ".join(one.label for one in self.fields() if one.required and one.name not in there)

    def plain(self, external_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """A record in plain values; `id` is always among them."""
        writing = self.service.writing
        whole = writing.completed(data, self.custom)
        plain = {"id": external_id, **writing.plain(self.resource.key, whole)}
        if self.custom and plain.get(CUSTOM):
            plain[CUSTOM] = self._customs
        return plain

    @cached_property
    def _customs(self) -> dict[str, bool]:
        """The custom fields there are: only of these a record says that they are empty."""
        return {one.name: True for one in self.fields() if one.name.startswith(CUSTOM)}

    def seen(self, row: Any) -> Seen:
        """A row of COLUMNS as the engine looks at it."""
        plain = self.plain(row.external_id, row.data)
        return Seen(row.id, row.external_id, row.label, row.data, row.content_hash, row.updated_at, plain)

    def all(self, session: Session, *more: Any) -> Iterator[Seen]:
        """Its live records by their number, a few hundred at a time."""
        query: Select = select(*COLUMNS).where(
            Record.connection_id == self.connection_id, Record.resource == self.resource.key,
            Record.deleted_at.is_(None), *more,
        )  # fmt: skip
        last = 0
        while rows := session.execute(query.where(Record.id > last).order_by(Record.id).limit(AT_ONCE)).all():
            yield from map(self.seen, rows)
            last = rows[-1].id

    def some(self, session: Session, record_ids: Sequence[int]) -> dict[int, Seen]:
        """Records by number, deleted ones left out."""
        found: dict[int, Seen] = {}
        for start in range(0, len(record_ids), AT_ONCE):
            chosen = select(*COLUMNS).where(
                Record.id.in_(record_ids[start : start + AT_ONCE]), Record.deleted_at.is_(None)
            )
            found |= {row.id: self.seen(row) for row in session.execute(chosen)}
        return found


@dataclass(frozen=True)
class Seen:
    """One record as the engine looks at it."""

    record_id: int
    external_id: str
    label: str
    data: Mapping[str, Any]
    hash: bytes | None  # None: not to be taken for compared
    changed_at: datetime | None
    plain: dict[str, Any]

    def half(self) -> Half:
        """As one side of a comparison."""
        return Half(self.plain, self.changed_at, self.record_id)

    def uncompared(self) -> Seen:
        """The same, to be compared by the next run that looks at its pair."""
        return replace(self, hash=None)
