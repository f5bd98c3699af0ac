"""Xero, read from the sandbox: pages, changes, odd dates, organisations, limits and what it says of failures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from integration_console import clock
from integration_console.errors import BadAnswer, BadRecord, InvalidInput, Missing, NeedsPerson, Parked
from integration_console.services.base import Answer, Call, Limit, Reading
from integration_console.services.xero import SERVICE
from integration_console.services.xero.fields import plain_of
from integration_console.services.xero.records import readable
from integration_console.transport.limits import Budget

from .conftest import Connected, moment

LISTS = ("contacts", "invoices", "expenses", "bank_transactions", "ledger_accounts")


def ids(connected, resource, **reading):
    name = connected.service.resources[resource].id
    return [item[name] for item in connected.records(resource, **reading)]


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", LISTS)
def test_every_record_is_read_once(xero, resource):
    found = ids(xero, resource)

    assert len(set(found)) == len(found) == xero.sandbox.ledger()[resource]


@pytest.mark.parametrize("resource", ["tax_rates", "organisations"])
def test_what_is_not_paged_is_read_whole(xero, resource):
    assert xero.records(resource)


def test_a_list_is_asked_for_by_page_and_in_an_order_that_does_not_move(fresh_xero):
    since = fresh_xero.calls()

    pages = list(fresh_xero.pages("invoices"))

    asked = fresh_xero.asked(since)
    assert [page.cursor is None for page in pages] == [False, False, True]
    assert all("page=" in one.query and "pageSize=100" in one.query for one in asked)
    assert all("order=InvoiceID+ASC" in one.query for one in asked)
    assert all(page.upstream_count == fresh_xero.sandbox.ledger()["invoices"] for page in pages)
    assert all(item["LineItems"] for page in pages for item in page.items)  # lists without a page have none


def test_a_list_goes_on_where_it_was_broken_off(xero):
    first = next(iter(xero.pages("expenses")))

    rest = [item["ExpenseID"] for page in xero.pages("expenses", cursor=first.cursor) for item in page.items]

    assert sorted([*(item["ExpenseID"] for item in first.items), *rest]) == sorted(ids(xero, "expenses"))


def test_invoices_are_ours_and_expenses_are_bills_and_money_spent(xero):
    kinds = {(item["Kind"], item["Type"]) for item in xero.records("expenses")}

    assert {item["Type"] for item in xero.records("invoices")} == {"ACCREC"}
    assert kinds == {("bill", "ACCPAY"), ("spend", "SPEND")}
    assert {item["Type"] for item in xero.records("bank_transactions")} == {"SPEND", "RECEIVE"}


def test_the_count_of_the_expenses_is_of_both_lists_at_the_end(xero):
    *_, last = xero.pages("expenses")

    assert last.upstream_count == xero.sandbox.ledger()["expenses"]


def test_archived_contacts_are_read_too(xero):
    assert "ARCHIVED" in {item["ContactStatus"] for item in xero.records("contacts")}


def test_an_increment_is_asked_for_by_header_to_the_second(fresh_xero):
    contact = fresh_xero.records("contacts")[5]["ContactID"]
    invoice = fresh_xero.records("invoices")[5]["InvoiceID"]
    since = clock.now() - timedelta(seconds=1)
    fresh_xero.sandbox.put("contacts", {"ContactID": contact, "AccountNumber": "A-1"})
    fresh_xero.sandbox.put("invoices", {"InvoiceID": invoice, "Reference": "new"})
    fresh_xero.sandbox.put("bank_transactions", {"Type": "SPEND", "Reference": "Taxi"})
    asked = fresh_xero.calls()

    assert ids(fresh_xero, "contacts", full=False, since=since) == [contact]
    assert ids(fresh_xero, "invoices", full=False, since=since) == [invoice]
    assert [one["Kind"] for one in fresh_xero.records("expenses", full=False, since=since)] == ["spend"]
    assert not [one for one in fresh_xero.asked(asked) if "Modified" in one.query]


def test_the_header_is_in_utc_and_names_no_zone():
    since = datetime(2026, 3, 2, 16, 0, 1, 999_000, tzinfo=timezone(timedelta(hours=2)))

    call = SERVICE.list_call(SERVICE.invoices, Reading(False, clock.now(), since), {})

    assert call.headers["If-Modified-Since"] == "2026-03-02T14:00:01"
    assert "If-Modified-Since" not in call.params


@pytest.mark.parametrize("resource", LISTS)
def test_one_record_reads_as_the_list_shows_it(xero, resource):
    name = xero.service.resources[resource].id
    records = xero.records(resource)

    for record in (records[0], records[-1]):
        assert xero.one(resource, record[name]) == record


@pytest.mark.parametrize("resource", LISTS)
def test_a_record_that_is_not_there_is_missing(xero, resource):
    with pytest.raises(Missing):
        xero.one(resource, "00000000-0000-4000-8000-000000000000")


def test_a_bill_is_no_invoice_and_an_invoice_no_expense(xero):
    bill = next(item for item in xero.records("expenses") if item["Kind"] == "bill")
    received = next(item for item in xero.records("bank_transactions") if item["Type"] == "RECEIVE")

    for resource, number in (
        ("invoices", bill["ExpenseID"]),
        ("expenses", xero.records("invoices")[0]["InvoiceID"]),
        ("expenses", received["BankTransactionID"]),
    ):
        with pytest.raises(Missing):
            xero.one(resource, number)


def test_every_list_tells_when_its_records_changed_and_days_are_days_however_they_come(fresh_xero):
    plain = [item["Date"] for item in fresh_xero.records("invoices")]
    fresh_xero.sandbox.odd_dates = True

    for resource in ("contacts", "invoices", "expenses", "bank_transactions"):
        for item in fresh_xero.records(resource):
            assert moment(item["UpdatedDateUTC"]) <= clock.now()
            assert "Date" not in item or len(item["Date"]) == 10
    assert [item["Date"] for item in fresh_xero.records("invoices")] == plain


def test_the_day_of_a_document_is_the_organisations_day(fresh_upstreams):
    """/Date(...+1300)/ is a midnight there: read in UTC it would be the day before."""
    second = fresh_upstreams.xero.tenants[1]
    there = Connected(
        "xero", fresh_upstreams.xero, {"Authorization": f"Bearer {fresh_upstreams.xero.access_token}"},
        tenant_id=second.tenant_id,
    )  # fmt: skip
    held = {number: second.records.invoice(number)["Date"] for number in range(1, 26)}

    found = {second.number("invoices", item["InvoiceID"]): item["Date"] for item in there.records("invoices")}

    assert found == held


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"Date": "/Date(1419937200000+1300)/"}, {"Date": "2014-12-31"}),
        ({"Date": "/Date(-86400000)/"}, {"Date": "1969-12-31"}),
        ({"Date": "/Date(99999999999999999)/"}, {"Date": "/Date(99999999999999999)/"}),
        ({"DueDate": "2019-03-11T00:00:00"}, {"DueDate": "2019-03-11"}),
        ({"UpdatedDateUTC": "/Date(0)/"}, {"UpdatedDateUTC": "1970-01-01T00:00:00.000Z"}),
        ({"UpdatedDateUTC": "2019-03-11T01:02:03.5"}, {"UpdatedDateUTC": "2019-03-11T01:02:03.5Z"}),
        ({"Payments": [{"Date": "/Date(0)/"}]}, {"Payments": [{"Date": "1970-01-01"}]}),
        ({"Name": "/Date(0)/ & Sons", "HasErrors": False}, {"Name": "/Date(0)/ & Sons"}),
    ],
)
def test_odd_dates_become_plain_ones(sent, read):
    assert readable(sent) == read


def test_the_list_ends_at_an_empty_page_where_no_number_of_pages_is_told(fresh_xero):
    body = {"Invoices": [{"InvoiceID": "a"}]}
    fresh_xero.sandbox.script("/Invoices", {"body": body})
    fresh_xero.sandbox.script("/Invoices", {"body": {"Invoices": []}})

    assert [len(page.items) for page in fresh_xero.pages("invoices")] == [1, 0]


def test_an_answer_without_the_list_is_no_empty_list(fresh_xero):
    fresh_xero.sandbox.script("/Contacts", {"body": {"Status": "OK"}})

    with pytest.raises(BadAnswer):
        list(fresh_xero.pages("contacts"))


# -- whose it is ------------------------------------------------------------------------------------------------------


def test_one_consent_may_be_for_several_organisations(xero):
    one, other = xero.service.accounts(xero.upstream)

    assert (one.name, one.settings) == ("Ashby & Okoye LLP", {"tenant_id": xero.sandbox.tenant_id})
    assert other.settings["tenant_id"] == other.id != one.id
    assert one.facts == {"Legal name": one.name, "Country": "US", "Currency": "USD", "Plan": "Standard"}
    assert other.facts["Country"] == "NZ"


def test_an_organisation_that_may_not_be_asked_about_itself_is_connected_all_the_same(fresh_xero):
    fresh_xero.sandbox.script("/Organisation", {"status": 403, "times": 9})

    one, _ = fresh_xero.service.accounts(fresh_xero.upstream)

    assert (one.id, one.facts) == (fresh_xero.sandbox.tenant_id, {})


def test_the_account_is_the_organisation_that_was_named(xero, upstreams):
    assert xero.service.account(xero.upstream).id == xero.sandbox.tenant_id
    nobody = Connected("xero", upstreams.xero, {"Authorization": f"Bearer {upstreams.xero.access_token}"})
    with pytest.raises(InvalidInput, match="several organisations"):
        nobody.service.account(nobody.upstream)


def test_every_call_names_its_organisation():
    assert SERVICE.headers_for({"tenant_id": "t1"})["xero-tenant-id"] == "t1"
    assert "xero-tenant-id" not in SERVICE.headers_for({})


def test_an_organisation_that_was_disconnected_needs_a_person(fresh_xero):
    fresh_xero.sandbox.disconnect(fresh_xero.sandbox.tenant_id)

    with pytest.raises(NeedsPerson, match="AuthenticationUnsuccessful"):
        fresh_xero.records("contacts")
    with pytest.raises(InvalidInput, match="no longer"):
        fresh_xero.service.account(fresh_xero.upstream)


# -- limits -----------------------------------------------------------------------------------------------------------


def test_the_smallest_plan_has_a_shorter_day_and_some_of_every_day_is_left_over():
    assert SERVICE.limits_for({}) == (Limit(60, 60), Limit(4950, 86_400))
    assert SERVICE.limits_for({"plan": "starter"}) == (Limit(60, 60), Limit(950, 86_400))


def test_the_day_is_not_spent_to_its_last_call(fresh_xero):
    """The headers say what is left; with the reserve to go, everything waits, and Xero never has to refuse us."""
    fresh_xero.sandbox.daily_limit = 52
    budget = Budget("xero-day", (Limit(100_000, 1),))
    fresh_xero.upstream.budget = budget

    list(fresh_xero.pages("ledger_accounts"))
    assert budget.state()["daily_remaining"] == 1
    list(fresh_xero.pages("ledger_accounts"))

    with pytest.raises(Parked):
        list(fresh_xero.pages("ledger_accounts"))
    assert {one.status for one in fresh_xero.asked(0)} == {200}


def test_a_day_that_is_over_parks_the_run_until_then(fresh_xero):
    fresh_xero.sandbox.script("/Contacts", {
        "status": 429, "headers": {"X-Rate-Limit-Problem": "day", "Retry-After": "66975"},
    })  # fmt: skip

    with pytest.raises(Parked, match="calls of this day") as parked:
        list(fresh_xero.pages("contacts"))

    assert parked.value.until > clock.now() + timedelta(hours=18)
    assert parked.value.code == "day"


def test_a_minute_that_is_over_is_waited_for(fresh_xero):
    fresh_xero.sandbox.script("/Accounts", {
        "status": 429, "headers": {"X-Rate-Limit-Problem": "minute", "Retry-After": "1"},
    })  # fmt: skip

    assert fresh_xero.records("ledger_accounts")
    first, second = fresh_xero.asked(0)
    assert second.at - first.at >= 1


def test_a_limit_is_told_in_words():
    said = SERVICE.explain(Answer(429, {"X-Rate-Limit-Problem": "concurrent"}, b""))

    assert said[:2] == ("too many calls at the same time.", "concurrent")


# -- failures ---------------------------------------------------------------------------------------------------------


def test_a_refusal_says_what_is_wrong_with_which_field(fresh_xero):
    fresh_xero.sandbox.script("/Contacts/*", {"status": 400, "body": {
        "ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred",
        "Elements": [{"ValidationErrors": [{"Message": "Email address must be valid."}]}],
    }})  # fmt: skip

    with pytest.raises(BadRecord, match="Email address must be valid") as refused:
        fresh_xero.one("contacts", "c1")

    assert (refused.value.field, refused.value.code) == ("EmailAddress", "ValidationException")


def test_an_ended_token_needs_a_new_one(fresh_xero):
    fresh_xero.sandbox.expire()

    with pytest.raises(NeedsPerson, match="TokenExpired"):
        fresh_xero.records("ledger_accounts")


def test_a_filter_xero_cannot_read_is_refused_in_its_words(fresh_xero):
    with pytest.raises(BadRecord, match="operator"):
        fresh_xero.upstream.send(Call("GET", "/Invoices", {"where": "Type ~ 1"}))


# -- what is still to pay ---------------------------------------------------------------------------------------------


def test_what_is_paid_and_what_is_credited_are_told_apart_and_both_are_due_no_longer(fresh_xero):
    due = next(one for one in fresh_xero.records("invoices") if one["Status"] == "AUTHORISED" and one["Total"] > 50)
    fresh_xero.sandbox.pay(due["InvoiceID"], 20)
    fresh_xero.sandbox.credit(due["InvoiceID"], 5)

    partly = fresh_xero.one("invoices", due["InvoiceID"])
    told = plain_of("invoices", partly)
    assert (told["AmountPaid"], told["AmountCredited"]) == (20, 5)
    assert told["AmountDue"] == round(due["Total"] - 25, 2)
    fresh_xero.sandbox.credit(due["InvoiceID"], partly["AmountDue"])

    over = fresh_xero.one("invoices", due["InvoiceID"])
    assert (over["Status"], over["AmountDue"], over["AmountPaid"]) == ("PAID", 0, 20)
    assert over["AmountCredited"] == round(due["Total"] - 20, 2)


def test_a_voided_invoice_is_kept_as_such_and_is_due_no_longer(fresh_xero):
    due = next(one for one in fresh_xero.records("invoices") if one["Status"] == "AUTHORISED")
    begun = clock.now()
    fresh_xero.sandbox.put("invoices", {"InvoiceID": due["InvoiceID"], "Status": "VOIDED", "AmountDue": 0.0})

    since = begun - timedelta(seconds=2)
    for found in (fresh_xero.records("invoices"), fresh_xero.records("invoices", full=False, since=since)):
        (voided,) = [one for one in found if one["InvoiceID"] == due["InvoiceID"]]
        assert (voided["Status"], voided["AmountDue"], voided["Total"]) == ("VOIDED", 0, due["Total"])
