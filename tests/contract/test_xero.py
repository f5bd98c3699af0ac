"""Our requests to Xero, and the sandbox's answers, against the vendor's published documents."""

from __future__ import annotations

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.services import by_key
from integration_console.services.writing import Write, bill_line
from integration_console.services.xero import SPENT
from integration_console.services.xero.records import DAYS, OF_THE_ANSWER

from .documents import document, names, parameters
from .test_requests import FULL, INCREMENT, NOW, Notebook
from .test_sandbox_answers import Schema, differences

XERO = by_key("xero")
DOCUMENT = "xero/accounting.json"
UNDOCUMENTED = ("tax_rates",)  # the part of the document that is kept does not hold it
OWN = {"ExpenseID", "Kind"}  # what the console adds to an expense
# In the vendor's examples and answers, but not in its schemas.
UNSAID = {"DateString", "DueDateString", "InvoiceAddresses"}
DOCUMENTED = [one for one in (*XERO.resources.values(), SPENT) if one.key not in UNDOCUMENTED]
LINES = [bill_line("Drafting", 1.5, 300, 450)]

http = urllib3.PoolManager()


def operation(method: str, template: str) -> dict:
    found = document(DOCUMENT).operation(method, template)
    assert found is not None, f"{method} {template} is in no document"
    return found


def resolved(found: dict) -> dict[str, dict]:
    vendor = document(DOCUMENT).content["components"]["parameters"]
    whole = [vendor[one["$ref"].rsplit("/", 1)[-1]] if "$ref" in one else one for one in found.get("parameters", ())]
    return parameters({"parameters": whole})


def assert_known(call) -> dict:
    found = operation(call.method, call.template)
    known = resolved(found)
    assert call.params.keys() <= {name for name, one in known.items() if one["in"] == "query"}, call.template
    assert call.headers.keys() <= {name for name, one in known.items() if one["in"] == "header"}, call.template
    return found


def schema_of(noun: str) -> dict[str, dict]:
    vendor = document(DOCUMENT)
    return vendor.fields(vendor.content["components"]["schemas"][noun])


@pytest.mark.parametrize("resource", DOCUMENTED, ids=lambda one: f"{one.key} {one.path}")
def test_lists_take_what_we_send_and_hold_what_we_name(resource):
    for reading in (FULL, INCREMENT):
        call = resource.paging.apply(XERO.list_call(resource, reading, {}), 2)
        found = assert_known(call)
        assert (resource.since in call.headers) is (reading is INCREMENT and resource.since is not None)
        held = document(DOCUMENT).answer(found, resource.items_at)
        other = {"InvoiceNumber", "DueDate", "AmountDue", "AmountPaid", "BankAccount", "IsReconciled"}  # of one of both
        assert names(resource.model) - OWN - (other if resource.key == "expenses" else set()) <= held.keys()


@pytest.mark.parametrize("resource", [one for one in DOCUMENTED if one.one != ""], ids=lambda one: one.path)
def test_one_record_has_an_address(resource):
    assert_known(XERO.one_call(resource, "7", {}))


def test_the_dates_we_take_for_days_are_days():
    vendor = document(DOCUMENT).content["components"]["schemas"]
    for schema in vendor.values():
        for name, one in schema.get("properties", {}).items():
            if "x-is-msdate" in one:
                assert name in DAYS, name
            if "x-is-msdate-time" in one:
                assert name.endswith("UTC"), name
    assert {name for schema in vendor.values() for name in schema.get("properties", {})} >= OF_THE_ANSWER


def values_of(resource: str) -> dict:
    held = {field.name: "x" for field in XERO.writing.fields(resource) if field.writable}
    if resource == "invoices":
        held |= {"Lines": LINES, "Status": "DRAFT", "LineAmountTypes": "NoTax", "Date": "2026-03-02"}
    return held


@pytest.mark.parametrize("op", ["create", "update"])
@pytest.mark.parametrize(
    ("resource", "noun", "one"), [("contacts", "Contacts", "Contact"), ("invoices", "Invoices", "Invoice")]
)
def test_every_field_we_call_writable_is_sent_as_the_document_says(resource, noun, one, op):
    id_name = XERO.resources[resource].id
    notebook = Notebook(f'{{"{noun}": [{{"{id_name}": "i1"}}]}}'.encode())
    number = None if op == "create" else "i1"

    XERO.writing.send(notebook, Write(op, resource, values_of(resource), number, marker="m" * 32))

    (call,) = notebook.calls
    assert_known(call)
    assert len(call.headers["Idempotency-Key"]) <= 128
    (sent,) = call.json[noun]
    known = schema_of(one)
    vendor = document(DOCUMENT)
    assert sent.keys() <= known.keys()
    for name, schema in known.items():
        for inner in sent[name] if isinstance(sent.get(name), list) else ():
            assert inner.keys() <= vendor.inside(schema).keys(), name
        assert str(sent.get(name)) in map(str, [sent.get(name), *schema.get("enum", [])])
    assert call.method == ("PUT" if op == "create" else "POST")


@pytest.mark.parametrize("values", [{"InvoiceNumber": "B-1"}, {"Contact.ContactID": "c1", "Lines": LINES}])
def test_what_a_lost_answer_made_is_looked_for_as_the_document_says(values):
    notebook = Notebook(b'{"Invoices": []}')

    XERO.writing.find(notebook, Write("create", "invoices", values, since=NOW))

    (call,) = notebook.calls
    assert_known(call)


def test_the_organisations_of_a_consent_are_where_the_document_says():
    vendor = document("xero/identity.json")
    fields = vendor.answer(vendor.operation("GET", "/Connections"))

    assert {"tenantId", "tenantName", "tenantType"} <= fields.keys()


# -- the sandbox ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(limits={"xero": (10_000, 60.0)}) as sandbox:
        yield sandbox.xero


def asked(sandbox, path: str, method="GET", sent=None) -> dict:
    headers = {
        "Authorization": f"Bearer {sandbox.access_token}", "xero-tenant-id": sandbox.tenant_id,
        "Accept": "application/json",
    }  # fmt: skip
    answer = http.request(method, sandbox.api_url + path, headers=headers, **({"json": sent} if sent else {}))
    assert answer.status == 200, answer.data
    return answer.json()


@pytest.mark.parametrize(
    ("path", "noun", "one"),
    [
        ("/Contacts?page=1", "Contacts", "Contact"),
        ("/Invoices?page=1&pageSize=400", "Invoices", "Invoice"),
        ("/BankTransactions?page=1", "BankTransactions", "BankTransaction"),
        ("/Accounts", "Accounts", "Account"),
        ("/Organisation", "Organisations", "Organisation"),
    ],
)
def test_the_sandbox_sends_only_fields_the_document_declares(sandbox, path, noun, one):
    document(DOCUMENT)
    schema = Schema(DOCUMENT, {"$ref": f"#/components/schemas/{one}"})
    records = asked(sandbox, path)[noun]

    assert records
    assert not {text for record in records for text in differences(record, schema, UNSAID)}


def test_the_sandbox_answers_a_write_with_fields_the_document_declares(sandbox):
    document(DOCUMENT)
    schema = Schema(DOCUMENT, {"$ref": "#/components/schemas/Contact"})

    (made,) = asked(sandbox, "/Contacts", "PUT", {"Contacts": [{"Name": "Contract Checker"}]})["Contacts"]

    assert not differences(made, schema, UNSAID)


def test_every_address_the_sandbox_answers_is_declared(sandbox):
    vendor, identity = document(DOCUMENT), document("xero/identity.json")
    beside = ("/connect", "/identity", "/TaxRates")
    for name in dir(type(sandbox)):
        for method, path in sandbox.answered_by(getattr(type(sandbox), name)):
            if path.startswith(("/connections", "/Connections")):
                assert identity.operation(method, path.replace("/connections", "/Connections")), path
            elif not path.startswith(beside):
                assert vendor.operation(method, path), f"{method} {path}"
