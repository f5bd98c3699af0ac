"""What is wrong with a mapping before it is switched on, in sentences. Blocking problems keep it off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...models.record import field_name
from ...services.writing import CUSTOM, Field, by_name
from ..transforms import OTHER
from .model import ID, Line, Mapping
from .rings import rings

SIDES = ("right", "left")
# What a field may be given besides its own type.
ALSO_TAKES = {
    "text": {"email", "phone", "choice", "date", "time", "number", "money", "ref"},
    "email": {"text"}, "phone": {"text"}, "choice": {"text"}, "number": {"money"}, "money": {"number"},
}  # fmt: skip
KINDS = {
    "email": "an e-mail address", "phone": "a telephone number", "date": "a day", "time": "a moment",
    "number": "a number", "money": "an amount of money", "boolean": "yes or no", "choice": "a choice",
    "list": "a list", "lines": "lines of a bill", "ref": "another record", "text": "text",
}  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One thing an admin should know. line: its key; none when it is about the whole mapping."""

    blocking: bool
    line: str | None
    message: str


def check(
    mapping: Mapping, left_fields: Sequence[Field], right_fields: Sequence[Field], others: Sequence[Mapping] = ()
) -> list[Problem]:
    """Everything that is wrong, the blocking first.

    left_fields, right_fields: what the services say can be mapped today, custom fields among them.
    others: the other mappings that are switched on.
    """
    known = {"left": _by_name(left_fields), "right": _by_name(right_fields)}
    found = [*_whole(mapping), *_ends(mapping, known), *_duplicates(mapping, known), *_lookers(mapping, known)]
    for line in mapping.lines:
        for towards in SIDES:
            if line.goes(towards) and mapping.goes(towards):
                found += _line(mapping, line, towards, known)
        found += _alone(mapping, line)
    found += _others(mapping, known, others)
    found += [Problem(False, None, said) for said in rings(mapping, others)]
    return sorted(dict.fromkeys(found), key=lambda problem: not problem.blocking)


def holds_money(mapping: Mapping, left_fields: Sequence[Field], right_fields: Sequence[Field]) -> bool:
    """Whether money would be written, which a second admin approves."""
    known = {"left": _by_name(left_fields), "right": _by_name(right_fields)}
    return any(_is_money(line, towards, known) for towards in SIDES for line in mapping.lines_towards(towards))


def trust_refusal(mapping: Mapping) -> str | None:
    """Why this mapping may not even be saved: it would write clients' trust money (W8). None when it would not."""
    for towards in SIDES:
        writes = mapping.lines_towards(towards) or mapping.creates(towards) or mapping.deletes(towards)
        if writes and mapping.side(towards).kind.trust:
            return f"{mapping.side(towards).label} hold clients' trust money, which the console never writes."
        for line in mapping.lines_towards(towards):
            for name in line.written(towards):
                if "trust" in name.lower():
                    return f"The field {name} is about clients' trust money, which the console never writes."
    return None


def _by_name(fields: Sequence[Field]) -> dict[str, Field]:
    return {ID: Field(ID, "Id", writable=False), **by_name(fields)}


# -- the whole --------------------------------------------------------------------------------------------------------


def _whole(mapping: Mapping) -> Iterator[Problem]:
    only_links = mapping.direction == "link"
    if not mapping.lines and not only_links:
        yield Problem(True, None, "There is no line yet: nothing would travel.")
    if only_links and not mapping.keys:
        yield Problem(True, None, "There is no match key: no pair would be found.")
    if refusal := trust_refusal(mapping):
        yield Problem(True, None, refusal)
    if any(map(mapping.creates, SIDES)) and not mapping.keys:
        yield Problem(False, None, "There is no match key: who is on both sides already would be made a second time.")
    for towards in SIDES:
        if not mapping.goes(towards) and getattr(mapping.options, f"creates_{towards}"):
            yield Problem(False, None, f"Nothing goes to {mapping.side(towards).label}, so none is created.")


def _ends(mapping: Mapping, known: dict[str, dict[str, Field]]) -> Iterator[Problem]:
    """What each side allows, and what it requires of a new record."""
    for towards in SIDES:
        side = mapping.side(towards)
        if len(known[towards]) == 1:
            yield Problem(True, None, f"{side.label} have no fields that can be mapped.")
            continue
        wanted = {"update": bool(mapping.lines_towards(towards)), "create": mapping.creates(towards),
                  "delete": mapping.deletes(towards)}  # fmt: skip
        for operation, is_wanted in wanted.items():
            if is_wanted and operation not in side.operations:
                yield Problem(True, None, f"The console may not {operation} {side.label}.")
        if mapping.creates(towards):
            written = {name for line in mapping.lines_towards(towards) for name in line.written(towards)}
            for field in known[towards].values():
                if field.required and field.name not in written:
                    yield Problem(
                        True, None, f"{field.label} is required to create {side.label}, and no line fills it."
                    )


def _duplicates(mapping: Mapping, known: dict[str, dict[str, Field]]) -> Iterator[Problem]:
    for towards in SIDES:
        lines = mapping.lines_towards(towards)
        count = Counter(name for line in lines for name in line.written(towards))
        for line in lines:
            for name in line.written(towards):
                if count[name] > 1:
                    said = _called(name, towards, mapping, known)
                    yield Problem(True, line.key, f"{said} is written by {count[name]} lines.")


def _lookers(mapping: Mapping, known: dict[str, dict[str, Field]]) -> Iterator[Problem]:
    """Filters and match keys that look at a field which is not there."""
    for one in mapping.filters:
        if not _there(one["field"], known[one["side"]]):
            said = _called(one["field"], one["side"], mapping, known)
            yield Problem(True, None, f"A filter looks at {said}, which is not there.")
    for key in mapping.keys:
        pairs = [(key.get("left", ""), key.get("right", "")), *key.get("with", ())]
        for side, text in (at for left, right in pairs for at in (("left", left), ("right", right))):
            for name in filter(None, text.split(",")):
                if not _there(name, known[side]):
                    said = _called(name, side, mapping, known)
                    yield Problem(True, None, f"A match key looks at {said}, which is not there.")


def _called(name: str, side: str, mapping: Mapping, known: dict[str, dict[str, Field]]) -> str:
    """A field for people: "E-mail of Clio contacts"; one that is gone by its own name."""
    return f"{_label(name, known[side])} of {mapping.side(side).label}"


def _label(name: str, fields: dict[str, Field]) -> str:
    if field := fields.get(name):
        return field.label
    return f"Custom field {name.removeprefix(CUSTOM)}" if name.startswith(CUSTOM) else field_name(name)


def _there(name: str, fields: dict[str, Field]) -> bool:
    return len(fields) == 1 or name in fields  # where nothing is known, that is told once


# -- one line ---------------------------------------------------------------------------------------------------------


def _alone(mapping: Mapping, line: Line) -> Iterator[Problem]:
    """What is wrong with a line whatever the fields are."""
    transform = line.transform
    if transform.fault and (fault := transform.fault(line.options, line.left, line.right)):
        yield Problem(True, line.key, fault)
    if not any(line.goes(towards) and mapping.goes(towards) for towards in SIDES):
        yield Problem(False, line.key, "This line goes where the mapping does not; nothing travels on it.")
    if line.direction == "both" and mapping.direction == "both":
        if transform.backward is None:
            yield Problem(True, line.key, f"“{transform.label}” cannot be turned round: choose one direction.")
        if getattr(line.options, "only", ()):
            yield Problem(True, line.key, "With chosen tags only, the way back would remove the others.")
    for towards in SIDES:
        goes = line.goes(towards) and mapping.goes(towards)
        if goes and len(line.fields(OTHER[towards])) > 1 and not _reads_many(line, towards):
            yield Problem(True, line.key, f"“{transform.label}” reads one field, and here are several.")


def _reads_many(line: Line, towards: str) -> bool:
    forward = towards == "right" or line.direction == "to_left"
    return line.transform.many if forward else line.transform.back_many


def _line(mapping: Mapping, line: Line, towards: str, known: dict[str, dict[str, Field]]) -> Iterator[Problem]:
    """What is wrong with a line towards one side."""
    ours, theirs = known[OTHER[towards]], known[towards]
    for side in (OTHER[towards], towards):
        for name in line.fields(side):
            if not _there(name, known[side]):
                yield Problem(True, line.key, f"{_called(name, side, mapping, known)} is no longer there.")
    for name in line.written(towards):
        if (target := theirs.get(name)) is None:
            continue
        if not target.writable:
            turn = " Let the line go the other way only." if line.direction == "both" else ""
            yield Problem(True, line.key, f"{target.label} can be read but not written.{turn}")
        if target.lasting:
            yield Problem(False, line.key, f"{target.label} stays where it is when the other side's is emptied.")
        sources = [ours[one] for one in line.fields(OTHER[towards]) if one in ours]
        yield from _types(line, sources, target)
        if target.longest and any((one.longest or 0) > target.longest for one in sources):
            yield Problem(
                False, line.key, f"{target.label} takes {target.longest} characters; longer texts are refused."
            )
    if _is_money(line, towards, known):
        yield Problem(False, line.key, "This is money: a second admin approves the version before it goes live.")


def _types(line: Line, sources: Sequence[Field], target: Field) -> Iterator[Problem]:
    transform = line.transform
    for source in sources:
        if transform.takes and source.type not in transform.takes:
            yield Problem(
                True, line.key, f"“{transform.label}” cannot use {source.label}, which is {KINDS[source.type]}."
            )
            return
    given = {source.type for source in sources} if transform.gives is None else transform.gives
    if given and not given & {target.type, *ALSO_TAKES.get(target.type, ())}:
        made = " or ".join(sorted(KINDS[one] for one in given))
        yield Problem(True, line.key, f"{target.label} is {KINDS[target.type]}, but would be given {made}.")
    elif transform.name == "copy" and "ref" in given and target.type == "ref":
        yield Problem(True, line.key, f"{target.label} names records of the other service: choose “Linked record”.")


def _is_money(line: Line, towards: str, known: dict[str, dict[str, Field]]) -> bool:
    targets = (known[towards].get(name) for name in line.written(towards))
    return any(target.type in ("money", "lines") for target in targets if target)


# -- other mappings ---------------------------------------------------------------------------------------------------


def _others(mapping: Mapping, known: dict[str, dict[str, Field]], others: Sequence[Mapping]) -> Iterator[Problem]:
    """Fields that another mapping writes, too, or hands back in a circle."""
    for other in others:
        if other.id == mapping.id:
            continue
        theirs, kept_same = _written(other), _written(other, both_ways=True)
        if {mapping.left, mapping.right} == {other.left, other.right}:
            kept_same = set()  # the same pair of lists twice: one of the two has nothing to do
        for towards in SIDES:
            shared: list[str] = []
            for line in mapping.lines_towards(towards):
                for name in line.written(towards):
                    said = _called(name, towards, mapping, known)
                    if _both_ways(mapping, line) and (mapping.side(towards), name) in kept_same:
                        shared.append(_label(name, known[towards]))
                    elif not line.only_create and (mapping.side(towards), name) in theirs:
                        yield Problem(True, line.key, f"{said} is written by the mapping “{other.name}”, too.")
                if not line.only_create and _comes_back(mapping, line, towards, other):
                    yield Problem(
                        False, line.key, f"The mapping “{other.name}” carries this back: check that both agree."
                    )
            if shared:
                said = " and ".join(filter(None, (", ".join(shared[:-1]), shared[-1])))
                yield Problem(
                    False, None,
                    f"The mapping “{other.name}” keeps {said} of {mapping.side(towards).label} the same, too: a change "
                    "at any of the three accounts reaches the others.",
                )  # fmt: skip


def _written(mapping: Mapping, *, both_ways: bool = False) -> set:
    """What it writes again and again: what is given once, to records of its own making, is nobody else's."""
    return {
        (mapping.side(towards), name)
        for towards in SIDES
        for line in mapping.lines_towards(towards)
        for name in line.written(towards)
        if not line.only_create and (not both_ways or _both_ways(mapping, line))
    }


def _both_ways(mapping: Mapping, line: Line) -> bool:
    """Whether a line keeps two fields the same. Two such lines may meet in one field: what one brings, the other
    carries on. A line that goes one way would undo what the other brought."""
    return line.direction == mapping.direction == "both"


def _comes_back(mapping: Mapping, line: Line, towards: str, other: Mapping) -> bool:
    """Whether the other mapping reads what this line writes and writes what it reads."""
    writes = {(mapping.side(towards), name) for name in line.written(towards)}
    reads = {(mapping.side(OTHER[towards]), name) for name in line.fields(OTHER[towards])}
    for back in SIDES:
        for one in other.lines_towards(back):
            back_reads = {(other.side(OTHER[back]), name) for name in one.fields(OTHER[back])}
            back_writes = {(other.side(back), name) for name in one.written(back)}
            if not one.only_create and writes & back_reads and reads & back_writes:
                return True
    return False
