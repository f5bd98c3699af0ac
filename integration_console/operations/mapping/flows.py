"""The ready mappings: made as drafts where both services are connected, and what is missing where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from ... import services
from ...errors import Conflict, NotFound
from ...models import Connection, DataMapping, Record, db
from ...services.writing import CUSTOM, Field
from ...sync.flows import FLOWS, Custom, Flow, line
from . import mappings, pairs, versions

ALIKE = {"text": "copy", "number": "copy", "email": "email", "phone": "phone", "date": "date", "choice": "custom"}
TEXTS = ("text", "text_line", "text_area", "txt", "large_text")  # kinds of custom fields that hold text


@dataclass(frozen=True)
class Offer:
    """One ready mapping, the mappings made of it, and what it still needs, in sentences."""

    flow: Flow
    mappings: list[DataMapping]
    missing: list[str]


def offered(made: Iterable[DataMapping], accounts: Iterable[Connection | Row]) -> list[Offer]:
    """Every ready mapping, with those of all mappings that were made of it, and what keeps it from being made."""
    made, connected = list(made), Counter(one.service for one in accounts if one.status == "connected")
    return [
        Offer(flow, [mapping for mapping in made if mapping.flow == flow.key], _missing(flow, connected))
        for flow in FLOWS.values()
    ]


def ensure() -> list[DataMapping]:
    """Make a draft of each ready mapping whose two services have one connected account each; the new ones.

    It is the console that makes them, whoever looks: what a person changed bears that person's name. Doing it again
    makes nothing twice. A draft nobody has touched is brought up to date with the firm's custom fields, which may be
    read only after it was made.
    """
    new = []
    for flow in FLOWS.values():
        left, right = (_connected(service) for service, _ in (flow.left, flow.right))
        if len(left) != 1 or len(right) != 1:
            continue
        known = _made(flow, left[0], right[0])
        if known is None:
            new.append(create(flow.key, left[0], right[0], by=versions.MAKER))
        elif _untouched(known):
            versions.replace(known, _document(flow, left[0], right[0]), by=versions.MAKER)
    return new


def create(flow_key: str, left: Connection, right: Connection, *, by: str) -> DataMapping:
    """Make a draft of a ready mapping between two connections.

    Raises NotFound when there is no such flow, Conflict when these two have it already.
    """
    flow = FLOWS.get(flow_key)
    if flow is None:
        raise NotFound(f"There is no ready mapping {flow_key!r}. There are: {', '.join(FLOWS)}.")
    if _made(flow, left, right):
        raise Conflict(f"{left.name} and {right.name} have this mapping already.")
    return mappings.create(_document(flow, left, right), left, right, by=by)


def _document(flow: Flow, left: Connection, right: Connection):
    by_side = {"left": left, "right": right}
    return flow.document(lambda wanted: _custom_field(by_side[wanted.side], wanted), _same_custom(flow, left, right))


def _same_custom(flow: Flow, left: Connection, right: Connection) -> Iterator[dict[str, Any]]:
    """A line both ways for each field the firm made on both sides under one name, for values of one kind."""
    if not flow.same_custom:
        return
    theirs = {(one.label.casefold().strip(), one.type): one for one in _own_fields(right, flow.right[1])}
    for one in _own_fields(left, flow.left[1]):
        if other := theirs.pop((one.label.casefold().strip(), one.type), None):
            yield line(one.name, other.name, transform=ALIKE[one.type])


def _own_fields(connection: Connection, resource: str) -> list[Field]:
    """Money is left out: a person adds it, and a second one approves."""
    every = pairs.side(connection, resource).fields.values()
    return [one for one in every if one.name.startswith(CUSTOM) and one.writable and one.type in ALIKE]


def _made(flow: Flow, left: Connection, right: Connection) -> DataMapping | None:
    query = select(DataMapping).filter_by(flow=flow.key, left_connection_id=left.id, right_connection_id=right.id)
    return db.session.scalar(query.order_by(DataMapping.id).limit(1))


def _untouched(mapping: DataMapping) -> bool:
    """Whether it is as the console made it: one draft, changed and previewed by nobody."""
    (first, *later) = mapping.versions
    names = {mapping.created_by, first.changed_by}
    return not later and first.state == "draft" and names == {versions.MAKER} and not first.preview


def _connected(service: str) -> list[Connection]:
    return list(db.session.scalars(select(Connection).filter_by(service=service, status="connected")))


def _missing(flow: Flow, connected: Mapping[str, int]) -> list[str]:
    said = []
    for service in dict.fromkeys((flow.left[0], flow.right[0])):
        count, label = connected.get(service, 0), services.by_key(service).label
        if not count:
            said.append(f"Connect {label} first.")
        elif count > 1:
            said.append(f"There are {count} {label} connections: choose the one this mapping is for.")
    return said


def _custom_field(connection: Connection, wanted: Custom) -> str | None:
    """The definition's id: by its name, else by a word in it; never one of another kind or one that was deleted."""
    query = select(Record.external_id, Record.data).where(
        Record.connection_id == connection.id, Record.resource == "custom_fields", Record.deleted_at.is_(None)
    )
    fitting = [
        (number, str(data.get("name") or "").strip())
        for number, data in db.session.execute(query.order_by(Record.id))
        if str(data.get("parent_type") or data.get("model") or "").casefold() == wanted.parent.casefold()
        and str(data.get("field_type") or data.get("dataType") or "").casefold() in TEXTS
        and not data.get("deleted")
    ]
    for number, name in fitting:
        if name.casefold() in wanted.names:
            return number
    taken = {name for other in _named() for name in other.names}
    return next((number for number, name in fitting if wanted.fits(name) and name.casefold() not in taken), None)


def _named() -> list[Custom]:
    """The custom fields that are known by their whole name: no other takes them for a word in it."""
    return [custom for flow in FLOWS.values() for custom, _ in flow.custom_lines if custom.names]
