"""The rules of practice areas: those that come with the console, and what an admin makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, delete, func, insert, literal, select, tuple_, update

from ... import clock
from ...errors import Conflict, InvalidInput, NotFound
from ...models import PracticeAreaRule, db, holds
from ...models.practice import RULE_KINDS
from ...sync.practice_areas import NO_AREA, hints, patterns, signs
from ...sync.practice_areas import rules as shipped
from .. import audit

LIGHTEST, HEAVIEST = 0.1, 10.0
_READ: dict[str, Callable[[str], object]] = {
    "word": signs.groups, "phrase": signs.groups, "not": signs.groups, "pattern": patterns.pattern, "hint": hints.words,
}  # fmt: skip
AT_ONCE = 500  # rows in one statement


@dataclass(frozen=True)
class Area:
    """One practice area and how its rules do."""

    name: str
    rules: int  # all of them
    on: int
    own: int  # added by the firm
    right: int
    wrong: int


def areas() -> list[Area]:
    """Every area that has rules, by name."""
    row = PracticeAreaRule
    on, own = func.sum(case((row.enabled, 1), else_=0)), func.sum(case((row.shipped, 0), else_=1))
    query = select(row.area, func.count(), on, own, func.sum(row.right_count), func.sum(row.wrong_count))
    return [Area(*found) for found in db.session.execute(query.group_by(row.area).order_by(row.area))]


def names() -> list[str]:
    """Every area there are rules for; what tells a text about none of them is no area."""
    found = list(db.session.scalars(select(PracticeAreaRule.area).distinct().order_by(PracticeAreaRule.area)))
    return [name for name in found if name != NO_AREA] or sorted(shipped.areas())


def listing(
    area: str = "", kind: str = "", text: str = "", *, after: tuple[float, int] | None = None, limit: int | None = 50
) -> tuple[list[PracticeAreaRule], tuple[float, int] | None]:
    """Rules, the weightiest first, and the place where the next page begins.

    text: only signs that have this in them.
    """
    row = PracticeAreaRule
    query = select(row).order_by(row.weight.desc(), row.id.desc())
    if area:
        query = query.where(row.area == area)
    if kind:
        query = query.where(row.kind == kind)
    if text:
        query = query.where(holds(row.text, text))
    if after:
        query = query.where(tuple_(row.weight, row.id) < tuple_(literal(after[0]), literal(after[1])))
    if limit is None:
        return list(db.session.scalars(query)), None
    found = list(db.session.scalars(query.limit(limit + 1)))
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], (last.weight, last.id) if last else None


def by_id(rule_id: int) -> PracticeAreaRule:
    """The rule with that number. Raises NotFound."""
    if rule := db.session.get(PracticeAreaRule, rule_id):
        return rule
    raise NotFound("There is no such rule.")


def add(area: str, kind: str, text: str, weight: str | float, *, by: str) -> PracticeAreaRule:
    """Add a rule of the firm's own. Raises InvalidInput naming the field, or Conflict when it is there already."""
    values = _checked(area, kind, text, weight)
    _must_be_new(values)
    rule = PracticeAreaRule(**values, shipped=False, changed_by=by, changed_at=clock.now())
    db.session.add(rule)
    audit.add("practice area rule added", values["area"], actor=by, rule=_said(values))
    db.session.commit()
    return rule


def edit(
    rule_id: int, *, weight: str | float, area: str = "", kind: str = "", text: str = "", by: str
) -> PracticeAreaRule:
    """Change a rule. Of one that came with the console only the weight changes: the next version knows it by its words.

    Raises NotFound, InvalidInput, or Conflict when there is another like it.
    """
    rule = by_id(rule_id)
    before = {name: getattr(rule, name) for name in ("area", "kind", "text", "weight")}
    told = before if rule.shipped else {"area": area, "kind": kind, "text": text}
    values = _checked(told["area"], told["kind"], told["text"], weight)
    if values == before:
        return rule
    _must_be_new(values, but=rule_id)
    for name, value in values.items():
        setattr(rule, name, value)
    _touch(rule, by)
    audit.add("practice area rule changed", values["area"], actor=by, before=_said(before), after=_said(values))
    db.session.commit()
    return rule


def switch(rule_id: int, on: bool, *, by: str) -> PracticeAreaRule:
    """Let a rule count, or not. Raises NotFound."""
    rule = by_id(rule_id)
    if rule.enabled != on:
        rule.enabled = on
        _touch(rule, by)
        audit.add(f"practice area rule switched {'on' if on else 'off'}", rule.area, actor=by, rule=_said(vars(rule)))
        db.session.commit()
    return rule


def remove(rule_id: int, *, by: str) -> PracticeAreaRule:
    """Delete a rule of the firm's own. Raises NotFound, or Conflict for one that came with the console."""
    rule = by_id(rule_id)
    if rule.shipped:
        raise Conflict("This rule came with the console and would come back. Switch it off instead.")
    audit.add("practice area rule deleted", rule.area, actor=by, rule=_said(vars(rule)))
    db.session.delete(rule)
    db.session.commit()
    return rule


def _touch(rule: PracticeAreaRule, by: str) -> None:
    rule.changed_by, rule.changed_at = by, clock.now()


def _checked(area: str, kind: str, text: str, weight: str | float) -> dict[str, Any]:
    area, text = " ".join(area.split()), " ".join(text.split())
    if not 0 < len(area) <= 100:
        raise InvalidInput("Name the practice area, in at most 100 characters.", field="area")
    if kind not in RULE_KINDS:
        raise InvalidInput(f"Choose one of {', '.join(RULE_KINDS)}.", field="kind")
    if not 0 < len(text) <= signs.LONGEST_SIGN:
        raise InvalidInput(f"Write the sign, in at most {signs.LONGEST_SIGN} characters.", field="text")
    if kind == "word" and " " in text:
        raise InvalidInput("These are several words. Choose “phrase” for them.", field="kind")
    _ = _READ[kind](text)
    return {"area": area, "kind": kind, "text": text, "weight": _weight(weight)}


def _weight(weight: str | float) -> float:
    try:
        number = float(weight)
    except ValueError:
        number = 0.0
    if not LIGHTEST <= number <= HEAVIEST:
        raise InvalidInput(f"Enter a weight from {LIGHTEST:g} to {HEAVIEST:g}, such as 2 or 0.5.", field="weight")
    return round(number, 2)


def _must_be_new(values: dict[str, Any], but: int | None = None) -> None:
    row = PracticeAreaRule
    alike = select(row.id).where(row.area == values["area"], row.kind == values["kind"], row.text == values["text"])
    if db.session.scalar(alike.where(row.id != (but or 0)).limit(1)):
        raise Conflict("There is such a rule already.")


def _said(values: Any) -> str:
    return f"{values['kind']} “{values['text']}”, weight {values['weight']:g}"


# -- those that come with the console --------------------------------------------------------------------------------


def ensure(by: str = "the console") -> int:
    """Bring the rules that come with the console into the table; how many rows that changed.

    What an admin changed stays as it is: a weight, a rule switched off, a rule of the firm's own with the same words.
    Rules that a new version no longer has go, unless an admin had touched them.
    """
    steps = {
        area: _bring_up(area, {(rule.kind, rule.text): rule.weight for rule in rules})
        for area, rules in shipped.area_by_area()
    }
    there = db.session.scalars(select(PracticeAreaRule.area).distinct().order_by(PracticeAreaRule.area)).all()
    steps |= {area: _bring_up(area, {}) for area in there if area not in steps}
    added, changed, gone = (sum(counts) for counts in zip(*steps.values(), strict=True))
    if added or changed or gone:
        audit.add("practice area rules brought up to date", actor=by, added=added, changed=changed, gone=gone)
    db.session.commit()
    return added + changed + gone


def _bring_up(area: str, wanted: dict[tuple[str, str], float]) -> tuple[int, int, int]:
    """The same for one area: rows added, changed and gone. Never all of them at once, for a worker keeps the room."""
    row, now = PracticeAreaRule, clock.now()
    columns = select(row.id, row.kind, row.text, row.weight, row.shipped, row.changed_by).where(row.area == area)
    there = {(found.kind, found.text): found for found in db.session.execute(columns)}
    fresh = [
        {"area": area, "kind": kind, "text": text, "weight": weight, "shipped": True, "changed_at": now}
        for (kind, text), weight in wanted.items()
        if (kind, text) not in there
    ]
    untouched = {key: found for key, found in there.items() if found.shipped and found.changed_by is None}
    heavier = [
        {"id": found.id, "weight": wanted[key], "changed_at": now}
        for key, found in untouched.items()
        if key in wanted and found.weight != wanted[key]
    ]
    gone = [found.id for key, found in untouched.items() if key not in wanted]
    for rows in _in_steps(fresh):
        db.session.execute(insert(row), rows)
    for rows in _in_steps(heavier):
        db.session.execute(update(row), rows)
    for ids in _in_steps(gone):
        db.session.execute(delete(row).where(row.id.in_(ids)))
    return len(fresh), len(heavier), len(gone)


def _in_steps(rows: list) -> Iterable[list]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
