"""Clockify's webhooks: one an event, as many as the plan allows, each with a token that is sent along.

Source: docs.clockify.me (OpenAPI of 2026-07-22). The body of a delivery is in no document: here it is the entity.
"""

import secrets

from ..hooks import Hooks, Letter, json_bytes, signed_as_clockify
from ..server import Answer, Request, on
from .answers import invalid
from .records import id_of

W = "/workspaces/{workspace}"
NAMES = {
    "time_entries": ("NEW_TIME_ENTRY", "TIME_ENTRY_UPDATED", "TIME_ENTRY_DELETED"),
    "projects": ("NEW_PROJECT", "PROJECT_UPDATED", "PROJECT_DELETED"),
    "clients": ("NEW_CLIENT", "CLIENT_UPDATED", "CLIENT_DELETED"),
    "tasks": ("NEW_TASK", "TASK_UPDATED", "TASK_DELETED"),
    "tags": ("NEW_TAG", "TAG_UPDATED", "TAG_DELETED"),
}
WHATS = ("created", "updated", "deleted")
OTHERS = ("NEW_TIMER_STARTED", "TIMER_STOPPED", "USER_JOINED_WORKSPACE", "USER_UPDATED")
EVENTS = {*OTHERS, *(event for events in NAMES.values() for event in events)}
SOURCES = ("PROJECT_ID", "USER_ID", "TAG_ID", "TASK_ID", "WORKSPACE_ID", "ASSIGNMENT_ID", "EXPENSE_ID")
FAILURES_BEFORE_OFF = 50  # the number is not published


class ClockifyHooks(Hooks):
    remembered: tuple[str, ...] = ("hooks",)
    hook_retries_s = (1.0, 5.0, 25.0)  # not published either
    most_hooks = 10  # of one user; a free workspace has 3
    workspace_id: str

    def open_hooks(self) -> None:
        super().open_hooks()
        self.hooks: dict[str, dict] = {}
        self._failures: dict[str, int] = {}
        self._running: set[int] = set()

    @on("GET", f"{W}/webhooks")
    def list_hooks(self, request: Request) -> Answer:
        return Answer(200, {"workspaceWebhookCount": len(self.hooks), "webhooks": list(self.hooks.values())})

    @on("POST", f"{W}/webhooks")
    def make_hook(self, request: Request) -> Answer:
        sent = request.json()
        if not 2 <= len(sent.get("name") or "") <= 30 or len(self.hooks) >= self.most_hooks:
            return invalid("Webhook already exists" if not sent.get("name") else "Webhook limit reached")
        if sent.get("webhookEvent") not in EVENTS or not sent.get("url"):
            return invalid("webhookEvent and url are required")
        if sent.get("triggerSourceType") not in SOURCES or not isinstance(sent.get("triggerSource"), list):
            return invalid("triggerSource and triggerSourceType are required")
        hook = {
            "id": secrets.token_hex(12),
            "name": sent["name"],
            "url": sent["url"],
            "webhookEvent": sent["webhookEvent"],
            "triggerSourceType": sent["triggerSourceType"],
            "triggerSource": sent["triggerSource"],
            "workspaceId": self.workspace_id,
            "userId": id_of("users", 1),
            "authToken": secrets.token_urlsafe(32),
            "enabled": True,
            "deliveryEnabled": True,
            "planEnabled": True,
        }
        self.hooks[hook["id"]] = hook
        return Answer(201, hook)

    @on("GET", f"{W}/webhooks/{{hook}}")
    def show_hook(self, request: Request) -> Answer:
        hook = self.hooks.get(request.params["hook"])
        return Answer(200, hook) if hook else self._no_hook(request)

    @on("PATCH", f"{W}/webhooks/{{hook}}/token")
    def new_token(self, request: Request) -> Answer:
        if (hook := self.hooks.get(request.params["hook"])) is None:
            return self._no_hook(request)
        hook["authToken"] = secrets.token_urlsafe(32)
        return Answer(200, hook)

    @on("DELETE", f"{W}/webhooks/{{hook}}")
    def delete_hook(self, request: Request) -> Answer:
        return Answer(200) if self.hooks.pop(request.params["hook"], None) else self._no_hook(request)

    def _no_hook(self, request: Request) -> Answer:
        return invalid(f"Webhook with id {request.params['hook']} doesn't belong to Workspace {self.workspace_id}")

    # What is sent

    def letters(self, resource: str, number: int, what: str):
        if resource not in NAMES:
            return
        name = id_of(resource, number)
        entity = self.get(resource, name) or {"id": name, "workspaceId": self.workspace_id}
        events = {NAMES[resource][WHATS.index(what)], *self._timer(resource, number, entity)}
        for hook in list(self.hooks.values()):
            if hook["webhookEvent"] in events and hook["enabled"] and hook["deliveryEnabled"]:
                sign = signed_as_clockify(hook["authToken"], hook["webhookEvent"])
                yield Letter(hook["url"], json_bytes(entity), sign, self._heard(hook))

    def _timer(self, resource: str, number: int, entity: dict):
        """A timer that ends is an event of its own."""
        if resource != "time_entries":
            return
        runs = (entity.get("timeInterval") or {"end": ""}).get("end") is None
        if number in self._running and not runs:
            yield "TIMER_STOPPED"
        (self._running.add if runs else self._running.discard)(number)

    def _heard(self, hook: dict):
        def answered(status, headers):
            failed = self.retried(status)
            self._failures[hook["id"]] = self._failures.get(hook["id"], 0) + 1 if failed else 0
            if self._failures[hook["id"]] >= FAILURES_BEFORE_OFF:
                hook["deliveryEnabled"] = False

        return answered
