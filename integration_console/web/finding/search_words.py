"""What a person types into a search box: plain words, and `key:value` for what has a name."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import InvalidInput


@dataclass(frozen=True)
class Words:
    """A search box, read."""

    text: str = ""
    keys: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, typed: str, known: Mapping[str, str], same_as: Mapping[str, str] | None = None) -> Words:
        """Read what was typed.

        known: the keys there are, each with its explanation. same_as: other names of keys.
        Raises InvalidInput naming an unknown key and the ones there are, or a key without a value.

        >>> Words.read('status:429 run:7 /matters', {"status": "", "run": ""})
        Words(text='/matters', keys={'status': '429', 'run': '7'})
        >>> Words.read('provider:clio', {"service": ""}, {"provider": "service"})
        Words(text='', keys={'service': 'clio'})
        """
        same_as = same_as or {}
        plain, keys = [], {}
        for word in _split(typed):
            name, colon, value = word.partition(":")
            if not colon or not name.isalpha() or value.startswith("//"):
                plain.append(word)
                continue
            key = same_as.get(name.lower(), name.lower())
            if name.lower() not in known and name.lower() not in same_as:
                raise InvalidInput(f"There is no key {name!r}. There are: {', '.join(known)}.", field="q")
            if not value:
                raise InvalidInput(
                    f"{name}: needs a value right behind it, as in {_example(known.get(name.lower()) or known[key])}.",
                    field="q",
                )
            keys[key] = value
        return cls(" ".join(plain), keys)


def _split(typed: str) -> list[str]:
    """Words; quotes hold words together."""
    try:
        return shlex.split(typed)
    except ValueError:  # a quote that is never closed is a character like any other
        return typed.split()


def _example(explanation: str) -> str:
    return explanation.rpartition(": ")[2].split(",")[0] or "key:value"
