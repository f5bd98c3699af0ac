"""No page asks the database more often because it shows more rows."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import event

import config
from integration_console import clock, create_app
from integration_console.models import db
from integration_console.operations.people import users

from ..bench import million
from ..bench.page_list import places
from ..bench.page_times import ask, facts_of
from .conftest import PASSWORD, Browser
from .firm import Heard

FEW, MANY = 5, 50
CHANCE = 1  # a list that is empty, or a record that has a partner, asks once more


@pytest.fixture(scope="module")
def asked(sqlite_files, tmp_path_factory):
    """What each page asks, in a firm that has five of everything, and in one that has fifty."""
    return {most: _asked(sqlite_files, tmp_path_factory.mktemp(f"firm{most}"), most) for most in (FEW, MANY)}


def _asked(files, home, most: int) -> dict[str, list[str]]:
    with files.fresh(home) as url:
        app = create_app(
            config.load(APP_ENV="test", ALLOW_INSECURE_UPSTREAMS=True, INSTANCE_DIR=home, DATABASE_URL=url)
        )
        app.config["RATELIMIT_ENABLED"] = False
        with app.app_context():
            million.fill(db.engine, clock.now(), most=most)
            users.add("admin@example.com", "admin", PASSWORD, actor="test")
            engine, every = db.engine, places(facts_of(app))
            db.session.remove()
        browser = Browser(app)
        browser.sign_in("admin@example.com")
        try:
            return {one.name: _statements(browser, engine, one.path) for one in every}
        finally:
            engine.dispose()


def _statements(browser, engine, path: str) -> list[str]:
    ask(browser, path)  # what a process asks once is asked
    heard = Heard()
    event.listen(engine, "before_cursor_execute", heard)
    try:
        assert ask(browser, path).status_code in (200, 204), path
    finally:
        event.remove(engine, "before_cursor_execute", heard)
    return [one for one in heard.statements if one != "BEGIN"]


def _same(statements: list[str]) -> int:
    """How often the one that was asked most often."""
    return max(Counter(statements).values(), default=0)


def test_no_page_asks_more_often_where_there_are_more_rows(asked):
    few, many = ({name: _same(said) for name, said in asked[most].items()} for most in (FEW, MANY))

    assert not {name: (few[name], many[name]) for name in few if many[name] > few[name] + CHANCE}


MOST = {
    "dashboard": 13, "search: a name": 8, "mappings": 6, "a matter": 13, "a problem": 19, "a run: live part": 3,
    "a record's life": 13,
}  # fmt: skip


@pytest.mark.parametrize(("page", "most"), MOST.items())
def test_a_page_that_is_opened_most_asks_for_everything_of_a_table_at_once(asked, page, most):
    statements = asked[MANY][page]

    assert len(statements) <= most, statements
