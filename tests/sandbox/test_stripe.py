"""The sandbox's Stripe, driven by Stripe's own client: what it takes for Stripe, we may take for Stripe, too."""

import http.server
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe as official
import urllib3

from integration_console.sandbox import Sandbox

http_pool = urllib3.PoolManager(retries=False)
LISTS = {
    "customers": "customers",
    "invoices": "invoices",
    "payments": "payment_intents",
    "charges": "charges",
    "subscriptions": "subscriptions",
}


@pytest.fixture(scope="module")
def shared():
    """A sandbox for tests that only read."""
    with Sandbox(limits={"stripe": (100_000, 1.0)}) as sandbox:
        yield sandbox.stripe


@pytest.fixture
def sandbox():
    with Sandbox(limits={"stripe": (100_000, 1.0)}) as sandbox:
        yield sandbox.stripe


def client(sandbox, key=None, **options):
    addresses = {"api": sandbox.url, "connect": sandbox.url}
    return official.StripeClient(key or sandbox.api_key, base_addresses=addresses, max_network_retries=0, **options)


def listed(sandbox, resource, **params):
    service = getattr(client(sandbox).v1, LISTS[resource])
    params = {"limit": 100, **({"status": "all"} if resource == "subscriptions" else {}), **params}
    return list(service.list(params).auto_paging_iter())


# Reading


@pytest.mark.parametrize("resource", LISTS)
def test_every_list_is_paged_to_its_end_newest_first(shared, resource):
    found = listed(shared, resource)
    times = [one.created for one in found]

    assert len({one.id for one in found}) == len(found) == shared.ledger()[resource]
    assert times == sorted(times, reverse=True)
    assert times[0] <= time.time()


def test_a_list_goes_both_ways_and_has_ten_by_default(shared):
    api = client(shared).v1.customers
    first = api.list()
    second = api.list({"starting_after": first.data[-1].id})
    back = api.list({"ending_before": second.data[0].id})

    assert (len(first.data), first.has_more) == (10, True)
    assert [one.id for one in back.data] == [one.id for one in first.data]


def test_lists_are_narrowed_by_when_a_record_was_made_and_by_what_it_is(shared):
    since = int(time.time()) - 90 * 86_400
    young = listed(shared, "invoices", created={"gte": since})
    every = listed(shared, "invoices")
    customer = every[0].customer

    assert [one.id for one in young] == [one.id for one in every if one.created >= since]
    assert {one.customer for one in listed(shared, "invoices", customer=customer)} == {customer}
    assert {one.status for one in listed(shared, "invoices", status="open")} == {"open"}
    assert "canceled" not in {one.status for one in client(shared).v1.subscriptions.list({"limit": 100}).data}


def test_the_firm_is_a_believable_one(shared):
    payments = listed(shared, "payments")
    charges = {one.id: one for one in listed(shared, "charges")}
    invoices = listed(shared, "invoices")

    assert {"usd", "jpy"} <= {one.currency for one in payments}
    assert {"draft", "open", "paid", "void", "uncollectible"} == {one.status for one in invoices}
    for payment in payments:
        if payment.latest_charge:
            assert charges[payment.latest_charge].payment_intent == payment.id
    assert any(one.payment_intent is None for one in charges.values())  # from before there were intents
    assert sum(one.email is None for one in listed(shared, "customers")) > 10


def test_records_name_others_or_hold_them_when_asked_to(shared):
    api = client(shared).v1.charges
    plain, whole = api.list({"limit": 1}).data[0], api.list({"limit": 1, "expand": ["data.customer"]}).data[0]

    assert whole.customer.id == plain.customer
    assert api.retrieve(plain.id, {"expand": ["customer"]}).customer.id == plain.customer


def test_a_long_invoice_shows_ten_lines_and_where_the_rest_is(shared):
    long = next(one for one in listed(shared, "invoices") if one.lines.has_more)
    lines = list(client(shared).v1.invoices.line_items.list(long.id, {"limit": 5}).auto_paging_iter())

    assert len(long.lines.data) == 10
    assert sum(one.amount for one in lines) == long.total


def test_an_old_version_shows_fields_where_they_were(shared):
    old = client(shared, stripe_version="2022-11-15").v1
    plan = old.subscriptions.list({"limit": 1, "status": "all"}).data[0].to_dict()
    paid = old.invoices.list({"limit": 1, "status": "paid"}).data[0].to_dict()

    assert plan["current_period_end"]
    assert "current_period_end" not in plan["items"]["data"][0]
    assert paid["paid"] is True
    assert paid["payment_intent"].startswith("pi_")


# Refusals


def test_refusals_are_what_the_client_takes_them_for(sandbox):
    api = client(sandbox).v1
    with pytest.raises(official.AuthenticationError):
        client(sandbox, "sk_test_wrong").v1.customers.list()
    with pytest.raises(official.InvalidRequestError, match="No such customer") as missing:
        api.customers.retrieve("cus_nope")
    with pytest.raises(official.InvalidRequestError, match="unknown parameter: colour") as unknown:
        api.customers.create({"colour": "red"})
    with pytest.raises(official.InvalidRequestError) as strange:
        api.invoices.create({"customer": "cus_nope"})
    for name, longest in (("description", 1500), ("footer", 5000)):
        with pytest.raises(official.InvalidRequestError, match="longer"):
            api.invoices.create({"customer": listed(sandbox, "customers")[0].id, name: "x" * (longest + 1)})
    with pytest.raises(official.InvalidRequestError, match="metadata"):
        api.customers.create({"metadata": {"a": "x" * 501}})
    sandbox.forbid("invoices")
    with pytest.raises(official.PermissionError):
        api.invoices.list()

    assert (missing.value.http_status, missing.value.code, missing.value.param) == (404, "resource_missing", "id")
    assert missing.value.request_id.startswith("req_")
    assert (unknown.value.http_status, unknown.value.param) == (400, "colour")
    assert (strange.value.http_status, strange.value.param) == (400, "customer")


def test_a_declined_card_is_a_card_error_and_leaves_its_payment(sandbox):
    card = {"amount": 1000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa_chargeDeclined"}
    with pytest.raises(official.CardError) as declined:
        client(sandbox).v1.payment_intents.create(card)

    assert declined.value.error.decline_code == "generic_decline"
    assert listed(sandbox, "payments")[0].status == "requires_payment_method"
    assert listed(sandbox, "charges")[0].failure_code == "card_declined"


def test_too_many_calls_a_second_are_refused_without_saying_how_long_to_wait(sandbox):
    sandbox.limits = (2, 60.0)
    for _ in range(2):
        client(sandbox).v1.customers.list()
    with pytest.raises(official.RateLimitError) as refused:
        client(sandbox).v1.customers.list()

    assert refused.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert "Retry-After" not in refused.value.headers


# Writing


def test_a_key_makes_a_call_happen_once(sandbox):
    api, before = client(sandbox).v1.customers, sandbox.ledger()["customers"]
    first = api.create({"name": "Ada"}, {"idempotency_key": "k1"})
    second = api.create({"name": "Ada"}, {"idempotency_key": "k1"})

    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert sandbox.ledger()["customers"] == before + 1
    with pytest.raises(official.IdempotencyError):
        api.create({"name": "Grace"}, {"idempotency_key": "k1"})


def test_a_key_is_forgotten_after_its_time(sandbox):
    """Then a repeat makes a second one: whoever comes so late has to look first (W3)."""
    api = client(sandbox).v1.customers
    first = api.create({"name": "Ada"}, {"idempotency_key": "k1"})
    sandbox.key_life_s = 0

    assert api.create({"name": "Ada"}, {"idempotency_key": "k1"}).id != first.id


def test_what_failed_validation_may_come_again_with_its_key(sandbox):
    api = client(sandbox).v1.customers
    with pytest.raises(official.InvalidRequestError):
        api.create({"email": "nonsense"}, {"idempotency_key": "k1"})

    assert api.create({"email": "ada@example.com"}, {"idempotency_key": "k1"}).email == "ada@example.com"


def test_metadata_is_merged_and_emptied_key_by_key(sandbox):
    api = client(sandbox).v1.customers
    made = api.create({"name": "Ada", "metadata": {"a": "1", "b": "2"}})
    changed = api.update(made.id, {"metadata": {"a": "", "c": "3"}, "address": {"city": "Reno"}})

    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    assert (changed.address.city, changed.name) == ("Reno", "Ada")


def test_an_invoice_goes_from_draft_to_paid(sandbox):
    api = client(sandbox).v1
    customer = api.customers.create({"name": "Ada", "email": "ada@example.com"})
    with pytest.raises(official.InvalidRequestError, match="days_until_due"):
        api.invoices.create({"customer": customer.id, "collection_method": "send_invoice"})
    draft = api.invoices.create({"customer": customer.id, "collection_method": "send_invoice", "days_until_due": 14})
    api.invoice_items.create({"customer": customer.id, "invoice": draft.id, "amount": 1200, "currency": "usd"})
    final = api.invoices.finalize_invoice(draft.id)
    with pytest.raises(official.InvalidRequestError, match="no draft"):
        api.invoices.update(draft.id, {"description": "Too late"})
    paid = api.invoices.pay(draft.id)

    assert (draft.status, final.status, paid.status) == ("draft", "open", "paid")
    assert (final.total, paid.amount_remaining) == (1200, 0)
    assert listed(sandbox, "payments")[0].amount_received == 1200


def test_a_subscription_is_paused_and_canceled_and_then_out_of_reach(sandbox):
    api = client(sandbox).v1.subscriptions
    plan = api.list({"limit": 1, "status": "active"}).data[0]
    paused = api.update(plan.id, {"pause_collection": {"behavior": "void"}})
    over = api.cancel(plan.id)

    assert paused.pause_collection.behavior == "void"
    assert over.status == "canceled"
    with pytest.raises(official.InvalidRequestError):
        api.cancel(plan.id)


# Events and webhooks


def test_every_change_is_an_event_and_old_history_is_forgotten(sandbox):
    api = client(sandbox).v1
    oldest = list(api.events.list({"limit": 100}).auto_paging_iter())[-1]
    made = api.customers.create({"name": "Ada"})
    api.customers.update(made.id, {"name": "Grace"})
    api.customers.delete(made.id)
    events = api.events.list({"types": ["customer.created", "customer.updated", "customer.deleted"], "limit": 3}).data

    assert oldest.created >= time.time() - 31 * 86_400
    assert [one.type for one in events] == ["customer.deleted", "customer.updated", "customer.created"]
    assert events[1].data.previous_attributes.to_dict() == {"name": "Ada"}
    assert api.events.list({"type": "customer.subscription.*", "created": {"gte": int(time.time())}}).data == []
    assert api.customers.retrieve(made.id).deleted is True


class Listener:
    """An address on this machine that remembers what it was sent."""

    def __init__(self):
        self.got, outer = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((body, self.headers["Stripe-Signature"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


def test_endpoints_are_told_of_what_they_want_signed_as_the_client_checks_it(sandbox):
    listener, api = Listener(), client(sandbox).v1
    wanted = {"url": listener.url, "enabled_events": ["customer.created"]}
    endpoint = api.webhook_endpoints.create(wanted)
    made = api.customers.create({"name": "Ada"})
    api.customers.update(made.id, {"name": "Grace"})
    end = time.monotonic() + 5
    while not listener.got and time.monotonic() < end:
        time.sleep(0.02)
    listener.server.shutdown()

    ((body, signature),) = listener.got
    event = official.Webhook.construct_event(body, signature, endpoint.secret)
    assert (event.type, event.data.object.id) == ("customer.created", made.id)
    with pytest.raises(official.SignatureVerificationError):
        official.Webhook.construct_event(body + b" ", signature, endpoint.secret)
    assert not hasattr(api.webhook_endpoints.retrieve(endpoint.id), "secret")


# Consent


def consented(sandbox, decision="approve"):
    """Where a person is sent back to."""
    asked = {"client_id": sandbox.client_id, "redirect_uri": "http://127.0.0.1/back", "state": "s1",
             "response_type": "code", "scope": "read_write"}  # fmt: skip
    page = http_pool.request("GET", sandbox.auth_url, fields=asked)
    assert page.status == 200
    answer = http_pool.request(
        "POST", sandbox.auth_url, fields={**asked, "decision": decision}, encode_multipart=False, redirect=False
    )
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def test_an_account_lets_a_platform_in_and_shuts_it_out_again(sandbox):
    platform = client(sandbox, sandbox.client_secret, client_id=sandbox.client_id)
    told = platform.oauth.token({"grant_type": "authorization_code", "code": consented(sandbox)["code"][0]})

    assert (told.stripe_user_id, told.scope) == (sandbox.account_id, "read_write")
    assert client(sandbox, told.access_token).v1.customers.list({"limit": 1}).data
    acting = platform.v1.customers.list({"limit": 1}, {"stripe_account": sandbox.account_id})
    assert acting.data
    platform.oauth.deauthorize({"stripe_user_id": sandbox.account_id})
    with pytest.raises(official.AuthenticationError):
        client(sandbox, told.access_token).v1.customers.list()


def test_a_refused_consent_and_a_spent_code_give_nothing(sandbox):
    platform = client(sandbox, sandbox.client_secret, client_id=sandbox.client_id)
    code = consented(sandbox)["code"][0]
    platform.oauth.token({"grant_type": "authorization_code", "code": code})

    assert consented(sandbox, "refuse") == {"error": ["access_denied"], "state": ["s1"]}
    with pytest.raises(official.oauth_error.InvalidGrantError):
        platform.oauth.token({"grant_type": "authorization_code", "code": code})
