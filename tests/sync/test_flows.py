"""The ready mappings: sound documents, whose lines fit what the services let us read and write."""

import pytest

from integration_console import services
from integration_console.services.writing import Field
from integration_console.sync import mapping as mappings
from integration_console.sync.carrying.compare import create
from integration_console.sync.carrying.verdict import Half
from integration_console.sync.flows import FLOWS, HIGHLEVEL_ID, TAGS
from integration_console.sync.mapping import Side


def fields(names: str, kind: str = "text", **facts) -> list[Field]:
    return [Field(name, name, kind, **facts) for name in names.split()]


def read_only(names: str, kind: str = "text") -> list[Field]:
    return fields(names, kind, writable=False)


PROMISED = {
    ("ghl", "contacts"): [
        *fields("firstName lastName companyName address1 city state postalCode country"), *fields("email", "email"),
        *fields("phone", "phone"), *fields("dateOfBirth", "date"), *fields("tags", "list"),
        *read_only("additionalEmails additionalPhones", "list"),
    ],
    ("ghl", "opportunities"): [
        *fields("name source"), *fields("status pipelineStageId", "choice"), *fields("monetaryValue", "money"),
        *read_only("contactId", "ref"), *fields("assignedTo", "ref"),
    ],
    ("clio", "contacts"): [
        *fields("type", "choice", required=True), *fields("first_name last_name name custom:9"),
        *fields("address.street address.city address.province address.postal_code address.country"),
        *fields("email", "email"), *fields("phone", "phone"), *fields("date_of_birth", "date"),
        *read_only("is_client", "boolean"), *read_only("other_emails other_phones", "list"),
    ],
    ("stripe", "customers"): [
        *fields("name"), *fields("email", "email"), *fields("phone", "phone"),
        *fields("address.line1 address.postal_code"),
    ],
    ("clio", "matters"): [
        *fields("description", required=True), *fields("client.id", "ref", required=True), *fields("status", "choice"),
        *fields("practice_area.id matter_stage.id responsible_attorney.id", "ref"), *fields("billable", "boolean"),
        *read_only("display_number"), *fields("custom:9"),
    ],
    ("clio", "activities"): [
        *fields("type", "choice", required=True), *fields("date", "date", required=True),
        *fields("quantity", "number"), *fields("note reference"), *fields("matter.id user.id", "ref"),
        *fields("non_billable", "boolean"),
    ],
    ("clockify", "clients"): [*fields("name", required=True), *fields("email", "email"), *fields("address note")],
    ("clockify", "projects"): [
        *fields("name", required=True, longest=250), *fields("clientId", "ref"),
        *fields("archived billable", "boolean"),
    ],
    ("clockify", "time_entries"): [
        *read_only("description"), *read_only("userId projectId", "ref"), *read_only("start", "time"),
        *read_only("seconds", "number"), *read_only("billable running", "boolean"), *read_only("type", "choice"),
    ],
}  # fmt: skip


def known(end: tuple[str, str]) -> list[Field]:
    """What a side promises, or else what its service says today."""
    return PROMISED.get(end) or services.by_key(end[0]).writing.fields(end[1])


@pytest.fixture
def writable(monkeypatch):
    """The services take these writes, whatever their own files say."""
    everything = {resource: frozenset({"create", "update", "delete"}) for _, resource in PROMISED}
    for key in ("ghl", "clio", "clockify", "stripe"):
        monkeypatch.setattr(type(services.by_key(key).writing), "writable", everything)


@pytest.mark.parametrize("key", FLOWS)
@pytest.mark.parametrize("custom", [None, "9"])
def test_a_ready_mapping_is_sound_with_and_without_custom_fields(writable, key, custom):
    flow = FLOWS[key]
    document = flow.document(lambda wanted: custom if wanted is not TAGS else None)

    assert mappings.read(document.to_bytes()) == document
    mapping = mappings.of_document(document, Side(1, *flow.left), Side(2, *flow.right))
    found = mappings.check(mapping, known(flow.left), known(flow.right))
    assert not [problem for problem in found if problem.blocking]


def test_a_new_client_of_clockify_is_made_in_clio_only_where_the_mapping_says_so(writable):
    """And then under its whole name, as a company: Clockify does not say who is a person."""
    flow = FLOWS["clio_contacts_clockify_clients"]
    sides = Side(1, *flow.left), Side(2, *flow.right)
    shipped = mappings.of_document(flow.document(), *sides)
    both = {"creates_right": True, "creates_left": True}

    making = mappings.of_document(flow.document().changed(options=both), *sides)

    assert (shipped.creates("right"), shipped.creates("left"), shipped.rule) == (True, False, "left")
    assert not [one for one in mappings.check(making, known(flow.left), known(flow.right)) if one.blocking]
    there = create(making, "left", Half({"name": "Ada Lovelace", "email": "Ada@Example.org", "address": None}), None)
    assert there.to_left.values == {"type": "Company", "name": "Ada Lovelace", "email": "ada@example.org"}


# Approved by a second administrator before they go live.
MONEY = ("clio_bills_quickbooks_invoices", "clio_bills_xero_invoices")


def test_no_flow_writes_trust_money_or_clockify_time_and_invoices_alone_are_money():
    """W8"""
    for flow in FLOWS.values():
        mapping = mappings.of_document(flow.document(), Side(1, *flow.left), Side(2, *flow.right))

        assert mappings.trust_refusal(mapping) is None
        assert mappings.holds_money(mapping, known(flow.left), known(flow.right)) == (flow.key in MONEY)
        assert not (flow.left[1] == "time_entries" and mapping.goes("left"))


def test_flows_do_not_fight_over_a_field(writable):
    every = [
        mappings.of_document(flow.document(), Side(hash(flow.left[0]), *flow.left),
                             Side(hash(flow.right[0]), *flow.right), number=number)
        for number, flow in enumerate(FLOWS.values(), start=1)
    ]  # fmt: skip

    for mapping in every:
        ends = (mapping.left.service, mapping.left.resource), (mapping.right.service, mapping.right.resource)
        found = mappings.check(mapping, known(ends[0]), known(ends[1]), every)
        fights = [
            problem for problem in found if "is written by" in problem.message or "carries this back" in problem.message
        ]
        assert not fights, mapping.name


def test_the_highlevel_id_and_the_tags_go_where_the_firm_has_fields_for_them():
    flow = FLOWS["ghl_contacts_clio_contacts"]

    whole = flow.document({HIGHLEVEL_ID: "12", TAGS: "13"}.get)

    assert whole.keys[0].model_dump()["right"] == "custom:12"
    assert [line.key for line in whole.lines[-2:]] == ["tags|custom:13", "id|custom:12"]
    assert not [line for line in flow.document().lines if "custom" in line.right]


def test_pairs_of_another_mapping_are_told_from_keys_that_compare():
    flow = FLOWS["clio_matters_ghl_opportunities"]
    mapping = mappings.of_document(flow.document(), Side(1, *flow.left), Side(2, *flow.right))

    assert (mapping.match_keys, mapping.link_flows) == ([], ["ghl_opportunities_clio_matters"])
