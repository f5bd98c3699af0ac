"""Learn the weights of the shipped signs and hints from the labelled sentences.

python -m tests.sync.practice_area_training writes both files of rules anew, in a minute. The weights are those that
make the known areas likeliest by the sum that sync/practice_areas computes; signs are held near the weight they
have, hints near nothing. No weight comes from sentences.kept_back().
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import NamedTuple

from integration_console.sync import practice_areas as areas
from integration_console.sync.practice_areas import rules as shipped
from integration_console.sync.practice_areas import signs

from . import practice_area_sentences as sentences

ROUNDS = 30  # through all sentences
STEP = 0.25
SIGNS_LEFT_OUT = 0.55  # while learning, so that no answer hangs on one sign
HINTS_LEFT_OUT = 0.25
HOLD_SIGN, HOLD_WORD, HOLD_PAIR, SPARING = 0.1, 0.25, 0.4, 0.03
RARE_WORD, RARE_PAIR = 2, 3  # a hint stands in at least so many sentences
LIGHTEST_HINT, LIGHTEST_SIGN = 0.3, 0.25

PLAIN = frozenset(Path(__file__).with_name("practice_area_plain_words.txt").read_text(encoding="utf-8").split())
WRITTEN = Path(shipped.__file__).parent
ORDER = ("word", "phrase", "pattern", "not")


class Seen(NamedTuple):
    """A sentence as the learner sees it."""

    area: int  # its place among the areas, the last is none of them
    hits: list[areas.Hit]  # of signs
    hints: dict[str, frozenset[int]]  # a word or two -> their places


class Learner:
    """Weights of signs and hints, and how they change with a sentence."""

    def __init__(self, rules: list[areas.Rule]) -> None:
        self.rules = rules
        self.names = [*dict.fromkeys(rule.area for rule in rules if rule.area != areas.NO_AREA), areas.NO_AREA]
        self.place = {name: n for n, name in enumerate(self.names)}
        self.signs = {rule: rule.weight / areas.HEAT for rule in rules}
        self.hints: dict[str, list[float]] = {}
        self._ready = areas.Rules(rules, shipped.never_corrected())
        self._slope: defaultdict[object, float] = defaultdict(lambda: 1e-3)  # what each weight has moved so far
        self._often: Counter[object] = Counter()

    def see(self, sentence: sentences.Sentence) -> Seen:
        """A sentence with its signs and the words that may become hints."""
        tokens = self._ready.corrected(signs.cut(sentence.text).tokens)
        hints: dict[str, frozenset[int]] = {}
        for place, token in enumerate(tokens):
            if token not in PLAIN and (token.isalpha() or len(token) == 3):
                hints.setdefault(token, frozenset([place]))
        for place, (one, two) in enumerate(pairwise(tokens)):
            if not {one, two} <= PLAIN and not one.isdigit() and not two.isdigit():
                hints.setdefault(f"{one} {two}", frozenset([place, place + 1]))
        return Seen(self.place[sentence.area or areas.NO_AREA], self._ready.hits(sentence.text), hints)

    def learn(self, seen: list[Seen]) -> None:
        """Go through all sentences, many times, in ever another order."""
        often = Counter(hint for one in seen for hint in one.hints)
        kept = {hint for hint, times in often.items() if times >= (RARE_PAIR if " " in hint else RARE_WORD)}
        self.hints = {hint: [0.0] * len(self.names) for hint in sorted(kept)}
        self._often = often + Counter(hit.rule for one in seen for hit in one.hits)
        chance = random.Random(1)
        for turn in range(ROUNDS):
            chance.shuffle(seen)
            for one in seen:
                self._learn_from(one, chance, STEP if turn < ROUNDS * 0.7 else STEP / 5)

    def _learn_from(self, one: Seen, chance: random.Random, step: float) -> None:
        by_area: defaultdict[int, list[areas.Hit]] = defaultdict(list)
        for hit in one.hits:
            if chance.random() >= SIGNS_LEFT_OUT:
                by_area[self.place[hit.rule.area]].append(hit)
        hints = [hint for hint in one.hints if hint in self.hints and chance.random() >= HINTS_LEFT_OUT]
        scores = [0.0] * (len(self.names) - 1) + [areas.NONE_AT / areas.HEAT]
        for hint in hints:
            scores = list(map(add, scores, self.hints[hint]))
        shares: dict[areas.Rule, float] = {}
        counted: dict[int, set[int]] = {}
        for area, hits in by_area.items():
            scores[area] += self._sum_up(hits, shares, counted.setdefault(area, set()))
            scores[area] -= sum(self.hints[hint][area] for hint in hints if one.hints[hint] <= counted[area])
        top = max(scores)
        likely = [math.exp(score - top) for score in scores]
        whole = sum(likely)
        for area, share in enumerate(likely):
            slope = share / whole - (area == one.area)
            if abs(slope) < 1e-4:
                continue
            for hint in hints:
                if not one.hints[hint] <= counted.get(area, set()):
                    weight = self.hints[hint][area]
                    hold = ((HOLD_PAIR if " " in hint else HOLD_WORD) * weight + SPARING) / self._often[hint]
                    self.hints[hint][area] = self._moved((hint, area), weight, slope + hold, step)
            for hit in by_area.get(area, ()):
                if hit.rule in shares:
                    weight = self.signs[hit.rule]
                    hold = HOLD_SIGN * (weight - hit.rule.weight / areas.HEAT) / self._often[hit.rule]
                    self.signs[hit.rule] = self._moved(hit.rule, weight, slope * shares[hit.rule] + hold, step)

    def _sum_up(self, hits: list[areas.Hit], shares: dict[areas.Rule, float], counted: set[int]) -> float:
        """The score of an area's signs; notes how much of each one's weight counts, and which words are counted."""
        score, counts = 0.0, 1.0
        for hit in sorted(hits, key=lambda hit: -self.signs[hit.rule]):
            exact = hit.weight / hit.rule.weight
            if hit.rule.kind == "not":
                shares[hit.rule] = -exact
            elif not (hit.words and hit.words <= counted):
                counted |= hit.words
                shares[hit.rule] = exact * counts
                counts *= areas.FADE
            score += self.signs[hit.rule] * shares.get(hit.rule, 0.0)
        return score

    def _moved(self, key: object, weight: float, slope: float, step: float) -> float:
        self._slope[key] += slope * slope
        return max(weight - step * slope / math.sqrt(self._slope[key]), 0.0)


# -- writing ---------------------------------------------------------------------------------------------------------


def readable(every: Iterable[sentences.Sentence]) -> dict[str, str]:
    """How a word as it is compared is mostly written: "disability" for "disability", "taxes" for "tax"."""
    written: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for sentence in every:
        said = signs.cut(sentence.text)
        for token, origin in zip(said.tokens, said.origin, strict=True):
            if signs.fold(word := said.words[origin].lower()) == (token,):
                written[token][word] += 1
    return {token: found.most_common(1)[0][0] for token, found in written.items()}


def write(learner: Learner, words: dict[str, str]) -> None:
    """Both files, one line to a weight."""
    hints: dict[str, defaultdict[float, list[str]]] = {name: defaultdict(list) for name in learner.names}
    for hint, weights in learner.hints.items():
        text = " ".join(words.get(token, "?") for token in hint.split())
        if "?" in text:
            continue  # only ever misspelt
        for name, weight in zip(learner.names, weights, strict=True):
            if (rounded := round(weight * areas.HEAT, 1)) >= LIGHTEST_HINT:
                hints[name][rounded].append(text)
    kinds: dict[str, defaultdict[tuple[int, float], list[str]]] = {name: defaultdict(list) for name in learner.names}
    for rule, weight in learner.signs.items():
        if (rounded := round(weight * areas.HEAT * 4) / 4) >= LIGHTEST_SIGN:
            kinds[rule.area][ORDER.index(rule.kind), -min(rounded, 10)].append(rule.text)
    _write("hints.json", {
        name: {f"{weight:g}": ", ".join(sorted(found[weight])) for weight in sorted(found, reverse=True)}
        for name, found in hints.items()
    })  # fmt: skip
    _write("rules.json", {
        name: {f"{ORDER[kind]} {-weight:g}": found[kind, weight] for kind, weight in sorted(found)}
        for name, found in kinds.items() if found
    })  # fmt: skip


def _write(name: str, every: dict[str, dict[str, object]]) -> None:
    blocks = []
    for area, lines in every.items():
        told = ",\n".join(f"  {json.dumps(key)}: {json.dumps(what, ensure_ascii=False)}" for key, what in lines.items())
        blocks.append(f" {json.dumps(area)}: {{\n{told}\n }}")
    (WRITTEN / name).write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")


def main() -> None:
    tuned, rest = sentences.fresh()
    every = [*sentences.every(), *tuned, *rest, *sentences.blind(), *sentences.judged(), *sentences.development()]
    learned_from = [sentence for sentence in every if sentence not in set(sentences.kept_back())]
    learner = Learner([rule for rule in shipped.shipped() if rule.kind != "hint"])
    learner.learn([learner.see(sentence) for sentence in learned_from])
    write(learner, readable(learned_from))


if __name__ == "__main__":
    main()
