"""Limitation rules: how long a claim may be brought, by practice area and jurisdiction, as an administrator says.

A period counts from a date of the matter. Months end where the month ends: a month after 31 January is the last of
February, and a year after 29 February 2028 is 28 February 2029.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select

from ... import clock
from ...errors import InvalidInput, NotFound
from ...models import LimitationProposal, LimitationRule, Setting, db
from ...models.practice import LIMITATION_MODES, LIMITATION_UNITS
from ...services.base import dig
from ...services.writing import CUSTOM
from .. import audit, settings
from ..limitation_fields import ONCE_WRITTEN, STATUTE
from . import matters
from .matter_fields import definitions

OPENED = "open_date"
FIRMS = "firm.jurisdiction"
JURISDICTION = "jurisdiction"  # a custom field of that name says where; else the firm's setting
LONGEST = {"days": 36_500, "months": 1_200, "years": 100}


def later(start: date, period: int, unit: str) -> date:
    """A day that many days, months or years later.

    Raises OverflowError beyond the year 9999.

    >>> later(date(2028, 2, 29), 1, "years"), later(date(2026, 1, 31), 1, "months")
    (datetime.date(2029, 2, 28), datetime.date(2026, 2, 28))
    """
    if unit == "days":
        return start + timedelta(days=period)
    years, month = divmod(start.year * 12 + start.month - 1 + period * (12 if unit == "years" else 1), 12)
    if years > date.max.year:
        raise OverflowError("there is no such year")
    return date(years, month + 1, min(start.day, monthrange(years, month + 1)[1]))


# -- what a matter says -----------------------------------------------------------------------------------------------


def text_in(data: Mapping[str, Any], field: str) -> str:
    """A date a matter holds, as it is written there: open_date, statute_of_limitations, or custom:<id>."""
    if field.startswith(CUSTOM):
        found = next((one.get("value") for one in _customs(data) if f"{CUSTOM}{_defined_by(one)}" == field), None)
    else:
        found = dig(data, f"{STATUTE}.due_at") if field == STATUTE else data.get(field)
    return str(found) if found else ""


def day_in(data: Mapping[str, Any], field: str) -> date | None:
    """The same as a date; None where there is none, or no date."""
    return day_of(text_in(data, field))


def day_of(text: str) -> date | None:
    """The day a text begins with.

    >>> day_of("2028-02-29T00:00:00Z"), day_of("2026-02-31"), day_of("")
    (datetime.date(2028, 2, 29), None, None)
    """
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def no_dates(data: Mapping[str, Any], targets: Iterable[str]) -> list[str]:
    """What a matter holds where a limitation date belongs and is none, such as 31 February."""
    texts = (text_in(data, field) for field in (STATUTE, *targets))
    return [text for text in texts if text and day_of(text) is None]


def limitation_of(data: Mapping[str, Any], targets: Iterable[str]) -> date | None:
    """The limitation date of a matter, the earliest where it has several.

    targets: the custom fields that rules write to, besides Clio's own.
    """
    return min((day for field in (STATUTE, *targets) if (day := day_in(data, field))), default=None)


def is_settled(data: Mapping[str, Any]) -> bool:
    """Whether the work before Clio's own limitation date is done: its task is complete."""
    return str(dig(data, f"{STATUTE}.status") or "").lower() == "complete"


def is_open(data: Mapping[str, Any]) -> bool:
    """Whether the matter is not closed."""
    return str(data.get("status") or "").lower() != "closed"


def jurisdiction_of(data: Mapping[str, Any]) -> str:
    """Where the matter belongs: its own custom field, else the firm's setting."""
    for one in _customs(data):
        if str(one.get("field_name") or "").strip().casefold() == JURISDICTION:
            return str(dig(one, "picklist_option.option") or one.get("value") or "").strip() or settings.get(FIRMS)
    return settings.get(FIRMS)


def _customs(data: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return data.get("custom_field_values") or ()


def _defined_by(one: Mapping[str, Any]) -> Any:
    return dig(one, "custom_field.id")


def work_out(rule: LimitationRule, data: Mapping[str, Any]) -> date | None:
    """The date a rule gives a matter; None when the date it counts from is not there."""
    start = day_in(data, rule.from_field)
    try:
        return later(start, rule.period, rule.unit) if start else None
    except OverflowError:
        return None


def fitting(rules: Iterable[LimitationRule], data: Mapping[str, Any]) -> list[LimitationRule]:
    """The rules for a matter. Where one names its jurisdiction, those for any jurisdiction stand back."""
    area, where = _folded(dig(data, "practice_area.name")), _folded(jurisdiction_of(data))
    found = [r for r in rules if area and _folded(r.practice_area) == area and _folded(r.jurisdiction) in ("", where)]
    own = {rule.to_field for rule in found if rule.jurisdiction}
    return [rule for rule in found if rule.jurisdiction or rule.to_field not in own]


def _folded(text: Any) -> str:
    return " ".join(str(text or "").split()).casefold()


# -- the table --------------------------------------------------------------------------------------------------------


def every(*, enabled: bool = False) -> list[LimitationRule]:
    """All rules, or those in use, by practice area and jurisdiction."""
    query = select(LimitationRule).order_by(
        LimitationRule.practice_area, LimitationRule.jurisdiction, LimitationRule.id
    )
    return list(db.session.scalars(query.where(LimitationRule.enabled) if enabled else query))


def find(rule_id: int) -> LimitationRule:
    """The rule of that number. Raises NotFound."""
    if rule := db.session.get(LimitationRule, rule_id):
        return rule
    raise NotFound("There is no such limitation rule.")


def _once_written() -> list[str]:
    row = db.session.get(Setting, ONCE_WRITTEN)
    return json.loads(row.value) if row else []


def _remember_field(rule: LimitationRule) -> None:
    """Keep which field a rule has set dates in, before it forgets it; in the caller's transaction."""
    was_set = select(LimitationProposal.id).filter_by(rule_id=rule.id, state="set").limit(1)
    if rule.to_field == STATUTE or db.session.scalar(was_set) is None:
        return
    row = db.session.get(Setting, ONCE_WRITTEN) or Setting(name=ONCE_WRITTEN)
    row.value, row.updated_at = json.dumps(sorted({*_once_written(), rule.to_field})), clock.now()
    db.session.add(row)


def waiting() -> dict[int, int]:
    """How many proposals of each rule wait for a person."""
    count = select(LimitationProposal.rule_id, func.count()).where(LimitationProposal.state == "proposed")
    return {row[0]: row[1] for row in db.session.execute(count.group_by(LimitationProposal.rule_id))}


def date_fields() -> list[tuple[str, str]]:
    """The custom date fields of matters at the connected Clio accounts: custom:<id> and its name."""
    found: dict[str, str] = {}
    several = len(accounts := matters.connections()) > 1
    known = definitions(account.id for account in accounts)
    for account in accounts:
        for one in known[account.id]:
            if one.get("field_type") == "date":
                found[f"{CUSTOM}{one['id']}"] = (
                    f"{one.get('name')} ({account.name})" if several else str(one.get("name"))
                )
    return list(found.items())


def field_label(field: str, known: Sequence[tuple[str, str]] | None = None) -> str:
    """What a rule counts from or writes to, in words."""
    words = {STATUTE: "Statute of limitations", OPENED: "Opened on", **dict(date_fields() if known is None else known)}
    return words.get(field, "a custom field that is gone")


def save(rule: LimitationRule | None, values: Mapping[str, str], *, actor: str) -> LimitationRule:
    """Make a rule, or change one. It counts from the next look on.

    values: texts by column; "enabled" is "on" or empty. Raises InvalidInput naming the field.
    """
    checked = _checked(values)
    made = rule is None
    if rule is not None and rule.to_field != checked["to_field"]:
        _remember_field(rule)
    rule = rule or LimitationRule()
    told = _in_words(checked)
    if not made:
        told = audit.changes(_in_words({name: getattr(rule, name) for name in checked}), told)
    for name, value in checked.items():
        setattr(rule, name, value)
    rule.changed_by, rule.changed_at = actor, clock.now()
    db.session.add(rule)
    audit.add(f"limitation rule {'made' if made else 'changed'}", rule.name, actor=actor, **told)
    db.session.commit()
    return rule


def _in_words(values: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit log: a field of the account's own by its label, and by its number, as two may be called alike."""
    known = date_fields()
    own = [name for name in ("from_field", "to_field") if values[name].startswith(CUSTOM)]
    said = {name: f"{field_label(values[name], known)} ({values[name].removeprefix(CUSTOM)})" for name in own}
    return {**values, **said}


def remove(rule: LimitationRule, *, actor: str) -> None:
    """Remove a rule and what it proposed. Dates that were set stay, and stay watched."""
    _remember_field(rule)
    audit.add("limitation rule removed", rule.name, actor=actor)
    db.session.delete(rule)
    db.session.commit()


def _checked(values: Mapping[str, str]) -> dict[str, Any]:
    area, where, unit = (values[name].strip() for name in ("practice_area", "jurisdiction", "unit"))
    if not 0 < len(area) <= 100:
        raise InvalidInput("Name the practice area as Clio calls it.", field="practice_area")
    if len(where) > 100:
        raise InvalidInput("This may have at most 100 characters.", field="jurisdiction")
    if unit not in LIMITATION_UNITS:
        raise InvalidInput(f"The unit is one of {', '.join(LIMITATION_UNITS)}.", field="unit")
    period = _period(values["period"], unit)
    known = {field for field, _ in date_fields()}
    if values["from_field"] not in {OPENED, *known}:
        raise InvalidInput("Choose a date of the matter.", field="from_field")
    if values["to_field"] not in {STATUTE, *known} or values["to_field"] == values["from_field"]:
        raise InvalidInput("Choose another date of the matter to write to.", field="to_field")
    if values["mode"] not in LIMITATION_MODES:
        raise InvalidInput("It proposes or sets.", field="mode")
    if len(values["source"]) > 2_000:
        raise InvalidInput("This may have at most 2,000 characters.", field="source")
    name = values.get("name", "").strip() or f"{', '.join(filter(None, (where, area)))}: {in_words(period, unit)}"
    if len(name) > 200:
        raise InvalidInput("The name may have at most 200 characters.", field="name")
    kept = {field: values[field] for field in ("from_field", "to_field", "mode", "source")}
    return {**kept, "name": name, "practice_area": area, "jurisdiction": where, "period": period, "unit": unit,
            "enabled": values.get("enabled", "") == "on"}  # fmt: skip


def _period(text: str, unit: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= LONGEST[unit]):
        raise InvalidInput(f"Enter whole {unit} from 1 to {LONGEST[unit]:,}.", field="period")
    return int(text)


def in_words(period: int, unit: str) -> str:
    """A period as people say it.

    >>> in_words(1, "years"), in_words(18, "months")
    ('1 year', '18 months')
    """
    return f"{period} {unit.removesuffix('s') if period == 1 else unit}"
