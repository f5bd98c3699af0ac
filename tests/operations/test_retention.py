"""What is past its days is removed, in small steps that can be killed and begun again (D9, X15)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

import integration_console
from integration_console import clock as house
from integration_console.models import (
    AuditEvent,
    DeadLetter,
    ErrorLog,
    Issue,
    OAuthState,
    PracticeAreaCorrection,
    PreviewPage,
    Record,
    RunPart,
    SyncRun,
    Transaction,
    db,
)
from integration_console.operations import legal_holds, schedule
from integration_console.operations import settings as firm
from integration_console.operations.accounts import connections
from integration_console.operations.keeping import retention
from integration_console.operations.mapping import mappings, practice_areas, previews

from .conftest import connect, sync
from .mapped import keep_only, make_mapping


def count(model, *where) -> int:
    return db.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def test_nothing_young_is_removed(session, sandbox):
    connection = connect(sandbox, "clockify")
    sync(connection, only=["tags"])
    before = count(Transaction), count(SyncRun), count(Record)

    assert retention.purge() == {}
    assert (count(Transaction), count(SyncRun), count(Record)) == before


def test_the_audit_log_stays_word_for_word_however_old(session, sandbox, clock):
    """X14: whatever goes by age, and whatever is done meanwhile, its lines are only ever added to."""
    told: list[str] = []

    def note(_connection, _cursor, statement, *_others):
        told.append(statement.lower())

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        number = connect(sandbox, "clockify")
        sync(number, only=["tags"])
        connections.pause(connections.find(number), by="Ana")
        before = db.session.execute(select(AuditEvent.id, AuditEvent.action, AuditEvent.at)).all()
        clock.advance(days=4000)
        assert retention.purge()["transactions"]
        connections.remove(connections.find(number), by="Ana")
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    after = db.session.execute(select(AuditEvent.id, AuditEvent.action, AuditEvent.at).order_by(AuditEvent.id)).all()
    assert before
    assert after[: len(before)] == sorted(before)
    assert len(after) > len(before)
    changed = re.compile(r"^\s*(update|delete from|truncate)\s+(table\s+)?\"?audit_event\b")
    assert not [statement for statement in told if changed.match(statement)]


def test_no_code_of_ours_changes_a_line_of_the_audit_log():
    """X14"""
    home = Path(integration_console.__file__).parent
    changing = re.compile(
        r"(update|delete)\(\s*AuditEvent|(UPDATE|DELETE FROM|TRUNCATE)\s+\"?audit_event|session\.delete\(event",
        re.IGNORECASE,
    )
    found = {file.name for file in home.rglob("*.py") if changing.search(file.read_text())}
    assert not found


def test_bodies_go_first_then_calls_then_runs_and_records_stay(session, sandbox, clock):
    connection = connect(sandbox, "clockify")
    sync(connection, only=["tags"])
    calls, records = count(Transaction), count(Record)
    assert count(Transaction, Transaction.response_body.is_not(None))

    clock.advance(days=31)
    assert retention.purge()["bodies"] >= 1
    assert count(Transaction, Transaction.response_body.is_not(None)) == 0
    assert count(Transaction) == calls
    clock.advance(days=60)
    assert retention.purge()["transactions"] == calls
    clock.advance(days=280)
    assert retention.purge()["runs"] == 1
    assert (count(SyncRun), count(RunPart), count(Record)) == (0, 0, records)
    assert retention.purge() == {}


def test_the_firms_own_days_count(session, sandbox, clock):
    from flask import g

    sync(connect(sandbox, "clockify"), only=["tags"])
    firm.save({"retention.transactions": "2"}, actor="Ana")
    g.pop("firm_settings", None)
    clock.advance(days=3)

    assert retention.purge()["transactions"] == 2 or count(Transaction) == 0


def test_a_waiting_letter_is_kept_and_a_settled_one_goes(session, sandbox, clock):
    connection = connect(sandbox, "clio")
    victim = sandbox.clio.record("tasks", 1)
    sandbox.clio.put("tasks", {**victim, "due_at": "whenever"})
    sync(connection, kind="full", only=["tasks"])
    clock.advance(days=400)
    retention.purge()
    assert (count(DeadLetter), count(ErrorLog), count(Issue)) == (1, 0, 1)

    sandbox.clio.put("tasks", {**victim, "due_at": None})
    sandbox.clio.open_sign_in()
    letter = db.session.scalar(select(DeadLetter))
    letter.resolved_at = house.now()
    db.session.commit()
    clock.advance(days=400)
    retention.purge()
    assert count(DeadLetter) == 0


def test_what_people_said_a_text_is_about_goes_with_the_clients_words_unless_any_hold_may_be_about_it(
    session, sandbox, clock
):
    """X15"""
    practice_areas.correct("I slipped on the ice in front of the store", "", by="Ana")
    hold = legal_holds.place(connect(sandbox, "clockify"), "Case 7", by="Ana")
    clock.advance(days=366)
    retention.purge()
    assert count(PracticeAreaCorrection) == 1
    legal_holds.lift(hold.id, by="Ana")

    assert retention.purge() == {"corrections": 1}
    assert count(PracticeAreaCorrection) == 0


def test_consents_nobody_came_back_from_do_not_pile_up(session, clock):
    row = {"session_hash": "s", "service": "clio", "name": "x", "redirect_uri": "r", "settings": {}}
    db.session.add(OAuthState(state_hash="a", expires_at=house.now() + timedelta(minutes=10), **row))
    db.session.commit()
    retention.purge()
    assert count(OAuthState) == 1

    clock.advance(days=2)
    retention.purge()
    assert count(OAuthState) == 0


def test_whom_a_preview_counted_goes_with_the_bodies_and_the_counts_stay(session, sandbox, clock):
    for upstream in (sandbox.ghl, sandbox.clio):
        keep_only(upstream, "contacts", 60)
    ends = connect(sandbox, "ghl"), connect(sandbox, "clio")
    for number in ends:
        sync(number, only=["contacts"])
    made = make_mapping(*ends)
    mapping = mappings.find(made)
    previews.preview(mapping, mappings.latest(mapping))
    clock.advance(days=29)
    retention.purge()
    kept = count(PreviewPage)
    assert kept

    clock.advance(days=2)
    assert retention.purge()["previews"] == kept
    assert sum(mappings.latest(mappings.find(made)).preview["counts"].values()) > 0


def old_calls(many: int) -> None:
    old = house.now() - timedelta(days=200)
    db.session.add_all(
        Transaction(
            direction="out", service="clio", call_key=f"k{n}", attempt=1, method="GET", host="x", url="/x",
            path_template="/x", started_at=old, outcome="ok", duration_ms=1, waited_ms=0,
            request_bytes=0, response_bytes=0,
        )
        for n in range(many)
    )  # fmt: skip
    db.session.commit()


def test_a_purge_goes_in_small_steps_and_a_killed_one_is_finished_by_the_next(session, clock, monkeypatch):
    """D9"""
    monkeypatch.setattr(retention, "BATCH", 50)
    old_calls(230)
    commits = []

    def third(_session) -> None:
        commits.append(1)
        if len(commits) == 3:
            raise KeyboardInterrupt

    event.listen(db.session, "after_commit", third)
    with pytest.raises(KeyboardInterrupt):
        retention.purge()
    event.remove(db.session, "after_commit", third)
    db.session.remove()
    left = count(Transaction)
    assert 0 < left < 230

    assert retention.purge()["transactions"] == left
    assert count(Transaction) == 0


def test_the_clock_gets_its_thread_back_however_much_there_is_and_goes_on_soon(session, monkeypatch):
    """A million calls took minutes, in which nothing was asked for and the worker was told to be gone."""
    monkeypatch.setattr(retention, "BATCH", 50)
    chore = next(one for one in schedule.CHORES if one.do is retention.turn)
    old_calls(120)

    with monkeypatch.context() as short:
        short.setattr(retention, "A_TURN_S", -1.0)
        chore.do()
    assert count(Transaction) == 70
    assert chore.every_s() < 60

    chore.do()
    assert count(Transaction) == 0
    assert chore.every_s() == 3600
