"""A restored backup knows people who were erased since: they are erased from it in the restore's own transaction.

What is kept of an erasure names nobody: the account's key, the kind and the id that each erased record has at its
service. The texts that speak of the person are looked through afterwards by the clock, with terms from the backup.
Written for tables of any version, like restored.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, and_, delete, insert, inspect, or_, select, update
from sqlalchemy.engine import Connection as Link
from sqlalchemy.orm import Session

from ... import clock
from ...errors import BackupRefused, SealBroken
from ...models import Connection, Erasure, LegalHold, Record, RecordLink, Setting
from ...storage.records import ERASED
from ..sealed import vault
from . import erased_records, erasures

_ADD_THE_KEY = "Put the key of that time into ENCRYPTION_KEYS and restore again. Nothing was changed."
UNREAD = (
    "An earlier restore still has people to erase, and none of the encryption keys opens the list of them: they would "
    f"come back. {_ADD_THE_KEY}"
)
UNREAD_TERMS = (
    "An erasure still looks through texts, and none of the encryption keys opens what it looks for: it would be taken "
    f"for done. {_ADD_THE_KEY}"
)


@dataclass(frozen=True)
class Kept:
    """One erasure of now, as it can be found in a backup."""

    asked_by: str
    asked_at: datetime
    done_at: datetime | None
    reason: str
    begun: bool  # its records are empty already; one that waits, as for a legal hold, goes on waiting
    records: list[tuple[str, str, str]]  # key of the account, resource, external id
    terms: list[str]  # of one that is still looking through texts


def of_now(link: Link) -> list[Kept]:
    """Every erasure that was asked for and not stopped.

    Raises BackupRefused where what is left to be done, also of an earlier restore, cannot be read: it would be
    forgotten for good.
    """
    there = set(inspect(link).get_table_names())
    found = []
    if Erasure.__tablename__ in there:
        for row in link.execute(select(Erasure.__table__).where(Erasure.state != "stopped").order_by(Erasure.id)):
            records = _names(link, row.record_ids)
            begun = row.state == "done" or "records" in row.counts
            found.append(
                Kept(row.asked_by, row.asked_at, row.done_at, row.reason, begun, records, _terms(row.id, row.terms))
            )
    if Setting.__tablename__ in there:
        for value in link.scalars(select(Setting.value).where(Setting.name == erasures.AGAIN)):
            try:
                found += [_kept(link, one) for one in erasures.owed(value)]
            except SealBroken:
                raise BackupRefused(UNREAD) from None
    return found


def _kept(link: Link, owed: dict[str, Any]) -> Kept:
    asked_at, records = clock.parse(owed["asked_at"]) or clock.now(), _names(link, owed["record_ids"])
    return Kept(owed["asked_by"], asked_at, None, owed["reason"], begun=True, records=records, terms=owed["terms"])


def _names(link: Link, numbers: list[int]) -> list[tuple[str, str, str]]:
    query = select(Connection.key, Record.resource, Record.external_id).join_from(
        Record, Connection, Record.connection_id == Connection.id
    )
    found = link.execute(query.where(Record.id.in_(numbers)).order_by(Record.id))
    return [(row.key, row.resource, row.external_id) for row in found]


def _terms(number: int, sealed: str | None) -> list[str]:
    try:
        return orjson.loads(vault().open(f"erasure:{number}", sealed)) if sealed else []
    except SealBroken:
        raise BackupRefused(UNREAD_TERMS) from None


def holds_of_now(link: Link) -> list[Any]:
    """Legal holds in force; what waits for one must not be erased because a backup is older than the hold."""
    if LegalHold.__tablename__ not in inspect(link).get_table_names():
        return []
    query = select(Connection.key, LegalHold.reason, LegalHold.placed_by, LegalHold.placed_at).join_from(
        LegalHold, Connection, LegalHold.connection_id == Connection.id, isouter=True
    )
    return list(link.execute(query.where(LegalHold.lifted_at.is_(None))))


# -- in the backup ----------------------------------------------------------------------------------------------------


def hold(link: Link, kept: list[Any], there: set[str]) -> None:
    """Keep the holds of now in force."""
    if LegalHold.__tablename__ not in there:
        return
    accounts = _accounts(link)
    for key, reason, placed_by, placed_at in kept:
        known = select(LegalHold.id).where(LegalHold.placed_at == placed_at, LegalHold.placed_by == placed_by)
        if (key is None or key in accounts) and link.scalar(known) is None:
            values = {"reason": reason, "placed_by": placed_by, "placed_at": placed_at}
            link.execute(insert(LegalHold).values(connection_id=accounts.get(key), **values))


def erase(link: Link, kept: list[Kept], there: set[str]) -> None:
    """Erase again who was erased after the backup, in the caller's transaction; the texts are left to the clock."""
    accounts, owed = _accounts(link), []
    known = Erasure.__tablename__ in there
    for one in kept:
        if known and link.scalar(
            select(Erasure.id).where(Erasure.asked_at == one.asked_at, Erasure.asked_by == one.asked_by)
        ):
            continue  # the backup has it: done, or going on by itself
        row = _erased(link, one, accounts, there)
        if known:
            _ask_again(link, row)
        elif one.begun:
            owed.append(row | {"asked_at": one.asked_at.isoformat()})
    if owed:
        _owe(link, owed)


def _accounts(link: Link) -> dict[str, int]:
    return {row.key: row.id for row in link.execute(select(Connection.key, Connection.id))}


def _erased(link: Link, one: Kept, accounts: dict[str, int], there: set[str]) -> dict[str, Any]:
    """The erasure as the restored database has to know it, and its records emptied."""
    names = [(accounts[key], resource, number) for key, resource, number in one.records if key in accounts]
    found = _records(link, names)
    terms = erased_records.terms_of(row for row in found if row.content_hash != ERASED)
    numbers, counts = [row.id for row in found], dict[str, int]()
    if one.begun:
        numbers += _empty_places(
            link, set(names) - {(row.connection_id, row.resource, row.external_id) for row in found}
        )
        counts = _emptied(link, numbers, there)
    return {
        "reason": one.reason, "asked_by": one.asked_by, "asked_at": one.asked_at, "record_ids": numbers,
        "counts": counts, "terms": sorted(terms | set(one.terms)),
    }  # fmt: skip


def _records(link: Link, names: list[tuple[int, str, str]]) -> list[Row[Any]]:
    if not names:
        return []
    columns = (
        Record.id, Record.connection_id, Record.resource, Record.external_id, Record.label, Record.data,
        Record.content_hash,
    )  # fmt: skip
    same = (
        and_(Record.connection_id == number, Record.resource == resource, Record.external_id == external_id)
        for number, resource, external_id in names
    )
    return list(link.execute(select(*columns).where(or_(*same)).order_by(Record.id)))


def _empty_places(link: Link, names: set[tuple[int, str, str]]) -> list[int]:
    """Places of records the backup did not have yet: the next read must not bring them back."""
    made, now = [], clock.now()
    for number, resource, external_id in sorted(names):
        place = insert(Record).values(
            connection_id=number, resource=resource, external_id=external_id, label=erased_records.WIPED, data={},
            content_hash=ERASED, first_seen_at=now, written_at=now, deleted_at=now,
        )  # fmt: skip
        made.append(link.execute(place).inserted_primary_key[0])  # type: ignore[index]
    return made


def _emptied(link: Link, numbers: list[int], there: set[str]) -> dict[str, int]:
    if RecordLink.__tablename__ in there:
        with Session(bind=link) as session:  # joins the caller's transaction, and leaves it open
            return erased_records.empty(session, numbers, searched="search_entry" in there)
    gone = {"data": {}, "label": erased_records.WIPED, "content_hash": ERASED, "deleted_at": clock.now()}
    link.execute(update(Record).where(Record.id.in_(numbers)).values(**gone))
    return {"records": len(numbers)}


def _ask_again(link: Link, row: dict[str, Any]) -> None:
    terms = orjson.dumps(row.pop("terms")).decode()
    asked = link.execute(insert(Erasure).values(state="waiting", reached={}, **row))
    number = asked.inserted_primary_key[0]  # type: ignore[index]
    sealed = vault().seal(f"erasure:{number}", terms)
    link.execute(update(Erasure).where(Erasure.id == number).values(terms=sealed))


def _owe(link: Link, owed: list[dict[str, Any]]) -> None:
    """Older tables have no place for an erasure: the first clock after the upgrade goes on with it."""
    sealed = vault().seal(f"setting:{erasures.AGAIN}", orjson.dumps(owed).decode())
    link.execute(delete(Setting).where(Setting.name == erasures.AGAIN))
    link.execute(insert(Setting).values(name=erasures.AGAIN, value=sealed, updated_at=clock.now()))
