"""A new first key: every stored secret is sealed anew, in small steps that may be repeated (X1, D9)."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import InstrumentedAttribute

from ...errors import BackupRefused, SealBroken
from ...models import (
    ApiConfig,
    Connection,
    Erasure,
    OAuthState,
    RepeatableCall,
    SecondFactor,
    Setting,
    WebhookSubscription,
    WebhookTarget,
    db,
    reading,
)
from ...storage import sealed_file
from .. import audit
from ..sealed import vault
from . import backup_files, erasures

SEALED = {
    "connections": Connection.credentials, "services": ApiConfig.client_secret, "consents": OAuthState.verifier,
    "second factors": SecondFactor.seed, "erasures": Erasure.terms,
    "webhooks": WebhookSubscription.secret, "earlier webhook secrets": WebhookSubscription.old_secret,
    "webhook secrets": WebhookTarget.secret, "answers": RepeatableCall.answer,
    "choices": OAuthState.pending,
}  # fmt: skip
STEP = 50  # rows a commit


def rotate(actor: str) -> dict[str, int]:
    """Seal everything with the first of ENCRYPTION_KEYS; how many of each, and how many no key opens.

    A killed rotation is simply begun again; what was sealed with the first key already is sealed once more.
    """
    done = dict.fromkeys(SEALED, 0) | {"unreadable": 0}
    for name, column in SEALED.items():
        last = 0
        while rows := _after(column, last):
            for number, sealed in rows:
                done[name if _anew(column, number, sealed) else "unreadable"] += 1
            db.session.commit()
            last = rows[-1][0]
    done["erasures owed"] = _owed(done)
    done["backups"] = _backups(done)
    audit.add("keys rotated", ", ".join(f"{count} {name}" for name, count in done.items()), actor=actor)
    db.session.commit()
    return done


def unreadable() -> dict[str, int]:
    """How many stored secrets of each kind none of ENCRYPTION_KEYS opens; kinds that all open are left out."""
    with reading():
        found = {name: _shut(column) for name, column in SEALED.items()}
        owed = db.session.scalar(select(Setting.value).where(Setting.name == erasures.AGAIN))
        db.session.rollback()
    found["erasures owed"] = int(owed is not None and not vault().opens(owed))
    return {name: count for name, count in found.items() if count}


def _shut(column: InstrumentedAttribute) -> int:
    last, count = 0, 0
    while rows := _after(column, last):
        count += sum(not vault().opens(sealed) for _number, sealed in rows)
        last = rows[-1][0]
    return count


def _owed(done: dict[str, int]) -> int:
    """What a restored backup still owes to people who were erased lies in a setting, until the clock takes it up."""
    where = Setting.name == erasures.AGAIN
    sealed = db.session.scalar(select(Setting.value).where(where))
    if sealed is None:
        return 0
    try:
        renewed = vault().reseal(sealed)
    except SealBroken:
        done["unreadable"] += 1
        return 0
    db.session.execute(update(Setting).where(where, Setting.value == sealed).values(value=renewed))
    db.session.commit()
    return 1


def _backups(done: dict[str, int]) -> int:
    """Backups are opened by a key of their own, which is sealed anew. One that no key opens stays as it is, and so does
    one that is not ours to change."""
    sealed = 0
    with backup_files.alone():
        for backup in backup_files.every():
            try:
                sealed_file.reseal(backup.file, vault())
                sealed += 1
            except (BackupRefused, OSError):
                done["unreadable"] += 1
    return sealed


def _after(column: InstrumentedAttribute, last: int) -> list:
    number = column.class_.id
    query = select(number, column).where(number > last, column.is_not(None)).order_by(number).limit(STEP)
    return list(db.session.execute(query))


def _anew(column: InstrumentedAttribute, number: int, sealed: str) -> bool:
    """False when no key opens it. A token renewed meanwhile stays: it was sealed with the first key."""
    try:
        renewed = vault().reseal(sealed)
    except SealBroken:
        return False
    same = (column.class_.id == number, column == sealed)
    db.session.execute(update(column.class_).where(*same).values({column.key: renewed}))
    return True
