"""One kind of record a service holds, how to list it, and what one reading of it is to fetch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter

from ..transport.paging import Paging, Whole, value_at
from .shapes import Column, UpstreamRecord, columns, field_list, lean


@dataclass(frozen=True)
class Span:
    """A stretch of time, both ends included."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Reading:
    """What one walk over a resource is to fetch."""

    full: bool
    now: datetime
    since: datetime | None = None  # an increment: what changed at or after this
    cursor: Any | None = None  # where an interrupted walk goes on
    owner: str | None = None  # the record whose list this is, for resources with `per`
    state: Mapping[str, Any] = field(default_factory=dict)  # what the service remembered of this resource


@dataclass(eq=False)
class Resource:
    """One kind of record a service holds, and how to list it."""

    path: str  # "/matters"; may name settings and {owner}: "/workspaces/{workspace_id}/projects"
    model: type[UpstreamRecord]
    paging: Paging = field(default_factory=Whole)
    label: str = ""  # "Matters"; made from the key when empty
    title: str = "name"  # where in a record its name for people is; "a b|c" is a and b, or c where both are empty
    id: str = "id"
    changed: str | None = "updated_at"  # where the upstream's own time of change is; None when it sends none
    since: str | None = None  # the parameter that narrows a list to changes; None when there is none
    one: str | None = None  # "/matters/{id}", for reading a single record; "" when only the list holds it
    one_by: str | None = None  # the list's parameter that picks one record, where records have no address of their own
    items_at: str | None = None  # where in an answer the list is; None when the answer is the list
    item_at: str | None = None  # where in a single record's answer the record is
    count_at: str | None = None  # where the upstream's own count is
    params: Mapping[str, Any] = field(default_factory=dict)
    splits: tuple[Mapping[str, Any], ...] = ({},)  # a list that must be asked for in parts, with each part's parameters
    headers: Mapping[str, str] = field(default_factory=dict)
    reference: bool = False  # rarely changes: read at most once an hour unless asked
    per: str | None = None  # listed under each record of this resource
    asks_per: str | None = None  # one list to us, though it takes a call for each record of this resource
    lists: int = 1  # that one read asks for, where it is one list to us
    # Where in a record that record's id is, for reads that list all owners' together; without `per`, the id of what it
    # was made of: records are found by it.
    owner_at: str | None = None
    per_changed: bool = False  # an increment asks only for owners that changed
    outlives: bool = False  # its records are there when the one they are listed under is not any more
    starts: str | None = None  # where the time a record takes place is, for resources read by window
    trailing: timedelta | None = None  # an increment re-reads this much and compares
    changes_kept: timedelta | None = None  # changes are told apart from the list, for so long; later all is read again
    lag: timedelta = timedelta(0)  # how long its list may not show yet what a single read or a write's answer showed
    trust: bool = False  # client trust money: shown, never written (W8)
    key: str = ""  # "matters", from the name it is given in its service

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = self.key or name
        self.label = self.label or name.replace("_", " ").capitalize()

    def __post_init__(self) -> None:
        self._titles = [[value_at(path) for path in alternative.split()] for alternative in self.title.split("|")]
        self._id_of, self.owner_of = value_at(self.id), value_at(self.owner_at)
        self.start_of, self.change_of = value_at(self.starts), value_at(self.changed)

    @cached_property
    def validate(self) -> Callable[[Any], Any]:
        """Raises pydantic's ValidationError for a record of another shape; what it returns is of no use to us."""
        return TypeAdapter(lean(self.model)).validator.validate_python

    @property
    def lists_everything(self) -> bool:
        """Every read of this list is a full one, so each proves what is gone."""
        return self.since is None and self.trailing is None and not self.per_changed and self.changes_kept is None

    @property
    def shifts(self) -> bool:
        """A record may slip from one page to another while the list is read, and not be met."""
        return getattr(self.paging, "shifts", False)

    def columns(self) -> list[Column]:
        """The typed columns of the model; nested objects flattened one level: client{name} -> client_name."""
        return list(columns(self.model))

    def field_list(self) -> str:
        """The model as a list of fields to ask for: `id,etag,client{id,name}`."""
        return field_list(self.model)

    def name_of(self, record: Mapping[str, Any]) -> str:
        """What a person calls this record, at most 200 characters; its id when it has no name."""
        for parts in self._titles:
            words = [str(value) for part in parts if (value := part(record)) not in (None, "")]
            if words and (name := " ".join(words)):
                return name[:200]
        return str(self._id_of(record) or "")[:200]
