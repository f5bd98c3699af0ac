"""A restored backup gives nobody back what they lost or changed since: whoever is known now stays as they are now.

Role, password, second factor and recovery codes, and whether they may come in at all. Somebody who is not known now
comes back as they were. Written for tables of any version, like restored.py.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, inspect, select, update
from sqlalchemy.engine import Connection as Link

from ...errors import SealBroken
from ...models import RecoveryCode, SecondFactor, User
from ..people import second_factor
from ..sealed import vault


@dataclass(frozen=True)
class Kept:
    """One person of now: how they come in, and as what."""

    number: int
    email: str
    comes_in: dict[str, Any]  # role, active and password_hash, as their columns are called
    factor: Any  # rows as they lie in the tables
    codes: list[Any]


def of_now(link: Link) -> list[Kept]:
    """Everybody there is."""
    there = set(inspect(link).get_table_names())
    if User.__tablename__ not in there:
        return []
    factors = {row.user_id: row for row in link.execute(_FACTORS)} if SecondFactor.__tablename__ in there else {}
    codes = list(link.execute(_CODES)) if RecoveryCode.__tablename__ in there else []
    return [
        Kept(
            number=row.id, email=row.email, factor=factors.get(row.id),
            comes_in={"role": row.role, "active": row.active, "password_hash": row.password_hash},
            codes=[code for code in codes if code.user_id == row.id],
        )
        for row in link.execute(_PEOPLE)
    ]  # fmt: skip


_PEOPLE = select(User.id, User.email, User.role, User.active, User.password_hash)
_FACTORS = select(
    SecondFactor.user_id, SecondFactor.seed, SecondFactor.confirmed_at, SecondFactor.last_step, SecondFactor.created_at
)
_CODES = select(RecoveryCode.user_id, RecoveryCode.code_hash, RecoveryCode.used_at)


def keep(link: Link, people: list[Kept], there: set[str]) -> None:
    """Leave them as they are now, in the caller's transaction."""
    numbers = {row.email: row.id for row in link.execute(select(User.email, User.id))}
    for one in people:
        if number := numbers.get(one.email):
            link.execute(update(User).where(User.id == number).values(**one.comes_in))
            if SecondFactor.__tablename__ in there:
                _keep_factor(link, one, number)


def _keep_factor(link: Link, one: Kept, number: int) -> None:
    link.execute(delete(SecondFactor).where(SecondFactor.user_id == number))
    link.execute(delete(RecoveryCode).where(RecoveryCode.user_id == number))
    if one.factor:
        values = {**one.factor._mapping, "user_id": number, "seed": _seed(one.factor, number)}
        link.execute(insert(SecondFactor).values(**values))
    if one.codes and number == one.number:  # their hashes hold the number
        link.execute(insert(RecoveryCode), [dict(code._mapping) for code in one.codes])


def _seed(factor: Any, number: int) -> str:
    """The seed for the person's number in the backup; one that does not open lets nobody in, now as then."""
    if number != factor.user_id:
        with suppress(SealBroken):
            seed = vault().open(second_factor.owner(factor.user_id), factor.seed)
            return vault().seal(second_factor.owner(number), seed)
    return factor.seed
