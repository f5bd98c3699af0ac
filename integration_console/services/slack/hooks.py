"""How Slack calls us: the Events API, one address for an app, signed with the app's own secret.

Source: docs.slack.dev, "Using the Events API" and "Verifying requests" (read 2026-11-20). One secret proves the app;
which workspace an event is of stands in its body. Order means nothing, and our own posts come back as events, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from ...transport.signatures import SlackSignature
from ..webhook import Event, Named, Notice, Webhook

ENDED = ("tokens_revoked", "app_uninstalled")


def events(notice: Notice) -> Iterator[Event]:
    """One event a delivery. Other envelopes name nothing to read; one says that a minute's events were held back."""
    data = notice.data
    if data["type"] != "event_callback":
        yield Event(key=f"{data['type']}:{notice.digest}", kind=str(data["type"]), account=_text(data.get("team_id")))
        return
    event = data["event"]
    kind = str(event["type"]) + (f".{event['subtype']}" if event.get("subtype") else "")
    yield Event(
        key=str(data["event_id"]), kind=kind, records=tuple(_named(event)), account=str(data["team_id"]),
        at=_moment(data.get("event_time")), access_ended=event["type"] in ENDED,
    )  # fmt: skip


def challenge(notice: Notice) -> str | None:
    """Slack's question when the address is entered: it wants its own word back."""
    if not isinstance(notice.data, Mapping) or notice.data.get("type") != "url_verification":
        return None
    return str(notice.data["challenge"])


def _named(event: Mapping[str, Any]) -> Iterator[Named]:
    """What an event is about: a message by channel and ts, a channel or a person by its id, or whole."""
    kind, channel = str(event["type"]), event.get("channel")
    if kind == "message":
        inner = event.get("message")
        ts = event.get("deleted_ts") or (inner.get("ts") if isinstance(inner, Mapping) else event.get("ts"))
        if channel and ts:
            yield Named("messages", f"{channel}:{ts}")
        return
    if kind.startswith(("channel_", "member_")) and (found := _id(channel)):
        yield Named("channels", found)
    if kind in ("team_join", "user_change") and (found := _id(event.get("user"))):
        yield Named("users", found)


def _id(value: Any) -> str | None:
    return _text(value.get("id") if isinstance(value, Mapping) else value)


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _moment(seconds: Any) -> dt.datetime | None:
    known = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 1 << 34
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if known else None


WEBHOOK = Webhook(
    SlackSignature(), events, shared=True, challenge=challenge, held_back=("app_rate_limited",),
    retries_for=dt.timedelta(minutes=6),  # three more tries: about at once, after one minute, after five
    secret="Signing Secret",  # noqa: S106 (what Slack calls it)
    instructions="Your app's page at Slack shows the Signing Secret under Basic Information: enter it here first. "
    "Then open Event Subscriptions there, switch it on and enter {address} as the Request URL; Slack tries it at once. "
    "Under Subscribe to bot events add message.channels, channel_created, channel_rename, channel_archive, "
    "channel_unarchive, member_joined_channel, team_join, user_change, tokens_revoked and app_uninstalled, save, and "
    "install the app again if Slack asks for it. One address serves every workspace of the app.",
)  # fmt: skip
