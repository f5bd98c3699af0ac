"""Which record on the other side is the same person or matter, and why.

A mapping's keys are tried in order, and the first that finds anything decides:

    {"by": "field", "left": "custom:12", "right": "id"}      the same text; "id" is the record's id at its service
    {"by": "email", "left": "email,other_emails", "right": "email"}     any of the left ones is one of the right ones
    {"by": "phone", "left": "phone", "right": "phone"}       in E.164
    {"by": "name", "left": "firstName,lastName", "right": "name", "with": [["address1", "address.street"]]}
                                                             names alike, and one of the facts of "with" the same;
                                                             without "with" the folded names must be equal

A name that a key with a second fact took for nobody's may be named once more, by "field": then a person is asked.

Only one clear match links by itself. Where several are found, where two keys disagree or where the names say that this
is somebody else, a person decides: a wrong pair mixes two clients' files, and costs more than a question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import InvalidInput
from .evidence import Candidate, Evidence, Facet, Known
from .likeness import ALIKE, APART

__all__ = ["Candidate", "Key", "Match", "Matcher", "Scored", "keys_of"]

BY = ("field", "email", "phone", "name")
MOST_SHARED = 30  # what more records than this have in common tells nobody apart: a city, the firm's own number
MOST_SHOWN = 10  # candidates kept for a person to look at
_SAYS = {"field": "the same value", "email": "the same e-mail", "phone": "the same phone", "name": "this name"}
NOBODY: Mapping[int, str] = {}


@dataclass(frozen=True)
class Scored:
    """One record of the other side, how sure it is the same (0 to 100), and why, in words."""

    record_id: int
    score: int
    why: str


@dataclass(frozen=True)
class Match:
    """What was found. one: `candidates` holds the one; several: a person decides, `reason` says why; none: nothing."""

    state: str
    candidates: list[Scored] = field(default_factory=list)
    reason: str = ""


@dataclass(frozen=True)
class Key:
    """One way to find a record: numbers of facets."""

    by: str
    facet: int
    also: tuple[int, ...] = ()


def keys_of(raw: Iterable[Mapping[str, Any]]) -> tuple[list[Key], list[Facet]]:
    """Keys as a mapping keeps them, and all that they compare, each thing once.

    Raises InvalidInput when one cannot be used.
    """
    facets: list[Facet] = []

    def number(kind: str, left: Any, right: Any) -> int:
        one = Facet(kind, _names(left), _names(right))
        known = next((n for n, f in enumerate(facets) if (f.left, f.right) == (one.left, one.right)), None)
        if known is None or (kind != "fact" and facets[known].kind != kind):
            facets.append(one)
            return len(facets) - 1
        return known

    keys = []
    for key in raw:
        if key.get("by") not in BY:
            raise InvalidInput(f"Records are matched by {', '.join(BY)}, not by {key.get('by')!r}.", field="keys")
        also = [pair for pair in key.get("with") or () if len(pair) == 2]
        facet = number(key["by"], key.get("left"), key.get("right"))
        keys.append(Key(key["by"], facet, tuple(number("fact", *pair) for pair in also)))
    return keys, facets


def _names(written: Any) -> tuple[str, ...]:
    names = tuple(name.strip() for name in str(written or "").split(",") if name.strip())
    if not names:
        raise InvalidInput("A match key needs a field on both sides.", field="keys")
    return names


def _balance(scores: Sequence[float]) -> int:
    """How much more is the same than differs: one town in common is little where e-mail and telephone are not."""
    return sum(score >= ALIKE for score in scores) - sum(score < APART for score in scores)


class Matcher:
    """Finds the right records that a left one may be. Its indexes are made once."""

    def __init__(self, keys: Iterable[Mapping[str, Any]], rights: Iterable[Candidate], country: str = "US") -> None:
        self.keys, self.facets = keys_of(keys)
        self.country = country
        self._rights = {right.record_id: Known(right, "right", self.facets, country) for right in rights}
        self._indexes: dict[int, dict[str, list[int]]] = {}
        for key in self.keys:
            for number in (key.facet, *key.also):
                if number not in self._indexes:
                    self._indexes[number] = self._index(number)

    def _index(self, number: int) -> dict[str, list[int]]:
        index: dict[str, list[int]] = {}
        for record_id, known in self._rights.items():
            for value in known.entries(number):
                index.setdefault(value, []).append(record_id)
        return index

    # -- one record ---------------------------------------------------------------------------------------------------

    def match(self, left: Candidate, taken: Mapping[int, str] = NOBODY, apart: Collection[int] = ()) -> Match:
        """The right records this one may be.

        taken: right records that have a pair already, with what their partner is called.
        apart: right records a person said are different from this one.
        """
        known = Known(left, "left", self.facets, self.country)
        for key in self.keys:
            if hits := [right for right in self._hits(key, known) if right not in apart]:
                return self._decide(key, known, hits, taken, apart)
        return Match("none")

    def _hits(self, key: Key, left: Known) -> list[int]:
        if key.by == "name":
            return self._by_name(key, left)
        index = self._indexes[key.facet]
        hits = (right for value in left.entries(key.facet) for right in index.get(value, ())[: MOST_SHARED + 1])
        return list(dict.fromkeys(hits))

    def _by_name(self, key: Key, left: Known) -> list[int]:
        """Those whose name and a second fact agree; else those of the same name of whom nothing else is known."""
        if left[key.facet] is None:
            return []
        if not key.also:
            return self._indexes[key.facet].get(left[key.facet].block, [])[: MOST_SHARED + 1]
        found = self._sharing(key.facet, left)
        found = list(dict.fromkeys([*found, *(right for number in key.also for right in self._sharing(number, left))]))
        sure, unsure = [], []
        for right in found:
            evidence = self._evidence(left, right)
            score = evidence.scores[key.facet]
            if score is None or score < ALIKE:
                continue
            if any((evidence.scores[number] or 0) >= ALIKE for number in key.also):
                sure.append(right)
            elif all(known is None for number, known in enumerate(evidence.scores) if number != key.facet):
                unsure.append(right)
        return sure or unsure

    def _sharing(self, number: int, left: Known) -> list[int]:
        groups = [self._indexes[number].get(value, []) for value in left.entries(number)]
        return [right for group in groups if len(group) <= MOST_SHARED for right in group]

    # -- deciding -----------------------------------------------------------------------------------------------------

    def _decide(
        self, key: Key, left: Known, hits: list[int], taken: Mapping[int, str], apart: Collection[int]
    ) -> Match:
        if len(hits) > 1:
            many = len(hits) if len(hits) <= MOST_SHARED else f"More than {MOST_SHARED}"
            return Match("several", self._scored(left, hits, taken), f"{many} records have {_SAYS[key.by]}.")
        (right,) = hits
        others = self._elsewhere(key, left, right, apart)
        if doubt := self._doubt(key, left, right, others):
            return Match("several", self._scored(left, [right, *others], taken), doubt)
        match = Match("one", self._scored(left, hits, {}))
        return self._given(match, taken[right]) if right in taken else match

    def _scored(self, left: Known, hits: Sequence[int], taken: Mapping[int, str]) -> list[Scored]:
        """The best of these, the best first."""
        found = []
        for right in hits[:MOST_SHARED]:
            evidence = self._evidence(left, right)
            partner = f"; paired already with {taken[right]}" if right in taken else ""
            found.append(Scored(right, evidence.total(), evidence.words() + partner))
        return sorted(found, key=lambda one: (-one.score, one.record_id))[:MOST_SHOWN]

    def _elsewhere(self, key: Key, left: Known, right: int, apart: Collection[int]) -> list[int]:
        """Other records that a later key finds, and it alone: the record found differs from them there."""
        found: list[int] = []
        for later in self.keys[self.keys.index(key) + 1 :]:
            if later.by != "name":
                hits = [hit for hit in self._hits(later, left) if hit not in apart]
                found += hits if right not in hits and len(hits) <= MOST_SHARED else []
        return list(dict.fromkeys(found))

    def _doubt(self, key: Key, left: Known, right: int, others: Sequence[int]) -> str:
        """Why the only record found may be another one all the same; "" when nothing says so."""
        evidence = self._evidence(left, right)
        name, found = evidence.name, self._rights[right]
        both = f"{left.called} and {found.called}"
        if evidence.other_day():
            return f"They have {_SAYS[key.by]}, but their dates differ: {both}."
        if key.also and not any((evidence.scores[number] or 0) >= ALIKE for number in key.also):
            return f"They have the same name, and nothing else is known of both: {both}."
        if key.by == "field" and self._was_doubted(key):
            return f"They have the same name, and something else about them differs: {both}."
        if key.by == "name" and _balance(evidence.rest(evidence.facets[key.facet])) < 0:
            return f"They have the same name, but more differs about them than is the same: {both}."
        if name is not None and name < APART and self._somebody_else(key, evidence):
            return f"They have {_SAYS[key.by]}, but other names: {both}."
        if others and (name is None or name < ALIKE):
            return f"{left.called} shares something with {found.called} and something else with {self._called(others)}."
        return ""

    def _was_doubted(self, key: Key) -> bool:
        """Whether what is the same is a name that an earlier key took for nobody, wanting a second fact."""
        earlier = self.keys[: self.keys.index(key)]
        return any(one.also and self.facets[one.facet].repeats(self.facets[key.facet]) for one in earlier)

    @staticmethod
    def _somebody_else(key: Key, evidence: Evidence) -> bool:
        """Whether names that differ weigh more than what is the same. Under one roof live people of many names: an
        address bears nobody out, a birthday does.
        """
        rest = {
            number: score
            for number, score in enumerate(evidence.scores)
            if score is not None
            and evidence.facets[number].kind != "name"
            and not evidence.facets[number].repeats(evidence.facets[key.facet])
        }
        agree = [number for number, score in rest.items() if score >= ALIKE]
        if key.by == "field":  # an id that was written down once outlives a new name
            return bool(rest) and not agree
        return not any(map(evidence.is_personal, agree)) or evidence.never_one()

    def _called(self, rights: Sequence[int]) -> str:
        rest = f" and {len(rights) - 1} more" if len(rights) > 1 else ""
        return self._rights[rights[0]].called + rest

    def _evidence(self, left: Known, right: int) -> Evidence:
        return Evidence(self.facets, left, self._rights[right])

    # -- all of them --------------------------------------------------------------------------------------------------

    def match_all(
        self, lefts: Iterable[Candidate], taken: Mapping[int, str] = NOBODY,
        apart: Mapping[int, Collection[int]] | None = None,
    ) -> Iterator[tuple[Candidate, Match]]:  # fmt: skip
        """Match many left records, each in its turn; a right record is given once, to the left one most like it.

        apart: left record -> right records a person said are different from it.
        """
        found = [(left, self.match(left, taken, (apart or {}).get(left.record_id, ()))) for left in lefts]
        ones = [position for position, (_, match) in enumerate(found) if match.state == "one"]
        given: dict[int, int] = {}  # right record -> position of the left one that gets it
        for position in sorted(ones, key=lambda one: -found[one][1].candidates[0].score):
            given.setdefault(found[position][1].candidates[0].record_id, position)
        for position, (left, match) in enumerate(found):
            winner = given.get(match.candidates[0].record_id, position) if match.state == "one" else position
            yield left, match if winner == position else self._given(match, self._left_called(found[winner][0]))

    def _given(self, match: Match, partner: str) -> Match:
        """The one record found belongs to another pair: a person decides."""
        (only,) = match.candidates
        called = self._rights[only.record_id].called
        only = replace(only, why=f"{only.why}; paired already with {partner}")
        return Match("several", [only], f"{called} is paired already with {partner}.")

    def _left_called(self, left: Candidate) -> str:
        return Known(left, "left", self.facets, self.country).called
