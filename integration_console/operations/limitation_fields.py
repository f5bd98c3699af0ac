"""The custom fields of matters that hold limitation dates, because a rule says so or once wrote there."""

from __future__ import annotations

import json

from sqlalchemy import exists, literal, select, union_all

from ..models import LimitationRule, Setting, db

STATUTE = "statute_of_limitations"
ONCE_WRITTEN = "limitations.once_written"  # a setting: custom fields that rules of former days have set dates in
OF = ("clio", "matters")  # whose they are


def targets() -> list[str]:
    """The custom fields with limitation dates: a rule that is switched off, changed or gone leaves the dates it set."""
    found = db.session.connection().execute(_WRITTEN).all()
    return sorted({field for told, listed in found for field in (json.loads(told) if listed else [told])} - {STATUTE})


# Mostly there are none, so the dashboard asks only this.
HAVE_TARGETS = exists().where(LimitationRule.to_field != STATUTE) | exists().where(Setting.name == ONCE_WRITTEN)
_WRITTEN = union_all(
    select(LimitationRule.to_field, literal(0)).distinct(),
    select(Setting.value, literal(1)).where(Setting.name == ONCE_WRITTEN),
)
