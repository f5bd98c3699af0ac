"""Writing to Clio: what a POST, PATCH or DELETE of a record does, and why it may be refused."""

import time

from .clio_fields import POINTS_AT
from .clio_people import CUSTOM_FIELDS
from .server import Answer, Request, Upstream, on

WRITABLE = ("contacts", "matters", "activities", "notes", "tasks")
STATUS_READ_AS = {"open": "Open", "pending": "Pending", "closed": "Closed"}


class Unprocessable(ValueError):
    """The record as sent cannot be kept."""


class ClioWrites(Upstream):
    @on("POST", "/{resource}")
    def create(self, request: Request) -> Answer:
        resource = request.params["resource"]
        if resource not in WRITABLE:
            return self.unknown_path(request)
        try:
            sent = request.json().get("data") or {}
            check(self, resource, sent, is_new=True)
            number = self._keep(resource, None, sent)
        except Unprocessable as error:
            return unprocessable(error)
        return self._shown(resource, number, request, status=201)

    @on("PATCH", "/{resource}/{number}")
    def change(self, request: Request) -> Answer:
        resource, number = request.params["resource"], request.params["number"]
        record = self._writable(resource, number)
        if record is None:
            return missing(resource, number)
        if stale := _stale(request, record):
            return stale
        try:
            sent = request.json().get("data") or {}
            check(self, resource, sent, is_new=False)
            self._keep(resource, int(number), sent)
        except Unprocessable as error:
            return unprocessable(error)
        return self._shown(resource, int(number), request)

    @on("DELETE", "/{resource}/{number}")
    def remove(self, request: Request) -> Answer:
        resource, number = request.params["resource"], request.params["number"]
        record = self._writable(resource, number)
        if record is None:
            return missing(resource, number)
        if stale := _stale(request, record):
            return stale
        if resource == "contacts" and self._has_matters(int(number)):
            return unprocessable("Contact cannot be deleted because it is the client of a matter")
        self.delete(resource, int(number))
        return Answer(204)

    def _writable(self, resource: str, number: str) -> dict | None:
        return self.get(resource, int(number)) if resource in WRITABLE and number.isdigit() else None

    def _has_matters(self, contact: int) -> bool:
        matters = self.shelves["matters"]
        return any(matters.get(number)["client"]["id"] == contact for number in matters.numbers())

    def put(self, resource: str, record: dict) -> dict:
        """Change or add a record as a colleague at the firm would, without any check."""
        with self.lock:
            number = self._keep(resource, record.get("id"), record)
            return self.existing(resource, number)

    def _keep(self, resource: str, number: int | None, sent: dict) -> int:
        shelf = self.shelves[resource]
        before = shelf.get(number) if number else None
        record = before or self._blank(resource, sent)
        record = {**record, **{name: value for name, value in sent.items() if name in record}}
        number = shelf.put(number, record)
        record["id"] = number
        AFTERWARDS.get(resource, lambda *_: None)(self, record, sent, before or {})
        return number

    def _blank(self, resource: str, sent: dict) -> dict:
        """An empty record of that resource: every field it can have, lists empty, the rest None."""
        made = self.shelves[resource].get(next(self.shelves[resource].numbers()))
        blank: dict = {
            name: [] if isinstance(value, list) else False if isinstance(value, bool) else None
            for name, value in made.items()
        }
        return {**blank, "created_at": self.firm.local(time.time())}

    def _shown(self, resource: str, number: int, request: Request, status: int = 200) -> Answer:
        """The record as a GET of it answers."""
        raise NotImplementedError


def check(clio, resource: str, sent: dict, *, is_new: bool) -> None:
    """Refuse what Clio refuses. Raises Unprocessable."""
    for name, value in sent.items():
        if name in POINTS_AT and isinstance(value, dict) and "id" in value:
            target = POINTS_AT[name]
            if not isinstance(value["id"], int) or clio.shelves[target].get(value["id"]) is None:
                raise Unprocessable(f"{name} could not be found")
    if is_new:
        NEEDS[resource](sent)
    if resource == "matters" and sent.get("status", "open") not in STATUS_READ_AS:
        raise Unprocessable("Status is not included in the list")
    for value in sent.get("custom_field_values") or ():
        field = (value.get("custom_field") or {}).get("id")
        if field and clio.shelves["custom_fields"].get(field) is None:
            raise Unprocessable("Custom field could not be found")


def _needs_contact(sent: dict) -> None:
    if sent.get("type") not in ("Person", "Company"):
        raise Unprocessable("Type is not included in the list")
    if sent["type"] == "Company" and not sent.get("name"):
        raise Unprocessable("Name can't be blank")
    if sent["type"] == "Person" and not (sent.get("first_name") or sent.get("last_name")):
        raise Unprocessable("At least one of first name or last name must be provided")


def _needs(*names: str):
    def check_names(sent: dict) -> None:
        for name in names:
            if not sent.get(name):
                raise Unprocessable(f"{name.replace('_', ' ').capitalize()} can't be blank")

    return check_names


def _needs_note(sent: dict) -> None:
    if sent.get("type") not in ("Matter", "Contact"):
        raise Unprocessable("Type is not included in the list")
    _needs(sent["type"].lower(), "detail")(sent)


NEEDS = {
    "contacts": _needs_contact,
    "matters": _needs("client", "description"),
    "notes": _needs_note,
    "activities": _needs("type", "date"),
    "tasks": _needs("name"),
}


# What else changes when a record is written

REACHED_BY = (
    ("email_addresses", "address", "default_email", "primary_email_address"),
    ("phone_numbers", "number", "default_number", "primary_phone_number"),
)


def _after_contact(clio, record: dict, sent: dict, before: dict) -> None:
    if record["type"] == "Person" and ("name" not in sent or "first_name" in sent or "last_name" in sent):
        record["name"] = f"{record['first_name'] or ''} {record['last_name'] or ''}".strip()
    for field, text, flag, primary in REACHED_BY:
        if field in sent:
            record[field] = _merged(before.get(field, []), sent[field], flag)
            main = next((one for one in record[field] if one["primary"]), (record[field] or [{}])[0])
            record[primary] = main.get(text)
    _set_values(clio, record, sent, before)


def _after_matter(clio, record: dict, sent: dict, before: dict) -> None:
    record["status"] = STATUS_READ_AS.get(record["status"] or "open", record["status"])
    if isinstance(record["client"], dict):
        record["client_id"] = record["client"]["id"]
    if not before:
        record["number"] = record["id"]
        record["display_number"] = record["display_number"] or f"{record['id']:05d}-New"
        record["open_date"] = record["open_date"] or clio.firm.day(0)
    if isinstance(limitation := sent.get("statute_of_limitations"), dict) and "due_at" in limitation:
        task = {
            "name": "Statute of limitations",
            "status": "pending",
            "statute_of_limitations": True,
            "matter": {"id": record["id"]},
            "priority": "Normal",
            **limitation,
        }
        known = before.get("statute_of_limitations") or {}
        record["statute_of_limitations"] = {"id": clio._keep("tasks", known.get("id"), task)}
    _set_values(clio, record, sent, before)


def _after_activity(clio, record: dict, sent: dict, before: dict) -> None:
    is_time = record["type"] == "TimeEntry"
    if record["price"] is None and isinstance(record["user"], dict) and is_time:
        record["price"] = clio.get("users", record["user"]["id"])["rate"]
    quantity = float(record["quantity"] or 0)
    hours = round(quantity / 3600, 2) if is_time else quantity
    record.update(
        quantity=quantity,
        rounded_quantity=quantity,
        quantity_in_hours=hours,
        rounded_quantity_in_hours=hours,
        total=round(hours * (record["price"] or 0), 2),
    )


def _set_values(clio, record: dict, sent: dict, before: dict) -> None:
    """Only the custom fields that were sent change."""
    if "custom_field_values" not in sent:
        return
    values = list(before.get("custom_field_values", []))
    for one in sent["custom_field_values"]:
        known = next(
            (
                value
                for value in values
                if value["id"] == one.get("id")
                or value["custom_field"]["id"] == (one.get("custom_field") or {}).get("id")
            ),
            None,
        )
        if known:
            values.remove(known)
        field = known["custom_field"]["id"] if known else (one.get("custom_field") or {}).get("id")
        if field and field <= len(CUSTOM_FIELDS) and not one.get("_destroy") and one.get("value") is not None:
            values.append(clio.values.value(field, record["id"], one["value"]))
    record["custom_field_values"] = values


def _merged(before: list, sent: list, flag: str) -> list:
    """E-mail addresses or telephone numbers after a write: those with an id change, others are added."""
    kept = {one["id"]: dict(one) for one in before}
    for one in sent:
        one = dict(one)
        number = one.pop("id", None) or max(kept, default=900_000) + 1
        if one.pop("_destroy", False):
            kept.pop(number, None)
            continue
        is_main = bool(one.pop(flag, one.pop("primary", not kept)))
        if is_main:
            kept = {key: {**other, "primary": False} for key, other in kept.items()}
        kept[number] = {"name": "Other", **kept.get(number, {}), **one, "id": number, "primary": is_main}
    return list(kept.values())


AFTERWARDS = {"contacts": _after_contact, "matters": _after_matter, "activities": _after_activity}


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
