"""What waits to be made or deleted, and what was read at the other side since: who is there by now is not made, and who
is there again is not deleted.

A write may wait for days, for a sign-in or a limit, and somebody makes the record by hand meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import Session

from ...models import Change, Record, RecordLink
from .compare import OTHER
from .leaving import look_again
from .paired import HELD
from .pairing import Pairing

LATE = timedelta(minutes=2)  # what a long transaction, or another machine's clock, wrote is met all the same
UNSENT = ("pending", "retry")  # what may have arrived is looked for under its own key instead
SAID = "Something that looks like it was read meanwhile, and is matched first."

Waiting = dict[int, tuple[int, int]]  # source record -> change, pair


def resembling(pairing: Pairing) -> list[tuple[int, int]]:
    """The creates and deletions (change, pair) of a mapping that wait, and whose record, or the half that is left,
    looks like one that was read since."""
    found: list[tuple[int, int]] = []
    for side in OTHER if pairing.keys else ():
        waiting, since = _waiting(pairing, side)
        if since is not None:
            found += [waiting[number] for number in _alike(pairing, side, waiting, since - LATE)]
    return found


def take_back(session: Session, found: list[tuple[int, int]]) -> None:
    """Have these looked at again in place of sent."""
    for change, link in found:
        unsent = update(Change).where(Change.id == change, Change.state.in_(UNSENT))
        session.execute(unsent.values(state="dropped", message=SAID))
        look_again(session, link)


def _waiting(pairing: Pairing, side: str) -> tuple[Waiting, datetime | None]:
    own, other = getattr(RecordLink, f"{side}_record_id"), getattr(RecordLink, f"{OTHER[side]}_record_id")
    query = select(own, Change.id, RecordLink.id, Change.created_at).join(Change, Change.link_id == RecordLink.id)
    query = query.where(
        Change.mapping_id == pairing.mapping.id, Change.state.in_(UNSENT), own.is_not(None),
        or_(and_(Change.op == "create", other.is_(None)), and_(Change.op == "delete", Change.record_id == own)),
    )  # fmt: skip
    with pairing.look() as session:
        rows = session.execute(query).all()
    return {row[0]: (row[1], row[2]) for row in rows}, min((row[3] for row in rows), default=None)


def _alike(pairing: Pairing, side: str, waiting: Mapping[int, object], since: datetime) -> list[int]:
    from ..matching.matching import Matcher

    there = OTHER[side]
    paired = exists().where(
        RecordLink.mapping_id == pairing.mapping.id, getattr(RecordLink, f"{there}_record_id") == Record.id,
        RecordLink.state.in_(HELD),
    )  # fmt: skip
    with pairing.look() as session:
        read = list(pairing.ends[there].all(session, Record.written_at >= since, ~paired))
        mine = pairing.ends[side].some(session, sorted(waiting)) if read else {}
    rights = [pairing.candidate(there, seen) for seen in read]
    matcher = Matcher(pairing.keys_from(side), rights, pairing.mapping.options.country)
    lefts = [pairing.candidate(side, seen) for seen in mine.values()]
    matched = matcher.match_all(lefts, apart=pairing.apart(side))
    return [candidate.record_id for candidate, match in matched if match.state != "none"]
