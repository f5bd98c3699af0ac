"""Backups by themselves: the clock's chore starts what is due or was asked for on a page, in a thread beside the clock.

A large database takes minutes; meanwhile the clock must go on asking for runs.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from threading import Thread
from typing import Any

import orjson
import structlog
from flask import Flask, current_app
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ... import clock
from ...errors import BackupRefused, Conflict, ConsoleError, NotFound
from ...models import Issue, Setting, db
from ...storage import errors
from . import backup_files as files
from . import backups, rehearsals
from .backup_files import Backup

log = structlog.get_logger(__name__)

ASKED, FAILED = "backup.asked.", "backup.failed"  # a row for each order, so that none is lost to another's writing
AGAIN_AFTER_S = 3600  # what failed by itself is not tried again every few seconds
BY, HERE = "the clock", "The console"

_working: list[Thread] = []
_failed_at: dict[str, float] = {}  # by clock.monotonic


def due() -> None:
    """Begin what is due, unless something is being worked on."""
    if any(thread.is_alive() for thread in _working):
        return
    work = _wanted()
    db.session.rollback()
    if work is None:
        return
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    _working[:] = [Thread(target=_carry_out, args=(app, *work), name="backups", daemon=True)]
    _working[0].start()


def settle() -> None:
    """Wait until what was begun is done: for a process that ends by itself."""
    for thread in _working:
        thread.join()


def _wanted() -> tuple[str, Callable[[], object]] | None:
    """The name of what is to be done next, and how; what people asked for goes first."""
    orders = asked()
    db.session.rollback()  # what is looked at next has a connection of its own: never wait for one while we write
    if orders:
        return f"asked {orders[0]['what']}", lambda: _do(orders[0])
    for name, is_due, do in _BY_ITSELF:
        if clock.monotonic() - _failed_at.get(name, -1e9) <= AGAIN_AFTER_S:
            continue
        try:
            if is_due():
                return name, do
        except ConsoleError as error:  # the folder is out of reach
            db.session.rollback()
            _failed(name, error)
    return None


def _rehearse(backup: Backup | None) -> None:
    """Raises BackupRefused where it could not be restored."""
    if backup is not None and not (told := rehearsals.rehearse(backup))["fine"]:
        raise BackupRefused(told["message"])


_BY_ITSELF: tuple[tuple[str, Callable[[], bool], Callable[[], object]], ...] = (
    ("daily", lambda: backups.is_due(), lambda: backups.create("daily", by=BY)),
    ("rehearsal", lambda: rehearsals.is_due(), lambda: _rehearse(backups.newest_good())),
)
_PROBLEMS = {  # what is a problem until it goes well: of which sort it is, and what it is called
    "daily": ("backups", "The database could not be backed up"),
    "asked create": ("backups", "The database could not be backed up"),
    "rehearsal": ("rehearsals", "A backup could not be restored in a rehearsal"),
    "asked rehearse": ("rehearsals", "A backup could not be restored in a rehearsal"),
}


def _carry_out(app: Flask, name: str, do: Callable[[], object]) -> None:
    with app.app_context():
        try:
            do()
            _went_well(name)
        except Exception as error:
            _failed(name, error)
        finally:
            db.session.remove()


# -- asked for on a page ----------------------------------------------------------------------------------------------


def ask(what: str, name: str = "", *, by: str) -> None:
    """Have the worker "create" a backup, or "verify" or "rehearse" one, within seconds."""
    order = {"what": what, "name": name, "by": by, "at": clock.now().isoformat()}
    _put(_row_of(order), order)
    db.session.commit()


def asked() -> list[dict[str, Any]]:
    """What people asked for and was not done yet, the oldest first."""
    orders = select(Setting.value).where(Setting.name.startswith(ASKED)).order_by(Setting.updated_at, Setting.name)
    return [orjson.loads(value) for value in db.session.scalars(orders)]


def last_failure() -> dict[str, Any] | None:
    """Why the last attempt came to nothing: at, message. None when it went well."""
    value = db.session.scalar(select(Setting.value).where(Setting.name == FAILED))
    return orjson.loads(value) if value else None


def _do(order: dict[str, Any]) -> None:
    try:
        if order["what"] == "create":
            backups.create("by-hand", by=order["by"])
        elif order["what"] == "verify":
            backups.verify(files.find(order["name"]).file)
        else:
            _rehearse(files.find(order["name"]))
    finally:  # once, whatever came of it; the same asked for meanwhile is another order
        db.session.rollback()
        done = delete(Setting).where(Setting.name == _row_of(order), Setting.value == orjson.dumps(order).decode())
        db.session.execute(done)
        db.session.commit()


def _row_of(order: dict[str, Any]) -> str:
    """The same asked for twice is one order."""
    return ASKED + sha256(f"{order['what']} {order['name']}".encode()).hexdigest()[:32]


# -- what came of it --------------------------------------------------------------------------------------------------


def _failed(name: str, error: Exception) -> None:
    """Tell it on the page of backups and, of what must not go on failing unseen, as a problem."""
    message = str(error)
    if isinstance(error, (ConsoleError, OSError)):
        log.error("A backup could not be made", what=name, why=message)
    else:
        log.error("A backup could not be made", what=name, exc_info=error)
        message = f"The console made a mistake ({type(error).__name__}); the log says where."
    _failed_at[name] = clock.monotonic()
    db.session.rollback()
    _put(FAILED, {"at": clock.now().isoformat(), "message": message, "what": name})
    if name in _PROBLEMS and not isinstance(error, (Conflict, NotFound)):  # another is made just now, or it was deleted
        resource, title = _PROBLEMS[name]
        errors.log_failure(
            db.session(), connection_id=None, run_id=None, service=HERE, resource=resource, kind="backup",
            message=message, raw=message, code="", field=None, now=clock.now(), title=title,
        )  # fmt: skip
    db.session.commit()


def _went_well(name: str) -> None:
    """What had failed before is over: of the same sort, or anything once a whole new backup is there."""
    _failed_at.pop(name, None)
    resource, _ = _PROBLEMS.get(name, ("", ""))
    db.session.rollback()
    before = last_failure()
    if before and (resource == "backups" or before.get("what") == name):
        db.session.execute(delete(Setting).where(Setting.name == FAILED))
    over = (Issue.kind == "backup", Issue.resource == resource, Issue.state != "resolved")
    resolved = {"state": "resolved", "state_by": errors.BY_ITSELF, "state_at": clock.now()}
    db.session.execute(update(Issue).where(*over).values(**resolved))
    db.session.commit()


def _put(name: str, value: dict[str, Any]) -> None:
    """Write a row in one statement, over whatever another process has written. The caller commits."""
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    written = {"value": orjson.dumps(value).decode(), "updated_at": clock.now()}
    new = dialect.insert(Setting).values(name=name, **written)
    db.session.execute(new.on_conflict_do_update(index_elements=[Setting.name], set_=written))
