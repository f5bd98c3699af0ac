"""Reading ahead: the next page is fetched while this one is kept, and several owners' lists at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from queue import Full, Queue
from threading import Event, Lock, Thread
from typing import Any, TypeVar

Thing = TypeVar("Thing")
Owner = TypeVar("Owner")

_END = object()


class _Lane:
    """A bounded queue between threads that read and the one that keeps; closing it lets the readers go."""

    def __init__(self, size: int) -> None:
        self.queue: Queue = Queue(size)
        self.closed = Event()

    def put(self, thing: Any) -> bool:
        """Hand one thing over; False when nobody wants it any more."""
        while not self.closed.is_set():
            try:
                self.queue.put(thing, timeout=0.5)
                return True
            except Full:
                continue
        return False

    def pour(self, things: Iterable) -> None:
        """Hand over everything, then the end or the error."""
        try:
            for thing in things:
                if not self.put(thing):
                    return
            self.put(_END)
        except BaseException as error:  # handed to the reader of the lane, who raises it
            self.put(error)

    def take(self) -> Any:
        """The next thing, or raise the error that stopped a reader."""
        thing = self.queue.get()
        if isinstance(thing, BaseException):
            raise thing
        return thing


def ahead(pages: Iterator[Thing], more: Callable[[Thing], bool]) -> Iterator[Thing]:
    """The same things in the same order, the next one being fetched meanwhile.

    more: whether another follows; a list of one page starts no thread.
    """
    first = next(pages, _END)
    if first is _END:
        return
    yield first  # type: ignore[misc]
    if not more(first):  # type: ignore[arg-type]
        yield from pages
        return
    lane = _Lane(1)
    Thread(target=lane.pour, args=(pages,), daemon=True, name="read-ahead").start()
    try:
        while (thing := lane.take()) is not _END:
            yield thing
    finally:
        lane.closed.set()


def each_owner(
    owners: Iterator[Owner], pages_of: Callable[[Owner], Iterable[Thing]], at_once: int, begins: Callable[[Owner], None]
) -> Iterator[tuple[Owner, Thing | None]]:
    """Read several owners' lists at once: yields (owner, page), and (owner, None) when that owner's list is done.

    begins: called for each owner, in order, as its list is begun.
    """
    lane, turn = _Lane(at_once), Lock()

    def mine() -> Iterator[Owner]:
        while True:
            with turn:
                owner = next(owners, _END)
                if owner is _END:
                    return
                begins(owner)  # type: ignore[arg-type]
            yield owner  # type: ignore[misc]

    def work() -> Iterator[tuple[Owner, Thing | None]]:
        for owner in mine():
            yield from ((owner, page) for page in chain(pages_of(owner), (None,)))

    hands = [Thread(target=lane.pour, args=(work(),), daemon=True, name="owner") for _ in range(at_once)]
    for hand in hands:
        hand.start()
    try:
        working = len(hands)
        while working:
            thing = lane.take()
            if thing is _END:
                working -= 1
            else:
                yield thing
    finally:
        lane.closed.set()
