"""What is written to Stripe: customers, payments and subscriptions."""

import time

from ..server import Answer, Request, on
from .events import StripeEvents
from .parts import (
    DAY_S,
    OBJECTS,
    charge_facts,
    declined,
    id_of,
    nested,
    number_of,
    price,
)
from .wire import fault, missing, once, sent_in, whole_number, wrong, yes

ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")
CUSTOMER_TAKES = ("name", "email", "phone", "description", "address", "metadata", "business_name", "individual_name")
PLAN_TAKES = (
    "cancel_at_period_end", "pause_collection", "description", "metadata", "cancel_at", "collection_method",
    "days_until_due", "customer", "items",
)  # fmt: skip
PAYMENT_TAKES = (
    "amount", "currency", "customer", "description", "metadata", "receipt_email", "payment_method", "confirm",
    "automatic_payment_methods", "payment_method_types",
)  # fmt: skip
CARDS = {"pm_card_visa": None, "pm_card_visa_chargeDeclined": "generic_decline"}


class StripeWrites(StripeEvents):
    records: object

    # Customers

    @on("POST", "/v1/customers")
    @once
    def make_customer(self, request: Request) -> Answer:
        number = self.next_number("customers")
        blank = {
            **self.common("customers", number),
            **dict.fromkeys(("name", "email", "phone", "description", "address", "currency", "shipping")),
            "balance": 0,
            "delinquent": False,
            "invoice_prefix": f"{number:07X}",
            "tax_exempt": "none",
            "discount": None,
        }
        return self.saved("customers", number, self._customer(blank, sent_in(request, *CUSTOMER_TAKES)), request)

    @on("POST", "/v1/customers/{customer}")
    @once
    def change_customer(self, request: Request) -> Answer:
        customer = self.existing_on_wire("customers", request.params["customer"])
        changed = self._customer(customer, sent_in(request, *CUSTOMER_TAKES))
        return self.saved("customers", number_of("customers", customer["id"]), changed, request)

    @on("DELETE", "/v1/customers/{customer}")
    def delete_customer(self, request: Request) -> Answer:
        customer = self.existing_on_wire("customers", request.params["customer"])
        self.delete("customers", customer["id"])
        return Answer(200, {"id": customer["id"], "object": "customer", "deleted": True})

    def _customer(self, record: dict, sent: dict) -> dict:
        if sent.get("email") and "@" not in sent["email"]:
            raise wrong(f"Invalid email address: {sent['email']}", "email", "email_invalid")
        for name, longest in (("name", 256), ("phone", 20), ("email", 512), ("description", 5000)):
            if len(sent.get(name) or "") > longest:
                raise wrong(f"The {name} is longer than {longest} characters", name, "parameter_too_long")
        changed = {
            **record,
            **{name: value or None for name, value in sent.items() if name not in ("address", "metadata")},
        }
        if "address" in sent:
            if not isinstance(sent["address"], dict | str) or (isinstance(sent["address"], str) and sent["address"]):
                raise wrong("Invalid object", "address")
            given = {name: value or None for name, value in (sent["address"] or {}).items()}
            changed["address"] = {**dict.fromkeys(ADDRESS), **(record["address"] or {}), **given} if given else None
        return with_metadata(changed, sent)

    # Payments

    @on("POST", "/v1/payment_intents")
    @once
    def make_payment(self, request: Request) -> Answer:
        sent = sent_in(request, *PAYMENT_TAKES)
        for name in ("amount", "currency"):
            if not sent.get(name):
                raise wrong(f"Missing required param: {name}.", name, "parameter_missing")
        if whole_number(sent["amount"], "amount") < 1:
            raise wrong("The amount must be at least 1", "amount", "parameter_invalid_integer")
        if "customer" in sent:
            self.named("customers", sent, "customer")
        number = self.next_number("payments")
        if not yes(sent.get("confirm")):
            return self.saved("payments", number, self._payment(number, sent, "requires_payment_method"), request)
        card = sent.get("payment_method") or ""
        if card not in CARDS:
            raise missing("PaymentMethod", card, "payment_method", 400)
        payment = self.take_payment(number, sent, CARDS[card], None)
        if CARDS[card]:
            return fault(402, payment["last_payment_error"]["message"], code="card_declined", kind="card_error",
                         decline_code=CARDS[card])  # fmt: skip
        return Answer(200, self.shown(payment, request))

    @on("POST", "/v1/payment_intents/{payment}")
    @once
    def change_payment(self, request: Request) -> Answer:
        sent = sent_in(request, "description", "metadata", "receipt_email")
        payment = self.existing_on_wire("payments", request.params["payment"])
        plain = {name: sent[name] or None for name in ("description", "receipt_email") if name in sent}
        changed = with_metadata({**payment, **plain}, sent)
        return self.saved("payments", number_of("payments", payment["id"]), changed, request)

    def take_payment(self, number: int, asked: dict, refusal: str | None, invoice: str | None) -> dict:
        """A payment that went through, or was declined; with its charge either way."""
        payment = self._payment(number, asked, "requires_payment_method" if refusal else "succeeded", invoice)
        charge_number = self.next_number("charges")
        payment["latest_charge"] = id_of("charges", charge_number)
        if refusal:
            payment["last_payment_error"] = declined(refusal)
        charge = {
            **self.common("charges", charge_number),
            **charge_facts(payment, payment["amount"], failed=refusal is not None),
            **dict.fromkeys(("refunded", "disputed"), False),
            "amount_refunded": 0,
            "payment_intent": payment["id"],
            "billing_details": {"address": None, "email": payment["receipt_email"], "name": None, "phone": None},
        }
        self.save("charges", charge_number, charge)
        return self.save("payments", number, payment)

    def _payment(self, number: int, asked: dict, status: str, invoice: str | None = None) -> dict:
        amount, done = whole_number(asked["amount"], "amount"), status == "succeeded"
        payment = {
            **self.common("payments", number),
            **dict.fromkeys(("canceled_at", "cancellation_reason", "latest_charge", "last_payment_error")),
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": amount if done else 0,
            "capture_method": "automatic",
            "client_secret": f"{id_of('payments', number)}_secret_sandbox",
            "currency": asked["currency"],
            "customer": asked.get("customer"),
            "description": asked.get("description"),
            "payment_method": f"pm_1Sbx{number:012d}" if done else None,
            "payment_method_types": ["card"],
            "receipt_email": asked.get("receipt_email"),
            "status": status,
            "_invoice": invoice,
        }
        return with_metadata(payment, asked)

    # Subscriptions

    @on("POST", "/v1/subscriptions")
    @once
    def make_subscription(self, request: Request) -> Answer:
        sent = sent_in(request, *PLAN_TAKES)
        customer, number, now = (
            self.named("customers", sent, "customer"),
            self.next_number("subscriptions"),
            int(time.time()),
        )
        wanted = sent.get("items")
        if not isinstance(wanted, list) or not all("price" in one for one in wanted):
            raise wrong("Missing required param: items.", "items", "parameter_missing")
        name, currency = id_of("subscriptions", number), customer["currency"] or "usd"
        items = [
            {
                "id": f"si_1Sbx{number:09d}{at:03d}",
                "object": "subscription_item",
                "created": now,
                "current_period_start": now,
                "current_period_end": now + 30 * DAY_S,
                "price": {**price(5000, currency), "id": one["price"]},
                "quantity": 1,
                "subscription": name,
            }
            for at, one in enumerate(wanted)
        ]
        plan = {
            **self.common("subscriptions", number),
            **dict.fromkeys(("cancel_at", "canceled_at", "ended_at", "pause_collection", "trial_end", "trial_start",
                             "latest_invoice", "days_until_due")),
            "cancel_at_period_end": False,
            "collection_method": "charge_automatically",
            "currency": currency,
            "customer": customer["id"],
            "description": sent.get("description") or None,
            "items": nested(items, f"/v1/subscription_items?subscription={name}"),
            "start_date": now,
            "status": "active",
        }  # fmt: skip
        return self.saved("subscriptions", number, with_metadata(plan, sent), request)

    @on("POST", "/v1/subscriptions/{subscription}")
    @once
    def change_subscription(self, request: Request) -> Answer:
        sent = sent_in(request, *PLAN_TAKES)
        plan = self._living(request)
        changed = {**plan}
        if "cancel_at_period_end" in sent:
            changed["cancel_at_period_end"] = yes(sent["cancel_at_period_end"])
        if "pause_collection" in sent:
            paused = sent["pause_collection"]
            if paused and paused.get("behavior") not in ("keep_as_draft", "mark_uncollectible", "void"):
                raise wrong("Invalid pause_collection[behavior]", "pause_collection[behavior]")
            changed["pause_collection"] = {"resumes_at": None, **paused} if paused else None
        if "description" in sent:
            changed["description"] = sent["description"] or None
        number = number_of("subscriptions", plan["id"])
        return self.saved("subscriptions", number, with_metadata(changed, sent), request)

    @on("DELETE", "/v1/subscriptions/{subscription}")
    def cancel_subscription(self, request: Request) -> Answer:
        plan, now = self._living(request), int(time.time())
        over = {"status": "canceled", "canceled_at": now, "ended_at": now, "cancel_at_period_end": False}
        return self.saved("subscriptions", number_of("subscriptions", plan["id"]), {**plan, **over}, request)

    def _living(self, request: Request) -> dict:
        plan = self.existing_on_wire("subscriptions", request.params["subscription"])
        if plan["status"] in ("canceled", "incomplete_expired"):
            raise missing("subscription", plan["id"])  # what is over cannot be touched, and is answered as not there
        return plan

    # What all of them need

    def named(self, resource: str, sent: dict, param: str) -> dict:
        """The record a form names. A strange one is the form's fault: 400."""
        if not sent.get(param):
            raise wrong(f"Missing required param: {param}.", param, "parameter_missing")
        found = self.get(resource, sent[param])
        if found is None:
            raise missing(OBJECTS[resource], sent[param], param, 400)
        return found

    def saved(self, resource: str, number: int, record: dict, request: Request) -> Answer:
        return Answer(200, self.shown(self.save(resource, number, record), request))

    def save(self, resource: str, number: int, record: dict) -> dict:
        """Keep a record and tell of it."""
        before = self.shelves[resource].get(number)
        self.shelves[resource].put(number, record)
        self.report(resource, record, before)
        return record

    def common(self, resource: str, number: int) -> dict:
        return {
            "id": id_of(resource, number),
            "object": OBJECTS[resource],
            "created": int(time.time()),
            "livemode": False,
            "metadata": {},
        }

    def next_number(self, resource: str) -> int:
        shelf = self.shelves[resource]
        return max([shelf.count, *shelf.added_at, *shelf.deleted]) + 1

    def existing_on_wire(self, resource: str, name: str) -> dict:
        raise NotImplementedError

    def shown(self, record: dict, request: Request) -> dict:
        raise NotImplementedError


def with_metadata(record: dict, sent: dict) -> dict:
    """Metadata is merged key by key; an empty text takes a key away."""
    given = sent.get("metadata")
    if not isinstance(given, dict):
        return record
    if any(len(name) > 40 or len(value) > 500 for name, value in given.items()):
        raise wrong("A metadata key has 40 characters at most, and a value 500", "metadata")
    merged = {**record["metadata"], **given}
    return {**record, "metadata": {name: value for name, value in merged.items() if value != ""}}
