"""Xero, written at the sandbox: contacts and unpaid invoices, once each, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integration_console import clock
from integration_console.errors import BadAnswer, BadRecord, TryLater
from integration_console.services.writing import Write, bill_line
from integration_console.services.xero import SERVICE
from integration_console.services.xero.fields import FIELDS, plain_of
from integration_console.services.xero.paging import PAGE
from integration_console.sync.sending import guards

WRITING = SERVICE.writing
LINES = [bill_line("Drafting", 1.5, 300, 450), bill_line("Courier", 1, 25.5, 25.5)]
NOBODY = "00000000-0000-4000-8000-000000000000"


def a_contact(xero, **wanted) -> dict:
    return next(one for one in xero.records("contacts") if all(one.get(k) == v for k, v in wanted.items()))


def an_invoice(xero, status: str) -> dict:
    return next(one for one in xero.records("invoices") if one["Status"] == status)


def values_for(xero, **more) -> dict:
    contact = a_contact(xero, ContactStatus="ACTIVE")["ContactID"]
    return {"InvoiceNumber": "B-00007", "Contact.ContactID": contact, "Date": "2026-11-03", "DueDate": "2026-12-03",
            "Lines": LINES, "Line.AccountCode": "200", "LineAmountTypes": "NoTax", "Status": "DRAFT",
            **more}  # fmt: skip


def create(xero, resource, values, **more):
    return WRITING.send(xero.upstream, Write("create", resource, values, marker="m" * 32, since=clock.now(), **more))


def change(xero, resource, record, **values):
    number = record[SERVICE.resources[resource].id]
    return WRITING.send(xero.upstream, Write("update", resource, values, number, record, marker="u" * 32))


def written(xero, since=0):
    return [one for one in xero.asked(since) if one.method != "GET"]


# -- contacts ---------------------------------------------------------------------------------------------------------


def test_a_new_contact_is_there_as_it_was_meant(fresh_xero):
    values = {"Name": "Ada Lovelace", "FirstName": "Ada", "LastName": "Lovelace", "EmailAddress": "ada@example.com",
              "Phone": "+15105550123", "Address.AddressLine1": "1 Pine St", "Address.City": "Oakland",
              "ContactNumber": "clio-12"}  # fmt: skip

    made = create(fresh_xero, "contacts", values)

    there = fresh_xero.one("contacts", made.external_id)
    assert {name: plain_of("contacts", there)[name] for name in values} == values
    assert made.record["ContactID"] == made.external_id
    assert [(one.method, one.path) for one in written(fresh_xero)] == [("PUT", "/api.xro/2.0/Contacts")]


def test_a_changed_contact_keeps_what_was_not_named(fresh_xero):
    before = next(one for one in fresh_xero.records("contacts") if plain_of("contacts", one)["Phone"])

    change(fresh_xero, "contacts", before, **{"Address.City": "Reno"})

    after = fresh_xero.one("contacts", before["ContactID"])
    told, now = plain_of("contacts", before), plain_of("contacts", after)
    assert now == {**told, "Address.City": "Reno"}
    assert {one["PhoneType"] for one in after["Phones"]} == {one["PhoneType"] for one in before["Phones"]}


def test_a_number_in_three_parts_is_replaced_whole(fresh_xero):
    contact = fresh_xero.records("contacts")[0]
    phones = [{"PhoneType": "DEFAULT", "PhoneNumber": "555-0100", "PhoneAreaCode": "510", "PhoneCountryCode": "1"}]
    fresh_xero.sandbox.put("contacts", {"ContactID": contact["ContactID"], "Phones": phones})
    record = fresh_xero.one("contacts", contact["ContactID"])
    assert plain_of("contacts", record)["Phone"] == "+1 510 555-0100"

    change(fresh_xero, "contacts", record, Phone="+15105550199")

    assert plain_of("contacts", fresh_xero.one("contacts", contact["ContactID"]))["Phone"] == "+15105550199"


def test_emptied_fields_are_empty_and_a_name_never_is(fresh_xero):
    record = next(one for one in fresh_xero.records("contacts") if one["EmailAddress"])

    change(fresh_xero, "contacts", record, EmailAddress=None)

    assert plain_of("contacts", fresh_xero.one("contacts", record["ContactID"]))["EmailAddress"] is None
    with pytest.raises(BadRecord) as refused:
        change(fresh_xero, "contacts", record, Name=None)
    assert refused.value.field == "Name"


@pytest.mark.parametrize("status", [400, 200])
def test_a_name_that_is_taken_is_refused_by_its_field_also_within_an_answer_of_200(fresh_xero, status):
    taken = fresh_xero.records("contacts")[3]["Name"]
    if status == 200:
        said = [{"Message": f"The contact name {taken} is already assigned to another contact."}]
        element = {"ContactID": "0" * 8, "StatusAttributeString": "ERROR", "HasErrors": True, "ValidationErrors": said}
        fresh_xero.sandbox.script("/Contacts", {"method": "PUT", "body": {"Contacts": [element]}})

    with pytest.raises(BadRecord, match="already assigned") as refused:
        create(fresh_xero, "contacts", {"Name": taken.upper()})

    assert refused.value.field == "Name"
    assert written(fresh_xero)[0].status == status


def test_an_invoice_that_only_tells_what_is_wrong_with_it_was_not_made(fresh_xero):
    """Such an element of an answer of 200 has an id of nothing but zeros, which was linked as if it were an invoice."""
    said = [{"Message": "Account code '999' is not a valid code for this document."}]
    element = {"InvoiceID": "00000000-0000-0000-0000-000000000000", "ValidationErrors": said}
    fresh_xero.sandbox.script("/Invoices", {"method": "PUT", "body": {"Status": "OK", "Invoices": [element]}})

    with pytest.raises(BadRecord, match="999") as refused:
        create(fresh_xero, "invoices", values_for(fresh_xero))

    assert refused.value.field == "Line.AccountCode"


def test_an_archived_contact_is_left_alone(fresh_xero):
    archived = a_contact(fresh_xero, ContactStatus="ARCHIVED")

    assert "archived" in WRITING.refusal(Write("update", "contacts", {"FirstName": "x"}, "1", archived))


# -- invoices ---------------------------------------------------------------------------------------------------------


def test_a_new_invoice_holds_its_lines_and_totals(fresh_xero):
    values = values_for(fresh_xero)

    made = create(fresh_xero, "invoices", values)

    there = fresh_xero.one("invoices", made.external_id)
    plain = plain_of("invoices", there)
    assert {name: plain[name] for name in values} == values
    assert (there["Total"], there["TotalTax"], there["Type"]) == (475.5, 0.0, "ACCREC")


def test_lines_that_stay_keep_their_ids_and_what_the_bookkeeper_gave_them(fresh_xero):
    made = create(fresh_xero, "invoices", values_for(fresh_xero)).record
    lines = [{**line, "AccountCode": code} for line, code in zip(made["LineItems"], ("200", "205"), strict=True)]
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "LineItems": lines})
    record = fresh_xero.one("invoices", made["InvoiceID"])

    change(
        fresh_xero, "invoices", record, Lines=[*LINES[:1], bill_line("Courier", 2, 25.5, 51), bill_line("New", 1, 9, 9)]
    )

    after = fresh_xero.one("invoices", made["InvoiceID"])
    assert [line["LineItemID"] for line in after["LineItems"]][:2] == [line["LineItemID"] for line in lines]
    assert [line.get("AccountCode") for line in after["LineItems"]] == ["200", "205", None]
    assert after["Total"] == 510.0


def test_a_quantity_xero_cannot_hold_exactly_goes_as_one_piece_at_its_amount(fresh_xero):
    line = bill_line("Call", "0.33333", "300", "100.00")

    made = create(fresh_xero, "invoices", values_for(fresh_xero, Lines=[line]))

    assert made.record["Total"] == 100.0
    assert made.record["LineItems"][0]["Quantity"] == 1


def test_an_amount_finer_than_xero_keeps_is_left_to_a_person(fresh_xero):
    line = bill_line("Call", 1, "10.125", "10.125", "KWD")

    with pytest.raises(BadRecord, match="two decimals") as refused:
        create(fresh_xero, "invoices", values_for(fresh_xero, Lines=[line]))
    assert refused.value.field == "Lines"


def test_a_number_that_is_taken_is_refused_and_changes_nothing(fresh_xero):
    """A POST without an id would have written over the invoice that has it."""
    there = an_invoice(fresh_xero, "AUTHORISED")

    with pytest.raises(BadRecord, match="must be unique") as refused:
        create(fresh_xero, "invoices", values_for(fresh_xero, InvoiceNumber=there["InvoiceNumber"]))

    assert refused.value.field == "InvoiceNumber"
    assert fresh_xero.one("invoices", there["InvoiceID"]) == there


def test_an_account_that_is_not_there_is_the_fault_of_its_field(fresh_xero):
    with pytest.raises(BadRecord, match="'999'") as refused:
        create(fresh_xero, "invoices", values_for(fresh_xero, **{"Line.AccountCode": "999"}))

    assert refused.value.field == "Line.AccountCode"


def test_a_400_with_elements_names_the_field_too(fresh_xero):
    record = an_invoice(fresh_xero, "DRAFT")

    with pytest.raises(BadRecord, match="could not be found") as refused:
        change(fresh_xero, "invoices", record, **{"Contact.ContactID": NOBODY})

    assert (refused.value.status, refused.value.field) == (400, "Contact.ContactID")


@pytest.mark.parametrize("status", ["PAID", "VOIDED"])
def test_what_is_over_is_never_written(fresh_xero, status):
    record = an_invoice(fresh_xero, status)

    assert WRITING.refusal(Write("update", "invoices", {"Reference": "x"}, record["InvoiceID"], record))


def test_an_invoice_with_money_on_it_is_never_written(fresh_xero):
    record = {**an_invoice(fresh_xero, "AUTHORISED"), "AmountPaid": 1.0}

    assert "paid" in WRITING.refusal(Write("update", "invoices", {"Reference": "x"}, record["InvoiceID"], record))


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "AUTHORISED"])
def test_an_unpaid_invoice_can_be_changed(fresh_xero, status):
    record = an_invoice(fresh_xero, status)

    assert WRITING.refusal(Write("update", "invoices", {"Reference": "x"}, record["InvoiceID"], record)) is None
    change(fresh_xero, "invoices", record, Reference="x")
    assert fresh_xero.one("invoices", record["InvoiceID"])["Reference"] == "x"


def test_the_console_voids_nothing(fresh_xero):
    record = an_invoice(fresh_xero, "AUTHORISED")

    assert WRITING.refusal(Write("update", "invoices", {"Status": "VOIDED"}, record["InvoiceID"], record))


# -- what is never written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["create", "update", "delete"])
@pytest.mark.parametrize("resource", ["expenses", "bank_transactions", "ledger_accounts", "tax_rates"])
def test_bills_bank_transactions_and_the_books_are_read_only(fresh_xero, resource, op):
    """W8: clients' money may lie on any bank account."""
    assert not guards.may_write(SERVICE, SERVICE.resources[resource], op)
    assert WRITING.refusal(Write(op, resource, {}, "1"))
    with pytest.raises(TypeError):
        WRITING.send(fresh_xero.upstream, Write(op, resource, {}, "1"))
    assert not written(fresh_xero)
    assert not [field for field in FIELDS.get(resource, ()) if field.writable]


@pytest.mark.parametrize("resource", ["contacts", "invoices"])
def test_nothing_is_deleted(fresh_xero, resource):
    with pytest.raises(TypeError):
        WRITING.send(fresh_xero.upstream, Write("delete", resource, {}, "1"))
    assert not written(fresh_xero)


# -- once -------------------------------------------------------------------------------------------------------------


def test_the_same_write_again_makes_no_second_one(fresh_xero):
    write = Write("create", "invoices", values_for(fresh_xero, InvoiceNumber=None), marker="k" * 32)
    before = fresh_xero.sandbox.ledger()["invoices"]

    one, other = (WRITING.send(fresh_xero.upstream, write) for _ in range(2))

    assert one.external_id == other.external_id
    assert fresh_xero.sandbox.ledger()["invoices"] == before + 1


def test_a_lost_answer_is_asked_for_again_at_once(fresh_xero):
    values = values_for(fresh_xero)
    answer = {"body": b"", "cut": True, "method": "PUT"}
    fresh_xero.sandbox.script("/Invoices", {**answer, "raw": b""})  # hangs up before anything is done

    made = create(fresh_xero, "invoices", values)

    assert fresh_xero.one("invoices", made.external_id)["InvoiceNumber"] == "B-00007"
    assert len(written(fresh_xero)) == 2


def test_what_is_so_already_is_not_sent(fresh_xero):
    record = an_invoice(fresh_xero, "DRAFT")

    done = change(fresh_xero, "invoices", record, Reference=record["Reference"] or None, Date=record["Date"])

    assert (done.external_id, done.record) == (record["InvoiceID"], record)
    assert not written(fresh_xero)


def test_a_success_without_a_record_is_not_known_to_be_one(fresh_xero):
    fresh_xero.sandbox.script("/Contacts", {"method": "PUT", "body": {"Status": "OK", "Contacts": []}})

    with pytest.raises(BadAnswer) as lost:
        create(fresh_xero, "contacts", {"Name": "Nobody"})
    assert lost.value.code == "lost"


@pytest.mark.parametrize("resource", ["contacts", "invoices"])
def test_what_a_lost_answer_made_is_found(fresh_xero, resource):
    values = {"Name": 'The "Quoted" Group'} if resource == "contacts" else values_for(fresh_xero)
    write = Write("create", resource, values, since=clock.now())
    assert WRITING.find(fresh_xero.upstream, write) == []

    made = create(fresh_xero, resource, values)

    (found,) = WRITING.find(fresh_xero.upstream, write)
    assert found[SERVICE.resources[resource].id] == made.external_id


def test_an_invoice_without_a_number_is_found_by_what_it_is(fresh_xero):
    values = values_for(fresh_xero, InvoiceNumber=None)
    made = create(fresh_xero, "invoices", values)
    write = Write("create", "invoices", values, since=clock.now())

    assert [one["InvoiceID"] for one in WRITING.find(fresh_xero.upstream, write)] == [made.external_id]
    assert not WRITING.find(fresh_xero.upstream, replace(write, values={**values, "Date": "2026-11-04"}))


def test_one_behind_the_first_page_of_those_it_may_be_is_found(fresh_xero):
    """A firm's client may get a hundred invoices in an hour: the one that was made stood on a page nobody asked for."""
    values = values_for(fresh_xero, InvoiceNumber=None)
    write = Write("create", "invoices", values, since=clock.now())
    first = create(fresh_xero, "invoices", {**values, "Date": "2026-11-04"})
    other = fresh_xero.one("invoices", first.external_id)
    for number in range(PAGE):
        fresh_xero.sandbox.put("invoices", {**other, "InvoiceID": None, "InvoiceNumber": f"N-{number}"})
    made = WRITING.send(fresh_xero.upstream, replace(write, marker="n" * 32))

    assert [one["InvoiceID"] for one in WRITING.find(fresh_xero.upstream, write)] == [made.external_id]


def test_an_answer_without_a_list_does_not_say_that_nothing_was_made(fresh_xero):
    write = Write("create", "invoices", values_for(fresh_xero), since=clock.now())
    fresh_xero.sandbox.script("/Invoices", {"body": {"Status": "OK"}})

    with pytest.raises(BadAnswer):
        WRITING.find(fresh_xero.upstream, write)


def test_what_was_archived_meanwhile_waits_for_a_person_and_is_found_when_it_is_in_use_again(fresh_xero):
    made = create(fresh_xero, "contacts", {"Name": "Ada Lovelace"})
    wanted = Write("create", "contacts", {"Name": "Ada Lovelace"}, since=clock.now())
    fresh_xero.sandbox.put("contacts", {"ContactID": made.external_id, "ContactStatus": "ARCHIVED"})

    with pytest.raises(BadRecord, match="archived at Xero by now") as told:
        WRITING.find(fresh_xero.upstream, wanted)
    wanted = replace(wanted, told=tuple(told.value.ids))
    assert WRITING.find(fresh_xero.upstream, wanted) == []

    fresh_xero.sandbox.put("contacts", {"ContactID": made.external_id, "ContactStatus": "ACTIVE"})
    assert [one["ContactID"] for one in WRITING.find(fresh_xero.upstream, wanted)] == [made.external_id]


def test_a_key_is_trusted_for_minutes_only():
    now = clock.now()

    assert WRITING.idempotency.remembers(now - timedelta(minutes=4), now)
    assert not WRITING.idempotency.remembers(now - timedelta(minutes=6), now)


def test_a_refused_write_that_is_repeated_is_refused_again(fresh_xero):
    write = Write("create", "contacts", {"Name": "X", "EmailAddress": "no address"}, marker="r" * 32)

    for _ in range(2):
        with pytest.raises(BadRecord, match="Email address"):
            WRITING.send(fresh_xero.upstream, write)


def test_trouble_at_xero_is_tried_again_with_the_same_key(fresh_xero, clock):
    fresh_xero.sandbox.script("/Contacts", {"method": "PUT", "status": 503, "times": 5})

    with pytest.raises(TryLater):
        create(fresh_xero, "contacts", {"Name": "Later"})


def test_a_price_finer_than_a_cent_stays_what_it_is_when_the_lines_get_another_account(fresh_xero):
    copies = bill_line("Copies", 1000, "0.0125", "12.50")
    made = create(fresh_xero, "invoices", values_for(fresh_xero, Lines=[copies])).record
    record = fresh_xero.one("invoices", made["InvoiceID"])
    assert plain_of("invoices", record)["Lines"] == [copies]

    changed = change(fresh_xero, "invoices", record, **{"Line.AccountCode": "205"}).record

    assert (changed["Total"], changed["LineItems"][0]["AccountCode"]) == (12.5, "205")


def test_prices_made_by_hand_at_xero_are_read_to_their_fourth_place(fresh_xero):
    record = an_invoice(fresh_xero, "DRAFT")
    line = {**record["LineItems"][0], "Quantity": 1000.0, "UnitAmount": 0.0125, "LineAmount": 12.5}
    fresh_xero.sandbox.put("invoices", {"InvoiceID": record["InvoiceID"], "LineItems": [line]})

    for read in (
        fresh_xero.one("invoices", record["InvoiceID"]),
        next(one for one in fresh_xero.records("invoices") if one["InvoiceID"] == record["InvoiceID"]),
    ):
        assert read["LineItems"][0]["UnitAmount"] == 0.0125
        assert change(fresh_xero, "invoices", read, **{"Line.AccountCode": "205"}).record["Total"] == 12.5


@pytest.mark.parametrize("lines", [
    [bill_line("Call", "0.333333", "300", "100.00")],  # finer than Xero keeps: it goes as one piece
    [bill_line(None, 1, 300, 300)],  # no words: Xero wants some
    [bill_line("x" * 5000, 1, 300, 300)],
    [*LINES, bill_line("No charge", 1, 0, 0)],
], ids=["fine", "wordless", "long", "no charge"])  # fmt: skip
def test_an_invoice_without_a_number_is_found_though_its_lines_were_sent_in_other_words(fresh_xero, lines):
    values = values_for(fresh_xero, InvoiceNumber=None, Lines=lines)
    made = create(fresh_xero, "invoices", values)
    write = Write("create", "invoices", values, since=clock.now())

    assert [one["InvoiceID"] for one in WRITING.find(fresh_xero.upstream, write)] == [made.external_id]


def test_what_was_there_before_is_not_what_a_lost_answer_made(fresh_xero):
    before = create(fresh_xero, "invoices", values_for(fresh_xero, InvoiceNumber="B-1, 2")).record
    write = Write("create", "invoices", values_for(fresh_xero, InvoiceNumber="B-1, 2"), since=clock.now())
    assert [one["InvoiceID"] for one in WRITING.find(fresh_xero.upstream, write)] == [before["InvoiceID"]]
    contact = a_contact(fresh_xero, ContactStatus="ACTIVE")
    known = Write("create", "contacts", {"Name": contact["Name"]}, since=clock.now())

    later = replace(write, since=clock.now() + 3 * clock.APART)

    assert WRITING.find(fresh_xero.upstream, later) == []
    assert WRITING.find(fresh_xero.upstream, known) == []


@pytest.mark.parametrize("status", ["VOIDED", "DELETED"])
def test_an_invoice_that_is_over_is_not_taken_for_the_one_that_was_to_be_made(fresh_xero, status):
    values = values_for(fresh_xero)
    made = create(fresh_xero, "invoices", values).record
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "Status": status})

    with pytest.raises(BadRecord, match=f"{status.lower()} at Xero"):
        WRITING.find(fresh_xero.upstream, Write("create", "invoices", values, since=clock.now()))


def test_lines_keep_the_account_and_tax_the_bookkeeper_gave_them_wherever_they_come_to_stand(fresh_xero):
    lines = [bill_line("Fees", 1, 100, 100), bill_line("Court fee", 1, 50, 50), bill_line("Courier", 1, 10, 10)]
    made = create(fresh_xero, "invoices", values_for(fresh_xero, Lines=lines, LineAmountTypes="Exclusive")).record
    given = {"Fees": ("200", "OUTPUT"), "Court fee": ("205", "NONE"), "Courier": ("404", "NONE")}
    held = [
        {**line, "AccountCode": given[line["Description"]][0], "TaxType": given[line["Description"]][1]}
        for line in made["LineItems"]
    ]  # fmt: skip
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "LineItems": held})
    record = fresh_xero.one("invoices", made["InvoiceID"])

    after = change(fresh_xero, "invoices", record, Lines=[lines[1], bill_line("Courier", 2, 10, 20)]).record

    assert {one["Description"]: (one["AccountCode"], one["TaxType"]) for one in after["LineItems"]} == {
        name: given[name] for name in ("Court fee", "Courier")
    }
    ids = {one["Description"]: one["LineItemID"] for one in made["LineItems"]}
    assert [one["LineItemID"] for one in after["LineItems"]] == [ids["Court fee"], ids["Courier"]]


def test_a_new_line_has_nothing_of_one_that_was_removed(fresh_xero):
    """It took its account and tax by its place among the lines."""
    lines = [bill_line("Fees", 1, 100, 100), bill_line("Court fee", 1, 50, 50)]
    made = create(fresh_xero, "invoices", values_for(fresh_xero, Lines=lines, LineAmountTypes="Exclusive")).record
    held = [{**made["LineItems"][0]}, {**made["LineItems"][1], "AccountCode": "404", "TaxType": "OUTPUT"}]
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "LineItems": held})
    record = fresh_xero.one("invoices", made["InvoiceID"])

    after = change(fresh_xero, "invoices", record, Lines=[lines[0], bill_line("Expert", 1, 900, 900)]).record

    new = next(one for one in after["LineItems"] if one["Description"] == "Expert")
    assert new.get("AccountCode") != "404"
    assert new.get("TaxType") != "OUTPUT"
    assert new["LineItemID"] not in [one["LineItemID"] for one in held]


def test_a_line_whose_words_were_changed_keeps_its_account_and_tax(fresh_xero):
    lines = [bill_line("Fees", 1, 100, 100), bill_line("Cuort fee", 1, 50, 50)]
    made = create(fresh_xero, "invoices", values_for(fresh_xero, Lines=lines, LineAmountTypes="Exclusive")).record
    held = [{**made["LineItems"][0]}, {**made["LineItems"][1], "AccountCode": "404", "TaxType": "NONE"}]
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "LineItems": held})
    record = fresh_xero.one("invoices", made["InvoiceID"])

    after = change(fresh_xero, "invoices", record, Lines=[lines[0], bill_line("Court fee", 1, 50, 50)]).record

    told = [(one["Description"], one["AccountCode"], one["TaxType"]) for one in after["LineItems"]]
    assert told[1] == ("Court fee", "404", "NONE")


def test_a_new_line_goes_to_the_account_that_all_others_go_to(fresh_xero):
    made = create(fresh_xero, "invoices", values_for(fresh_xero)).record

    after = change(fresh_xero, "invoices", made, Lines=[*LINES, bill_line("Expert", 1, 900, 900)]).record

    assert [one["AccountCode"] for one in after["LineItems"]] == ["200"] * 3


@pytest.mark.parametrize("words", [None, "Very long " * 500])
def test_a_line_is_known_by_its_words_as_they_are_kept(fresh_xero, words):
    made = create(fresh_xero, "invoices", values_for(fresh_xero, Lines=[bill_line(words, 1, 100, 100)])).record
    held = [{**made["LineItems"][0], "AccountCode": "404"}]
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "LineItems": held})
    record = fresh_xero.one("invoices", made["InvoiceID"])

    after = change(fresh_xero, "invoices", record, Lines=[bill_line(words, 2, 100, 200)]).record

    assert [(one["LineAmount"], one["AccountCode"]) for one in after["LineItems"]] == [(200.0, "404")]


def test_a_discount_on_a_line_does_not_go_with_its_new_amount(fresh_xero):
    made = create(fresh_xero, "invoices", values_for(fresh_xero)).record
    held = [{**made["LineItems"][0], "DiscountRate": 10.0, "LineAmount": 405.0}, made["LineItems"][1]]
    fresh_xero.sandbox.put("invoices", {"InvoiceID": made["InvoiceID"], "LineItems": held})
    record = fresh_xero.one("invoices", made["InvoiceID"])

    after = change(fresh_xero, "invoices", record, Lines=[bill_line("Drafting", 2, 300, 600), LINES[1]]).record

    assert (after["LineItems"][0]["LineAmount"], after["Total"]) == (600.0, 625.5)
