"""Records read by their ids, through the same sieve and upsert as a page. Says nothing about the rest of the list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from ... import clock
from ...errors import BadAnswer, Missing, NotAllowed, UpstreamError
from ...storage import records
from .keeping import Keeping
from .sifting import Sifted, sift

TOGETHER = 25  # records kept in one transaction: each is a write lock that others wait for
AT_LEAST_EVERY_S = 2.0  # so that progress shows
MOST_UNREAD = 5  # in one go


class Single(Keeping):
    """Reads named records of one resource; no mark moves."""

    told_of = False  # by the service: what it names may be gone by now, or stand in the other of two lists

    def run(self, external_ids: Iterable[str], owners: Mapping[str, str]) -> None:
        """Read them one by one and keep them a few at a time.

        owners: id -> the record it is listed under, for those we may not have met yet.
        """
        with self.desk.work() as session:
            self.write(session, state="running", mode="record", started_at=clock.now())
        ids = list(external_ids)
        owners = {**owners, **self._known_owners(ids)}
        self._read_all(ids, owners)
        with self.desk.work() as session:
            self.write(session, state="done", complete=True, ended_at=clock.now())

    def _known_owners(self, ids: list[str]) -> dict[str, str]:
        """A record listed under an owner keeps that owner."""
        with self.desk.look() as session:
            return records.owners_of(session, **self.facts, external_ids=ids)

    def _read_all(self, ids: list[str], owners: Mapping[str, str]) -> None:
        """One that may not be read, or whose answer is no record, keeps none behind it from being read; it is told of
        at the end.
        """
        found: list[tuple[str, dict | None, datetime]] = []
        began, unread = clock.monotonic(), list[UpstreamError]()
        try:
            for external_id in ids:
                try:
                    asked_at = clock.now()
                    found.append((external_id, self._fetch(external_id, owners.get(external_id)), asked_at))
                except (NotAllowed, BadAnswer) as error:
                    unread.append(error)
                    if len(unread) == MOST_UNREAD:  # then it is hardly this or that record's fault
                        break
                if len(found) == TOGETHER or clock.monotonic() - began > AT_LEAST_EVERY_S:
                    batch, found, began = found, [], clock.monotonic()
                    self._keep(batch, owners)
        finally:
            if found:
                self._keep(found, owners)  # also what came before one that could not be read
        if unread:
            raise unread[0]

    def _fetch(self, external_id: str, owner: str | None) -> dict | None:
        try:
            return self.desk.service.read_one(self.desk.upstream, self.resource, external_id, owner)
        except Missing:
            return None

    def _keep(self, found: list[tuple[str, dict | None, datetime]], owners: Mapping[str, str]) -> None:
        whole = Sifted()
        for external_id, item, asked_at in found:
            if item is not None:
                one = sift(self.resource, [item], owner=owners.get(external_id), asked_at=asked_at)
                whole.rows += one.rows
                whole.refused += one.refused
        with self.desk.work() as session:
            self.count(self.keep(session, whole, clock.now()), len(whole.refused))
            self._lose(session, [external_id for external_id, item, _ in found if item is None])
            self.write(session)

    def _lose(self, session: Session, external_ids: list[str]) -> None:
        """The upstream has no such records: mark ours deleted."""
        if not external_ids:
            return
        ids = records.ids_of(session, **self.facts, external_ids=external_ids)
        gone = records.mark_deleted(session, ids, run_id=self.order.run_id, now=clock.now())
        what = f"{self.desk.service.label} has no {self.resource.label.lower()} with the id {external_ids[0]}."
        self.add(deleted=gone)
        self.line["message"] = None if ids or self.told_of else what
