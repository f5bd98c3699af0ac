"""Clio's clients and bills in QuickBooks: previewed, approved, switched on and carried, over real HTTP."""

import pytest
from sqlalchemy import select

from integration_console.errors import Conflict, InvalidInput
from integration_console.models import Change, Issue, RecordLink, db
from integration_console.operations import outbound
from integration_console.operations.keeping import backups, restoring
from integration_console.operations.mapping import flows, mappings
from integration_console.operations.people import users
from integration_console.operations.runs import apart, outbox
from integration_console.operations.support import issue_notes, refused_writes, run_log
from integration_console.sandbox.quickbooks.writes import voided
from integration_console.sandbox.wire import Answer
from integration_console.sync.flows import QUICKBOOKS_CUSTOMERS, QUICKBOOKS_INVOICES

from .conftest import carry_out, connect, sync
from .mapped import keep_only, push, writes
from .ready import mapping_of, partner, switched_on

READ = {
    "clio": ["contacts", "bills", "line_items", "custom_fields"],
    "quickbooks": ["customers", "invoices", "items", "vendors", "expenses"],
}
BILLED = (152, 154, 158)  # sent bills; see `bill` for their clients


@pytest.fixture
def firm(session, sandbox):
    """Two small accounts, connected and read once, with a draft of both ready mappings."""
    keep_only(sandbox.clio, "contacts", 12)
    keep_only(sandbox.quickbooks, "customers", 12)
    keep_only(sandbox.quickbooks, "invoices", 5)
    sandbox.clio.put("matters", {"id": 900, "client": {"id": 4}})
    for number in list(sandbox.clio.shelves["bills"].numbers()):
        if number not in BILLED:
            sandbox.clio.shelves["bills"].delete(number)
    users.add("bo@firm.example", "admin", "correct horse battery", "Bo", actor="test")
    found = {key: connect(sandbox, key) for key in READ}
    bills(sandbox)
    for key, number in found.items():
        sync(number, kind="full", only=READ[key])
    flows.ensure()
    return found


def bills(sandbox) -> None:
    """Three sent bills, of contacts 1, 2 and 3, who are clients; their lines come to their totals."""
    for client, number in enumerate(BILLED, start=1):
        sandbox.clio.put("contacts", {"id": client, "is_client": True})
        lines = [n for n in sandbox.clio.shelves["line_items"].numbers()
                 if sandbox.clio.record("line_items", n)["bill"]["id"] == number]  # fmt: skip
        total = round(sum(sandbox.clio.record("line_items", n)["total"] for n in lines), 2)
        sandbox.clio.put("bills", {
            "id": number, "state": "awaiting_payment", "client": {"id": client}, "total": total, "subject": "May",
            "kind": "revenue_kind", "issued_at": "2026-05-29", "due_at": "2026-06-28",
        })  # fmt: skip


def invoices(sandbox) -> dict[str, dict]:
    shelf = sandbox.quickbooks.shelves["invoices"]
    shown = (sandbox.quickbooks.record("invoices", number) for number in shelf.numbers())
    return {one["DocNumber"]: one for one in shown}


@pytest.mark.postgresql_at_length
def test_the_clients_are_customers_once_and_a_change_on_either_side_reaches_the_other(firm, sandbox):
    mapping = switched_on(QUICKBOOKS_CUSTOMERS)
    before = len(sandbox.quickbooks.shelves["customers"])

    run = push(mapping, release_brake=True)

    assert run.refused == 0, run.message
    assert run.new >= 1
    assert len(sandbox.quickbooks.shelves["customers"]) == before + run.new
    assert partner(mapping, "1") == "1"  # the same person, known by the e-mail: not made a second time
    for key, number in firm.items():
        sync(number, only=READ[key])
    begun = len(sandbox.quickbooks.requests), len(sandbox.clio.requests)
    again = push(mapping)
    assert (again.new, again.changed) == (0, 0)
    assert not writes(sandbox.quickbooks, begun[0])
    assert not writes(sandbox.clio, begun[1])

    made = partner(mapping, "2")
    sandbox.quickbooks.put("customers", {"Id": made, "PrimaryEmailAddr": {"Address": "new@example.org"}})
    sandbox.clio.put("contacts", {"id": 3, "phone_numbers": [
        {"id": 9, "name": "Work", "number": "+15105550177", "default_number": True, "primary": True}
    ]})  # fmt: skip
    for key, number in firm.items():
        sync(number, only=READ[key])
    push(mapping)

    assert sandbox.clio.record("contacts", 2)["primary_email_address"] == "new@example.org"
    changed = sandbox.quickbooks.record("customers", partner(mapping, "3"))
    assert changed["PrimaryPhone"]["FreeFormNumber"] == "+15105550177"


def test_a_bill_becomes_an_invoice_after_a_second_administrator_approved_and_never_a_second_one(firm, sandbox):
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    with pytest.raises((Conflict, InvalidInput)):
        switched_on(QUICKBOOKS_INVOICES)
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    assert not [number for number in invoices(sandbox) if number.startswith("B-")]

    run = push(mapping, release_brake=True)

    assert (run.new, run.refused) == (3, 0), run.message
    for client, number in enumerate(BILLED, start=1):
        bill, invoice = sandbox.clio.record("bills", number), invoices(sandbox)[f"B-{number:05d}"]
        assert invoice["TotalAmt"] == invoice["Balance"] == bill["total"]
        assert invoice["CustomerRef"]["value"] == partner(mapping_of(QUICKBOOKS_CUSTOMERS).id, str(client))
        assert invoice["CustomerMemo"]["value"] == "May"
        assert (invoice["TxnDate"], invoice["DueDate"]) == ("2026-05-29", "2026-06-28")
    sync(firm["quickbooks"], only=["invoices"])
    begun = len(sandbox.quickbooks.requests)
    again = push(mapping)
    assert (again.new, again.changed) == (0, 0)
    assert not writes(sandbox.quickbooks, begun)


@pytest.mark.one_database
def test_an_invoice_follows_its_bill_until_it_is_paid(firm, sandbox):
    mapping = all_billed()
    number = BILLED[0]
    bill = sandbox.clio.record("bills", number)
    raised(sandbox, number, 50)
    sync(firm["clio"], only=["bills", "line_items"])
    assert push(mapping).changed == 1
    invoice = invoices(sandbox)[bill["number"]]
    assert invoice["TotalAmt"] == round(bill["total"] + 50, 2)

    sandbox.quickbooks.pay(invoice["Id"])
    raised(sandbox, number, 25)
    sync(firm["quickbooks"], only=["invoices"])
    sync(firm["clio"], only=["bills", "line_items"])
    push(mapping)

    assert invoices(sandbox)[bill["number"]]["TotalAmt"] == invoice["TotalAmt"]
    said = db.session.scalars(select(Change.message).where(Change.state == "dead")).all()
    assert any("paid in QuickBooks" in one for one in said), said


@pytest.mark.one_database
def test_a_bill_that_is_read_before_its_lines_waits_for_them_and_is_carried_then(firm, sandbox):
    """A webhook brings the bill alone. It was refused as if there were tax on it, and its invoice never followed."""
    mapping = all_billed()
    number = BILLED[0]
    bill = sandbox.clio.record("bills", number)
    raised(sandbox, number, 50)

    sync(firm["clio"], records=[f"bills:{number}"])
    early = push(mapping)
    assert (early.changed, early.refused) == (0, 0)
    assert "1 record waits for another one" in early.message
    sync(firm["clio"], only=["line_items"])
    push(mapping)

    assert invoices(sandbox)[bill["number"]]["TotalAmt"] == round(bill["total"] + 50, 2)


@pytest.mark.postgresql_at_length
def test_a_bill_that_was_taken_back_is_told_while_its_invoice_stands(firm, sandbox):
    """Voided and billed anew, the client would owe both: the run was green."""
    mapping = all_billed()
    sandbox.clio.put("bills", {"id": BILLED[0], "state": "void"})
    sync(firm["clio"], only=["bills"])

    run = push(mapping)

    assert (run.state, run.refused) == ("done_with_problems", 1)
    invoice = invoices(sandbox)[f"B-{BILLED[0]:05d}"]
    assert invoice["TotalAmt"]

    sandbox.quickbooks.put("invoices", voided(sandbox.quickbooks.record("invoices", invoice["Id"])))
    other = sandbox.quickbooks.record("invoices", invoices(sandbox)[f"B-{BILLED[1]:05d}"]["Id"])
    sandbox.quickbooks.put("invoices", voided(other))
    sync(firm["quickbooks"], only=["invoices"])

    assert push(mapping).refused == 1  # the one whose bill still stands


@pytest.mark.postgresql_at_length
def test_a_bill_and_an_invoice_whose_other_half_was_deleted_are_told(firm, sandbox):
    mapping = all_billed()
    made = [invoices(sandbox)[f"B-{number:05d}"]["Id"] for number in BILLED]
    sandbox.clio.shelves["bills"].delete(BILLED[0])  # its invoice stands
    sandbox.quickbooks.shelves["invoices"].delete(int(made[1]))  # its bill does
    sandbox.clio.shelves["bills"].delete(BILLED[2])
    sandbox.quickbooks.put("invoices", voided(sandbox.quickbooks.record("invoices", made[2])))
    sync(firm["clio"], kind="full", only=["bills"])
    sync(firm["quickbooks"], kind="full", only=["invoices"])

    run = push(mapping)

    assert run.state == "done_with_problems"
    assert "2 bills or invoices stand whose other half was deleted" in run.message


def problem() -> tuple[str, str]:
    found = db.session.execute(select(Issue.state, Issue.title).filter_by(kind="apart")).one()
    db.session.rollback()
    return tuple(found)


@pytest.mark.one_database
@pytest.mark.parametrize("what", ["taken back", "deleted"])
def test_a_bill_that_is_no_more_stays_a_problem_until_its_invoice_is_none_either(firm, sandbox, what):
    """The run that met it said so; the next one was green again over an invoice that nobody owes."""
    mapping = all_billed()
    assert not db.session.scalars(select(Issue)).all()
    if what == "deleted":
        sandbox.clio.shelves["bills"].delete(BILLED[0])
    else:
        sandbox.clio.put("bills", {"id": BILLED[0], "state": "void"})
    sync(firm["clio"], kind="full", only=["bills"])
    met = push(mapping)
    assert met.state == "done_with_problems"
    assert "Pair " not in "".join(run_log.lines(met.id, "txt", least="detail", contents=False))  # it may quote a value
    assert problem() == ("open", "Clio bills to QuickBooks invoices: what does not agree and is not carried")
    assert push(mapping).state == "done"
    assert problem()[0] == "open"

    invoice = invoices(sandbox)[f"B-{BILLED[0]:05d}"]
    sandbox.quickbooks.put("invoices", voided(sandbox.quickbooks.record("invoices", invoice["Id"])))
    sync(firm["quickbooks"], only=["invoices"])
    push(mapping)

    assert problem()[0] == "resolved"


@pytest.mark.one_database
def test_what_a_run_met_that_was_stopped_is_told_by_the_next_one_and_never_after_a_person_had_it_so(
    firm, sandbox, app, monkeypatch
):
    """Nothing of the pair changes any more: only the run that stopped had met it, and the next one was green."""
    mapping = all_billed()
    sandbox.clio.put("bills", {"id": BILLED[0], "state": "void"})
    sandbox.clio.put("bills", {"id": BILLED[1], "due_at": "2026-07-28"})
    sync(firm["clio"], only=["bills"])
    with monkeypatch.context() as strict:
        strict.setattr(app.config["SETTINGS"], "BRAKE_RECORDS", 1)
        assert push(mapping).state == "needs_person"

    push(mapping)

    assert problem()[0] == "open"
    issue = db.session.scalars(select(Issue).filter_by(kind="apart")).one()
    issue.state, issue.state_by = "resolved", "bo@firm.example"
    db.session.commit()
    push(mapping)
    assert problem()[0] == "resolved"


@pytest.mark.one_database
def test_the_problem_stays_while_an_older_pair_does_not_agree_however_many_newer_ones_do(firm, sandbox, monkeypatch):
    """Only so many of the newest were looked at: a full number of those that agree by now hid an older one."""
    mapping = all_billed()
    links = db.session.scalars(select(RecordLink).filter_by(mapping_id=mapping).order_by(RecordLink.id))
    older, newer, _ = [int(link.left_record.external_id) for link in links]
    db.session.rollback()
    for bill in (older, newer):
        sandbox.clio.shelves["bills"].delete(bill)
    sync(firm["clio"], kind="full", only=["bills"])
    push(mapping)
    made = invoices(sandbox)[f"B-{newer:05d}"]
    sandbox.quickbooks.put("invoices", voided(sandbox.quickbooks.record("invoices", made["Id"])))
    sync(firm["quickbooks"], only=["invoices"])
    monkeypatch.setattr(apart, "AT_ONCE", 1)

    push(mapping)

    assert problem()[0] == "open"


@pytest.mark.one_database
def test_the_problem_stays_while_a_bill_that_did_not_agree_waits_for_its_lines(firm, sandbox):
    """It waited, and so was none of those that do not agree: the problem ended by itself."""
    mapping = all_billed()
    total = sandbox.clio.record("bills", BILLED[0])["total"]
    sandbox.clio.put("bills", {"id": BILLED[0], "total": total + 7})
    sync(firm["clio"], only=["bills"])
    sync(firm["clio"], kind="full", only=["line_items"])
    push(mapping)
    assert problem()[0] == "open"

    sandbox.clio.put("bills", {"id": BILLED[0], "total": total + 8})
    sync(firm["clio"], only=["bills"])
    assert "not there yet" in push(mapping).message
    assert problem()[0] == "open"

    sandbox.clio.put("bills", {"id": BILLED[0], "total": total})
    sync(firm["clio"], only=["bills"])
    sync(firm["clio"], kind="full", only=["line_items"])
    push(mapping)
    assert problem()[0] == "resolved"


@pytest.mark.one_database
def test_the_problem_of_a_removed_mapping_ends_with_its_reason(firm, sandbox):
    """It stayed open for ever, and its advice said that it closes by itself after the next run."""
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    number = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    push(number, release_brake=True)
    sandbox.clio.put("bills", {"id": BILLED[0], "state": "void"})
    sync(firm["clio"], only=["bills"])
    push(number)
    assert problem()[0] == "open"

    mappings.pause(mapping_of(QUICKBOOKS_INVOICES), by="bo@firm.example")
    assert problem()[0] == "open"
    mappings.remove(mapping_of(QUICKBOOKS_INVOICES), by="bo@firm.example")

    issue = db.session.scalars(select(Issue).filter_by(kind="apart")).one()
    assert (issue.state, issue.state_by) == ("resolved", "bo@firm.example")
    [note] = issue_notes.of(issue.id)
    assert "Nobody compares its pairs any longer" in note.text


def all_billed() -> int:
    """The mapping of invoices, after the customers were carried and each bill has its invoice."""
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    push(mapping, release_brake=True)
    return mapping


def raised(sandbox, bill: int, by: float) -> None:
    """A line of a bill costs more by now, and so does the bill."""
    lines = sandbox.clio.shelves["line_items"].numbers()
    line = next(n for n in lines if sandbox.clio.record("line_items", n)["bill"]["id"] == bill)
    there = sandbox.clio.record("line_items", line)
    more = round(there["total"] + by, 2)
    sandbox.clio.put("line_items", {"id": line, "total": more, "sub_total": more, "price": more, "quantity": 1.0})
    sandbox.clio.put("bills", {"id": bill, "total": round(sandbox.clio.record("bills", bill)["total"] + by, 2)})


@pytest.mark.one_database
def test_bills_for_trust_and_bills_that_do_not_add_up_make_no_invoice(firm, sandbox):
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    trust, odd, fine = BILLED
    sandbox.clio.put("bills", {"id": trust, "kind": "trust_kind"})
    sandbox.clio.put("bills", {"id": odd, "total": sandbox.clio.record("bills", odd)["total"] + 7})
    sync(firm["clio"], only=["bills"])
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")

    run = push(mapping, release_brake=True)

    assert run.new == 1, run.message
    made = {number for number in invoices(sandbox) if number.startswith("B-")}
    assert made == {f"B-{fine:05d}"}


@pytest.mark.postgresql_at_length
def test_a_lost_answer_leaves_one_invoice(firm, sandbox, monkeypatch):
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    lost = lose_an_answer(sandbox.quickbooks, monkeypatch)

    push(mapping, release_brake=True)

    made = [number for number in invoices(sandbox) if number.startswith("B-")]
    assert lost
    assert len(made) == 3
    assert len(sandbox.quickbooks.shelves["invoices"]) == 8


@pytest.mark.postgresql_at_length
def test_invoices_of_the_hours_a_restore_lost_are_not_made_again(firm, sandbox):
    """Though QuickBooks gave them numbers of its own, and though the backup is younger than its memory for repeats."""
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    sandbox.quickbooks.numbers_itself = True
    made = backups.create(by="test")
    assert push(mapping, release_brake=True).new == 3
    there = len(sandbox.quickbooks.shelves["invoices"])

    restoring.restore(made.file, by="test")
    db.session.remove()
    outbound.resume(by="ada", anyway=True)
    push(mapping, release_brake=True)

    assert len(sandbox.quickbooks.shelves["invoices"]) == there


@pytest.mark.one_database
def test_what_was_voided_meanwhile_is_made_anew_only_when_a_person_who_was_told_retries(firm, sandbox):
    """The retry answered the same for good, and nothing said how to go on."""
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    sandbox.quickbooks.numbers_itself = True  # elsewhere a voided one keeps the number, and another one is refused
    made = backups.create(by="test")
    push(mapping, release_brake=True)
    number = db.session.scalar(select(Change.external_id).filter_by(mapping_id=mapping, state="done"))
    sandbox.quickbooks.put("invoices", voided(sandbox.quickbooks.record("invoices", number)))
    there = len(sandbox.quickbooks.shelves["invoices"])
    restoring.restore(made.file, by="test")
    db.session.remove()
    outbound.resume(by="ada", anyway=True)

    push(mapping, release_brake=True)

    dead = db.session.scalar(select(Change).filter_by(state="dead"))
    again = dead.id
    assert f"({number}) is voided in QuickBooks by now" in dead.message
    assert "Drop this write if that is right; retry it to have another one made." in dead.message
    assert len(sandbox.quickbooks.shelves["invoices"]) == there

    for run in refused_writes.retry_all(by="ada", mapping_id=mapping)[1]:
        carry_out(run)

    assert len(sandbox.quickbooks.shelves["invoices"]) == there + 1
    assert db.session.get(Change, again).state == "done"


def lose_an_answer(upstream, monkeypatch) -> list[str]:
    """The first write is carried out and hung up on; what was lost."""
    lost: list[str] = []
    answer = upstream.answer

    def losing(request):
        given = answer(request)
        if request.method == "POST" and "/invoice" in request.path and not lost:
            lost.append(request.path)
            return Answer(raw=b"")
        return given

    monkeypatch.setattr(upstream, "answer", losing)
    return lost


def reasons() -> list[str]:
    found = select(RecordLink.reason).where(RecordLink.reason != "", RecordLink.state == "linked")
    return list(db.session.scalars(found))


@pytest.mark.one_database
def test_an_invoice_that_asks_for_more_than_its_bill_is_told_and_not_written_again(firm, sandbox, monkeypatch):
    """QuickBooks puts tax on it although its lines say that there is none."""
    monkeypatch.setattr(sandbox.quickbooks, "sales_tax", 8.25, raising=False)
    monkeypatch.setattr("integration_console.sandbox.quickbooks.writes._is_taxed", lambda line: True)
    mapping = all_billed()
    begun = len(sandbox.quickbooks.requests)

    run = push(mapping)

    assert (run.state, run.refused) == ("done_with_problems", 3), run.message
    assert all("there is tax on it" in one for one in reasons())
    assert not writes(sandbox.quickbooks, begun)
    assert problem()[0] == "open"


@pytest.mark.one_database
def test_an_invoice_in_another_currency_than_its_bill_is_told(firm, sandbox):
    mapping = all_billed()
    there = invoices(sandbox)[f"B-{BILLED[0]:05d}"]
    sandbox.quickbooks.put("invoices", {"Id": there["Id"], "CurrencyRef": {"value": "CAD"}})
    sync(firm["quickbooks"], only=["invoices"])

    run = push(mapping)

    assert run.refused == 1, run.message
    assert reasons() == ["The bill is in USD and its invoice in CAD. Look at both."]


@pytest.mark.postgresql_at_length
def test_a_bill_of_a_closed_period_waits_for_who_keeps_the_books_and_is_then_made_once(firm, sandbox, monkeypatch):
    """QuickBooks gives its refusal again to a repeat, and its own words speak of services and websites."""
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")
    monkeypatch.setattr(sandbox.quickbooks, "closed_until", "2026-05-31", raising=False)
    run = push(mapping, release_brake=True)
    assert (run.state, run.new, run.refused) == ("done_with_problems", 0, 3), run.message
    refused = db.session.scalars(select(Change).where(Change.state == "dead")).all()
    assert {one.error_field for one in refused} == {"TxnDate"}
    assert all("closed in QuickBooks" in one.message and "keeps the books" in one.message for one in refused)
    begun = len(sandbox.quickbooks.requests)
    push(mapping)
    assert not writes(sandbox.quickbooks, begun)

    sandbox.quickbooks.closed_until = ""
    for change in db.session.scalars(select(Change).where(Change.state == "dead")).all():
        outbox.retry(change, by="bo@firm.example")
    assert push(mapping, release_brake=True).new == 3

    assert len([number for number in invoices(sandbox) if number.startswith("B-")]) == 3


@pytest.mark.one_database
def test_a_bill_in_a_currency_the_company_does_not_keep_is_refused_by_its_field(firm, sandbox):
    push(switched_on(QUICKBOOKS_CUSTOMERS), release_brake=True)
    sandbox.clio.put("bills", {"id": BILLED[0], "currency": {"id": 2, "code": "CAD", "sign": "$"}})
    sync(firm["clio"], only=["bills"])
    mapping = switched_on(QUICKBOOKS_INVOICES, approved_by="bo@firm.example")

    assert push(mapping, release_brake=True).new == 2

    (refused,) = db.session.scalars(select(Change).where(Change.state == "dead")).all()
    assert refused.error_field == "CurrencyRef.value"
