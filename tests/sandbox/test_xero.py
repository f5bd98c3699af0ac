"""The sandbox's Xero, driven by Xero's own client, and by hand where that one has no words for it."""

from __future__ import annotations

import base64
import hashlib
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from xero_python.accounting import (
    AccountingApi,
    Contact,
    Contacts,
    Invoice,
    Invoices,
    LineAmountTypes,
    LineItem,
)
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.exceptions import AccountingBadRequestException, HTTPStatusException
from xero_python.identity import IdentityApi

from integration_console.sandbox import Sandbox

http = urllib3.PoolManager(retries=False)


@pytest.fixture(scope="module")
def shared():
    """A sandbox for tests that only read."""
    with Sandbox(limits={"xero": (100_000, 60.0)}) as sandbox:
        yield sandbox.xero


@pytest.fixture
def xero():
    with Sandbox(limits={"xero": (100_000, 60.0)}) as sandbox:
        yield sandbox.xero


class Official:
    """xero-python, pointed at the sandbox."""

    def __init__(self, sandbox) -> None:
        told = sandbox.token_answer()
        self.token = {**told, "scope": told["scope"].split(), "expires_at": 9_999_999_999}
        self.client = ApiClient(
            Configuration(oauth2_token=OAuth2Token(client_id=sandbox.client_id, client_secret=sandbox.client_secret)),
            oauth2_token_getter=lambda: self.token, oauth2_token_saver=self._save,
        )  # fmt: skip
        self.api, self.identity = AccountingApi(self.client), IdentityApi(self.client)
        self.api.base_url, self.identity.base_url = sandbox.api_url, sandbox.url
        self.tenant = sandbox.tenant_id

    def _save(self, token) -> None:
        self.token = token


@pytest.fixture(scope="module")
def official(shared):
    return Official(shared)


@pytest.fixture
def writer(xero):
    return Official(xero)


def call(xero, path, method="GET", sent=None, *, tenant="", token="", **headers):
    headers = {
        "Authorization": f"Bearer {token or xero.access_token}", "xero-tenant-id": tenant or xero.tenant_id,
        "Accept": "application/json", **headers,
    }  # fmt: skip
    return http.request(method, xero.api_url + path, headers=headers, **({"json": sent} if sent is not None else {}))


# -- Xero's own client ------------------------------------------------------------------------------------------------


def test_the_official_client_reads_every_page_of_invoices_with_their_lines(shared, official):
    found, page = [], 1
    while True:
        answer = official.api.get_invoices(
            official.tenant, page=page, page_size=100, where='Type=="ACCREC"', order="InvoiceID ASC",
            include_archived=True,
        )  # fmt: skip
        found += answer.invoices
        assert answer.pagination.item_count == shared.ledger()["invoices"]
        if page >= answer.pagination.page_count:
            break
        page += 1

    assert len({one.invoice_id for one in found}) == len(found) == shared.ledger()["invoices"]
    assert all(one.line_items and one.contact.name for one in found)
    assert {type(one.updated_date_utc) for one in found} == {datetime}


def test_the_official_client_gets_no_lines_without_a_page(official):
    answer = official.api.get_invoices(official.tenant)

    assert answer.invoices
    assert not any(one.line_items for one in answer.invoices)


def test_the_official_client_sees_the_organisations_of_a_consent(shared, official):
    connections = official.identity.get_connections()

    assert [one.tenant_id for one in connections] == [one.tenant_id for one in shared.tenants]
    assert official.api.get_organisations(official.tenant).organisations[0].name == "Ashby & Okoye LLP"


def test_the_official_client_reads_the_rest_of_the_books(shared, official):
    assert len(official.api.get_accounts(official.tenant).accounts) == shared.ledger()["ledger_accounts"]
    assert official.api.get_tax_rates(official.tenant).tax_rates
    spent = official.api.get_bank_transactions(official.tenant, page=1, where='Type=="SPEND"').bank_transactions
    assert {one.type for one in spent} == {"SPEND"}
    contacts = official.api.get_contacts(official.tenant, page=1, include_archived=True, page_size=1000).contacts
    assert len(contacts) == shared.ledger()["contacts"]


def test_the_official_client_asks_for_what_changed(xero, writer):
    since = datetime.now(UTC) - timedelta(seconds=2)
    (first, *_) = writer.api.get_contacts(writer.tenant, page=1).contacts
    xero.put("contacts", {"ContactID": first.contact_id, "AccountNumber": "A-17"})

    found = writer.api.get_contacts(writer.tenant, if_modified_since=since, page=1).contacts

    assert [(one.contact_id, one.account_number) for one in found] == [(first.contact_id, "A-17")]


def test_the_official_client_makes_a_contact_and_an_invoice_once(xero, writer):
    made = writer.api.create_contacts(
        writer.tenant, Contacts(contacts=[Contact(name="Ada Lovelace", email_address="ada@example.com")]),
        idempotency_key="a" * 128,
    )  # fmt: skip
    contact = made.contacts[0].contact_id
    invoice = Invoice(
        type="ACCREC", contact=Contact(contact_id=contact), invoice_number="B-1", date=datetime(2026, 11, 3).date(),
        due_date=datetime(2026, 12, 3).date(), line_amount_types=LineAmountTypes.NOTAX, status="AUTHORISED",
        line_items=[LineItem(description="Drafting", quantity=1.5, unit_amount=300, account_code="200")],
    )  # fmt: skip

    first, again = (
        writer.api.create_invoices(writer.tenant, Invoices(invoices=[invoice]), idempotency_key="b").invoices[0]
        for _ in range(2)
    )

    assert first.invoice_id == again.invoice_id
    assert (first.total, first.status, first.invoice_number) == (450, "AUTHORISED", "B-1")
    assert writer.api.get_invoice(writer.tenant, first.invoice_id).invoices[0].amount_due == 450


def test_the_official_client_is_told_what_is_wrong_in_both_ways(writer):
    wrong = Contacts(contacts=[Contact(name="Somebody", email_address="no address")])

    with pytest.raises(AccountingBadRequestException) as refused:
        writer.api.create_contacts(writer.tenant, wrong, summarize_errors=True)
    assert "Email address must be valid." in str(refused.value)
    told = writer.api.create_contacts(writer.tenant, wrong, summarize_errors=False).contacts[0]
    assert (told.status_attribute_string, told.validation_errors[0].message) == (
        "ERROR", "Email address must be valid.",
    )  # fmt: skip


def test_the_official_client_renews_its_tokens(xero, writer, monkeypatch):
    monkeypatch.setattr(OAuth2Token, "refresh_token_url", xero.token_url, raising=False)
    answer = http.request("POST", xero.token_url, headers=basic(xero), fields={
        "grant_type": "refresh_token", "refresh_token": writer.token["refresh_token"],
    }, encode_multipart=False)  # fmt: skip
    xero.expire()
    with pytest.raises(HTTPStatusException):
        writer.api.get_accounts(writer.tenant)

    writer.token = {**answer.json(), "scope": [], "expires_at": 9_999_999_999}
    xero._access[writer.token["access_token"]] = 9_999_999_999  # expire() ended this one, too

    assert writer.api.get_accounts(writer.tenant).accounts


# -- signing in -------------------------------------------------------------------------------------------------------


def basic(xero) -> dict:
    pair = base64.b64encode(f"{xero.client_id}:{xero.client_secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def consent(xero, *, decision="approve", tenants=(), **more) -> dict:
    """Go through the page; what the address one comes back to says."""
    asked = {
        "response_type": "code", "client_id": xero.client_id, "redirect_uri": "http://127.0.0.1/back", "state": "s",
        "scope": "offline_access accounting.contacts accounting.invoices", **more,
    }  # fmt: skip
    page = http.request("GET", f"{xero.auth_url}?{urlencode(asked)}", redirect=False)
    if page.status == 302:
        return _told(page)
    assert "Ashby &amp; Okoye Mediation Ltd" in page.data.decode()
    body = urlencode([*asked.items(), ("decision", decision), *(("tenant", one) for one in tenants)])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return _told(http.request("POST", xero.auth_url, body=body, headers=headers, redirect=False))


def _told(answer) -> dict:
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def tokens(xero, **fields):
    given = {"redirect_uri": "http://127.0.0.1/back", **fields}
    return http.request("POST", xero.token_url, fields=given, headers=basic(xero), encode_multipart=False)


def pkce(verifier="v" * 64) -> dict:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return {"code_challenge": challenge, "code_challenge_method": "S256"}


def test_a_consent_is_for_the_organisations_that_were_ticked(xero):
    second = xero.tenants[1].tenant_id
    back = consent(xero, tenants=[second], **pkce())

    given = tokens(xero, grant_type="authorization_code", code=back["code"], code_verifier="v" * 64).json()

    connected = call(xero, "/../../connections", token=given["access_token"])
    connected = http.request(
        "GET", xero.url + "/connections", headers={"Authorization": f"Bearer {given['access_token']}"}
    )
    assert [one["tenantId"] for one in connected.json()] == [second]
    assert given["expires_in"] == 1800
    assert call(xero, "/Contacts", token=given["access_token"]).status == 403
    assert call(xero, "/Contacts", token=given["access_token"], tenant=second).status == 200


def test_a_code_works_once_and_with_its_own_verifier_only(xero):
    back = consent(xero, **pkce())
    assert tokens(xero, grant_type="authorization_code", code=back["code"], code_verifier="w" * 64).status == 400
    back = consent(xero, **pkce())
    sent = {"grant_type": "authorization_code", "code": back["code"], "code_verifier": "v" * 64}

    assert tokens(xero, **sent).status == 200
    assert tokens(xero, **sent).json()["error"] == "invalid_grant"


def test_a_consent_can_be_refused(xero):
    assert consent(xero, decision="refuse") == {"error": "access_denied", "state": "s"}


def test_an_application_of_today_is_not_given_the_broad_scopes(xero):
    assert consent(xero, scope="accounting.transactions")["error"] == "invalid_scope"
    xero.takes_broad_scopes = True
    assert "code" in consent(xero, scope="offline_access accounting.transactions")


def test_a_token_may_do_what_its_scopes_say(xero):
    back = consent(xero, scope="offline_access accounting.contacts.read")
    token = tokens(xero, grant_type="authorization_code", code=back["code"]).json()["access_token"]

    assert call(xero, "/Contacts", token=token).status == 200
    assert call(xero, "/Contacts", "PUT", {"Contacts": [{"Name": "x"}]}, token=token).status == 401
    answer = call(xero, "/Invoices", token=token)
    assert (answer.status, answer.json()["Detail"]) == (401, "AuthorizationUnsuccessful")


def test_a_spent_refresh_token_works_for_half_an_hour_more(xero):
    first = xero.refresh_token
    assert tokens(xero, grant_type="refresh_token", refresh_token=first).status == 200
    assert tokens(xero, grant_type="refresh_token", refresh_token=first).status == 200

    xero._spent[first] -= 1801

    assert tokens(xero, grant_type="refresh_token", refresh_token=first).json() == {
        "error": "invalid_grant", "error_description": "This refresh token is invalid",
    }  # fmt: skip


def test_revoking_ends_the_connection(xero):
    answer = http.request(
        "POST", xero.url + "/connect/revocation", fields={"token": xero.refresh_token}, headers=basic(xero),
        encode_multipart=False,
    )  # fmt: skip

    assert answer.status == 200
    assert call(xero, "/Contacts").status == 401
    assert tokens(xero, grant_type="refresh_token", refresh_token=xero.refresh_token).status == 400


# -- who may come in, and how fast ------------------------------------------------------------------------------------


def test_answers_tell_what_is_left_of_minute_and_day():
    with Sandbox(limits={"xero": (3, 60.0)}) as sandbox:
        answers = [call(sandbox.xero, "/Accounts") for _ in range(4)]

    assert [answer.headers["X-MinLimit-Remaining"] for answer in answers[:3]] == ["2", "1", "0"]
    assert answers[0].headers["X-DayLimit-Remaining"] == "4999"
    assert answers[3].status == 429
    assert answers[3].headers["X-Rate-Limit-Problem"] == "minute"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60


def test_a_day_has_an_end_and_each_organisation_has_its_own(xero):
    xero.daily_limit = 2
    answers = [call(xero, "/Accounts") for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["X-Rate-Limit-Problem"] == "day"
    assert int(answers[2].headers["Retry-After"]) > 80_000
    assert call(xero, "/Accounts", tenant=xero.tenants[1].tenant_id).status == 200


def test_no_more_than_five_calls_at_a_time(xero):
    xero.script("/Accounts", {"through": True, "delay_s": 0.7, "times": 6})
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(call(xero, "/Accounts"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    refused = [answer for answer in statuses if answer.status == 429]
    assert [answer.headers["X-Rate-Limit-Problem"] for answer in refused] == ["concurrent"]


def test_nobody_comes_in_without_token_organisation_or_accept(xero):
    assert call(xero, "/Contacts", token="nobody").json()["Title"] == "Unauthorized"
    assert call(xero, "/Contacts", tenant="nobody").status == 403
    assert call(xero, "/Contacts", Accept="*/*").headers["Content-Type"].startswith("text/xml")
    assert call(xero, "/Nonsense").status == 404
    assert call(xero, "/Accounts", "PUT", {}).status == 401  # its scope is for reading


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_pages_of_any_size_hold_every_contact_once(shared, size):
    found, page, pages = [], 1, 1
    while page <= min(pages, 300):
        answer = call(shared, f"/Contacts?page={page}&pageSize={size}&includeArchived=true").json()
        found += [one["ContactID"] for one in answer["Contacts"]]
        pages, page = answer["pagination"]["pageCount"], page + 1

    assert len(set(found)) == len(found) == shared.ledger()["contacts"]


def test_a_header_in_http_form_narrows_nothing(shared):
    everything = call(shared, "/Contacts").json()["Contacts"]

    told = call(shared, "/Contacts", **{"If-Modified-Since": "Thu, 06 Feb 2099 12:17:43 GMT"}).json()["Contacts"]

    assert len(told) == len(everything)
    assert call(shared, "/Contacts", **{"If-Modified-Since": "2099-02-06T12:17:43"}).json()["Contacts"] == []


@pytest.mark.parametrize("query", ["where=Type%20~%201", "order=Nonsense", "where=Name%3D%3DAda"])
def test_what_cannot_be_read_is_refused(shared, query):
    answer = call(shared, f"/Invoices?{query}")

    assert (answer.status, answer.json()["Type"]) == (400, "QueryParseException")


def test_lists_can_be_narrowed_by_ids_numbers_contacts_and_states(shared):
    some = call(shared, "/Invoices?page=1&where=Type%3D%3D%22ACCREC%22").json()["Invoices"][:2]
    numbers = ",".join(one["InvoiceNumber"] for one in some)
    contact = some[0]["Contact"]["ContactID"]

    by_number = call(shared, f"/Invoices?page=1&InvoiceNumbers={numbers}").json()["Invoices"]
    by_id = call(shared, f"/Invoices?page=1&IDs={some[0]['InvoiceID']}").json()["Invoices"]
    by_contact = call(shared, f"/Invoices?page=1&ContactIDs={contact}&Statuses=PAID,DRAFT").json()["Invoices"]

    assert {one["InvoiceID"] for one in by_number} == {one["InvoiceID"] for one in some}
    assert [one["InvoiceID"] for one in by_id] == [some[0]["InvoiceID"]]
    assert {(one["Contact"]["ContactID"], one["Status"] in ("PAID", "DRAFT")) for one in by_contact} <= {
        (contact, True)
    }


def test_dates_come_in_ticks_and_if_wanted_in_another_shape_too(xero):
    plain = [one["Date"][:6] for one in call(xero, "/Invoices?page=1&pageSize=1000").json()["Invoices"]]
    xero.odd_dates = True
    odd = [one["Date"][:6] for one in call(xero, "/Invoices?page=1&pageSize=1000").json()["Invoices"]]

    assert set(plain) == {"/Date("} != set(odd)


# -- writing ----------------------------------------------------------------------------------------------------------


def invoice(xero, **more) -> dict:
    contact = next(one for one in call(xero, "/Contacts?page=1").json()["Contacts"] if one["ContactStatus"] == "ACTIVE")
    return {"Type": "ACCREC", "Contact": {"ContactID": contact["ContactID"]}, "InvoiceNumber": "T-1",
            "LineItems": [{"Description": "Work", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}],
            **more}  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"InvoiceNumber": "INV-0001"}, "must be unique"),
        ({"Reference": "x" * 256}, "maximum length of 255"),
        ({"LineItems": [{"Description": "x" * 4001, "UnitAmount": 1}]}, "maximum length of 4000"),
        ({"LineItems": []}, "line items"),
        ({"LineItems": [{"Description": "", "UnitAmount": 1}]}, "Description"),
        ({"LineItems": [{"Description": "x", "UnitAmount": 1, "AccountCode": "999"}]}, "'999'"),
        ({"LineItems": [{"Description": "x", "UnitAmount": 1, "TaxType": "VAT"}]}, "TaxType"),
        ({"LineItems": [{"Description": "x", "Quantity": 2, "UnitAmount": 1, "LineAmount": 3}]}, "does not match"),
        ({"Contact": {"ContactID": "nobody"}}, "could not be found"),
        ({"Status": "AUTHORISED"}, "Due Date"),
    ],
)
def test_an_invoice_that_cannot_be_is_refused_in_words(xero, wrong, said):
    before = xero.ledger()["invoices"]

    answer = call(xero, "/Invoices", "PUT", {"Invoices": [invoice(xero, **wrong)]})

    assert answer.status == 400
    assert said in str(answer.json()["Elements"][0]["ValidationErrors"])
    assert xero.ledger()["invoices"] == before


def test_a_post_without_an_id_changes_what_has_the_number(xero):
    sent = invoice(xero, InvoiceNumber="INV-0005", Reference="changed")
    held = xero.record("invoices", 5)["Status"]

    answer = call(xero, "/Invoices", "POST", {"Invoices": [sent]})

    assert (answer.status == 200) == (held in ("DRAFT", "SUBMITTED", "AUTHORISED"))
    assert xero.ledger()["invoices"] == 260


def test_the_same_key_gives_the_same_answer_and_is_good_for_one_request(xero):
    sent = {"Invoices": [invoice(xero)]}
    one = call(xero, "/Invoices", "PUT", sent, **{"Idempotency-Key": "k"})
    other = call(xero, "/Invoices", "PUT", sent, **{"Idempotency-Key": "k"})

    assert one.json()["Invoices"] == other.json()["Invoices"]
    different = {"Invoices": [invoice(xero, InvoiceNumber="T-2")]}
    assert call(xero, "/Invoices", "PUT", different, **{"Idempotency-Key": "k"}).status == 400
    assert call(xero, "/Invoices", "PUT", sent, **{"Idempotency-Key": "k" * 129}).status == 400
    assert call(xero, "/Invoices", "PUT", sent, **{"Idempotency-Key": "other"}).status == 400  # the number is taken


def test_what_is_paid_is_not_changed(xero):
    paid = next(n for n in range(1, 50) if xero.record("invoices", n)["Status"] == "PAID")
    number = xero.record("invoices", paid)["InvoiceID"]

    answer = call(xero, f"/Invoices/{number}", "POST", {"Invoices": [{"Reference": "x"}]})

    assert "not of valid status" in str(answer.json())


def test_a_firm_is_the_same_after_every_start_and_people_work_in_it():
    with Sandbox() as one, Sandbox() as other:
        assert one.xero.record("invoices", 7) == other.xero.record("invoices", 7)
        before = one.xero.ledger()
        for _ in range(3):
            one.xero.stir()
        assert one.xero.ledger()["bank_transactions"] == before["bank_transactions"] + 3
