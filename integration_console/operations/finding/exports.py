"""Lists as files: CSV or XLSX of exactly what a filter found, streamed, safe to open in a spreadsheet (X13)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import func, select

from ... import clock
from ...errors import InvalidInput, TooMany
from ...models import AuditEvent, db
from .. import audit

MOST = 100_000  # rows of one file
AN_HOUR = 10  # files a person may make (X11)
KINDS = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST_CELL = 32_000
_ACTION = "exported"

Cell = str | int | float | Decimal | bool | datetime | date | None


@dataclass(frozen=True)
class Sheet:
    """One list: what it is, its columns, and its rows as they come, the newest first."""

    name: str  # "transactions", in the file's name
    columns: tuple[str, ...]
    rows: Iterable[Iterable[Any]]


def paged(
    page_after: Callable[[Any], tuple[list, Any]], row: Callable[[Any], Iterable[Any]]
) -> Iterator[Iterable[Any]]:
    """The rows of a list that is read a page at a time.

    page_after: takes the place behind which a page begins (None for the first); its things and the next place.
    """
    place, more = None, True
    while more:
        found, place = page_after(place)
        yield from map(row, found)
        db.session.expire_all()  # thousands of rows are not kept while they are written
        more = place is not None


def allow(actor: str, sheet: str, kind: str, asked: str) -> None:
    """Write down who takes what, and refuse one too many in an hour. Commits.

    asked: the filter, as the address has it. Raises InvalidInput for an unknown kind, TooMany.
    """
    if kind not in KINDS:
        raise InvalidInput("Choose CSV or XLSX.", field="format")
    hour_ago = clock.now() - timedelta(hours=1)
    mine = (AuditEvent.actor == actor, AuditEvent.action == _ACTION, AuditEvent.at > hour_ago)
    done, first = db.session.execute(select(func.count(), func.min(AuditEvent.at)).where(*mine)).one()
    if done >= AN_HOUR:
        wait_s = (first + timedelta(hours=1) - clock.now()).total_seconds()
        raise TooMany(f"You made {AN_HOUR} files in the last hour. Please wait a little.", wait_s=max(wait_s, 1))
    audit.add(_ACTION, sheet, actor=actor, format=kind, filter=asked[:500])
    db.session.commit()


def as_csv(sheet: Sheet) -> Iterator[bytes]:
    """RFC 4180 with a byte order mark, so that spreadsheets read every script right."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    out.write("\ufeff")
    write(sheet.columns)
    for number, row in enumerate(sheet.rows):
        if number == MOST:
            write([_cut()])
            break
        write([_in_csv(cell) for cell in row])
        if out.tell() > 64_000:
            yield out.getvalue().encode("utf-8", "replace")
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode("utf-8", "replace")


def as_xlsx(sheet: Sheet) -> bytes:
    """A workbook of one sheet."""
    from openpyxl import Workbook  # only here: it takes longer to load than any of our own floors
    from openpyxl.cell import WriteOnlyCell

    def timed(cell: Cell) -> Any:
        """A time says in its cell that it is in UTC: the program knows no zones, and the page shows the reader's."""
        if not isinstance(cell, datetime):
            return cell
        shown = WriteOnlyCell(page, cell)
        shown.number_format = 'yyyy-mm-dd hh:mm:ss "UTC"'
        return shown

    book = Workbook(write_only=True)
    page = book.create_sheet(sheet.name[:31])
    page.append(list(sheet.columns))
    for number, row in enumerate(sheet.rows):
        if number == MOST:
            page.append([_cut()])
            break
        page.append([timed(_in_xlsx(cell)) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cut() -> str:
    return f"Only the first {MOST:,} rows are here. Narrow the filter for the others."


def _plain(cell: Any) -> Cell:
    """A value as a cell can hold it: lists and objects as JSON text."""
    if isinstance(cell, dict | list | tuple):
        return orjson.dumps(cell, default=str).decode()
    return cell if isinstance(cell, int | float | Decimal | datetime | date | None) else str(cell)


def _safe(text: str) -> str:
    """Text that a spreadsheet takes for text."""
    text = "".join(letter for letter in text[:_LONGEST_CELL] if letter >= " " or letter in "\t\r\n")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _in_csv(cell: Any) -> str | int | float | Decimal:
    plain = _plain(cell)
    if isinstance(plain, str):
        return _safe(plain)
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if plain is None:
        return ""
    return plain.isoformat() if isinstance(plain, datetime | date) else plain


def _in_xlsx(cell: Any) -> Cell:
    plain = _plain(cell)
    if isinstance(plain, str):
        return _safe(plain)
    return plain.replace(tzinfo=None) if isinstance(plain, datetime) else plain
