"""`flask mappings`, `flask push` and `flask undo`: what is carried between accounts, and what is taken back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from ..models import Change, DataMapping, SyncRun, db
from ..operations.accounts import connections
from ..operations.mapping import flows, mappings, previews
from ..operations.runs import outbox, pushes, undo
from ..sync.carrying.tally import Tally
from ..sync.outcome import receipt
from . import output
from .carrying import carry
from .plainly import WITH_PROBLEMS, Failed, command, who

pairs = click.Group("mappings", help="What is carried between accounts.")
which = click.argument("mapping_id", metavar="ID", type=int)


class Crossing:
    """A wish to carry one mapping, as cli.carrying wants it."""

    def __init__(self, mapping: DataMapping, *, release_brake: bool) -> None:
        self.mapping_id, self.release_brake = mapping.id, release_brake

    def ask(self) -> int:
        """Ask for a run of it; the run's number. Raises as pushes.request."""
        mapping = mappings.find(self.mapping_id)
        run = pushes.request(mapping, cause="command", asked_by=who(), release_brake=self.release_brake)
        number = run.id
        db.session.rollback()  # even a look holds SQLite's writer lock, which the claim needs
        return number

    def is_met_by(self, run: SyncRun) -> bool:
        """Whether that run carried this mapping."""
        return run.mapping_id == self.mapping_id


# -- looking ----------------------------------------------------------------------------------------------------------


@command("list", group=pairs)
def every(as_json: bool) -> None:
    """All mappings, and the ready ones that could be made."""
    flows.ensure()
    found = mappings.every()
    if as_json:
        return output.lines(facts(mapping) for mapping in found)
    rows = [
        (m.id, m.name, f"{m.left_connection.name} {m.left_resource}", f"{m.right_connection.name} {m.right_resource}",
         m.state, m.active_version)
        for m in found
    ]  # fmt: skip
    titles = ("Id", "Name", "Left", "Right", "State", "Version")
    output.table(titles, rows, empty="There is no mapping yet. Connect two services, and the ready ones appear.")


def facts(mapping: DataMapping) -> dict[str, Any]:
    """A mapping for programs."""
    latest = mappings.latest(mapping)
    return {**output.columns_of(mapping), "latest_version": latest.number, "latest_state": latest.state}


@command("export", group=pairs)
@which
@click.option("--version", "number", type=int, help="Another version than the latest.")
def export(mapping_id: int, number: int | None, as_json: bool) -> None:
    """A version as a JSON document, to keep or to import elsewhere."""
    document = mappings.document(mappings.find(mapping_id), number)
    output.document(document.to_json()) if as_json else click.echo(document.to_bytes(), nl=False)


@command("import", group=pairs)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--into", "mapping_id", type=int, metavar="ID", help="Make it the draft of this mapping.")
@click.option("--left", type=int, metavar="CONNECTION", help="Make a new mapping, with this left side ...")
@click.option("--right", type=int, metavar="CONNECTION", help="... and this right side.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def import_(file: str, mapping_id: int | None, left: int | None, right: int | None, dry_run: bool,
            as_json: bool) -> None:  # fmt: skip
    """Take a document in as a draft, after saying what it changes."""
    if (mapping_id is None) == (left is None or right is None):
        raise click.UsageError("Give either --into, or --left and --right.")
    wanted = mappings.read_file(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    mapping = mappings.find(mapping_id) if mapping_id is not None else None
    changes = mappings.compare(mapping, wanted) if mapping else [f"A new mapping: {wanted.name}."]
    if not dry_run:
        if mapping:
            mappings.replace(mapping, wanted, by=who())
            if aside := mappings.put_aside(mapping):
                changes.append(f"The draft before it was put aside: it stays as version {aside.number}.")
        else:
            mapping = mappings.create(wanted, connections.find(left or 0), connections.find(right or 0), by=who())
    if as_json:
        return output.document({"id": mapping.id if mapping else None, "changes": changes, "applied": not dry_run})
    for sentence in changes or ["Nothing changes."]:
        click.echo(sentence)
    if mapping and not dry_run:
        click.echo(mapping.id)


@command("preview", group=pairs)
@which
def preview(mapping_id: int, as_json: bool) -> None:
    """Count what the draft would do, field by field, without doing it."""
    mapping = mappings.find(mapping_id)
    told = previews.preview(mapping, mappings.draft_of(mapping) or mappings.latest(mapping))
    problems = [{"blocking": p.blocking, "line": p.line, "message": p.message} for p in mappings.check(mapping)]
    if as_json:
        return output.document({"mapping_id": mapping_id, **told, "problems": problems})
    _tell(told, problems)


def _tell(told: dict[str, Any], problems: list[dict[str, Any]]) -> None:
    output.table(("What", "Pairs and records"), [(k, v) for k, v in told["counts"].items() if v], empty="Nothing.")
    for kind, samples in told["samples"].items():
        for one in samples[:5]:
            names = " - ".join(side["label"] for side in (one["left"], one["right"]) if side)
            values = "; ".join(f"{f['field']}: {output.word(f['before'])} -> {f['after']}" for f in one["fields"])
            click.echo(f"{kind}: {names}. {values or one['reason']}".strip())
    for problem in problems:
        click.echo(f"{'Blocks' if problem['blocking'] else 'Note'}: {problem['message']}")
    writes = sum(told["writes"].values())
    click.echo(f"{writes:,} writes, {told['calls']:,} calls, about {told['seconds'] / 60:.1f} minutes.")


# -- switching --------------------------------------------------------------------------------------------------------


@command("activate", group=pairs)
@which
def activate(mapping_id: int, as_json: bool) -> None:
    """Switch the draft on, once it has been previewed."""
    version = mappings.activate(mappings.find(mapping_id), by=who())
    _said(mapping_id, f"version {version.number} is switched on.", as_json)


@command("approve", group=pairs)
@which
@click.option("--as", "email", required=True, metavar="EMAIL", help="The second administrator.")
def approve(mapping_id: int, email: str, as_json: bool) -> None:
    """A second administrator lets a draft that writes money go live."""
    version = mappings.approve(mappings.find(mapping_id), by=email)
    _said(mapping_id, f"version {version.number} is approved.", as_json)


@command("pause", group=pairs)
@which
def pause(mapping_id: int, as_json: bool) -> None:
    """Carry nothing more until resumed."""
    mappings.pause(mappings.find(mapping_id), by=who())
    _said(mapping_id, "is paused.", as_json)


@command("resume", group=pairs)
@which
def resume(mapping_id: int, as_json: bool) -> None:
    """Go on with the version that was on."""
    mappings.resume(mappings.find(mapping_id), by=who())
    _said(mapping_id, "goes on.", as_json)


def _said(mapping_id: int, what: str, as_json: bool) -> None:
    mapping = mappings.find(mapping_id)
    output.document(facts(mapping)) if as_json else click.echo(f"{mapping.name}: {what}")


# -- carrying ---------------------------------------------------------------------------------------------------------


@command("push")
@click.option("--mapping", "only", type=int, metavar="ID", help="Only this mapping.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.option("--release-brake", is_flag=True, help="Send also what the brake stopped.")
def push(only: int | None, dry_run: bool, release_brake: bool, as_json: bool) -> None:
    """Carry every active mapping here and now, and send what waits in the outbox."""
    chosen = [mappings.find(only)] if only is not None else [m for m in mappings.every() if m.state == "active"]
    if dry_run:
        return _would_send(chosen, as_json)
    told = [_carried(mapping, release_brake) for mapping in chosen]
    for connection in connections.every() if only is None else ():
        if connection.status == "connected" and _waits(connection.id):
            sent = outbox.push(connection)
            told.append({"state": "done" if not sent.dead else "done_with_problems", "connection_id": connection.id,
                         "message": f"{connection.name}: {sent.done} single writes sent."})  # fmt: skip
    if as_json:
        output.lines(told)
    else:
        for one in told or [{"message": "No mapping is switched on, and nothing waits."}]:
            click.echo(one["message"])
    bad = [one for one in told if one["state"] not in ("done", "done_with_problems")]
    if bad:
        raise Failed(bad[0]["message"] or "It did not go through.")
    if any(one["state"] == "done_with_problems" for one in told):
        raise click.exceptions.Exit(WITH_PROBLEMS)


def _carried(mapping: DataMapping, release_brake: bool) -> dict[str, Any]:
    name, wish = mapping.name, Crossing(mapping, release_brake=release_brake)
    run = db.session.get_one(SyncRun, carry(wish, lambda run: None))
    return {**receipt(run), "message": f"{name}: {run.message}"}


def _waits(connection_id: int) -> bool:
    of = (Change.connection_id == connection_id, Change.mapping_id.is_(None))
    waiting = select(Change.id).where(*of, Change.state.in_(("pending", "retry", "uncertain", "sending")))
    return db.session.scalar(waiting.limit(1)) is not None


def _would_send(chosen: list[DataMapping], as_json: bool) -> None:
    found: list[tuple[DataMapping, Tally]] = []
    for mapping in chosen:
        version = mappings.numbered(mapping, mapping.active_version)
        found.append((mapping, previews.look(mapping, version)))
    waiting = [output.columns_of(change) for change in outbox.waiting()]
    if as_json:
        return output.document({
            "mappings": [{"id": m.id, "name": m.name, "counts": t.counts, "writes": t.writes} for m, t in found],
            "waiting": waiting,
        })  # fmt: skip
    for mapping, tally in found:
        counts = ", ".join(f"{count} {kind}" for kind, count in tally.counts.items() if count)
        click.echo(f"{mapping.name}: {counts or 'nothing to do'}")
    rows = [(w["id"], w["op"], w["resource"], w["external_id"], w["state"], w["message"]) for w in waiting]
    output.table(("Id", "What", "Kind", "Record", "State", "Remark"), rows, empty="Nothing waits in the outbox.")


@command("undo")
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--dry-run", is_flag=True, help="Only say what would be taken back.")
def take_back(run_id: int, dry_run: bool, as_json: bool) -> None:
    """Take the writes of a run back, where the other service still holds what was written."""
    run = db.session.get(SyncRun, run_id)
    if run is None:
        raise Failed(f"There is no run {run_id}.")
    steps = [
        {"change_id": step.change.id, "resource": step.change.resource, "external_id": step.change.external_id,
         "can": step.can, "op": step.op, "fields": step.fields, "why": step.why}
        for step in undo.plan(run)
    ]  # fmt: skip
    sent = 0
    if not dry_run:
        undo.undo(run, by=who())
        for connection in connections.every():
            if connection.status == "connected" and _waits(connection.id):
                sent += outbox.push(connection).done
    if as_json:
        return output.document({"run_id": run_id, "steps": steps, "sent": sent})
    for step in steps:
        what = f"{step['op']} again" if step["can"] else "stays"
        click.echo(f"{step['resource']} {step['external_id']}: {what}. {step['why']}".strip())
    if not dry_run:
        click.echo(f"{sent} writes sent.")


commands = [pairs, push, take_back]
