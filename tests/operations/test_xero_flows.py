"""Clio's clients and bills in Xero: previewed, approved, switched on and carried, over real HTTP."""

import pytest
from sqlalchemy import func, select

from integration_console.errors import Conflict, InvalidInput
from integration_console.models import Change, RecordLink, db
from integration_console.models.change import LOST
from integration_console.operations.mapping import flows, mappings, matches
from integration_console.operations.people import users
from integration_console.operations.runs import outbox
from integration_console.sandbox.wire import Answer
from integration_console.services.xero.fields import plain_of
from integration_console.sync.flows import XERO_CONTACTS, XERO_INVOICES

from .conftest import connect, sync
from .mapped import keep_only, push, writes
from .ready import mapping_of, partner, switched_on

READ = {"clio": ["contacts", "bills", "line_items", "custom_fields"], "xero": ["contacts", "invoices"]}
CLIENTS = (3, 6, 7)  # of Clio; Xero has the first two as its contacts 1 and 2
BILLED = (152, 154, 158)
BO = "bo@firm.example"


@pytest.fixture
def firm(session, sandbox):
    """Two small accounts, connected and read once, with a draft of both ready mappings."""
    keep_only(sandbox.clio, "contacts", 12)
    keep_only(sandbox.xero, "contacts", 6)
    keep_only(sandbox.xero, "invoices", 0)
    for number in list(sandbox.clio.shelves["bills"].numbers()):
        if number not in BILLED:
            sandbox.clio.shelves["bills"].delete(number)
    for number in list(sandbox.clio.shelves["contacts"].numbers()):
        sandbox.clio.put("contacts", {"id": number, "is_client": number in CLIENTS})
    users.add(BO, "admin", "correct horse battery", "Bo", actor="test")
    found = {key: connect(sandbox, key) for key in READ}
    for client, number in zip(CLIENTS, BILLED, strict=True):
        bill(sandbox, number, client)
    for key, number in found.items():
        sync(number, kind="full", only=READ[key])
    flows.ensure()
    return found


def lines_of(sandbox, number: int) -> list[dict]:
    there = (sandbox.clio.record("line_items", line) for line in sandbox.clio.shelves["line_items"].numbers())
    return [line for line in there if line["bill"]["id"] == number]


def bill(sandbox, number: int, client: int, **more) -> dict:
    """A bill that was sent to that client, for what its lines come to."""
    total = round(sum(line["total"] for line in lines_of(sandbox, number)), 2)
    return sandbox.clio.put("bills", {
        "id": number, "state": "awaiting_payment", "kind": "revenue_kind", "client": {"id": client}, "total": total,
        "issued_at": "2026-05-29", "due_at": "2026-06-28", **more,
    })  # fmt: skip


def email(address: str) -> dict:
    return {"name": "Work", "address": address, "default_email": True}


def read_all(firm) -> None:
    for key, number in firm.items():
        sync(number, only=READ[key])


def invoices(sandbox) -> dict[str, dict]:
    shelf = sandbox.xero.shelves["invoices"]
    return {one["InvoiceNumber"]: one for one in map(shelf.get, shelf.numbers())}


def assert_quiet(mapping: int, firm, sandbox) -> None:
    """Everything read again, nothing is written on either side."""
    read_all(firm)
    begun = len(sandbox.xero.requests), len(sandbox.clio.requests)
    again = push(mapping)
    assert (again.new, again.changed, again.conflicts) == (0, 0, 0), again.message
    assert not writes(sandbox.xero, begun[0])
    assert not writes(sandbox.clio, begun[1])


@pytest.mark.one_database
def test_both_ready_mappings_are_off_until_previewed(firm):
    for flow in (XERO_CONTACTS, XERO_INVOICES):
        assert (mapping_of(flow).state, mapping_of(flow).active_version) == ("draft", None)
        with pytest.raises((Conflict, InvalidInput)):
            mappings.activate(mapping_of(flow), by="ada@firm")


@pytest.mark.postgresql_at_length
def test_the_clients_are_contacts_once_and_a_change_on_either_side_reaches_the_other(firm, sandbox):
    known = sandbox.xero.record("contacts", 1)
    assert sandbox.clio.record("contacts", 3)["primary_email_address"].lower() == known["EmailAddress"].lower()
    mapping, before = switched_on(XERO_CONTACTS), len(sandbox.xero.shelves["contacts"])

    run = push(mapping, release_brake=True)

    assert run.refused == 0, run.message
    assert partner(mapping, "3") == known["ContactID"]  # the same person: not made a second time
    made = partner(mapping, "7")
    assert len(sandbox.xero.shelves["contacts"]) > before
    assert sandbox.xero.record("contacts", made)["Name"] == sandbox.clio.record("contacts", 7)["name"].strip()
    assert_quiet(mapping, firm, sandbox)

    sandbox.xero.put("contacts", {"ContactID": made, "EmailAddress": "new@example.org"})
    sandbox.clio.put("contacts", {"id": 3, "phone_numbers": [
        {"id": 9, "name": "Work", "number": "+15105550177", "default_number": True, "primary": True}
    ]})  # fmt: skip
    read_all(firm)
    push(mapping)

    assert sandbox.clio.record("contacts", 7)["primary_email_address"] == "new@example.org"
    changed = plain_of("contacts", sandbox.xero.record("contacts", partner(mapping, "3")))
    assert changed["Phone"] == "+15105550177"
    assert_quiet(mapping, firm, sandbox)


@pytest.mark.one_database
def test_who_is_invoiced_in_xero_is_a_contact_in_clio_and_a_supplier_is_not(firm, sandbox):
    customer = sandbox.xero.put("contacts", {
        "Name": "Nova Quist", "FirstName": "Nova", "LastName": "Quist", "EmailAddress": "nova@example.org",
        "IsCustomer": True, "IsSupplier": False,
        "Phones": [], "Addresses": [],
    })  # fmt: skip
    sandbox.xero.put("contacts", {"Name": "Paper Ltd", "EmailAddress": "p@example.org", "FirstName": "",
                                  "LastName": "", "IsCustomer": False, "IsSupplier": True})  # fmt: skip
    sync(firm["xero"], only=["contacts"])
    mapping = switched_on(XERO_CONTACTS)

    push(mapping, release_brake=True)

    rows = db.session.scalars(select(RecordLink).filter_by(mapping_id=mapping, state="linked")).all()
    made = {row.right_record.external_id: row.left_record.external_id for row in rows}[customer["ContactID"]]
    there = sandbox.clio.record("contacts", int(made))
    assert (there["first_name"], there["last_name"], there["type"]) == ("Nova", "Quist", "Person")
    names = [sandbox.clio.record("contacts", n)["name"] for n in sandbox.clio.shelves["contacts"].numbers()]
    assert "Paper Ltd" not in names


@pytest.mark.one_database
@pytest.mark.parametrize("holder", ["supplier", "paired"])
def test_a_name_that_xero_has_already_is_asked_about_and_not_sent_to_be_refused(firm, sandbox, holder):
    """W4: the keys saw somebody else, Xero refused the name, and every change of the client sent it once more."""
    ada = {"type": "Person", "first_name": "Ada", "last_name": "Byron", "name": "Ada Byron", "is_client": True,
           "phone_numbers": [], "addresses": []}  # fmt: skip
    theirs = {
        "Name": "ADA Byron",
        "FirstName": "Ada",
        "LastName": "Byron",
        "EmailAddress": "ada@example.org",
        "IsCustomer": holder == "paired",
        "IsSupplier": holder == "supplier",
        "Phones": [],
        "Addresses": [],
    }
    there = sandbox.xero.put("contacts", theirs)["ContactID"]
    if holder == "paired":
        sandbox.clio.put("contacts", {**ada, "email_addresses": [email("ada@example.org")]})
    mine = sandbox.clio.put("contacts", {**ada, "email_addresses": [email("byron@example.com")]})["id"]
    read_all(firm)
    mapping, before = switched_on(XERO_CONTACTS), len(writes(sandbox.xero))

    run = push(mapping, release_brake=True)

    assert run.refused == 0, run.message
    asked = db.session.scalars(select(RecordLink).filter_by(mapping_id=mapping, state="ambiguous")).one()
    assert (asked.left_record.external_id, len(asked.candidates)) == (str(mine), 1)
    assert "Xero takes the same name only once, and ADA Byron has it" in asked.reason
    assert ("paired already with" in asked.reason) == (holder == "paired")
    number, begun = asked.id, len(writes(sandbox.xero))
    assert begun > before
    sandbox.clio.put("contacts", {"id": mine, "title": "Dr."})
    read_all(firm)
    push(mapping)
    matches.different(number, None, by="ada@firm")
    assert push(mapping).refused == 0
    reasons = db.session.scalars(select(RecordLink.reason).filter_by(mapping_id=mapping, state="waiting")).all()
    assert [said for said in reasons if "somebody else: change one of them" in said]
    assert len(writes(sandbox.xero)) == begun

    sandbox.xero.put("contacts", {"ContactID": there, "Name": "Ada Byron (London)"})
    read_all(firm)
    push(mapping)
    assert sandbox.xero.record("contacts", partner(mapping, str(mine)))["Name"] == "Ada Byron"


@pytest.mark.one_database
def test_a_name_that_only_an_archived_contact_has_is_given_again(firm, sandbox):
    sandbox.xero.put("contacts", {
        "Name": "Ada Byron", "FirstName": "Ada", "LastName": "Byron", "EmailAddress": "ada@example.org", "Phones": [],
        "Addresses": [], "ContactStatus": "ARCHIVED",
    })  # fmt: skip
    mine = sandbox.clio.put("contacts", {
        "type": "Person", "first_name": "Ada", "last_name": "Byron", "name": "Ada Byron", "is_client": True,
        "phone_numbers": [], "addresses": [], "email_addresses": [email("byron@example.com")],
    })["id"]  # fmt: skip
    read_all(firm)
    mapping = switched_on(XERO_CONTACTS)

    assert push(mapping, release_brake=True).refused == 0
    assert partner(mapping, str(mine))


@pytest.mark.postgresql_at_length
def test_a_bill_becomes_a_draft_after_a_second_administrator_approved_and_never_a_second_one(firm, sandbox):
    contacts = switched_on(XERO_CONTACTS)
    push(contacts, release_brake=True)
    with pytest.raises((Conflict, InvalidInput)):
        switched_on(XERO_INVOICES)
    mapping = switched_on(XERO_INVOICES, approved_by=BO)
    assert not invoices(sandbox)

    run = push(mapping, release_brake=True)

    assert (run.new, run.refused) == (3, 0), run.message
    for client, number in zip(CLIENTS, BILLED, strict=True):
        sent, invoice = sandbox.clio.record("bills", number), invoices(sandbox)[f"B-{number:05d}"]
        assert (invoice["Total"], invoice["TotalTax"], invoice["Status"]) == (sent["total"], 0.0, "DRAFT")
        assert invoice["Contact"]["ContactID"] == partner(contacts, str(client))
        assert (invoice["Date"], invoice["DueDate"]) == ("2026-05-29", "2026-06-28")
        assert {line["AccountCode"] for line in invoice["LineItems"]} == {"200"}
        assert len(invoice["LineItems"]) == len([line for line in lines_of(sandbox, number) if line["total"]])
    assert_quiet(mapping, firm, sandbox)


@pytest.mark.one_database
@pytest.mark.parametrize(("status", "paid"), [("DRAFT", 0.0), ("PAID", 435.0)])
def test_a_number_that_xero_has_already_is_matched_and_not_made_again(firm, sandbox, status, paid):
    push(switched_on(XERO_CONTACTS), release_brake=True)
    there = sandbox.xero.put("invoices", {
        "InvoiceNumber": f"B-{BILLED[0]:05d}", "Status": status, "AmountPaid": paid,
        "Contact": {"ContactID": sandbox.xero.record("contacts", 1)["ContactID"]},
    })  # fmt: skip
    sync(firm["xero"], only=["invoices"])
    mapping = switched_on(XERO_INVOICES, approved_by=BO)

    run = push(mapping, release_brake=True)

    assert run.new == 2, run.message
    assert partner(mapping, str(BILLED[0])) == there["InvoiceID"]
    bill_total = sandbox.clio.record("bills", BILLED[0])["total"]
    assert invoices(sandbox)[there["InvoiceNumber"]]["Total"] == (there["Total"] if paid else bill_total)


def raised(sandbox, number: int, by: float) -> None:
    """A line of a bill costs more by now, and so does the bill."""
    line = lines_of(sandbox, number)[0]
    more = round(line["total"] + by, 2)
    sandbox.clio.put("line_items", {"id": line["id"], "total": more, "sub_total": more, "price": more, "quantity": 1.0})
    sandbox.clio.put("bills", {"id": number, "total": round(sandbox.clio.record("bills", number)["total"] + by, 2)})


@pytest.mark.one_database
def test_an_invoice_follows_its_bill_until_it_is_paid(firm, sandbox):
    push(switched_on(XERO_CONTACTS), release_brake=True)
    mapping = switched_on(XERO_INVOICES, approved_by=BO)
    push(mapping, release_brake=True)
    number = BILLED[0]
    before = invoices(sandbox)[f"B-{number:05d}"]
    raised(sandbox, number, 50)
    read_all(firm)

    run = push(mapping)

    assert (run.changed, run.new) == (1, 0), run.message
    after = invoices(sandbox)[f"B-{number:05d}"]
    assert after["Total"] == round(before["Total"] + 50, 2)
    assert after["LineItems"][0]["LineItemID"] == before["LineItems"][0]["LineItemID"]

    sandbox.xero.put("invoices", {
        "InvoiceID": after["InvoiceID"], "Status": "PAID", "AmountPaid": after["Total"], "AmountDue": 0.0,
    })  # fmt: skip
    raised(sandbox, number, 25)
    read_all(firm)
    push(mapping)

    assert invoices(sandbox)[f"B-{number:05d}"]["Total"] == after["Total"]
    said = db.session.scalars(select(Change.message).where(Change.state == "dead")).all()
    assert any("paid" in one for one in said), said


def test_an_invoice_that_is_part_paid_since_it_was_read_is_not_changed(firm, sandbox):
    """Xero itself takes another due date for it."""
    push(switched_on(XERO_CONTACTS), release_brake=True)
    mapping = switched_on(XERO_INVOICES, approved_by=BO)
    push(mapping, release_brake=True)
    before = invoices(sandbox)[f"B-{BILLED[0]:05d}"]
    sandbox.xero.put("invoices", {
        "InvoiceID": before["InvoiceID"], "Status": "AUTHORISED", "AmountPaid": 1.0, "AmountDue": before["Total"] - 1,
    })  # fmt: skip
    bill(sandbox, BILLED[0], CLIENTS[0], due_at="2026-09-30")
    sync(firm["clio"], only=["bills"])

    run = push(mapping)

    assert (run.changed, run.refused) == (0, 1), run.message
    assert invoices(sandbox)[f"B-{BILLED[0]:05d}"]["DueDate"] == before["DueDate"]
    said = db.session.scalars(select(Change.message).where(Change.state == "dead")).all()
    assert any("paid or credited" in one for one in said), said


@pytest.mark.postgresql_at_length
def test_a_refused_invoice_is_made_when_its_cause_is_repaired_and_it_is_tried_again(firm, sandbox):
    """Xero gives its refusal again for what comes under the same key."""
    clients = switched_on(XERO_CONTACTS)
    push(clients, release_brake=True)
    mapping, contact = switched_on(XERO_INVOICES, approved_by=BO), partner(clients, str(CLIENTS[0]))
    sandbox.xero.put("contacts", {"ContactID": contact, "ContactStatus": "ARCHIVED"})
    assert push(mapping, release_brake=True).refused == 1
    sandbox.xero.put("contacts", {"ContactID": contact, "ContactStatus": "ACTIVE"})
    refused = db.session.scalars(select(Change).where(Change.state == "dead")).one()
    assert LOST not in refused.options  # nothing is there, so it may also be sent with other values

    outbox.retry(refused, by=BO)
    run = push(mapping)

    assert (run.new, run.refused) == (1, 0), run.message
    assert len(invoices(sandbox)) == len(BILLED)


@pytest.mark.one_database
def test_bills_for_trust_and_bills_that_do_not_add_up_make_no_invoice(firm, sandbox):
    push(switched_on(XERO_CONTACTS), release_brake=True)
    trust, odd, fine = BILLED
    sandbox.clio.put("bills", {"id": trust, "kind": "trust_kind"})
    sandbox.clio.put("bills", {"id": odd, "total": sandbox.clio.record("bills", odd)["total"] + 7})
    sync(firm["clio"], only=["bills"])
    mapping = switched_on(XERO_INVOICES, approved_by=BO)

    run = push(mapping, release_brake=True)

    assert run.new == 1, run.message
    assert set(invoices(sandbox)) == {f"B-{fine:05d}"}


def test_a_lost_answer_leaves_one_invoice(firm, sandbox, monkeypatch):
    push(switched_on(XERO_CONTACTS), release_brake=True)
    mapping = switched_on(XERO_INVOICES, approved_by=BO)
    lost, answer = [], sandbox.xero.answer

    def losing(request):
        """The first write is carried out and hung up on."""
        given = answer(request)
        if request.method == "PUT" and not lost:
            lost.append(request.path)
            return Answer(raw=b"")
        return given

    monkeypatch.setattr(sandbox.xero, "answer", losing)

    run = push(mapping, release_brake=True)

    assert lost
    assert run.new == 3, run.message
    assert len(invoices(sandbox)) == 3
    assert db.session.scalar(select(func.count()).select_from(Change).where(Change.state == "done")) >= 3


@pytest.mark.one_database
@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
def test_an_invoice_taken_back_at_xero_is_told_while_its_bill_stands(firm, sandbox, status):
    """Xero keeps the lines of what it voids: nothing the mapping carries had changed, and the run was green."""
    push(switched_on(XERO_CONTACTS), release_brake=True)
    mapping = switched_on(XERO_INVOICES, approved_by=BO)
    push(mapping, release_brake=True)
    read_all(firm)
    assert push(mapping).state == "done"
    before = invoices(sandbox)[f"B-{BILLED[0]:05d}"]
    sandbox.xero.put("invoices", {"InvoiceID": before["InvoiceID"], "Status": status})
    read_all(firm)

    run = push(mapping)

    assert (run.state, run.refused) == ("done_with_problems", 1), run.message
    said = select(RecordLink.reason).where(RecordLink.reason != "", RecordLink.state == "linked")
    assert "voided or deleted" in db.session.scalars(said).one()
    sandbox.clio.put("bills", {"id": BILLED[0], "state": "void"})
    read_all(firm)
    assert push(mapping).state == "done"


@pytest.mark.postgresql_at_length
def test_a_bill_of_a_locked_period_waits_for_who_keeps_the_books_and_is_then_made_once(firm, sandbox):
    push(switched_on(XERO_CONTACTS), release_brake=True)
    mapping = switched_on(XERO_INVOICES, approved_by=BO)
    sandbox.xero.tenants[0].lock_date = "2026-05-31"
    run = push(mapping, release_brake=True)
    assert (run.state, run.new, run.refused) == ("done_with_problems", 0, 3), run.message
    refused = db.session.scalars(select(Change).where(Change.state == "dead")).all()
    assert {one.error_field for one in refused} == {"Date"}
    assert all("locked at Xero" in one.message and "keeps the books" in one.message for one in refused)
    begun = len(sandbox.xero.requests)
    push(mapping)
    assert not writes(sandbox.xero, begun)

    sandbox.xero.tenants[0].lock_date = ""
    for change in db.session.scalars(select(Change).where(Change.state == "dead")).all():
        outbox.retry(change, by=BO)
    assert push(mapping, release_brake=True).new == 3
    assert len(invoices(sandbox)) == 3


@pytest.mark.one_database
def test_a_bill_in_a_currency_the_organisation_does_not_keep_is_refused_by_its_field(firm, sandbox):
    push(switched_on(XERO_CONTACTS), release_brake=True)
    bill(sandbox, BILLED[0], CLIENTS[0], currency={"id": 2, "code": "CAD", "sign": "$"})
    sync(firm["clio"], only=["bills"])
    mapping = switched_on(XERO_INVOICES, approved_by=BO)

    assert push(mapping, release_brake=True).new == 2

    (refused,) = db.session.scalars(select(Change).where(Change.state == "dead")).all()
    assert refused.error_field == "CurrencyCode"
