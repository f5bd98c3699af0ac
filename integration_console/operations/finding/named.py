"""What values refer to: the "31" of a matter's client is "Ana Ruiz", where we hold a copy of that contact."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, or_, select

from ...models import Record, db
from ...services.writing import Field

_AWAITED = re.compile(
    r"(?<=This waits until )(\w+) (\S+)(?= is linked with the other side\.)"
)  # as errors.Wait says it

Place = tuple[int, Field | None, Any]  # the connection, one of its fields, a value of it
Ref = tuple[int, str, str]  # the connection, the resource, the id there


class Named:
    """The names of all records that some values refer to, read together."""

    def __init__(self, places: Iterable[Place] = ()) -> None:
        self._names = _names({ref for place in places if (ref := _ref(*place))})

    def __call__(self, connection_id: int, field: Field | None, value: Any) -> Any:
        """The value; with its name where it refers to a record we hold: "Ana Ruiz (31)"."""
        ref = _ref(connection_id, field, value)
        name = self._names.get(ref) if ref else None
        return f"{name} ({value})" if name else value


class Awaited:
    """Why records wait, with the names of the records they wait for, read together."""

    def __init__(self, waiting: Iterable[tuple[int, str | None]] = ()) -> None:
        found = ((number, match) for number, why in waiting for match in _AWAITED.finditer(why or ""))
        self._names = _names({(number, match[1], match[2]) for number, match in found})

    def __call__(self, connection_id: int, why: str) -> str:
        """The reason; with "contacts Ana Ruiz (31)" for "contacts 31" where we hold a copy of that contact.

        connection_id: of the record that waits.
        """

        def with_name(match: re.Match[str]) -> str:
            name = self._names.get((connection_id, match[1], match[2]))
            return f"{match[1]} {name} ({match[2]})" if name else match[0]

        return _AWAITED.sub(with_name, why)


def _ref(connection_id: int, field: Field | None, value: Any) -> Ref | None:
    refers = field is not None and field.of and isinstance(value, str | int) and value != ""
    return (connection_id, field.of, str(value)) if refers else None  # type: ignore[union-attr,return-value]


def _names(refs: set[Ref]) -> dict[Ref, str]:
    if not refs:
        return {}
    numbers: dict[tuple[int, str], set[str]] = {}
    for connection_id, resource, number in refs:
        numbers.setdefault((connection_id, resource), set()).add(number)
    theirs = [
        and_(Record.connection_id == connection_id, Record.resource == resource, Record.external_id.in_(of))
        for (connection_id, resource), of in numbers.items()
    ]
    query = select(Record.connection_id, Record.resource, Record.external_id, Record.label).where(or_(*theirs))
    return {(row[0], row[1], row[2]): row.label for row in db.session.execute(query) if row.label}
