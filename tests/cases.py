"""Cases that can share one app: `@together("words", [...])` runs them in one test, and names each one that fails.

Like pytest.mark.parametrize, for cases that only look, or leave behind nothing another one meets: three dozen of them
on two databases would otherwise make seventy databases and apps for one line each.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def together(names: str, cases: Iterable[Any]) -> Callable:
    """names: parameters of the test, "words" or "path, status"; cases: a value each, or a tuple of values."""
    given = [name.strip() for name in names.split(",")]
    rows = [case if len(given) > 1 else (case,) for case in cases]
    assert rows, "a test without cases proves nothing"

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(subtests, **fixtures):
            for row in rows:
                case = dict(zip(given, row, strict=True))
                with subtests.test(", ".join(f"{name}={value!r:.80}" for name, value in case.items())):
                    test(**{name: fixtures[name] for name in asked if name in fixtures}, **case)

        asked = [name for name in inspect.signature(test).parameters if name not in given]
        kept = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in dict.fromkeys([*asked, "subtests"])]
        run.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return run

    return decorate
