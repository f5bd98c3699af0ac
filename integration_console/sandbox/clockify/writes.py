"""Writing to Clockify: time entries, projects, clients. A PUT replaces, so what it leaves out is lost."""

import re
import time

from ..firm import seconds, utc
from ..server import Answer, Request, Upstream, on
from .answers import invalid, stranger
from .records import duration, id_of, number_of

W = "/workspaces/{workspace}"
MOST_VALUES = 50  # of custom fields in one entry
LONGEST = {
    "clients": {"name": 100, "address": 3_000, "note": 3_000},
    "projects": {"name": 250, "note": 16_384},
}
COLOUR = "#03A9F4"
# What a PUT leaves out is as if it had been sent so. Whether rates are lost too is told nowhere: here they are.
EMPTIED: dict[str, dict] = {
    "clients": {"email": None, "address": None, "note": None, "archived": False, "ccEmails": [], "currencyId": None},
    "projects": {
        "clientId": None,
        "note": "",
        "color": COLOUR,
        "billable": False,
        "archived": False,
        "hourlyRate": None,
        "costRate": None,
    },
}
CREATED_FROM = {
    "clients": ("email", "address", "note"),
    "projects": ("clientId", "note", "color", "billable", "hourlyRate", "costRate"),
}
SINGULAR = {"projects": "Project", "clients": "Client", "tags": "Tag", "tasks": "Task"}


class ClockifyWrites(Upstream):
    workspace_id: str

    def put(self, resource: str, record: dict) -> dict:
        """Change or add a record as a colleague would in the app, without any check."""
        with self.lock:
            shelf = self.shelves[resource]
            number = number_of(resource, record["id"]) if record.get("id") else None
            before = shelf.get(number) if number else None
            kept = {**(before or self._blank(resource)), **record}
            kept["id"] = id_of(resource, shelf.put(number, kept))
            return kept

    def _blank(self, resource: str) -> dict:
        blank = self.shelves[resource].blank()
        if resource == "time_entries":
            blank.update(
                userId=id_of("users", 1),
                description="",
                type="REGULAR",
                timeInterval={"start": utc(time.time()), "end": None, "duration": None},
            )
        return {**blank, "workspaceId": self.workspace_id} if "workspaceId" in blank else blank

    # Time entries

    @on("POST", f"{W}/time-entries", f"{W}/user/{{user}}/time-entries")
    def create_entry(self, request: Request) -> Answer:
        sent, user = request.json(), request.params.get("user", id_of("users", 1))
        if self.get("users", user) is None:
            return stranger("User")
        sent.setdefault("start", utc(time.time()))
        if wrong := self._wrong_entry(sent) or self._value_missing(sent.get("customFields") or []):
            return wrong
        return Answer(201, self.put("time_entries", {**self._entry_from(sent), "userId": user}))

    @on("PUT", f"{W}/time-entries/{{entry}}")
    def change_entry(self, request: Request) -> Answer:
        sent, before = request.json(), self.get("time_entries", request.params["entry"])
        if before is None:
            return stranger("Time entry")
        if before["isLocked"]:
            return invalid("Time entry is locked")
        if wrong := self._wrong_entry(sent):
            return wrong
        kept = {
            "description": "",
            "projectId": None,
            "taskId": None,
            "tagIds": None,
            "billable": False,
            **self._entry_from(sent),
        }
        return Answer(200, self.put("time_entries", {**kept, "id": before["id"]}))

    @on("PATCH", f"{W}/user/{{user}}/time-entries")
    def stop_timer(self, request: Request) -> Answer:
        user = request.params["user"]
        running = next((one for one in self.running_entries() if one["userId"] == user), None)
        if running is None:
            return Answer(404, {"message": "Time entry is not running", "code": 404})
        stopped = interval(running["timeInterval"]["start"], request.json().get("end") or utc(time.time()))
        return Answer(200, self.put("time_entries", {"id": running["id"], "timeInterval": stopped}))

    @on("DELETE", f"{W}/time-entries/{{entry}}")
    def delete_entry(self, request: Request) -> Answer:
        entry = self.get("time_entries", request.params["entry"])
        if entry is None:
            return stranger("Time entry")
        if entry["isLocked"]:
            return invalid("Time entry is locked")
        self.delete("time_entries", entry["id"])
        return Answer(204)

    def _wrong_entry(self, sent: dict) -> Answer | None:
        if not sent.get("start"):
            return invalid("must not be null")
        if len(sent.get("description") or "") > 3_000:
            return invalid("length must be between 0 and 3000")
        try:
            if sent.get("end") and seconds(sent["end"]) < seconds(sent["start"]):
                return invalid("End date must be after start date")
        except ValueError:
            return invalid("You entered invalid value for field: [start]. Value should be a date")
        for field, resource in (("projectId", "projects"), ("taskId", "tasks")):
            if sent.get(field) and self.get(resource, sent[field]) is None:
                return stranger(SINGULAR[resource])
        if any(self.get("tags", tag) is None for tag in sent.get("tagIds") or ()):
            return stranger(SINGULAR["tags"])
        return self._wrong_values(sent.get("customFields") or [])

    def _wrong_values(self, given: list[dict]) -> Answer | None:
        if len(given) > MOST_VALUES:
            return invalid(f"size must be between 0 and {MOST_VALUES}")
        if any(self.get("custom_fields", one.get("customFieldId")) is None for one in given):
            return stranger("Custom field")
        return None

    def _value_missing(self, given: list[dict]) -> Answer | None:
        """A new entry holds a value of every field it must have, where that has none of its own."""
        held = {one["customFieldId"] for one in given if one.get("value") not in (None, "")}
        shelf = self.shelves["custom_fields"]
        for field in map(shelf.get, shelf.numbers()):
            demanded = field["required"] and field["entityType"] == "TIMEENTRY" and field["status"] == "VISIBLE"
            if demanded and field["workspaceDefaultValue"] is None and field["id"] not in held:
                return invalid(f"Custom field {field['name']} is required")
        return None

    def _entry_from(self, sent: dict) -> dict:
        """An entry as kept. Values are written as `customFields`; the name they are read by is dropped."""
        names = ("description", "projectId", "taskId", "tagIds", "billable", "type")
        kept = {name: sent[name] for name in names if name in sent}
        kept["timeInterval"] = interval(sent["start"], sent.get("end"))
        kept["customFieldValues"] = [
            {
                "customFieldId": one["customFieldId"],
                "name": (self.get("custom_fields", one["customFieldId"]) or {}).get("name"),
                "type": (self.get("custom_fields", one["customFieldId"]) or {}).get("type"),
                "value": one.get("value"),
            }
            for one in sent.get("customFields") or ()
        ]
        return kept

    def running_entries(self) -> list[dict]:
        """The entries whose timers run."""
        raise NotImplementedError

    # Projects and clients

    @on("POST", f"{W}/projects")
    def create_project(self, request: Request) -> Answer:
        return self._create("projects", request)

    @on("POST", f"{W}/clients")
    def create_client(self, request: Request) -> Answer:
        return self._create("clients", request)

    @on("PUT", f"{W}/projects/{{name}}")
    def change_project(self, request: Request) -> Answer:
        return self._replace("projects", request)

    @on("PUT", f"{W}/clients/{{name}}")
    def change_client(self, request: Request) -> Answer:
        return self._replace("clients", request)

    @on("DELETE", f"{W}/projects/{{name}}")
    def delete_project(self, request: Request) -> Answer:
        return self._delete_archived("projects", request)

    @on("DELETE", f"{W}/clients/{{name}}")
    def delete_client(self, request: Request) -> Answer:
        return self._delete_archived("clients", request)

    def _create(self, resource: str, request: Request) -> Answer:
        """Copies of invoices, a currency and being archived cannot be asked for yet; they are passed over."""
        sent = request.json()
        if refused := self._refused(resource, sent, None):
            return refused
        kept = {"name": sent["name"], **{name: sent[name] for name in CREATED_FROM[resource] if name in sent}}
        if resource == "clients":
            return Answer(201, self.put(resource, {**kept, "currencyCode": "USD"}))
        return Answer(201, self.put(resource, self._as_project({"color": COLOUR, "billable": False, **kept}, sent)))

    def _replace(self, resource: str, request: Request) -> Answer:
        sent, before = request.json(), self.get(resource, request.params["name"])
        if before is None:
            return stranger(SINGULAR[resource])
        if refused := self._refused(resource, sent, before["id"]):
            return refused
        emptied = EMPTIED[resource]
        kept = {"id": before["id"], "name": sent["name"], **{name: sent.get(name, emptied[name]) for name in emptied}}
        if resource == "clients":
            return Answer(200, _without_currency_code(self.put(resource, kept)))
        return Answer(200, self.put(resource, self._as_project(kept, sent)))

    def _as_project(self, kept: dict, sent: dict) -> dict:
        """`public` is written as `isPublic`, a client's name comes with its id, a rate is in the firm's currency."""
        client = self.get("clients", kept["clientId"]) if kept.get("clientId") else None
        rates = {name: {**kept[name], "currency": "USD"} for name in ("hourlyRate", "costRate") if kept.get(name)}
        return {
            **kept,
            **rates,
            "public": bool(sent.get("isPublic")),
            "clientId": client["id"] if client else None,
            "clientName": client["name"] if client else None,
        }

    def _refused(self, resource: str, sent: dict, mine: str | None) -> Answer | None:
        for name, longest in LONGEST[resource].items():
            shortest = 2 if name == "name" else 0
            if not shortest <= len(sent.get(name) or "") <= longest:
                return invalid(f"length must be between {shortest} and {longest}")
        if len(sent.get("ccEmails") or ()) > 3:
            return invalid("Number of additional emails must be less than 3")
        if sent.get("email") and not re.fullmatch(r"[^@\s]+@[^@\s]+", sent["email"]):
            return invalid("You entered invalid value for field: [email]. Value should be an email address")
        if sent.get("color") and not re.fullmatch("#[0-9a-fA-F]{6}", sent["color"]):
            return invalid("You entered invalid value for field: [color]. Value should be a hexadecimal color")
        if sent.get("clientId") and self.get("clients", sent["clientId"]) is None:
            return stranger("Client")
        return self._name_taken(resource, sent["name"], mine)

    def _delete_archived(self, resource: str, request: Request) -> Answer:
        record = self.get(resource, request.params["name"])
        if record is None:
            return stranger(SINGULAR[resource])
        if not record["archived"]:
            return invalid(f"Cannot delete an active {SINGULAR[resource].lower()}")
        self.delete(resource, record["id"])
        return Answer(200, _without_currency_code(record))

    def _name_taken(self, resource: str, name: str, mine: str | None) -> Answer | None:
        """By another, archived or not."""
        shelf = self.shelves[resource]
        holders = shelf.grouped("name", lambda number: shelf.get(number)["name"]).get(name, ())
        if any(id_of(resource, number) != mine for number in holders):
            return invalid(f"{SINGULAR[resource]} with this name already exists")
        return None


def _without_currency_code(client: dict) -> dict:
    """A client as writes answer it."""
    return {name: value for name, value in client.items() if name != "currencyCode"}


def interval(start: str, end: str | None) -> dict:
    length = duration(seconds(end) - seconds(start)) if end else None
    return {"start": utc(seconds(start)), "end": utc(seconds(end)) if end else None, "duration": length}
