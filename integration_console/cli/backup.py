"""`flask backup`: make, check and put back. Restoring is done here only: no page can replace the database it reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..operations import outbound
from ..operations.keeping import backup_files as files
from ..operations.keeping import backups, rehearsals, restoring
from ..operations.people import users
from . import output
from .plainly import WITH_PROBLEMS, Failed, command, who

group = click.Group("backup", help="Back up the database, check backups, and put one back.")
commands = [group]
which = click.argument("file", metavar="FILE")


def facts(backup: files.Backup) -> dict[str, Any]:
    """A backup for programs."""
    told = {name: backup.manifest.get(name) for name in ("engine", "engine_version", "schema", "release", "counts")}
    return {
        "name": backup.name, "file": str(backup.file), "at": backup.at, "kind": backup.kind, "size": backup.size,
        "verified": backup.good, "verified_at": backup.verified_at, "problem": backup.problem or None, **told,
        "rehearsal": backup.rehearsal,
    }  # fmt: skip


@command("create", group=group, any_schema=True)
def create(as_json: bool) -> None:
    """Make one now, and open it again before it counts; its path is on the last line."""
    made = backups.create(by=who())
    if as_json:
        return output.document(facts(made))
    click.echo(f"{made.rows:,} rows, {made.size:,} bytes, verified.")
    click.echo(made.file)


@command("list", group=group, any_schema=True)
def every(as_json: bool) -> None:
    """All backups, the newest first."""
    found = files.every()
    if as_json:
        return output.lines(map(facts, found))
    rows = [(b.name, b.at, b.size, b.rows, b.release, _state(b), _rehearsed(b)) for b in found]
    titles = ("Backup", "Made (UTC)", "Bytes", "Rows", "Release", "State", "Rehearsal")
    output.table(titles, rows, empty=f"There is no backup in {files.folder()} yet. Make one: flask backup create")


def _state(backup: files.Backup) -> str:
    return backup.problem or ("verified" if backup.good else "not verified yet")


def _rehearsed(backup: files.Backup) -> str:
    return "" if backup.rehearsal is None else "fine" if backup.rehearsal["fine"] else backup.rehearsal["message"]


@command("verify", group=group, any_schema=True)
@which
def verify(file: str, as_json: bool) -> None:
    """Read one to its end, compare every checksum, and open its database."""
    path = files.path_of(file)
    manifest = backups.verify(path)
    if as_json:
        return output.document({"name": path.name, "verified": True, **manifest})
    rows, release = sum(manifest["counts"].values()), manifest["release"]["version"]
    click.echo(f"{path.name} is whole: {rows:,} rows, schema {manifest['schema']}, release {release}.")


@command("restore", group=group, any_schema=True)
@which
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--yes", is_flag=True, help="Do not ask for the name to be typed, as in a script.")
@click.option("--no-backup-first", "without", is_flag=True,
              help="Also when what is there now cannot be backed up, because it is damaged.")  # fmt: skip
def restore(file: str, dry_run: bool, yes: bool, without: bool, as_json: bool) -> None:
    """Put one back in place of the whole database, all of it or nothing; nothing is sent afterwards until resumed."""
    path = files.path_of(file)
    if dry_run:
        plan = restoring.plan(path)
        return output.document({**plan.as_json(), "applied": False}) if as_json else _tell(plan)
    if sys.stdin.isatty() and not yes:
        _tell(restoring.plan(path))
        if click.prompt("Type the name of the backup to go on", default="", show_default=False) != path.name:
            raise Failed("That is another name. Nothing was changed.")
    plan, present = restoring.restore(path, by=who(), keep_present=not without)
    led = users.has_administrator()
    if as_json:
        told = {"applied": True, "present_kept_as": present, "has_administrator": led}
        return output.document({**plan.as_json(), **told})
    if present:
        click.echo(f"What was there before is kept as {present}.")
    click.echo(f"{path.name} is restored. Nothing is sent until an administrator resumes. Next: {plan.next_step}.")
    if not led:
        click.echo(f"Nobody is an administrator now. Make one: `{files.flask()} users add EMAIL --role admin`.")


def _tell(plan: restoring.Plan) -> None:
    output.table(
        ("Table", "Rows now", "Rows in the backup"),
        [(one["table"], one["now"], one["then"]) for one in plan.tables if one["now"] or one["then"]],
        empty="Neither has any rows.",
    )
    click.echo(f"Made {plan.at} by release {_release(plan.release_then)}; running now: {_release(plan.release_now)}.")
    click.echo(f"Schema: {plan.schema_now or 'none'} now, {plan.schema_then} in the backup.")
    for sentence in plan.mappings or ["No mapping differs."]:
        click.echo(f"Mapping {sentence}" if plan.mappings else sentence)
    kept = ", ".join(f"{count} {_one(name) if count == 1 else name}" for name, count in plan.kept.items() if count)
    click.echo(f"Taken over from now: {kept} (shut out or erased since, credentials where newer)." if kept
               else "Nothing is taken over from now.")  # fmt: skip
    click.echo("Roles, passwords and second factors stay those of now; somebody not known now comes back as then."
               if plan.people_stay else "Roles, passwords and second factors become those of then.")  # fmt: skip
    click.echo(f"Everybody signs in again, nothing is sent until resumed. After it: {plan.next_step}.")


def _one(name: str) -> str:
    """What one of these is called: of legal holds a legal hold."""
    return "person" if name == "people" else name.removesuffix("s")


def _release(told: dict[str, str]) -> str:
    return " ".join(filter(None, (told.get("version"), told.get("commit"))))


@command("rehearse", group=group)
@click.argument("file", metavar="[FILE]", default="")
def rehearse(file: str, as_json: bool) -> None:
    """Restore one, or the newest good one, into a scratch database and compare the rows of every table."""
    chosen = files.find(Path(file).name) if file else backups.newest_good()
    if chosen is None:
        raise Failed("There is no good backup to rehearse with.")
    told = rehearsals.rehearse(chosen)
    output.document({"name": chosen.name, **told}) if as_json else click.echo(f"{chosen.name}: {told['message']}")
    if not told["fine"]:
        raise click.exceptions.Exit(WITH_PROBLEMS)


@command("source", group=group, any_schema=True)
@which
@click.option("--to", "target", type=click.Path(file_okay=False), default=".", help="The folder to put it in.")
def unpack_source(file: str, target: str, as_json: bool) -> None:
    """Take out the source of the release that made a backup, as a zip file."""
    kept = backups.unpack_source(files.path_of(file), Path(target))
    output.document({"file": str(kept)}) if as_json else click.echo(kept)


@command("resume", group=group)
@click.option("--anyway", is_flag=True, help="Also before every mapped account was read.")
def resume(anyway: bool, as_json: bool) -> None:
    """After a restore, send again; what waited is looked up at the other side first."""
    held = outbound.held()
    outbound.resume(by=who(), anyway=anyway)
    if as_json:
        return output.document({"resumed": True, "waiting": held.waiting if held else 0})
    click.echo("What is to be sent is sent again.")
