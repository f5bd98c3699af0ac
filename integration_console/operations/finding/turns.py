"""Long work of the clock, a lot at a time: each is committed, and after some seconds the clock gets its thread back."""

from __future__ import annotations

from collections.abc import Callable

from ... import clock

A_TURN_S = 5.0


def one(do_lot: Callable[[], int], lot: int) -> int:
    """Do lot after lot until one is not full, or the turn is over; how many things that were.

    do_lot: works and commits; how many things of at most `lot` there were to do.
    """
    ends, done = clock.monotonic() + A_TURN_S, 0
    while clock.monotonic() < ends:
        count = do_lot()
        done += count
        if count < lot:
            break
    return done
