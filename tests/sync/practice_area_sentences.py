"""Labelled intake sentences: half for tuning the rules, half kept apart to measure them.

Each line of practice_area_sentences.jsonl is {"area": ... or null, "text": ...}; null is a text without a clear area.
The halves are drawn by a hash of the text, so a sentence never changes sides when others are added.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple


class Sentence(NamedTuple):
    """What somebody wrote, and the area a lawyer would file it under."""

    area: str | None
    text: str


class Figures(NamedTuple):
    """How a detector did."""

    precision: float  # right among those answered; an answer to a text without an area is wrong
    coverage: float  # answered among those that have an area


def every() -> list[Sentence]:
    lines = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    return [Sentence(**json.loads(line)) for line in lines]


def blind() -> list[Sentence]:
    """Written by somebody who knew neither the rules nor the other sentences, and measured once, after the rules."""
    lines = Path(__file__).with_name("practice_area_blind.jsonl").read_text(encoding="utf-8").splitlines()
    return [Sentence(one["area"], one["text"]) for one in map(json.loads, lines)]


def fresh() -> tuple[list[Sentence], list[Sentence]]:
    """Written before the rules were looked at again: every other line for tuning, the rest measured by totals only."""
    lines = Path(__file__).with_name("practice_area_fresh.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [Sentence(**json.loads(line)) for line in lines]
    return rows[0::2], rows[1::2]


def judged() -> list[Sentence]:
    """By another who knew only the names of the areas: measured once, by its totals, after the rules were done."""
    lines = Path(__file__).with_name("practice_area_judged.jsonl").read_text(encoding="utf-8").splitlines()
    return [Sentence(**json.loads(line)) for line in lines]


def for_tuning() -> list[Sentence]:
    return [sentence for sentence in every() if not _is_kept_apart(sentence.text)]


def kept_apart() -> list[Sentence]:
    return [sentence for sentence in every() if _is_kept_apart(sentence.text)]


def _is_kept_apart(text: str) -> bool:
    return sha256(text.encode()).digest()[0] % 2 == 1


def measure(sentences: list[Sentence], answer) -> Figures:
    """answer: text -> area or None."""
    told = [(sentence.area, answer(sentence.text)) for sentence in sentences]
    answered = [(area, said) for area, said in told if said]
    with_area = [said for area, said in told if area]
    return Figures(
        sum(area == said for area, said in answered) / len(answered), sum(map(bool, with_area)) / len(with_area)
    )
