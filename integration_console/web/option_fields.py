"""Options declared as a pydantic model, as fields of a form: drawn, read back, and told in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from ..errors import InvalidInput
from ..sync.mapping.words import CHOICES, LINE_OPTIONS, OPTIONS

ARROW = "=>"
LABELS = OPTIONS | LINE_OPTIONS
HELP = {
    "pairs": f"What is there {ARROW} what it becomes. With nothing behind the arrow it becomes empty.",
    "zone": "For example America/Los_Angeles. Empty: as the mapping or the firm has it.",
    "country": "Two letters, such as US or CA. Empty: as the mapping has it.",
    "currency": "Three letters, such as KWD or JPY, where amounts have another number of decimals than two.",
    "brake_creates": "Where no preview told of them. For who bills 300 at once, 400. Empty: as the firm has it.",
    "text": "Field names in braces: {first_name} of {address.city}.",
    "number_patterns": "With {digits}, {year} and {word}: M-{year}-{digits}.",
}
YES_NO = [("yes", "Yes"), ("no", "No")]


@dataclass(frozen=True)
class OptionField:
    """One option as a form shows it."""

    name: str  # of the option
    label: str
    kind: str  # select, number, text, lines
    help: str = ""
    choices: list[tuple[str, str]] | None = None
    required: bool = False

    @property
    def field(self) -> str:
        """Its name in the form."""
        return f"o-{self.name}"


def fields_of(model: type[BaseModel]) -> list[OptionField]:
    """The fields a model takes."""
    return [_field(name, info.annotation, info.is_required()) for name, info in model.model_fields.items()]


def _field(name: str, annotation: Any, required: bool) -> OptionField:
    label, help = LABELS.get(name, name.replace("_", " ").capitalize()), HELP.get(name, "")
    if annotation is bool:
        return OptionField(name, label, "select", help, YES_NO, True)
    parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kinds = [one for one in parts if one is not NoneType]
    if get_origin(kinds[0]) is Literal:
        none = [("", "as the mapping says")] if NoneType in parts else []
        choices = [(str(one), CHOICES.get(str(one), str(one))) for one in get_args(kinds[0])]
        return OptionField(name, label, "select", help, none + choices, not none)
    kind = "lines" if get_origin(kinds[0]) is tuple else "number" if kinds == [int] else "text"
    return OptionField(name, label, kind, help, required=required)


# -- into the form ----------------------------------------------------------------------------------------------------


def values_of(options: BaseModel) -> dict[str, str]:
    """Options as the form shows them: field of the form -> text."""
    return {f"o-{name}": as_text(value) for name, value in options.model_dump().items()}


def as_text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "\n".join(f"{as_text(one[0])} {ARROW} {as_text(one[1])}".rstrip() if _pair(one) else as_text(one)
                         for one in value)  # fmt: skip
    return "" if value is None else str(value)


def _pair(one: Any) -> bool:
    return isinstance(one, list | tuple) and len(one) == 2


# -- out of the form --------------------------------------------------------------------------------------------------


def read(
    model: type[BaseModel], sent: Mapping[str, str], *, was: Mapping[str, Any] | None = None,
    kinds: tuple[str, str] = ("text", "text"),
) -> dict[str, Any]:  # fmt: skip
    """What a form says, as options; what was left empty is left out, for the model's own default.

    was: the options before: a value nobody touched keeps its type. kinds: types of the source and the target field.
    Raises InvalidInput naming the field of the form.
    """
    found: dict[str, Any] = {}
    for one in fields_of(model):
        text = sent.get(one.field, "").strip()
        if text:
            found[one.name] = _value(one, text, (was or {}).get(one.name), kinds)
    return found


def _value(one: OptionField, text: str, was: Any, kinds: tuple[str, str]) -> Any:
    if one.kind == "lines":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [_pair_of(line, was, kinds) for line in lines] if one.name == "pairs" else lines
    if one.choices is YES_NO:
        return text == "yes"
    if one.kind == "number" or (one.kind == "select" and text.isdecimal()):
        return _whole(text, one)
    return typed(text, kinds[1], [was]) if one.name == "value" else text


def _whole(text: str, one: OptionField) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInput(f"{one.label} must be a whole number.", field=one.field)
    return int(text)


def _pair_of(line: str, was: Any, kinds: tuple[str, str]) -> list[Any]:
    left, arrow, right = line.partition(ARROW)
    if not arrow or not left.strip():
        raise InvalidInput(
            f"Write each line as: what is there {ARROW} what it becomes. This one is not: {line[:60]}", field="o-pairs"
        )
    known = [pair for pair in was or () if _pair(pair)]
    here, there = left.strip(), right.strip()
    return [
        typed(here, kinds[0], [pair[0] for pair in known]),
        typed(there, kinds[1], [pair[1] for pair in known]) if there else None,
    ]


def typed(text: str, kind: str, was: list[Any]) -> Any:
    """A typed text as the value it stands for: as it was before, else as the field's type wants it.

    >>> typed("yes", "boolean", []), typed("17", "number", []), typed("17", "text", []), typed("no", "text", [False])
    (True, 17, '17', False)
    """
    for one in was:
        if one is not None and as_text(one) == text:
            return one
    if kind == "boolean" and text.lower() in ("yes", "no", "true", "false"):
        return text.lower() in ("yes", "true")
    if kind in ("number", "money"):
        try:
            return int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            return text
    return text


# -- in words ---------------------------------------------------------------------------------------------------------


def told(options: BaseModel) -> list[str]:
    """The options that say something else than what is usual, each as a phrase."""
    infos = type(options).model_fields
    return [
        _phrase(name, value)
        for name, value in options.model_dump().items()
        if infos[name].is_required() or (value != infos[name].default and value not in (None, "", ()))
    ]


def _phrase(name: str, value: Any) -> str:
    if name == "pairs":
        return "; ".join(as_text([pair]).replace(ARROW, "→") for pair in value)
    label = LABELS.get(name, name).removesuffix(", one a line")
    text = as_text(value).replace("\n", ", ")
    if name in ("value", "text"):
        return text
    return f"{label[:1].lower()}{label[1:]}: {text if isinstance(value, bool) else CHOICES.get(text, text)}"
