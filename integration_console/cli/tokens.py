"""`flask tokens`: what programs come in with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..models import ApiToken
from ..operations.people import tokens, users
from . import output
from .plainly import command, who

group = click.Group("tokens", help="What programs come in with.")
commands = [group]


@command("add", group=group)
@click.argument("email")
@click.option(
    "--scope", "scopes", required=True, multiple=True, type=click.Choice(tokens.SCOPES), help="write also reads."
)
@click.option("--name", default="", help="What it is for.")
@click.option("--days", default=tokens.DAYS, show_default=True, type=int, help="Until it ends.")
def add(email: str, scopes: tuple[str, ...], name: str, days: int, as_json: bool) -> None:
    """Make a token for a person's programs; it is shown only now."""
    token, text = tokens.issue(users.by_email(email), scopes, name=name, days=days, actor=who())
    if as_json:
        return output.document({**_facts(token), "token": text})
    click.echo(f"Token {token.id} of {token.user.email} may {' and '.join(token.scopes)} until {token.expires_at:%F}.")
    click.echo("It is shown only now:")
    click.echo(text)


@command("list", group=group)
def every(as_json: bool) -> None:
    """Every token there was, the newest first."""
    found = tokens.every()
    if as_json:
        return output.lines(map(_facts, found))
    rows = [
        (t.id, t.name, t.user.email, " ".join(t.scopes), f"…{t.hint}", t.expires_at, t.last_used_at, tokens.state(t))
        for t in found
    ]
    titles = ("Id", "Name", "Owner", "Scopes", "Ends in", "Expires (UTC)", "Last used", "State")
    output.table(titles, rows, empty="There is no API token. Make one: flask tokens add.")


@command("revoke", group=group)
@click.argument("token_id", metavar="ID", type=int)
def revoke(token_id: int, as_json: bool) -> None:
    """Let a token open nothing any more, at once."""
    token = tokens.find(token_id)
    tokens.revoke(token, actor=who())
    if as_json:
        return output.document(_facts(token))
    click.echo(f"Token {token.id} of {token.user.email} opens nothing any more.")


def _facts(token: ApiToken) -> Mapping[str, Any]:
    return {**output.columns_of(token), "owner": token.user.email, "state": tokens.state(token)}
