"""How Clockify calls us: one hook an event, as many as the plan allows, each with a token it sends along.

The token is compared, the body is not signed, and nothing in it tells a repeat from a later change: it is a hint to
read the record again and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ...transport.call import Call
from ...transport.client import Upstream
from ...transport.paging import dig
from ...transport.signatures import TokenHeader
from ..webhook import Event, Named, Notice, Registered, Registrar, Webhook

HOOKS = "/workspaces/{workspace_id}/webhooks"
ONE = HOOKS + "/{id}"
FREE_HOOKS, PAID_HOOKS = 3, 10  # of a workspace on the free plan; of one user on the others
EVENT_HEADER = "clockify-webhook-event-type"

# Which word of an event's name says what it is about; the longer ones first.
OF = (
    ("TIME_ENTRY", "time_entries"), ("TIMER", "time_entries"), ("PROJECT", "projects"), ("TASK", "tasks"),
    ("CLIENT", "clients"), ("TAG", "tags"), ("USER", "users"),
)  # fmt: skip


class ClockifyRegistrar(Registrar):
    """`POST /workspaces/{id}/webhooks`. A name of 2 to 30 letters is wanted, whatever the manual says."""

    topics: ClassVar[Mapping[str, str]] = {
        "NEW_TIME_ENTRY": "time_entries", "TIME_ENTRY_UPDATED": "time_entries", "TIME_ENTRY_DELETED": "time_entries",
        "TIMER_STOPPED": "time_entries", "NEW_PROJECT": "projects", "PROJECT_UPDATED": "projects",
        "PROJECT_DELETED": "projects", "NEW_CLIENT": "clients", "CLIENT_UPDATED": "clients",
        "CLIENT_DELETED": "clients",
    }  # fmt: skip
    rotates = True

    def slots(self, settings: Mapping[str, Any]) -> int:
        return FREE_HOOKS if settings.get("plan") == "free" else PAID_HOOKS

    def wanted(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(self.topics)[: self.slots(settings)]

    def create(self, upstream: Upstream, topic: str, url: str, now: datetime) -> Registered:
        asked = {
            "name": f"Console {topic.lower()}"[:30], "url": url, "webhookEvent": topic,
            "triggerSourceType": "WORKSPACE_ID", "triggerSource": [upstream.settings["workspace_id"]],
        }  # fmt: skip
        path = HOOKS.format_map(upstream.settings)
        return _registered(upstream.send(Call("POST", path, json=asked, template=HOOKS)).data)

    def left_there(self, upstream: Upstream, topic: str, url: str) -> list[str]:
        path = HOOKS.format_map(upstream.settings)
        hooks = dig(upstream.send(Call("GET", path, template=HOOKS)).data, "webhooks") or []
        return [str(hook["id"]) for hook in hooks if hook.get("url") == url and hook.get("webhookEvent") == topic]

    def look(self, upstream: Upstream, external_id: str) -> Registered:
        return _registered(upstream.send(_call("GET", upstream, external_id)).data)

    def rotate(self, upstream: Upstream, external_id: str) -> Registered:
        """The old token dies at once."""
        return _registered(upstream.send(_call("PATCH", upstream, external_id, "/token")).data)

    def remove(self, upstream: Upstream, external_id: str) -> None:
        upstream.send(_call("DELETE", upstream, external_id))


def _call(method: str, upstream: Upstream, external_id: str, below: str = "") -> Call:
    path = ONE.format_map({**upstream.settings, "id": external_id}) + below
    return Call(method, path, template=ONE + below)


def _registered(hook: Any) -> Registered:
    """Switched off by a person, by the plan, or after too many failed deliveries: then nothing comes."""
    off = [name for name in ("enabled", "deliveryEnabled", "planEnabled") if dig(hook, name) is False]
    return Registered(str(hook["id"]), not off, dig(hook, "authToken") or None, said=", ".join(off))


def events(notice: Notice) -> Iterator[Event]:
    """The entity as it is, or in an envelope with its event; several where an entry was split."""
    data = notice.data
    kind = notice.header(EVENT_HEADER) or str(dig(data, "webhookEvent") or "") or notice.topic
    entities = dig(data, "payload") or data
    for entity in entities if isinstance(entities, list) else [entities]:
        external_id, workspace = str(entity["id"]), entity.get("workspaceId")
        resource = next((resource for word, resource in OF if word in kind), None)
        owner = str(entity.get("projectId") or "") or None if resource == "tasks" else None
        yield Event(
            key=f"{kind}:{external_id}:{notice.digest}"[:200], kind=kind[:100] or "unknown",
            records=(Named(resource, external_id, owner),) if resource else (),
            account=str(workspace) if workspace else None, may_recur=True,
        )  # fmt: skip


WEBHOOK = Webhook(
    TokenHeader(("clockify-signature", "Clockify-Signature-Token", "X-Clockify-Webhook-Signature")), events,
    registrar=ClockifyRegistrar(),
    retries_for=timedelta(0),  # none are documented: every gap is read again
)  # fmt: skip
