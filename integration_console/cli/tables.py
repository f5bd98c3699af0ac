"""`flask db upgrade`: Flask-Migrate's command, which says nothing by itself, in our words."""

from __future__ import annotations

import click
from flask_migrate import upgrade as migrate
from flask_migrate.cli import db as db_commands  # `flask db`, which Flask finds before any command of ours

from ..models import db
from ..storage import schema
from . import output
from .plainly import command


@command("upgrade", group=db_commands, any_schema=True)
@click.argument("revision", default="head")
def upgrade(revision: str, as_json: bool) -> None:
    """Bring the tables up to date, or up to REVISION; what is there is backed up first."""
    before = _now_at()
    migrate(revision=revision)
    after = _now_at()
    if as_json:
        return output.document({"before": before, "schema": after})
    click.echo(f"The tables are at schema {after}{', as before' if before == after else ' now'}.")


def _now_at() -> str | None:
    with db.engine.connect() as connection:
        return schema.current(connection)
