"""`flask connections`: the accounts that are read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click
import orjson

from .. import services
from ..errors import InvalidInput
from ..models import Connection
from ..operations.accounts import connections, subscriptions
from ..services.base import ApiKey, Service
from . import output
from .plainly import command, who

accounts = click.Group("connections", help="The accounts that are read.")
commands = [accounts]

which = click.argument("connection_id", metavar="ID", type=int)


@command("add", group=accounts)
@click.argument("service")
@click.option("--name", required=True, help="What people call this account.")
@click.option("--api-key-stdin", is_flag=True, help="Read the account's key from stdin.")
@click.option("--token-stdin", is_flag=True, help="Read an OAuth token answer (JSON) from stdin.")
@click.option(
    "--setting", "settings", multiple=True, metavar="NAME=VALUE", help="For example region=eu, location_id=..."
)
@click.option(
    "--schedule", default="hourly", show_default=True, help="manual, 15min, hourly, daily, weekly or a cron line."
)
@click.option("--time-zone", default="UTC", show_default=True, help="In which the schedule is meant.")
def add(service: str, name: str, api_key_stdin: bool, token_stdin: bool, settings: tuple[str, ...], schedule: str,
        time_zone: str, as_json: bool) -> None:  # fmt: skip
    """Connect an account; its credentials come on stdin. The last line is the connection's id."""
    if api_key_stdin == token_stdin:
        raise click.UsageError("Give either --api-key-stdin or --token-stdin.")
    upstream, pairs = services.by_key(service), _pairs(settings)
    credentials = _tokens() if token_stdin else _key(upstream)
    try:
        added = connections.add(
            upstream.key, name=name, credentials=credentials, settings=pairs, by=who(), frequency=schedule,
            time_zone=time_zone,
        )  # fmt: skip
    except InvalidInput as error:
        raise _told_how(error, upstream, pairs) from None
    if twin := connections.twin_of(added.service, added.account_id or "", but=added.id):
        click.echo(f"Note: this account is connected already, as {twin.name} ({twin.id}).", err=True)
    if as_json:
        return output.document(facts(added))
    click.echo(f"Connected to {added.account_name} at {upstream.label}.")
    click.echo(added.id)


def _pairs(settings: Iterable[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for name, sign, _ in pairs:
        if not sign or not name:
            raise InvalidInput(f"A setting is written NAME=VALUE, not {name!r}.", field="setting")
    return {name: value for name, _, value in pairs}


def _told_how(error: InvalidInput, service: Service, pairs: Mapping[str, str]) -> InvalidInput:
    """The same, with how a setting that is missing is given here."""
    plain = {one.name for one in service.credentials if not one.secret}
    missing = [f"--setting {name}=..." for name in error.fields if name in plain and not pairs.get(name)]
    how = f" Add: {' '.join(missing)}" if missing else ""
    return InvalidInput(f"{error}{how}", field=error.field, fields=error.fields)


def _key(service: Service) -> dict[str, str]:
    name = next((way.credential for way in service.ways if isinstance(way, ApiKey)), "api_key")
    return {name: sys.stdin.read().strip()}


def _tokens() -> dict[str, Any]:
    try:
        answer = orjson.loads(sys.stdin.buffer.read())
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not answer.get("access_token"):
        raise InvalidInput('What came on stdin is not a token answer: {"access_token": ...}.', field="credentials")
    return answer


def facts(connection: Connection) -> dict[str, Any]:
    """A connection for programs."""
    knocks = services.by_key(connection.service).webhook is not None
    return {**output.columns_of(connection), "webhook_url": subscriptions.address(connection) if knocks else None}


@command("list", group=accounts)
def every(as_json: bool) -> None:
    """All connections."""
    found = connections.every()
    if as_json:
        return output.lines(facts(connection) for connection in found)
    rows = [(c.id, c.service, c.name, c.account_name, c.status.replace("_", " "), c.last_sync_at) for c in found]
    titles = ("Id", "Service", "Name", "Account", "Status", "Last read (UTC)")
    output.table(titles, rows, empty="Nothing is connected yet. Add an account: flask connections add.")


@command("test", group=accounts)
@which
def test(connection_id: int, as_json: bool) -> None:
    """One cheap call with the stored credentials."""
    account = connections.test(connections.find(connection_id))
    if as_json:
        return output.document(
            {"id": connection_id, "ok": True, "account_id": account.id, "account_name": account.name}
        )
    click.echo(f"The credentials work. They belong to {account.name}.")


@command("pause", group=accounts)
@which
def pause(connection_id: int, as_json: bool) -> None:
    """Read nothing more until resumed."""
    connection = connections.find(connection_id)
    connections.pause(connection, by=who())
    _tell(connection, "is paused.", as_json)


@command("resume", group=accounts)
@which
def resume(connection_id: int, as_json: bool) -> None:
    """Go on as scheduled."""
    connection = connections.find(connection_id)
    connections.resume(connection, by=who())
    _tell(connection, "goes on as scheduled.", as_json)


@command("remove", group=accounts)
@which
def remove(connection_id: int, as_json: bool) -> None:
    """Forget the credentials; the records and the history stay."""
    connection = connections.find(connection_id)
    said = connections.remove(connection, by=who())
    _tell(connection, f"was removed. {said}", as_json)


def _tell(connection: Connection, what: str, as_json: bool) -> None:
    if as_json:
        return output.document(facts(connection))
    click.echo(f"{connection.name} {what}")
