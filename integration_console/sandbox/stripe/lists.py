"""Stripe's lists: the newest first, a page behind one record or before another, and single records."""

from ..server import Answer, Request, Upstream, on
from .parts import OBJECTS, as_of, nested, number_of
from .wire import asked_of, missing, whole_number, wrong

PATHS = {
    "customers": "/v1/customers",
    "invoices": "/v1/invoices",
    "payments": "/v1/payment_intents",
    "charges": "/v1/charges",
    "subscriptions": "/v1/subscriptions",
    "invoice_items": "/v1/invoiceitems",
    "webhook_endpoints": "/v1/webhook_endpoints",
}
# What a list is narrowed by, beside created and the page.
FILTERS = {
    "customers": ("email",),
    "invoices": ("customer", "status", "subscription", "collection_method"),
    "payments": ("customer",),
    "charges": ("customer", "payment_intent"),
    "subscriptions": ("customer", "status", "collection_method"),
    "invoice_items": ("customer", "invoice"),
}
PAGE = ("limit", "starting_after", "ending_before")
EXPANDED = {
    "customer": "customers",
    "latest_charge": "charges",
    "payment_intent": "payments",
    "invoice": "invoices",
    "latest_invoice": "invoices",
}


class StripeLists(Upstream):
    default_version: str
    account_id: str

    @on("GET", *PATHS.values())
    def list_records(self, request: Request) -> Answer:
        resource = _resource_at(self.short_path(request))
        filters = FILTERS.get(resource, ())
        asked = asked_of(request, *filters, *PAGE, *(("created",) if resource != "webhook_endpoints" else ()))
        shelf = self.shelves[resource]
        numbers = shelf.numbers_down() if request.holder == self.account_id else iter(())
        if "starting_after" in asked:
            numbers = self._below(resource, asked.pop("starting_after"), numbers)
        found = (record for number in numbers if _fits(record := shelf.get(number), resource, asked))
        return self.page_of(found, asked, PATHS[resource], request)

    @on("GET", *(f"{path}/{{name}}" for path in PATHS.values()))
    def one_record(self, request: Request) -> Answer:
        asked_of(request)
        resource, name = _resource_at(self.short_path(request)), request.params["name"]
        if resource == "customers" and number_of("customers", name) in self.shelves["customers"].deleted:
            return Answer(200, {"id": name, "object": "customer", "deleted": True})
        return Answer(200, self.shown(self.existing_on_wire(resource, name), request))

    @on("DELETE", "/v1/webhook_endpoints/{name}")
    def delete_endpoint(self, request: Request) -> Answer:
        endpoint = self.existing_on_wire("webhook_endpoints", request.params["name"])
        self.shelves["webhook_endpoints"].delete(number_of("webhook_endpoints", endpoint["id"]))
        return Answer(200, {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True})

    @on("GET", "/v1/invoices/{invoice}/lines")
    def invoice_lines(self, request: Request) -> Answer:
        asked = asked_of(request, *PAGE)
        invoice = self.existing_on_wire("invoices", request.params["invoice"])
        return self.page_of(invoice["_lines"], asked, f"/v1/invoices/{invoice['id']}/lines")

    @on("GET", "/v1/subscription_items")
    def subscription_items(self, request: Request) -> Answer:
        asked = asked_of(request, "subscription", *PAGE)
        plan = self.existing_on_wire("subscriptions", asked.get("subscription", ""))
        return self.page_of(plan["items"]["data"], asked, "/v1/subscription_items")

    def page_of(self, records, asked: dict, url: str, request: Request | None = None) -> Answer:
        """The page of a list that is the newest first: what comes after one record, or before another."""
        limit = whole_number(asked.get("limit", 10), "limit")
        if not 1 <= limit <= 100:
            raise wrong("limit must be between 1 and 100", "limit", "parameter_invalid_integer")
        if "starting_after" in asked and "ending_before" in asked:
            raise wrong("starting_after and ending_before exclude each other", "starting_after")
        span, found, started = asked.get("created"), list[dict](), "starting_after" not in asked
        for record in records:
            if record["id"] == asked.get("ending_before"):
                return self._page(found[-limit:], len(found) > limit, url, request)
            if started and _within(record, span):
                found.append(record)
            started = started or record["id"] == asked.get("starting_after")
            if _is_older(record, span) or (len(found) > limit and "ending_before" not in asked):
                break
        if not started or "ending_before" in asked:
            raise missing("object", asked.get("starting_after") or asked.get("ending_before"), "starting_after", 400)
        return self._page(found[:limit], len(found) > limit, url, request)

    def _below(self, resource: str, name: str, numbers):
        """The numbers behind one record, without making those before it."""
        after, shelf = number_of(resource, name), self.shelves[resource]
        if shelf.get(after) is None and after not in shelf.deleted:
            raise missing(OBJECTS[resource], name, "starting_after", 400)
        return (number for number in numbers if number < after)

    def _page(self, records: list, more: bool, url: str, request: Request | None) -> Answer:
        shown = [self.shown(record, request) for record in records] if request else records
        return Answer(200, {**nested(shown, url, shown=100), "has_more": more})

    def shown(self, record: dict, request: Request) -> dict:
        told = as_of(request.headers.get("Stripe-Version") or self.default_version, record)
        for path in [
            *request.query.get("expand[]", ()),
            *(v for n, (v, *_) in request.query.items() if n.startswith("expand[0")),
        ]:
            name = path.removeprefix("data.")
            if name not in EXPANDED:
                raise wrong(f"This property cannot be expanded ({path}).", "expand")
            inner = self.get(EXPANDED[name], told.get(name)) if told.get(name) else None
            told[name] = as_of(self.default_version, inner) if inner else told.get(name)
        return told

    def existing_on_wire(self, resource: str, name: str) -> dict:
        found = self.get(resource, name)
        if found is None:
            raise missing(OBJECTS[resource], name)
        return found


def _resource_at(path: str) -> str:
    return next(resource for resource, at in PATHS.items() if path == at or path.startswith(at + "/"))


def _fits(record: dict, resource: str, asked: dict) -> bool:
    for name in FILTERS.get(resource, ()):
        wanted = asked.get(name)
        if resource == "subscriptions" and name == "status":
            if not _in_state(record["status"], wanted):
                return False
        elif name == "subscription" and wanted:
            details = (record["parent"] or {}).get("subscription_details") or {}
            if details.get("subscription") != wanted:
                return False
        elif wanted is not None and record.get(name) != wanted:
            return False
    return True


def _in_state(status: str, wanted: str | None) -> bool:
    """Without a status, canceled subscriptions are left out."""
    if wanted in (None, "all"):
        return wanted == "all" or status != "canceled"
    return status in ("canceled", "incomplete_expired") if wanted == "ended" else status == wanted


def _within(record: dict, span) -> bool:
    if span is None:
        return True
    at, bounds = record["created"], span if isinstance(span, dict) else {"gte": span, "lte": span}
    wanted = {name: whole_number(value, f"created[{name}]") for name, value in bounds.items()}
    return (
        at >= wanted.get("gte", at)
        and at <= wanted.get("lte", at)
        and at > wanted.get("gt", at - 1)
        and at < wanted.get("lt", at + 1)
    )


def _is_older(record: dict, span) -> bool:
    """Whether everything from here on is older than what is asked for."""
    since = [int(span[name]) for name in ("gte", "gt") if name in span] if isinstance(span, dict) else []
    return bool(since) and record.get("created", max(since)) < max(since)
