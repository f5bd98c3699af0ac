"""Slack's Events API: one address for the app, a question when it is entered, signed events of what changes.

Source: docs.slack.dev, "Using the Events API", and events-api/slack_common_event_wrapper_schema.json (2021).
"""

import secrets
import time

from ..hooks import Hooks, Letter, json_bytes, signed_as_slack
from .records import APP_ID, TEAM_ID, id_of


class SlackHooks(Hooks):
    hook_retries_s = (0.5, 60.0, 300.0)

    def open_hooks(self) -> None:
        super().open_hooks()
        self.signing_secret = "sandbox-slack-signing-secret"
        self.hook_is_verified = False
        self._gone: dict[tuple[str, int], dict] = {}  # what was deleted, for the events that tell of it

    def enter_hook(self, url: str) -> None:
        """Enter the Request URL, as on the app's settings page: it must answer a question before it gets events."""
        self.hook_url, self.hook_is_verified = url, False

        def answered(status, headers):
            self.hook_is_verified = status == 200

        body = {"token": "deprecated", "challenge": secrets.token_urlsafe(24), "type": "url_verification"}
        self.send(Letter(url, json_bytes(body), signed_as_slack(self.signing_secret), answered, retries_s=()))

    def _control_hook(self, request, sent):
        if sent.get("url"):
            self.enter_hook(sent["url"])
        else:
            self.hook_url, self.hook_is_verified = None, False
        return {"url": self.hook_url}

    def delete(self, resource: str, number) -> bool:
        with self.lock:
            found = self.number(resource, number)
            if (record := self.shelves[resource].get(found)) is not None:
                self._gone[resource, found] = record
        return super().delete(resource, number)

    def letters(self, resource: str, number: int, what: str):
        event = self.event_of(resource, number, what) if self.hook_url and self.hook_is_verified else None
        if event:
            yield self.event_letter(event)

    def event_letter(self, event: dict) -> Letter:
        """One event in its envelope. Every further try says that it is one."""
        body = {
            "token": "deprecated",
            "team_id": TEAM_ID,
            "api_app_id": APP_ID,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(6).upper()}",
            "event_time": int(time.time()),
            "authed_users": [id_of("users", 1)],
            "authorizations": [{"team_id": TEAM_ID, "user_id": id_of("users", 1), "is_bot": True}],
        }
        tries, sign = iter(range(99)), signed_as_slack(self.signing_secret)

        def signed(sent: bytes) -> dict:
            again = next(tries)
            told = {"X-Slack-Retry-Num": str(again), "X-Slack-Retry-Reason": "http_error"} if again else {}
            return {**sign(sent), **told}

        return Letter(str(self.hook_url), json_bytes(body), signed)

    def event_of(self, resource: str, number: int, what: str) -> dict | None:
        record = self.shelves[resource].get(number) or self._gone.get((resource, number))
        if record is None or (what == "deleted" and resource == "users"):
            return None
        stamp = f"{time.time():.6f}"
        if resource == "users":
            kind = "team_join" if what == "created" else "user_change"
            return {"type": kind, "user": record, "event_ts": stamp}
        if resource == "channels":
            kind = {"created": "channel_created", "updated": "channel_rename", "deleted": "channel_deleted"}[what]
            told = record["id"] if what == "deleted" else {name: record[name] for name in ("id", "name", "created")}
            return {"type": kind, "channel": told, "event_ts": stamp}
        return self._message_event(record, what, stamp)

    def _message_event(self, record: dict, what: str, stamp: str) -> dict | None:
        channel = self.get("channels", record["channel"])
        if channel is None or not channel["is_member"]:
            return None
        place = {"type": "message", "channel": channel["id"], "channel_type": "channel", "event_ts": stamp}
        said = {name: value for name, value in record.items() if name != "channel"}
        if what == "created":
            return {**said, **place}
        if what == "updated":
            return {**place, "subtype": "message_changed", "hidden": True, "ts": stamp, "message": said}
        return {**place, "subtype": "message_deleted", "hidden": True, "ts": stamp, "deleted_ts": record["ts"]}
