"""How a migration runs: one transaction for all steps, on SQLite and PostgreSQL alike."""

import re

from alembic import context
from alembic.migration import MigrationContext
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import text

from integration_console import services
from integration_console.models import db, reading
from integration_console.models.base import UtcDateTime
from integration_console.operations.keeping import backups
from integration_console.storage import schema, views

ONE_AT_A_TIME = 7_202_611_220  # PostgreSQL's number for "someone is migrating this console"
RELATIVE = re.compile(r"@|[+-]\d+$")  # "+1": a way from where it stands, not a name


def run() -> None:
    """Carry out what was asked, all of it or nothing."""
    if _moves() and _somewhere():
        backups.before_migration()
    with db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            _foreign_keys(connection, "OFF")
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            transactional_ddl=True,  # SQLite can, now that BEGIN is ours
            render_item=_render_item,
            include_object=_is_ours,
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
            if _moves():
                rights = views.granted(connection)
                views.drop(connection)
            context.run_migrations()
            if _moves():
                views.create(connection, _declared())
                views.grant(connection, rights)
        if sqlite:
            _foreign_keys(connection, "ON")


def _is_ours(_object, name: str | None, kind: str, reflected: bool, _other) -> bool:
    """Not what no model declares, and no comparison may want to drop."""
    ours_alone = {
        "table": ("search_entry", "procrastinate_", "pacing_"),  # the search's, the queue's and the pacing's
        "index": ("ix_record_matter_due", "ix_delivery_about"),  # over what stands inside of JSON
    }
    return not (reflected and (name or "").startswith(ours_alone.get(kind, ())))


def _moves() -> bool:
    """Whether this is an upgrade or a downgrade, rather than a look at where the database stands."""
    try:
        context.get_revision_argument()
    except KeyError:  # they have no revision to go to
        return False
    return True


def _somewhere() -> bool:
    """Whether there are tables, and they are not yet where they are to go."""
    with reading(), db.engine.connect() as connection:
        there = MigrationContext.configure(connection).get_current_heads()
    if set(there) - schema.known():  # before a backup is made of it, each time anew
        raise CommandError(schema.check(db.engine))
    goal = context.get_revision_argument()
    goals = set(goal if isinstance(goal, tuple) else (goal,))
    for name in goals:
        if name and not RELATIVE.search(name):
            context.script.get_revision(name)  # raises where there is none of that name
    return bool(there) and set(there) != goals


def _declared() -> list:
    """What the reporting views show: the services as this version declares them."""
    return [
        (service.key, resource.key, resource.columns())
        for service in services.every().values()
        for resource in service.resources.values()
    ]


def _foreign_keys(connection, state: str) -> None:
    """SQLite changes a table by copying and dropping it; with foreign keys on, the drop would delete what hangs on it."""
    connection.connection.driver_connection.execute(f"PRAGMA foreign_keys={state}")


def _render_item(kind: str, item, _context):
    """Migrations name plain types: one that imports our own would change its meaning when ours change."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


run()
