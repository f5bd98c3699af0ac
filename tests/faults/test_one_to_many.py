"""From one machine to many, as docs/production.md says: two settings, more workers, the same data."""

import time

import pytest
from sqlalchemy import func, select

from integration_console.models import Heartbeat, Record, SyncRun, db
from tests.operations.conftest import ask, connect

from .conftest import kill, wait_for
from .truth import is_clear, is_finished, is_whole

KINDS = ("users", "matters", "contacts", "tasks")


def counted(model, *where) -> int:
    found = db.session.scalar(select(func.count()).select_from(model).where(*where))
    db.session.remove()
    return found


def all_done() -> bool:
    return counted(SyncRun, SyncRun.state != "done") == 0


@pytest.mark.one_database("postgresql")
def test_two_settings_and_more_workers_carry_the_same_data_on(session, sandbox, settings, workers, monkeypatch):
    """D1, D2, D4: what one machine began, several finish; one of them is killed on the way."""
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):  # a machine of its own has no part of the first one's folder
        monkeypatch.setenv(name, getattr(settings, name).get_secret_value())
    numbers = [connect(sandbox, key) for key in ("clio", "ghl", "clockify")]
    clio = numbers[0]
    sandbox.clio.script("*", {"delay_s": 0.15, "through": True, "times": 100_000})
    first = ask(clio, kind="full", only=KINDS).id
    one = workers()
    wait_for(lambda: counted(Record) > 0, "the first page", 30)
    one.terminate()
    assert one.wait(15) == 0
    before = counted(Record)
    assert counted(SyncRun, SyncRun.id == first, SyncRun.state == "queued") == 1, "nothing was left to carry on"

    monkeypatch.setenv("ENGINE", "procrastinate")
    several = [workers(machine=name) for name in ("first-machine", "second-machine")]
    wait_for(lambda: counted(Heartbeat) >= 3, "both workers", 30)
    more = [ask(number, kind="full", only=["users"]).id for number in numbers[1:]]
    wait_for(lambda: counted(SyncRun, SyncRun.id == first, SyncRun.state == "running") == 1, "the run", 40)
    time.sleep(0.3)
    kill(several[0])
    wait_for(all_done, "every run", 60)

    assert counted(Record) > before
    is_whole(clio, sandbox.clio, *KINDS)
    is_finished(clio, *KINDS)
    for number in (first, *more):
        is_clear(number)
    several[1].terminate()
    assert several[1].wait(15) == 0
