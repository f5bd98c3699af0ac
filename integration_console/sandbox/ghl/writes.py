"""Writing to HighLevel: contacts, their tags, notes and tasks, and opportunities."""

import time

from ..firm import utc
from ..server import Answer, Request, Upstream, on
from .records import id_of, number_of
from .saving import (
    CONTACT_BODY,
    CONTACT_CHANGE,
    NEEDED_FOR_OPPORTUNITY,
    OPPORTUNITY_BODY,
    UPSERT_BODY,
    as_created,
    as_kept,
    phone,
    unprocessable,
    wrong,
)


class GhlWrites(Upstream):
    location_id: str
    user_ids: list[str]

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
        blank = self.shelves[resource].blank()
        now = utc(time.time(), millis=True)
        return {
            **blank,
            "locationId": self.location_id,
            **{name: now for name in ("dateAdded", "createdAt") if name in blank},
        }

    @on("POST", "/contacts")
    def create_contact(self, request: Request) -> Answer:
        sent = request.json()
        if refused := wrong(sent, CONTACT_BODY, needs=("locationId",)):
            return refused
        if refused := self._names_nobody(sent):
            return refused
        kept = as_kept(sent)
        twin, field = self._same_person(kept)
        if twin:
            return _twin(twin, field)
        return Answer(201, {"contact": as_created(self.put("contacts", kept))})

    @on("POST", "/contacts/upsert")
    def upsert_contact(self, request: Request) -> Answer:
        sent = request.json()
        if refused := wrong(sent, UPSERT_BODY, needs=("locationId",)):
            return refused
        kept = as_kept(sent)
        kept.pop("createNewIfDuplicateAllowed", None)
        twin, _ = self._same_person(kept)
        contact = self.put("contacts", {**kept, "id": twin["id"]} if twin else kept)
        return Answer(200, {"new": twin is None, "contact": self._visible(contact)})

    @on("PUT", "/contacts/{contact}")
    def change_contact(self, request: Request) -> Answer:
        sent, contact = request.json(), request.params["contact"]
        if refused := wrong(sent, CONTACT_CHANGE):
            return refused
        before = self.get("contacts", contact)
        if before is None:
            return _not_found("Contact", contact)
        if refused := self._names_nobody(sent):
            return refused
        kept = as_kept(sent, before)
        twin, field = self._same_person(kept, before["id"])
        if twin:
            return _twin(twin, field)
        changed = self.put("contacts", {"id": contact, **kept})
        return Answer(200, {"succeded": True, "succeeded": True, "contact": self._visible(changed)})

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
        return self._change_tags(request, lambda tags, sent: [tag for tag in tags if tag.lower() not in sent], 200)

    def _change_tags(self, request: Request, change, status: int) -> Answer:
        contact, sent = self.get("contacts", request.params["contact"]), request.json()
        if refused := wrong(sent, {"tags"}):
            return refused
        if not sent.get("tags"):
            return unprocessable(["tags should not be empty"])
        if contact is None:
            return _not_found("Contact", request.params["contact"])
        tags = change(contact["tags"], as_kept(sent)["tags"])
        self.put("contacts", {"id": contact["id"], "tags": tags})
        return Answer(status, {"tags": tags})

    @on("POST", "/contacts/{contact}/notes")
    def create_note(self, request: Request) -> Answer:
        sent, contact = request.json(), request.params["contact"]
        if refused := wrong(sent, {"userId", "body", "title", "color", "pinned"}, needs=("body",)):
            return refused
        if self.get("contacts", contact) is None:
            return _not_found("Contact", contact)
        note = self.put("notes", {**sent, "bodyText": sent["body"], "contactId": contact})
        return Answer(201, {"note": self._visible(note)})

    @on("POST", "/contacts/{contact}/tasks")
    def create_task(self, request: Request) -> Answer:
        sent, contact = request.json(), request.params["contact"]
        if refused := wrong(sent, {"title", "body", "dueDate", "completed", "assignedTo"}, needs=("title", "dueDate")):
            return refused
        if self.get("contacts", contact) is None:
            return _not_found("Contact", contact)
        return Answer(201, {"task": self._visible(self.put("tasks", {**sent, "contactId": contact}))})

    @on("POST", "/opportunities")
    def create_opportunity(self, request: Request) -> Answer:
        sent = request.json()
        if refused := wrong(sent, OPPORTUNITY_BODY, needs=NEEDED_FOR_OPPORTUNITY):
            return refused
        if self.get("contacts", sent["contactId"]) is None:
            return _not_found("Contact", sent["contactId"])
        if refused := self._names_nobody(sent) or self._goes_nowhere(sent, {}):
            return refused
        kept = self.put("opportunities", as_kept(sent, read_as="fieldValue"))
        return Answer(201, {"opportunity": self.with_contact(kept)})

    @on("PUT", "/opportunities/{opportunity}")
    def change_opportunity(self, request: Request) -> Answer:
        sent, name = request.json(), request.params["opportunity"]
        if refused := wrong(sent, OPPORTUNITY_BODY - {"locationId", "contactId"}):
            return refused
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
        if refused := self._names_nobody(sent) or self._goes_nowhere(sent, before):
            return refused
        now, moved = utc(time.time(), millis=True), {}
        if sent.get("status", before["status"]) != before["status"]:
            moved["lastStatusChangeAt"] = now
        if sent.get("pipelineStageId", before["pipelineStageId"]) != before["pipelineStageId"]:
            moved["lastStageChangeAt"] = now
        changed = {**as_kept(sent, before, read_as="fieldValue"), **moved, "id": name}
        kept = self.put("opportunities", changed)
        return Answer(200, {"opportunity": self.with_contact(kept)})

    @on("DELETE", "/opportunities/{opportunity}")
    def delete_opportunity(self, request: Request) -> Answer:
        if not self.delete("opportunities", request.params["opportunity"]):
            return _not_found("Opportunity", request.params["opportunity"])
        return Answer(200, {"succeded": True})

    @on("GET", "/contacts/search/duplicate")
    def duplicate(self, request: Request) -> Answer:
        """Who has this e-mail address, or else this number; known at once, while the search lags."""
        asked = {"email": request.one("email") or "", "phone": phone(request.one("number") or "")}
        twin, field = self._same_person(asked)
        return Answer(200, {"contact": self._visible(twin), "matchingField": field} if twin else {"contact": None})

    def _same_person(self, sent: dict, mine: str | None = None) -> tuple[dict | None, str]:
        """Another who has this e-mail address, or else this telephone number, and which of them it is."""
        shelf = self.shelves["contacts"]
        for field in ("email", "phone"):
            if wanted := (sent.get(field) or "").strip().lower():
                known = shelf.grouped(field, lambda number, field=field: (shelf.get(number).get(field) or "").lower())
                others = [number for number in known.get(wanted, ()) if id_of("contacts", number) != mine]
                if others:
                    return self.get("contacts", others[0]), field
        return None, ""

    def _names_nobody(self, sent: dict) -> Answer | None:
        user = sent.get("assignedTo")
        return _not_found("User", user) if user and user not in self.user_ids else None

    def _goes_nowhere(self, sent: dict, before: dict) -> Answer | None:
        """A stage is one of its pipeline's: whoever changes the pipeline alone leaves the stage behind."""
        pipeline, stage = ({**before, **sent}.get(name) for name in ("pipelineId", "pipelineStageId"))
        found = self.get("pipelines", pipeline)
        if found is None:
            return _invalid("pipeline")
        return None if stage in (None, *(one["id"] for one in found["stages"])) else _invalid("pipeline stage")

    def _visible(self, record: dict) -> dict:
        return {name: value for name, value in record.items() if value is not None}

    def with_contact(self, opportunity: dict) -> dict:
        """An opportunity as it is shown: with whom it is about."""
        raise NotImplementedError


def _not_found(what: str, name: str) -> Answer:
    return Answer(400, {"statusCode": 400, "message": f"{what} with id {name} not found", "error": "Bad Request"})


def _invalid(what: str) -> Answer:
    return Answer(400, {"statusCode": 400, "message": f"The {what} id is invalid.", "error": "Bad Request"})


def _twin(twin: dict, field: str) -> Answer:
    """A 400 that tells who it is, and by what it was known."""
    meta = {"contactId": twin["id"], "contactName": twin.get("name"), "matchingField": field}
    told = "This location does not allow duplicated contacts."
    return Answer(400, {"statusCode": 400, "message": told, "meta": meta})
