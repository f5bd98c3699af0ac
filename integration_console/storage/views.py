"""Reporting views: a table for every resource, named `<service>_<resource>`, with typed columns instead of JSON.

They follow from the service declarations, not from migrations: `flask db upgrade` drops them, migrates, and makes them
anew. A value that does not fit its column's type is NULL there; the record itself keeps it. Deleted records are left
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

MARK = "Reporting view of the integration console"  # by which ours are told from a firm's own
LONGEST_NAME = 63  # PostgreSQL cuts longer ones
OURS = ("record_id", "connection_id", "external_id", "updated_at")


class Field(Protocol):
    """One column as a service declares it; see services.shapes.Column."""

    @property
    def name(self) -> str: ...  # clientName
    @property
    def path(self) -> tuple[str, ...]: ...  # ("client", "name")
    @property
    def type(self) -> str: ...  # text, integer, number, money, boolean, date, time, json
    @property
    def unix(self) -> bool: ...  # a time sent as seconds since 1970
    @property
    def minor(self) -> Minor | None: ...  # money sent in its currency's smallest unit


class Minor(Protocol):
    """How many decimals amounts have; see services.shapes.Minor."""

    @property
    def currency(self) -> str: ...  # the field beside the amount that names it
    @property
    def zero(self) -> tuple[str, ...]: ...
    @property
    def three(self) -> tuple[str, ...]: ...


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


def granted(connection: Connection) -> list[tuple[str, str]]:
    """Our views that somebody was given rights on, and what gives them again: a view made anew begins without."""
    if connection.dialect.name != "postgresql":
        return []
    query = f"""
        SELECT relname, format('GRANT %s ON %I TO %s', privilege_type, relname,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
        FROM pg_class CROSS JOIN LATERAL aclexplode(relacl)
        WHERE relkind = 'v' AND pg_table_is_visible(pg_class.oid) AND grantee <> relowner
            AND obj_description(pg_class.oid, 'pg_class') = '{MARK}'
    """
    return [(name, statement) for name, statement in connection.execute(text(query))]


def grant(connection: Connection, kept: list[tuple[str, str]]) -> None:
    """Give again what was granted, on the views that are there by now."""
    there = set(names(connection)) if kept else set()
    for name, statement in kept:
        if name in there:
            connection.execute(text(statement))


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


# What lies within ten thousand years; a record may hold any number.
_POSTGRESQL["unix"] = "CASE WHEN {text} ~ '^-?\\d{{1,11}}$' THEN to_timestamp({text}::bigint) END"


def _typed_postgresql(field: Field) -> str:
    path = "ARRAY[" + ", ".join(map(_text, field.path)) + "]"
    kind = "unix" if field.unix else field.type
    value = _POSTGRESQL[kind].format(text=f"(record.data #>> {path})", path=path)
    if field.minor is None:
        return value
    beside = "ARRAY[" + ", ".join(map(_text, (*field.path[:-1], field.minor.currency))) + "]"
    return f"{value} / {_units(field.minor, f'(record.data #>> {beside})')}"


def _units(minor: Minor, currency: str) -> str:
    """How many of the smallest unit make one; unknown where the currency is not told."""
    cases = "".join(
        f" WHEN upper({currency}) IN ({', '.join(map(_text, codes))}) THEN {units}"
        for codes, units in ((minor.zero, "1"), (minor.three, "1000.0"))
        if codes
    )
    return f"CASE WHEN {currency} IS NULL THEN NULL{cases} ELSE 100.0 END"


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
    # February 31 becomes March 3, and a number some other day.
    "date": "CASE date({day}, '+0 days') WHEN {day} THEN {day} END",
    "time": "CASE date({day}, '+0 days') WHEN {day} THEN strftime('%Y-%m-%d %H:%M:%f', {value}) END",
    "json": "CASE WHEN {kind} <> 'null' THEN json_quote({value}) END",
}
_SQLITE["money"] = _SQLITE["number"]
_SQLITE["unix"] = """CASE WHEN {kind} = 'integer' AND abs({value}) < 100000000000
    THEN strftime('%Y-%m-%d %H:%M:%f', {value}, 'unixepoch') END"""


def _typed_sqlite(field: Field) -> str:
    path = _text("$" + "".join(f'."{step}"' for step in field.path))
    value = f"json_extract(data, {path})"
    typed = _SQLITE["unix" if field.unix else field.type].format(
        value=value, kind=f"json_type(data, {path})", day=f"substr({value}, 1, 10)"
    )
    if field.minor is None:
        return typed
    beside = _text("$" + "".join(f'."{step}"' for step in (*field.path[:-1], field.minor.currency)))
    return f"({typed}) / {_units(field.minor, f'json_extract(data, {beside})')}"
