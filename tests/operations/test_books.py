"""W3, W5, W6: bills and their invoices live through whatever comes, in any order: none is doubled, lost or unsaid."""

import os

import pytest
from sqlalchemy import select

from integration_console.models import Change, Issue, RecordLink, db
from integration_console.operations.mapping import flows
from integration_console.operations.people import users
from integration_console.sandbox.xero.documents import added_up
from integration_console.sync.flows import QUICKBOOKS_CUSTOMERS, QUICKBOOKS_INVOICES, XERO_CONTACTS, XERO_INVOICES
from tests.bookkeepers import QuickBooks, Xero
from tests.books import Books

from .conftest import connect, sync
from .mapped import keep_only, push
from .ready import switched_on

LIVES = int(os.environ.get("LIVES", "20"))
QUICK = (5,)
CLIENTS = (3, 6, 7)
SERVICES = {
    "quickbooks": (QuickBooks, QUICKBOOKS_CUSTOMERS, QUICKBOOKS_INVOICES, ["customers", "invoices", "items"]),
    "xero": (Xero, XERO_CONTACTS, XERO_INVOICES, ["contacts", "invoices"]),
}


@pytest.fixture
def firm(session, sandbox, service):
    """Three clients on both sides, no bill and no invoice, and the mapping of bills switched on."""
    there, clients, bills, resources = SERVICES[service]
    upstream = getattr(sandbox, service)
    for one, resource, most in (
        (sandbox.clio, "contacts", 7), (sandbox.clio, "bills", 0), (sandbox.clio, "line_items", 0),
        (upstream, "customers" if service == "quickbooks" else "contacts", 6), (upstream, "invoices", 0),
    ):  # fmt: skip
        keep_only(one, resource, most)
    for number in list(sandbox.clio.shelves["contacts"].numbers()):
        sandbox.clio.put("contacts", {"id": number, "is_client": number in CLIENTS})
    users.add("bo@firm.example", "admin", "correct horse battery", "Bo", actor="test")
    ends = {"clio": connect(sandbox, "clio"), "there": connect(sandbox, service)}
    sync(ends["clio"], kind="full", only=["contacts", "bills", "line_items", "custom_fields"])
    sync(ends["there"], kind="full", only=resources)
    flows.ensure()
    push(switched_on(clients), release_brake=True)
    return there(sandbox), ends, switched_on(bills, approved_by="bo@firm.example")


@pytest.fixture
def books(sandbox, firm):
    """Nothing but one bill of 100.00, sent, and its invoice."""
    there, ends, mapping = firm
    books = Books(sandbox.clio, there, ends, mapping, CLIENTS[:1], seed=0, bills=0)
    books.issue_for("100")
    books.both()
    assert [one["total"] for one in there.invoices()] == [100]
    return books


def told(books) -> list[str]:
    """What a person is told of bills and invoices that do not agree, by a problem that is open."""
    db.session.rollback()
    open_ones = select(Issue.id).where(Issue.kind == "apart", Issue.state == "open")
    said = select(RecordLink.reason).where(RecordLink.mapping_id == books.mapping, RecordLink.reason != "")
    return list(db.session.scalars(said)) if db.session.scalar(open_ones) else []


BOTH = pytest.mark.parametrize("service", SERVICES)


@pytest.mark.one_database
@BOTH
def test_a_bill_that_is_a_draft_again_sends_nothing_and_its_invoice_is_told_until_it_is_sent(books):
    """What was written on the draft was in the invoice before anybody at the firm had agreed to it."""
    (bill,) = books.bills()
    books.change(bill, price="150", state="draft", subject="Not to be seen")
    books.both()

    assert [one["total"] for one in books.there.invoices()] == [100]
    assert ["draft again" in one for one in told(books)] == [True]
    assert "Not to be seen" not in str(books.there.whole())

    books.change(bill, state="awaiting_payment")
    books.both()
    books.both()
    assert [one["total"] for one in books.there.invoices()] == [150]
    assert told(books) == []


@pytest.mark.one_database
@BOTH
def test_an_invoice_that_was_changed_by_hand_to_another_total_is_told(books):
    """It is left as it is, as everywhere; and the two asked for different sums with nobody knowing."""
    (bill,), (invoice,) = books.bills(), books.there.invoices()
    books.there.edit(invoice["id"], 7.5, "Courier")
    books.both()

    assert told(books) == ["The bill comes to 100.00 and its invoice to 107.50, which was changed there. Look at both."]
    books.both()
    assert len(told(books)) == 1

    books.change(bill, price="107.5")
    books.both()
    books.both()
    assert (told(books), [one["total"] for one in books.there.invoices()]) == ([], [107.5])


@pytest.mark.one_database
@BOTH
def test_an_invoice_of_which_only_the_words_were_changed_is_nobodys_problem(books):
    (invoice,) = books.there.invoices()
    books.there.edit(invoice["id"], 0, "Said otherwise")
    books.both()

    assert told(books) == []
    assert "Said otherwise" in str(books.there.whole())


@pytest.mark.one_database
@BOTH
def test_a_bill_that_was_changed_and_paid_between_two_reads_is_told(books):
    """Of a paid bill nothing travels: its invoice kept the old total for good, and the run was green."""
    (bill,) = books.bills()
    books.change(bill, price="150", state="paid")
    books.both()

    assert told(books) == ["This bill is paid and comes to 150.00, and its invoice to 100.00. Look at both."]


@pytest.mark.one_database
@BOTH
def test_a_bill_no_invoice_can_be_made_of_stays_a_problem_until_it_can(books):
    """Only the run that met it said so: the next one was green, and nobody was ever asked to pay the bill."""
    bill = books.issue_for("80", tax=6.6)
    books.both()
    books.both()
    assert ["tax, a discount or interest" in one for one in told(books)] == [True]

    books.change(bill, price="80")
    books.both()
    books.both()
    assert (told(books), sorted(one["total"] for one in books.there.invoices())) == ([], [80, 100])


@pytest.mark.one_database
@BOTH
def test_a_bill_of_which_everything_was_written_off_is_told_in_plain_words(books):
    (bill,) = books.bills()
    books.change(bill, price="0")
    books.both()

    assert told(books) == [
        "This bill asks for nothing any more, and the invoice made of it still stands. Void that one by hand."
    ]


@pytest.mark.one_database
@pytest.mark.parametrize("service", ["xero"])
def test_an_invoice_with_tax_on_top_of_its_lines_is_told(books, sandbox):
    """Where the mapping says "Exclusive", each client was asked for more than the bill, and the run was green."""
    (invoice,) = books.there.whole()
    lines = [{**one, "TaxType": "OUTPUT", "TaxAmount": 8.25} for one in invoice["LineItems"]]
    sandbox.xero.put("invoices", added_up({**invoice, "LineAmountTypes": "Exclusive", "LineItems": lines}))
    books.both()
    assert ["comes to 108.25 and its lines to 100.00" in one for one in told(books)] == [True]

    sandbox.xero.put("invoices", added_up({**invoice, "LineAmountTypes": "Inclusive", "LineItems": lines}))
    books.both()
    assert told(books) == []


@pytest.mark.one_database
@pytest.mark.parametrize("service", ["xero"])
def test_a_number_that_is_another_clients_invoice_at_xero_is_never_made_this_ones(books, sandbox):
    """An invoice of somebody else that had the bill's number became this client's, lines and all."""
    (mine,) = books.there.whole()
    other = next(one for one in range(1, 7) if (
        there := sandbox.xero.record("contacts", one))["ContactID"] != mine["Contact"]["ContactID"]
        and there["ContactStatus"] == "ACTIVE")  # fmt: skip
    contact = {"ContactID": sandbox.xero.record("contacts", other)["ContactID"]}
    lines = [{**one, "LineItemID": "", "Description": "Theirs"} for one in mine["LineItems"]]
    theirs = sandbox.xero.put("invoices", added_up({
        **mine, "InvoiceID": None, "InvoiceNumber": "B-9001", "Contact": contact, "LineItems": lines,
    }))  # fmt: skip
    bill = books.issue_for("80")
    books.change(bill, number="B-9001")
    books.both()

    there = next(one for one in books.there.whole() if one["InvoiceID"] == theirs["InvoiceID"])
    assert (there["Contact"]["ContactID"], there["Total"]) == (contact["ContactID"], 100)
    dead = db.session.scalars(select(Change.message).where(Change.state == "dead")).one()
    assert "never turned into another contact's" in dead


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=() if n in QUICK else pytest.mark.faults) for n in range(1, LIVES + 1)]
)
def test_every_bill_has_one_invoice_of_its_amount_or_a_problem_that_says_why_not(sandbox, firm, seed):
    there, ends, mapping = firm
    books = Books(sandbox.clio, there, ends, mapping, CLIENTS, seed)

    books.live(40)
    moved = books.rest()

    assert (moved, books.faults()) == ("", []), "\n".join(books.told)
