"""Restoring: all of it or nothing, nothing alive in it, and nothing sent twice afterwards (D7, W10)."""

import resource
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.pool import NullPool

from integration_console import clock as house_clock
from integration_console.errors import BackupRefused, Conflict, OutboundPaused
from integration_console.models import (
    AuditEvent,
    Change,
    Connection,
    DataMapping,
    Heartbeat,
    Lease,
    RunPart,
    SyncRun,
    User,
    UserSession,
    base,
    db,
)
from integration_console.operations import outbound, sealed
from integration_console.operations.accounts import connections
from integration_console.operations.holds import process_name
from integration_console.operations.keeping import backup_files, backups, rehearsals, restoring
from integration_console.operations.people import users
from integration_console.operations.runs import outbox, pushes, wakers
from integration_console.storage import copies, postgres_copies, views

from ..databases import bare_app
from .conftest import connect, sync
from .mapped import keep_only, make_mapping, push, writes


@pytest.fixture
def firm(session):
    """One person and one account."""
    users.add("ada@example.com", "admin", "violet-harbor-lantern-49", actor="test")
    return an_account("Hale & Partner")


def an_account(name: str) -> int:
    now = house_clock.now()
    connection = Connection(key=name, service="clio", name=name, status="connected", status_since=now, created_at=now)
    db.session.add(connection)
    db.session.commit()
    number = connection.id
    db.session.rollback()
    return number


def names() -> set[str]:
    found = set(db.session.scalars(select(Connection.name)))
    db.session.rollback()
    return found


def restore(made):
    done = restoring.restore(made.file, by="test")
    db.session.remove()
    return done


def test_what_was_there_then_is_there_again_and_what_was_there_now_is_kept(session, firm):
    made = backups.create(by="test")
    an_account("Made later")
    users.add("later@example.com", "staff", "violet-harbor-lantern-49", actor="test")

    plan, present = restore(made)

    assert names() == {"Hale & Partner"}
    assert list(db.session.scalars(select(User.email))) == ["ada@example.com"]
    assert db.session.scalar(select(AuditEvent.target).order_by(AuditEvent.id.desc()).limit(1)) == made.name
    db.session.rollback()
    assert {"table": "connection", "now": 2, "then": 1} in plan.tables
    restore(backup_files.find(present))
    assert names() == {"Hale & Partner", "Made later"}


def test_ids_go_on_where_they_were(session, firm):
    restore(backups.create(by="test"))

    assert an_account("Next") > firm


def test_a_dry_run_says_what_would_change_and_changes_nothing(session, firm):
    other = an_account("Our GHL")
    number = make_mapping(firm, other)
    made = backups.create(by="test")
    mapping = db.session.get_one(DataMapping, number)
    mapping.state, mapping.name = "paused", "People"
    db.session.commit()
    an_account("Made later")

    plan = restoring.plan(made.file)

    assert {"table": "connection", "now": 3, "then": 2} in plan.tables
    assert plan.mappings == ["People: state paused becomes active, name People becomes Contacts."]
    assert plan.schema_now == plan.schema_then
    assert "Made later" in names()
    assert len(backup_files.every()) == 1
    assert not outbound.is_held()


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "wrong key", "newer schema", "other database"])
def test_what_does_not_fit_is_refused_and_nothing_changes(session, settings, firm, damage):
    if damage == "newer schema":
        there = session.scalar(text("SELECT version_num FROM alembic_version"))
        session.execute(text("UPDATE alembic_version SET version_num = '2099_of_tomorrow'"))
        session.commit()
    made = backups.create(by="test")
    whole = made.file.read_bytes()
    if damage == "newer schema":
        session.execute(text("UPDATE alembic_version SET version_num = :there"), {"there": there})
        session.commit()
    if damage == "cut":
        made.file.write_bytes(whole[: len(whole) // 2])
    if damage == "flipped":
        middle = len(whole) // 2
        made.file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    if damage == "foreign":
        made.file.write_bytes(b"PGDMP" + whole)
    an_account("Made later")
    keys = {"ENCRYPTION_KEYS": type(settings.SECRET_KEY)("A" * 43 + "=")} if damage == "wrong key" else {}
    if damage == "other database":
        url = "postgresql://nobody@localhost/none" if backups.engine_name() == "sqlite" else f"sqlite:///{made.file}.db"
        keys = {"DATABASE_URL": url}

    with bare_app(settings.model_copy(update=keys)).app_context(), pytest.raises(BackupRefused):
        restoring.restore(made.file, by="test")

    assert names() == {"Hale & Partner", "Made later"}
    assert not outbound.is_held()
    assert len(backup_files.every()) == 1  # refused before anything else was done


def test_a_worker_must_be_stopped_first(session, firm):
    made = backups.create(by="test")
    session.add(Heartbeat(owner=process_name(), started_at=house_clock.now(), seen_at=house_clock.now(), chores={}))
    session.commit()

    with pytest.raises(Conflict, match="worker is running"):
        restoring.restore(made.file, by="test")

    session.execute(update(Heartbeat).values(owner=process_name().rpartition(":")[0] + ":999999"))  # it was killed
    session.commit()
    restore(made)


def test_somebody_who_keeps_writing_makes_it_give_up_with_nothing_changed(session, settings, firm, monkeypatch):
    monkeypatch.setattr(copies, "LOCK_WITHIN_S", 1)
    monkeypatch.setattr(postgres_copies, "LOCK_WITHIN_S", 1)
    monkeypatch.setattr(base, "PATIENCE_S", 1)
    made = backups.create(by="test")
    an_account("Made later")
    other = create_engine(settings.database_url, poolclass=NullPool)

    with other.connect() as busy:
        busy.execute(text("UPDATE connection SET name = name"))
        with pytest.raises(BackupRefused, match="Nothing was changed"):
            restoring.restore(made.file, by="test", keep_present=False)
        busy.rollback()

    assert names() == {"Hale & Partner", "Made later"}
    restore(made)
    assert names() == {"Hale & Partner"}


@pytest.mark.one_database
@pytest.mark.parametrize("room", [0.3, 1.001])  # for the copy, or for it and not for the log of what is written
def test_a_full_disk_is_said_and_changes_nothing(session, firm, room):
    made = backups.create(by="test")
    an_account("Made later")
    size, before = made.manifest["parts"]["database.sqlite"]["size"], resource.getrlimit(resource.RLIMIT_FSIZE)
    db.session.remove()
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size * room), before[1]))
    try:
        with pytest.raises(BackupRefused, match="could not be"):
            restoring.restore(made.file, by="test", keep_present=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert names() == {"Hale & Partner", "Made later"}
    restore(made)


def test_nothing_of_then_is_alive(session, firm):
    now = house_clock.now()
    run = SyncRun(
        connection_id=firm, kind="full", state="running", cause="person", queued_at=now, lease_owner="far:1",
        lease_until=now + timedelta(hours=1), epoch=3,
        parts=[RunPart(connection_id=firm, resource="matters", state="running")],
    )  # fmt: skip
    person = session.scalar(select(User))
    session.add_all([
        run, Lease(name="clock", owner="far:1", epoch=1, until=now + timedelta(hours=1)),
        UserSession(token_hash="x" * 64, user_id=person.id, created_at=now, last_used_at=now),
        Heartbeat(owner="far:1", started_at=now, seen_at=now - timedelta(hours=1), chores={}),
    ])  # fmt: skip
    for number, state in enumerate(("pending", "sending", "retry", "uncertain", "done", "dead")):
        session.add(Change(connection_id=firm, resource="contacts", op="create", idempotency_key=f"k{number}",
                           state=state, created_at=now))  # fmt: skip
    session.commit()

    restore(backups.create(by="test"))

    (run,) = db.session.scalars(select(SyncRun))
    assert (run.state, run.epoch, run.lease_owner, run.parts[0].live) == ("interrupted", 4, None, False)
    for table in (Lease, UserSession, Heartbeat):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0
    states = [change.state for change in db.session.scalars(select(Change).order_by(Change.id))]
    assert states == ["uncertain"] * 4 + ["done", "dead"]


def test_who_was_shut_out_stays_out_and_the_newest_credentials_stay(session, firm):
    connection = connections.find(firm)
    sealed.seal(connection, {"refresh_token": "first"})
    users.add("gone@example.com", "staff", "violet-harbor-lantern-49", actor="test")
    session.commit()
    made = backups.create(by="test")
    sealed.seal(connections.find(firm), {"refresh_token": "second"})  # the first one is spent now
    session.execute(update(User).where(User.email == "gone@example.com").values(active=False))
    session.commit()

    plan, _ = restore(made)

    kept = {"people": 1, "tokens": 0, "recovery codes": 0, "credentials": 1, "legal holds": 0, "erasures": 0}
    assert plan.kept == kept
    assert sealed.unseal(connections.find(firm))["refresh_token"] == "second"
    assert db.session.scalar(select(User.active).where(User.email == "gone@example.com")) is False


def test_an_empty_database_takes_a_backup_too(session, settings, firm, tmp_path, request):
    made = backups.create(by="test")
    if backups.engine_name() == "sqlite":
        url = f"sqlite:///{tmp_path / 'other' / 'new.db'}"
        (tmp_path / "other").mkdir()
    else:
        url = request.getfixturevalue("postgres_clones").empty()
    db.session.remove()

    with bare_app(settings.model_copy(update={"DATABASE_URL": url})).app_context():
        _, present = restoring.restore(made.file, by="test")
        assert present is None
        assert names() == {"Hale & Partner"}
        db.engine.dispose()


def test_the_queues_tables_go_back_too(session, firm):
    """Types, functions and triggers of another's making lie in the same database, and our views with their marks."""
    if backups.engine_name() == "sqlite":
        pytest.skip("the queue is PostgreSQL's")
    wakers._make_tables()
    made = backups.create(by="test")
    assert rehearsals.rehearse(made)["fine"]

    restore(made)

    assert "procrastinate_jobs" in made.manifest["counts"]
    assert db.session.scalar(text("SELECT to_regclass('procrastinate_jobs')::text")) == "procrastinate_jobs"
    assert len(views.names(db.session.connection())) > 10
    again = backups.create(by="test")
    assert rehearsals.rehearse(again)["fine"]


# -- what is sent afterwards ------------------------------------------------------------------------------------------


@pytest.fixture
def pair(session, sandbox):
    """A location and a firm that agree, and two new people in the location."""
    keep_only(sandbox.ghl, "contacts", 4)
    keep_only(sandbox.clio, "contacts", 4)
    left, right = connect(sandbox, "ghl"), connect(sandbox, "clio")
    read(left, right, kind="full")
    mapping = make_mapping(left, right)
    push(mapping)
    for number in range(2):
        sandbox.ghl.put(
            "contacts", {"firstName": f"Nova{number}", "lastName": "Quist", "email": f"nova{number}@example.org"}
        )
    sync(left, only=["contacts"])
    return mapping, left, right


def read(*numbers: int, kind: str = "incremental") -> None:
    for number in numbers:
        sync(number, kind=kind, only=["contacts", "custom_fields"])


def novas(sandbox) -> list[str]:
    shelf = sandbox.clio.shelves["contacts"]
    people = [sandbox.clio.record("contacts", number) for number in shelf.numbers()]
    return sorted(one["first_name"] for one in people if (one["first_name"] or "").startswith("Nova"))


def test_nothing_is_sent_until_an_administrator_resumes(session, sandbox, pair):
    mapping, left, right = pair
    restore(backups.create(by="test"))
    before = len(writes(sandbox.clio))

    with pytest.raises(OutboundPaused):
        push(mapping)
    with pytest.raises(OutboundPaused):
        outbox.send_now(connections.find(right), "contacts", "create", None, {"first_name": "X"}, by="t", cause="t")
    with pytest.raises(OutboundPaused):
        outbox.push(connections.find(right))
    assert pushes.due() == 0
    assert len(writes(sandbox.clio)) == before
    held = outbound.held()
    assert sorted(held.unread) == ["clio", "ghl"]
    with pytest.raises(Conflict, match="Not read since"):
        outbound.resume(by="ada")

    db.session.rollback()
    read(left, right)
    outbound.resume(by="ada")
    assert push(mapping).new == 2
    assert novas(sandbox) == ["Nova0", "Nova1"]


def test_what_was_sent_after_the_backup_is_not_sent_again(session, sandbox, pair, clock):
    """A write waits in the backup; it arrives afterwards; the restored one still waits, and is looked up."""
    mapping, left, right = pair
    sandbox.clio.script("/contacts", {"status": 503, "method": "POST", "times": 20})
    push(mapping)
    waited = set(db.session.scalars(select(Change.state)))
    db.session.rollback()
    assert waited & {"uncertain", "retry", "pending"}
    made = backups.create(by="test")
    sandbox.clio.unscript()
    clock.advance(hours=2)
    push(mapping)
    assert novas(sandbox) == ["Nova0", "Nova1"]

    restore(made)
    read(left, right)
    outbound.resume(by="ada")
    clock.advance(hours=2)
    push(mapping)
    push(mapping)

    assert novas(sandbox) == ["Nova0", "Nova1"]
    assert set(db.session.scalars(select(Change.state))) <= {"done", "dropped"}


def test_what_was_made_in_the_lost_hours_is_not_made_again(session, sandbox, pair):
    """Even where nobody read first, so that no pair can be found: it is looked for before it is made."""
    mapping = pair[0]
    made = backups.create(by="test")
    push(mapping)
    assert novas(sandbox) == ["Nova0", "Nova1"]

    restore(made)
    outbound.resume(by="ada", anyway=True)
    push(mapping)

    assert novas(sandbox) == ["Nova0", "Nova1"]


def test_a_second_restore_does_not_forget_the_hours_the_first_one_lost(session, sandbox, pair, clock):
    """The backup put back is of a console that had been restored itself, and had not looked again since."""
    mapping = pair[0]
    made = backups.create(by="test")
    clock.advance(hours=1)
    push(mapping)
    assert novas(sandbox) == ["Nova0", "Nova1"]
    clock.advance(hours=1)
    restore(made)
    clock.advance(hours=1)
    restore(backups.create(by="test"))
    outbound.resume(by="ada", anyway=True)
    push(mapping)

    assert novas(sandbox) == ["Nova0", "Nova1"]


@pytest.mark.one_database("postgresql")
def test_what_others_keep_in_the_same_database_stays_and_stops_no_restore(session, firm):
    """Reports have a schema of their own, and a role that reads; a copy for analysis is fed by a publication."""
    for statement in (
        "CREATE SCHEMA reports", "CREATE TABLE reports.days (day date)",
        "INSERT INTO reports.days VALUES ('2026-03-02')", "CREATE PUBLICATION everything FOR TABLE record",
        "GRANT SELECT ON clio_matters TO pg_monitor",
    ):  # fmt: skip
        db.session.execute(text(statement))
    db.session.commit()
    made = backups.create(by="test")
    assert rehearsals.rehearse(made)["fine"]
    an_account("Made later")

    restore(made)

    assert names() == {"Hale & Partner"}
    assert db.session.scalar(text("SELECT count(*) FROM reports.days")) == 1
    assert db.session.scalar(text("SELECT has_table_privilege('pg_monitor', 'clio_matters', 'SELECT')"))


@pytest.mark.one_database("postgresql")
def test_a_backup_fits_an_empty_database_where_the_extension_lies_in_a_schema_of_its_own(session, firm):
    """Many hosts keep extensions apart; the schema is not ours to copy, but the index of the search needs it."""
    db.session.execute(text("CREATE SCHEMA extensions"))
    db.session.execute(text("ALTER EXTENSION pg_trgm SET SCHEMA extensions"))
    db.session.commit()
    made = backups.create(by="test")

    assert rehearsals.rehearse(made)["fine"]

    restore(made)
    assert names() == {"Hale & Partner"}
