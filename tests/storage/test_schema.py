"""The tables are made by migrations, on both databases, and the console knows when they are not its own."""

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text

import config
from integration_console.models import db
from integration_console.storage import schema

from ..databases import KINDS, bare_app


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
