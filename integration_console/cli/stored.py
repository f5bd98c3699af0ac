"""`flask runs`, `records`, `transactions`, `errors`: what was stored, read back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import click
from sqlalchemy import Row, select

from .. import clock, services
from ..models import Connection, ErrorLog, Issue, Record, RunPart, SyncRun, Transaction, db, reading
from ..models.error import ISSUE_STATES
from ..operations.accounts import connections
from ..storage import transactions
from ..sync.outcome import receipt
from . import output
from .output import limit_option
from .plainly import command

CALLS_AT_ONCE = 200  # each may have two bodies of 64 KiB

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Since(click.ParamType):
    """A moment: 30m, 24h, 7d, 2w before now, or an ISO time."""

    name = "SINCE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment, in UTC."""
        if isinstance(value, datetime):
            return value
        if ago := re.fullmatch(r"(\d{1,6})([mhdw])", value):
            return clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        try:
            return clock.parse(value) or self.fail("is empty", param, ctx)
        except ValueError:
            self.fail(f"{value!r} is no moment. Write 30m, 24h, 7d or 2026-11-01T09:00:00Z.", param, ctx)


connection_option = click.option("--connection", "connection_id", type=int, help="Only of the connection with this id.")


@command("runs")
@connection_option
@limit_option
def show_runs(connection_id: int | None, limit: int | None, as_json: bool) -> None:
    """Runs, the newest first."""
    query = select(SyncRun.id)
    if connection_id is not None:
        must_exist(connection_id)
        query = query.where(SyncRun.connection_id == connection_id)
    found = (
        db.session.get_one(SyncRun, row["id"])
        for row in output.stream(query, SyncRun.id, limit=output.most(limit, as_json))
    )
    if as_json:
        return output.lines({**output.columns_of(run), "resources": receipt(run)["resources"]} for run in found)
    rows = [
        (r.id, r.connection_id, r.kind, r.cause, r.state.replace("_", " "), r.started_at, _sum(r.parts), r.message)
        for r in found
    ]
    titles = ("Id", "Connection", "Kind", "Cause", "State", "Started (UTC)", "Seen", "What happened")
    output.table(titles, rows, empty="Nothing has run yet.")


def _sum(parts: list[RunPart]) -> int:
    return sum(part.seen for part in parts)


@command("records")
@click.argument("connection_id", metavar="ID", type=int)
@click.argument("resource")
@click.option("--live", is_flag=True, help="Without those that are gone upstream.")
@click.option("--deleted", is_flag=True, help="Only those that are gone upstream.")
@limit_option
def show_records(
    connection_id: int, resource: str, live: bool, deleted: bool, limit: int | None, as_json: bool
) -> None:
    """Our copies of a resource's records, with those gone upstream since."""
    if live and deleted:
        raise click.UsageError("Give either --live or --deleted; without both you get all of them.")
    service = services.by_key(must_exist(connection_id).service)
    services.resource_of(service, resource)
    query = select(*Record.__table__.columns).where(Record.connection_id == connection_id, Record.resource == resource)
    if live or deleted:
        query = query.where(Record.deleted_at.is_(None) if live else Record.deleted_at.is_not(None))
    rows = output.stream(query, Record.id, newest_first=False, limit=output.most(limit, as_json))
    if as_json:
        return output.lines(dict(row) for row in rows)
    for row in rows:
        gone = "  (gone upstream)" if row["deleted_at"] else ""
        click.echo(f"{row['external_id']:<26} {output.word(row['updated_at']):<20} {_on_a_line(row['label'])}{gone}")


@command("transactions")
@connection_option
@click.option("--run", "run_id", type=int, help="Only of the run with this id.")
@click.option("--service", help="Only of this service.")
@click.option("--status", type=click.IntRange(100, 599), help="Only with this HTTP status.")
@click.option("--since", type=Since(), help="Only from then on: 30m, 24h, 7d or an ISO time.")
@limit_option
def show_transactions(as_json: bool, limit: int | None, **wanted: Any) -> None:
    """API calls as they happened, the newest first."""
    if service := wanted["service"]:
        services.by_key(service)
    pages = _pages(transactions.Filters(**wanted), output.most(limit, as_json))
    if as_json:
        return output.lines(chain.from_iterable(map(_whole, pages)))
    titles = ("Id", "Started (UTC)", "Service", "Call", "Status", "Outcome", "Took", "Waited", "Run")
    output.table(titles, map(_call_row, chain.from_iterable(pages)), empty="No call matches.")


def _pages(filters: transactions.Filters, left: int | None) -> Iterator[Sequence[Row]]:
    """The calls that fit, page by page, so that any number of them takes the same memory."""
    position = None
    while left is None or left > 0:
        with reading():
            found = transactions.search(db.session(), filters, position, min(CALLS_AT_ONCE, left or CALLS_AT_ONCE))
            db.session.rollback()
        yield found.rows
        if found.older is None:
            return
        position, left = found.older, None if left is None else left - len(found.rows)


def _whole(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """The same calls with their headers and bodies."""
    numbers = [row.id for row in rows]
    with reading():
        found = (
            db.session.execute(select(*Transaction.__table__.columns).where(Transaction.id.in_(numbers)))
            .mappings()
            .all()
        )
        db.session.rollback()
    by_number = {row["id"]: dict(row) for row in found}
    return (by_number[number] for number in numbers if number in by_number)


def _call_row(row: Row) -> tuple:
    return (
        row.id, row.started_at, row.service, f"{row.method} {row.path_template}", str(row.status or "none"),
        row.outcome, f"{row.duration_ms:,.0f} ms", f"{row.waited_ms:,.0f} ms", row.run_id,
    )  # fmt: skip


@command("errors")
@click.option("--state", type=click.Choice(ISSUE_STATES), help="Only those in this state.")
@limit_option
def show_errors(state: str | None, limit: int | None, as_json: bool) -> None:
    """What went wrong, alike errors together, each with its newest message."""
    query = select(*Issue.__table__.columns)
    if state:
        query = query.where(Issue.state == state)
    rows = output.stream(query, Issue.id, limit=output.most(limit, as_json))
    if as_json:
        return output.lines({**dict(row), **_newest(row["id"])} for row in rows)
    shown = [
        (r["id"], r["kind"], r["service"], r["resource"], r["count"], r["last_seen_at"], r["state"], r["title"])
        for r in rows
    ]
    titles = ("Id", "Kind", "Service", "Resource", "Times", "Last seen (UTC)", "State", "What")
    output.table(titles, shown, empty="No errors. That is good news.")


def _newest(issue_id: int) -> dict[str, Any]:
    """The newest error of a group: what it said, and of which record."""
    names = ("run_id", "external_id", "message", "raw_message")
    columns = [getattr(ErrorLog, name) for name in names]
    row = db.session.execute(
        select(*columns).where(ErrorLog.issue_id == issue_id).order_by(ErrorLog.id.desc()).limit(1)
    ).first()
    return dict(zip(names, row or (None,) * len(names), strict=True))


def must_exist(connection_id: int) -> Connection:
    """The connection, also when it was removed: its history stays."""
    return db.session.get(Connection, connection_id) or connections.find(connection_id)


def _on_a_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


commands = [show_runs, show_records, show_transactions, show_errors]
