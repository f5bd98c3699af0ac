"""Rows and facts, as text for people or as JSON for programs. Never a credential."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import orjson
from sqlalchemy import Column, Select, inspect
from sqlalchemy.orm import InstrumentedAttribute

from ..models import db, reading

SECRET = frozenset(("credentials", "password_hash", "client_secret", "token_hash"))
AT_ONCE = 1_000  # rows read from the database at a time
TEXT_ROWS = 50  # a list for people stops here unless told otherwise; programs get everything

limit_option = click.option(
    "--limit", type=click.IntRange(min=1), help=f"At most this many; {TEXT_ROWS} as text, all with --json."
)


def columns_of(row: Any) -> dict[str, Any]:
    """The columns of a row by name, without what must not be shown."""
    names = (column.key for column in inspect(type(row)).column_attrs)
    return {name: getattr(row, name) for name in names if name not in SECRET}


def document(value: Any) -> None:
    """One JSON document."""
    click.echo(_dump(value))


def lines(rows: Iterable[Mapping]) -> None:
    """One JSON document a row."""
    out = sys.stdout.buffer
    for row in rows:
        out.write(_dump(row) + b"\n")
    out.flush()


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return dict(value) if isinstance(value, Mapping) else str(value)


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table for people; the sentence when there is nothing to show."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in titles:
        shown.add_column(title, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(word(value), justify="right" if _is_number(value) else "left") for value in row))
    if not shown.row_count:
        return click.echo(empty)
    Console(width=None if sys.stdout.isatty() else 1_000, soft_wrap=False).print(shown)


def word(value: Any) -> str:
    """One value as people write it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if _is_number(value) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def stream(
    query: Select, key: InstrumentedAttribute | Column, *, newest_first: bool = True, limit: int | None = None
) -> Iterator[Mapping]:
    """Every row of a query by its number, a thousand at a time: the same memory for ten rows and for a million."""
    last, left = None, limit
    while left is None or left > 0:
        size = AT_ONCE if left is None else min(AT_ONCE, left)
        page = query.order_by(key.desc() if newest_first else key).limit(size)
        if last is not None:
            page = page.where(key < last if newest_first else key > last)
        with reading():
            rows = db.session.execute(page).mappings().all()
            db.session.rollback()
        yield from rows
        if len(rows) < size:
            return
        last, left = rows[-1][key.key], None if left is None else left - len(rows)


def most(limit: int | None, as_json: bool) -> int | None:
    """How many rows to show."""
    return limit if limit or as_json else TEXT_ROWS
