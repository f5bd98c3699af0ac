"""`flask users`: who may sign in."""

from __future__ import annotations

import sys

import click

from ..models.user import ROLES
from ..operations.people import users
from . import output
from .plainly import Failed, command, who

people = click.Group("users", help="Who may sign in.")
commands = [people]


@command("add", group=people)
@click.argument("email")
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--name", default="", help="As others see it.")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from stdin; otherwise one is made up and shown."
)
def add(email: str, role: str, name: str, password_stdin: bool, as_json: bool) -> None:
    """Add a person."""
    given = _password() if password_stdin else None
    user, password = users.add(email, role, given, name, actor=who())
    made_up = {} if given else {"password": password}
    if as_json:
        return output.document({**output.columns_of(user), **made_up})
    if made_up:
        click.echo(f"The password, shown only now: {password}")
    click.echo(f"{user.email} may sign in as {user.role}.")


def _password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Failed("There is no password on stdin.")
    return password


@command("list", group=people)
def every(as_json: bool) -> None:
    """Everybody who may or might sign in."""
    found = users.every()
    if as_json:
        return output.lines(output.columns_of(user) for user in found)
    rows = [(u.email, u.name, u.role, "active" if u.active else "disabled", u.last_seen_at) for u in found]
    output.table(
        ("E-mail", "Name", "Role", "State", "Last seen"), rows, empty="There is nobody yet. Add one: flask users add."
    )


@command("disable", group=people)
@click.argument("email")
def disable(email: str, as_json: bool) -> None:
    """Keep a person out, at once."""
    user = users.by_email(email)
    users.disable(user, actor=who())
    if as_json:
        return output.document(output.columns_of(user))
    click.echo(f"{user.email} cannot sign in any more.")
