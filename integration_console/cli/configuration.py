"""`flask config`: what people set up, as one document without secrets."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from ..operations.keeping import configuration, configuration_import
from . import output
from .plainly import WITH_PROBLEMS, command, who

group = click.Group("config", help="Mappings, rules and settings, without secrets, as one document.")
commands = [group]


@command("export", group=group)
def export(as_json: bool) -> None:
    """All of it as JSON, to keep or to import elsewhere."""
    document = configuration.export()
    if as_json:
        return output.document(document)
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))


@command("import", group=group)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def import_(file: str, dry_run: bool, as_json: bool) -> None:
    """Take a document in: adds and changes, never removes. Mappings come in as drafts."""
    document = configuration.read(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    told = configuration_import.take_in(document, by=who(), dry_run=dry_run)
    if as_json:
        output.document({"changes": told.changes, "problems": told.problems, "applied": not dry_run})
    else:
        for sentence in told.changes[: output.TEXT_ROWS] or ["Nothing changes."]:
            click.echo(sentence)
        if more := told.changes[output.TEXT_ROWS :]:
            click.echo(f"... and {len(more):,} more; --json has all of them.")
        for problem in told.problems:
            click.echo(f"Problem: {problem}")
    if told.problems:
        raise click.exceptions.Exit(WITH_PROBLEMS)
