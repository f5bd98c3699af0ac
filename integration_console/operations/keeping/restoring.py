"""Putting a backup back: what it would change, all of it or nothing, and nothing sent until it was looked at (W10)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
from sqlalchemy.engine import Connection

from ... import clock
from ...errors import BackupRefused, Conflict
from ...models import db, reading
from ...storage import copies as stored
from ...storage import schema
from ..health import health
from ..holds import left_behind
from . import backup_files as files
from . import backups, restored

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a restore changes, to be read before it is done."""

    backup: str
    at: str
    release_now: dict[str, str]
    release_then: dict[str, str]
    schema_now: str | None
    schema_then: str | None
    tables: list[dict[str, Any]]  # {"table", "now", "then"}; None where the table is not there
    mappings: list[str]  # a sentence for each that differs
    kept: dict[str, int]  # taken over from now: disabled people, revoked tokens, used codes, erasures, credentials
    people_stay: bool  # roles, passwords and second factors stay those of now; else they could not be read
    next_step: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def plan(file: Path) -> Plan:
    """What restoring this file would change. Changes nothing. Raises BackupRefused."""
    with backups.unpacked(file) as (manifest, _, config):
        _must_be_known(manifest)
        return _plan(file, manifest, orjson.loads(config.read_bytes()))


def restore(file: Path, *, by: str, keep_present: bool = True) -> tuple[Plan, str | None]:
    """Replace the database by a backup; what changed, and the name of the backup made of what was there before.

    keep_present: back up what is there first. Raises BackupRefused or Conflict; then nothing was changed.
    """
    with backups.unpacked(file) as (manifest, copy, config):
        _must_be_known(manifest)
        _nobody_works()
        told, facts = _plan(file, manifest, orjson.loads(config.read_bytes())), restored.facts_of_now()
        present = backups.create("before-restore", by=by).name if keep_present and backups.holds_something() else None
        now = {"at": clock.now().isoformat(), "backup_at": manifest["at"], "backup": file.name, "by": by}
        db.session.remove()
        db.engine.dispose()
        with files.alone():
            backups.copies().put_back(copy, lambda connection: restored.settle(connection, facts, now))
        db.engine.dispose()
    log.warning("A backup was restored; nothing is sent until an administrator resumes", backup=file.name, by=by)
    return told, present


def _must_be_known(manifest: dict[str, Any]) -> None:
    if manifest["schema"] not in schema.known():
        release = manifest["release"].get("version", "unknown")
        raise BackupRefused(
            f"This backup is of a newer version of the console (release {release}, schema {manifest['schema']}). "
            "Install that version first. Nothing was changed."
        )


def _nobody_works() -> None:
    """A worker would go on with runs the restored database does not know."""
    try:
        alive = [worker.owner for worker in health.workers() if health.is_alive(worker)]
    except Exception:  # no tables, older ones, or a damaged file: then no worker of this version works on it
        db.session.rollback()
        return
    finally:
        db.session.rollback()
    if working := [owner for owner in alive if not left_behind(owner)]:
        raise Conflict(f"A worker is running ({', '.join(working)}). Stop it first. Nothing was changed.")


def _plan(file: Path, manifest: dict[str, Any], then: dict[str, Any]) -> Plan:
    rows, schema_now, now = _present()
    names = sorted({*rows, *manifest["counts"]})
    tables = [{"table": name, "now": rows.get(name), "then": manifest["counts"].get(name)} for name in names]
    older = manifest["schema"] != schema.newest()
    facts = restored.facts_of_now()
    return Plan(
        backup=file.name, at=manifest["at"], release_now=backups.release(), release_then=manifest["release"],
        schema_now=schema_now, schema_then=manifest["schema"], tables=tables,
        mappings=list(_mappings_that_differ(now, then)),
        kept=restored.kept_since(facts, datetime.fromisoformat(manifest["at"])), people_stay=bool(facts["people"]),
        next_step=f"`{files.flask()} db upgrade`, or run the release that made it (`{files.flask()} backup source`)"
        if older else f"look through what waits, then `{files.flask()} backup resume`",
    )  # fmt: skip


def _present() -> tuple[dict[str, int], str | None, dict[str, Any]]:
    """Rows, schema and configuration as they are; nothing where the database cannot be read."""
    try:
        with reading(), db.engine.connect() as connection:
            return stored.counts(connection), backups.schema_of(connection), _config(connection)
    except Exception as error:
        log.warning("The present database cannot be read", error=type(error).__name__)
        return {}, None, {}


def _config(connection: Connection) -> dict[str, Any]:
    return {name: list(rows) for name, rows in backups.configuration(connection)}


def _mappings_that_differ(now: dict[str, Any], then: dict[str, Any]):
    """A sentence for every mapping that is not the same now and then."""
    here, there = _by_number(now), _by_number(then)
    for number in sorted({*here, *there}):
        one, other = here.get(number), there.get(number)
        name = (one or other or {})["name"]
        if one is None:
            yield f"{name} comes back."
        elif other is None:
            yield f"{name} goes: it was made later."
        elif said := _differences(one, other):
            yield f"{name}: {', '.join(said)}."


def _by_number(config: dict[str, Any]) -> dict[int, dict[str, Any]]:
    versions: dict[int, int] = {}
    for version in config.get("mapping_version", ()):
        versions[version["mapping_id"]] = max(versions.get(version["mapping_id"], 0), version["number"])
    return {one["id"]: {**one, "newest": versions.get(one["id"], 0)} for one in config.get("data_mapping", ())}


def _differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    words = {"state": "state", "active_version": "version in use", "newest": "newest version", "name": "name"}
    return [f"{word} {one[name] or 'none'} becomes {other[name] or 'none'}" for name, word in words.items()
            if one[name] != other[name]]  # fmt: skip
