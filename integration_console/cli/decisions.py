"""`flask conflicts` and `flask matches`: what waits for a person, decided at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click

from ..models import Conflict, RecordLink
from ..operations.mapping import conflicts, mappings, matches
from ..operations.runs import pushes
from . import output
from .output import limit_option
from .plainly import command, who

AT_ONCE = 200

disputes = click.Group("conflicts", help="Fields that both sides changed.")
questions = click.Group("matches", help="Records that wait for somebody to say whose pair they are.")
mapping = click.option("--mapping", "mapping_id", type=int, metavar="ID", help="Of this mapping only.")


@command("list", group=disputes)
@click.option("--state", default="open", show_default=True, help="open, settled or flipped.")
@mapping
@limit_option
def listed(state: str, mapping_id: int | None, limit: int | None, as_json: bool) -> None:
    """Conflicts, the newest first."""
    rows = _walk(partial(conflicts.listing, state), mapping_id, output.most(limit, as_json))
    if as_json:
        return output.lines(output.columns_of(row.conflict) for row in rows)
    shown = [
        (row.conflict.id, row.left_label or row.conflict.left_field, row.conflict.held.get("left"),
         row.conflict.held.get("right"), row.conflict.winner)
        for row in rows
    ]  # fmt: skip
    output.table(("Id", "Field", "Left", "Right", "Wins"), shown, empty=f"No conflict is {state}.")


@command("settle", group=disputes)
@click.argument("conflict_id", metavar="ID", type=int)
@click.argument("winner", type=click.Choice(["left", "right"]))
def settle(conflict_id: int, winner: str, as_json: bool) -> None:
    """Say which side's value holds."""
    _decided(conflicts.settle(conflict_id, winner, by=who()), as_json)


@command("flip", group=disputes)
@click.argument("conflict_id", metavar="ID", type=int)
def flip(conflict_id: int, as_json: bool) -> None:
    """Let the value that lost win after all."""
    _decided(conflicts.flip(conflict_id, by=who()), as_json)


def _decided(conflict: Conflict, as_json: bool) -> None:
    facts = output.columns_of(conflict)
    pushes.nudge(conflict.mapping_id, cause="command", asked_by=who())
    if as_json:
        return output.document(facts)
    click.echo(f"The {facts['winner']} side wins. `flask push`, or a worker, carries it over.")


@command("list", group=questions)
@mapping
@limit_option
def asked(mapping_id: int | None, limit: int | None, as_json: bool) -> None:
    """Records that look like several, or like one that is taken."""
    rows = _walk(matches.listing, mapping_id, output.most(limit, as_json))
    links = (getattr(row, "link", row) for row in rows)
    if as_json:
        return output.lines(output.columns_of(link) for link in links)
    shown = [
        (link.id, _label(link), link.reason, ", ".join(str(c["record_id"]) for c in link.candidates)) for link in links
    ]
    output.table(("Id", "Record", "Why", "Candidates"), shown, empty="Nothing waits to be matched.")


def _walk(listing: Callable, mapping_id: int | None, left: int | None) -> Iterator[Any]:
    """What a listing holds, page by page. Raises NotFound when there is no such mapping."""
    if mapping_id is not None:
        mappings.find(mapping_id)
    after = None
    while left is None or left > 0:
        rows, after = listing(mapping_id=mapping_id, after=after, limit=min(AT_ONCE, left or AT_ONCE))
        yield from rows
        if after is None:
            return
        left = None if left is None else left - len(rows)


def _label(link: RecordLink) -> str:
    record = link.left_record or link.right_record
    return record.label if record else ""


@command("same", group=questions)
@click.argument("link_id", metavar="ID", type=int)
@click.argument("record_id", metavar="RECORD", type=int)
def same(link_id: int, record_id: int, as_json: bool) -> None:
    """The record and this candidate are one."""
    _answered(matches.same(link_id, record_id, by=who()), "They are a pair now.", as_json)


@command("different", group=questions)
@click.argument("link_id", metavar="ID", type=int)
@click.argument("record_id", metavar="[RECORD]", type=int, required=False)
def different(link_id: int, record_id: int | None, as_json: bool) -> None:
    """The record is not this candidate, or none of them."""
    left = matches.different(link_id, record_id, by=who())
    _answered(left, "They are different, and are not asked about again.", as_json)


@command("cut", group=questions)
@click.argument("link_id", metavar="ID", type=int)
@click.option("--why", required=True, help="Kept with the pair.")
def cut(link_id: int, why: str, as_json: bool) -> None:
    """Two linked records are no pair: leave both alone until somebody links them by hand."""
    _answered(matches.cut(link_id, by=who(), why=why), "The pair is cut.", as_json)


def _answered(link: RecordLink | None, said: str, as_json: bool) -> None:
    facts: dict[str, Any] = output.columns_of(link) if link is not None else {}
    if link is not None:
        pushes.nudge(link.mapping_id, cause="command", asked_by=who())
    output.document(facts) if as_json else click.echo(said)


commands = [disputes, questions]
