"""Words: carried as they are, cleaned, put together, taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from .base import Options, Spot, empty, text_of, transform

TEXTS = "text email phone choice"


@transform("As it is", back="same")
def copy(value):
    """Carry the value as it is.

    >>> copy(" Ada "), copy(None), copy(["a", "b"])
    (' Ada ', None, ['a', 'b'])
    """
    return value


@transform("Without blanks around it", back="same", takes=TEXTS)
def trim(value):
    """Take blanks away at both ends; inside, several become one.

    >>> trim("  Ada   Lovelace ")
    'Ada Lovelace'
    """
    return " ".join(text_of(value).split()) or None


@transform("small letters", back="same", takes=TEXTS)
def lower(value):
    """Write it in small letters.

    >>> lower("Open")
    'open'
    """
    return text_of(value).lower() or None


@transform("CAPITAL LETTERS", back="same", takes=TEXTS)
def upper(value):
    """Write it in capital letters.

    >>> upper("ca")
    'CA'
    """
    return text_of(value).upper() or None


@transform("Capitalised Words", back="same", takes=TEXTS)
def title(value):
    """Capitalise each word of a text that is all small or all capital letters; others know better.

    >>> title("MARY-JANE O'NEIL"), title("Ian McDonald")
    ("Mary-Jane O'Neil", 'Ian McDonald')
    """
    text = text_of(value)
    if text not in (text.lower(), text.upper()):
        return text
    return re.sub(r"[^\W\d_]+(?:['’][^\W\d_](?=\W|$))?", _capitalised, text) or None


def _capitalised(word: re.Match) -> str:
    return word.group()[:1].upper() + word.group()[1:].lower()


class ConstantOptions(Options):
    """The value to write."""

    value: str | int | float | bool


@transform("Always the same", options=ConstantOptions, gives="any")
def constant(values, options):
    """Write the same value into every record.

    >>> constant([], ConstantOptions(value="TimeEntry"))
    'TimeEntry'
    """
    return options.value


class TemplateOptions(Options):
    """`text` names fields in braces; `longest`: characters, what is more is cut off."""

    text: str = Field(min_length=1, max_length=1000)
    longest: int | None = Field(default=None, ge=2, le=10_000)


NAMED = re.compile(r"\{([^{}]*)\}")


def _template_fault(options: TemplateOptions, sources: tuple[str, ...], targets: tuple[str, ...]) -> str | None:
    named = set(NAMED.findall(options.text))
    if strangers := sorted(named - set(sources)):
        return f"The template names {{{strangers[0]}}}, which is not among the fields of this line."
    return None if named else "The template names no field. For the same text everywhere use “Always the same”."


@transform("Template", options=TemplateOptions, gives="text", fault=_template_fault)
def template(values, options, spot: Spot):
    """Put fields into a text: “{name}, {city}”. Nothing is worked out; empty when all its fields are.

    >>> spot = Spot(None, "right", ("display_number", "description"), ("name",))
    >>> template(["00012-Smith", "Lease"], TemplateOptions(text="{display_number} {description}"), spot)
    '00012-Smith Lease'
    >>> template(["00012-Smith", "Lease of a house"], TemplateOptions(text="{description}", longest=9), spot)
    'Lease of…'
    """
    if all(map(empty, values)):
        return None
    by_name = dict(zip(spot.sources, map(text_of, values), strict=False))
    text = NAMED.sub(lambda found: by_name.get(found.group(1), ""), options.text)
    return shortened(" ".join(text.split()), options.longest) or None


def shortened(text: str, longest: int | None) -> str:
    """A text with what is too long cut off, which its end shows.

    >>> shortened("Lease of a house", 9), shortened("Lease", None)
    ('Lease of…', 'Lease')
    """
    return text if not longest or len(text) <= longest else text[: longest - 1].rstrip() + CUT


CUT = "…"  # ends what was cut off


@transform("First that is filled", gives=None)
def first(values):
    """Take the first of several fields that is not empty.

    >>> first([None, "", "ada@example.com", "b@example.com"])
    'ada@example.com'
    """
    return next((value for value in values if not empty(value)), None)


class TagsOptions(Options):
    """`only`: tags that travel, all when empty; `into`: what to make of them."""

    into: Literal["text", "list"] = "text"
    only: tuple[str, ...] = Field(default=(), max_length=200)


def _list_of_tags(value, options: TagsOptions) -> list[str] | None:
    """Text with commas -> a list; for the way back."""
    return _tags(value, options) or None


def _tags(value: Any, options: TagsOptions) -> list[str]:
    parts: Sequence[Any] = value if isinstance(value, list) else text_of(value).split(",")
    wanted = {one.strip().casefold() for one in options.only}
    clean = (" ".join(text_of(part).replace(",", " ").split()) for part in parts)
    kept: dict[str, str] = {}
    for tag in filter(None, clean):
        kept.setdefault(tag.casefold(), tag)
    return [tag for fold, tag in kept.items() if not wanted or fold in wanted]


@transform("Tags", back=_list_of_tags, options=TagsOptions, takes="list text", gives="text list")
def tags(value, options):
    """Make a text of a list of tags, with commas between them, or a list of it; each tag once.

    >>> tags(["vip", "Car accident", "VIP"], TagsOptions())
    'vip, Car accident'
    >>> tags("vip, web", TagsOptions(into="list", only=("Web",)))
    ['web']
    """
    found = _tags(value, options)
    if options.into == "list":
        return found or None
    return ", ".join(found) or None
