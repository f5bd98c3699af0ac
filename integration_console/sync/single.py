"""Records read by their ids, through the same sieve and upsert as a page. Says nothing about the rest of the list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import clock
from ..errors import Missing
from ..models import RunPart
from ..storage import records
from .keeping import Keeping
from .sifting import sift


class Single(Keeping):
    """Reads named records of one resource; no mark moves."""

    def run(self, external_ids: Iterable[str], owners: Mapping[str, str]) -> None:
        """Read them one by one.

        owners: id -> the record it is listed under, for those we may not have met yet.
        """
        with self.desk.work() as session:
            self.know_letters(session)
            self.part(session, state="running", mode="record", started_at=clock.now())
        for external_id in external_ids:
            self._read(external_id, owners.get(external_id))
        with self.desk.work() as session:
            self.part(session, state="done", complete=True, ended_at=clock.now())

    def _read(self, external_id: str, said_owner: str | None) -> None:
        with self.desk.look() as session:
            known = records.find(session, self.order.connection_id, self.resource.key, external_id)
            # A record listed under an owner keeps that owner.
            owner = known.owner_id if known and known.owner_id else said_owner
        try:
            item = self.desk.service.read_one(self.desk.upstream, self.resource, external_id, owner)
        except Missing:
            self._lose(external_id)
        else:
            self._keep(item, owner)

    def _keep(self, item: dict, owner: str | None) -> None:
        sifted = sift(self.resource, [item], owner=owner)
        with self.desk.work() as session:
            self.count(session, self.keep(session, sifted, clock.now()), len(sifted.refused))
            self.desk.flush(session)

    def _lose(self, external_id: str) -> None:
        """The upstream has no such record: mark ours deleted."""
        with self.desk.work() as session:
            ids = records.ids_of(session, **self.facts, external_ids=[external_id])
            gone = records.mark_deleted(session, ids, run_id=self.order.run_id, now=clock.now())
            what = f"{self.desk.service.label} has no {self.resource.label.lower()} with the id {external_id}."
            self.part(session, deleted=RunPart.deleted + gone, message=None if ids else what)
            self.spend(session)
