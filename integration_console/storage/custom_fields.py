"""The dates in a matter's custom fields, told by the database: they are in a list, which no index can know."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, FromClause, case, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONPATH

from ..models import Record
from ..models.base import Json

_SHAPE = "____-__-__%"
_VALUE = column("value", Json)
_LISTED: dict[str, FromClause] = {
    "sqlite": func.json_each(Record.data, "$.custom_field_values").table_valued(_VALUE, name="one"),
    "postgresql": func.jsonb_path_query(Record.data, cast("$.custom_field_values[*]", JSONPATH))
    .table_valued(_VALUE, name="one")
    .render_derived(),
}


def earliest_day(kind: str, own: ColumnElement[str], field_ids: Iterable[str]) -> ColumnElement[str]:
    """The earliest of a record's own day and the dates in these fields of it; NULL where there is none.

    kind: the database. own: ten letters. field_ids: as Clio numbers them.
    """
    one = _LISTED[kind]
    said, of = one.c.value["value"].as_string(), one.c.value[("custom_field", "id")].as_string()
    day = func.substr(said, 1, 10)
    days = select(func.min(case((own <= day, own), else_=day))).select_from(one)
    return func.coalesce(days.where(of.in_([*field_ids]), said.like(_SHAPE)).scalar_subquery(), own)
