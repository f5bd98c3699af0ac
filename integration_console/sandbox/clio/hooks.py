"""Clio's webhooks: one a model, an exchange of secrets at the start, 31 days at most.

Source: docs.developers.clio.com, tag Webhooks of its OpenAPI document of 2026-08-12, and its webhook guide.
"""

import secrets
import time

from ..firm import seconds
from ..hooks import LOOPBACK, Hooks, Letter, json_bytes, signed_as_clio
from ..server import Answer, Request, on
from .fields import InvalidFields, Selection

MODELS = {"matter": "matters", "contact": "contacts", "activity": "activities", "bill": "bills", "task": "tasks"}
EVENTS = ("created", "updated", "deleted")
DAY_S = 86_400
DEFAULT_LIFE_S, LONGEST_LIFE_S = 3 * DAY_S, 31 * DAY_S
SHOWN = ("id", "etag")
OWN_EVENTS: dict[str, tuple[str, ...]] = {"matter": ("matter_opened", "matter_pended", "matter_closed")}
MOST_FIELDS = 1_000
KNOWN = (
    "id", "url", "model", "fields", "events", "status", "shared_secret", "expires_at", "etag",
    "created_at", "updated_at",
)  # fmt: skip


class ClioHooks(Hooks):
    remembered: tuple[str, ...] = ("hooks", "hooks_made")
    hook_retries_s = (120.0, 240.0, 480.0, 960.0, 1920.0)

    def open_hooks(self) -> None:
        super().open_hooks()
        self.hooks: dict[int, dict] = {}
        self.hooks_made = 0

    @on("GET", "/webhooks")
    def list_hooks(self, request: Request) -> Answer:
        if wrong := self._unknown_fields(request):
            return wrong
        shown = [self._shown_hook(hook, request) for hook in self.hooks.values()]
        return Answer(200, {"data": shown, "meta": {"paging": {}, "records": len(shown)}})

    @on("POST", "/webhooks")
    def make_hook(self, request: Request) -> Answer:
        if wrong := self._unknown_fields(request):
            return wrong
        sent = request.json().get("data") or {}
        if wrong := self._wrong(sent, is_new=True):
            return wrong
        self.hooks_made += 1
        hook = {
            "id": self.hooks_made,
            "url": sent["url"],
            "model": sent["model"],
            "fields": sent["fields"],
            "events": sent.get("events") or list(EVENTS),
            "status": "pending",
            "shared_secret": secrets.token_hex(32),
            "expires_at": self._end(sent.get("expires_at")),
            "etag": f'"{secrets.token_hex(8)}"',
        }
        self.hooks[hook["id"]] = hook
        self._exchange(hook)
        return Answer(201, {"data": self._shown_hook(hook, request)})

    @on("GET", "/webhooks/{number}")
    def show_hook(self, request: Request) -> Answer:
        if wrong := self._unknown_fields(request):
            return wrong
        return self._of(request) or Answer(200, {"data": self._shown_hook(self._hook(request), request)})

    @on("PATCH", "/webhooks/{number}")
    def change_hook(self, request: Request) -> Answer:
        if wrong := self._unknown_fields(request):
            return wrong
        sent = request.json().get("data") or {}
        if wrong := self._of(request) or self._wrong({"model": self._hook(request)["model"], **sent}, is_new=False):
            return wrong
        hook = self._hook(request)
        hook.update({name: sent[name] for name in ("fields", "events") if name in sent})
        if "expires_at" in sent:
            hook["expires_at"] = self._end(sent["expires_at"])
        if "url" in sent:
            hook.update(url=sent["url"], status="pending")
            self._exchange(hook)
        return Answer(200, {"data": self._shown_hook(hook, request)})

    @on("PUT", "/webhooks/{number}/activate")
    def activate_hook(self, request: Request) -> Answer:
        if wrong := self._unknown_fields(request):
            return wrong
        if wrong := self._of(request):
            return wrong
        hook = self._hook(request)
        if request.headers.get("X-Hook-Secret") != hook["shared_secret"]:
            return Answer(422, {"error": {"type": "ArgumentError", "message": "The secret is not this webhook's"}})
        hook["status"] = "enabled"
        return Answer(200, {"data": self._shown_hook(hook, request)})

    @on("DELETE", "/webhooks/{number}")
    def delete_hook(self, request: Request) -> Answer:
        if wrong := self._of(request):
            return wrong
        del self.hooks[int(request.params["number"])]
        return Answer(204)

    # What is sent

    def letters(self, resource: str, number: int, what: str):
        model = next((model for model, kept in MODELS.items() if kept == resource), None)
        gone = {"id": number, "etag": f'"deleted-{number}"'}
        record = gone if what == "deleted" else self.get(resource, number)
        for hook in list(self.hooks.values()):
            if record and hook["model"] == model and what in hook["events"] and self._is_live(hook):
                wanted = gone if what == "deleted" else Selection(self, resource, hook["fields"]).cut(record)
                body = {"data": wanted, "meta": {"event": what, "webhook_id": hook["id"]}}
                yield Letter(hook["url"], json_bytes(body), signed_as_clio(hook["shared_secret"]), self._heard(hook))

    def retried(self, status: int | None) -> bool:
        return status is None or not (200 <= status < 400 or status == 410)

    def _heard(self, hook: dict):
        def answered(status, headers):
            if status == 410:
                hook["status"] = "suspended"

        return answered

    def _exchange(self, hook: dict) -> None:
        """Hand over the secret; who sends it back is ready."""

        def answered(status, headers):
            if status == 200 and headers.get("x-hook-secret") == hook["shared_secret"]:
                hook["status"] = "enabled"

        body = json_bytes({"data": {"id": hook["id"]}})
        sign = {"X-Hook-Secret": hook["shared_secret"]}
        self.send(Letter(hook["url"], body, lambda _: sign, answered, retries_s=()))

    def _is_live(self, hook: dict) -> bool:
        return hook["status"] == "enabled" and seconds(hook["expires_at"]) > time.time()

    # Odds and ends

    def _hook(self, request: Request) -> dict:
        return self.hooks[int(request.params["number"])]

    def _of(self, request: Request) -> Answer | None:
        number = request.params["number"]
        if number.isdigit() and int(number) in self.hooks:
            return None
        return Answer(404, {"error": {"type": "record_not_found", "message": f"webhook {number} was not found"}})

    def _unknown_fields(self, request: Request) -> Answer | None:
        strange = [name for name in (request.one("fields") or "").split(",") if name and name not in KNOWN]
        if not strange:
            return None
        return Answer(
            400, {"error": {"type": "InvalidFields", "message": f"The field '{strange[0]}' is not valid for webhooks"}}
        )

    def _shown_hook(self, hook: dict, request: Request) -> dict:
        names = [name for name in (request.one("fields") or ",".join(SHOWN)).split(",") if name in hook]
        return {name: hook[name] for name in names}

    def _wrong(self, sent: dict, *, is_new: bool) -> Answer | None:
        missing = [name for name in ("url", "model", "fields") if is_new and not sent.get(name)]
        said = f"{missing[0]} is missing" if missing else ""
        url = str(sent.get("url") or "https://")
        if not said and not url.startswith(("https://", *(f"http://{host}" for host in LOOPBACK))):
            said = "url must use https"
        if not said and "model" in sent and sent["model"] not in MODELS:
            said = f"{sent['model']} is not a supported model"
        if not said and not set(sent.get("events") or EVENTS) <= {*EVENTS, *OWN_EVENTS.get(str(sent.get("model")), ())}:
            said = "events holds an event there is not"
        if not said and len(sent.get("fields") or "") > MOST_FIELDS:
            said = f"fields may be {MOST_FIELDS} characters long"
        if not said and (end := sent.get("expires_at")) and not 0 < seconds(end) - time.time() <= LONGEST_LIFE_S:
            said = "expires_at must be within 31 days"
        if said:
            return Answer(422, {"error": {"type": "ArgumentError", "message": said}})
        try:
            if sent.get("fields"):
                Selection(self, MODELS[sent["model"]], sent["fields"])
        except InvalidFields as error:
            return Answer(400, {"error": {"type": "InvalidFields", "message": str(error)}})
        return None

    def _end(self, asked: str | None) -> str:
        return self.firm.local(seconds(asked) if asked else time.time() + DEFAULT_LIFE_S)
