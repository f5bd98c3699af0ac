"""A person is erased from everything the console keeps, and a legal hold stops that (X15)."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from integration_console import clock
from integration_console.errors import Conflict
from integration_console.models import (
    Change,
    DeadLetter,
    Erasure,
    ErrorLog,
    Record,
    RecordLink,
    RunPart,
    SavedView,
    SyncRun,
    Transaction,
    User,
    db,
)
from integration_console.operations import legal_holds
from integration_console.operations.finding import views
from integration_console.operations.keeping import erasures, retention
from integration_console.operations.mapping import mappings, previews
from integration_console.operations.runs import outbox
from integration_console.operations.support import refused_writes
from integration_console.storage.vault import Vault

from ..cases import together
from .two_sides import contacts

NAME, MAIL, PHONE = "Zebulon Quackenbush", "zeb.quackenbush@example.org", "+1 415 555 0147"


@pytest.fixture
def firm(own_firm):
    return own_firm


@pytest.fixture
def sides(firm):
    """Two accounts that agree, and a person whom both of them know."""
    sides = contacts(firm)
    sides.run()
    first, last = NAME.split()
    firm.upstreams.ghl.put("contacts", {"firstName": first, "lastName": last, "email": MAIL, "phone": PHONE})
    sides.run()
    firm.read(sides.right, "contacts")
    firm.refuse(sides.right, "9001")
    with firm.app.app_context():
        letter = db.session.query(DeadLetter).one()
        letter.payload = f'{{"name": "{NAME}"}}'
        db.session.commit()
        previews.preview(sides.row(), mappings.latest(sides.row()))
    return sides


@pytest.fixture
def admin(enter):
    return enter("admin")


def everything(app) -> str:
    """All the text of every table."""
    with app.app_context():
        found = []
        for table in db.metadata.sorted_tables:
            found += [str(row) for row in db.session.execute(text(f'SELECT * FROM "{table.name}"')).all()]
        db.session.rollback()
        return "\n".join(found)


def ticked(admin, app) -> list[str]:
    page = admin.open(f"/settings/privacy?q={MAIL}")
    return [tag.attrs["value"] for tag in page.all("input") if tag.attrs.get("name") == "record"]


def erase(admin, records, **more):
    values = {"record": records, "q": MAIL, "reason": "asked by letter on 1 November", "confirm": "erase"} | more
    return admin.send("/settings/privacy/erasures", f"/settings/privacy?q={MAIL}", values)


def test_nothing_of_the_person_is_left_anywhere_and_the_next_read_brings_nothing_back(sides, firm, enter):
    admin = enter("admin")
    assert NAME in everything(firm.app)
    records = ticked(admin, firm.app)
    assert len(records) == 2
    assert erase(admin, records).status_code == 302
    with firm.app.app_context():
        assert erasures.work() == 1
        db.session.remove()

    left = everything(firm.app).lower()
    for word in (NAME, MAIL, "quackenbush"):
        assert word.lower() not in left, word
    assert "Done" in admin.open("/settings/privacy").text

    firm.read(sides.left, "contacts", kind="full")
    firm.read(sides.right, "contacts", kind="full")
    with firm.app.app_context():
        assert db.session.query(Record).filter(Record.label.icontains("quackenbush")).count() == 0
        assert db.session.query(Record).filter_by(label="erased").count() == 2
        db.session.rollback()
    before = firm.upstreams.clio.ledger()["contacts"]
    run = sides.run()
    assert (run.new, run.deleted) == (0, 0)
    assert firm.upstreams.clio.ledger()["contacts"] == before


def test_what_others_pairs_and_runs_say_of_the_person_goes_too(sides, firm, enter):
    """Evidence for a pair names addresses, and so does what a service says when it refuses a write."""
    twin = {"type": "Person", "first_name": "Mo", "last_name": "Lee", "email_addresses": [{"address": MAIL}]}
    firm.upstreams.clio.put("contacts", twin)
    sides.run()
    with firm.app.app_context():
        link = db.session.query(RecordLink).filter(RecordLink.state == "linked").first()
        link.how = f"The same e-mail {MAIL}."
        run = db.session.query(SyncRun).order_by(SyncRun.id.desc()).first()
        run.message = run.parts[0].message = f"{MAIL} is taken already."
        db.session.commit()
    admin = enter("admin")
    erase(admin, ticked(admin, firm.app)[:2])
    with firm.app.app_context():
        erasures.work()
        for model in (RecordLink, SyncRun, RunPart):
            said = [str(vars(row)) for row in db.session.query(model)]
            assert not [one for one in said if MAIL in one], model
        db.session.rollback()


def test_a_name_in_other_letters_or_as_json_may_spell_it_goes_too(sides, firm, enter):
    """SQLite by itself takes "Ö" and "ö" for two letters, and a service may write either as six of ASCII."""
    firm.upstreams.ghl.put("contacts", {"firstName": 'Jörg "Jo"', "lastName": "Özdemir", "email": "jo@example.org"})
    sides.run()
    with firm.app.app_context():
        call = db.session.query(Transaction).order_by(Transaction.id.desc()).first()
        call.request_body = '{"name": "JÖRG \\"JO\\" ÖZDEMIR"}'
        call.response_body = r'{"name": "J\u00F6rg \"Jo\" \u00d6zdemir"}'
        db.session.commit()
        records = [record.id for record in erasures.candidates('jörg "jo')]
        db.session.rollback()
    assert len(records) == 2

    erase(enter("admin"), records)
    with firm.app.app_context():
        erasures.work()
        db.session.remove()

    left = everything(firm.app).lower()
    assert "özdemir" not in left
    assert "zdemir" not in left


def test_a_preview_forgets_the_person_and_says_so(sides, firm, enter):
    """Those counted on the same page go with them: a preview is made again in seconds."""
    admin, address = enter("admin"), f"/mappings/{sides.mapping}/preview"
    assert NAME in admin.open(address).text
    erase(admin, ticked(admin, firm.app))
    with firm.app.app_context():
        erasures.work()
        db.session.remove()
    assert NAME not in admin.open(address).text
    page = admin.open(f"{address}/same")
    assert page.rows == []
    assert "preview it again" in page.text


def test_a_filter_somebody_keeps_and_an_address_that_name_the_person_go_too(sides, firm, enter):
    """An address writes a blank as "+" or "%20", and "@" as "%40"."""
    admin = enter("admin")
    with firm.app.app_context():
        user = db.session.query(User).first()
        views.save("/matters", f"q={NAME}", "One client", shared=True, user_id=user.id, actor=user.email)
        views.save("/matters", "status=open", "Open ones", shared=True, user_id=user.id, actor=user.email)
        call = db.session.query(Transaction).first()
        call.url = "https://h.example/contacts?query=zeb.quackenbush%40example.org"
        db.session.commit()
        number = call.id
    erase(admin, ticked(admin, firm.app))
    with firm.app.app_context():
        assert erasures.work() == 1
        assert [view.name for view in db.session.query(SavedView)] == ["Open ones"]
        assert "quackenbush" not in db.session.get_one(Transaction, number).url


@pytest.mark.parametrize(
    ("state", "op", "then"),
    [("pending", "update", "dropped"), ("dead", "create", "dropped"), ("uncertain", "create", "dead")],
)
def test_a_write_of_another_that_names_the_person_is_never_sent_empty(sides, firm, enter, clock, state, op, then):
    """It was sent as nothing, and told as done; a create that may be there was forgotten, and made a second time."""
    admin = enter("admin")
    with firm.app.app_context():
        pair = db.session.query(RecordLink).filter_by(state="linked").first()
        change = Change(
            connection_id=sides.right, resource="contacts", op=op, link_id=pair.id, mapping_id=sides.mapping,
            wanted={"first_name": f"c/o {NAME}"}, idempotency_key="k", state=state, created_at=clock.now(),
            sent_at=clock.now() if state == "uncertain" else None, tries=0,
        )  # fmt: skip
        db.session.add(change)
        db.session.commit()
        number, link = change.id, pair.id
    erase(admin, ticked(admin, firm.app))
    with firm.app.app_context():
        done = erasures.work()
        if state == "uncertain":  # it is looked up within moments, with the values it was sent with
            assert (done, db.session.get_one(Change, number).wanted) == (0, {"first_name": f"c/o {NAME}"})
            row = db.session.query(Erasure).one()
            assert "on its way" in row.message
            assert "calls" not in row.counts, "what its look-up leaves in other tables is found afterwards"
            clock.advance(3600)
            done = erasures.work()
        change, pair = db.session.get_one(Change, number), db.session.get_one(RecordLink, link)
        assert (done, change.state, change.wanted) == (1, then, {})
        assert "named somebody who was erased" in change.message
        if then == "dropped":
            assert (pair.left_hash, pair.right_hash) == (None, None)  # so the next run wants it anew
            return
        assert change.options["lost"], "no second one is made of its pair"
        for again in (outbox.retry, refused_writes.send_anew):
            with pytest.raises(Conflict, match="was erased"):
                again(change, by="ada@firm")
        assert refused_writes.retry_several([number], by="ada@firm").done == []
        db.session.rollback()
    assert "look at the service" in enter("staff").open("/errors").text


def test_a_service_that_stays_away_holds_up_no_erasure(sides, firm, enter, clock):
    """A write without an answer is looked up every few seconds, for as long as the service does not answer."""
    with firm.app.app_context():
        change = Change(
            connection_id=sides.right, resource="contacts", op="create", mapping_id=sides.mapping,
            wanted={"first_name": f"c/o {NAME}"}, idempotency_key="k", state="uncertain", created_at=clock.now(),
            tries=9,
        )  # fmt: skip
        db.session.add(change)
        db.session.commit()
        number = change.id
    admin = enter("admin")
    erase(admin, ticked(admin, firm.app))
    with firm.app.app_context():
        for hours, finished in ((1, 0), (20, 0), (4, 1)):
            clock.advance(hours * 3600)
            db.session.get_one(Change, number).sent_at = clock.now()
            db.session.commit()
            assert erasures.work() == finished, hours
        change = db.session.get_one(Change, number)
        assert (change.state, change.wanted) == ("dead", {})
        assert "look at the service" in change.message


def test_others_keep_what_is_theirs(sides, firm, enter):
    with firm.app.app_context():
        before = {row.id: row.data for row in db.session.query(Record).filter(Record.resource == "contacts")}
        db.session.rollback()
    admin = enter("admin")
    records = ticked(admin, firm.app)
    erase(admin, records)
    with firm.app.app_context():
        erasures.work()
        for number, data in before.items():
            kept = db.session.get_one(Record, number).data
            assert kept == ({} if str(number) in records else data)
        assert db.session.query(RecordLink).filter_by(state="linked").count() > 0
        assert db.session.query(Transaction).count() > 0


def test_one_that_no_key_opens_waits_and_says_so_while_the_others_go_on(sides, firm, enter):
    with firm.app.app_context():
        one, other = (record.id for record in erasures.candidates(MAIL))
        shut = erasures.request([one], "Asked by letter", by="ada@example.com")
        shut.terms = Vault(Fernet.generate_key().decode()).seal(f"erasure:{shut.id}", "[]")
        erasures.request([other], "Asked by letter", by="ada@example.com")
        assert erasures.work() == 1
        waiting = db.session.query(Erasure).filter_by(state="waiting").one()
        assert "no key of ENCRYPTION_KEYS opens" in waiting.message
    assert "no key of ENCRYPTION_KEYS opens" in enter("admin").open("/settings/privacy").text


def test_it_goes_on_where_it_was_killed(sides, firm, enter, monkeypatch):
    """D9"""
    admin = enter("admin")
    erase(admin, ticked(admin, firm.app))
    monkeypatch.setattr(erasures, "A_TURN_S", -1.0)
    with firm.app.app_context():
        assert erasures.work() == 0
        assert db.session.query(Erasure).one().counts["records"] == 2
        db.session.remove()
    monkeypatch.setattr(erasures, "A_TURN_S", 20.0)
    with firm.app.app_context():
        assert erasures.work() == 1
        assert db.session.query(Change).filter(Change.wanted != {}).count() >= 0
        db.session.remove()
    assert "quackenbush" not in everything(firm.app).lower()


@together("change, status", [({"confirm": "yes"}, 422), ({"reason": ""}, 422), ({"record": []}, 422)])
def test_it_is_not_done_by_accident(sides, firm, admin, change, status):
    answer = erase(admin, ticked(admin, firm.app), **change)
    assert answer.status_code == status
    with firm.app.app_context():
        assert db.session.query(Erasure).count() == 0


def test_only_administrators_may(sides, enter):
    """X12"""
    assert enter("staff").open("/settings/privacy").status == 403
    assert enter("support").open("/settings/privacy").status == 403


def test_a_hold_stops_erasing_and_removing_until_it_is_lifted(sides, firm, enter, clock):
    """X15"""
    admin = enter("admin")
    values = {"connection": str(sides.right), "why": "Doe v. Roe, 26-CV-101"}
    assert admin.send("/settings/privacy/holds", "/settings/privacy", values).status_code == 302
    refused = erase(admin, ticked(admin, firm.app))
    assert refused.status_code == 409
    assert "Doe v. Roe" in refused.text
    assert "A legal hold stands" in admin.open("/settings/retention").text
    assert refused.text.count('id="form-errors"') == 1  # at the form that was sent, not at that of holds too

    clock.advance(days=200)
    with firm.app.app_context():
        retention.purge()
        kept = db.session.query(Transaction).filter_by(connection_id=sides.right)
        assert kept.filter(Transaction.response_body.is_not(None)).count() > 0
        assert db.session.query(Transaction).filter_by(connection_id=sides.left).count() == 0
        assert db.session.query(ErrorLog).filter_by(connection_id=sides.right).count() == 1
        db.session.remove()
        mapping = sides.row()
        mapping.state = "paused"
        with pytest.raises(Conflict, match=r"Doe v\. Roe"):
            mappings.remove(mapping, by="Ada")
        db.session.rollback()
    again = enter("admin", "second@example.com")
    again.send("/settings/privacy/holds/1/lifting", "/settings/privacy")
    with firm.app.app_context():
        retention.purge()
        assert db.session.query(Transaction).count() == 0


def test_a_hold_on_an_account_keeps_what_it_says_of_somebody_known_elsewhere(sides, firm, enter):
    """X15: the records are not of that account, but its calls speak of the same person."""
    with firm.app.app_context():
        record = db.session.query(Record).filter_by(connection_id=sides.left, label=NAME).one()
        other = record.id
        db.session.query(RecordLink).filter_by(left_record_id=other).delete()  # nobody paired them
        db.session.commit()
    admin = enter("admin")
    admin.send("/settings/privacy/holds", "/settings/privacy", {"connection": str(sides.right), "why": "Doe v. Roe"})
    assert erase(admin, [str(other)]).status_code == 302

    def said_in_calls(connection: int) -> int:
        calls = db.session.query(Transaction).filter_by(connection_id=connection)
        return calls.filter(Transaction.request_body.icontains(MAIL)).count()

    with firm.app.app_context():
        before = said_in_calls(sides.right)
        assert erasures.work() == 0
        assert said_in_calls(sides.right) == before > 0
        assert db.session.get_one(Record, other).data == {}
        assert "Doe v. Roe" in db.session.query(Erasure).one().message
        db.session.remove()
    admin.send("/settings/privacy/holds/1/lifting", "/settings/privacy")
    with firm.app.app_context():
        assert erasures.work() == 1
        assert said_in_calls(sides.right) == 0
        db.session.remove()


def test_what_a_hold_kept_of_a_look_that_was_cut_off_is_looked_through_when_it_is_lifted(
    sides, firm, enter, monkeypatch
):
    """A look through a million rows takes many turns; the hold may end between two of them."""
    with firm.app.app_context():
        other = db.session.query(Record).filter_by(connection_id=sides.left, label=NAME).one().id
        db.session.query(RecordLink).filter_by(left_record_id=other).delete()
        db.session.commit()
    admin = enter("admin")
    admin.send("/settings/privacy/holds", "/settings/privacy", {"connection": str(sides.right), "why": "Doe v. Roe"})
    erase(admin, [str(other)])
    with firm.app.app_context(), monkeypatch.context() as cut:
        cut.setitem(erasures.PLACES, "failures", None)  # behind the calls
        with pytest.raises(AttributeError):
            erasures.work()
        db.session.remove()
    admin.send("/settings/privacy/holds/1/lifting", "/settings/privacy")
    with firm.app.app_context():
        assert erasures.work() == 1
        calls = db.session.query(Transaction).filter_by(connection_id=sides.right)
        assert calls.filter(Transaction.request_body.icontains(MAIL)).count() == 0
        db.session.remove()


def test_a_hold_on_everything_keeps_everything(sides, firm, enter, clock):
    enter("admin").send("/settings/privacy/holds", "/settings/privacy", {"connection": "", "why": "Subpoena"})
    clock.advance(days=2000)
    with firm.app.app_context():
        before = db.session.query(Transaction).count()
        retention.purge()
        assert db.session.query(Transaction).count() == before


def test_a_run_whose_deletion_a_hold_keeps_leads_to_it(sides, firm, enter):
    number = firm.past_run(sides.right, "done_with_problems", "1 deletion waits.", kind="push")
    with firm.app.app_context():
        legal_holds.place(sides.right, "Doe v. Roe, 26-1401", by="ada@firm.example")
        change = Change(
            connection_id=sides.right, resource="contacts", op="delete", external_id="7", sent_run_id=number,
            idempotency_key="k", state="retry", created_at=clock.now(), tries=1,
        )  # fmt: skip
        db.session.add(change)
        db.session.commit()

    for role, led in (("admin", True), ("staff", False)):
        page = enter(role).open(f"/runs/{number}")
        assert "What waits to be deleted" in page.text
        assert ("the legal holds" in page.text) is led
