"""The QuickBooks stand-in, driven by the client people use for QuickBooks, so that it is not only our own belief."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
import urllib3
from quickbooks import QuickBooks as Client
from quickbooks import exceptions
from quickbooks.cdc import change_data_capture
from quickbooks.objects.account import Account
from quickbooks.objects.base import PhoneNumber, Ref
from quickbooks.objects.bill import Bill
from quickbooks.objects.customer import Customer
from quickbooks.objects.detailline import SalesItemLine, SalesItemLineDetail
from quickbooks.objects.invoice import Invoice
from quickbooks.objects.item import Item
from quickbooks.objects.purchase import Purchase
from quickbooks.objects.vendor import Vendor

from integration_console.sandbox import Sandbox

http = urllib3.PoolManager()
BACK = "http://127.0.0.1:1/back"


@pytest.fixture
def sandbox():
    with Sandbox(limits={"quickbooks": (100_000, 60.0)}) as upstreams:
        yield upstreams.quickbooks


@pytest.fixture
def client(sandbox, monkeypatch):
    """The client as its users have it, at another address and with a token that is there already."""
    monkeypatch.setattr(Client, "api_url_v3", sandbox.api_url + "/v3")
    made = Client(company_id=sandbox.realm_id, minorversion=75)
    session = requests.Session()
    made.session = SimpleNamespace(access_token=sandbox.access_token, request=session.request)
    return made


def sold(amount, item="2"):
    line = SalesItemLine()
    line.Amount, line.Description = amount, "Work"
    line.SalesItemLineDetail = SalesItemLineDetail()
    line.SalesItemLineDetail.ItemRef = Ref()
    line.SalesItemLineDetail.ItemRef.value = item
    return line


def invoice_for(customer, client, *amounts):
    invoice = Invoice()
    invoice.CustomerRef = customer.to_ref()
    invoice.Line = [sold(amount) for amount in amounts]
    invoice.save(qb=client)
    return invoice


def test_lists_are_paged_counted_and_hide_who_is_inactive(sandbox, client):
    everybody = Customer.query("SELECT * FROM Customer WHERE Active IN (true, false) MAXRESULTS 1000", qb=client)
    assert len(everybody) == sandbox.ledger()["customers"]
    assert len(Customer.all(qb=client, max_results=1000)) == sum(one.Active for one in everybody)
    assert len(Customer.all(qb=client)) == 100
    second = Invoice.all(qb=client, start_position=101, max_results=1000, order_by="Id")
    assert len(second) == sandbox.ledger()["invoices"] - 100
    assert Customer.count("Active = false", qb=client) == sum(not one.Active for one in everybody)
    for kind, there in ((Vendor, "vendors"), (Purchase, "purchases"), (Bill, "bills"), (Account, "accounts")):
        found = kind.query(f"select * from {kind.qbo_object_name} maxresults 1000", qb=client)
        assert 0 < len(found) <= sandbox.ledger()[there]
    assert {one.Name for one in Item.all(qb=client)} >= {"Services", "Hours"}


def test_conditions_are_joined_quoted_and_compared_as_what_they_are(sandbox, client):
    made = Customer()
    made.DisplayName = "Patrick O'Neill & Sons"
    made.save(qb=client)

    assert [one.Id for one in Customer.filter(DisplayName="Patrick O'Neill & Sons", qb=client)] == [made.Id]
    assert [one.Id for one in Customer.choose([made.Id, "1"], qb=client)] == ["1", made.Id]
    assert {one.Id for one in Customer.where("DisplayName LIKE 'Patrick%' AND Active = true", qb=client)} == {made.Id}
    rich = Invoice.where("TotalAmt > '1000' AND Balance = '0'", qb=client, max_results=1000)
    assert rich
    assert all(one.TotalAmt > 1000 and one.Balance == 0 for one in rich)
    with pytest.raises(exceptions.QuickbooksException, match="parsing query"):
        client.query("SELECT * FROM customer")


def test_a_customer_is_made_changed_and_refused_when_the_name_is_taken(sandbox, client):
    made = Customer()
    made.DisplayName, made.CompanyName = "Nova Quist", "Quist & Co"
    made.save(qb=client)
    read = Customer.get(made.Id, qb=client)
    read.CompanyName = "Quist & Partners"
    read.save(qb=client)
    assert sandbox.record("customers", made.Id)["CompanyName"] == "Quist & Partners"
    emptied = Customer.get(made.Id, qb=client)
    emptied.CompanyName = ""
    emptied.save(qb=client)
    assert "CompanyName" not in sandbox.record("customers", made.Id)

    with pytest.raises(exceptions.QuickbooksException) as stale:
        read.save(qb=client)
    assert stale.value.error_code == 5010
    twin = Customer()
    twin.DisplayName = "nova quist"
    with pytest.raises(exceptions.QuickbooksException) as taken:
        twin.save(qb=client)
    assert taken.value.error_code == 6240


def test_an_invoice_is_added_up_voided_and_deleted(sandbox, client):
    customer = Customer.get(1, qb=client)
    invoice = invoice_for(customer, client, 100, 25.5)
    there = Invoice.get(invoice.Id, qb=client)
    assert (there.TotalAmt, there.Balance, there.CustomerRef.name) == (125.5, 125.5, customer.DisplayName)
    assert there.DocNumber

    there.void(qb=client)
    voided = Invoice.get(invoice.Id, qb=client)
    assert (voided.TotalAmt, voided.PrivateNote) == (0, "Voided")
    voided.delete(qb=client)
    with pytest.raises(exceptions.ObjectNotFoundException):
        Invoice.get(invoice.Id, qb=client)


def test_a_repeat_is_answered_as_the_first_time(sandbox, client):
    for _ in range(3):
        made = Customer()
        made.DisplayName = "Once Only"
        made.save(qb=client, request_id="abc-1")

    assert len(Customer.filter(DisplayName="Once Only", qb=client)) == 1


def test_change_data_tells_what_changed_and_what_was_deleted(sandbox, client):
    since = datetime.now(UTC) - timedelta(seconds=5)
    invoice = invoice_for(Customer.get(1, qb=client), client, 10)
    sandbox.put("customers", {"Id": "2", "Notes": "called"})
    Invoice.get(9, qb=client).delete(qb=client)

    told = change_data_capture([Invoice, Customer], since.strftime("%Y-%m-%dT%H:%M:%S+00:00"), qb=client)

    states = {one.Id: getattr(one, "status", "") for one in told.Invoice._object_list}
    assert states[invoice.Id] == ""
    assert states["9"] == "Deleted"
    assert [one.Id for one in told.Customer._object_list] == ["2"]
    with pytest.raises(exceptions.QuickbooksException):
        change_data_capture([Invoice], "2020-01-01T00:00:00+00:00", qb=client)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("DisplayName", "Ada\tLtd", 6240), ("Notes", "x" * 2001, 2050), ("PrimaryPhone", "5" * 31, 2050)],
)
def test_what_does_not_fit_is_refused(client, field, value, code):
    customer = Customer()
    customer.DisplayName = "Ada Ltd"
    setattr(customer, field, value)
    if field == "PrimaryPhone":
        customer.PrimaryPhone = PhoneNumber()
        customer.PrimaryPhone.FreeFormNumber = value
    with pytest.raises(exceptions.QuickbooksException) as told:
        customer.save(qb=client)
    assert told.value.error_code == code


def test_references_that_are_not_there_and_sums_that_are_wrong_are_refused(sandbox, client):
    customer = Customer.get(1, qb=client)
    nothing, wrong = sold(5, "77"), sold(5)
    wrong.SalesItemLineDetail.Qty, wrong.SalesItemLineDetail.UnitPrice = 2, 3
    for line, code in ((nothing, 2500), (wrong, 6070)):
        invoice = Invoice()
        invoice.CustomerRef, invoice.Line = customer.to_ref(), [line]
        with pytest.raises(exceptions.QuickbooksException) as told:
            invoice.save(qb=client)
        assert told.value.error_code == code
    invoice = Invoice()
    invoice.CustomerRef, invoice.Line = Customer.where("Active = false", qb=client)[0].to_ref(), [sold(5)]
    with pytest.raises(exceptions.ValidationException):
        invoice.save(qb=client)


def test_a_token_that_ended_a_foreign_company_and_too_many_calls_are_refused(sandbox, client):
    client.company_id = "123"
    with pytest.raises(exceptions.QuickbooksException) as told:
        Customer.get(1, qb=client)
    assert told.value.error_code == 3100
    client.company_id = sandbox.realm_id
    sandbox.limits = (2, 60.0)
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    path = f"{sandbox.api_url}/v3/company/{sandbox.realm_id}/item/1"
    answers = [http.request("GET", path, headers=headers) for _ in range(4)]
    assert answers[-1].status == 429
    assert b"ThrottleExceeded" in answers[-1].data
    sandbox.expire()
    with pytest.raises(exceptions.AuthorizationException):
        Customer.get(1, qb=client)


# -- consent ----------------------------------------------------------------------------------------------------------


def basic(sandbox):
    pair = f"{sandbox.client_id}:{sandbox.client_secret}".encode()
    return {"Authorization": "Basic " + b64encode(pair).decode()}


def decided(sandbox, decision):
    """What comes back with the person."""
    fields = {"client_id": sandbox.client_id, "redirect_uri": BACK, "state": "s",
              "decision": decision, "response_type": "code"}  # fmt: skip
    answer = http.request("POST", sandbox.auth_url, fields=fields, encode_multipart=False, redirect=False)
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def exchanged(sandbox, headers=None, **fields):
    headers = basic(sandbox) if headers is None else headers
    return http.request("POST", sandbox.token_url, fields=fields, encode_multipart=False, headers=headers)


def test_consent_names_the_company_and_tokens_rotate(sandbox):
    back = decided(sandbox, "approve")
    assert (back["realmId"], back["state"]) == (sandbox.realm_id, "s")
    first = exchanged(sandbox, grant_type="authorization_code", code=back["code"], redirect_uri=BACK).json()
    assert first["expires_in"] == 3600

    second = exchanged(sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    spent = exchanged(sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert second["refresh_token"] != first["refresh_token"]
    assert (spent.status, spent.json()["error"]) == (400, "invalid_grant")
    assert exchanged(sandbox, {}, grant_type="refresh_token", refresh_token=second["refresh_token"]).status == 401
    gone = http.request("POST", sandbox.revoke_url, json={"token": second["refresh_token"]}, headers=basic(sandbox))
    assert gone.status == 200
    assert exchanged(sandbox, grant_type="refresh_token", refresh_token=second["refresh_token"]).status == 400


def test_consent_can_be_refused_or_given_for_another_company(sandbox):
    page = http.request("GET", f"{sandbox.auth_url}?client_id={sandbox.client_id}&redirect_uri=http://127.0.0.1:1/b")
    assert page.data.count(b"<button") == 3
    assert decided(sandbox, "refuse")["error"] == "access_denied"
    other = decided(sandbox, "other")
    assert other["realmId"] != sandbox.realm_id
    token = exchanged(sandbox, grant_type="authorization_code", code=other["code"], redirect_uri=BACK).json()[
        "access_token"
    ]
    headers = {"Authorization": f"Bearer {token}"}
    for realm, status in ((other["realmId"], 200), (sandbox.realm_id, 403)):
        told = http.request("GET", f"{sandbox.api_url}/v3/company/{realm}/companyinfo/{realm}", headers=headers)
        assert told.status == status
