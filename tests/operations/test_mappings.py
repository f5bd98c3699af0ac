"""Making, changing, checking, approving and switching on mappings, on both databases."""

import pytest
from sqlalchemy import func, select

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import Conflict, Forbidden, InvalidInput, NotFound
from integration_console.models import (
    AuditEvent,
    Change,
    DataMapping,
    FieldMapping,
    MappingVersion,
    RecordLink,
    User,
    db,
)
from integration_console.operations.mapping import mappings
from integration_console.operations.mapping.versions import MAKER
from integration_console.operations.runs import pushes
from integration_console.services.writing import Field
from integration_console.storage import records, unmatched
from integration_console.sync import mapping as engine
from tests.storage.rows import NOON, connection, incoming

ANA, BO, STAFF = "ana@firm.example", "bo@firm.example", "cleo@firm.example"
EMAIL = {"left": "email", "right": "email", "transform": "email"}
PHONE = {"left": "phone", "right": "phone", "transform": "phone"}
FEE = {"left": "budget", "right": "custom:7", "direction": "to_right", "transform": "money"}
DOCUMENT = {
    "name": "Contacts", "left": {"service": "ghl", "resource": "contacts"},
    "right": {"service": "clio", "resource": "contacts"}, "direction": "both",
    "keys": [{"by": "email", "left": "email", "right": "email"}], "lines": [EMAIL],
}  # fmt: skip
SENDS = {"left": {"create": 0, "update": 3, "delete": 0}, "right": {"create": 2, "update": 4, "delete": 0}}
PREVIEW = {"at": "2026-03-02T12:00:00Z", "counts": {"create": 2, "update": 5}, "sends": SENDS}


class Writes:
    """What both services let us write in these tests, whatever their own files say."""

    asked: list
    writable = {resource: frozenset({"create", "update"}) for resource in ("contacts", "bank_transactions")}  # noqa: RUF012

    @staticmethod
    def fields(_self, resource, custom=()):
        Writes.asked = list(custom)
        return [Field("email", "E-mail", "email"), Field("phone", "Phone", "phone"), Field("budget", "Budget", "money"),
                Field("custom:7", "Fee", "money")]  # fmt: skip


@pytest.fixture
def ends(session, monkeypatch):
    """A GoHighLevel and a Clio connection, two admins and one who is none."""
    for key in ("ghl", "clio"):
        kind = type(services.by_key(key).writing)
        monkeypatch.setattr(kind, "writable", Writes.writable)
        monkeypatch.setattr(kind, "fields", Writes.fields)
    for email in (ANA, BO, STAFF):
        role = "staff" if email == STAFF else "admin"
        session.add(User(email=email, role=role, password_hash="-", active=True, created_at=NOON))
    left, right = connection(session, "Sales", "ghl"), connection(session, "Firm", "clio")
    session.commit()
    return left, right


def make(ends, by=ANA, **parts) -> DataMapping:
    left, right = (db.session.get(mappings.Connection, number) for number in ends)
    return mappings.create(engine.read({**DOCUMENT, **parts}), left, right, by=by)


def previewed(mapping: DataMapping) -> DataMapping:
    """As the preview leaves it."""
    mappings.draft_of(mapping).preview = PREVIEW
    db.session.commit()
    return mapping


def test_a_mapping_that_an_accounts_limits_cannot_carry_is_not_switched_on(ends, monkeypatch):
    monkeypatch.setenv("CLIO_LIMITS", "11/604800")
    mapping = previewed(make(ends))
    with pytest.raises(Conflict, match=r"6 records at Clio: 6 × 2 = 12 calls\. .* is allowed 11 a week"):
        mappings.activate(mapping, by=ANA)
    db.session.rollback()
    assert mapping.state == "draft"


def switched_on(ends, **parts) -> DataMapping:
    mapping = previewed(make(ends, **parts))
    mappings.activate(mapping, by=ANA)
    return mapping


def told(action: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).filter_by(action=action).order_by(AuditEvent.id)))


# -- making and changing ----------------------------------------------------------------------------------------------


def test_a_document_becomes_a_draft_and_comes_back_the_same(session, ends):
    mapping = make(ends, lines=[EMAIL, PHONE], options={"creates_right": True}, rule="newest")
    session.expire_all()

    assert (mapping.state, mapping.active_version, mapping.created_by) == ("draft", None, ANA)
    assert [(v.number, v.state, v.changed_by) for v in mapping.versions] == [(1, "draft", ANA)]
    assert [(row.position, row.left, row.transform) for row in mapping.versions[0].fields] == [
        (0, "email", "email"), (1, "phone", "phone"),
    ]  # fmt: skip
    wanted = engine.read({**DOCUMENT, "lines": [EMAIL, PHONE], "options": {"creates_right": True}, "rule": "newest"})
    assert mappings.document(mapping) == wanted
    assert mappings.in_engine(mapping).creates("right")
    assert mappings.every() == [mapping]
    assert len(told("mapping created")) == 1


def test_a_side_keeps_to_its_service(session, ends):
    left, right = (session.get(mappings.Connection, number) for number in ends)

    with pytest.raises(InvalidInput, match="left side is GoHighLevel"):
        mappings.create(engine.read(DOCUMENT), right, left, by=ANA)
    with pytest.raises(NotFound):
        mappings.find(99)


def test_a_draft_changes_in_place_and_loses_its_preview_and_approval(session, ends):
    """W7"""
    mapping = previewed(make(ends))
    mappings.draft_of(mapping).approved_by = BO

    version = mappings.edit(mapping, by=BO, lines=[PHONE, EMAIL], name="People")

    assert (version.number, version.preview, version.approved_by, version.changed_by) == (1, None, None, BO)
    assert [row.left for row in version.fields] == ["phone", "email"]
    assert mapping.name == "People"
    assert session.scalar(select(func.count()).select_from(FieldMapping)) == 2
    assert "Line Phone ↔ Phone added, telephone number." in told("mapping changed")[0].details["changes"]


def test_what_was_changed_names_a_field_of_the_accounts_own_by_its_label(session, ends):
    mapping = switched_on(ends)
    mappings.edit(mapping, by=BO, lines=[EMAIL, FEE], keys=[{"by": "field", "left": "budget", "right": "custom:7"}])

    changes = told("mapping changed")[0].details["changes"]
    assert "Line Budget → Fee added, money." in changes
    assert "Match key added: the same value (Budget, Fee)." in changes
    assert mappings.history(mapping)[0].changes == changes
    assert "custom:" not in " ".join(changes)


def test_two_fields_that_an_account_calls_alike_are_told_apart_by_their_numbers(session, ends, monkeypatch):
    alike = [Field("email", "E-mail", "email"), Field("custom:7", "Fee", "money"), Field("custom:8", "Fee", "money")]
    for key in ("ghl", "clio"):
        monkeypatch.setattr(type(services.by_key(key).writing), "fields", lambda *_: alike)
    mapping = make(ends, filters=[{"side": "right", "field": "custom:7", "is": "filled"}])

    mappings.edit(mapping, by=BO, filters=[{"side": "right", "field": "custom:8", "is": "filled"}])

    assert told("mapping changed")[0].details["changes"] == [
        "Filter removed: Fee 7 of Clio contacts is filled.", "Filter added: Fee 8 of Clio contacts is filled.",
    ]  # fmt: skip


def test_saving_what_is_there_already_changes_nothing(session, ends):
    mapping = previewed(make(ends))

    mappings.edit(mapping, by=BO, lines=[EMAIL])

    assert mappings.draft_of(mapping).preview == PREVIEW
    assert not told("mapping changed")


def test_who_looked_at_an_older_draft_does_not_overwrite_the_newer(session, ends, clock):
    mapping = make(ends)
    seen = mappings.latest(mapping).changed_at
    clock.advance(5)
    mappings.edit(mapping, by=BO, rule="left")

    with pytest.raises(Conflict, match=BO):
        mappings.edit(mapping, by=ANA, seen_at=seen, rule="right")

    assert mappings.document(mapping).rule == "left"


def test_what_cannot_be_said_is_refused_and_nothing_is_saved(session, ends):
    mapping = make(ends)

    with pytest.raises(InvalidInput) as caught:
        mappings.edit(mapping, by=ANA, lines=[{**EMAIL, "options": {"code": "1"}}])

    assert caught.value.field == "lines.0"
    assert mappings.document(mapping).lines[0].options == {}


def test_trust_money_is_refused_for_every_role_and_noted(session, ends):
    """W8"""
    trust = {"service": "clio", "resource": "bank_transactions"}
    with pytest.raises(Forbidden, match="trust money"):
        make(ends, right=trust, lines=[{"left": "budget", "right": "amount", "direction": "to_right"}])
    mapping = make(ends)
    with pytest.raises(Forbidden, match="trust money"):
        mappings.edit(mapping, by=BO, lines=[{"left": "budget", "right": "trust_balance", "direction": "to_right"}])
    session.expire_all()

    assert [event.actor for event in told("mapping refused")] == [ANA, BO]
    assert len(mappings.every()) == 1
    assert [row.right for row in mappings.latest(mapping).fields] == ["email"]


# -- versions ---------------------------------------------------------------------------------------------------------


def test_changing_what_is_switched_on_makes_a_draft_and_leaves_the_rest_on(session, ends):
    """W9"""
    mapping = switched_on(ends)

    draft = mappings.edit(mapping, by=BO, lines=[EMAIL, PHONE])

    assert (draft.number, draft.state, mapping.active_version) == (2, "draft", 1)
    assert len(mappings.active()) == 1
    assert [line.key for line in mappings.active()[0].lines] == ["email|email"]


def test_history_tells_who_changed_what_and_when(session, ends, clock):
    mapping = switched_on(ends)
    clock.advance(60)
    mappings.edit(mapping, by=BO, lines=[EMAIL, PHONE])

    newest, oldest = mappings.history(mapping)

    assert (newest.version.number, newest.version.changed_by) == (2, BO)
    assert newest.changes == ["Line Phone ↔ Phone added, telephone number."]
    assert oldest.changes == []
    assert newest.version.changed_at > oldest.version.changed_at


def test_an_old_version_comes_back_as_a_draft(session, ends):
    mapping = switched_on(ends)
    mappings.edit(mapping, by=ANA, lines=[PHONE])
    mappings.activate(previewed(mapping), by=ANA)

    draft = mappings.restore(mapping, 1, by=BO)

    assert (draft.number, draft.state, mapping.active_version) == (3, "draft", 2)
    assert mappings.document(mapping).lines == mappings.document(mapping, 1).lines
    with pytest.raises(NotFound, match="no version 9"):
        mappings.restore(mapping, 9, by=BO)


@pytest.mark.parametrize("how", ["restored", "imported"])
def test_a_draft_whose_place_another_takes_is_put_aside_and_comes_back(session, ends, how):
    mapping = switched_on(ends)
    mappings.edit(mapping, by=ANA, lines=[PHONE])
    if how == "restored":
        mappings.restore(mapping, 1, by=BO)
    else:
        mappings.replace(mapping, mappings.document(mapping, 1), by=BO)

    assert [(v.number, v.state) for v in mapping.versions] == [(1, "active"), (2, "aside"), (3, "draft")]
    with pytest.raises(NotFound, match="was never on"):
        pushes.request(mapping, asked_by=BO, version=2)
    mappings.restore(mapping, 2, by=BO)  # what a restore had brought is nobody's work: no version is kept of it
    assert [line.left for line in mappings.document(mapping).lines] == ["phone"]
    assert len(mapping.versions) == 3

    mappings.discard(mapping, by=BO)
    session.expire_all()
    assert [(v.number, v.state) for v in mapping.versions] == [(1, "active"), (2, "draft")]


def test_what_the_console_made_itself_is_not_kept(session, ends):
    mapping = make(ends, by=MAKER)

    mappings.replace(mapping, mappings.document(mapping).changed(rule="newest"), by=BO)

    assert [(v.number, v.rule) for v in mapping.versions] == [(1, "newest")]


def test_a_draft_can_be_thrown_away_but_not_the_only_version(session, ends):
    mapping = switched_on(ends)
    mappings.edit(mapping, by=ANA, lines=[PHONE])

    mappings.discard(mapping, by=ANA)
    session.expire_all()

    assert [version.number for version in mapping.versions] == [1]
    with pytest.raises(Conflict):
        mappings.discard(mapping, by=ANA)


# -- checking and switching on ----------------------------------------------------------------------------------------


def test_checks_know_the_accounts_own_fields_and_the_other_mappings(session, ends):
    rows = [incoming(7, name="Fee"), incoming(8, name="Gone")]
    keep = {"connection_id": ends[1], "resource": "custom_fields", "run_id": None, "now": NOON}
    records.keep_page(session, rows=rows, **keep)
    records.mark_deleted(session, [row.id for row in session.query(records.Record).filter_by(external_id="8")],
                         run_id=None, now=NOON)  # fmt: skip
    switched_on(ends)
    second = make(ends, name="Again")

    found = mappings.check(second)

    assert "E-mail of Clio contacts is written by the mapping “Contacts”, too." in [
        one.message for one in found if one.blocking
    ]
    assert [custom["name"] for custom in Writes.asked] == ["Fee"]


def test_a_line_that_waits_for_a_mapping_that_is_off_is_told(session, ends):
    waits = {"left": "custom:7", "right": "phone", "direction": "to_right", "transform": "linked",
             "options": {"flow": "ghl_contacts_clio_contacts"}}  # fmt: skip

    found = mappings.check(make(ends, lines=[waits]))

    assert [one.line for one in found if not one.blocking and "wait here" in one.message] == ["custom:7|phone"]


def test_nothing_goes_live_without_a_preview_of_this_very_draft(session, ends):
    """W7"""
    mapping = previewed(make(ends))
    mappings.edit(mapping, by=ANA, rule="left")

    with pytest.raises(Conflict, match="preview"):
        mappings.activate(mapping, by=ANA)

    mappings.activate(previewed(mapping), by=ANA)
    assert (mapping.state, mapping.active_version, mapping.first_run) == (
        "active",
        1,
        {"create": 2, "update": 7, "delete": 0},
    )


def test_nothing_goes_live_that_cannot_work(session, ends):
    mapping = previewed(make(ends, lines=[{"left": "gone", "right": "email"}]))

    with pytest.raises(Conflict, match=r"Gone of .+ is no longer there"):
        mappings.activate(mapping, by=ANA)


def test_a_new_version_retires_the_one_before(session, ends):
    mapping = switched_on(ends)
    mappings.edit(mapping, by=BO, lines=[PHONE])
    mappings.activate(previewed(mapping), by=BO)

    assert [(v.number, v.state) for v in mapping.versions] == [(1, "retired"), (2, "active")]
    assert (mapping.active_version, mapping.state_by) == (2, BO)
    with pytest.raises(Conflict, match="no draft"):
        mappings.activate(mapping, by=BO)


def test_money_goes_live_only_after_a_second_admin_approved_this_version(session, ends):
    mapping = previewed(make(ends, lines=[EMAIL, FEE]))
    with pytest.raises(Conflict, match="another administrator must approve"):
        mappings.activate(mapping, by=ANA)
    for nobody, why in ((ANA, "yourself"), (STAFF, "administrator"), ("eve@else.example", "administrator")):
        with pytest.raises(Forbidden, match=why):
            mappings.approve(mapping, by=nobody)

    mappings.approve(mapping, by=BO)
    with pytest.raises(Conflict, match="another administrator must switch it on"):
        mappings.activate(mapping, by=BO)
    mappings.activate(mapping, by=ANA)

    assert (mapping.state, mapping.versions[0].approved_by) == ("active", BO)
    assert [event.actor for event in told("mapping approved")] == [BO]


def test_who_changed_a_draft_earlier_does_not_approve_it_either(session, ends):
    mapping = make(ends, by=BO, lines=[EMAIL, FEE])
    mappings.edit(mapping, by=ANA, rule="left")

    with pytest.raises(Forbidden, match="yourself"):
        mappings.approve(mapping, by=BO)


def test_a_change_takes_the_approval_back(session, ends):
    mapping = make(ends, lines=[EMAIL, FEE])
    mappings.approve(mapping, by=BO)

    mappings.edit(mapping, by=ANA, lines=[FEE])

    with pytest.raises(Conflict, match="approve"):
        mappings.activate(previewed(mapping), by=ANA)


def test_what_writes_no_money_needs_no_approval(session, ends):
    with pytest.raises(Conflict, match="no approval"):
        mappings.approve(make(ends), by=BO)


def test_pausing_and_resuming_are_told_and_happen_once(session, ends):
    mapping = switched_on(ends)

    mappings.pause(mapping, by=BO, reason="Holidays")
    assert (mapping.state, mapping.state_by, mapping.state_reason) == ("paused", BO, "Holidays")
    assert mappings.active() == []
    with pytest.raises(Conflict, match="not switched on"):
        mappings.pause(mapping, by=BO)
    mappings.resume(mapping, by=ANA)

    assert mapping.state == "active"
    with pytest.raises(Conflict, match="not paused"):
        mappings.resume(mapping, by=ANA)
    assert [len(told(f"mapping {what}")) for what in ("paused", "resumed")] == [1, 1]


# -- files, and the end -----------------------------------------------------------------------------------------------


def test_an_export_is_compared_before_it_is_applied_elsewhere(session, ends):
    there = make(ends, name="There", lines=[EMAIL, PHONE], rule="newest")
    here = make(ends)
    file = mappings.document(there).to_bytes()

    wanted = mappings.read_file(file)
    changes = mappings.compare(here, wanted)
    assert mappings.document(here).rule == "ask"
    mappings.replace(here, wanted, by=BO, action="imported")

    assert "Line Phone ↔ Phone added, telephone number." in changes
    assert mappings.document(here) == wanted
    assert [event.actor for event in told("mapping imported")] == [BO]


def test_a_file_for_other_resources_is_refused(session, ends):
    mapping = make(ends)
    other = {**DOCUMENT, "right": {"service": "clockify", "resource": "clients"}}

    with pytest.raises(InvalidInput, match="right side of Contacts is clio contacts"):
        mappings.replace(mapping, mappings.read_file(engine.read(other).to_bytes()), by=ANA)


def test_unmatched_values_are_shown_and_forgotten(session, ends):
    mapping = make(ends)
    unmatched.add(session, mapping.id, {("status", "Frozen"): 4}, now=NOON)

    assert [(row.value, row.count) for row in mappings.unmatched(mapping)] == [("Frozen", 4)]
    mappings.forget_unmatched(mapping, "status", "Frozen")
    assert mappings.unmatched(mapping) == []


def test_a_mapping_is_removed_with_its_links_once_it_is_off_and_nothing_is_on_its_way(session, ends):
    mapping = switched_on(ends)
    now = house_clock.now()
    session.add(RecordLink(mapping_id=mapping.id, state="waiting", created_at=now, updated_at=now))
    for key, state in (("a", "pending"), ("b", "uncertain")):
        session.add(Change(connection_id=ends[1], resource="contacts", op="update", mapping_id=mapping.id,
                           idempotency_key=key, state=state, created_at=now))  # fmt: skip
    session.commit()

    with pytest.raises(Conflict, match="switched on"):
        mappings.remove(mapping, by=ANA)
    mappings.pause(mapping, by=ANA)
    with pytest.raises(Conflict, match="on its way"):
        mappings.remove(mapping, by=ANA)
    session.scalar(select(Change).filter_by(state="uncertain")).state = "done"
    session.commit()
    mappings.remove(mapping, by=ANA)

    assert mappings.every() == []
    assert [session.scalar(select(func.count()).select_from(kind)) for kind in (MappingVersion, RecordLink)] == [0, 0]
    assert sorted(session.scalars(select(Change.state))) == ["done", "dropped"]
    assert told("mapping removed")[0].details["document"]["name"] == "Contacts"
