"""The one code that lets the first administrator in: the newest counts, once, for one person."""

import threading

import pytest
from sqlalchemy import func, select

from integration_console.errors import Conflict, InvalidInput
from integration_console.models import User, db
from integration_console.operations.people import first_administrator, users

PASSWORD = "violet-harbor-lantern-49"


def test_two_people_cannot_both_become_the_first_administrator(app, session):
    code, outcomes, start = first_administrator.setup_code(), [], threading.Barrier(4)
    session.rollback()  # gives SQLite's writer lock back

    def set_up(number: int) -> None:
        with app.app_context():
            start.wait()
            try:
                first_administrator.make(code, f"p{number}@example.com", PASSWORD, "", address="10.0.0.1")
                outcomes.append("in")
            except (Conflict, InvalidInput):  # there is one, or the code is spent
                outcomes.append("refused")

    threads = [threading.Thread(target=set_up, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "refused", "refused", "refused"]
    assert db.session.scalar(select(func.count()).select_from(User)) == 1


def test_there_is_no_code_once_somebody_administers(app, session):
    users.add("ana@example.com", "admin", PASSWORD, actor="test")

    assert first_administrator.setup_code() is None


def test_the_newest_code_counts(app, session):
    first, second = first_administrator.setup_code(), first_administrator.setup_code()
    with pytest.raises(InvalidInput):
        first_administrator.make(first, "a@example.com", PASSWORD, "", address="10.0.0.1")
    assert first_administrator.make(second, "a@example.com", PASSWORD, "", address="10.0.0.1").role == "admin"
