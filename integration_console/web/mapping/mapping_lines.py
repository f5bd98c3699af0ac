"""The lines of a mapping, edited: which fields, which way, through which transform, and who wins."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ...errors import ChangedMeanwhile, InvalidInput, NotFound
from ...models import DataMapping
from ...models.mapping import BLANKS
from ...operations.mapping import mappings, suggestions
from ...sync.mapping.document import split_options
from ...sync.transforms import TRANSFORMS, Transform
from .. import forms, option_fields
from .. import mapping_words as words
from ..access import actor, may
from ..mapping_words import Clashes

page = Blueprint("mapping_lines", __name__, url_prefix="/mappings/<int:mapping_id>/lines")

MOST_FIELDS = 6  # of one side of a line
PLAIN = ("direction", "transform", "winner", "blank", "note", "default")
CHECKS = ("required", "only_create")


@page.get("/new")
@may("edit mappings")
def new(mapping_id: int):
    """A line that is not there yet; `left` and `right` may name its fields."""
    mapping = mappings.find(mapping_id)
    given = {side: request.args.get(side, "")[:300] for side in words.SIDES}
    whole = mappings.document(mapping).direction
    direction = "both" if whole == "link" else whole
    values = {**_values({"direction": direction, "transform": "copy", "blank": "clear"}), **_spread(given)}
    return _line_page(mapping, None, forms.Form(values))


@page.post("/new")
@may("edit mappings")
def create(mapping_id: int):
    """Put it behind the others."""
    return _save(mappings.find(mapping_id), None)


@page.get("/<int:number>")
@may("edit mappings")
def show(mapping_id: int, number: int):
    """One line to change. `add`: a value its table did not know."""
    mapping = mappings.find(mapping_id)
    line = _line(mapping, number)
    values = {**_values(line), **_spread(line)}
    if (unknown := request.args.get("add", "")[:300]) and line["transform"] == "value_map":
        values["o-pairs"] = f"{values.get('o-pairs', '')}\n{unknown} {option_fields.ARROW} ".lstrip("\n")
    return _line_page(mapping, number, forms.Form(values))


@page.post("/<int:number>")
@may("edit mappings")
def save(mapping_id: int, number: int):
    """Change it; or only look at another transform's options."""
    return _save(mappings.find(mapping_id), number)


@page.post("/<int:number>/removal")
@may("edit mappings")
def remove(mapping_id: int, number: int):
    """Let a line go from the draft."""
    mapping, seen = mappings.find(mapping_id), words.seen(forms.sent("seen_at")["seen_at"])
    gone = _line(mapping, number)
    lines = mappings.document(mapping).to_json()["lines"]
    draft = mappings.edit(mapping, by=actor(), seen_at=seen, lines=[*lines[: number - 1], *lines[number:]])
    name = f"{gone['left']} {words.ARROWS[gone['direction']]} {gone['right']}".strip()
    flash(f"The line {name} is not in draft {draft.number} any more.", "success")
    return _back(mapping)


@page.post("/<int:number>/move")
@may("edit mappings")
def move(mapping_id: int, number: int):
    """One place up or down."""
    sent, mapping = forms.sent("seen_at", "by"), mappings.find(mapping_id)
    lines = mappings.document(mapping).to_json()["lines"]
    place = number - 1 + (1 if sent["by"] == "down" else -1)
    _line(mapping, number)
    if 0 <= place < len(lines):
        lines.insert(place, lines.pop(number - 1))
        mappings.edit(mapping, by=actor(), seen_at=words.seen(sent["seen_at"]), lines=lines)
    return _back(mapping)


def _back(mapping: DataMapping):
    return redirect(url_for("mappings.show", mapping_id=mapping.id, _anchor="lines"))


def _line(mapping: DataMapping, number: int) -> dict[str, Any]:
    """The line in that place, as a document has it. Raises NotFound."""
    lines = mappings.document(mapping).to_json()["lines"]
    if not 1 <= number <= len(lines):
        raise NotFound(f"{mapping.name} has no line {number}.")
    return lines[number - 1]


# -- the form ---------------------------------------------------------------------------------------------------------


def _values(line: Dictionary[str, Any]) -> dict[str, str]:
    """A line as the form shows it, without its fields."""
    own, general = split_options(line.get("options") or {})
    values = {name: str(line.get(name) or "") for name in PLAIN}
    values["default"] = option_fields.as_text(general.get("default"))
    values |= {
        "required": "on" if line.get("required") else "",
        "only_create": "on" if general.get("only_create") else "",
    }
    return values | {f"o-{name}": option_fields.as_text(value) for name, value in own.items()}


def _spread(line: Dictionary[str, Any]) -> dict[str, str]:
    """Its fields, each in a list of its own: left-1, left-2 ..."""
    return {
        f"{side}-{place}": name
        for side in words.SIDES
        for place, name in enumerate(filter(None, str(line.get(side) or "").split(",")), 1)
    }


def _names() -> tuple[str, ...]:
    places = [f"{side}-{place}" for side in words.SIDES for place in range(1, MOST_FIELDS + 1)]
    options = {one.field for kind in TRANSFORMS.values() for one in option_fields.fields_of(kind.options)}
    return (*places, *sorted(options), *PLAIN, *CHECKS, "seen_at", "options_for", "look")


def _line_page(mapping: DataMapping, number: int | None, form: forms.Form, clashes: Clashes | None = None):
    version = mappings.latest(mapping)
    engine = mappings.in_engine(mapping, version.number)
    ends = words.ends_of(mapping, engine)
    transform = TRANSFORMS.get(form.value("transform")) or TRANSFORMS["copy"]
    used = {side: max([1, *_places(form, side)]) for side in words.SIDES}
    return render_template(
        "mappings/line.html", mapping=mapping, version=version, number=number, form=form, ends=ends, words=words,
        groups={side: words.field_groups(ends[side]) for side in words.SIDES}, used=used, most=MOST_FIELDS,
        transforms=[(one.name, one.label) for one in TRANSFORMS.values()], transform=transform,
        options=option_fields.fields_of(transform.options), blanks=words.BLANKS,
        winners=[("", f"As the mapping says: {words.winner(engine.rule, ends)}"), *_winners(ends)],
        directions=_directions(ends), turns=transform.back is not None, flows=mappings.every(),
        known=_known(ends, form, transform), clashes=clashes,
    )  # fmt: skip


def _known(ends, form: forms.Form, transform: Transform) -> dict[str, list[tuple[str, str]]]:
    """What a table may name on each side: choices, or the records a field points at with their ids."""
    if transform.name != "value_map":
        return {}
    chosen = {side: ends[side].named(form.value(f"{side}-1")) for side in words.SIDES}
    found = {
        ends[side].what: [(one, "") for one in field.choices] or suggestions.values_of(ends[side].connection, field)
        for side, field in chosen.items()
    }
    return {what: values for what, values in found.items() if values}


def _places(form: forms.Form, side: str) -> list[int]:
    return [place for place in range(1, MOST_FIELDS + 1) if form.value(f"{side}-{place}")]


def _winners(ends) -> list[tuple[str, str]]:
    return [(rule, words.winner(rule, ends)[:1].upper() + words.winner(rule, ends)[1:])
            for rule in ("left", "right", "newest", "ask")]  # fmt: skip


def _directions(ends) -> list[tuple[str, str]]:
    left, right = ends["left"].what, ends["right"].what
    return [("both", "Both ways"), ("to_right", f"Only to {right}"), ("to_left", f"Only to {left}")]


def _save(mapping: DataMapping, number: int | None):
    sent = forms.sent(*_names())
    transform = TRANSFORMS.get(sent["transform"])
    if transform is None:
        raise InvalidInput("There is no such way to carry a value.", field="transform")
    if sent["look"] or (sent["options_for"] != transform.name and option_fields.fields_of(transform.options)):
        return _line_page(mapping, number, forms.Form(_for_another(sent, transform)))
    seen, lines = words.seen(sent["seen_at"]), mappings.document(mapping).to_json()["lines"]
    try:
        was = _line(mapping, number) if number is not None else {}
        line = _document(mapping, sent, transform, was)
        lines[slice(number - 1, number) if number is not None else slice(len(lines), None)] = [line]
        draft = mappings.edit(mapping, by=actor(), seen_at=seen, lines=lines)
    except InvalidInput as error:
        return _line_page(mapping, number, forms.Form(sent, _at(error))), 422
    except ChangedMeanwhile:
        return _clash_page(mapping, number, sent), 409
    flash(f"Saved in draft {draft.number}. Preview it before it is switched on.", "success")
    return _back(mapping)


def _clash_page(mapping: DataMapping, number: int | None, sent: dict[str, str]):
    """The form with what was typed, beside what somebody else saved meanwhile; saving again is about that version."""
    lines = mappings.document(mapping).to_json()["lines"]
    line = lines[number - 1] if number is not None and number <= len(lines) else None
    now = {**_values(line), **_spread(line)} if line else {}
    place = number if line or number is None else None
    return _line_page(mapping, place, forms.Form({**sent, "seen_at": ""}), words.clashes(sent, now))


def _for_another(sent: dict[str, str], transform: Transform) -> dict[str, str]:
    """What was typed, with the options of the transform now chosen."""
    return {**sent, "options_for": transform.name}


def _document(mapping: DataMapping, sent: dict[str, str], transform: Transform, was: Dictionary[str, Any]) -> dict:
    """The line as a document has it. Raises InvalidInput naming the field of the form."""
    sides = {
        side: ",".join(filter(None, (sent[f"{side}-{n}"] for n in range(1, MOST_FIELDS + 1)))) for side in words.SIDES
    }
    kinds = _kinds(mapping, sides, sent["direction"])
    before, general = split_options(was.get("options") or {})
    options = option_fields.read(
        transform.options, sent, was=before if was.get("transform") == transform.name else {}, kinds=kinds
    )
    if sent["only_create"]:
        options["only_create"] = True
    if sent["blank"] == "default" and sent["default"]:
        options["default"] = option_fields.typed(sent["default"], kinds[1], [general.get("default")])
    if sent["blank"] not in BLANKS:
        raise InvalidInput("Choose what an emptied field does.", field="blank")
    return {
        **sides, "direction": sent["direction"], "transform": transform.name, "options": options,
        "required": bool(sent["required"]), "winner": sent["winner"] or None, "blank": sent["blank"],
        "note": sent["note"],
    }  # fmt: skip


def _kinds(mapping: DataMapping, sides: Dictionary[str, str], direction: str) -> tuple[str, str]:
    """The types of the first source field and the first target field."""
    ends = words.ends_of(mapping, mappings.in_engine(mapping))
    left, right = (ends[side].named(sides[side].split(",")[0]).type for side in words.SIDES)
    return (right, left) if direction == "to_left" else (left, right)


def _at(error: InvalidInput) -> InvalidInput:
    """A fault of the document, at the field of the form it is about."""
    place = error.field or ""
    known = place if place in _names() else ""
    if place.startswith("options."):
        known = f"o-{place.split('.')[1]}"
    said = str(error)
    if place.startswith("lines."):
        said = said.partition(": ")[2] or said
        said = f"{said[:1].upper()}{said[1:]}"
        known = next((name for name in PLAIN if place.endswith(f".{name}")), "")
        if "the line names no field" in said.lower():
            known = "right-1"
    return InvalidInput(said, field=known)
