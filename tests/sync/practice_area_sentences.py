"""Labelled intake sentences: half for tuning the rules, half kept apart to measure them.

Each line of practice_area_sentences.jsonl is {"area": ... or null, "text": ...}; null is a text without a clear area.
The halves are drawn by a hash of the text, so a sentence never changes sides when others are added.
"""

from __future__ import annotations

import json
import sys
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
    return read(Path(__file__).with_suffix(".jsonl"))


def blind() -> list[Sentence]:
    """Written by somebody who knew neither the rules nor the other sentences."""
    return read(Path(__file__).with_name("practice_area_blind.jsonl"))


def fresh() -> tuple[list[Sentence], list[Sentence]]:
    """By the writer of the rules' second round: every other line was for tuning then."""
    rows = read(Path(__file__).with_name("practice_area_fresh.jsonl"))
    return rows[0::2], rows[1::2]


def judged() -> list[Sentence]:
    """By another who knew only the names of the areas."""
    return read(Path(__file__).with_name("practice_area_judged.jsonl"))


def development() -> list[Sentence]:
    """Written to learn from, in many voices: the weights come from these and from all others but kept_back()."""
    return read(Path(__file__).with_name("practice_area_development.jsonl"))


def kept_back() -> list[Sentence]:
    """Every third of two strangers' sentences: no weight comes from them."""
    return [*blind()[2::3], *judged()[2::3]]


def unseen() -> list[Sentence]:
    """By a third and a fourth stranger, measured once when the rules were done: nobody may learn from these."""
    return read(Path(__file__).with_name("practice_area_unseen.jsonl"))


def read(path: Path) -> list[Sentence]:
    """The sentences of a file; what else stands on a line does not matter."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [Sentence(row["area"] or None, row["text"]) for row in rows]


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


def main(path: str) -> None:
    """How the shipped rules do on a file, and where they err: python -m tests.sync.practice_area_sentences FILE."""
    from integration_console.sync.practice_areas import detect
    from integration_console.sync.practice_areas import rules as shipped

    sentences = read(Path(path))
    found = measure(sentences, lambda text: detect(text, shipped.compiled()).area)
    print(f"{len(sentences)} sentences: precision {found.precision:.3f} at coverage {found.coverage:.3f}")
    for sentence in sentences:
        told = detect(sentence.text, shipped.compiled())
        if told.area not in (None, sentence.area):
            print(f"{sentence.area or 'none'}, not {told.area} ({told.confidence:.2f}): {sentence.text}")


if __name__ == "__main__":
    main(sys.argv[1])
