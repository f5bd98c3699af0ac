"""Writing to HighLevel: contacts, their tags, notes and tasks, and opportunities."""

import time

from .firm import utc
from .ghl_records import id_of, number_of
from .server import Answer, Request, Upstream, on

CONTACT_BODY = {
    "firstName",
    "lastName",
    "name",
    "email",
    "locationId",
    "gender",
    "phone",
    "address1",
    "city",
    "state",
    "postalCode",
    "website",
    "timezone",
    "dnd",
    "dndSettings",
    "inboundDndSettings",
    "tags",
    "customFields",
    "source",
    "dateOfBirth",
    "country",
    "companyName",
    "assignedTo",
}
UPSERT_BODY = {*CONTACT_BODY, "createNewIfDuplicateAllowed"}
OPPORTUNITY_BODY = {
    "pipelineId",
    "locationId",
    "name",
    "pipelineStageId",
    "status",
    "contactId",
    "monetaryValue",
    "assignedTo",
    "customFields",
}
NEEDED_FOR_OPPORTUNITY = ("pipelineId", "locationId", "name", "status", "contactId")


class GhlWrites(Upstream):
    location_id: str

    def put(self, resource: str, record: dict) -> dict:
        """Change or add a record as a colleague would in the app, without any check."""
        with self.lock:
            shelf = self.shelves[resource]
            number = number_of(resource, record["id"]) if record.get("id") else None
            before = shelf.get(number) if number else None
            kept = {**(before or self._blank(resource)), **record}
            kept["id"] = id_of(resource, shelf.put(number, kept))
            return self.existing(resource, kept["id"])

    def _blank(self, resource: str) -> dict:
        made = self.shelves[resource].get(next(self.shelves[resource].numbers()))
        blank: dict = {
            name: [] if isinstance(value, list) else False if isinstance(value, bool) else None
            for name, value in made.items()
        }
        now = utc(time.time(), millis=True)
        return {
            **blank,
            "locationId": self.location_id,
            **{name: now for name in ("dateAdded", "createdAt") if name in made},
        }

    @on("POST", "/contacts")
    def create_contact(self, request: Request) -> Answer:
        sent = request.json()
        if wrong := _wrong(sent, CONTACT_BODY, needs=("locationId",)):
            return wrong
        twin = self._same_person(sent)
        if twin:
            return Answer(
                400,
                {
                    "statusCode": 400,
                    "message": "This location does not allow duplicated contacts.",
                    "meta": {"contactId": twin["id"]},
                },
            )
        return Answer(201, {"contact": self._visible(self.put("contacts", _as_kept(sent)))})

    @on("POST", "/contacts/upsert")
    def upsert_contact(self, request: Request) -> Answer:
        sent = request.json()
        if wrong := _wrong(sent, UPSERT_BODY, needs=("locationId",)):
            return wrong
        twin = self._same_person(sent)
        kept = _as_kept(sent)
        kept.pop("createNewIfDuplicateAllowed", None)
        contact = self.put("contacts", {**kept, "id": twin["id"]} if twin else kept)
        return Answer(200, {"new": twin is None, "contact": self._visible(contact)})

    @on("PUT", "/contacts/{contact}")
    def change_contact(self, request: Request) -> Answer:
        sent, contact = request.json(), request.params["contact"]
        if wrong := _wrong(sent, CONTACT_BODY - {"locationId"}):
            return wrong
        before = self.get("contacts", contact)
        if before is None:
            return _not_found("Contact", contact)
        changed = self.put("contacts", {"id": contact, **_as_kept(sent, before)})
        return Answer(200, {"succeded": True, "contact": self._visible(changed)})

    @on("DELETE", "/contacts/{contact}")
    def delete_contact(self, request: Request) -> Answer:
        if not self.delete("contacts", request.params["contact"]):
            return _not_found("Contact", request.params["contact"])
        return Answer(200, {"succeded": True, "succeeded": True})

    @on("POST", "/contacts/{contact}/tags")
    def add_tags(self, request: Request) -> Answer:
        return self._change_tags(request, lambda tags, sent: [*tags, *(tag for tag in sent if tag not in tags)], 201)

    @on("DELETE", "/contacts/{contact}/tags")
    def remove_tags(self, request: Request) -> Answer:
        return self._change_tags(request, lambda tags, sent: [tag for tag in tags if tag not in sent], 200)

    def _change_tags(self, request: Request, change, status: int) -> Answer:
        contact = self.get("contacts", request.params["contact"])
        if contact is None:
            return _not_found("Contact", request.params["contact"])
        tags = change(contact["tags"], [str(tag).lower() for tag in request.json().get("tags") or []])
        self.put("contacts", {"id": contact["id"], "tags": tags})
        return Answer(status, {"tags": tags})

    @on("POST", "/contacts/{contact}/notes")
    def create_note(self, request: Request) -> Answer:
        sent, contact = request.json(), request.params["contact"]
        if wrong := _wrong(sent, {"userId", "body", "title", "color", "pinned"}, needs=("body",)):
            return wrong
        if self.get("contacts", contact) is None:
            return _not_found("Contact", contact)
        note = self.put("notes", {**sent, "bodyText": sent["body"], "contactId": contact})
        return Answer(201, {"note": self._visible(note)})

    @on("POST", "/contacts/{contact}/tasks")
    def create_task(self, request: Request) -> Answer:
        sent, contact = request.json(), request.params["contact"]
        if wrong := _wrong(sent, {"title", "body", "dueDate", "completed", "assignedTo"}, needs=("title", "dueDate")):
            return wrong
        if self.get("contacts", contact) is None:
            return _not_found("Contact", contact)
        return Answer(201, {"task": self._visible(self.put("tasks", {**sent, "contactId": contact}))})

    @on("POST", "/opportunities")
    def create_opportunity(self, request: Request) -> Answer:
        sent = request.json()
        if wrong := _wrong(sent, OPPORTUNITY_BODY, needs=NEEDED_FOR_OPPORTUNITY):
            return wrong
        if self.get("contacts", sent["contactId"]) is None:
            return _not_found("Contact", sent["contactId"])
        kept = self.put("opportunities", _as_kept(sent, read_as="fieldValue"))
        return Answer(201, {"opportunity": self.with_contact(kept)})

    @on("PUT", "/opportunities/{opportunity}")
    def change_opportunity(self, request: Request) -> Answer:
        sent, name = request.json(), request.params["opportunity"]
        if wrong := _wrong(sent, OPPORTUNITY_BODY - {"locationId", "contactId"}):
            return wrong
        return self._change_opportunity(name, sent)

    @on("PUT", "/opportunities/{opportunity}/status")
    def change_status(self, request: Request) -> Answer:
        sent = request.json()
        answer = self._change_opportunity(request.params["opportunity"], sent)
        return Answer(200, {"succeded": True}) if answer.status == 200 else answer

    def _change_opportunity(self, name: str, sent: dict) -> Answer:
        before = self.get("opportunities", name)
        if before is None:
            return _not_found("Opportunity", name)
        now, moved = utc(time.time(), millis=True), {}
        if sent.get("status", before["status"]) != before["status"]:
            moved["lastStatusChangeAt"] = now
        if sent.get("pipelineStageId", before["pipelineStageId"]) != before["pipelineStageId"]:
            moved["lastStageChangeAt"] = now
        changed = {**_as_kept(sent, before, read_as="fieldValue"), **moved, "id": name}
        kept = self.put("opportunities", changed)
        return Answer(200, {"opportunity": self.with_contact(kept)})

    @on("DELETE", "/opportunities/{opportunity}")
    def delete_opportunity(self, request: Request) -> Answer:
        if not self.delete("opportunities", request.params["opportunity"]):
            return _not_found("Opportunity", request.params["opportunity"])
        return Answer(200, {"succeded": True})

    def _same_person(self, sent: dict) -> dict | None:
        """Who has this e-mail address, or else this telephone number."""
        shelf = self.shelves["contacts"]
        for field in ("email", "phone"):
            if wanted := (sent.get(field) or "").lower():
                known = shelf.grouped(field, lambda number, field=field: (shelf.get(number).get(field) or "").lower())
                if wanted in known:
                    return self.get("contacts", known[wanted][0])
        return None

    def _visible(self, record: dict) -> dict:
        return {name: value for name, value in record.items() if value is not None}

    def with_contact(self, opportunity: dict) -> dict:
        """An opportunity as it is shown: with whom it is about."""
        raise NotImplementedError


def _as_kept(sent: dict, before: dict | None = None, *, read_as: str = "value") -> dict:
    """A record from what was written: custom fields are read by another name than they are written."""
    kept = dict(sent)
    if "firstName" in sent or "lastName" in sent:
        names = [sent.get(name, (before or {}).get(name)) for name in ("firstName", "lastName")]
        kept.setdefault("name", " ".join(name for name in names if name) or None)
    if "customFields" in sent:
        values = {one["id"]: one for one in (before or {}).get("customFields", [])}
        for one in sent["customFields"]:
            value = one.get("field_value", one.get("fieldValue"))
            values[one.get("id")] = {"id": one.get("id"), read_as: value}
        kept["customFields"] = list(values.values())
    return kept


def _wrong(sent: dict, known: set, needs: tuple = ()) -> Answer | None:
    messages = [f"property {name} should not exist" for name in sent if name not in known]
    messages += [f"{name} should not be empty" for name in needs if sent.get(name) in (None, "")]
    if not messages:
        return None
    return Answer(422, {"statusCode": 422, "message": messages, "error": "Unprocessable Entity"})


def _not_found(what: str, name: str) -> Answer:
    return Answer(400, {"statusCode": 400, "message": f"{what} with id {name} not found", "error": "Bad Request"})
