"""A mapping's settings: its name, which way it goes, how records are matched, which take part, what it may do."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from ...errors import ChangedMeanwhile, InvalidInput
from ...models import DataMapping
from ...operations.mapping import mappings
from ...sync.mapping import MappingOptions
from ...sync.mapping.words import OF_A_SIDE
from .. import forms, option_fields
from .. import mapping_words as words
from ..access import actor, may
from ..mapping_words import Clashes

page = Blueprint("mapping_settings", __name__, url_prefix="/mappings/<int:mapping_id>")

MOST_KEYS, MOST_FILTERS = 8, 12
KEYS = {
    "": "No key", "email": "The same e-mail address", "phone": "The same telephone number",
    "name": "The same name and one more fact", "field": "The same value", "link": "Linked by another mapping",
}  # fmt: skip
HOLDS = {"in": "is one of", "not in": "is none of", "empty": "is empty", "filled": "is filled"}
PLAIN = ("name", "direction", "rule", "note")


@page.get("/settings")
@may("see status")
def show(mapping_id: int):
    """Everything but its lines."""
    mapping = mappings.find(mapping_id)
    return _settings_page(mapping, forms.Form(_values(mapping)))


def _values(mapping: DataMapping) -> dict[str, str]:
    """The latest version as the form shows it."""
    document = mappings.document(mapping)
    told = document.to_json()
    values = {name: told[name] for name in PLAIN} | option_fields.values_of(document.options)
    for place, key in enumerate(told["keys"], 1):
        values |= {f"key-{place}-{name}": key.get(name) or "" for name in ("by", "left", "right", "flow")}
        values[f"key-{place}-with"] = "\n".join(f"{left} = {right}" for left, right in key["with"])
    for place, one in enumerate(told["filters"], 1):
        values[f"filter-{place}-field"] = f"{one['side']}:{one['field']}"
        values[f"filter-{place}-is"] = one["is"]
        values[f"filter-{place}-values"] = ", ".join(map(option_fields.as_text, one["values"]))
    return values


def _settings_page(mapping: DataMapping, form: forms.Form, clashes: Clashes | None = None):
    version = mappings.latest(mapping)
    engine = mappings.in_engine(mapping, version.number)
    ends = words.ends_of(mapping, engine)
    left, right = ends["left"].what, ends["right"].what
    return render_template(
        "mappings/settings.html", mapping=mapping, version=version, form=form, ends=ends, words=words, keys=KEYS,
        holds=HOLDS, options=[one for one in _labelled(ends) if one.name not in _beside_the_point(ends)],
        key_places=_shown(form, "key", "by", MOST_KEYS), filter_places=_shown(form, "filter", "field", MOST_FILTERS),
        directions=[
            ("both", "Both ways"), ("to_right", f"Only to {right}"), ("to_left", f"Only to {left}"),
            ("link", "Neither: link pairs only"),
        ],
        rules=[(rule, words.winner(rule, ends)) for rule in ("left", "right", "newest", "ask")],
        groups={side: words.field_groups(ends[side]) for side in words.SIDES}, clashes=clashes,
    )  # fmt: skip


def _labelled(ends) -> list[option_fields.OptionField]:
    """The options, called by what is really on each side."""
    sides = {side: ends[side].what for side in words.SIDES}
    named = {name: called.format(**sides) for name, called in OF_A_SIDE.items()}
    return [
        option_fields.OptionField(
            one.name, named.get(one.name, one.label), one.kind, one.help, one.choices, one.required
        )
        for one in option_fields.fields_of(MappingOptions)
    ]


def _beside_the_point(ends) -> set[str]:
    """Options that mean nothing for what is on both sides; they keep what they say."""
    kinds = {end.resource for end in ends.values()}
    hidden = set() if kinds & {"matters", "activities"} else {"closed"}
    if not kinds & {"activities", "time_entries"}:
        hidden |= {"rounding_minutes", "number_patterns"}
    return hidden if kinds & {"contacts", "clients"} else hidden | {"country"}


def _shown(form: forms.Form, what: str, main: str, most: int) -> range:
    """The places of the form to show: those in use and one more."""
    used = [place for place in range(1, most + 1) if form.value(f"{what}-{place}-{main}")]
    return range(1, min(most, max(used, default=0) + 1) + 1)


# -- saving -----------------------------------------------------------------------------------------------------------


def _names() -> tuple[str, ...]:
    keys = [f"key-{n}-{name}" for n in range(1, MOST_KEYS + 1) for name in ("by", "left", "right", "flow", "with")]
    filters = [f"filter-{n}-{name}" for n in range(1, MOST_FILTERS + 1) for name in ("field", "is", "values")]
    return (*PLAIN, *keys, *filters, *(one.field for one in option_fields.fields_of(MappingOptions)), "seen_at")


@page.post("/settings")
@may("edit mappings")
def save(mapping_id: int):
    """Keep them in the draft; of an active mapping a draft is made."""
    sent, mapping = forms.sent(*_names()), mappings.find(mapping_id)
    try:
        parts: dict[str, Any] = {name: sent[name] for name in PLAIN}
        parts["keys"] = [_key(sent, n) for n in range(1, MOST_KEYS + 1) if sent[f"key-{n}-by"]]
        parts["filters"] = [_filter(mapping, sent, n) for n in range(1, MOST_FILTERS + 1) if sent[f"filter-{n}-field"]]
        parts["options"] = _options(mapping, sent)
        seen_at = words.seen(sent["seen_at"]) if sent["seen_at"] else None
        draft = mappings.edit(mapping, by=actor(), seen_at=seen_at, **parts)
    except InvalidInput as error:
        return _settings_page(mapping, forms.Form(sent, _at(error))), 422
    except ChangedMeanwhile:
        form = forms.Form({**sent, "seen_at": ""})
        return _settings_page(mapping, form, words.clashes(sent, _values(mapping))), 409
    flash(f"Saved in draft {draft.number}." if draft.state == "draft" else "Nothing was changed.", "success")
    return redirect(url_for("mapping_settings.show", mapping_id=mapping.id))


def _options(mapping: DataMapping, sent: dict[str, str]) -> dict[str, Any]:
    was = mappings.document(mapping).options.model_dump(mode="json")
    ends = words.ends_of(mapping, mappings.in_engine(mapping))
    kept = {name: was[name] for name in _beside_the_point(ends)}
    return option_fields.read(MappingOptions, sent, was=was) | kept


def _key(sent: dict[str, str], number: int) -> dict[str, Any]:
    of = {name: sent[f"key-{number}-{name}"] for name in ("by", "left", "right", "flow", "with")}
    if of["by"] == "link":
        return {"by": "link", "flow": of["flow"]}
    pairs = []
    for line in filter(None, map(str.strip, of["with"].splitlines())):
        left, equals, right = line.partition("=")
        if not equals:
            raise InvalidInput("Write each further fact as: left field = right field.", field=f"key-{number}-with")
        pairs.append([left.strip(), right.strip()])
    return {"by": of["by"], "left": of["left"], "right": of["right"], "with": pairs if of["by"] == "name" else []}


def _filter(mapping: DataMapping, sent: dict[str, str], number: int) -> dict[str, Any]:
    side, colon, field = sent[f"filter-{number}-field"].partition(":")
    if not colon or side not in words.SIDES:
        raise InvalidInput("Choose a field of the list.", field=f"filter-{number}-field")
    kind = words.ends_of(mapping, mappings.in_engine(mapping))[side].named(field).type
    before = [value for one in mappings.document(mapping).filters if (one.side, one.field) == (side, field)
              for value in one.values]  # fmt: skip
    values = [part.strip() for part in sent[f"filter-{number}-values"].split(",") if part.strip()]
    return {
        "side": side, "field": field, "is": sent[f"filter-{number}-is"] or "in",
        "values": [option_fields.typed(value, kind, list(before)) for value in values],
    }  # fmt: skip


def _at(error: InvalidInput) -> InvalidInput:
    """The faults of the document, each at the field of the form it is about."""
    fields = {_place(where): _said(where, said) for where, said in error.fields.items()}
    return InvalidInput(next(iter(fields.values()), str(error)), fields=fields)


def _place(where: str) -> str:
    """The form's name of a place in the document: "keys.0" is "key-1-by"."""
    whole, _, rest = where.partition(".")
    number, _, part = rest.partition(".")
    if whole in ("keys", "filters") and number.isdecimal():
        main, *others = ("by", "left", "right", "flow", "with") if whole == "keys" else ("field", "is", "values")
        return f"{whole[:-1]}-{int(number) + 1}-{part if part in others else main}"
    return f"o-{number}" if whole == "options" and number else where


def _said(where: str, said: str) -> str:
    """A fault with the words of the form: of one of several keys or filters, which."""
    said = said.removeprefix(f"{where}: ")
    whole, number, *_ = (*where.split("."), "")
    if whole in ("keys", "filters") and number.isdecimal():
        return f"{whole[:-1].capitalize()} {int(number) + 1}: {said}"
    return f"Name: {said}" if where == "name" else f"{said[:1].upper()}{said[1:]}"


@page.post("/removal")
@may("activate mappings")
def remove(mapping_id: int):
    """Forget the mapping and its links; the name must be typed."""
    sent, mapping = forms.sent("confirm"), mappings.find(mapping_id)
    if sent["confirm"] != mapping.name:
        flash(f"Nothing was removed: the name typed was not {mapping.name}.", "error")
        return redirect(url_for("mapping_settings.show", mapping_id=mapping.id))
    name = mapping.name
    mappings.remove(mapping, by=actor())
    flash(f"{name} is removed. No record was changed on either side.", "success")
    return redirect(url_for("mappings.index"))
