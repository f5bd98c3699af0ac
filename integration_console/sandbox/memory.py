"""What outlives a restart: the day the firm is told from, every record that was changed, and who was let in.

Each stand-in has a file of its own, which is written while it works and not at the end alone: it may be killed.
"""

import threading
import time
from ast import literal_eval
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

import orjson

from .server import Upstream

WRITE_EVERY_S = 2.0
RESTS_FOR = 20  # times as long as it wrote: after days of a living sandbox there is much


def day_of(folder: Path) -> date:
    """The day of the first start with this folder: all dates of the firm hang on it, so it never moves."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError, ValueError):  # the first start, or cut off in the middle
        return date.fromisoformat((folder / "day").read_text())
    today = datetime.now(UTC).date()
    (folder / "day").write_text(today.isoformat())
    return today


class Memory:
    """The stand-ins' files in a folder."""

    def __init__(self, folder: Path, upstreams: Iterable[Upstream]) -> None:
        self._folder, self._upstreams = folder, tuple(upstreams)
        self._written: dict[str, tuple] = {}
        self._over = threading.Event()
        self._writing = threading.Thread(target=self._keep_writing, daemon=True)

    def open(self) -> None:
        """Bring everything back as it was, and write down from now on what changes."""
        for upstream in self._upstreams:
            with suppress(FileNotFoundError, SyntaxError, ValueError):  # none yet, or cut off in the middle
                rest, shelves = (self._folder / upstream.key).read_bytes().split(b"\n")
                _put_back(upstream, literal_eval(rest.decode()), orjson.loads(shelves))
        self._writing.start()

    def close(self) -> None:
        """Write down what is not yet, once nobody changes anything any more."""
        self._over.set()
        self._writing.join()
        self._write()

    def _keep_writing(self) -> None:
        pause_s = WRITE_EVERY_S
        while not self._over.wait(pause_s):
            began = time.monotonic()
            self._write()
            pause_s = max(WRITE_EVERY_S, RESTS_FOR * (time.monotonic() - began))

    def _write(self) -> None:
        for upstream in self._upstreams:
            with upstream.lock:
                rest = repr({name: getattr(upstream, name) for name in _remembered(upstream)})
                state = rest, *(shelf.version for shelf in upstream.every_shelf().values())
                if self._written.get(upstream.key) == state:
                    continue
                shelves = {name: shelf.changes() for name, shelf in upstream.every_shelf().items()}
                told = b"%s\n%s" % (rest.encode(), orjson.dumps(shelves, option=orjson.OPT_NON_STR_KEYS))
            new = self._folder / f"{upstream.key}.new"
            new.write_bytes(told)
            new.replace(self._folder / upstream.key)
            self._written[upstream.key] = state


def _put_back(upstream: Upstream, rest: dict, shelves: dict) -> None:
    for name, value in rest.items():
        if isinstance(value, dict | set):
            getattr(upstream, name).update(value)
        else:
            setattr(upstream, name, value)
    for name, changes in shelves.items():
        numbered = {what: {int(number): value for number, value in some.items()} for what, some in changes.items()}
        upstream.every_shelf()[name].take(numbered)


def _remembered(upstream: Upstream) -> list[str]:
    """The attributes that every part of a stand-in says are to be remembered."""
    return sorted({name for part in type(upstream).__mro__ for name in vars(part).get("remembered", ())})
