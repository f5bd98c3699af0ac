"""`flask matters`: the firm's matters, those without a limitation date, and those whose date is near."""

from __future__ import annotations

from typing import Any

import click

from ..errors import InvalidInput
from ..models import Record
from ..operations import limitation_fields
from ..operations.matters import due_dates, limitation_rules, matter_list, matters
from . import output
from .output import limit_option
from .plainly import command
from .stored import must_exist

group = click.Group("matters", help="The firm's matters and their limitation dates.")
commands = [group]

AT_ONCE = 500


@command("list", group=group)
@click.option("--without-limitation", is_flag=True, help="Only open ones that have no limitation date.")
@click.option(
    "--due-within", type=click.IntRange(0, 36_500), metavar="DAYS", help="Only open ones due by then, or overdue."
)
@click.option("--connection", "connection_id", type=int, help="Only of the connection with this id.")
@limit_option
def show_list(
    without_limitation: bool, due_within: int | None, connection_id: int | None, limit: int | None, as_json: bool
) -> None:
    """Matters, the newest in our books first; those that are due by their date."""
    if without_limitation and due_within is not None:
        raise InvalidInput("A matter is without a limitation date or due, not both.", field="due-within")
    if connection_id is not None:
        must_exist(connection_id)
    most = output.most(limit, as_json) or 10_000_000
    if due_within is not None:
        records = [one.record for one in due_dates.due(due_within, connection_id, limit=most)]
    else:
        records = _walk(without_limitation, connection_id, most)
    fields = limitation_fields.targets()
    if as_json:
        return output.lines(matters.shown(record) for record in records)
    titles = ("Id", "Clio", "Matter", "Client", "Status", "Practice area", "Limitation")
    output.table(titles, (_row(record, fields) for record in records), empty="No matter matches.")


def _walk(without: bool, connection_id: int | None, most: int) -> list[Record]:
    found: list[Record] = []
    last: int | None = None
    while len(found) < most:
        size = min(AT_ONCE, most - len(found))
        if without:
            page, last = matter_list.without(connection_id, before_id=last, limit=size)
        else:
            page = matter_list.browse(matter_list.Wanted(connection_id), before_id=last, limit=size)
            last = page[-1].id if len(page) == size else None
        found += page
        if last is None:
            break
    return found


def _row(record: Record, fields: list[str]) -> tuple:
    data: dict[str, Any] = record.data
    due = limitation_rules.limitation_of(data, fields)
    said = [due.isoformat()] if due else []
    said += [f"{text} (not a date)" for text in limitation_rules.no_dates(data, fields)]
    return (
        str(record.id), record.external_id, record.label, (data.get("client") or {}).get("name"),
        (data.get("status") or "").lower(), (data.get("practice_area") or {}).get("name"),
        ", ".join(said) or None,
    )  # fmt: skip


@command("show", group=group)
@click.argument("name", metavar="ID")
@click.option("--connection", "connection_id", type=int, help="Which Clio account a clio:ID is of.")
@click.option("--fresh", is_flag=True, help="Read it from Clio first.")
def show(name: str, connection_id: int | None, fresh: bool, as_json: bool) -> None:
    """One matter, by our id or as clio:ID."""
    record = (matters.fresh if fresh else matters.find)(name, connection_id)
    told = matters.shown(record)
    if as_json:
        return output.document(told)
    for label, value in _flat(told):
        click.echo(f"{label:<26} {value}")


def _flat(told: dict[str, Any]) -> list[tuple[str, str]]:
    """A matter as lines: what holds a name by its name, custom fields by theirs."""
    rows = []
    for name, value in told.items():
        if name == "customFieldValues":
            rows += [(str(one["fieldName"]), output.word(one["value"])) for one in value]
        elif isinstance(value, dict):
            rows.append((name, output.word(value.get("name") or value.get("dueAt"))))
        else:
            rows.append((name, str(value) if name == "id" else output.word(value)))
    return rows
