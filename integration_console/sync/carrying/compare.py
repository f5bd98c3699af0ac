"""One pair of records, three ways: what each side holds now against what both last agreed on.

A side has changed when its value is not its own half of the agreement. Each half is kept in its side's own words, so
what an upstream makes of a value on saving (a phone's spelling, a trimmed name) is no change, and nothing is decided
by clocks (W6).
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from typing import Any

from ...errors import BadRecord, Wait
from ...services.writing import MISSING, value_of
from ..mapping import Line, Mapping, carry_over, spread, value_on
from ..transforms import OTHER, World
from .same import filled, same, same_on, told
from .verdict import Clash, Decision, Decisions, Half, Verdict

Base = Dictionary[str, list]  # line -> [left, right] as last agreed
NOBODY = "nobody"  # wins: both sides stay as they are


def compare(
    mapping: Mapping, left: Half, right: Half, base: Base, world: World, decided: Decisions | None = None
) -> Verdict:
    """Look at every line of a pair.

    decided: what a person said of lines that were asked about or flipped.
    """
    verdict, halves = Verdict(), {"left": left, "right": right}
    for line in mapping.lines:
        if line.only_create:
            continue
        try:
            _look(mapping, line, halves, base.get(line.key), (decided or {}).get(line.key), world, verdict)
        except Wait as wait:
            verdict.waits.append(wait)
        except BadRecord as error:
            verdict.problems.append((line.key, str(error)))
            if line.transform.watches:  # it speaks for the whole record, so nothing of that travels
                return Verdict(agreed=verdict.agreed, problems=verdict.problems)
    return verdict


def agree(mapping: Mapping, line: Line, left: Half, right: Half, world: World) -> bool | None:
    """Whether either record, made from the other, would say in this line what it says; None when it carries nothing."""
    halves = {"left": left, "right": right}

    def arrives(source: str) -> bool | None:
        there = halves[OTHER[source]].plain
        try:
            carried = carry_over(line, halves[source].plain, OTHER[source], world, creating=True, there=there)
        except (BadRecord, Wait):
            return False
        return (
            None if carried is MISSING else same_on(line, OTHER[source], carried, value_on(line, OTHER[source], there))
        )

    told = [arrives(source) for source in ways(mapping, line)]
    return None if told and all(one is None for one in told) else any(told)


def create(mapping: Mapping, side: str, source: Half, world: World) -> Verdict:
    """What a new record on `side` is to hold."""
    verdict = Verdict()
    for line in mapping.lines_towards(side):
        try:
            value = carry_over(line, source.plain, side, world, creating=True)
            _want(verdict, line, side, value, source, Half({}), now(mapping, line, OTHER[side], source.plain))
        except Wait as wait:
            verdict.waits.append(wait)
        except BadRecord as error:
            verdict.problems.append((line.key, str(error)))
    return verdict


def now(mapping: Mapping, line: Line, side: str, plain: Dictionary[str, Any]) -> Any:
    """What a line compares on a side: a value, or a list of them; MISSING when the record did not tell.

    Where a line goes one way, all it reads counts as its source, also what is only looked at.
    """
    if ways(mapping, line) == [side] and len(line.fields(side)) > 1:
        values = [value_of(plain, name) for name in line.fields(side)]
        return MISSING if all(value is MISSING for value in values) else [told(value) for value in values]
    return value_on(line, side, plain)


def ways(mapping: Mapping, line: Line) -> list[str]:
    """The sides a line's values may come from."""
    return [side for side in OTHER if line.goes(OTHER[side]) and mapping.goes(OTHER[side])]


def _look(
    mapping: Mapping, line: Line, halves: Dictionary[str, Half], base: list | None,
    decided: Decision | None, world: World, verdict: Verdict,
) -> None:  # fmt: skip
    """Decide about one line."""
    sources = ways(mapping, line)
    values = {side: now(mapping, line, side, halves[side].plain) for side in OTHER}
    if not sources or not _comparable(sources, values):
        return
    changed = _changed(line, values, base)
    rests = base is not None and not any(changed.values())
    if decided is not None and _edited(line, values, decided):
        if decided.again and (rests or _is_half_back(line, decided, values, halves, world)):
            _bring_back(line, decided.winner, decided.held.get(decided.winner), halves, world, verdict)
            return
        decided = None  # somebody edited it since
    if rests and decided is None:
        _watch(line, sources, halves, world)
        return
    left, right = told(values["left"]), told(values["right"])
    unsayable = None
    try:
        if _agree(sources, line, values, halves, world):
            verdict.agreed[line.key] = [left, right]
            return
    except BadRecord as error:  # what one side says has no words on the other: that keeps only itself from travelling
        if len(sources) < len(OTHER):
            raise
        unsayable = error
    settle = _moved if len(sources) > 1 else _one_way
    winner = decided.winner if decided else settle(sources, values, base, changed)
    if winner is None:
        rule = mapping.winner_of(line)
        winner = _by_rule(rule, halves)
        if winner is None and unsayable is not None:
            raise unsayable
        verdict.clashes.append(Clash(line, left, right, base, rule, winner))
        if winner is None:
            return
    if winner != NOBODY:
        value, mine, other = _carried(line, winner, halves, world), halves[winner], halves[OTHER[winner]]
        if _want(verdict, line, OTHER[winner], value, mine, other, values[winner]):
            return
    verdict.agreed[line.key] = [left, right]
    if winner == NOBODY:
        _watch(line, sources, halves, world)


def _watch(line: Line, sources: list[str], halves: Dictionary[str, Half], world: World) -> None:
    """Have a line that looks at the whole record there say what it finds, though nothing of it is to travel."""
    if watches := line.transform.watches:
        for source in sources:
            watches(_carried(line, source, halves, world), halves[OTHER[source]].plain)


def _bring_back(
    line: Line, winner: str, held: Any, halves: Dictionary[str, Half], world: World, verdict: Verdict
) -> None:
    """A value that lost wins after all: by now both sides hold the other one, so both are written."""
    mine, other = halves[winner], halves[OTHER[winner]]
    restored = _with(line, winner, held, mine)
    carried = carry_over(line, restored.plain, OTHER[winner], world, there=other.plain)
    theirs = told(value_on(line, OTHER[winner], other.plain)) if carried is MISSING else carried
    _want(verdict, line, winner, held, restored, mine, theirs)
    if not _want(verdict, line, OTHER[winner], carried, restored, other, held):
        verdict.agreed[line.key] = [held, theirs] if winner == "left" else [theirs, held]


def _is_half_back(
    line: Line, decided: Decision, values: Dictionary[str, Any], halves: Dictionary[str, Half], world: World
) -> bool:
    """Whether only one of the two writes of a flip has arrived: each side says what is to win, or what is to lose."""

    def says(side: str, whose: str) -> bool:
        said = decided.held.get(whose)
        if side != whose:
            said = told(_carried(line, whose, {**halves, whose: _with(line, whose, said, halves[whose])}, world))
        return same_on(line, side, told(values[side]), said)

    return all(says(side, "left") or says(side, "right") for side in OTHER)


def _with(line: Line, side: str, held: Any, half: Half) -> Half:
    """A record as it would be if it said this in a line."""
    names = line.written(side)
    again = dict(zip(names, held, strict=False)) if len(names) > 1 else {names[0]: held}
    return Half({**half.plain, **again}, half.changed_at, half.record_id)


def _comparable(sources: list[str], values: Dictionary[str, Any]) -> bool:
    """A record that does not tell a field can be given it, and never clears it (P6)."""
    return any(
        values[side] is not MISSING and (values[OTHER[side]] is not MISSING or filled(values[side])) for side in sources
    )


def _edited(line: Line, values: Dictionary[str, Any], decided: Decision) -> bool:
    """Whether a side says something else than what a person decided about."""
    return any(_changed(line, values, [decided.held.get(side) for side in ("left", "right")]).values())


def _changed(line: Line, values: Dictionary[str, Any], base: list | None) -> dict[str, bool]:
    if base is None:
        return dict.fromkeys(OTHER, True)
    agreed = dict(zip(("left", "right"), base, strict=True))
    return {side: values[side] is not MISSING and not same_on(line, side, values[side], agreed[side]) for side in OTHER}


def _agree(
    sources: list[str], line: Line, values: Dictionary[str, Any], halves: Dictionary[str, Half], world: World
) -> bool:
    """Whether the two sides say the same, each in its own words, or both in words that come to one."""
    if MISSING in values.values():
        return False
    if len(sources) > 1 and line.transform.back == line.transform.name:
        there, back = (_carried(line, source, halves, world) for source in sources)
        if there is not MISSING and back is not MISSING and filled(there) and same(there, back):
            return True
    return any(
        (carried := _carried(line, source, halves, world)) is not MISSING
        and same_on(line, OTHER[source], carried, values[OTHER[source]])
        for source in sources
    )


def _carried(line: Line, source: str, halves: Dictionary[str, Half], world: World) -> Any:
    return carry_over(line, halves[source].plain, OTHER[source], world, there=halves[OTHER[source]].plain)


def _one_way(
    sources: list[str], values: Dictionary[str, Any], base: list | None, changed: Dictionary[str, bool]
) -> str:
    """A first meeting fills and corrects, and never empties. Afterwards only a change of the source travels: what is
    edited by hand on the other side is left as it is."""
    (source,) = sources
    moved = filled(values[source]) if base is None else changed[source]
    return source if moved else NOBODY


def _moved(
    sources: list[str], values: Dictionary[str, Any], base: list | None, changed: Dictionary[str, bool]
) -> str | None:
    """The only side that has something to say; None when both have."""
    if base is None:
        said = [side for side in sources if values[side] is not MISSING and filled(values[side])]
    else:
        said = [side for side in sources if changed[side]]
    return said[0] if len(said) == 1 else None if said else NOBODY


def _by_rule(rule: str, halves: Dictionary[str, Half]) -> str | None:
    """Who wins. Where an upstream tells no time of change, "newest" cannot be told, and a person is asked."""
    if rule in OTHER:
        return rule
    left, right = halves["left"].changed_at, halves["right"].changed_at
    if rule == "newest" and left and right and left != right:
        return "left" if left > right else "right"
    return None


def _want(verdict: Verdict, line: Line, side: str, value: Any, source: Half, target: Half, came: Any) -> bool:
    """Note what the target's fields of a line are to hold; whether anything is."""
    intent, wanted, kept = verdict.towards(side), {}, {}
    for name, one in spread(line, side, value).items():
        there = value_of(target.plain, name)
        if same(there, one) if there is not MISSING else not filled(one):
            kept[name] = told(there)
            continue
        wanted[name] = one
        intent.values[name], intent.before[name] = one, told(there)
        origin = ",".join(line.fields(OTHER[side]))
        intent.sources[name] = {"record_id": source.record_id, "field": origin, "value": told(came)}
    if wanted:
        said = {"source": told(came), "fields": list(line.written(side))}
        intent.agree[line.key] = said | {"kept": kept} if kept else said
    return bool(wanted)
