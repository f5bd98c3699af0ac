"""The tables are made by migrations, on both databases, and the console knows when they are not its own."""

import re
from contextlib import contextmanager

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import event, inspect, text

import config
from integration_console.models import Delivery, Record, SyncRun, db
from integration_console.operations.health import overview
from integration_console.storage import deliveries, schema

from ..databases import KINDS, bare_app
from .rows import NOON, connection


@pytest.fixture(params=KINDS)
def empty_app(request, tmp_path):
    """An app on a database without a single table."""
    kind = request.param
    url = f"sqlite:///{tmp_path}/empty.db" if kind == "sqlite" else request.getfixturevalue("postgres_clones").empty()
    app = bare_app(config.load(APP_ENV="test", DATABASE_URL=url, INSTANCE_DIR=tmp_path))
    with app.app_context():
        yield app
        db.engine.dispose()


def test_an_empty_database_becomes_ours_and_nothing_is_left_to_migrate(empty_app):
    upgrade()

    assert schema.check(db.engine) is None
    assert set(db.metadata.tables) <= set(inspect(db.engine).get_table_names())
    check()  # exits when the models say something the migrations do not


def test_going_all_the_way_back_leaves_no_table_and_coming_again_works(empty_app):
    upgrade()
    downgrade(revision="base")

    assert inspect(db.engine).get_table_names() == ["alembic_version"]

    upgrade()
    assert schema.check(db.engine) is None


def test_a_database_of_a_newer_release_is_said_to_be_one(empty_app, caplog):
    """Where a release was taken back, `make run` brings the database up to date first."""
    upgrade()
    db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.session.commit()

    with pytest.raises(SystemExit):
        upgrade()

    assert "schema 9999, which this version of the console does not know" in caplog.text


def test_what_the_last_schema_held_is_found_without_walking_past_the_rest(empty_app):
    """0016 and 0017: the deliveries of one record, and the last read, and run of a mapping, among those of webhooks."""
    upgrade(revision="0015")
    number, both = connection(db.session), [["invoices", "17", None], ["expenses", "17", None]]
    for key, named in {"another": [["matters", "171", None]], "ours": both, "nothing": []}.items():
        facts = {"received_at": NOON, "next_try_at": NOON, "call_key": key, "body_bytes": 2, "body_hash": "0"}
        db.session.add(
            Delivery(service="xero", connection_id=number, event_key=key, kind=key, records=named, headers={}, **facts)
        )
    for kind in ("full", "webhook", "webhook"):
        db.session.add(SyncRun(connection_id=number, kind=kind, state="done", cause="webhook", queued_at=NOON))
    db.session.commit()

    upgrade()

    bill = Record(connection_id=number, resource="expenses", external_id="17")
    contact = Record(connection_id=number, resource="contacts", external_id="17")
    with _asked() as asked:
        of_bill, of_contact = deliveries.about(db.session(), [bill, contact], 9)
    assert ([one.kind for one in of_bill], of_contact) == (["ours"], [])
    assert "ix_delivery_about" in _plan(*asked[0])
    with _asked() as asked:
        overview.of_connections([])
    plan = _plan(*asked[0])
    assert not {"ix_sync_run_reads", "ix_run_part_alone", "ix_sync_run_mapping_id_id"} - set(re.findall(r"\w+", plan))


@contextmanager
def _asked():
    """The questions put to the database within, each with its values."""
    found = []

    def hear(_connection, _cursor, statement, values, *_more):
        if statement.startswith("SELECT"):
            found.append((statement, values))

    event.listen(db.engine, "before_cursor_execute", hear)
    yield found
    event.remove(db.engine, "before_cursor_execute", hear)


def _plan(statement, values) -> str:
    """How the database goes about it; a handful of rows is no excuse for reading them all."""
    there = db.session.connection()
    if there.dialect.name == "sqlite":
        return str(there.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
    there.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return str(there.exec_driver_sql(f"EXPLAIN {statement}", values).all())


def test_an_empty_database_is_told_from_ours(empty_app):
    """D8"""
    assert schema.check(db.engine) == "The database has no tables yet. Run `flask db upgrade`."


def test_a_database_of_another_program_is_named_as_that(empty_app):
    """D8: nobody is told to put our tables among theirs."""
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE invoice (id integer)"))

    assert "another program's (it has invoice)" in schema.check(db.engine)


def test_a_statement_that_never_ends_is_ended_by_postgresql(session):
    """D5"""
    if db.engine.dialect.name == "postgresql":
        assert session.scalar(text("SHOW statement_timeout")) == "5min"


def test_a_database_of_a_newer_console_is_refused(session):
    """D8"""
    session.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    session.commit()

    assert "does not know" in schema.check(db.engine)


def test_sqlite_has_its_foreign_keys_back_after_a_migration(empty_app):
    """D5"""
    upgrade()

    if db.engine.dialect.name == "sqlite":
        assert db.session.execute(text("PRAGMA foreign_keys")).scalar() == 1
