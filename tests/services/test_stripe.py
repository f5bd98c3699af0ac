"""Stripe, read from the sandbox: lists newest first, changes by events, fields where they are and where they were."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import (
    BadAnswer,
    BadRecord,
    Missing,
    NeedsPerson,
    NotAllowed,
    RateLimited,
    TryLater,
    WrongAccount,
)
from integration_console.services.base import Notice
from integration_console.services.stripe.money import as_the_api_tells
from integration_console.services.stripe.reading import named_by

from .conftest import Connected

STRIPE = services.by_key("stripe")
LISTS = list(STRIPE.resources)


def changes(connected, resource, **reading):
    """What an increment since a minute ago brings: records, and ids that are gone."""
    begun = reading.pop("begun", house_clock.now() - timedelta(minutes=1))
    pages = list(connected.pages(resource, full=False, state={"begun": begun.isoformat()}, **reading))
    assert pages[-1].cursor is None
    return [item for page in pages for item in page.items], [one for page in pages for one in page.gone]


def ids(records):
    return [record["id"] for record in records]


# Reading everything


@pytest.mark.parametrize("resource", LISTS)
def test_a_list_is_read_whole(stripe, resource):
    records = stripe.records(resource)

    assert len(set(ids(records))) == len(records) == stripe.sandbox.ledger()[resource]


def test_canceled_subscriptions_are_among_them(stripe):
    assert {"active", "canceled"} <= {record["status"] for record in stripe.records("subscriptions")}


def test_every_call_names_the_version_and_lists_ask_for_full_pages(fresh_stripe):
    seen = fresh_stripe.calls()
    fresh_stripe.records("customers")
    queries = [request.query for request in fresh_stripe.asked(seen)]

    assert STRIPE.headers["Stripe-Version"] == "2026-10-28.endive"
    assert len(queries) == 5
    assert all("limit=100" in query for query in queries)
    assert "starting_after=cus_" in queries[1]


def test_a_walk_goes_on_where_it_stopped(stripe):
    pages = list(stripe.pages("invoices"))
    rest = list(stripe.pages("invoices", cursor=pages[2].cursor))

    assert ids(rest[0].items) == ids(pages[3].items)
    assert sum(len(page.items) for page in rest) == sum(len(page.items) for page in pages[3:])


@pytest.mark.parametrize("cut_off", [False, True], ids=["on the way", "after a stop"])
def test_a_list_begins_anew_where_the_record_a_page_begins_behind_is_gone(fresh_stripe, cut_off):
    """Deleted between two pages: Stripe then names the parameter, and would for as long as it is asked behind it."""
    pages = list(fresh_stripe.pages("customers"))
    everybody = {one for page in pages for one in ids(page.items)}
    unknown = {"type": "invalid_request_error", "code": "resource_missing", "param": "starting_after"}
    answer = {"status": 400, "body": {"error": {**unknown, "message": "No such customer: 'cus_x'"}}}
    fresh_stripe.sandbox.script("/v1/customers", {**answer, "after": 0 if cut_off else 1})

    read = list(fresh_stripe.pages("customers", cursor=pages[0].cursor if cut_off else None))

    assert {one for page in read for one in ids(page.items)} == everybody
    assert read[-1].cursor is None


def test_a_list_that_never_goes_on_is_a_failure(fresh_stripe):
    unknown = {"type": "invalid_request_error", "code": "resource_missing", "param": "starting_after"}
    for _ in range(2):
        answer = {"status": 400, "body": {"error": {**unknown, "message": "No such customer: 'cus_x'"}}}
        fresh_stripe.sandbox.script("/v1/customers", {**answer, "after": 1})

    with pytest.raises(BadRecord, match="No such customer"):
        list(fresh_stripe.pages("customers"))


def test_more_behind_nothing_is_refused(fresh_stripe):
    """P4: a list that says there is more and does not say behind what is not read as if it had ended."""
    empty = {"object": "list", "data": [], "has_more": True, "url": "/v1/customers"}
    fresh_stripe.sandbox.script("/v1/customers", {"body": empty})

    with pytest.raises(BadAnswer, match="behind what"):
        fresh_stripe.records("customers")


def test_a_full_page_that_does_not_say_whether_there_is_more_is_not_the_end(fresh_stripe):
    """P4"""
    full = {"object": "list", "data": [{"id": f"cus_{number}"} for number in range(100)], "url": "/v1/customers"}
    fresh_stripe.sandbox.script("/v1/customers", {"body": full})

    with pytest.raises(BadAnswer, match="whether there is more"):
        fresh_stripe.records("customers")


def test_an_invoice_has_all_its_lines_in_the_list_and_alone(stripe):
    long = next(one for one in stripe.records("invoices") if len(one["lines"]["data"]) > 10)

    assert long["lines"]["has_more"] is False
    assert sum(line["amount"] for line in long["lines"]["data"]) == long["total"]
    assert stripe.one("invoices", long["id"]) == long


def test_the_secret_of_a_payment_is_not_kept(stripe):
    payment = stripe.records("payments")[0]

    assert "client_secret" not in payment
    assert "client_secret" not in stripe.one("payments", payment["id"])
    assert "client_secret" in stripe.sandbox.record("payments", payment["id"])


def test_a_deleted_customer_is_missing_though_a_stub_of_it_answers(fresh_stripe):
    customer = fresh_stripe.records("customers")[0]["id"]
    fresh_stripe.sandbox.delete("customers", customer)

    with pytest.raises(Missing):
        fresh_stripe.one("customers", customer)
    with pytest.raises(Missing):
        fresh_stripe.one("customers", "cus_nope")


# Reading changes


@pytest.mark.parametrize("resource", LISTS)
def test_nothing_changed_is_two_calls_and_a_third_for_what_was_credited_or_paid_in_part(fresh_stripe, resource):
    seen = fresh_stripe.calls()

    assert changes(fresh_stripe, resource, begun=house_clock.now()) == ([], [])
    assert fresh_stripe.calls() - seen == (3 if resource == "invoices" else 2)


def test_an_old_record_that_changed_is_found_by_its_event_and_read_again(fresh_stripe):
    """`created` alone would never show it."""
    old = fresh_stripe.records("customers")[-1]["id"]
    fresh_stripe.sandbox.put("customers", {"id": old, "email": "one@example.com"})
    fresh_stripe.sandbox.put("customers", {"id": old, "email": "two@example.com"})
    seen = fresh_stripe.calls()
    found, gone = changes(fresh_stripe, "customers")

    assert [(one["id"], one["email"]) for one in found] == [(old, "two@example.com")]
    assert gone == []
    assert sum(request.path.endswith(old) for request in fresh_stripe.asked(seen)) == 1


def test_what_an_event_says_is_not_believed(fresh_stripe):
    """It shows the record in the version of its day, and may come late."""
    old = fresh_stripe.records("customers")[-1]["id"]
    fresh_stripe.sandbox.put("customers", {"id": old, "email": "now@example.com"})
    fresh_stripe.sandbox.events[-1]["data"]["object"] = {"id": old, "object": "customer", "email": "then@example.com"}

    assert [one["email"] for one in changes(fresh_stripe, "customers")[0]] == ["now@example.com"]


def test_new_records_come_from_the_list_and_are_not_read_twice(fresh_stripe):
    made = [fresh_stripe.sandbox.put("customers", {"name": f"New {n}"})["id"] for n in range(3)]
    seen = fresh_stripe.calls()
    found, _ = changes(fresh_stripe, "customers")

    assert sorted(ids(found)) == sorted(made)
    assert fresh_stripe.calls() - seen == 2


def test_deletions_are_told(fresh_stripe):
    first, second = ids(fresh_stripe.records("customers"))[-2:]
    fresh_stripe.sandbox.put("customers", {"id": first, "name": "About to go"})
    fresh_stripe.sandbox.delete("customers", first)
    fresh_stripe.sandbox.delete("customers", second)

    found, gone = changes(fresh_stripe, "customers")
    assert found == []
    assert sorted(gone) == sorted([first, second])


def test_a_canceled_subscription_is_changed_and_not_gone(fresh_stripe):
    plan = next(one for one in fresh_stripe.records("subscriptions") if one["status"] == "active")
    fresh_stripe.sandbox.put("subscriptions", {"id": plan["id"], "status": "canceled"})

    found, gone = changes(fresh_stripe, "subscriptions")
    assert [one["status"] for one in found] == ["canceled"]
    assert gone == []
    assert fresh_stripe.sandbox.events[-1]["type"] == "customer.subscription.deleted"


def test_an_invoice_that_is_paid_shows_with_its_payment_and_charge(fresh_stripe):
    sandbox = fresh_stripe.sandbox
    due = next(one for one in fresh_stripe.records("invoices") if one["status"] == "open")
    with sandbox.lock:
        sandbox.save("invoices", sandbox.number("invoices", due["id"]), sandbox.pay(sandbox.get("invoices", due["id"])))

    assert [one["status"] for one in changes(fresh_stripe, "invoices")[0]] == ["paid"]
    (payment,), (charge,) = changes(fresh_stripe, "payments")[0], changes(fresh_stripe, "charges")[0]
    assert charge["payment_intent"] == payment["id"]
    assert payment["amount_received"] == charge["amount"] == due["total"]


def test_a_refund_is_a_change_of_its_charge_and_so_is_its_failure(fresh_stripe):
    """Of a failure, which may come days later, only the refund tells, whatever was paid with."""
    sandbox = fresh_stripe.sandbox
    old = next(one for one in reversed(fresh_stripe.records("charges")) if one["paid"] and not one["amount_refunded"])
    refund = sandbox.refund(old["id"], 100)
    ((partly,), _) = changes(fresh_stripe, "charges")
    assert (partly["amount_refunded"], partly["refunded"]) == (100, False)
    sandbox.events.clear()

    sandbox.fail_refund(refund)

    ((back,), _) = changes(fresh_stripe, "charges")
    assert (back["id"], back["amount_refunded"]) == (old["id"], 0)


def test_a_credit_note_is_a_change_of_its_invoice_and_so_is_its_end(fresh_stripe):
    """Of either the note's own event alone tells: the invoice asked for what was credited until a full read."""
    sandbox = fresh_stripe.sandbox
    due = next(one for one in reversed(fresh_stripe.records("invoices")) if one["status"] == "open")
    note = sandbox.credit(due["id"], 100)

    ((less,), gone) = changes(fresh_stripe, "invoices")

    assert (less["id"], less["amount_remaining"]) == (due["id"], due["total"] - 100)
    assert (less["total"], less["pre_payment_credit_notes_amount"], gone) == (due["total"], 100, [])
    sandbox.events.clear()
    sandbox.void_credit(note)
    assert [one["amount_remaining"] for one in changes(fresh_stripe, "invoices")[0]] == [due["total"]]


def test_an_invoice_of_which_a_part_was_paid_is_a_changed_one(fresh_stripe):
    """The payment's own event alone may tell of it: the invoice was due in full until a full read."""
    due = next(one for one in reversed(fresh_stripe.records("invoices")) if one["status"] == "open")
    fresh_stripe.sandbox.pay_part(due["id"], 100)

    ((less,), gone) = changes(fresh_stripe, "invoices")

    assert (less["id"], less["amount_paid"], less["amount_remaining"]) == (due["id"], 100, due["total"] - 100)
    assert gone == []


def test_a_walk_through_changes_goes_on_among_the_credit_notes(fresh_stripe):
    due = next(one for one in reversed(fresh_stripe.records("invoices")) if one["status"] == "open")
    fresh_stripe.sandbox.put("invoices", {"id": due["id"], "description": "Seen"})
    fresh_stripe.sandbox.credit(due["id"], 100)
    state = {"begun": (house_clock.now() - timedelta(minutes=1)).isoformat()}
    pages = list(fresh_stripe.pages("invoices", full=False, state=state))

    for at, page in enumerate(pages[:-1], start=1):
        rest = list(fresh_stripe.pages("invoices", full=False, state=state, cursor=page.cursor))
        assert len(rest) == len(pages) - at
    assert [ids(page.items) for page in pages] == [[], [due["id"]], []]


def test_changes_of_many_pages_are_read_to_their_end_and_go_on_after_a_stop(fresh_stripe):
    begun = house_clock.now() - timedelta(minutes=1)
    every = ids(fresh_stripe.records("customers"))[:130]
    for name in every:
        fresh_stripe.sandbox.put("customers", {"id": name, "description": "Seen"})
    state = {"begun": begun.isoformat()}
    pages = list(fresh_stripe.pages("customers", full=False, state=state))
    rest = list(fresh_stripe.pages("customers", full=False, state=state, cursor=pages[1].cursor))

    assert sorted(one for page in pages for one in ids(page.items)) == sorted(every)
    assert [ids(page.items) for page in rest] == [ids(page.items) for page in pages[2:]]


def test_a_dispute_is_a_change_of_its_charge_and_an_upcoming_invoice_none_of_any():
    def event(about):
        return {"data": {"object": about}}

    assert named_by(event({"object": "refund", "charge": {"id": "ch_2"}}), "charge") == "ch_2"
    assert named_by(event({"object": "discount", "customer": "cus_1"}), "customer") == "cus_1"
    assert named_by(event({"object": "invoice"}), "invoice") is None
    assert named_by(event({"object": "customer", "id": "cus_1"}), "charge") is None
    assert named_by({"data": None}, "charge") is None


def test_a_key_that_may_not_read_events_reads_everything_each_time(fresh_stripe):
    fresh_stripe.sandbox.forbid("events")

    assert len(changes(fresh_stripe, "subscriptions")[0]) >= fresh_stripe.sandbox.ledger()["subscriptions"]
    assert STRIPE.account(fresh_stripe.upstream).facts["Changes"].startswith("re-read in full")


# Whose account


def test_the_account_is_named_with_its_mode(stripe):
    account = STRIPE.account(stripe.upstream)

    assert (account.id, account.name) == (stripe.sandbox.account_id, "Ashby & Okoye LLP")
    assert (account.facts["Mode"], account.settings["mode"]) == ("test", "test")
    assert account.facts["Currency"] == "USD"
    assert account.settings["account_id"] == account.id
    assert "acts_for" not in account.settings


def test_a_key_of_the_other_mode_is_another_account(upstreams):
    """Both modes have one account id, and each would find the other's records gone."""
    other = Connected("stripe", upstreams.stripe, {"Authorization": f"Bearer {upstreams.stripe.api_key}"}, mode="live")

    with pytest.raises(WrongAccount, match="test mode"):
        STRIPE.account(other.upstream)


def test_a_platforms_key_acts_for_the_account_that_was_named(upstreams):
    sandbox = upstreams.stripe
    headers = {"Authorization": f"Bearer {sandbox.client_secret}"}
    account = STRIPE.account(Connected("stripe", sandbox, headers, account_id=sandbox.account_id).upstream)
    acting = Connected("stripe", sandbox, headers, **account.settings)

    assert account.id == account.settings["acts_for"] == sandbox.account_id
    assert len(acting.records("subscriptions")) == sandbox.ledger()["subscriptions"]
    assert acting.one("customers", acting.records("customers")[0]["id"])["object"] == "customer"
    assert Connected("stripe", sandbox, headers).records("subscriptions") == []
    with pytest.raises(NotAllowed):
        STRIPE.account(Connected("stripe", sandbox, headers, account_id="acct_strange").upstream)


# Failures


def refusal(code, message="No.", **more):
    return {"error": {"type": "invalid_request_error", "code": code, "message": message, **more}}


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"),
    [
        (400, refusal("parameter_unknown", param="x"), {}, BadRecord),
        (401, refusal("api_key_expired"), {}, NeedsPerson),
        (402, {"error": {"type": "card_error", "code": "card_declined", "message": "Declined."}}, {}, BadRecord),
        (403, refusal("more_permissions_required"), {}, NotAllowed),
        (404, refusal("resource_missing"), {}, Missing),
        (400, refusal("rate_limit"), {}, RateLimited),
        (429, refusal("rate_limit"), {"Stripe-Rate-Limited-Reason": "global-rate"}, RateLimited),
    ],
)
def test_a_refusal_means_what_it_says(fresh_stripe, monkeypatch, status, body, headers, error):
    monkeypatch.setattr(house_clock, "sleep", lambda seconds: None)
    fresh_stripe.upstream._attempts = 1
    fresh_stripe.sandbox.script("/v1/customers/*", {"status": status, "body": body, "headers": headers})

    with pytest.raises(error, match=body["error"]["message"]) as raised:
        fresh_stripe.one("customers", "cus_1")
    assert raised.value.code == body["error"]["code"]


@pytest.mark.parametrize(
    ("status", "code", "headers"),
    [
        (429, "lock_timeout", {}),
        (409, "idempotency_key_in_use", {}),
        (424, "external", {}),
        (500, "", {}),
        (400, "odd", {"Stripe-Should-Retry": "true"}),
    ],
)
def test_what_may_go_through_the_next_time_is_tried_again(fresh_stripe, status, code, headers):
    name = fresh_stripe.records("customers")[0]["id"]
    fresh_stripe.sandbox.script("/v1/customers/*", {"status": status, "body": refusal(code), "headers": headers})

    assert fresh_stripe.one("customers", name)["id"] == name


@pytest.mark.parametrize(("status", "code"), [(500, ""), (409, "idempotency_key_in_use"), (429, "lock_timeout")])
def test_what_stripe_says_not_to_try_again_is_left_for_later(fresh_stripe, status, code):
    name = fresh_stripe.records("customers")[0]["id"]
    told = {"status": status, "body": refusal(code), "headers": {"Stripe-Should-Retry": "false"}}
    fresh_stripe.sandbox.script("/v1/customers/*", told)
    since = len(fresh_stripe.asked(0))

    with pytest.raises(TryLater) as raised:
        fresh_stripe.one("customers", name)
    assert raised.value.status == status
    assert len(fresh_stripe.asked(since)) == 1


def test_a_lock_on_one_object_slows_nobody_else_down(fresh_stripe):
    fresh_stripe.upstream._attempts = 1
    fresh_stripe.sandbox.script("/v1/customers/*", {"status": 429, "body": refusal("lock_timeout")})

    with pytest.raises(TryLater) as raised:
        fresh_stripe.one("customers", "cus_1")
    assert not isinstance(raised.value, RateLimited)


def test_the_sandboxes_limit_is_kept_to(fresh_upstreams):
    """Its headers say nothing, so our own window must be right."""
    assert [(limit.calls, limit.per_s) for limit in STRIPE.limits] == [(25, 1)]


# What it means


@pytest.mark.parametrize("resource", ["invoices", "subscriptions", "payments", "charges"])
def test_a_record_of_an_old_version_is_a_record_too(fresh_stripe, resource):
    """Fields moved in 2025: both shapes are kept, and what can be mapped is the same."""
    new = {one["id"]: STRIPE.writing.plain(resource, one) for one in fresh_stripe.records(resource)}
    fresh_stripe.upstream._headers["Stripe-Version"] = "2022-11-15"
    old = fresh_stripe.records(resource)

    assert {"invoices": "payment_intent", "subscriptions": "current_period_end"}.get(resource, "invoice") in old[0]
    assert {one["id"]: STRIPE.writing.plain(resource, one) for one in old} == new


def test_references_may_come_as_whole_objects(stripe):
    charge = stripe.records("charges")[0]
    whole = {**charge, "customer": {"id": charge["customer"], "object": "customer"}}
    STRIPE.resources["charges"].validate(whole)

    assert STRIPE.writing.plain("charges", whole) == STRIPE.writing.plain("charges", charge)


def test_reports_show_whole_units_and_moments():
    invoice = {"id": "in_1", "total": 123456, "currency": "usd", "created": 1_772_461_800, "due_date": None}
    yen, dinar = {"id": "in_2", "total": 500, "currency": "jpy"}, {"id": "in_3", "total": 12345, "currency": "kwd"}
    columns = {column.name: column for column in STRIPE.invoices.columns()}

    assert [str(columns["total"].value_in(one)) for one in (invoice, yen, dinar)] == ["1234.56", "500", "12.345"]
    assert columns["created"].value_in(invoice) == "2026-03-02T14:30:00+00:00"
    assert columns["due_date"].value_in(invoice) is None
    assert (columns["total"].type, columns["created"].type) == ("money", "time")


def test_the_apis_records_are_in_major_units_and_capitals(stripe):
    done = [one for one in stripe.records("payments") if one["status"] == "succeeded"]
    payment = next(one for one in done if one["currency"] == "usd")
    told = as_the_api_tells(payment)

    assert (told["amount"], told["currency"], told["status"]) == (payment["amount"] / 100, "USD", "completed")
    assert told["id"] == payment["id"]


# Webhooks


def test_an_event_names_the_record_to_read_and_nothing_else_of_it():
    def of(kind, about, **more):
        data = {"id": "evt_1", "type": kind, "created": 1_772_461_800, "data": {"object": about}, **more}
        (event,) = STRIPE.webhook.events(Notice(b"{}", {}, data))
        return event

    paid = of("invoice.paid", {"object": "invoice", "id": "in_1", "total": 5}, account="acct_1")
    assert (paid.key, paid.kind, paid.account) == ("evt_1", "invoice.paid", "acct_1")
    assert [tuple(one) for one in paid.records] == [("invoices", "in_1", None)]
    assert of("charge.dispute.created", {"object": "dispute", "id": "dp_1", "charge": "ch_1"}).records[0][:2] == (
        "charges", "ch_1",
    )  # fmt: skip
    assert of("credit_note.created", {"object": "credit_note", "id": "cn_1", "invoice": "in_1"}).records[0][:2] == (
        "invoices", "in_1",
    )  # fmt: skip
    part = {"object": "invoice_payment", "id": "inpay_1", "invoice": "in_1"}
    assert of("invoice_payment.paid", part).records[0][:2] == ("invoices", "in_1")
    assert of("payout.paid", {"object": "payout", "id": "po_1"}).records == ()
    assert of("account.application.deauthorized", {"object": "application", "id": "ca_1"}).access_ended
    thin = {"id": "evt_2", "object": "v2.core.event", "type": "v1.billing.meter", "created": "2026-03-02T14:30:00Z"}
    assert next(iter(STRIPE.webhook.events(Notice(b"{}", {}, thin)))).records == ()


def test_one_endpoint_is_made_for_everything_and_taken_away(fresh_stripe):
    registrar, now = STRIPE.webhook.registrar, house_clock.now()
    url = "http://127.0.0.1:9/webhooks/stripe/x"
    made = registrar.create(fresh_stripe.upstream, "all", url, now)

    assert made.works
    assert made.secret.startswith("whsec_")
    assert registrar.left_there(fresh_stripe.upstream, "all", url) == [made.external_id]
    assert registrar.look(fresh_stripe.upstream, made.external_id).secret is None
    registrar.remove(fresh_stripe.upstream, made.external_id)
    with pytest.raises(Missing):
        registrar.look(fresh_stripe.upstream, made.external_id)
