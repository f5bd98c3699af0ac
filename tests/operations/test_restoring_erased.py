"""A restore does not bring back who was erased since the backup, whatever the backup knew of them (D7, X15)."""

from __future__ import annotations

from functools import partial

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, select, text, update

from integration_console import clock as house_clock
from integration_console.errors import BackupRefused
from integration_console.models import Change, Erasure, LegalHold, Record, Setting, Transaction, db
from integration_console.operations import legal_holds
from integration_console.operations.keeping import backups, erasures, restoring
from integration_console.storage.records import ERASED

from ..storage.rows import connection

NAME, MAIL = "Zebulon Quackenbush", "zeb.quackenbush@example.org"


@pytest.fixture
def account(session):
    number = connection(session)
    session.commit()
    return number


@pytest.fixture
def person(session, account):
    return known(account, "4711", NAME, {"name": NAME, "email": MAIL})


def known(account: int, external_id: str, label: str, data: dict) -> int:
    now = house_clock.now()
    row = Record(
        connection_id=account, resource="contacts", external_id=external_id, label=label, data=data,
        content_hash=b"1" * 16, first_seen_at=now, written_at=now,
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row.id


def spoken_of(account: int) -> None:
    """A text elsewhere that names the person."""
    call = Transaction(
        connection_id=account, service="clio", resource="contacts", call_key="k", attempt=1, method="GET",
        direction="out", host="app.clio.com", path_template="/contacts", url="https://app.clio.com/contacts",
        outcome="ok", status=200, started_at=house_clock.now(), duration_ms=1, waited_ms=0, request_bytes=0,
        response_bytes=40, response_body=f'{{"email": "{MAIL}", "name": "{NAME}"}}',
    )  # fmt: skip
    db.session.add(call)
    db.session.commit()


def erase(*records: int) -> None:
    erasures.request(records, "Asked by letter", by="ada")
    assert erasures.work() == 1
    db.session.remove()


def restore(made):
    done = restoring.restore(made.file, by="test")
    db.session.remove()
    return done[0]


def rows() -> list[tuple[str, dict, bytes]]:
    query = select(Record.label, Record.data, Record.content_hash).order_by(Record.external_id)
    found = [tuple(row) for row in db.session.execute(query)]
    db.session.rollback()
    return found


GONE = ("erased", {}, ERASED)


def everything() -> str:
    """All the text of every table there is."""
    names = inspect(db.session.connection()).get_table_names()
    found = [str(db.session.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names]
    db.session.rollback()
    return "\n".join(found).lower()


def test_who_was_erased_since_is_erased_again_and_nobody_else(session, account, person):
    spoken_of(account)
    session.add(Change(
        connection_id=account, resource="contacts", op="update", record_id=person, idempotency_key="k", state="pending",
        wanted={"name": NAME}, created_at=house_clock.now(),
    ))  # fmt: skip
    other = ("Ana Ruiz", {"name": "Ana Ruiz"}, b"1" * 16)
    known(account, "9", *other[:2])
    made = backups.create(by="test")
    erase(person)

    assert restoring.plan(made.file).kept["erasures"] == 1
    restore(made)

    assert rows() == [GONE, other]  # before any clock has run
    (waited,) = db.session.scalars(select(Change))
    assert (waited.state, waited.wanted) == ("dropped", {})
    db.session.rollback()
    assert erasures.work() == 1
    assert "quackenbush" not in everything()
    assert rows() == [GONE, other]
    assert db.session.scalars(select(Erasure.state)).all() == ["done"]


def test_an_erasure_the_backup_knows_is_not_done_again(session, person):
    erase(person)
    made = backups.create(by="test")

    assert restoring.plan(made.file).kept["erasures"] == 0
    restore(made)

    assert [(row.state, row.reason) for row in db.session.scalars(select(Erasure))] == [("done", "Asked by letter")]


def test_a_backup_from_before_the_person_was_read_keeps_their_place_empty(session, account):
    """Else the next read would bring them back, and so would a later backup put back after it."""
    early = backups.create(by="test")
    person = known(account, "4711", NAME, {"name": NAME, "email": MAIL})
    late = backups.create(by="test")
    erase(person)

    restore(early)
    assert rows() == [GONE]
    restore(late)
    assert rows() == [GONE]
    erasures.work()
    assert "quackenbush" not in everything()


def test_what_waits_for_a_legal_hold_still_waits(session, account, person):
    made = backups.create(by="test")
    erasures.request([person], "Asked by letter", by="ada")
    legal_holds.place(account, "Doe v. Roe", by="ada")

    assert restore(made).kept["legal holds"] == 1

    assert rows()[0][0] == NAME
    assert erasures.work() == 0
    assert rows()[0][0] == NAME
    legal_holds.lift(db.session.scalar(select(LegalHold.id)), by="ada")
    assert erasures.work() == 1
    assert rows() == [GONE]


@pytest.mark.parametrize("tables_of", ["0002", "0001"])  # without erasures; without pairs and writes too
def test_a_backup_older_than_erasures_is_erased_from_too(session, account, person, tables_of):
    spoken_of(account)
    db.session.remove()
    downgrade(revision=tables_of)
    made = backups.create(by="test")
    upgrade()
    erase(person)

    assert restore(made).kept["erasures"] == 1

    assert "erasure" not in inspect(db.engine).get_table_names()
    assert rows() == [GONE]
    upgrade()
    assert [erasures.work(), erasures.work()] == [0, 1]  # taken up, done
    assert "quackenbush" not in everything()
    assert db.session.scalar(select(Setting).where(Setting.name == erasures.AGAIN)) is None


def test_who_is_still_to_be_erased_is_not_forgotten_where_no_key_opens_the_list(session, person):
    """The list of a first restore, of tables without a place for it, is all that is known of them."""
    db.session.remove()
    downgrade(revision="0002")
    made = backups.create(by="test")
    upgrade()
    erase(person)
    restore(made)
    owed = select(Setting.value).where(Setting.name == erasures.AGAIN)
    sealed = db.session.scalar(owed)
    lost = sealed[:-6] + ("AAAAA=" if not sealed.endswith("AAAAA=") else "BBBBB=")
    db.session.execute(update(Setting).where(Setting.name == erasures.AGAIN).values(value=lost))
    db.session.commit()

    for asked in (restoring.plan, partial(restoring.restore, by="test")):
        with pytest.raises(BackupRefused, match="ENCRYPTION_KEYS"):
            asked(made.file)
        db.session.remove()
    assert db.session.scalar(owed) == lost
    db.session.rollback()


def test_what_an_erasure_still_looks_for_is_not_forgotten_where_no_key_opens_it(session, account):
    """A backup from before the person was read does not tell it anew, and its texts speak of them all the same."""
    spoken_of(account)
    made = backups.create(by="test")
    erasures.request([known(account, "4711", NAME, {"name": NAME, "email": MAIL})], "Asked by letter", by="ada")
    sealed = db.session.scalar(select(Erasure.terms))
    lost = sealed[:-6] + ("AAAAA=" if not sealed.endswith("AAAAA=") else "BBBBB=")
    db.session.execute(update(Erasure).values(terms=lost))
    db.session.commit()
    assert erasures.work() == 0  # its records are erased, and it says which key is missing
    db.session.remove()

    for asked in (restoring.plan, partial(restoring.restore, by="test")):
        with pytest.raises(BackupRefused, match="ENCRYPTION_KEYS"):
            asked(made.file)
        db.session.remove()
    assert db.session.scalar(select(Erasure.terms)) == lost
    db.session.rollback()
