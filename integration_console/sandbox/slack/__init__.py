"""Slack's Web API, as far as reading a workspace and posting to it needs it: cursors, tiers, failures with status 200.

Source: docs.slack.dev and GitHub slackapi/slack-api-specs (2021-09-07). Messages are in messages.py,
signing in is in sign_in.py, events are in hooks.py.
"""

import random
import time
from decimal import Decimal

from ..server import Answer, Request, Upstream, on
from ..shelf import Shelf
from .hooks import SlackHooks
from .messages import SlackMessages
from .pages import paged, sent_with
from .records import BOT_ID, TEAM_ID, SlackRecords, id_of, number_of
from .sign_in import SlackSignIn, no

MAKERS = {"channels": "channel", "users": "user", "messages": "message"}
NEEDS = {
    "/conversations.list": "channels:read",
    "/conversations.info": "channels:read",
    "/conversations.history": "channels:history",
    "/conversations.replies": "channels:history",
    "/users.list": "users:read",
    "/users.info": "users:read",
    "/team.info": "team:read",
    "/chat.postMessage": "chat:write",
}
# Calls a minute, for each method of each workspace.
TIERS = {"/conversations.list": 20, "/users.list": 20, "/users.info": 100, "/chat.postMessage": 60}
HISTORIES = ("/conversations.history", "/conversations.replies")
CHATTER = ("Lunch?", "Copies for the hearing are on your desk.", "New lead on line two.", "The printer is back.")


class Slack(SlackSignIn, SlackHooks, SlackMessages, Upstream):
    key = "slack"
    usual_port = 8104
    prefix = "/api"
    real_limits = (50, 60.0)
    is_distributed = False  # an app sold outside of the Marketplace: histories at one call a minute

    def __init__(self, firm, **options) -> None:
        super().__init__(firm, **options)
        records = SlackRecords(firm)
        for resource, maker in MAKERS.items():
            self.shelves[resource] = Shelf(records.counts[resource], getattr(records, maker))
        self.records, self.team_id = records, TEAM_ID
        self._last_ts = Decimal(0)
        self.open_sign_in()
        self.api_key = self.access_token
        self.open_hooks()

    # For a test.

    def facts(self) -> dict:
        return {"api_key": self.api_key, "team_id": self.team_id, "webhook_secret": self.signing_secret, **self.door()}

    def number(self, resource: str, name) -> int:
        """A message is known by channel and ts."""
        if resource != "messages":
            return number_of(resource, name)
        channel, _, ts = str(name).partition(":")
        return next((n for n in self._numbers(channel) if self.shelves["messages"].get(n)["ts"] == ts), 0)

    def get(self, resource: str, name) -> dict | None:
        return self.shelves[resource].get(self.number(resource, name))

    def put(self, resource: str, record: dict) -> dict:
        """Change what is there, or say something: {"channel", "text", "thread_ts"?, "user"?}."""
        with self.lock:
            if resource == "messages" and "ts" not in record:
                return self.say(record)
            name = f"{record['channel']}:{record['ts']}" if resource == "messages" else record.get("id")
            number = self.number(resource, name) if name else 0
            known = self.shelves[resource].get(number) or self._blank(resource)
            self.shelves[resource].put(number or number_of(resource, known["id"]), {**known, **record})
            return {**known, **record}

    def _blank(self, resource: str) -> dict:
        number = len(self.shelves[resource]) + len(self.shelves[resource].deleted) + 1
        return {**self.shelves[resource].get(2), "id": id_of(resource, number)}

    def say(self, message: dict) -> dict:
        """Keep a new message; answers it as it is kept."""
        now = max(Decimal(f"{time.time():.6f}"), self._last_ts + Decimal("0.000001"))
        self._last_ts = now
        who = {} if "bot_id" in message else {"user": id_of("users", 2)}
        kept = {"type": "message", "team": TEAM_ID, "ts": f"{now:.6f}", **who, **message}
        self.shelves["messages"].put(None, kept)
        return kept

    def posted(self) -> list[dict]:
        """What was posted through the API, oldest first."""
        with self.lock:
            shelf = self.shelves["messages"]
            return [one for one in map(shelf.get, sorted(shelf.added_at)) if one and "bot_id" in one]

    def _control_posted(self, request, sent):
        return self.posted()

    def stir(self) -> None:
        """Somebody says something."""
        chance = random.Random()
        author, channel = id_of("users", chance.randint(2, 12)), id_of("channels", chance.randint(1, 7))
        self.put("messages", {"channel": channel, "text": chance.choice(CHATTER), "user": author})

    # Who may come in, and how fast

    def gate(self, request: Request) -> Answer | None:
        token = (request.headers.get("Authorization") or "").partition(" ")[2] or sent_with(request).get("token", "")
        if refused := self.refusal_of(token):
            return no(refused)
        request.holder, method = token, self.short_path(request)
        limit, per_s = self._limit(method)
        room = self.windows.take(f"{self.team_id}:{method}", limit, per_s)
        if room.refused:
            return Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": room.wait_s})
        if (needed := NEEDS.get(method)) and needed not in self.scopes[token]:
            return no("missing_scope", needed=needed, provided=",".join(sorted(self.scopes[token])))
        return None

    def _limit(self, method: str) -> tuple[int, float]:
        if self.is_distributed and method in HISTORIES:
            return 1, 60.0
        if self.limits != self.real_limits:
            return int(self.limits[0]), float(self.limits[1])
        return TIERS.get(method, self.real_limits[0]), self.real_limits[1]

    def adorn(self, request: Request, answer: Answer) -> None:
        if request.holder:
            answer.headers["X-OAuth-Scopes"] = ",".join(sorted(self.scopes[request.holder]))
            answer.headers["X-Accepted-OAuth-Scopes"] = NEEDS.get(self.short_path(request), "")

    def unknown_path(self, request: Request) -> Answer:
        return no("unknown_method", req_method=self.short_path(request).strip("/"))

    # The workspace

    @on("GET", "/auth.test")
    @on("POST", "/auth.test")
    def auth_test(self, request: Request) -> Answer:
        me = self.existing("users", id_of("users", 1))
        team_id, name = self.team_of(request.holder)
        told = {"url": "https://ashby-okoye.slack.com/", "team": name, "team_id": team_id}
        return Answer(200, {"ok": True, **told, "user": me["name"], "user_id": me["id"], "bot_id": BOT_ID})

    @on("GET", "/auth.revoke")
    @on("POST", "/auth.revoke")
    def auth_revoke(self, request: Request) -> Answer:
        if sent_with(request).get("test") not in ("1", "true", True):
            self.revoke(request.holder)
        return Answer(200, {"ok": True, "revoked": sent_with(request).get("test") not in ("1", "true", True)})

    @on("GET", "/team.info")
    @on("POST", "/team.info")
    def team_info(self, request: Request) -> Answer:
        team_id, name = self.team_of(request.holder)
        team = {"id": team_id, "name": name, "domain": "ashby-okoye", "email_domain": "", "icon": {}}
        return Answer(200, {"ok": True, "team": team})

    @on("GET", "/conversations.list")
    @on("POST", "/conversations.list")
    def conversations_list(self, request: Request) -> Answer:
        sent, granted = sent_with(request), self.scopes[str(request.holder)]
        kinds = set(str(sent.get("types") or "public_channel").split(","))
        if "private_channel" in kinds and "groups:read" not in granted:
            return no("missing_scope", needed="groups:read", provided=",".join(sorted(granted)))
        found = [
            one
            for one in self._all("channels")
            if ("private_channel" if one["is_private"] else "public_channel") in kinds
        ]
        page, told = paged(found, sent, "channel")
        if page is None:
            return told
        if str(sent.get("exclude_archived")).lower() in ("1", "true"):  # after the page was cut
            page = [one for one in page if not one["is_archived"]]
        return Answer(200, {"ok": True, "channels": page, **told})

    @on("GET", "/conversations.info")
    @on("POST", "/conversations.info")
    def conversations_info(self, request: Request) -> Answer:
        channel = self.get("channels", sent_with(request).get("channel", ""))
        return Answer(200, {"ok": True, "channel": channel}) if channel else no("channel_not_found")

    @on("GET", "/users.list")
    @on("POST", "/users.list")
    def users_list(self, request: Request) -> Answer:
        if self.firm.is_large and not sent_with(request).get("limit"):
            return no("limit_required")
        page, told = paged([self._seen(one, request) for one in self._all("users")], sent_with(request), "user")
        return (
            told if page is None else Answer(200, {"ok": True, "members": page, "cache_ts": int(time.time()), **told})
        )

    @on("GET", "/users.info")
    @on("POST", "/users.info")
    def users_info(self, request: Request) -> Answer:
        user = self.get("users", sent_with(request).get("user", ""))
        return Answer(200, {"ok": True, "user": self._seen(user, request)}) if user else no("user_not_found")

    def _seen(self, user: dict, request: Request) -> dict:
        """Addresses are for those who asked for them."""
        if "users:read.email" in self.scopes[str(request.holder)]:
            return user
        return {**user, "profile": {name: value for name, value in user["profile"].items() if name != "email"}}

    def _all(self, resource: str) -> list[dict]:
        shelf = self.shelves[resource]
        return [shelf.get(number) for number in shelf.numbers()]


STAND_IN = Slack
