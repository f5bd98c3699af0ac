"""Records: what was read, by connection and resource, and one record with its facts, its JSON and its calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, render_template, request

from ... import services
from ...errors import NotFound
from ...models import Connection, Record, db
from ...operations.accounts import connections
from ...operations.finding import library, search
from ...operations.finding.exports import Sheet, paged
from ...operations.mapping import pairs, samples
from ...operations.several import MOST_COUNTED
from ...operations.support import life, provenance
from ...services.base import Resource
from ...services.shapes import Column
from ...storage import pages, records
from .. import Menu, downloads, shell
from ..access import can, may
from ..filters import Asked
from ..formatting import called, field_name, pretty_json
from ..mapping_words import shown as in_words

page = Blueprint("records", __name__, url_prefix="/records")
menu = Menu("Records", icon="database", order=50, key="b")

LIFE_WORDS = {
    "seen": ("First read", "eye"), "written": ("Copy written", "database"), "sent": ("Sent", "arrow-up-right"),
    "conflict": ("Conflict", "lightning-charge"), "paired": ("Pair", "arrow-left-right"),
    "arrived": ("Webhook", "arrow-down-left"), "failed": ("Failure", "exclamation-triangle"), "gone": ("Gone", "trash"),
    "called": ("Call", "list-ul"),
}  # fmt: skip
PAGE = 50
LOT = 500  # records read at once for a file
USUAL_COLUMNS = 6
MOST_COLUMNS = 12
_DULL = {"id", "etag", "created_at", "updated_at", "number"}  # true of every record, or shown anyway


@page.get("")
@may("see records")
def index():
    """Every resource of every connection: how many, how old."""
    asked = Asked({"connection": "Connection"})
    only = asked.number("connection")
    every = connections.every()
    shown = [c for c in every if only is None or c.id == only]
    names = {"connection": {str(c.id): c.name for c in every}}
    return render_template(
        "records/index.html", asked=asked, chips=asked.chips(names), shelves=library.shelves(shown),
        connections=[("", "All"), *names["connection"].items()],
    ), asked.status  # fmt: skip


@page.get("/<int:connection_id>/<resource>")
@may("see records")
def browse(connection_id: int, resource: str):
    """Records of one resource, the newest first."""
    connection, kind = _shelf(connection_id, resource)
    asked = Asked({"q": "Search", "gone": "Gone", "columns": "Columns"})
    gone = asked.one_of("gone", ("yes",)) == "yes"
    columns = _columns(kind, asked)
    if asked.value("q") and not can("see record contents"):
        asked.refuse("q", "Your role may not search in records: what is found would tell what is in them.")
    text = asked.value("q")
    among = search.may_hold(text) if text and not asked.errors else None
    rows, older, newer = _page(connection, kind, asked, gone, among) if not asked.errors else ([], None, None)
    point = library.checkpoint(connection.id, kind.key)
    return render_template(
        "records/browse.html", connection=connection, resource=kind, asked=asked, chips=asked.chips(), rows=rows,
        columns=columns, every_column=kind.columns(), chosen=[c.name for c in columns], point=point, gone=gone,
        older=older and asked.url(older=older), newer=newer and asked.url(newer=newer),
        cell=cell, column_label=column_label, currency_of=currency_of,
        matches=(text or gone) and asked.matches(len(rows), not (older or newer or asked.cursor), lambda: records.count(
            db.session(), connection_id=connection.id, resource=kind.key, most=MOST_COUNTED, text=text, among=among,
            deleted=gone,
        )),
    ), asked.status  # fmt: skip


@page.post("/<int:connection_id>/<resource>/export")
@may("export")
def export(connection_id: int, resource: str):
    """The records of this filter as a file, with every field that is no list."""
    connection, kind = _shelf(connection_id, resource)
    asked = Asked({"q": "Search", "gone": "Gone", "columns": "Columns"})
    gone = asked.one_of("gone", ("yes",)) == "yes"
    columns = [column for column in kind.columns() if column.type != "json"]
    text = asked.value("q")
    among = search.may_hold(text)

    def page_after(place):
        rows = records.browse(
            db.session(), connection_id=connection_id, resource=kind.key, text=text or None, among=among, deleted=gone,
            before_id=place, limit=LOT,
        )  # fmt: skip
        return rows, rows[-1].id if len(rows) == LOT else None

    def row(record):
        return [record.external_id, *(cell(record, c) for c in columns), record.first_seen_at, record.deleted_at]

    names = ("external_id", *(column.name for column in columns), "first_seen_at", "deleted_at")
    return downloads.export(asked, Sheet(f"{connection.service}-{kind.key}", names, paged(page_after, row)))


def _shelf(connection_id: int, resource: str) -> tuple[Connection, Resource]:
    connection = library.connection(connection_id)
    return connection, _kind(connection.service, resource)


def _kind(service: str, resource: str) -> Resource:
    known = services.every().get(service)
    if known is None or resource not in known.resources:
        raise NotFound("There is no such kind of record.")
    return known.resources[resource]


def _page(
    connection: Connection, kind: Resource, asked: Asked, gone: bool, among: list[int] | None
) -> tuple[list[Record], Any, Any]:
    """One page, and where the pages around it begin."""
    older, newer = (asked.place(name) for name in ("older", "newer"))
    text = asked.value("q")
    rows = records.browse(
        db.session(), connection_id=connection.id, resource=kind.key, text=text or None,
        among=among, deleted=gone, before_id=older, after_id=newer, limit=PAGE + 1,
    )  # fmt: skip
    return pages.cut(rows, PAGE, older=older, newer=newer)


def _columns(kind: Resource, asked: Asked) -> list[Column]:
    """The columns asked for, else a sensible first few: what people call things by, not what machines do."""
    every = {column.name: column for column in kind.columns()}
    wanted = [name for text in request.args.getlist("columns") for name in text.split(",") if name]
    if unknown := [name for name in wanted if name not in every]:
        asked.refuse("columns", f"There is no column {unknown[0][:60]!r} here.")
    usual = _usual_columns(kind)
    wanted = [name for name in wanted if name in every][:MOST_COLUMNS]
    if not wanted or wanted == [column.name for column in usual]:
        asked.values.pop("columns", None)
        return usual
    asked.values["columns"] = ",".join(wanted)
    return [every[name] for name in wanted]


def _usual_columns(kind: Resource) -> list[Column]:
    useful = [column for column in kind.columns() if _tells_something(column, kind)]
    chosen = sorted(useful, key=_rank)[:USUAL_COLUMNS]
    return [column for column in useful if column in chosen]


def _tells_something(column: Column, kind: Resource) -> bool:
    last = column.path[-1]
    named_by = kind.title.split("|")[0].split()  # what else may stand in for a name is worth a column of its own
    is_id = last == "id" or last.endswith(("Id", "_id"))
    return column.type != "json" and not is_id and last not in _DULL and ".".join(column.path) not in named_by


def _rank(column: Column) -> int:
    """What people look for first: how it stands, whose it is, how much, when; then the rest, in the model's order."""
    last = column.path[-1].lower()
    if len(column.path) > 1:
        return 2 if last in _NAMES else 8
    if last.startswith(_SPARE):
        return 8
    return next(
        (rank for rank, words in enumerate(_FIRST) if any(word in last for word in words)), _BY_TYPE[column.type]
    )


_SPARE = ("secondary_", "additional", "clio_connect_")  # seldom filled
_NAMES = ("name", "display_number", "number", "code")
_FIRST = (("status", "state", "type"), ("email", "phone"))
_BY_TYPE = {"money": 3, "date": 4, "number": 5, "integer": 5, "text": 6, "time": 6, "boolean": 7, "json": 9}


def column_label(column: Column) -> str:
    """A column's heading: client{name} is "Client", client{id} is "Client ID"."""
    return field_name(column.path[0] if len(column.path) > 1 and column.path[-1] == "name" else column.name)


def cell(record: Record, column: Column) -> Any:
    """What a record holds in a column."""
    return column.value_in(record.data)


def currency_of(record: Record) -> str:
    """The currency its amounts are in, where it tells: "usd", or an object with its code."""
    told = record.data.get("currency")
    return str((told.get("code") if isinstance(told, dict) else told) or "").upper()[:3]


# -- one record ------------------------------------------------------------------------------------------------------


@page.get("/<int:record_id>")
@may("see records")
def show(record_id: int):
    """Everything about one record."""
    record = records.get(db.session(), record_id)
    if record is None:
        raise NotFound("There is no such record.")
    connection, kind = _shelf(record.connection_id, record.resource)
    open_ = can("see record contents")
    facts = [(column, cell(record, column)) for column in kind.columns() if column.type != "json"]
    own = pairs.side(connection, record.resource).own_values(record) if open_ else []
    return render_template(
        "records/show.html", record=record, connection=connection, resource=kind, facts_of=facts, may_see=open_,
        title=called(record) if open_ else f"{kind.label} {record.external_id}",
        lists=_lists(record, kind) if open_ else [], own_values=own,
        related=_related(record, connection), owner=library.owner(record, kind),
        raw=pretty_json(record.data) if open_ else "",
        calls=library.calls_of(record), column_label=column_label, letter=library.waiting_letter(record),
        origins=provenance.of(record), links=samples.links_of(record), in_words=in_words,
        currency=currency_of(record),
    )  # fmt: skip


def _lists(record: Record, kind: Resource) -> list[tuple[Column, Any]]:
    """What a record has several of; the firm's own fields are shown by their names instead."""
    several = [column for column in kind.columns() if column.type == "json"]
    return [
        (one, cell(record, one)) for one in several if not one.name.lower().replace("_", "").startswith("customfield")
    ]


@page.get("/<int:record_id>/life")
@may("see records")
def whole_life(record_id: int):
    """Everything that happened to a record and its partners, across systems."""
    accounts, open_ = {one.id: one for one in shell.frame().connections}, can("see record contents")
    told = life.of(record_id, accounts)
    record = told.records[0]
    kind = _kind(accounts[record.connection_id].service, record.resource)
    return render_template(
        "records/life.html", record=record, life=told, may_see=open_, in_words=in_words,
        title=called(record) if open_ else f"{kind.label} {record.external_id}", words=LIFE_WORDS,
        names={number: one.name for number, one in accounts.items()},
    )  # fmt: skip


def _related(record: Record, connection: Connection) -> dict[str, Record]:
    """The records this one names by id: the path that names it -> our copy of it."""
    resources = services.by_key(connection.service).resources
    named = {path: (kind, number) for path, kind, number in _named(record.data, resources)}
    return library.copies(connection.id, named)


def _named(data: Mapping[str, Any], resources: Mapping[str, Resource]) -> Iterable[tuple[str, str, str]]:
    """Ids within a record whose names say which resource they are of: client{id}, matter{id}, contactId, projectId."""
    for name, value in data.items():
        inner = value.get("id") if isinstance(value, dict) else None
        path, word, number = (f"{name}.id", name, inner) if inner else (name, _before_id(name), value)
        kind = _kind_of(word, resources) if word and isinstance(number, str | int) else None
        if kind:
            yield path, kind, str(number)


def _before_id(name: str) -> str:
    """ "contactId" and "contact_id" speak of a contact; other names of nothing."""
    return name[:-2].rstrip("_") if name.endswith(("Id", "_id")) else ""


_ALSO = {"client": "contacts", "assigned_to": "users", "assignedto": "users", "responsible_attorney": "users",
         "originating_attorney": "users", "responsible_staff": "users", "author": "users", "assigner": "users",
         "company": "contacts", "vendor": "contacts", "source_bank_account": "bank_accounts",
         "destination_bank_account": "bank_accounts"}  # fmt: skip


def _kind_of(name: str, resources: Mapping[str, Resource]) -> str | None:
    """The resource a field speaks of: "matter" -> matters, "timeEntry" -> time_entries."""
    word = "".join("_" + c.lower() if c.isupper() else c for c in name)
    plural = word[:-1] + "ies" if word.endswith("y") else word + "s"
    return next((kind for kind in (plural, word, _ALSO.get(word, "")) if kind in resources), None)
