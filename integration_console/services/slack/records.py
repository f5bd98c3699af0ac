"""Slack's records: the fields we rely on, how its lists are paged, and what a message needs to be one of ours."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..base import Answer, Call, dig, replace
from ..shapes import Unix, UpstreamRecord

PAGE = 200  # as recommended; the most is 999
RESTRICTED_PAGE = 15  # messages a call, for apps that are sold outside of the Marketplace


class Words(UpstreamRecord):
    """What stands above a channel, or in its description."""

    value: str | None = None


class Channel(UpstreamRecord):
    """A room people talk in."""

    id: str
    name: str | None = None
    is_private: bool | None = None
    is_archived: bool | None = None
    is_general: bool | None = None
    is_member: bool | None = None  # the app is: only then may it read the messages
    is_ext_shared: bool | None = None
    creator: str | None = None
    created: Unix | None = None
    num_members: int | None = None
    topic: Words | None = None
    purpose: Words | None = None


class Profile(UpstreamRecord):
    """How a person shows themselves."""

    display_name: str | None = None
    real_name: str | None = None
    email: str | None = None  # only with the permission users:read.email
    title: str | None = None
    phone: str | None = None


class User(UpstreamRecord):
    """A person or an app of the workspace; those who left stay, marked as deleted."""

    id: str
    team_id: str | None = None
    name: str | None = None
    deleted: bool | None = None
    is_bot: bool | None = None
    is_admin: bool | None = None
    is_owner: bool | None = None
    is_restricted: bool | None = None
    tz: str | None = None
    updated: Unix | None = None
    profile: Profile | None = None


class Edited(UpstreamRecord):
    """Who changed a message last, and when."""

    user: str | None = None
    ts: str | None = None


class Message(UpstreamRecord):
    """Something said in a channel. Slack knows it by channel and ts; id, channel and posted_at are made from these."""

    id: str  # C012AB3CD:1512085950.000216
    channel: str | None = None
    ts: str | None = None  # "seconds.microseconds": never a number, which would lose digits
    posted_at: dt.datetime | None = None
    type: str | None = None
    subtype: str | None = None
    user: str | None = None
    bot_id: str | None = None
    text: str | None = None
    thread_ts: str | None = None  # of the message that began the thread
    reply_count: int | None = None
    latest_reply: str | None = None
    edited: Edited | None = None
    reactions: list[Any] | None = None
    files: list[Any] | None = None


@dataclass(frozen=True)
class NextCursor:
    """The answer names the next page; an empty name ends the list, a short or an empty page does not."""

    size: int = PAGE

    def apply(self, call: Call, cursor: Any | None) -> Call:
        """The page at `cursor`."""
        return replace(call, params={**call.params, "limit": self.size, **({"cursor": cursor} if cursor else {})})

    def after(self, call: Call, answer: Answer, items: list) -> Any | None:
        """The name of the next page."""
        return dig(answer.data, "response_metadata.next_cursor") or None


def as_ours(channel: str, item: Any) -> Any:
    """A message that knows which channel it is from; anything else as it came, to be refused later.

    >>> as_ours("C1", {"ts": "1512085950.000216", "text": "Filed."})["id"]
    'C1:1512085950.000216'
    """
    ts = item.get("ts") if isinstance(item, dict) else None
    if not ts:
        return item
    return {**item, "id": f"{channel}:{ts}", "channel": channel, "posted_at": _moment(str(ts))}


def at(ts: Any) -> Decimal:
    """A ts to compare with others, to its last digit; 0 for what is none.

    >>> at("1512085950.000216") < at("1512085950.000217"), at(None)
    (True, Decimal('0'))
    """
    try:
        found = Decimal(str(ts))
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def newest_of(items: list[Any], before: str | None) -> str | None:
    """The latest ts among messages and the one known before."""
    known = [str(item["ts"]) for item in items if isinstance(item, Mapping) and item.get("ts")]
    return max([*known, *filter(None, [before])], key=at, default=None)


def _moment(ts: str) -> str | None:
    seconds, _, micros = ts.partition(".")
    if not seconds.isdecimal() or len(seconds) > 11:
        return None
    moment = dt.datetime.fromtimestamp(int(seconds), dt.UTC)
    return moment.replace(microsecond=int(micros[:6].ljust(6, "0")) if micros.isdecimal() else 0).isoformat()
