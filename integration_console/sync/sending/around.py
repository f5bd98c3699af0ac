"""What a write depends on besides its own record, asked for once more before it leaves: what it goes into, such as the
matter of an hour, which may have been closed or deleted since it was read. Clio's document names no refusal for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import clock
from ...errors import BadAnswer, Missing, NotAllowed, Parked, RateLimited, TryLater
from ...services.base import Resource
from ...services.writing import Write
from ...storage import records
from ..carrying.ends import End
from ..reading.keeping import Work
from ..reading.sifting import sift
from . import guards

GOOD_FOR_S = 60  # a run writes many hours on one matter


class Around:
    """Asks again for what writes go into; each at most once a minute."""

    def __init__(self, work: Work, run_id: int | None) -> None:
        self.work, self.run_id = work, run_id
        self.asked: dict[tuple[int, str, str], float] = {}

    def look(self, end: End, write: Write) -> bool:
        """Have our copies say what is so by now; whether anything was asked for."""
        if write.allow_closed:
            return False
        looked = [self._look(end, kind, number) for kind, number in guards.outer_of(end, write)]
        return any(looked)

    def _look(self, end: End, kind: str, number: str) -> bool:
        now, key = clock.monotonic(), (end.connection_id, kind, number)
        if self.asked.get(key, float("-inf")) > now - GOOD_FOR_S:
            return False
        resource = end.service.resources[kind]
        try:
            read_again(end, resource, number, self.work, self.run_id, f"how its {resource.label.lower()} are")
        except NotAllowed:
            return False  # as it was known
        self.asked[key] = now
        return True


def read_again(
    end: End, resource: Resource, external_id: str, work: Work, run_id: int | None, what: str
) -> Mapping[str, Any] | None:
    """Ask the service for one record, and keep what it says; None where there is none, and ours is marked so.

    what: what it is asked, for a sentence.
    Raises NotAllowed, what ends a run, and TryLater where it says nothing: the write has not left, and waits (W3).
    """
    assert end.upstream is not None
    whose: dict[str, Any] = {"connection_id": end.connection_id, "resource": resource.key}
    asked_at = clock.now()
    try:
        told = end.service.read_one(end.upstream, resource, external_id)
    except (NotAllowed, RateLimited, Parked):
        raise
    except (TryLater, BadAnswer) as error:
        raise TryLater(f"{end.service.label} did not say {what}.", code="not sent") from error
    except Missing:
        with work() as session:
            gone = records.ids_of(session, **whose, external_ids=[external_id])
            records.mark_deleted(session, gone, run_id=run_id, now=clock.now())
        return None
    with work() as session:
        rows = sift(resource, [told], asked_at=asked_at).rows
        records.keep_page(session, **whose, run_id=run_id, rows=rows, now=clock.now(), since=asked_at)
    return told
