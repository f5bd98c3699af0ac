"""QuickBooks, read from the sandbox: whole lists, what changed, what was deleted, and what its faults mean."""

import json
from datetime import timedelta

import pytest

from integration_console import clock, services
from integration_console.errors import BadAnswer, BadRecord, Missing, NeedsPerson, RateLimited, TryLater
from integration_console.services.base import Answer
from integration_console.services.quickbooks import faults
from integration_console.services.quickbooks.query import Query, equals
from integration_console.services.quickbooks.records import ours

COMPANY = "/v3/company/*"


def ids(connected, resource, **reading):
    return [str(one[connected.service.resources[resource].id]) for one in connected.records(resource, **reading)]


def queries(connected, since=0):
    return [one for one in connected.asked(since) if one.path.endswith("/query")]


# -- whole lists ------------------------------------------------------------------------------------------------------


def test_the_account_is_the_company_it_was_connected_with(quickbooks):
    account = quickbooks.service.account(quickbooks.upstream)

    assert (account.id, account.name) == (quickbooks.sandbox.realm_id, "Ashby & Okoye LLP")
    assert account.facts["Plan"] == "QuickBooks Online Plus"
    assert account.settings == {"realm_id": quickbooks.sandbox.realm_id}


def test_without_a_company_nothing_is_asked(quickbooks, monkeypatch):
    monkeypatch.setattr(quickbooks.upstream, "settings", {})

    with pytest.raises(BadAnswer, match="which company"):
        quickbooks.service.account(quickbooks.upstream)


@pytest.mark.parametrize("resource", ["customers", "vendors", "invoices", "items", "chart_of_accounts"])
def test_a_list_is_read_whole_with_its_inactive_records(quickbooks, resource):
    there = {"chart_of_accounts": "accounts"}.get(resource, resource)

    assert len(set(ids(quickbooks, resource))) == quickbooks.sandbox.ledger()[there]
    if resource in ("customers", "vendors"):
        assert {one["Active"] for one in quickbooks.records(resource)} == {True, False}


def test_purchases_and_bills_of_one_number_are_two_expenses(quickbooks):
    found = quickbooks.records("expenses")

    ledger = quickbooks.sandbox.ledger()
    assert len({one["key"] for one in found}) == len(found) == ledger["purchases"] + ledger["bills"]
    assert {"Purchase:12", "Bill:12"} <= {one["key"] for one in found}
    assert quickbooks.one("expenses", "Bill:12")["VendorRef"]
    assert quickbooks.one("expenses", "Purchase:12")["PaymentType"]
    assert quickbooks.one("expenses", "Bill:12") == next(one for one in found if one["key"] == "Bill:12")


def test_a_long_list_is_read_to_its_end_though_records_vanish_between_the_pages(fresh_quickbooks):
    for number in range(2_200):
        fresh_quickbooks.sandbox.put("vendors", {"DisplayName": f"Vendor number {number}", "Active": True})
    there = set(ids(fresh_quickbooks, "vendors"))
    assert len(there) == fresh_quickbooks.sandbox.ledger()["vendors"]

    met, pages = set(), fresh_quickbooks.pages("vendors")
    for page in pages:
        met.update(one["Id"] for one in page.items)
        fresh_quickbooks.sandbox.delete("vendors", sorted(met, key=int)[3])

    assert there - met == set()
    assert page.upstream_count == len(there)


def test_a_walk_goes_on_where_it_was_interrupted(fresh_quickbooks):
    for number in range(1_200):
        fresh_quickbooks.sandbox.put(
            "bills", {"VendorRef": {"value": "1", "name": "A"}, "TotalAmt": number, "Line": []}
        )
    first, *_ = pages = list(fresh_quickbooks.pages("expenses"))

    rest = list(fresh_quickbooks.pages("expenses", cursor=pages[1].cursor))

    assert first.cursor is not None
    assert [one["key"] for page in rest for one in page.items][-1] == pages[-1].items[-1]["key"]
    assert rest[-1].upstream_count == pages[-1].upstream_count


def test_a_record_that_is_gone_is_missing(fresh_quickbooks):
    fresh_quickbooks.sandbox.delete("invoices", "3")

    with pytest.raises(Missing):
        fresh_quickbooks.one("invoices", "3")


# -- changes ----------------------------------------------------------------------------------------------------------


def changed(connected, resource, **more):
    since = clock.now() - timedelta(**(more or {"minutes": 1}))
    return list(connected.pages(resource, full=False, since=since))


def test_an_increment_is_one_call_and_names_what_was_deleted(fresh_quickbooks):
    sandbox = fresh_quickbooks.sandbox
    sandbox.put("bills", {"Id": "5", "PrivateNote": "checked"})
    sandbox.put("purchases", {"Id": "5", "PrivateNote": "checked"})
    sandbox.delete("purchases", "6")
    before = fresh_quickbooks.calls()

    (page,) = changed(fresh_quickbooks, "expenses")

    assert {one["key"] for one in page.items} == {"Purchase:5", "Bill:5"}
    assert "Purchase:6" in page.gone
    assert "Bill:6" not in page.gone
    assert next(one.path.rpartition("/")[2] for one in fresh_quickbooks.asked(before)) == "cdc"


def test_what_is_told_to_be_deleted_and_is_there_is_kept(fresh_quickbooks):
    """Rows that were only changed have been seen marked as deleted."""
    gone = {"domain": "QBO", "status": "Deleted", "Id": "8", "MetaData": {"LastUpdatedTime": "2026-11-26T00:00:00Z"}}
    body = {"CDCResponse": [{"QueryResponse": [{"Invoice": [gone]}]}], "time": "2026-11-26T00:00:00Z"}
    fresh_quickbooks.sandbox.script(f"{COMPANY}/cdc", {"body": body})

    (page,) = changed(fresh_quickbooks, "invoices")

    assert page.gone == ()
    assert [one["Id"] for one in page.items] == ["8"]


def test_too_many_changes_and_too_old_ones_are_queried_instead(fresh_quickbooks):
    for number in range(1, 1_101):
        fresh_quickbooks.sandbox.put("vendors", {"DisplayName": f"Vendor number {number}", "Active": True})
    fresh_quickbooks.sandbox.delete("invoices", "4")
    before = fresh_quickbooks.calls()

    found = [one["Id"] for page in changed(fresh_quickbooks, "vendors") for one in page.items]
    assert len(set(found)) == len(found) == 1_100
    assert len(queries(fresh_quickbooks, before)) == 2

    before = fresh_quickbooks.calls()
    pages = changed(fresh_quickbooks, "invoices", days=40)
    assert not any(page.gone for page in pages)
    asked = queries(fresh_quickbooks, before)
    assert asked
    assert all("LastUpdatedTime" in one.query for one in asked)


def test_a_deletion_is_told_of_a_list_in_which_nothing_has_changed_for_long(fresh_quickbooks):
    """The change data reaches back to the last read, if not to the last change."""
    fresh_quickbooks.sandbox.put("invoices", {"Id": "9", "PrivateNote": "checked"})
    fresh_quickbooks.sandbox.delete("invoices", "4")
    now = clock.now()
    state = {"begun": (now - timedelta(hours=1)).isoformat()}

    pages = list(fresh_quickbooks.pages("invoices", full=False, since=now - timedelta(days=40), state=state))

    assert "4" in {gone for page in pages for gone in page.gone}
    assert "9" in {one["Id"] for page in pages for one in page.items}


def test_where_change_data_is_refused_the_list_is_queried(fresh_quickbooks):
    fresh_quickbooks.sandbox.put("customers", {"Id": "9", "Notes": "called"})
    refused = {"Fault": {"Error": [{"Message": "no", "code": "500"}], "type": "ValidationFault"}}
    fresh_quickbooks.sandbox.script(f"{COMPANY}/cdc", {"status": 400, "body": refused})

    assert [one["Id"] for page in changed(fresh_quickbooks, "customers") for one in page.items] == ["9"]


# -- the query language -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["O'Neill", "back\\slash", "it's \\' both", "'; DROP", "Ünï 'çøde"])
def test_a_quote_in_a_value_ends_no_statement(fresh_quickbooks, name):
    made = fresh_quickbooks.sandbox.put("customers", {"DisplayName": name, "Active": True})
    asked = Query("Customer", where=equals("DisplayName", name))

    from integration_console.services.quickbooks import query

    assert [one["Id"] for one in query.found(fresh_quickbooks.upstream, "customers", asked)] == [made["Id"]]


# -- faults -----------------------------------------------------------------------------------------------------------


def fault(code, kind="ValidationFault", **more):
    return {"Fault": {"Error": [{"Message": "m", "Detail": "d", "code": code, "element": "", **more}], "type": kind}}


@pytest.mark.parametrize(("status", "body", "error"), [
    (200, fault("10000", "SystemFault"), TryLater), (200, fault("2500"), BadRecord), (400, fault("610"), Missing),
    (400, fault("6190"), NeedsPerson), (403, fault("3100", "AuthorizationFault"), NeedsPerson),
    (401, {"fault": {"error": [{"message": "m", "code": "3200"}], "type": "AUTHENTICATION"}}, NeedsPerson),
    (429, "<Fault/>", RateLimited), (503, "", TryLater), (400, fault("4000"), BadRecord),
])  # fmt: skip
def test_a_fault_is_told_at_any_status(fresh_quickbooks, monkeypatch, status, body, error):
    monkeypatch.setattr(fresh_quickbooks.upstream, "_attempts", 1)
    monkeypatch.setattr(fresh_quickbooks.upstream, "_untold_s", 0.01)
    fresh_quickbooks.sandbox.script(f"{COMPANY}/invoice/1", {"status": status, "body": body, "times": 9})

    with pytest.raises(error):
        fresh_quickbooks.one("invoices", "1")


def test_a_fault_says_in_words_what_to_do_and_which_field_it_is_about():
    said = faults.explain(Answer(400, {}, b'{"Fault":{"Error":[{"Message":"x","Detail":"y","code":"6240"}]}}'))
    assert said == (faults.SAID["6240"], "6240", "DisplayName")
    lower = faults.explain(Answer(401, {}, b'{"fault":{"error":[{"message":"ended","code":"3200"}]}}'))
    assert lower == ("ended", "3200", None)
    assert faults.explain(Answer(502, {}, b"<html>")) == ("", "", None)
    assert faults.decide(Answer(200, {}, b'{"QueryResponse":{}}')) is None


@pytest.mark.parametrize(("code", "detail", "field", "told"), [
    ("6210", "The account period has closed and the account books cannot be updated.", "TxnDate", "Whoever keeps"),
    ("6000", "Business Validation Error: The account period has closed", "TxnDate", "Whoever keeps"),
    ("6210", "Duplicate Document Number Error: This number has already been used.", "DocNumber", "there already"),
    ("6000", "Make sure all your transactions have a GST/HST rate before you save.", "lines", "by hand"),
    ("6540", "This transaction has been deposited.", None, "off that deposit"),
    ("6000", "Multi Currency should be enabled to perform this operation", "CurrencyRef.value", "Multi Currency"),
])  # fmt: skip
def test_what_only_a_person_can_mend_says_who(code, detail, field, told):
    """Intuit's pages give 6210 to closed books and to numbers that are taken."""
    body = json.dumps({"Fault": {"Error": [{"Message": "x", "Detail": detail, "code": code}]}}).encode()

    said = faults.explain(Answer(400, {}, body))

    assert told in said[0]
    assert said[1:] == (code, field)
    assert faults.decide(Answer(400, {}, body)) is None  # refused, and never tried again by itself


def test_an_answer_without_its_list_is_not_an_empty_list(fresh_quickbooks):
    fresh_quickbooks.sandbox.script(f"{COMPANY}/cdc", {"body": {"time": "now"}})
    fresh_quickbooks.sandbox.script(f"{COMPANY}/query", {"body": {"time": "now"}})

    with pytest.raises(BadAnswer):
        changed(fresh_quickbooks, "invoices")


# -- declarations -----------------------------------------------------------------------------------------------------


def test_every_call_names_the_minor_version(quickbooks):
    before = quickbooks.calls()
    quickbooks.records("items")
    changed(quickbooks, "items")
    quickbooks.one("items", "1")

    assert all("minorversion=75" in one.query for one in quickbooks.asked(before))


def test_consent_is_asked_as_intuit_wants_it():
    (way,) = services.by_key("quickbooks").ways

    assert way.client_auth == "basic"
    assert way.told_on_return == {"realmId": "realm_id"}
    assert (way.idle, way.life) == (timedelta(days=100), timedelta(days=1825))
    assert way.scopes == ("com.intuit.quickbooks.accounting",)


def test_a_row_that_is_no_record_is_left_to_the_sieve():
    assert ours("Bill", "odd") == "odd"
    assert ours("Bill", {"Id": "4", "VendorRef": {"value": "1", "name": "A"}})["party"] == "A"
