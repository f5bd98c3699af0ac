"""Stripe's events: one for every change, kept for 30 days, listed and sent to every endpoint that wants it."""

import time
from functools import cached_property

from ..hooks import Hooks, Letter, json_bytes, signed_as_stripe
from ..server import Answer, Request, on
from .parts import DAY_S, OBJECTS, as_of, id_of
from .wire import asked_of, fault, missing, sent_in, wrong

KEPT_S = 30 * DAY_S
NOUNS = {
    "customers": "customer",
    "invoices": "invoice",
    "payments": "payment_intent",
    "charges": "charge",
    "subscriptions": "customer.subscription",
    "invoice_items": "invoiceitem",
    "refunds": "refund",
    "credit_notes": "credit_note",
    "invoice_payments": "invoice_payment",
}
# What a record has become -> the event that says so, beside the plain one.
BECAME = {
    "invoices": {
        "open": "finalized",
        "paid": "paid",
        "void": "voided",
        "uncollectible": "marked_uncollectible",
    },
    "payments": {
        "succeeded": "succeeded",
        "canceled": "canceled",
        "processing": "processing",
        "requires_payment_method": "payment_failed",
    },
    "charges": {"succeeded": "succeeded", "failed": "failed", "pending": "pending"},
    "invoice_payments": {"paid": "paid"},
}
TOLD_OF_A_CHARGE = ("description", "metadata", "status", "captured")  # only of these it says "updated"
UNHEARD_OF = (
    ("payments", "updated"),
    ("charges", "created"),
    ("invoice_payments", "created"),
)  # events there are none of


class StripeEvents(Hooks):
    hook_retries_s = (3600.0, 7200.0, 14400.0)
    default_version: str

    def open_events(self, makers: dict) -> None:
        """makers: resource -> what makes its record of a number, as it was before anybody touched it."""
        self.open_hooks()
        self._makers = makers

    @cached_property
    def events(self) -> list[dict]:
        """The oldest first. What was made within 30 days has its event; the rest of history is forgotten."""
        made = []
        for resource in NOUNS:
            for number in range(self.shelves[resource].count, 0, -1):
                record = self._makers[resource](number)
                if record["created"] < time.time() - KEPT_S:
                    break
                made += [(record["created"], resource, kind, record) for kind in _kinds(resource, record, None)]
        made.sort(key=lambda one: one[0])
        return [self._event(n, resource, kind, record, at) for n, (at, resource, kind, record) in enumerate(made, 1)]

    def changed(self, resource: str, number: int, what: str) -> None:
        """Events are made by `report`, which knows what the record was before."""

    def report(self, resource: str, record: dict, before: dict | None, *, gone: bool = False) -> None:
        """Make and send the events of one change."""
        if resource not in NOUNS:
            return
        for kind in _kinds(resource, record, before, gone=gone):
            event = self._event(len(self.events) + 1, resource, kind, record, time.time(), before)
            self.events.append(event)
            for endpoint in self._endpoints():
                if endpoint["status"] == "enabled" and {"*", event["type"]} & set(endpoint["enabled_events"]):
                    body = json_bytes({**event, "api_version": endpoint["api_version"] or self.default_version})
                    self.send(Letter(endpoint["url"], body, signed_as_stripe(endpoint["_secret"])))

    def _event(
        self, number: int, resource: str, what: str, record: dict, at: float, before: dict | None = None
    ) -> dict:
        now, shown = as_of(self.default_version, record), as_of(self.default_version, before or record)
        data: dict = {"object": now}
        if what == "updated":
            data["previous_attributes"] = {name: shown.get(name) for name in now if shown.get(name) != now[name]}
        return {
            "id": f"evt_1Sbx{number:012d}",
            "object": "event",
            "api_version": self.default_version,
            "created": int(at),
            "data": data,
            "livemode": False,
            "pending_webhooks": len(self._endpoints()),
            "request": {"id": None, "idempotency_key": None},
            "type": f"{NOUNS[resource]}.{what}",
        }

    def _endpoints(self) -> list[dict]:
        shelf = self.shelves["webhook_endpoints"]
        return [shelf.get(number) for number in shelf.numbers()]

    # The list

    @on("GET", "/v1/events")
    def list_events(self, request: Request) -> Answer:
        names = ("type", "types", "created", "limit", "starting_after", "ending_before", "delivery_success")
        asked = asked_of(request, *names)
        if "type" in asked and "types" in asked:
            return fault(400, "You may pass either type or types, not both", param="types")
        if len(asked.get("types") or ()) > 20:
            return fault(400, "types takes at most 20 values", param="types")
        oldest = time.time() - KEPT_S
        found = [e for e in reversed(self.events) if e["created"] >= oldest and _is_asked_for(e["type"], asked)]
        return self.page_of(found, asked, "/v1/events")  # type: ignore[attr-defined]

    @on("GET", "/v1/events/{event}")
    def one_event(self, request: Request) -> Answer:
        name = request.params["event"]
        found = next((event for event in self.events if event["id"] == name), None)
        if found is None:
            raise missing("event", name)
        return Answer(200, found)

    # Endpoints

    @on("POST", "/v1/webhook_endpoints")
    def make_endpoint(self, request: Request) -> Answer:
        sent = sent_in(request, "url", "enabled_events", "api_version", "connect", "description", "metadata")
        for name in ("url", "enabled_events"):
            if not sent.get(name):
                raise wrong(f"Missing required param: {name}.", name, "parameter_missing")
        number = len(self._endpoints()) + len(self.shelves["webhook_endpoints"].deleted) + 1
        endpoint = {
            "id": id_of("webhook_endpoints", number),
            "object": OBJECTS["webhook_endpoints"],
            "api_version": sent.get("api_version"),
            "application": None,
            "created": int(time.time()),
            "description": sent.get("description"),
            "enabled_events": sent["enabled_events"],
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": sent["url"],
            "_secret": f"whsec_sandbox{number:026d}",
        }
        self.shelves["webhook_endpoints"].put(number, endpoint)
        return Answer(200, {**as_of(self.default_version, endpoint), "secret": endpoint["_secret"]})  # never again

    @on("POST", "/v1/webhook_endpoints/{endpoint}")
    def change_endpoint(self, request: Request) -> Answer:
        sent = sent_in(request, "url", "enabled_events", "disabled", "description", "metadata")
        endpoint = self.existing_on_wire("webhook_endpoints", request.params["endpoint"])  # type: ignore[attr-defined]
        status = {"true": "disabled", "false": "enabled"}.get(sent.pop("disabled", ""), endpoint["status"])
        changed = {**endpoint, **sent, "status": status}
        self.shelves["webhook_endpoints"].put(self.number("webhook_endpoints", endpoint["id"]), changed)
        return Answer(200, as_of(self.default_version, changed))


def _kinds(resource: str, record: dict, before: dict | None, *, gone: bool = False) -> list[str]:
    """What a change is called: the plain event, where there is one, and what the record has become."""
    if gone:
        return ["deleted"]
    what = "created" if before is None else "updated"
    kinds = [] if (resource, what) in UNHEARD_OF else [what]
    became = BECAME.get(resource, {}).get(str(record.get("status")))
    if became and (before is None or before.get("status") != record.get("status")):
        kinds.append(became)
    if resource == "subscriptions" and record["status"] == "canceled" and before and before["status"] != "canceled":
        kinds = ["deleted"]
    if resource == "charges" and before:
        if all(before.get(name) == record.get(name) for name in TOLD_OF_A_CHARGE):
            kinds = []
        if record["amount_refunded"] > before["amount_refunded"]:
            kinds.append("refunded")
    if resource == "credit_notes" and record["status"] == "void":
        kinds = ["voided"]
    if resource == "refunds" and record["status"] == "failed":
        kinds = ["failed"]
    return kinds


def _is_asked_for(kind: str, asked: dict) -> bool:
    if "types" in asked:
        return kind in asked["types"]
    wanted = asked.get("type")
    return wanted is None or (kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted)
