"""A worker that dies in the middle of a write, for walks in which anything may happen: another takes its run over."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

from sqlalchemy import select, update

from integration_console import clock
from integration_console.models import Change, SyncRun, db
from integration_console.sync.sending.ending import Ending
from integration_console.sync.sending.push import Sender

from .operations.conftest import carry_out

BEFORE_IT_IS_DONE = ((Ending, "keep"), (Sender, "_carry_out"))
ANYWHERE = (*BEFORE_IT_IS_DONE, (Ending, "done"))


def in_a_write(dice: random.Random, places: tuple[tuple[type, str], ...], carry: Callable[[], object]) -> bool:
    """Carry a mapping, and die at one of these places at one of the first three writes; whether it came so far.

    The lease is over after that, and what was left is carried out.
    """
    (whose, where), left = dice.choice(places), iter(range(dice.randrange(3)))
    goes_on, died = getattr(whose, where), False

    def dies(*given, **named):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return goes_on(*given, **named)

    with patch.object(whose, where, dies):
        try:
            carry()
        except KeyboardInterrupt:
            died = True
    db.session.remove()
    long_ago = clock.now() - timedelta(hours=1)
    db.session.execute(update(SyncRun).where(SyncRun.state == "running").values(lease_until=long_ago))
    db.session.execute(update(Change).where(Change.state == "sending").values(sent_at=long_ago))
    db.session.commit()
    for number in db.session.scalars(select(SyncRun.id).filter_by(state="running").order_by(SyncRun.id)).all():
        carry_out(db.session.get_one(SyncRun, number))
    return died
