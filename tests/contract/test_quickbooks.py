"""QuickBooks against what Intuit has published: its schema files, and the sample bodies of its manual."""

import json
from functools import cache
from pathlib import Path

import pytest

from integration_console import services
from integration_console.sandbox import Sandbox
from integration_console.services.base import Answer
from integration_console.services.quickbooks import changes, faults, records
from integration_console.services.quickbooks.bodies import body_of
from integration_console.services.quickbooks.hooks import WEBHOOK
from integration_console.services.webhook import Notice
from integration_console.services.writing import bill_line

UPSTREAM = Path(__file__).resolve().parents[3] / "shared" / "upstream" / "quickbooks"
pytestmark = pytest.mark.skipif(not UPSTREAM.is_dir(), reason=f"the vendor's documents are not in {UPSTREAM}")

ENVELOPE = {"domain", "sparse", "status"}  # of the JSON form only
OURS = {"key", "entity", "party"}  # added by us to what QuickBooks sends
MODELS = {
    "Customer": records.Customer, "Vendor": records.Vendor, "Invoice": records.Invoice, "Purchase": records.Expense,
    "Bill": records.Expense, "Account": records.Account,
}  # fmt: skip
REFERENCES = ("ReferenceType", "MemoRef")  # a text with attributes in XML
NUMBERS, TEXTS = {"decimal", "int", "integer", "positiveInteger"}, {"string", "id", "date", "dateTime"}


def document(name: str):
    return json.loads((UPSTREAM / name).read_text())


@cache
def types() -> dict:
    return document("entities.json")["types"]


@cache
def fields(kind: str) -> dict[str, dict]:
    """The fields of a type, those of what it extends among them."""
    node = types().get(kind) or {}
    inherited = fields(node["extends"]) if node.get("extends") else {}
    return {**inherited, **{one["name"]: one for one in node.get("fields", ())}}


def differences(sent: dict, kind: str, where: str = "") -> list[str]:
    found = []
    for name, value in sent.items():
        if name in ENVELOPE:
            continue
        field = fields(kind).get(name)
        if field is None:
            found.append(f"{where}{kind}.{name}: not declared")
            continue
        several = value if isinstance(value, list) else [value]
        if isinstance(value, list) != bool(field.get("array")):
            found.append(f"{where}{kind}.{name}: one or several")
        found += [said for one in several for said in _of(one, field["type"], f"{where}{kind}.{name} ")]
    return found


def _of(value, kind: str, where: str) -> list[str]:
    if kind in REFERENCES:
        fits = set(value) <= {"value", "name", "type"} and isinstance(value["value"], str)
        return [] if fits else [f"{where}reference"]
    if isinstance(value, dict):
        return differences(value, kind, where)
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{where}boolean"]
    if kind in NUMBERS:
        return [] if isinstance(value, int | float) and not isinstance(value, bool) else [f"{where}number"]
    return [] if isinstance(value, str) or kind not in TEXTS else [f"{where}text"]


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as upstreams:
        yield upstreams.quickbooks


@pytest.mark.parametrize("entity", MODELS)
def test_the_stand_in_sends_nothing_the_schema_does_not_know(sandbox, entity):
    resource = {"Account": "accounts"}.get(entity, f"{entity.lower()}s")

    for number in list(sandbox.shelves[resource].numbers())[:40]:
        assert differences(sandbox.record(resource, number), entity) == []


@pytest.mark.parametrize("entity", MODELS)
def test_every_field_we_rely_on_is_in_the_schema(entity):
    declared = set(fields(entity)) | OURS
    if MODELS[entity] is records.Expense:
        declared |= set(fields("Purchase")) | set(fields("Bill"))

    assert set(MODELS[entity].model_fields) <= declared


def test_what_we_write_is_in_the_schema(sandbox):
    customer = {
        "DisplayName": "Nova", "GivenName": "N", "PrimaryEmailAddr.Address": "n@example.org", "Notes": "x",
        "PrimaryPhone.FreeFormNumber": "1", "BillAddr.Line1": "1 Elm", "BillAddr.City": None, "Active": True,
    }  # fmt: skip
    invoice = {
        "DocNumber": "B-1", "CustomerRef.value": "1", "TxnDate": "2026-05-01", "DueDate": "2026-06-01",
        "CurrencyRef.value": "USD", "CustomerMemo.value": "May", "PrivateNote": "n",
        "BillEmail.Address": "n@example.org",
        "lines": [bill_line("Drafting", 1.5, 300, 450)], "item": "Services",
    }  # fmt: skip
    new = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "NON"}}

    assert differences(body_of("customers", customer, None, lambda: new), "Customer") == []
    made = body_of("invoices", invoice, None, lambda: new)
    assert differences({**made, "GlobalTaxCalculation": "NotApplicable"}, "Invoice") == []
    lines = body_of("invoices", {"lines": invoice["lines"]}, sandbox.record("invoices", 3), lambda: new)
    assert differences(lines, "Invoice") == []


def test_the_manuals_fault_and_change_data_are_understood():
    told = faults.explain(Answer(400, {}, (UPSTREAM / "fault.example.json").read_bytes()))
    assert told == ("<detail>", "<code>", None)
    rows = changes._told(document("cdc-response.example.json"))
    assert [len(rows[entity]) for entity in ("Customer", "Invoice")] == [1, 2]


def test_both_forms_of_webhooks_are_understood():
    (event,) = read("webhook-cloudevents.example.json")
    assert (event.kind, event.account, event.key[:8]) == ("account.created", "310687", "88cd52aa")
    assert [tuple(one)[:2] for one in event.records] == [("chart_of_accounts", "1234")]
    assert event.at is not None
    customer, vendor = read("webhook-legacy.example.json")
    assert (customer.kind, customer.account) == ("customer.create", "1185883450")
    assert [one.records[0].resource for one in (customer, vendor)] == ["customers", "vendors"]
    assert customer.key != vendor.key
    assert services.by_key("quickbooks").webhook is WEBHOOK


def read(name: str) -> list:
    body = (UPSTREAM / name).read_bytes()
    return list(WEBHOOK.events(Notice(body, {}, json.loads(body))))
