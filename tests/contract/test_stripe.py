"""Stripe: our calls and the stand-in's answers against Stripe's documents, the one of 2022-11-15 and today's fields.

The old one tells parameters and bodies; where fields moved since, the official client's of 2026-10-28 win.
"""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
import urllib3

from integration_console.sandbox import Sandbox
from integration_console.services import by_key
from integration_console.services.base import Call, Reading
from integration_console.services.stripe.hooks import ENABLED, VERSION
from integration_console.services.stripe.money import AMOUNT
from integration_console.services.writing import Write, bill_line

from .documents import UPSTREAM, document, names
from .test_requests import NOW, SETTINGS, Notebook, list_calls
from .test_sandbox_answers import UNDECLARED, declared_answer, wrong

STRIPE = by_key("stripe")
DOCUMENT, FIELDS = "stripe/openapi.json", "stripe/fields-2026-10-28.endive.json"
NAMED = {
    "payments": "PaymentIntent", "charges": "Charge", "invoices": "Invoice", "customers": "Customer",
    "subscriptions": "Subscription",
}  # fmt: skip
# Gone since 2025-03-31, and still read where an old version shows them.
BEFORE_BASIL = {
    "payments": {"invoice"}, "charges": {"invoice"}, "customers": set(),
    "invoices": {"subscription", "payment_intent", "charge", "paid"},
    "subscriptions": {"current_period_start", "current_period_end"},
}  # fmt: skip
LATER = {
    "refund.failed",
    "invoice.overpaid",
    "invoice_payment.paid",
}  # told since 2024-10-28 and 2025; the document is of 2022
UNDECLARED.setdefault("stripe", {"subtotal", "invoice"})  # of a line; told since 2025
http = urllib3.PoolManager()


@cache
def today() -> dict:
    path = UPSTREAM / FIELDS
    if not path.is_file():
        pytest.skip(f"The vendor's fields are not at {path}: nothing is checked against them here.")
    return json.loads(path.read_text())


def assert_known(call: Call) -> None:
    """The address is there and takes every parameter, by the name before its brackets; bodies likewise, inside too."""
    operation = document(DOCUMENT).operation(call.method, call.template or call.path)
    assert operation is not None, f"{call.method} {call.template} is in no document"
    known = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}
    assert {outer(name) for name in call.params} <= known.keys()
    assert call.params.get("limit", 1) <= 100
    assert not {"type", "types[]"} <= call.params.keys()
    assert len(call.params.get("types[]", ())) <= 20
    if call.form is not None:
        schema = next(iter(operation["requestBody"]["content"].values()))["schema"]
        for name, value in call.form.items():
            assert_takes(schema["properties"], name, value)


def assert_takes(properties: dict, name: str, value: str) -> None:
    assert outer(name) in properties, f"there is no {name}"
    schema = properties[outer(name)]
    kinds = [schema, *schema.get("anyOf", ())]
    inside = re.findall(r"\[(\w+)\]", name)
    if inside and not inside[0].isdigit():
        held = [one for one in kinds if inside[0] in one.get("properties", {}) or "additionalProperties" in one]
        assert held, f"{name} is not inside {outer(name)}"
        kinds = [one["properties"][inside[0]] for one in held if inside[0] in one.get("properties", {})]
    allowed = [each for one in kinds for each in one.get("enum", ())]
    assert not allowed or value in allowed, f"{name} cannot be {value}"
    longest = [one["maxLength"] for one in kinds if "maxLength" in one]
    assert not longest or len(value) <= max(longest)


def outer(name: str) -> str:
    return name.split("[")[0]


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", STRIPE.resources.values(), ids=STRIPE.resources)
def test_lists_and_records_are_asked_for_as_the_document_says(resource):
    for call in [*list_calls(STRIPE, resource), STRIPE.one_call(resource, "x_1", SETTINGS)]:
        assert_known(call)


@pytest.mark.parametrize("resource", STRIPE.resources.values(), ids=STRIPE.resources)
def test_changes_are_asked_for_as_the_document_says(resource):
    kind = {"payments": "payment_intent"}.get(resource.key, resource.key.rstrip("s"))
    event = {"id": "evt_1", "data": {"object": {"object": kind, "id": "x_1"}}}
    notebook = Notebook(json.dumps({"data": [event], "id": "x_1"}).encode())
    list(STRIPE.read(notebook, resource, Reading(full=False, now=NOW, state={"begun": NOW.isoformat()})))

    assert [call.template.rsplit("/", 1)[-1] for call in notebook.calls if call.template][-1] == "{id}"
    for call in notebook.calls:
        assert_known(call)


@pytest.mark.parametrize("resource", STRIPE.resources.values(), ids=STRIPE.resources)
def test_every_field_we_rely_on_is_there_today_or_was_before_basil(resource):
    now = today()["resources"][NAMED[resource.key]]["fields"].keys()
    before = document(DOCUMENT).fields(document(DOCUMENT).content["components"]["schemas"][
        {"PaymentIntent": "payment_intent"}.get(NAMED[resource.key], NAMED[resource.key].lower())
    ])  # fmt: skip

    assert names(resource.model) - now == BEFORE_BASIL[resource.key]
    assert before.keys() >= BEFORE_BASIL[resource.key]


def test_every_amount_there_is_told_as_an_amount_and_no_other_number_is():
    whole = {
        name
        for one in NAMED.values()
        for name, kind in today()["resources"][one]["fields"].items()
        if kind in ("int", "Optional[int]")
    }
    amounts = {name for name in whole if any(word in name for word in ("amount", "total", "balance"))}

    assert {"amount", "amount_due", "subtotal", "starting_balance"} <= amounts
    assert {name for name in whole if AMOUNT.fullmatch(name)} == amounts


def test_the_account_is_asked_for_as_the_document_says():
    notebook = Notebook(b'{"id": "acct_1", "data": []}')
    STRIPE.account(notebook)

    for call in notebook.calls:
        assert_known(call)
    assert today()["api_version"] == VERSION


# -- writing ----------------------------------------------------------------------------------------------------------

LINES = [bill_line("Drafting", 1, 5, 5)]
WRITES = [
    Write("create", "customers", {"name": "Ada", "email": "a@example.com", "address.city": "Reno"}, marker="m"),
    Write("update", "customers", {one.name: "x" for one in STRIPE.writing.fields("customers") if one.writable}, "x_1"),
    Write("create", "invoices", {
        "customer": "cus_1", "currency": "usd", "lines": LINES, "description": "x", "due_date": "2026-12-01",
        "footer": "x", "auto_advance": True,
    }, marker="m"),
    Write("create", "invoices", {"customer": "cus_1", "currency": "usd", "lines": LINES, "finalized": False}),
    Write("update", "invoices", {"description": "x", "finalized": True}, "x_1"),
    Write("update", "subscriptions", {"pause_collection": "void", "cancel_at_period_end": True}, "x_1"),
    Write("update", "subscriptions", {"pause_collection": None}, "x_1"),
    Write("update", "subscriptions", {"canceled": True}, "x_1"),
]  # fmt: skip


@pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.op} {write.resource}")
def test_writes_are_as_the_document_says(write):
    notebook = Notebook(b'{"id": "x_1", "status": "draft"}')
    STRIPE.writing.send(notebook, write)

    assert notebook.calls
    for call in notebook.calls:
        assert_known(call)
        assert call.method != "POST" or (call.headers.get("Idempotency-Key", "").startswith("m") is bool(write.marker))
    keys = [key for call in notebook.calls if (key := call.headers.get("Idempotency-Key"))]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("write", [one for one in WRITES if one.marker], ids=lambda write: write.resource)
def test_what_was_made_is_looked_for_as_the_document_says(write):
    notebook = Notebook(b'{"data": []}')
    STRIPE.writing.find(notebook, Write("create", write.resource, write.values, marker="m", since=NOW))

    for call in notebook.calls:
        assert_known(call)
    assert len(notebook.calls) == 1


def test_bodies_hold_what_todays_client_may_send():
    """Nothing we send was taken away since."""
    takes = {"customers": "CustomerCreateParams", "invoices": "InvoiceCreateParams"}
    for write in (WRITES[0], WRITES[2]):
        notebook = Notebook(b'{"id": "x_1"}')
        STRIPE.writing.send(notebook, write)
        sent = {outer(name) for name in notebook.calls[0].form}
        assert sent <= today()["params"][takes[write.resource]].keys()


def test_endpoints_are_made_as_the_document_says():
    notebook = Notebook(b'{"id": "we_1", "data": []}')
    registrar = STRIPE.webhook.registrar
    registrar.create(notebook, "all", "https://console.example.com/webhooks/stripe/x", NOW)
    registrar.left_there(notebook, "all", "https://console.example.com/webhooks/stripe/x")
    registrar.look(notebook, "we_1")
    registrar.remove(notebook, "we_1")
    content = document(DOCUMENT).content["paths"]["/v1/webhook_endpoints"]["post"]["requestBody"]["content"]
    known = next(iter(content.values()))["schema"]["properties"]["enabled_events"]["items"]["enum"]

    for call in notebook.calls:
        assert_known(call)
    assert set(ENABLED) - LATER <= set(known)


# -- the stand-in -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(limits={"stripe": (10_000, 1.0)}) as sandbox:
        yield sandbox.stripe


def answer(sandbox, path: str, version: str) -> dict:
    headers = {"Authorization": f"Bearer {sandbox.api_key}", "Stripe-Version": version}
    return http.request("GET", f"{sandbox.url}{path}", headers=headers).json()


def path_of(resource) -> str:
    return f"{resource.path}?limit=100" + ("&status=all" if resource.key == "subscriptions" else "")


@pytest.mark.parametrize("resource", STRIPE.resources.values(), ids=STRIPE.resources)
def test_the_stand_in_sends_only_what_its_old_document_declares(sandbox, resource):
    document(DOCUMENT)
    sent = answer(sandbox, path_of(resource), "2022-11-15")

    assert wrong(sent, declared_answer(DOCUMENT, resource.path), "stripe") == []


@pytest.mark.parametrize("resource", STRIPE.resources.values(), ids=STRIPE.resources)
def test_the_stand_in_sends_only_what_is_there_today(sandbox, resource):
    known = today()["resources"][NAMED[resource.key]]["fields"].keys()
    sent = {name for one in answer(sandbox, path_of(resource), VERSION)["data"] for name in one}

    assert sent - known == set()


@pytest.mark.parametrize("path", ["/v1/account", "/v1/events?limit=100", "/v1/webhook_endpoints"])
def test_the_rest_of_the_stand_in_is_as_declared(sandbox, path):
    schema = declared_answer(DOCUMENT, path.split("?")[0]) if document(DOCUMENT) else None

    assert wrong(answer(sandbox, path, "2022-11-15"), schema, "stripe") == []


def test_a_refusal_is_in_the_declared_envelope(sandbox):
    error = answer(sandbox, "/v1/customers/cus_nope", VERSION)["error"]

    assert error.keys() <= today()["resources"]["ErrorObject"]["fields"].keys() | {"type"}
