"""`flask sync`: read an account here and now."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click

from ..models import Connection, SyncRun
from ..operations.accounts import connections
from ..operations.runs import forecasts, runs
from ..sync.outcome import receipt
from . import output
from .carrying import Show, Wish, carry
from .plainly import WITH_PROBLEMS, Failed, command


@command("sync")
@click.argument("connection_id", metavar="ID", type=int)
@click.option("--full", is_flag=True, help="Read everything, not only what changed.")
@click.option("--only", multiple=True, metavar="RESOURCE", help="Only this; may be repeated.")
@click.option("--record", "records", multiple=True, metavar="RESOURCE:ID", help="Only this record; may be repeated.")
def sync(connection_id: int, full: bool, only: tuple[str, ...], records: tuple[str, ...], as_json: bool) -> None:
    """Read an account here and now, and print the receipt."""
    if records and (full or only):
        raise click.UsageError("--record stands alone: it reads single records.")
    connection = connections.find(connection_id)
    wish = Wish(connection, "full" if full else "incremental", only, records)
    if full and not as_json:
        _tell_forecast(connection, only)
    with _progress(as_json) as show:
        run = runs.find(carry(wish, show))
    output.document(receipt(run)) if as_json else _print(run)
    if run.state == "done_with_problems":
        raise click.exceptions.Exit(WITH_PROBLEMS)
    if run.state != "done":
        raise Failed(run.message or f"The run ended as {run.state}.")


def _tell_forecast(connection: Connection, only: Iterable[str]) -> None:
    """What a full read will take, as far as earlier reads tell."""
    lines = forecasts.of(connection, only)
    known = [line for line in lines if line.calls is not None]
    if known:
        calls, minutes = sum(line.calls or 0 for line in known), sum(line.seconds or 0 for line in known) / 60
        many = f"{calls:,} {'call' if calls == 1 else 'calls'}"
        rest = ", and what was never read before" if len(known) < len(lines) else ""
        click.echo(f"Forecast: about {many}, {max(minutes, 0.1):,.1f} minutes at the allowed speed{rest}.")


def _print(run: SyncRun) -> None:
    names = ("seen", "new", "changed", "same", "deleted", "refused", "calls")
    rows = [
        (p.resource, *(getattr(p, n) for n in names), f"{p.waited_seconds:.1f} s", p.complete, p.message)
        for p in run.parts
    ]
    titles = ("Resource", *(name.capitalize() for name in names), "Waited", "Complete", "Remark")
    output.table(titles, rows, empty="Nothing was read.")
    click.echo(f"Run {run.id}: {run.state.replace('_', ' ')}. {run.message or ''}".rstrip())


@contextmanager
def _progress(as_json: bool) -> Iterator[Show]:
    """A bar for each resource on a terminal; nothing for programs."""
    if as_json or not sys.stderr.isatty():
        yield lambda run: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} records"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def show(run: SyncRun) -> None:
            for part in run.parts:
                if part.state != "queued":
                    number = tasks.setdefault(part.resource, -1)
                    if number < 0:
                        number = tasks[part.resource] = bars.add_task(part.resource, total=None)
                    total = part.seen if part.ended_at else part.expected
                    bars.update(number, completed=part.seen, total=total)  # type: ignore[arg-type]

        yield show


commands = [sync]
