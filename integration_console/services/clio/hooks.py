"""How Clio calls us: one hook a model, alive for 31 days at most, its secret brought in an exchange at the start.

A delivery has no number and no time. It is known by hook, event, record and the record's etag.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ... import clock
from ...transport.call import Call
from ...transport.client import Upstream
from ...transport.paging import dig
from ...transport.signatures import HmacHeader
from ..webhook import Event, Named, Notice, Registered, Registrar, Webhook

FIELDS = {"fields": "id,status,shared_secret,expires_at"}
A_MINUTE = timedelta(minutes=1)  # so that "31 days from now" is not in their past when it arrives


class ClioRegistrar(Registrar):
    """`POST /webhooks`, a model each. Those of users, notes and what describes the others do not exist."""

    topics: ClassVar[Mapping[str, str]] = {
        "matter": "matters", "contact": "contacts", "activity": "activities", "bill": "bills", "task": "tasks",
    }  # fmt: skip
    life = timedelta(days=31)

    def create(self, upstream: Upstream, topic: str, url: str, now: datetime) -> Registered:
        asked = {
            "url": url, "model": topic, "fields": "id,etag", "events": ["created", "updated", "deleted"],
            "expires_at": self._end(now),
        }  # fmt: skip
        return _registered(upstream, Call("POST", "/webhooks", FIELDS, json={"data": asked}))

    def left_there(self, upstream: Upstream, topic: str, url: str) -> list[str]:
        call = Call("GET", "/webhooks", {"fields": "id,url,model", "limit": 200})
        hooks = dig(upstream.send(call).data, "data") or []
        return [str(hook["id"]) for hook in hooks if hook.get("url") == url and hook.get("model") == topic]

    def look(self, upstream: Upstream, external_id: str) -> Registered:
        return _registered(upstream, _call("GET", external_id, FIELDS))

    def renew(self, upstream: Upstream, external_id: str, now: datetime) -> Registered:
        return _registered(upstream, _call("PATCH", external_id, FIELDS, json={"data": {"expires_at": self._end(now)}}))

    def activate(self, upstream: Upstream, external_id: str, secret: str) -> Registered:
        """In the prose of the manual, not in its list of paths."""
        path, template = f"/webhooks/{external_id}/activate", "/webhooks/{id}/activate"
        return _registered(
            upstream, Call("PUT", path, FIELDS, json={}, headers={"X-Hook-Secret": secret}, template=template)
        )

    def remove(self, upstream: Upstream, external_id: str) -> None:
        upstream.send(_call("DELETE", external_id))

    def _end(self, now: datetime) -> str:
        return (now + self.life - A_MINUTE).isoformat(timespec="seconds")


def _call(method: str, external_id: str, params: Mapping[str, str] | None = None, **more: Any) -> Call:
    return Call(method, f"/webhooks/{external_id}", params or {}, template="/webhooks/{id}", **more)


def _registered(upstream: Upstream, call: Call) -> Registered:
    hook = dig(upstream.send(call).data, "data")
    status = str(dig(hook, "status") or "")
    return Registered(
        str(hook["id"]), status in ("", "enabled"), dig(hook, "shared_secret") or None,
        clock.parse(dig(hook, "expires_at")), status,
    )  # fmt: skip


def events(notice: Notice) -> Iterator[Event]:
    """One event a delivery. Its body does not name the model: the hook it came from does."""
    meta, record = notice.data["meta"], notice.data["data"]
    number, event = meta["webhook_id"], meta["event"]
    external_id, etag = str(record["id"]), str(record.get("etag") or "")
    resource = ClioRegistrar.topics.get(notice.topic)
    yield Event(
        key=f"{number}:{event}:{external_id}:{etag or notice.digest}", kind=f"{notice.topic or 'record'}.{event}",
        records=(Named(resource, external_id),) if resource else (), may_recur=not etag,
    )  # fmt: skip


WEBHOOK = Webhook(
    HmacHeader("X-Hook-Signature"), events, registrar=ClioRegistrar(), exchange="X-Hook-Secret",
    retries_for=timedelta(minutes=62),  # after 2, 4, 8, 16 and 32 minutes
)  # fmt: skip
