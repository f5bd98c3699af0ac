"""`flask check`, `logs report`, `purge`, `keys rotate`: is all well, and what keeps it so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from ..errors import ConsoleError
from ..models import Connection
from ..operations import sealed
from ..operations.accounts import connections
from ..operations.health import calls, health
from ..operations.keeping import retention, rotation
from . import output
from .plainly import WITH_PROBLEMS, command, in_one_line, who
from .stored import Since

Line = tuple[str, bool, str]  # what was looked at, whether it is fine, in words


@command("check", any_schema=True)
def check(as_json: bool) -> None:
    """Look at everything the console needs: a line each; status 3 when something is not right."""
    fine = True
    for name, ok, words in _lines():
        fine = fine and ok
        if as_json:
            output.document({"name": name, "ok": ok, "message": words})
        else:
            click.echo(f"{'ok     ' if ok else 'PROBLEM'}  {name}: {words}")
    if not fine:
        raise click.exceptions.Exit(WITH_PROBLEMS)


def _lines() -> Iterator[Line]:
    parts = [part for part in health.parts() if part.name != "worker"]  # commands work without one
    for part in parts:
        yield part.name, part.fine, part.word
    if all(part.fine for part in parts if part.name in ("database", "schema")):
        yield _of_keys()
        for connection in connections.every():
            yield _of_connection(connection)


def _of_keys() -> Line:
    """Second factors and webhook secrets, too: a key taken away too early shuts people and services out, unnoticed."""
    shut = rotation.unreadable()
    told = ", ".join(f"{count:,} of {name}" for name, count in shut.items())
    return "keys", not shut, f"none of ENCRYPTION_KEYS opens {told}: add the old key" if shut else "ok"


def _of_connection(connection: Connection) -> Line:
    """The stored key opens, and the service knows it."""
    name = f"connection {connection.id} ({connection.service}, {connection.name})"
    try:
        sealed.unseal(connection)
        account = connections.test(connection)
    except ConsoleError as error:
        return name, False, str(error)
    except Exception as error:
        failed = in_one_line(error)
        if failed is None:
            raise
        return name, False, failed.message
    if connection.status != "connected":
        return name, False, f"{connection.status.replace('_', ' ')}. {connection.status_reason or ''}".strip()
    return name, True, f"belongs to {account.name}"


log_commands = click.Group("logs", help="What the recorded calls add up to.")


@command("report", group=log_commands)
@click.option(
    "--since", type=Since(), default="24h", show_default=True, help="From then on: 30m, 24h, 7d or an ISO time."
)
def report(since: datetime, as_json: bool) -> None:
    """Calls, errors, the slowest and limits hit, by service and path."""
    rows = calls.report(since)
    if as_json:
        return output.lines(rows)
    titles = ("Service", "Call", "Calls", "Errors", "Limits hit", "Average", "Slowest", "Waited")
    output.table(titles, map(_report_row, rows), empty="No calls since then.")


def _report_row(row: dict[str, Any]) -> tuple:
    times = (f"{row['average_ms']:,.0f} ms", f"{row['slowest_ms']:,.0f} ms", f"{row['waited_seconds']:,.1f} s")
    call = f"{row['method']} {row['path_template']}"
    return (row["service"], call, row["calls"], row["errors"], row["limits_hit"], *times)


@command("purge")
def purge(as_json: bool) -> None:
    """Remove what is past its retention."""
    removed = retention.purge()
    if as_json:
        return output.document(removed)
    told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in removed.items())
    click.echo(f"Removed {told}." if told else "Nothing is past its days.")


key_commands = click.Group("keys", help="The keys that seal credentials at rest.")


@command("rotate", group=key_commands)
def rotate(as_json: bool) -> None:
    """Seal every stored secret with the first of ENCRYPTION_KEYS; then the others may go."""
    done = rotation.rotate(who())
    unreadable = done["unreadable"]
    if as_json:
        output.document(done)
    else:
        told = ", ".join(f"{count:,} of {name}" for name, count in done.items() if name != "unreadable")
        click.echo(f"Sealed with the first key: {told}.")
        if unreadable:
            click.echo(f"{unreadable:,} could not be opened with any key: add the old key, or reconnect the accounts.")
    if unreadable:
        raise click.exceptions.Exit(WITH_PROBLEMS)


commands = [check, log_commands, purge, key_commands]
