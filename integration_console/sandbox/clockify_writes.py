"""Writing to Clockify: time entries, projects, clients. A PUT replaces, so what it leaves out is lost."""

import time

from .clockify_records import duration, id_of, number_of
from .firm import seconds, utc
from .server import Answer, Request, Upstream, on

W = "/workspaces/{workspace}"
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
        made = self.shelves[resource].get(next(self.shelves[resource].numbers()))
        blank: dict = {
            name: [] if isinstance(value, list) else False if isinstance(value, bool) else None
            for name, value in made.items()
        }
        if resource == "time_entries":
            blank.update(
                userId=id_of("users", 1),
                description="",
                type="REGULAR",
                timeInterval={"start": utc(time.time()), "end": None, "duration": None},
            )
        return {**blank, "workspaceId": self.workspace_id} if "workspaceId" in made else blank

    # Time entries

    @on("POST", f"{W}/time-entries", f"{W}/user/{{user}}/time-entries")
    def create_entry(self, request: Request) -> Answer:
        sent, user = request.json(), request.params.get("user", id_of("users", 1))
        if self.get("users", user) is None:
            return _invalid("User doesn't belong to Workspace")
        sent.setdefault("start", utc(time.time()))
        if wrong := self._wrong_entry(sent):
            return wrong
        return Answer(201, self.put("time_entries", {**self._entry_from(sent), "userId": user}))

    @on("PUT", f"{W}/time-entries/{{entry}}")
    def change_entry(self, request: Request) -> Answer:
        sent, before = request.json(), self.get("time_entries", request.params["entry"])
        if before is None:
            return _invalid("Time entry doesn't belong to Workspace")
        if before["isLocked"]:
            return _invalid("Time entry is locked")
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
        if not self.delete("time_entries", request.params["entry"]):
            return _invalid("Time entry doesn't belong to Workspace")
        return Answer(204)

    def _wrong_entry(self, sent: dict) -> Answer | None:
        if not sent.get("start"):
            return _invalid("must not be null")
        if len(sent.get("description") or "") > 3_000:
            return _invalid("length must be between 0 and 3000")
        try:
            if sent.get("end") and seconds(sent["end"]) < seconds(sent["start"]):
                return _invalid("End date must be after start date")
        except ValueError:
            return _invalid("You entered invalid value for field: [start]. Value should be a date")
        for field, resource in (("projectId", "projects"), ("taskId", "tasks")):
            if sent.get(field) and self.get(resource, sent[field]) is None:
                return _invalid(f"{SINGULAR[resource]} doesn't belong to Workspace")
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
        return self._replace("projects", request, {"billable": False, "public": False, "note": "", "archived": False})

    @on("PUT", f"{W}/clients/{{name}}")
    def change_client(self, request: Request) -> Answer:
        emptied: dict = {"ccEmails": [], "note": None, "email": None, "address": None, "archived": False}
        return self._replace("clients", request, emptied)

    @on("DELETE", f"{W}/projects/{{name}}")
    def delete_project(self, request: Request) -> Answer:
        return self._delete_archived("projects", request)

    @on("DELETE", f"{W}/clients/{{name}}")
    def delete_client(self, request: Request) -> Answer:
        return self._delete_archived("clients", request)

    def _create(self, resource: str, request: Request) -> Answer:
        sent = request.json()
        if wrong := self._wrong_name(resource, sent.get("name"), None):
            return wrong
        names = {
            "projects": ("name", "clientId", "note", "color", "billable"),
            "clients": ("name", "email", "address", "note"),
        }
        kept = {name: sent[name] for name in names[resource] if name in sent}
        return Answer(201, self.put(resource, {**kept, **self._project_parts(resource, sent)}))

    def _replace(self, resource: str, request: Request, emptied: dict) -> Answer:
        sent, before = request.json(), self.get(resource, request.params["name"])
        if before is None:
            return _invalid(f"{SINGULAR[resource]} doesn't belong to Workspace")
        if wrong := self._wrong_name(resource, sent.get("name"), before["id"]):
            return wrong
        if len(sent.get("ccEmails") or ()) > 3:
            return _invalid("Number of additional emails must be less than 3")
        writable = before.keys() - {"id", "public", "workspaceId"}
        kept = {name: value for name, value in sent.items() if name in writable}
        return Answer(
            200, self.put(resource, {**emptied, **kept, **self._project_parts(resource, sent), "id": before["id"]})
        )

    def _project_parts(self, resource: str, sent: dict) -> dict:
        """`public` is written as `isPublic`, and a client's name comes back with its id."""
        if resource != "projects":
            return {}
        client = self.get("clients", sent["clientId"]) if sent.get("clientId") else None
        return {"public": bool(sent.get("isPublic")), **({"clientName": client["name"]} if client else {})}

    def _delete_archived(self, resource: str, request: Request) -> Answer:
        record = self.get(resource, request.params["name"])
        if record is None:
            return _invalid(f"{SINGULAR[resource]} doesn't belong to Workspace")
        if not record["archived"]:
            return _invalid(f"Cannot delete an active {SINGULAR[resource].lower()}")
        self.delete(resource, record["id"])
        return Answer(200, record)

    def _wrong_name(self, resource: str, name: str | None, mine: str | None) -> Answer | None:
        if not name or not 2 <= len(name) <= 250:
            return _invalid("length must be between 2 and 250")
        shelf = self.shelves[resource]
        holders = shelf.grouped("name", lambda number: shelf.get(number)["name"]).get(name, ())
        if any(id_of(resource, number) != mine for number in holders):
            return _invalid(f"{SINGULAR[resource]} with this name already exists")
        return None


def interval(start: str, end: str | None) -> dict:
    length = duration(seconds(end) - seconds(start)) if end else None
    return {"start": utc(seconds(start)), "end": utc(seconds(end)) if end else None, "duration": length}


def _invalid(message: str) -> Answer:
    return Answer(400, {"message": message, "code": 501})
