"""Writing to Clio: what a POST, PATCH or DELETE of a record does, and why it may be refused."""

import time

from ..server import Answer, Request, Upstream, on
from .attributes import WRITABLE, UnknownAttribute, Unprocessable, check_contact, check_names, check_values, tidied
from .fields import InvalidFields, Selection
from .several import check_customs, check_entries, set_customs, set_limitation, set_reached

STATUS_READ_AS = {"open": "Open", "pending": "Pending", "closed": "Closed"}
DATED_BY = {"Closed": "close_date", "Pending": "pending_date"}
BILLED_BY = {"FlatRate": "flat", "HourlyRate": "hourly", "ContingencyFee": "contingency"}
PARENTS = {"contacts": "Contact", "matters": "Matter"}
REPRICED_BY = ("matter", "user", "activity_description")


class ClioWrites(Upstream):
    @on("POST", "/{resource}")
    def create(self, request: Request) -> Answer:
        resource = request.params["resource"]
        if resource not in WRITABLE:
            return self.unknown_path(request)
        return self._written(request, resource, None, status=201)

    @on("PATCH", "/{resource}/{number}")
    def change(self, request: Request) -> Answer:
        resource, number = request.params["resource"], request.params["number"]
        record = self._writable(resource, number)
        if record is None:
            return missing(resource, number)
        if stale := _stale(request, record):
            return stale
        if _is_on_bill(resource, record):
            return unprocessable("Activity cannot be changed because it is on a bill")
        return self._written(request, resource, record)

    @on("DELETE", "/{resource}/{number}")
    def remove(self, request: Request) -> Answer:
        resource, number = request.params["resource"], request.params["number"]
        record = self._writable(resource, number)
        if record is None:
            return missing(resource, number)
        if stale := _stale(request, record):
            return stale
        if why := self._why_not_removed(resource, record):
            return unprocessable(why)
        self.delete(resource, int(number))
        return Answer(204)

    def _written(self, request: Request, resource: str, record: dict | None, status: int = 200) -> Answer:
        """Check first and keep then, so that a write that is refused has changed nothing."""
        try:
            Selection(self, resource, request.one("fields"))
            sent = request.json().get("data")
            if not isinstance(sent, dict):
                raise UnknownAttribute("data is missing")
            check_names(resource, sent)
            sent = tidied(sent)
            check(self, resource, record, sent)
        except InvalidFields as error:
            return refused("InvalidFields", error)
        except UnknownAttribute as error:
            return refused("ArgumentError", error)
        except Unprocessable as error:
            return unprocessable(error)
        number = self._keep(resource, record["id"] if record else None, _without_empty_refs(sent))
        return self._shown(resource, number, request, status=status)

    def _writable(self, resource: str, number: str) -> dict | None:
        return self.get(resource, int(number)) if resource in WRITABLE and number.isdigit() else None

    def _why_not_removed(self, resource: str, record: dict) -> str | None:
        if _is_on_bill(resource, record):
            return "Activity cannot be deleted because it is on a bill"
        if resource == "contacts" and self._any("matters", "client", record["id"]):
            return "Contact cannot be deleted because it is the client of a matter"
        if resource == "matters" and self._any("activities", "matter", record["id"]):
            return "Matter cannot be deleted because it has activities"
        return None

    def _any(self, resource: str, name: str, number: int) -> bool:
        """Whether any record of this resource points at that one."""
        shelf = self.shelves[resource]
        return any((shelf.get(one).get(name) or {}).get("id") == number for one in shelf.numbers())

    def put(self, resource: str, record: dict) -> dict:
        """Change or add a record as a colleague at the firm would, without any check."""
        with self.lock:
            number = self._keep(resource, record.get("id"), record)
            return self.existing(resource, number)

    def _keep(self, resource: str, number: int | None, sent: dict) -> int:
        shelf = self.shelves[resource]
        before = shelf.get(number) if number else None
        record = before or {**shelf.blank(), "created_at": self.firm.local(time.time())}
        record = {**record, **{name: value for name, value in sent.items() if name in record}}
        number = shelf.put(number, record)
        record["id"] = number
        AFTERWARDS.get(resource, lambda *_: None)(self, record, sent, before or {})
        return number

    def _shown(self, resource: str, number: int, request: Request, status: int = 200) -> Answer:
        """The record as a GET of it answers."""
        raise NotImplementedError


def check(clio, resource: str, record: dict | None, sent: dict) -> None:
    """Refuse what Clio refuses. Raises Unprocessable."""
    check_values(clio, resource, sent, is_new=record is None)
    if resource == "contacts":
        check_contact({**(record or {}), **sent}, sent)
        check_entries(record, sent)
    if resource in PARENTS:
        check_customs(clio, PARENTS[resource], record, sent)


def _without_empty_refs(sent: dict) -> dict:
    """{"group": {"id": null}} means no group."""
    return {name: None if value == {"id": None} else value for name, value in sent.items()}


# What else changes when a record is written


def _after_contact(clio, record: dict, sent: dict, before: dict) -> None:
    if record["type"] == "Person" and ("name" not in sent or "first_name" in sent or "last_name" in sent):
        record["name"] = f"{record['first_name'] or ''} {record['last_name'] or ''}".strip()
    set_reached(record, sent, before)
    set_customs(clio, record, sent, before)


def _after_matter(clio, record: dict, sent: dict, before: dict) -> None:
    record["status"] = STATUS_READ_AS.get(record["status"] or "open", record["status"])
    dated = DATED_BY.get(record["status"])
    if dated and "status" in sent and not record[dated]:
        record[dated] = clio.firm.day(0)
    if isinstance(record["client"], dict):
        record["client_id"] = record["client"]["id"]
        _becomes_client(clio, record["client_id"])
    if not before:
        record["number"] = record["id"]
        record["display_number"] = record["display_number"] or f"{record['id']:05d}-New"
        record["open_date"] = record["open_date"] or clio.firm.day(0)
        record["billable"] = sent.get("billable", True)
        record["billing_method"] = record["billing_method"] or "hourly"
    if isinstance(rate := sent.get("custom_rate"), dict):
        record["billing_method"] = BILLED_BY.get(str(rate.get("type")), record["billing_method"])
    set_limitation(clio, record, sent, before)
    set_customs(clio, record, sent, before)


def _becomes_client(clio, number: int) -> None:
    contact = clio.shelves["contacts"].get(number)
    if contact and not contact["is_client"]:
        clio._keep("contacts", number, {"is_client": True})


def _after_activity(clio, record: dict, sent: dict, before: dict) -> None:
    is_time = record["type"] == "TimeEntry"
    if not before and record["user"] is None:
        record["user"] = {"id": 1}  # whoever is signed in
    moved = before and any(name in sent and sent[name] != before[name] for name in REPRICED_BY)
    is_repriced = record["price"] is None or (moved and sent.get("price") is None)
    if is_time and is_repriced and isinstance(record["user"], dict):
        record["price"] = clio.get("users", record["user"]["id"])["rate"]
    quantity = float(record["quantity"] or 0)
    hours = round(quantity / 3600, 2) if is_time else quantity
    worth = round(hours * (record["price"] or 0), 2)
    record.update(
        quantity=quantity,
        rounded_quantity=quantity,
        quantity_in_hours=hours,
        rounded_quantity_in_hours=hours,
        total=0.0 if record["non_billable"] else worth,
        non_billable_total=worth if record["non_billable"] else 0.0,
    )


AFTERWARDS = {"contacts": _after_contact, "matters": _after_matter, "activities": _after_activity}


def _is_on_bill(resource: str, record: dict) -> bool:
    return resource == "activities" and bool(record["billed"] or record["on_bill"])


def _stale(request: Request, record: dict) -> Answer | None:
    wanted = request.headers.get("If-Match")
    if wanted and wanted != record["etag"]:
        return Answer(
            412, {"error": {"type": "PreconditionFailed", "message": "The record has changed since it was read"}}
        )
    return None


def missing(resource: str, number) -> Answer:
    told = f"{resource} {number} was not found"
    return Answer(404, {"error": {"type": "record_not_found", "message": told}})


def unprocessable(told) -> Answer:
    return Answer(422, {"error": {"type": "UnprocessableEntity", "message": str(told)}})


def refused(kind: str, told) -> Answer:
    return Answer(400, {"error": {"type": kind, "message": str(told)}})
