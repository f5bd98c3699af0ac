"""Which practice area a description is about, how sure that is, and why.

Each sign found (signs.py) adds its weight to its area; every further one counts less, so that many signs do not
outweigh one clear word. Hints (hints.py) are light and add up in full. The areas then share out a confidence from 0 to
1, together with "none of them".
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from . import patterns, signs
from .hints import Hints
from .names import firm_area

__all__ = ["NO_AREA", "THRESHOLD", "Detected", "Rule", "Rules", "detect", "firm_area"]

NO_AREA = "No area"  # rules of this area tell vendors, job seekers and thanks from clients
THRESHOLD = 0.6  # below, the answer is "not sure"
SMALLEST = 0.001  # share of an area that is worth telling
CLOSE = 0.35  # a second area with at least this share of the first one's is worth a word

FADE = 0.7  # the second sign counts 0.7 of its weight, the third 0.49 ...
NONE_AT = 1.3  # the score at which an area is as likely as none
HEAT = 1.4  # how slowly a higher score becomes a higher confidence: a text of new words is less clear than it looks
SHORTEST_CORRECTED = 5  # letters; shorter words are too alike
MISSPELT = 0.8  # what a sign in a misspelt word counts

NEAR = 40  # words between the groups of one sign
LONGEST = 20_000  # characters looked at
PATTERNED = 2_000  # characters patterns are tried on
REMEMBERED = 20_000  # spellings


@dataclass(frozen=True, slots=True)
class Rule:
    """One sign that a text is about an area ("word", "phrase", "pattern", "hint"), or that it is not ("not")."""

    area: str
    kind: str
    text: str
    weight: float = 1.0
    id: int | None = None


@dataclass(frozen=True)
class Detected:
    """What a text is about."""

    area: str | None  # None: not sure
    confidence: float  # 0 to 1, of the likeliest area
    reason: str
    likeliest: str | None  # also when not sure
    scores: Mapping[str, float] = field(default_factory=dict)  # area -> its share, 0 to 1, the likeliest first
    rule_ids: tuple[int, ...] = ()  # the rules that led to the area; none when not sure


class Hit(NamedTuple):
    """A rule whose sign stands in the text."""

    rule: Rule
    quote: str
    weight: float
    words: frozenset[int] = frozenset()  # their places in the text


class Rules:
    """Rules made ready to look for. Nothing of it changes afterwards, but spellings are remembered."""

    def __init__(self, rules: Iterable[Rule], never_corrected: Iterable[str] = ()) -> None:
        """Raises InvalidInput for a sign that cannot be read."""
        self.rules = tuple(rules)
        self._patterns = [
            (n, patterns.pattern(rule.text)) for n, rule in enumerate(self.rules) if rule.kind == "pattern"
        ]
        # Groups are numbered through all rules; the finder knows nothing of which belong together.
        grouped = [
            (number, group)
            for number, r in enumerate(self.rules)
            if r.kind not in ("pattern", "hint")
            for group in signs.groups(r.text)
        ]
        ways = [(number, way) for number, (_, group) in enumerate(grouped) for way in group]
        self._rule_of = [number for number, _ in grouped]
        self._needed = Counter(self._rule_of)
        self._finder = signs.Finder(ways)
        self._hints = Hints((number, r.text) for number, r in enumerate(self.rules) if r.kind == "hint")
        self._words, self._beginnings = _vocabulary((way for _, way in ways), self._hints.words)
        self._spared = frozenset(word for known in never_corrected for word in signs.fold(known))
        self._spelt: dict[str, str] = {}

    def hits(self, text: str) -> list[Hit]:
        """Every rule whose sign the text has."""
        said = signs.cut(text[:LONGEST])
        tokens = self.corrected(said.tokens)
        spans: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for group, span in self._finder.find(tokens).items():
            spans[self._rule_of[group]].append(span)
        hits = [
            self._hit(number, sorted(found), tokens, said)
            for number, found in spans.items()
            if len(found) == self._needed[number] and _belong_together(found) and not _denied(tokens, min(found)[0])
        ]
        plain = " ".join(said.tokens)[:PATTERNED]
        matches = ((number, pattern.search(plain)) for number, pattern in self._patterns)
        rules = self.rules
        hits += [Hit(rules[n], match[0].strip(), rules[n].weight) for n, match in matches if match]
        found = self._hints.find(_affirmed(tokens))
        return hits + [Hit(rules[n], rules[n].text, rules[n].weight, words) for n, words in found]

    def corrected(self, tokens: list[str]) -> list[str]:
        """Words as they are compared, each misspelt one as the rules' word that it must mean."""
        return [self._correct(token) for token in tokens]

    def _hit(self, number: int, spans: list[tuple[int, int]], tokens: list[str], said: signs.Text) -> Hit:
        rule = self.rules[number]
        exact = all(tokens[start:end] == said.tokens[start:end] for start, end in spans)
        words = frozenset(place for start, end in spans for place in range(start, end))
        quote = " … ".join(dict.fromkeys(said.quote(start, end) for start, end in spans))
        return Hit(rule, quote, rule.weight * (1 if exact else MISSPELT), words)

    def _correct(self, token: str) -> str:
        """The rules' word that a misspelt one must mean; else the word itself."""
        if len(token) < SHORTEST_CORRECTED or token in self._words.get(token[0], ()) or token in self._spared:
            return token
        if (known := self._spelt.get(token)) is None:
            if len(self._spelt) > REMEMBERED:
                self._spelt = {}
            known = self._spelt[token] = self._look_up(token)
        return known

    def _look_up(self, token: str) -> str:
        from rapidfuzz.distance import OSA

        beginnings = self._beginnings.get(token[0], ())
        if not token.isalpha() or token.startswith(tuple(beginnings)):
            return token
        allowed = 1 if len(token) < 10 else 2
        best, distance = token, allowed + 1
        for word in self._words.get(token[0], ()):
            if abs(len(word) - len(token)) < distance:
                apart = OSA.distance(token, word, score_cutoff=allowed)
                best, distance = (word, apart) if apart < distance else (best, distance)
        for stem in beginnings:
            for end in (len(stem), len(stem) - 1, len(stem) + 1):
                if len(stem) > 5 and OSA.distance(token[:end], stem, score_cutoff=1) < min(distance, 2):
                    best, distance = stem + token[end:], 1
        return best


def _vocabulary(
    ways: Iterable[signs.Way], hinted: Iterable[str]
) -> tuple[dict[str, dict[str, None]], dict[str, tuple[str, ...]]]:
    """Words of five letters and more that the rules use, and beginnings of words, each by the first letter."""
    words: defaultdict[str, dict[str, None]] = defaultdict(dict)  # as sets in order
    beginnings: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for word in sorted({word for way in ways for step in way for word in step.words()} | set(hinted)):
        if word.endswith("*"):
            beginnings[word[0]][word[:-1]] = None
        elif len(word) >= SHORTEST_CORRECTED and word.isalpha():
            words[word[0]][word] = None
    return dict(words), {letter: tuple(stems) for letter, stems in beginnings.items()}


def _belong_together(spans: list[tuple[int, int]]) -> bool:
    """Whether the groups of one sign stand near each other, each in words of its own."""
    starts = [start for start, _ in spans]
    return len(set(starts)) == len(starts) and max(starts) - min(starts) <= NEAR


def _denied(tokens: list[str], start: int) -> bool:
    """Whether the words just before say that this is not what it is about: "not a divorce", "nothing to do with"."""
    before = tokens[max(0, start - 5) : start]
    if "not" in before[-3:-1] and before[-1:] in (["a"], ["an"], ["about"], ["the"], ["for"]):
        return True
    return before[-4:] == ["nothing", "to", "do", "with"] or before[-5:-1] == ["nothing", "to", "do", "with"]


def _affirmed(tokens: list[str]) -> list[str]:
    """The words, with a blank for each that the text says it is not about."""
    if "not" not in tokens and "nothing" not in tokens:
        return tokens
    return ["" if _denied(tokens, place) else token for place, token in enumerate(tokens)]


def detect(text: str, rules: Rules, threshold: float = THRESHOLD) -> Detected:
    """What a text is about, by these rules.

    threshold: 0 to 1; higher answers less often and errs less.
    """
    by_area: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in rules.hits(text):
        by_area[hit.rule.area].append(hit)
    for hits in by_area.values():
        hits.sort(key=lambda hit: -hit.weight)
    none = by_area.pop(NO_AREA, [])
    shares = _shares({area: _score(hits) for area, hits in by_area.items()}, NONE_AT + _score(none))
    if not shares:
        return Detected(None, 0.0, "Nothing in the text points to a practice area.", None)
    first = next(iter(shares))
    told = {area: share for area, share in shares.items() if share >= SMALLEST}
    speaking = [hit for hit in by_area[first] if hit.rule.kind != "not"]
    if shares[first] < threshold:
        return Detected(None, shares[first], _doubt(shares, by_area, none), first, told)
    ids = tuple(hit.rule.id for hit in speaking if hit.rule.id is not None)
    return Detected(first, shares[first], f"It says {_quotes(speaking)}.", first, told, ids)


def _score(hits: list[Hit]) -> float:
    """What the hits of one area add up to, the strongest first. Words that were counted count no second time."""
    score, counts = 0.0, 1.0
    counted: set[int] = set()
    for hit in hits:
        if hit.rule.kind == "not":
            score -= hit.weight
        elif hit.rule.kind != "hint" and not (hit.words and hit.words <= counted):
            counted |= hit.words
            score += hit.weight * counts
            counts *= FADE
    return score + sum(hit.weight for hit in hits if hit.rule.kind == "hint" and not hit.words <= counted)


def _shares(scores: Mapping[str, float], none: float) -> dict[str, float]:
    """Scores as shares of one, the largest first; the rest belongs to "none of them", which has a score of its own."""
    likely = {area: score for area, score in scores.items() if score > 0}
    top = max([none, *likely.values()])
    weights = {area: math.exp((score - top) / HEAT) for area, score in likely.items()}
    whole = sum(weights.values()) + math.exp((none - top) / HEAT)
    return {area: weight / whole for area, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))}


# -- in words --------------------------------------------------------------------------------------------------------


def _doubt(shares: Mapping[str, float], by_area: Mapping[str, list[Hit]], none: list[Hit]) -> str:
    first, second = [*shares, ""][:2]
    if none and 1 - sum(shares.values()) > shares[first]:
        return f"It may be {first} ({_quotes(by_area[first], 2)}), but {_quotes(none, 2)} speaks for none of the areas."
    if second and shares[second] >= CLOSE * shares[first]:
        one, other = (f"{area} ({_quotes(by_area[area], 2)})" for area in (first, second))
        return f"It may be {one} or {other}: too close to tell."
    return f"It may be {first}, but {_quotes(by_area[first])} is too little to be sure."


def _quotes(hits: list[Hit], most: int = 4) -> str:
    """The words that weigh most, none within another."""
    chosen: list[str] = []
    for hit in hits:
        quote = hit.quote if len(hit.quote) <= 60 else hit.quote[:59] + "…"
        if hit.rule.kind != "not" and not any(_within(quote, other) or _within(other, quote) for other in chosen):
            chosen.append(quote)
    return _listed([f"“{quote}”" for quote in chosen[:most]])


def _within(one: str, other: str) -> bool:
    return one.lower() in other.lower()


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else "nothing clear"
