"""Field mapping: which mappings there are, what each does, and new ones: ready, from nothing, or out of a file."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import Row

from ... import services
from ...errors import Conflict, InvalidInput
from ...models import Connection, DataMapping
from ...operations.accounts import connections
from ...operations.finding.named import Awaited
from ...operations.mapping import flows, fresh, mappings, samples, suggestions, writes
from ...operations.runs import standing
from ...sync.mapping import MappingDocument
from .. import Menu, forms, shell
from .. import mapping_words as words
from ..access import actor, can, may
from ..filters import Asked

page = Blueprint("mappings", __name__, url_prefix="/mappings")
menu = Menu("Field mapping", icon="table", order=30, key="m")

DIRECTIONS = (
    ("both", "Both ways"), ("to_right", "Only from left to right"), ("to_left", "Only from right to left"),
    ("link", "Neither: link pairs only"),
)  # fmt: skip
LONGEST_FILE = 200_000  # characters of a mapping's JSON


@page.get("")
@may("see status")
def index():
    """Every mapping and how it stands; the ready ones that could be made."""
    accounts, every = shell.frame().connections, mappings.every(versions=True)
    latest = [mappings.latest(one) for one in every]
    lined = mappings.with_lines(version for version in latest if version.direction == "link")
    with_lines = {version.mapping_id for version in latest if version.direction != "link" or version.id in lined}
    return render_template(
        "mappings/index.html", standings=standing.of(every), titles={one.id: words.direction(one) for one in every},
        with_lines=with_lines,
        offers=[offer for offer in flows.offered(every, accounts) if not offer.mappings], choices=_choices(accounts),
        words=words,
    )  # fmt: skip


def _choices(accounts: Iterable[Row]) -> dict[str, list[Row]]:
    """The connected accounts of each service."""
    found: dict[str, list[Row]] = {}
    for one in accounts:
        if one.status == "connected":
            found.setdefault(one.service, []).append(one)
    return found


@page.post("/ready/<flow>")
@may("edit mappings")
def create_ready(flow: str):
    """Make a draft of a ready mapping between two accounts."""
    sent = forms.sent("left", "right")
    left, right = (_connection(sent[side], side) for side in words.SIDES)
    mapping = flows.create(flow, left, right, by=actor())
    flash(f"{mapping.name} is a draft now. Nothing is written before it is previewed and switched on.", "success")
    return redirect(url_for("mappings.show", mapping_id=mapping.id))


def _connection(number: str, side: str) -> Connection:
    if not (number.isascii() and number.isdecimal() and len(number) < 16):
        raise InvalidInput("Choose an account for each side.", field=side)
    return connections.find(int(number))


@page.get("/new")
@may("edit mappings")
def new():
    """Choose what stands on each side of a mapping of one's own."""
    return _new_page(forms.Form({"direction": "both"}))


@page.post("/new")
@may("edit mappings")
def begin():
    """Make the draft; its lines are suggested on its page."""
    sent = forms.sent("name", "left", "right", "direction")
    try:
        left, right = (_place(sent[side], side) for side in words.SIDES)
        mapping = fresh.begin(sent["name"], left, right, sent["direction"], by=actor())
    except InvalidInput as error:
        return _new_page(forms.Form(sent, error)), 422
    flash(f"{mapping.name} is a draft now. Add its lines, then preview it: nothing is written before.", "success")
    return redirect(url_for("mappings.show", mapping_id=mapping.id, _anchor="lines"))


def _new_page(form: forms.Form):
    places = [(f"{one.id}:{kind.key}", f"{one.name}: {kind.label}") for one, kinds in fresh.places() for kind in kinds]
    chosen = [("", "Choose"), *places] if places else []
    return render_template("mappings/new.html", form=form, places=chosen, directions=DIRECTIONS)


def _place(chosen: str, side: str) -> tuple[Connection, str]:
    """What the form's "3:contacts" names."""
    number, _, resource = chosen.partition(":")
    if not chosen:
        raise InvalidInput("Choose what stands on this side.", field=side)
    return _connection(number, side), resource


# -- one mapping ------------------------------------------------------------------------------------------------------


@page.get("/<int:mapping_id>")
@may("see status")
def show(mapping_id: int):
    """What it does, line by line, with a real record going through it."""
    mapping = mappings.find(mapping_id)
    asked = Asked({"sample": "Record", "version": "Version", "side": "Side", "q": "Name"})
    wanted = asked.number("version")
    version = mappings.numbered(mapping, wanted)
    engine = mappings.in_engine(mapping, version.number)
    ends = words.ends_of(mapping, engine)
    problems = mappings.check(mapping, version.number)
    sample = samples.of(mapping, version, asked.number("sample"))
    notes = [row.note for row in version.fields]
    editable = version is mappings.latest(mapping)
    rows = words.rows(engine, ends, notes, problems, sample)
    return render_template(
        "mappings/show.html", mapping=mapping, version=version, ends=ends, asked=asked, words=words,
        standing=standing.of([mapping])[0], problems=problems, sample=sample, editable=editable,
        rows=rows, sentences=words.sentences(engine, ends),
        named=words.named(words.sampled(rows, sample.side) if sample else (), ends),
        why=Awaited((ends[sample.side].connection.id, one.waits) for one in sample.lines) if sample else Awaited(),
        whole=[one for one in problems if one.line is None], found=_found(mapping, asked),
        refused=writes.count(writes.Wanted(states=("dead",), mapping_id=mapping.id)),
        suggestions=suggestions.of(mapping) if editable and can("edit mappings") else [],
        unmatched=[(one, _table_of(engine, one.field)) for one in mappings.unmatched(mapping)], shown=words.shown,
    ), asked.status  # fmt: skip


def _found(mapping: DataMapping, asked: Asked):
    """Records to preview with; None when nobody searched."""
    side, text = asked.one_of("side", words.SIDES) or "left", asked.value("q")
    if text and not can("see record contents"):
        asked.refuse("q", "Your role may not search in records: what is found would tell what is in them.")
        return None
    return samples.find(mapping, side, text) if text and not asked.errors else None


def _table_of(engine, field: str) -> int | None:
    """The line whose table did not know a value of this field, by its number."""
    for number, line in enumerate(engine.lines, 1):
        if line.transform.name == "value_map" and field in (*line.left, *line.right):
            return number
    return None


@page.post("/<int:mapping_id>/unmatched/removal")
@may("edit mappings")
def forget_unmatched(mapping_id: int):
    """A value needs no place in a table."""
    sent, mapping = forms.sent("field", "value"), mappings.find(mapping_id)
    mappings.forget_unmatched(mapping, sent["field"], sent["value"])
    flash(f"“{sent['value']}” is no longer listed. It comes back when it is seen again.", "success")
    return redirect(url_for("mappings.show", mapping_id=mapping.id))


@page.post("/<int:mapping_id>/suggestions")
@may("edit mappings")
def take_suggestions(mapping_id: int):
    """Add lines that were suggested: those named, or all."""
    wanted, mapping = forms.sent("line")["line"], mappings.find(mapping_id)
    offered = [one for one in suggestions.of(mapping) if wanted in ("all", f"{one.left.name}|{one.right.name}")]
    if not offered:
        raise Conflict("That suggestion is no longer there: one of its fields has a line already.")
    lines = [*mappings.document(mapping).to_json()["lines"], *(one.line for one in offered)]
    draft = mappings.edit(mapping, by=actor(), lines=lines)
    count = f"{len(offered)} lines are" if len(offered) > 1 else "The line is"
    flash(f"{count} added to draft {draft.number}.", "success")
    return redirect(url_for("mappings.show", mapping_id=mapping.id, _anchor="lines"))


# -- out of a file ----------------------------------------------------------------------------------------------------


@page.get("/import")
@may("edit mappings")
def import_form():
    """Choose a file or paste its text."""
    return _import_page(forms.Form({"into": request.args.get("into", "")}))


def _import_page(form: forms.Form, **more):
    every = [("", "A new mapping"), *((str(one.id), one.name) for one in mappings.every())]
    return render_template(
        "mappings/import.html", form=form, every=every, choices=_choices(shell.frame().connections), **more
    )


@page.post("/import")
@may("edit mappings")
def take_file():
    """Show what a file would create or change; apply it when that was seen."""
    sent = forms.sent("into", "left", "right", "apply", raw=("text",))
    try:
        sent["text"] = _text(request.form.get("text", ""))
        document = mappings.read_file(sent["text"])
        if sent["apply"] == "yes":
            return _applied(document, sent)
        return _look(document, sent)
    except InvalidInput as error:
        return _import_page(forms.Form(sent, _at(error))), 422


def _text(typed: str) -> str:
    """What was pasted, else what was uploaded."""
    upload = request.files.get("file")
    if not typed.strip() and upload is not None and upload.filename:
        typed = upload.read(LONGEST_FILE + 1).decode("utf-8", errors="replace")
    if len(typed) > LONGEST_FILE:
        raise InvalidInput("This is too long to be a mapping.", field="text")
    if not typed.strip():
        raise InvalidInput("Choose a file, or paste its text.", field="text")
    return typed


def _look(document: MappingDocument, sent: dict[str, str]):
    """What applying it would do."""
    target = _target(sent["into"])
    labels = {side: services.by_key(getattr(document, side).service).label for side in words.SIDES}
    told = mappings.compare(target, document) if target else []
    return _import_page(forms.Form(sent), document=document, target=target, told=told, labels=labels)


def _target(into: str) -> DataMapping | None:
    if not into:
        return None
    if not (into.isascii() and into.isdecimal() and len(into) < 16):
        raise InvalidInput("Choose a mapping of the list.", field="into")
    return mappings.find(int(into))


def _applied(document: MappingDocument, sent: dict[str, str]):
    target = _target(sent["into"])
    if target is not None:
        draft = mappings.replace(target, document, by=actor())
        said = f"{target.name} has what the file says, as draft {draft.number}."
        flash(f"{said}{words.put_aside(target)}", "success")
    else:
        left, right = (_connection(sent[side], side) for side in words.SIDES)
        target = mappings.create(document, left, right, by=actor())
        flash(f"{target.name} was made from the file, as a draft.", "success")
    return redirect(url_for("mappings.show", mapping_id=target.id))


def _at(error: InvalidInput) -> InvalidInput:
    """A fault within the file belongs to the text."""
    known = ("into", "left", "right", "file", "text")
    return InvalidInput(str(error), field=error.field if error.field in known else "text")
