"""Reporting views: a table for every resource, named `<service>_<resource>`, with typed columns instead of JSON.

They follow from the service declarations, not from migrations: `flask db upgrade` drops them, migrates, and makes them
anew. A value that does not fit its column's type is NULL there; the record itself keeps it. Deleted records are left
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

MARK = "Reporting view of the integration console"  # by which ours are told from a firm's own
LONGEST_NAME = 63  # PostgreSQL cuts longer ones
OURS = ("record_id", "connection_id", "external_id", "updated_at")


class Field(Protocol):
    """One column as a service declares it; see services.base.Column."""

    @property
    def name(self) -> str: ...  # clientName
    @property
    def path(self) -> tuple[str, ...]: ...  # ("client", "name")
    @property
    def type(self) -> str: ...  # text, integer, number, money, boolean, date, time, json


Declared = Iterable[tuple[str, str, Sequence[Field]]]  # service, resource, its fields


def create(connection: Connection, declared: Declared) -> None:
    """Make every view, where there is a table of records to look at."""
    if not inspect(connection).has_table("record"):
        return
    if connection.dialect.name == "postgresql":
        for function in _FUNCTIONS:
            connection.exec_driver_sql(function)
    for service, resource, fields in declared:
        connection.exec_driver_sql(_view(connection.dialect.name, service, resource, fields))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"COMMENT ON VIEW {_named(f'{service}_{resource}')} IS '{MARK}'")


def drop(connection: Connection) -> None:
    """Drop every view of ours, also of services that are no longer there."""
    for name in names(connection):
        connection.exec_driver_sql(f"DROP VIEW {_named(name)}")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP FUNCTION IF EXISTS console_date(text), console_time(text)")


def names(connection: Connection) -> list[str]:
    """Our views that are there."""
    if connection.dialect.name == "postgresql":
        query = f"""
            SELECT relname FROM pg_class
            WHERE relkind = 'v' AND pg_table_is_visible(oid) AND obj_description(oid, 'pg_class') = '{MARK}'
        """
    else:
        query = f"SELECT name FROM sqlite_master WHERE type = 'view' AND instr(sql, '{MARK}') > 0"
    return sorted(name for (name,) in connection.exec_driver_sql(query))


def column_names(fields: Sequence[Field]) -> Iterator[tuple[str, Field]]:
    """A name in the view for every field: in snake_case, short enough, and no two alike.

    A field called as one of our own columns steps back: `external_id` becomes `external_id_2`. The upstream's own
    `updated_at` is ours already.
    """
    taken = set(OURS)
    for field in fields:
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field.name).lower()[: LONGEST_NAME - 3]
        if plain == "updated_at" and field.type == "time":
            continue
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        yield name, field


def _view(dialect: str, service: str, resource: str, fields: Sequence[Field]) -> str:
    typed = _typed_postgresql if dialect == "postgresql" else _typed_sqlite
    columns = "".join(f"    {typed(field)} AS {_named(name)},\n" for name, field in column_names(fields))
    return f"""
CREATE VIEW {_named(f"{service}_{resource}")} AS /* {MARK} */ SELECT
    record.id AS record_id,
    record.connection_id AS connection_id,
    record.external_id AS external_id,
{columns}    record.updated_at AS updated_at
FROM record JOIN connection ON connection.id = record.connection_id
WHERE connection.service = {_text(service)} AND record.resource = {_text(resource)} AND record.deleted_at IS NULL
"""


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# -- PostgreSQL -----------------------------------------------------------------------------------------------------

# A date may look right and be none, as February 31: only trying tells, and a failed try must not fail the query.
_FUNCTION = """
    CREATE OR REPLACE FUNCTION console_{name}(value text) RETURNS {kind}
    LANGUAGE plpgsql STABLE SET timezone TO 'UTC' AS $$
    BEGIN
        RETURN CASE WHEN value ~ '^\\d{{4}}-\\d{{2}}-\\d{{2}}' THEN {value}::{kind} END;
    EXCEPTION WHEN data_exception THEN
        RETURN NULL;
    END $$
"""
_FUNCTIONS = (
    _FUNCTION.format(name="date", kind="date", value="left(value, 10)"),
    _FUNCTION.format(name="time", kind="timestamptz", value="value"),
)
_POSTGRESQL = {
    "text": "{text}",
    "integer": "CASE WHEN {text} ~ '^-?\\d{{1,18}}(\\.0*)?$' THEN {text}::numeric::bigint END",
    "number": "CASE WHEN {text} ~ '^-?\\d{{1,40}}(\\.\\d{{1,40}})?([eE][-+]?\\d{{1,2}})?$' THEN {text}::numeric END",
    "boolean": "CASE {text} WHEN 'true' THEN true WHEN 'false' THEN false END",
    "date": "console_date({text})",
    "time": "console_time({text})",
    "json": "NULLIF(record.data #> {path}, 'null')",
}
_POSTGRESQL["money"] = _POSTGRESQL["number"]


def _typed_postgresql(field: Field) -> str:
    path = "ARRAY[" + ", ".join(map(_text, field.path)) + "]"
    return _POSTGRESQL[field.type].format(text=f"(record.data #>> {path})", path=path)


# -- SQLite ---------------------------------------------------------------------------------------------------------

_SQLITE = {
    "text": "CASE {kind} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST({value} AS TEXT) END",
    "integer": """CASE {kind} WHEN 'integer' THEN {value}
        WHEN 'real' THEN CASE WHEN {value} = CAST({value} AS INTEGER) THEN CAST({value} AS INTEGER) END
        WHEN 'text' THEN CASE WHEN {value} = CAST(CAST({value} AS INTEGER) AS TEXT) THEN CAST({value} AS INTEGER) END
        END""",
    "number": """CASE {kind} WHEN 'integer' THEN {value} WHEN 'real' THEN {value} WHEN 'text' THEN
        CASE WHEN {value} GLOB '*[0-9]*' AND NOT {value} GLOB '*[^-0-9.]*' AND NOT {value} GLOB '?*-*'
            AND NOT {value} GLOB '*.*.*' THEN CAST({value} AS NUMERIC) END END""",
    "boolean": "CASE {kind} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    "date": "CASE WHEN {kind} = 'text' AND {date} THEN date(substr({value}, 1, 10)) END",
    "time": "CASE WHEN {kind} = 'text' AND {date} THEN strftime('%Y-%m-%d %H:%M:%f', {value}) END",
    "json": "CASE WHEN {kind} <> 'null' THEN json_quote({value}) END",
}
_SQLITE["money"] = _SQLITE["number"]


def _typed_sqlite(field: Field) -> str:
    path = _text("$" + "".join(f'."{step}"' for step in field.path))
    value = f"json_extract(record.data, {path})"
    return _SQLITE[field.type].format(
        value=value,
        kind=f"json_type(record.data, {path})",
        date=f"date(substr({value}, 1, 10), '+0 days') = substr({value}, 1, 10)",  # February 31 becomes March 3
    )
