"""What two records have in common, facet by facet: as figures for deciding, and in words for a person."""

from __future__ import annotations

import re
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

    def rest(self, without: Facet) -> list[float]:
        """How alike they are apart from the name and what that facet looks at; what several look at counts once."""
        best: dict[int, float] = {}
        for number, (facet, score) in enumerate(zip(self.facets, self.scores, strict=True)):
            if score is not None and facet.kind != "name" and not facet.repeats(without):
                first = next((one for one in best if self.facets[one].repeats(facet)), number)
                best[first] = max(score, best.get(first, 0.0))
        return list(best.values())

    def other_day(self) -> bool:
        """A date that both know and that is not the same: another birthday is another person."""
        facts = [n for n, facet in enumerate(self.facets) if facet.kind == "fact" and self.scores[n] is not None]
        return any(self.scores[n] == 0 and self.left[n].day and self.right[n].day for n in facts)

    def is_personal(self, number: int) -> bool:
        """Whether it is somebody's own, as far as anything is: not the street or the town of all who live there."""
        return self.facets[number].kind != "fact" or bool(self.left[number].day)

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
        """Why, for a person, the shortest first: "similar names; same e-mail ada@example.com"."""
        told = [number for number in range(len(self.facets)) if self.scores[number] is not None]
        said = dict.fromkeys(self._say(number) for number in told if not self._was_told(number))
        return "; ".join(sorted(said, key=len))

    def _was_told(self, number: int) -> bool:
        """Whether an earlier facet looked at the same fields and says the same of them."""
        alike = [None if score is None else score >= ALIKE for score in self.scores]
        facet = self.facets[number]
        return any(facet.repeats(one) and alike[n] == alike[number] for n, one in enumerate(self.facets[:number]))

    def _say(self, number: int) -> str:
        facet, score = self.facets[number], self.scores[number] or 0.0
        if facet.kind == "name":
            return _name_words(score)
        if facet.kind == "fact":
            here, there = (" ".join(one.raw(facet))[:80] for one in (self.left, self.right))
            return f"both say {here}" if score >= ALIKE else f"one says {here}, the other {there}"
        shared = next((value[:80] for value in self.left[number] if value in self.right[number]), "")
        if facet.kind == "field" and "id" in (*facet.left, *facet.right):
            return f"one names the id of the other, {shared}" if shared else "one names the id of a third record"
        what = {"email": "e-mail", "phone": "phone"}.get(facet.kind) or _field_words(facet)
        if shared:
            return f"same {what} {shared}"
        return f"almost the same {what}" if score else f"different {what}"


def _name_words(score: float) -> str:
    if score >= 100:
        return "same name"
    if score >= ALIKE:
        return "similar names"
    return "different names" if score < APART else "names only a little alike"


def _field_words(facet: Facet) -> str:
    """What a field is called, as far as its name tells: "display number"; a firm's own field has none here."""
    name = next((one for one in (*facet.left, *facet.right) if not one.startswith("custom:")), "field compared")
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])|[_.]", " ", name.rpartition(".")[2]).lower()
