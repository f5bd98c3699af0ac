"""The closed list of transforms a mapping may use: `TRANSFORMS["phone"]`. No line of a mapping runs anything else."""

from __future__ import annotations

from pydantic import ValidationError

from ...errors import InvalidInput
from . import addresses, bills, dates, lookups, numbers, people, text
from .base import OTHER, TRANSFORMS, Options, Spot, Transform, World, empty, folded, text_of

__all__ = [
    "OTHER", "TRANSFORMS", "Options", "Spot", "Transform", "World", "addresses", "bills", "by_name", "dates", "empty",
    "folded", "lookups", "numbers", "options_of", "people", "text", "text_of",
]  # fmt: skip


def by_name(name: str) -> Transform:
    """The transform of that name.

    Raises InvalidInput naming the ones there are.
    """
    if name not in TRANSFORMS:
        raise InvalidInput(f"There is no transform {name!r}. There are: {', '.join(TRANSFORMS)}.", field="transform")
    return TRANSFORMS[name]


def options_of(transform: Transform, given: dict) -> Options:
    """Its options, checked. Raises InvalidInput naming the one that cannot be used."""
    try:
        return transform.options.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"])
        raise InvalidInput(
            f"The option {where} of “{transform.label}” cannot be used: {fault['msg'][:1].lower()}{fault['msg'][1:]}.",
            field=f"options.{where}",
        ) from None
