"""QuickBooks, written to the sandbox: what is sent, what is kept, what is refused, and what a repeat does."""

from dataclasses import replace

import pytest

from integration_console import clock, services
from integration_console.errors import BadAnswer, BadRecord, Stale
from integration_console.sandbox.quickbooks.writes import voided
from integration_console.services.writing import Write, bill_line
from integration_console.sync.sending.guards import may_write

WRITING = services.by_key("quickbooks").writing
LINES = [bill_line("Drafting", 1.5, 300, 450), bill_line("Filing fee", 1, 435, 435)]


class Desk:
    """Writes through the service as the outbox does."""

    def __init__(self, connected):
        self.connected, self.sandbox = connected, connected.sandbox

    def create(self, resource, marker="", **values):
        return self._send(Write("create", resource, values, marker=marker, since=clock.now()))

    def update(self, resource, number, values, current=None, marker=""):
        current = self.connected.one(resource, number) if current is None else current
        return self._send(Write("update", resource, values, str(number), current, marker=marker))

    def _send(self, write):
        if why := WRITING.refusal(write):
            raise BadRecord(why)
        return WRITING.send(self.connected.upstream, write)

    def invoice(self, number="B-1", **more):
        values = {"DocNumber": number, "CustomerRef.value": "1", "lines": LINES, "item": "Services", **more}
        return self.create("invoices", **values)


@pytest.fixture
def desk(fresh_quickbooks):
    return Desk(fresh_quickbooks)


def posts(desk, since=0):
    return [one for one in desk.connected.asked(since) if one.method == "POST"]


# -- customers --------------------------------------------------------------------------------------------------------


def test_a_customer_is_made_and_shown_as_a_read_shows_it(desk):
    done = desk.create("customers", **{
        "DisplayName": "Nova Quist", "GivenName": "Nova", "FamilyName": "Quist", "CompanyName": None,
        "PrimaryEmailAddr.Address": "nova@example.org", "BillAddr.Line1": "1 Elm", "BillAddr.City": "Reno",
    })  # fmt: skip

    assert done.record == desk.connected.one("customers", done.external_id)
    assert WRITING.plain("customers", done.record)["PrimaryEmailAddr.Address"] == "nova@example.org"
    assert "CompanyName" not in done.record


def test_an_update_sends_what_changes_and_keeps_the_rest(desk):
    before = desk.connected.one("customers", "4")

    done = desk.update("customers", "4", {"BillAddr.City": "Elsewhere", "GivenName": before.get("GivenName")})

    assert done.record["BillAddr"] == {**before["BillAddr"], "City": "Elsewhere"}
    assert done.record["SyncToken"] != before["SyncToken"]
    moved = {"BillAddr": 0, "MetaData": 0, "SyncToken": 0}
    assert {**done.record, **moved} == {**before, **moved}


def test_an_emptied_field_is_emptied_and_what_is_so_already_is_not_sent(desk):
    done = desk.update("customers", "4", {"PrimaryEmailAddr.Address": None, "BillAddr.City": ""})
    plain = WRITING.plain("customers", done.record)
    assert plain["PrimaryEmailAddr.Address"] is plain["BillAddr.City"] is None
    assert plain["BillAddr.Line1"]
    before = desk.connected.calls()

    again = desk.update("customers", "4", {"PrimaryEmailAddr.Address": None}, done.record)

    assert again.record == done.record
    assert not posts(desk, before)


def test_a_record_that_moved_on_is_stale(desk):
    known = desk.connected.one("customers", "4")
    desk.sandbox.put("customers", {"Id": "4", "Notes": "moved"})

    with pytest.raises(Stale):
        desk.update("customers", "4", {"GivenName": "Somebody"}, known)
    assert desk.sandbox.record("customers", "4")["Notes"] == "moved"


def test_a_name_that_is_taken_or_does_not_fit_is_refused_by_its_field(desk):
    taken = desk.sandbox.record("vendors", 2)["DisplayName"]

    with pytest.raises(BadRecord, match="there already") as told:
        desk.create("customers", DisplayName=taken.upper())
    assert told.value.field == "DisplayName"
    with pytest.raises(BadRecord, match="colon") as told:
        desk.create("customers", DisplayName="A: B")
    assert told.value.field == "DisplayName"
    with pytest.raises(BadRecord, match="100 characters"):
        desk.create("customers", DisplayName="Long", GivenName="x" * 101)


# -- invoices ---------------------------------------------------------------------------------------------------------


def test_an_invoice_holds_the_lines_of_the_bill_and_no_cent_is_lost(desk):
    lines = [bill_line(f"Work {n}", "0.1", "0.7", "0.07") for n in range(30)]

    done = desk.invoice(lines=lines)

    plain = WRITING.plain("invoices", done.record)
    assert plain["lines"] == lines
    assert (plain["TotalAmt"], plain["Balance"], plain["state"]) == (2.1, 2.1, "open")
    assert plain["item"] == "Services"


def test_changed_lines_keep_what_people_set_on_them(desk):
    done = desk.invoice()
    dated = [dict(line) for line in done.record["Line"]]
    dated[0]["SalesItemLineDetail"] = {**dated[0]["SalesItemLineDetail"], "ServiceDate": "2026-05-04"}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": dated})

    more = [bill_line("Drafting", 2, 300, 600), LINES[1], bill_line("Courier", 1, 12, 12)]
    changed = desk.update("invoices", done.external_id, {"lines": more})

    assert WRITING.plain("invoices", changed.record)["lines"] == more
    assert changed.record["Line"][0]["SalesItemLineDetail"]["ServiceDate"] == "2026-05-04"
    assert changed.record["TotalAmt"] == 1047


def test_lines_people_have_added_are_never_written_over(desk):
    done = desk.invoice()
    off = {"Amount": 45, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": [*done.record["Line"], off]})

    with pytest.raises(BadRecord, match="discount line, which would be lost"):
        desk.update("invoices", done.external_id, {"lines": LINES[:1]})


@pytest.mark.parametrize(("invoice", "said"), [("1", "paid"), ("4", "partly paid"), ("29", "voided")])
def test_what_is_paid_or_voided_is_not_changed(desk, invoice, said):
    with pytest.raises(BadRecord, match=f"is {said} in QuickBooks"):
        desk.update("invoices", invoice, {"DueDate": "2026-12-01"})
    assert not posts(desk)


def test_what_was_paid_since_it_was_compared_is_not_changed_either(desk):
    done = desk.invoice()
    desk.sandbox.pay(done.external_id)

    with pytest.raises(Stale):
        desk.update("invoices", done.external_id, {"DueDate": "2026-12-01"}, done.record)


def test_an_invoice_is_never_turned_into_another_customers(desk):
    done = desk.invoice()

    with pytest.raises(BadRecord, match="never turned into another customer's"):
        desk.update("invoices", done.external_id, {"CustomerRef.value": "2"})


def test_a_number_that_is_taken_is_refused(desk):
    desk.invoice("B-7")

    with pytest.raises(BadRecord, match="of this number") as told:
        desk.invoice("B-7")
    assert told.value.field == "DocNumber"


# -- trust money ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", ["Retainer deposit", "IOLTA", "Trust transfer"])
def test_a_product_for_trust_money_is_never_billed(desk, item):
    with pytest.raises(BadRecord, match="trust money"):
        desk.invoice(item=item)
    assert not posts(desk)


def test_a_product_that_books_to_a_trust_account_is_never_billed_whatever_its_name(desk):
    desk.sandbox.put("items", {"Id": "6", "IncomeAccountRef": {"value": "6", "name": "Client Trust Liability"}})

    with pytest.raises(BadRecord, match="trust money"):
        desk.invoice(item="Courier")
    with pytest.raises(BadRecord, match="no product or service called “Sorvices”"):
        desk.invoice(item="Sorvices")
    assert not posts(desk)


def test_only_customers_and_invoices_are_ever_written():
    service = services.by_key("quickbooks")

    may = {(key, op) for key, one in service.resources.items() for op in ("create", "update", "delete")
           if may_write(service, one, op)}  # fmt: skip
    assert may == {(key, op) for key in ("customers", "invoices") for op in ("create", "update")}
    assert service.resources["chart_of_accounts"].trust
    assert not WRITING.fields("chart_of_accounts")
    for resource in ("vendors", "expenses", "items", "deposits", "journal_entries"):
        assert WRITING.refusal(Write("create", resource, {}))
        assert not any(field.writable for field in WRITING.fields(resource))


# -- repeats ----------------------------------------------------------------------------------------------------------


def test_a_repeat_with_the_same_key_gives_the_first_answer(desk):
    first = desk.create("customers", marker="f" * 32, DisplayName="Once Only")
    again = desk.create("customers", marker="f" * 32, DisplayName="Once Only")

    assert first.external_id == again.external_id
    assert len([one for one in posts(desk) if "requestid=" + "f" * 32 in one.query]) == 2


def test_after_the_keys_life_what_was_made_is_found_by_what_is_one_of_a_kind(desk):
    invoice = desk.invoice("B-9")
    customer = desk.create("customers", DisplayName="O'Neill's")
    upstream = desk.connected.upstream

    wanted = Write("create", "invoices", {"DocNumber": "B-9", "CustomerRef.value": "1"})
    assert [one["Id"] for one in WRITING.find(upstream, wanted)] == [invoice.external_id]
    other = Write("create", "invoices", {"DocNumber": "B-9", "CustomerRef.value": "2"})
    assert WRITING.find(upstream, other) == []
    wanted = Write("create", "customers", {"DisplayName": "o'neill's"})
    assert [one["Id"] for one in WRITING.find(upstream, wanted)] == [customer.external_id]
    assert not WRITING.idempotency.remembers(clock.now() - 2 * WRITING.idempotency.life, clock.now())
    with pytest.raises(BadRecord, match="no number to be looked for by"):
        WRITING.find(upstream, Write("create", "invoices", {"CustomerRef.value": "1"}))


@pytest.mark.parametrize("body", [{}, {"Customer": {}}, {"Invoice": {"Id": "1"}}])
def test_an_answer_without_the_record_is_as_good_as_lost(desk, body):
    desk.sandbox.script("/v3/company/*/customer", {"body": body})

    with pytest.raises(BadAnswer, match="holds no Customer") as told:
        desk.create("customers", DisplayName="Somebody")
    assert told.value.code == "lost"


def test_a_value_that_cannot_be_written_is_refused_by_its_field(desk):
    with pytest.raises(BadRecord, match="Balance"):
        desk.update("customers", "4", {"Balance": 5})
    with pytest.raises(BadRecord, match="of_tomorrow"):
        desk.create("customers", DisplayName="A", of_tomorrow=1)
    with pytest.raises(BadRecord, match="cannot be empty"):
        desk.update("customers", "4", {"DisplayName": None})
    with pytest.raises(BadRecord, match="not a date"):
        desk.invoice(DueDate="soon")


def test_a_lost_invoice_is_found_though_quickbooks_gave_it_a_number_of_its_own(desk):
    """Without custom transaction numbers, it does: the bill was made a second time once its request was forgotten."""
    desk.sandbox.numbers_itself = True
    made = desk.invoice("B-9")
    assert made.record["DocNumber"] != "B-9"
    values = {"DocNumber": "B-9", "CustomerRef.value": "1", "lines": LINES, "item": "Services"}
    wanted = Write("create", "invoices", values, since=clock.now())

    found = WRITING.find(desk.connected.upstream, wanted)

    assert [one["Id"] for one in found] == [made.external_id]
    other = Write("create", "invoices", values | {"lines": LINES[:1]}, since=clock.now())
    assert WRITING.find(desk.connected.upstream, other) == []


def test_where_quickbooks_keeps_our_numbers_another_bill_of_the_same_lines_is_not_taken_for_it(desk):
    """One client's flat fees are alike: the second bill was never made."""
    desk.invoice("B-8")
    values = {"DocNumber": "B-9", "CustomerRef.value": "1", "lines": LINES, "item": "Services"}

    assert WRITING.find(desk.connected.upstream, Write("create", "invoices", values, since=clock.now())) == []


def test_what_was_there_before_is_not_what_a_lost_answer_made(desk):
    desk.invoice("B-9")
    customer = desk.create("customers", DisplayName="Ada Lovelace").record
    later = clock.now() + 3 * clock.APART
    invoice = {"DocNumber": "B-9", "CustomerRef.value": "1", "lines": LINES, "item": "Services"}

    assert WRITING.find(desk.connected.upstream, Write("create", "invoices", invoice, since=later)) == []
    name = {"DisplayName": customer["DisplayName"]}
    assert WRITING.find(desk.connected.upstream, Write("create", "customers", name, since=later)) == []


def test_a_voided_invoice_is_not_taken_for_the_one_that_was_to_be_made(desk):
    made = desk.invoice("B-9")
    desk.sandbox.put("invoices", {"Id": made.external_id, "TotalAmt": 0, "Balance": 0, "PrivateNote": "Voided"})
    invoice = {"DocNumber": "B-9", "CustomerRef.value": "1", "lines": LINES, "item": "Services"}

    wanted = Write("create", "invoices", invoice, since=clock.now())
    with pytest.raises(BadRecord, match="voided in QuickBooks"):
        WRITING.find(desk.connected.upstream, wanted)
    assert WRITING.find(desk.connected.upstream, replace(wanted, told=(made.external_id,))) == []


def test_a_lost_customer_is_found_though_somebody_made_it_inactive(desk):
    """W3: else a second one would be made, for QuickBooks hides the inactive unless they are asked for."""
    wanted = Write("create", "customers", {"DisplayName": "Nova O'Quist"}, since=clock.now())
    made = desk.create("customers", DisplayName="Nova O'Quist")
    desk.sandbox.put("customers", {"Id": made.external_id, "Active": False})

    (found,) = WRITING.find(desk.connected.upstream, wanted)

    assert (found["Id"], found["Active"]) == (made.external_id, False)


def test_a_lost_invoice_that_quickbooks_numbered_itself_is_found_though_it_was_voided(desk):
    """A voided one says its lines with no amounts: the bill was made a second time."""
    desk.sandbox.numbers_itself = True
    made = desk.invoice("B-9")
    desk.sandbox.put("invoices", voided(desk.sandbox.record("invoices", made.external_id)))
    values = {"DocNumber": "B-9", "CustomerRef.value": "1", "lines": LINES, "item": "Services"}
    wanted = Write("create", "invoices", values, since=clock.now())

    with pytest.raises(BadRecord, match="voided in QuickBooks"):
        WRITING.find(desk.connected.upstream, wanted)
    other = Write("create", "invoices", values | {"lines": LINES[:1]}, since=clock.now())
    assert WRITING.find(desk.connected.upstream, other) == []


# -- what people did meanwhile ----------------------------------------------------------------------------------------


def test_an_invoice_that_is_paid_since_it_was_read_is_not_changed(desk):
    """Whether a payment moves the SyncToken is written nowhere."""
    known = desk.invoice("B-9").record
    desk.sandbox.pay(known["Id"])
    desk.sandbox.tokens["invoices", int(known["Id"])] = int(known["SyncToken"])

    with pytest.raises((BadRecord, Stale)):
        desk.update("invoices", known["Id"], {"lines": LINES[:1]}, known)
    assert desk.sandbox.record("invoices", known["Id"])["TotalAmt"] == 885


def test_lines_keep_what_people_set_on_them_wherever_they_come_to_stand(desk):
    done = desk.invoice(lines=[*LINES, bill_line("Courier", 1, 12, 12)])
    services = products_of(done.record)["Drafting"]
    items = {"Drafting": "2", "Filing fee": "3", "Courier": "6"}
    lines = [line for line in done.record["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    for line in lines:
        line["SalesItemLineDetail"] = {**line["SalesItemLineDetail"], "ItemRef": {"value": items[line["Description"]]}}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": lines})

    wanted = [LINES[1], bill_line("Courier", 1, 14, 14), bill_line("New", 1, 9, 9)]
    changed = desk.update("invoices", done.external_id, {"lines": wanted, "item": "Services"}).record

    kept = products_of(changed)
    assert (kept["Filing fee"], kept["Courier"]) == ("3", "6")
    assert kept["New"] == services
    assert changed["TotalAmt"] == 458


def products_of(invoice) -> dict[str, str]:
    """What each line is for: its words, its product's number."""
    lines = [line for line in invoice["Line"] if line["DetailType"] == "SalesItemLineDetail"]
    return {line["Description"]: line["SalesItemLineDetail"]["ItemRef"]["value"] for line in lines}


def test_the_product_of_a_new_line_is_not_guessed(desk):
    """Where none is named it took the first line's, whatever the others were for: another account of revenue."""
    done = desk.invoice()
    lines = [dict(line) for line in done.record["Line"]]
    lines[0]["SalesItemLineDetail"] = {**lines[0]["SalesItemLineDetail"], "ItemRef": {"value": "6"}}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": lines})
    more = [*LINES, bill_line("Expert", 1, 900, 900)]

    with pytest.raises(BadRecord, match="for several products") as refused:
        desk.update("invoices", done.external_id, {"lines": more})

    assert refused.value.field == "item"
    dearer = [bill_line("Drafting", 1.5, 500, 750), LINES[1]]
    desk.update("invoices", done.external_id, {"lines": dearer})  # no line of it is new


def test_a_product_that_may_not_be_billed_is_not_taken_from_the_other_lines(desk):
    done = desk.invoice()
    ours = products_of(done.record)["Drafting"]
    more = [*LINES, bill_line("Expert", 1, 900, 900)]
    desk.sandbox.put("items", {"Id": ours, "IncomeAccountRef": {"value": "6", "name": "Client Trust Liability"}})
    with pytest.raises(BadRecord, match="trust money"):
        desk.update("invoices", done.external_id, {"lines": more})

    desk.sandbox.put("items", {"Id": ours, "Active": False})
    with pytest.raises(BadRecord, match="not in use any more"):
        desk.update("invoices", done.external_id, {"lines": more})


def test_a_new_line_has_nothing_of_one_that_was_removed(desk):
    """It took its number, its tax and its day by its place among the lines."""
    done = desk.invoice()
    lines = [dict(line) for line in done.record["Line"]]
    theirs = {"TaxCodeRef": {"value": "7"}, "ServiceDate": "2026-05-04"}
    lines[1]["SalesItemLineDetail"] = {**lines[1]["SalesItemLineDetail"], **theirs}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": lines})

    more = [LINES[0], bill_line("Expert", 1, 900, 900)]
    changed = desk.update("invoices", done.external_id, {"lines": more}).record

    new = next(line for line in changed["Line"] if line.get("Description") == "Expert")
    assert not [name for name, value in theirs.items() if new["SalesItemLineDetail"].get(name) == value]


def test_what_a_line_came_to_before_does_not_go_with_its_new_amount(desk):
    done = desk.invoice()
    lines = [dict(line) for line in done.record["Line"]]
    lines[0]["SalesItemLineDetail"] = {**lines[0]["SalesItemLineDetail"], "TaxInclusiveAmt": 540, "DiscountRate": 10}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": lines})

    wanted = [bill_line("Drafting", 2, 300, 600), LINES[1]]
    changed = desk.update("invoices", done.external_id, {"lines": wanted}).record

    assert not {"TaxInclusiveAmt", "DiscountRate"} & set(changed["Line"][0]["SalesItemLineDetail"])


def test_an_invoice_for_something_inactive_is_refused_and_not_called_missing(desk):
    error = {"Message": "Object Not Found", "Detail": "Something you're trying to use is inactive", "code": "610"}
    body = {"Fault": {"Error": [error], "type": "ValidationFault"}}
    desk.sandbox.script("/v3/company/*/invoice", {"status": 400, "body": body})

    with pytest.raises(BadRecord, match="inactive or deleted"):
        desk.invoice("B-9")


# -- tax --------------------------------------------------------------------------------------------------------------


def taxable(desk):
    """The company counts sales tax by itself, and both the product and the customer are taxable."""
    desk.sandbox.sales_tax = 8.25
    desk.sandbox.put("items", {"Id": "1", "Taxable": True})
    desk.sandbox.put("customers", {"Id": "1", "Taxable": True})


def test_an_invoice_comes_to_what_was_billed_though_the_company_taxes_its_product(desk):
    """A line that says nothing of tax takes its product's: the client was asked for more than the bill."""
    taxable(desk)

    done = desk.invoice()

    assert (done.record["TotalAmt"], done.record["Balance"]) == (885, 885)
    more = [*LINES, bill_line("Courier", 1, 12, 12)]
    changed = desk.update("invoices", done.external_id, {"lines": more})
    assert changed.record["TotalAmt"] == 897


def test_outside_the_united_states_an_invoice_says_that_its_lines_bear_no_tax(desk):
    """Every line needs a tax code there, unless the invoice is outside of tax: each invoice was refused."""
    desk.sandbox.country = "GB"

    done = desk.invoice()

    assert (done.record["TotalAmt"], done.record["GlobalTaxCalculation"]) == (885, "NotApplicable")
    more = [*LINES, bill_line("Courier", 1, 12, 12)]
    changed = desk.update("invoices", done.external_id, {"lines": more}).record
    assert (changed["TotalAmt"], changed["GlobalTaxCalculation"]) == (897, "NotApplicable")


def test_a_new_line_takes_the_tax_code_all_others_have_where_each_needs_one(desk):
    desk.sandbox.country = "GB"
    done = desk.invoice()
    coded = [dict(line) for line in done.record["Line"]]
    for line in coded[:2]:
        line["SalesItemLineDetail"] = {**line["SalesItemLineDetail"], "TaxCodeRef": {"value": "4"}}
    desk.sandbox.put("invoices", {"Id": done.external_id, "Line": coded, "GlobalTaxCalculation": "TaxExcluded"})

    changed = desk.update("invoices", done.external_id, {"lines": [*LINES, bill_line("Courier", 1, 12, 12)]})

    assert changed.record["GlobalTaxCalculation"] == "TaxExcluded"
    codes = [line["SalesItemLineDetail"]["TaxCodeRef"]["value"] for line in changed.record["Line"][:3]]
    assert codes == ["4", "4", "4"]
