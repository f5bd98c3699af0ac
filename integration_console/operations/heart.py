"""Every lease of this process kept while its runs go on, also while one waits for its turn (D2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..errors import LeaseLost
from .holds import Hold

log = structlog.get_logger(__name__)


class Heart:
    """One thread that renews them, three times while a lease would last."""

    def __init__(self, lease_s: float) -> None:
        self.every_s = lease_s / 3
        self._holds: dict[int, Hold] = {}
        self._lock, self._end = Lock(), Event()
        self._thread = Thread(target=self._beat_on, daemon=True, name="heart")
        self._thread.start()

    @contextmanager
    def keeping(self, hold: Hold) -> Iterator[Hold]:
        """Keep this hold's lease while inside."""
        with self._lock:
            self._holds[hold.run_id] = hold
        try:
            yield hold
        finally:
            with self._lock:
                self._holds.pop(hold.run_id, None)

    def stop(self) -> None:
        """Keep nothing any more."""
        self._end.set()

    def _beat_on(self) -> None:
        while not self._end.wait(self.every_s):
            with self._lock:
                holds = list(self._holds.values())
            for hold in holds:
                self._beat(hold)

    @staticmethod
    def _beat(hold: Hold) -> None:
        try:
            with Session(hold.engine) as session, session.begin():
                hold.keep(session)
        except LeaseLost:
            if not hold.closing:  # else it has just ended by our own hand
                log.warning("A run was taken over by another process", run=hold.run_id)
        except SQLAlchemyError as error:  # the database may be back before the lease ends
            log.warning("A lease could not be renewed", run=hold.run_id, error=type(error).__name__)
