"""Slack: a workspace's channels, people and messages, and the place where the console tells what happened.

Source: https://docs.slack.dev (read 2026-11-20) and GitHub slackapi/slack-api-specs (2021-09-07), Web API 1.7

Every answer has status 200; whether it was a success stands in its `ok`. Each method has a limit of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import BadAnswer, Missing, WrongAccount
from ..base import (
    Account,
    Answer,
    ApiKey,
    Call,
    Credential,
    Limit,
    OAuth,
    Page,
    Reading,
    Resource,
    Service,
    Upstream,
    body_of,
    dig,
    replace,
)
from .faults import meaning, sentence
from .hooks import WEBHOOK
from .messages import Conversations, mark_of, replies_call
from .records import PAGE, RESTRICTED_PAGE, Channel, Message, NextCursor, User, as_ours

SCOPES = (
    "channels:read", "channels:history", "users:read", "users:read.email", "chat:write",
    "chat:write.public",  # posting where the app was not invited
)  # fmt: skip

STOPS_WITHOUT = {
    "channels:read": "no channel is read, and so no message",
    "channels:history": "no message is read",
    "users:read": "people are not read",
    "users:read.email": "people are read without their e-mail addresses",
    "chat:write": "nobody is told anything in Slack",
    "chat:write.public": "notifications reach only channels the app was invited to",
    "groups:read": "no private channel is read",
    "groups:history": "no message of a private channel is read",
}

LONGEST_TEXT = 4_000  # characters recommended; escaped, they stay below the 40,000 it takes

# Calls a minute by method, workspace and app. Source: docs, "Rate limits" and each method's page.
TIER_2, TIER_3, TIER_4 = (Limit(20, 60),), (Limit(50, 60),), (Limit(100, 60),)
METHODS: Mapping[str, tuple[Limit, ...]] = {
    "/conversations.list": TIER_2, "/users.list": TIER_2, "/conversations.history": TIER_3,
    "/conversations.replies": TIER_3, "/conversations.info": TIER_3, "/users.info": TIER_4,
    "/chat.postMessage": (Limit(1, 1),),  # one a second in each channel
}  # fmt: skip
# Apps sold outside of the Marketplace, since 2025-05-29: one call a minute, 15 messages each.
RESTRICTED: Mapping[str, tuple[Limit, ...]] = dict.fromkeys(
    ("/conversations.history", "/conversations.replies"), (Limit(1, 60),)
)


class SlackService(Service):
    """Slack's Web API, one workspace, as an app with a bot user.

    Only channels the app is in can be read; the others are named at the end of a run and are no failure. Channels and
    people are read whole each time, equal records costing no write; messages by what came after the last one seen.

    Connection settings: `app` (distributed: the slow limits of apps sold outside of the Marketplace),
    `private_channels` (yes: a token with groups:read and groups:history), `threads` (no: without the answers).
    """

    key = "slack"
    label = "Slack"
    description = "Channels, people and messages of a workspace; notifications to a channel."
    category = "Communication"
    source = "https://docs.slack.dev"
    source_read = dt.date(2026, 11, 20)
    base_url = "https://slack.com/api"

    ways = (
        ApiKey("Authorization", prefix="Bearer "),
        OAuth(
            authorize_url="https://slack.com/oauth/v2/authorize",
            token_url="https://slack.com/api/oauth.v2.access",  # noqa: S106 (an address, not a token)
            revoke_url="https://slack.com/api/auth.revoke",
            scopes=SCOPES,
            optional_scopes=("groups:read", "groups:history"),
            stops_without=STOPS_WITHOUT,
            scope_separator=",",
            client_auth="basic",
            rotates=True,  # where the app has switched token rotation on; else its tokens do not end
            spent_codes=("invalid_grant", "invalid_refresh_token"),
        ),
    )
    credentials = (
        Credential(
            "api_key", "Bot token", secret=True,
            hint="Your app's page at Slack, OAuth & Permissions, Bot User OAuth Token; it begins with xoxb-",
        ),
        Credential("team_id", "Workspace ID", required=False, hint="Empty: the workspace the token belongs to"),
        Credential(
            "app", "Kind of app", required=False, choices=("internal", "distributed"),
            hint="Distributed: sold outside of Slack's Marketplace, so messages are read at one call a minute",
        ),
    )  # fmt: skip
    switches = (
        Credential(
            "private_channels", "Private channels", required=False, choices=("no", "yes"),
            hint="Those the app is in; it needs groups:read and groups:history",
        ),
        Credential(
            "threads", "Answers in threads", required=False, choices=("auto", "yes", "no"),
            hint="They cost a call for each thread; auto reads them unless the app is distributed",
        ),
    )  # fmt: skip

    limits = TIER_3
    speaks = True
    webhook = WEBHOOK

    # What it holds.
    channels = Resource(
        "/conversations.list", Channel, NextCursor(), changed=None, one="/conversations.info", items_at="channels",
        item_at="channel",
    )  # fmt: skip
    users = Resource(
        "/users.list", User, NextCursor(), title="profile.display_name|profile.real_name|name", changed=None,
        one="/users.info", items_at="members", item_at="user",
    )  # fmt: skip
    messages = Resource(
        "/conversations.history", Message, NextCursor(), title="text|subtype", changed=None, since="oldest", one="",
        items_at="messages", starts="posted_at", asks_per="channels",
    )  # fmt: skip

    def account(self, upstream: Upstream) -> Account:
        """The workspace, and as whom the app is there."""
        answer = upstream.send(Call("GET", "/auth.test"))
        team = str(dig(answer.data, "team_id") or "")
        if not team:
            raise BadAnswer("Slack did not say which workspace this is.")
        if (wanted := upstream.settings.get("team_id")) and wanted != team:
            raise WrongAccount(f"This token belongs to the workspace {team}, not to {wanted}.")
        name = str(dig(answer.data, "team") or team)
        told = {"Signed in as": dig(answer.data, "user"), "Address": dig(answer.data, "url")}
        facts = {label: str(value) for label, value in told.items() if value}
        granted = str(answer.headers.get("X-OAuth-Scopes") or "").replace(" ", "")
        return Account(team, name, facts, tuple(filter(None, granted.split(","))), {"team_id": team})

    def limits_apart(self, settings: Mapping[str, str]) -> Mapping[str, tuple[Limit, ...]]:
        """Slack counts each method for itself."""
        return {**METHODS, **RESTRICTED} if _restricted(settings) else METHODS

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """A place to go on from that Slack has forgotten means to begin the list anew."""
        if resource is self.messages:
            yield from self._conversations(upstream, reading).pages()
            return
        try:
            yield from super().read(upstream, resource, reading)
        except BadAnswer as error:
            if error.code != "invalid_cursor" or reading.cursor is None:
                raise
            yield from super().read(upstream, resource, replace(reading, cursor=None))

    def _conversations(self, upstream: Upstream, reading: Reading) -> Conversations:
        settings, all_of_them = upstream.settings, Reading(full=True, now=reading.now)
        return Conversations(
            upstream, reading, channels=super().read(upstream, self.channels, all_of_them),
            history=lambda channel: self.list_call(self.messages, replace(reading, owner=channel), settings),
            size=RESTRICTED_PAGE if _restricted(settings) else PAGE,
            threads={"yes": True, "no": False}.get(settings.get("threads", ""), not _restricted(settings)),
        )  # fmt: skip

    def list_call(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> Call:
        """Messages are asked for by channel, and by what came after the last one seen there."""
        params: dict[str, Any] = {}
        if resource is self.channels:
            private = settings.get("private_channels") == "yes"
            params = {"types": "public_channel,private_channel" if private else "public_channel"}
        if resource is self.messages:
            oldest = mark_of(reading, reading.owner)
            params = {"channel": reading.owner, **({"oldest": oldest} if oldest else {})}
        return Call("GET", resource.path, params, template=resource.path, resource=resource.key)

    def one_call(
        self, resource: Resource, external_id: str, settings: Mapping[str, str], owner: str | None = None
    ) -> Call:
        """A method of its own with the id as a parameter."""
        method = str(resource.one)
        return Call("GET", method, {str(resource.item_at): external_id}, template=method, resource=resource.key)

    def read_one(self, upstream: Upstream, resource: Resource, external_id: str, owner: str | None = None) -> dict:
        """A message is the only one of its channel at its ts; an answer is found in its thread."""
        if resource is not self.messages:
            return super().read_one(upstream, resource, external_id, owner)
        channel, _, ts = external_id.partition(":")
        exactly = {"channel": channel, "oldest": ts, "latest": ts, "inclusive": "true", "limit": 1}
        call = Call("GET", resource.path, exactly, template=resource.path, resource=resource.key)
        for asked in (call, replies_call(channel, ts)):
            for item in dig(upstream.send(asked).data, "messages") or ():
                if dig(item, "ts") == ts:
                    return as_ours(channel, item)
        raise Missing()

    # -- telling people -----------------------------------------------------------------------------------------------

    def post(self, upstream: Upstream, place: str, text: str, blocks: Sequence[Mapping[str, Any]] = ()) -> str:
        """Say something in a channel; the ts it has there. Slack has no key that would keep a repeat from doubling."""
        said = {
            "channel": place,
            "text": _plain(text),
            "unfurl_links": False,
            **({"blocks": list(blocks)} if blocks else {}),
        }
        method, kind = "/chat.postMessage", {"Content-Type": "application/json; charset=utf-8"}
        return str(dig(upstream.send(Call("POST", method, json=said, headers=kind, template=method)).data, "ts") or "")

    # -- failures -----------------------------------------------------------------------------------------------------

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """{"ok": false, "error": word, "needed": scopes}; the word is what others know it by, so it is told, too."""
        body = body_of(answer)
        code = str(body.get("error") or "")
        return sentence(code, body), code, None

    def decide(self, answer: Answer) -> str | None:
        """Status 200 says nothing: the word in `error` does."""
        body = body_of(answer)
        if answer.status < 300 and body.get("ok") is False:
            return meaning(str(body.get("error") or ""))
        return super().decide(answer)


def _plain(text: str) -> str:
    """As a text is written there: a name in it is no mention, and it is no longer than Slack recommends."""
    return text[:LONGEST_TEXT].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _restricted(settings: Mapping[str, str]) -> bool:
    return settings.get("app") == "distributed"


SERVICE = SlackService()
