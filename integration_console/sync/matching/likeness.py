"""How alike two values are, from 0 to 100, where they are not simply the same."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from . import folding
from .folding import Name

ALIKE = 85  # from here on two names, or two addresses, are taken for one
APART = 55  # below it they are clearly not
_HALF_A_NAME = 80.0  # "Ada", of somebody called Ada Lovelace: no contradiction, and no proof
_ONE_FAMILY = 50.0  # same family name and another given name: husband and wife, mother and daughter

_SAME_GIVEN = (  # English short forms that share too few letters with what they are short for
    "robert bob bobby rob", "william bill billy will liam", "richard dick rick rich", "margaret peggy maggie meg",
    "elizabeth liz beth betty eliza lisa", "james jim jimmy jamie", "john jack johnny", "edward ed ted ned eddie",
    "katherine catherine kate kathy cathy katie", "charles chuck charlie", "henry hank harry", "michael mike mick",
    "anthony tony", "joseph joe joey", "thomas tom tommy", "patricia pat patty trish", "susan sue suzy",
    "deborah deb debbie", "theodore ted theo", "frances fran", "francis frank", "alexander alex sasha",
    "alexandra alex sandra", "benjamin ben", "daniel dan danny", "david dave", "steven stephen steve", "samuel sam",
    "samantha sam", "christopher chris", "christina chris tina", "jennifer jen jenny", "matthew matt", "nicholas nick",
    "andrew andy drew", "lawrence larry", "gerald jerry", "ronald ron", "donald don", "kenneth ken", "gregory greg",
    "timothy tim", "victoria vicky", "rebecca becky", "dorothy dot", "virginia ginny", "francisco paco pancho",
    "jose pepe",
)  # fmt: skip
_SHORT: dict[str, set[int]] = {}
for _number, _group in enumerate(_SAME_GIVEN):
    for _word in _group.split():
        _SHORT.setdefault(_word, set()).add(_number)


def names(one: Name | None, other: Name | None) -> float | None:
    """How alike two names are; None where that cannot be told: one is missing, or they are in different scripts.

    >>> names(folding.name("Bob Smith"), folding.name("Smith, Robert")) >= ALIKE
    True
    >>> names(folding.name("John Smith"), folding.name("Mary Smith")) < APART
    True
    """
    if one is None or other is None or not folding.scripts(one.whole) & folding.scripts(other.whole):
        return None
    score = _letters(one, other)
    if not (one.person and other.person and one.first and other.first):
        return score
    if one.last and other.last:
        return _people(one, other, score)
    return max(score, _HALF_A_NAME) if _part_of(one, other) else score


def _letters(one: Name, other: Name) -> float:
    joined = fuzz.ratio(one.whole.replace(" ", ""), other.whole.replace(" ", ""))  # 山田太郎 and 山田 太郎
    score = max(fuzz.token_sort_ratio(one.whole, other.whole), joined)
    shared = set(one.whole.split()) & set(other.whole.split())
    if one.person and other.person and len(shared) >= 2:  # Ana Ruiz and Ana María Ruiz García
        score = max(score, fuzz.token_set_ratio(one.whole, other.whole) - 2 if one.whole != other.whole else 100.0)
    return score


def _people(one: Name, other: Name, score: float) -> float:
    if one.generation and other.generation and one.generation != other.generation:
        return min(score, _ONE_FAMILY)  # father and son
    if fuzz.ratio(one.last, other.last) < ALIKE:
        return score
    if _same_given(one, other):
        return max(score, 95.0) if one.whole != other.whole else score
    return min(score, _ONE_FAMILY)


def _part_of(one: Name, other: Name) -> bool:
    return not set(one.whole.split()).isdisjoint(other.whole.split()) or _same_given(one, other)


def _same_given(one: Name, other: Name) -> bool:
    given, others = (set(f"{name.first} {name.middle}".split()) for name in (one, other))
    if given & others or _SHORT.get(one.first, set()) & _SHORT.get(other.first, set()):
        return True
    if one.first[0] == other.first[0] and 1 in (len(one.first), len(other.first)):
        return True
    return fuzz.ratio(one.first, other.first) > 80 or one.first.replace(" ", "") == other.first.replace(" ", "")


# -- other facts ------------------------------------------------------------------------------------------------------


_DAY = re.compile(r"\s*(\d{4}-\d\d-\d\d)(?:[T ].*)?$")
_LONG_WORDS = {
    "street": "st", "avenue": "ave", "road": "rd", "drive": "dr", "lane": "ln", "boulevard": "blvd", "court": "ct",
    "place": "pl", "suite": "ste", "apartment": "apt", "north": "n", "south": "s", "east": "e", "west": "w",
    "strasse": "str", "highway": "hwy", "square": "sq",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """A second fact beside a name: an address line, a date, a phone, whatever a mapping compares."""

    words: str
    digits: frozenset[str]
    exact: str  # an e-mail, a phone or a day; these are the same or not, never alike
    day: bool = False


def fact(value: object, country: str) -> Fact | None:
    """A value as a second fact; None when it is empty."""
    if day := _DAY.match(str(value or "")):
        return Fact(day[1], frozenset(), day[1], day=True)
    if exact := folding.email(value) or (_mostly_digits(value) and folding.phone(value, country)):
        return Fact(exact, frozenset(), exact)
    words = [_LONG_WORDS.get(word, word) for word in folding.text(value).split()]
    if not words:
        return None
    return Fact(" ".join(words), frozenset(word for word in words if any(c.isdigit() for c in word)), "")


def _mostly_digits(value: object) -> bool:
    written = str(value or "")
    return 2 * sum(c.isdigit() for c in written) >= len(written)


def facts(one: Fact | None, other: Fact | None) -> float | None:
    """How alike two facts are. Different house numbers are different houses, however alike the street.

    >>> here, there = fact("12 Main Street", "US"), fact("21 Main St.", "US")
    >>> facts(here, fact("12 Main St", "US")), facts(here, there)
    (100.0, 40.0)
    """
    if one is None or other is None:
        return None
    if one.exact or other.exact:
        return 100.0 if one.exact == other.exact else 0.0
    score = float(fuzz.token_sort_ratio(one.words, other.words))
    if one.digits and other.digits and not (one.digits <= other.digits or other.digits <= one.digits):
        return min(score, 40.0)
    return score
