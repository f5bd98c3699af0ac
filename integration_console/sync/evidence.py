"""What two records have in common, facet by facet: as figures for deciding, and in words for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from . import folding, likeness
from .likeness import ALIKE, APART

WEIGHTS = {"field": 40, "email": 30, "name": 25, "phone": 20, "fact": 10}
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record that may be half of a pair."""

    record_id: int  # ours
    external_id: str
    plain: Mapping[str, Any]  # as Writing.plain gives it


@dataclass(frozen=True, slots=True)
class Facet:
    """One thing to compare two records by."""

    kind: str  # field, email, phone, name, fact
    left: tuple[str, ...]  # the fields it is in on the left
    right: tuple[str, ...]

    def repeats(self, other: Facet) -> bool:
        """Whether both look at the same fields: what is the same in one is then no second thing in common."""
        return not set(self.left).isdisjoint(other.left) and not set(self.right).isdisjoint(other.right)


class Known:
    """One record and what was folded of it so far: nothing is folded before it is asked for."""

    __slots__ = ("_values", "candidate", "country", "facets", "side")

    def __init__(self, candidate: Candidate, side: str, facets: Sequence[Facet], country: str) -> None:
        self.candidate, self.side, self.facets, self.country = candidate, side, facets, country
        self._values: list[Any] = [_UNKNOWN] * len(facets)

    def __getitem__(self, number: int) -> Any:
        """The folded value of a facet: texts for field, email and phone; a Name; a Fact. Empty or None: not known."""
        value = self._values[number]
        if value is _UNKNOWN:
            value = self._values[number] = self._folded(self.facets[number])
        return value

    def _folded(self, facet: Facet) -> Any:
        raw = list(self.raw(facet))
        if facet.kind == "name":
            return folding.name(" ".join(raw))
        if facet.kind == "fact":
            return likeness.fact(" ".join(raw), self.country)
        if facet.kind == "email":
            return tuple(dict.fromkeys(found for one in raw if (found := folding.email(one))))
        if facet.kind == "phone":
            return tuple(dict.fromkeys(found for one in raw if (found := folding.phone(one, self.country))))
        return tuple(dict.fromkeys(raw))

    def raw(self, facet: Facet) -> Iterator[str]:
        """What the record itself says, value by value."""
        for name in facet.left if self.side == "left" else facet.right:
            value = self.candidate.plain.get(name, self.candidate.external_id if name == "id" else None)
            for one in value if isinstance(value, list | tuple) else (value,):
                if not isinstance(one, bool | None) and (text := " ".join(str(one).split())):
                    yield text

    def entries(self, number: int) -> tuple[str, ...]:
        """Under what an index finds this record."""
        value = self[number]
        if value is None or isinstance(value, tuple):
            return value or ()
        return (value.block,) if isinstance(value, folding.Name) else (value.words,)

    @property
    def called(self) -> str:
        """What a person calls this record."""
        for kind in ("name", "email", "phone"):
            for facet in self.facets:
                if facet.kind == kind and (raw := list(self.raw(facet))):
                    return (" ".join(raw) if kind == "name" else raw[0])[:120]
        return self.candidate.external_id


class Evidence:
    """Two records side by side. A score of None: one of them does not say."""

    __slots__ = ("facets", "left", "right", "scores")

    def __init__(self, facets: Sequence[Facet], left: Known, right: Known) -> None:
        self.facets, self.left, self.right = facets, left, right
        self.scores = [self._score(number) for number in range(len(facets))]

    def _score(self, number: int) -> float | None:
        kind, one, other = self.facets[number].kind, self.left[number], self.right[number]
        if kind == "name":
            return likeness.names(one, other)
        if kind == "fact":
            return likeness.facts(one, other)
        if not one or not other:
            return None
        if not set(one).isdisjoint(other):
            return 100.0
        if kind == "field":
            return 0.0
        near = max(fuzz.ratio(a, b) for a in one for b in other)
        return 60.0 if near >= 90 else 0.0  # a letter or a digit mistyped

    @property
    def name(self) -> float | None:
        """How alike the names are."""
        return next((s for f, s in zip(self.facets, self.scores, strict=True) if f.kind == "name"), None)

    def never_one(self) -> bool:
        """Whether unlike names are those of a couple, or of a person and a company: both can share all the rest."""
        number = next((n for n, facet in enumerate(self.facets) if facet.kind == "name"), None)
        one, other = (None, None) if number is None else (self.left[number], self.right[number])
        if not one or not other:
            return False
        return one.person != other.person or bool(one.person and one.last and one.last == other.last)

    def other_day(self) -> bool:
        """A date that both know and that is not the same: another birthday is another person."""
        facts = [n for n, facet in enumerate(self.facets) if facet.kind == "fact" and self.scores[n] is not None]
        return any(self.scores[n] == 0 and self.left[n].day and self.right[n].day for n in facts)

    def total(self) -> int:
        """All of it as one figure from 0 to 100; what is not known on both sides makes it smaller."""
        weights = [WEIGHTS[facet.kind] for facet in self.facets]
        known = [(w, s) for w, s in zip(weights, self.scores, strict=True) if s is not None]
        if not known:
            return 0
        share = sum(w for w, _ in known) / sum(weights)
        mean = sum(w * s for w, s in known) / sum(w for w, _ in known)
        return round(mean * (0.6 + 0.4 * share))

    def words(self) -> str:
        """Why, for a person: "the same e-mail ada@example.com; names alike 92 of 100"."""
        said = [
            self._say(n, facet.kind, score)
            for n, facet in enumerate(self.facets)
            if (score := self.scores[n]) is not None
        ]
        return "; ".join(said)

    def _say(self, number: int, kind: str, score: float) -> str:
        if kind == "name":
            return _name_words(score)
        what = {"field": "value", "email": "e-mail", "phone": "phone", "fact": "fact"}[kind]
        if kind == "fact":
            shown = " ".join(self.left.raw(self.facets[number]))[:80]
            return f"{shown} on both sides" if score >= ALIKE else f"not the same: {shown}"
        if score == 100:
            shared = next(value for value in self.left[number] if value in self.right[number])
            return f"the same {what} {shared[:80]}"
        return f"nearly the same {what}" if score else f"another {what}"


def _name_words(score: float) -> str:
    if score >= 100:
        return "the same name"
    if score >= ALIKE:
        return f"names alike {score:.0f} of 100"
    return f"names differ, {score:.0f} of 100 alike" if score < APART else f"names a little alike, {score:.0f} of 100"
