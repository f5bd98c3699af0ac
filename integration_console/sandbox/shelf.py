"""A shelf of records: made from their number when asked for, with edits and deletions kept on top."""

import time
from collections.abc import Callable, Iterator
from copy import copy
from functools import lru_cache
from itertools import chain

KEPT_IN_MEMORY = 4_000  # made records remembered per resource: all of a small firm, a sliver of a large one

_CHANGES = ("edited", "deleted", "added_at", "_stamps")


class Shelf:
    """Records 1 to `count`, and whatever was added since.

    make: record number -> record; it must always make the same record from the same number.
    changed_at: record number -> unix seconds of its last change, for the records nobody touched.
    quiet_below: unix seconds -> a number below which no such record changed since then.
    """

    def __init__(
        self,
        count: int,
        make: Callable,
        *,
        changed_at: Callable = lambda number: 0.0,
        quiet_below: Callable = lambda since_s: 1,
    ):
        self.count = count
        self.version = 0
        self.edited: dict[int, dict] = {}
        self.deleted: dict[int, float] = {}
        self._made_changed_at = changed_at
        self._quiet_below = quiet_below
        self._stamps: dict[int, float] = {}
        self.added_at: dict[int, float] = {}
        self._added: list[int] = []  # the keys of added_at, in order
        self._make = lru_cache(KEPT_IN_MEMORY)(make)
        self._orders: dict = {}
        self.told: Callable = lambda number, what: None  # called after every change; what: created, updated, deleted

    def __len__(self) -> int:
        return self.count + len(self._added) - len(self.deleted)

    def get(self, number: int) -> dict | None:
        """The record of that number, or None. Callers must not change what they get."""
        if number in self.edited:
            return self.edited[number]
        if number in self.deleted or not 1 <= number <= self.count:
            return None
        return self._make(number)

    def copy(self) -> "Shelf":
        """The shelf as it is now, whatever changes later."""
        copied = copy(self)
        copied.edited, copied.deleted = dict(self.edited), dict(self.deleted)
        copied._stamps, copied.added_at, copied._added = dict(self._stamps), dict(self.added_at), list(self._added)
        copied._orders = {}
        return copied

    def changes(self) -> dict[str, dict]:
        """All that was done to it: what `take` brings back to a shelf made like this one."""
        return {name: getattr(self, name) for name in _CHANGES}

    def take(self, changes: dict[str, dict]) -> None:
        """Bring back what was done before; nobody is told."""
        for name in _CHANGES:
            getattr(self, name).update(changes[name])
        self._added = sorted(self.added_at)
        self.version += 1

    def changed_at(self, number: int) -> float:
        return self._stamps[number] if number in self._stamps else self._made_changed_at(number)

    def numbers(self, after: int = 0) -> Iterator[int]:
        """Living numbers above `after`, smallest first."""
        made = range(max(after, 0) + 1, self.count + 1)
        added = (number for number in self._added if number > after)
        return (number for number in chain(made, added) if number not in self.deleted)

    def numbers_down(self) -> Iterator[int]:
        return (n for n in chain(reversed(self._added), range(self.count, 0, -1)) if n not in self.deleted)

    def changed_since(self, since_s: float, after: int = 0) -> Iterator[int]:
        """Living numbers above `after` whose records changed later than that."""
        start = max(after, min(self._quiet_below(since_s), self.count + 1) - 1)
        living = self._stamps.keys() - self.deleted.keys()
        touched = sorted(number for number in living if after < number <= start)
        return (number for number in chain(touched, self.numbers(start)) if self.changed_at(number) > since_s)

    def ordered(self, name: str, key: Callable) -> list[int]:
        """Living numbers sorted by `key(number)`; sorted once, and again only after a change."""
        version, order = self._orders.get(name, (None, []))
        if version != self.version:
            order = sorted(self.numbers(), key=key)
            self._orders[name] = (self.version, order)
        return order

    def put(self, number: int | None, record: dict) -> int:
        """Keep a record under its number, or under the next free one; answers the number."""
        if number is None:
            number = max(self.count, self._added[-1] if self._added else 0) + 1
        what = "created" if self.get(number) is None else "updated"
        if number > self.count and number not in self._added:
            self.added_at[number] = time.time()
            self._added = sorted(self.added_at)
        self.deleted.pop(number, None)
        self.edited[number] = record
        self._stamps[number] = time.time()
        self.version += 1
        self.told(number, what)
        return number

    def blank(self) -> dict:
        """A record with the fields of the first one and nothing in them, to be filled in."""
        first = self.get(next(self.numbers(), 1)) or (self._make(1) if self.count else {})  # all may be deleted
        return {
            name: [] if isinstance(value, list) else False if isinstance(value, bool) else None
            for name, value in first.items()
        }

    def delete(self, number: int) -> dict | None:
        record = self.get(number)
        if record is None:
            return None
        self.edited.pop(number, None)
        self.deleted[number] = time.time()
        self.version += 1
        self.told(number, "deleted")
        return record

    def grouped(self, name: str, key: Callable) -> dict:
        """Living numbers by `key(number)`; grouped once, and again only after a change."""
        version, groups = self._orders.get(("groups", name), (None, {}))
        if version != self.version:
            groups = {}
            for number in self.numbers():
                groups.setdefault(key(number), []).append(number)
            self._orders["groups", name] = (self.version, groups)
        return groups
