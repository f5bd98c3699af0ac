"""What a notice says. Without a rule's leave it names no record and repeats nothing a service said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ...models import Connection, Issue, Notice, NotificationRule, SyncRun
from ...transport.redact import Redactor
from ..advice import ADVICE

EVENT_WORDS = {
    "run_failed": "A run failed",
    "needs_person": "Something needs a person",
    "recovered": "It works again",
    "issue": "A new kind of error, or one that came back",
    "digest": "Daily digest",
}
SHORT_WORDS = {
    "run_failed": "run failed", "needs_person": "needs a person", "recovered": "recovered", "issue": "new error",
    "digest": "digest", "test": "test",
}  # fmt: skip
MOST_SHOWN = 20  # notices in one message; Slack takes 50 blocks
LONGEST = 1_500  # characters of one notice's text
LONGEST_SECTION = 3_000  # of one of Slack's


@dataclass(frozen=True)
class Told:
    """One thing to tell, before it is a notice of a rule."""

    event: str
    key: str
    at: datetime  # when it came to be; a rule made later is not told
    connection_id: int | None
    title: str
    text: str
    path: str
    detail: str = ""  # what the service said, or which record: only where the rule allows


@dataclass(frozen=True)
class Message:
    """One or several notices, ready to be sent."""

    subject: str
    text: str
    blocks: list[dict[str, Any]]


def failed(connection: Connection, run: SyncRun, key: str) -> Told:
    """A run failed that went well before."""
    return Told(
        "run_failed", key, _ended(run), connection.id, f"{connection.name}: {_what(run)} failed",
        _advice(run.failure_kind), f"/runs/{run.id}", run.message or "",
    )  # fmt: skip


def needs_person(connection: Connection, run: SyncRun | None, key: str) -> Told:
    """Nothing goes on until somebody acts."""
    if run is None:
        return Told(
            "needs_person", key, connection.status_since, connection.id, f"{connection.name} must be reconnected",
            _advice("connection"),
            f"/connections/{connection.id}", connection.status_reason or "",
        )  # fmt: skip
    return Told(
        "needs_person", key, _ended(run), connection.id, f"{connection.name}: {_what(run)} waits for a person",
        _advice(run.failure_kind), f"/runs/{run.id}", run.message or "",
    )  # fmt: skip


def ends_soon(connection: Connection, on: datetime, now: datetime, key: str) -> Told:
    """Its sign-in will be over on a day that is known."""
    return Told(
        "needs_person", key, now, connection.id, f"{connection.name} must be reconnected before {on:%d %B %Y}",
        "Its sign-in ends then, and nothing is read after that. Nothing is lost if it is renewed in time.",
        f"/connections/{connection.id}",
    )  # fmt: skip


def recovered(connection: Connection, run: SyncRun, since: datetime, key: str) -> Told:
    """It went well again."""
    return Told(
        "recovered", key, _ended(run), connection.id, f"{connection.name}: {_what(run)} works again",
        f"It had not since {since:%d %B, %H:%M} UTC. What was missing meanwhile has been read.", f"/runs/{run.id}",
    )  # fmt: skip


def issue(found: Issue, connection: Connection | None, *, again: bool, key: str) -> Told:
    """A kind of error nobody had seen, or one that was thought to be over."""
    name = connection.name if connection else found.service
    happened = "an error came back" if again else "a new kind of error"
    at = found.regressed_at if again and found.regressed_at else found.first_seen_at
    return Told(
        "issue", key, at, found.connection_id, f"{name}: {happened}", _advice(found.kind), f"/errors/{found.id}",
        found.title,
    )  # fmt: skip


def message(notices: Sequence[Notice], rule: NotificationRule, *, base_url: str, after_quiet: bool) -> Message:
    """All of them as one message; the summary of quiet hours says that it is one."""
    shown, more = notices[:MOST_SHOWN], max(0, len(notices) - MOST_SHOWN)
    parts = [(one.title, one.text, base_url.rstrip("/") + one.path) for one in shown]
    subject, lead = (parts[0][0], "") if len(notices) == 1 else (f"{len(notices)} things happened", "")
    if len(notices) > 1 and after_quiet:
        lead = f"In the quiet hours, {rule.quiet_from} to {rule.quiet_to}, {len(notices)} things happened:"
    elif len(notices) > 1:
        lead = f"{len(notices)} things happened:"
    tail, rest = f"And {more} more: " if more else "", f"{base_url.rstrip('/')}/settings/notifications"
    plain = [lead, *(f"{title}\n{text}\n{url}" for title, text, url in parts), tail and tail + rest]
    blocks = [*_blocks(lead, parts), *([_section(f"{tail}<{rest}>")] if tail else [])]
    return Message(subject, "\n\n".join(filter(None, plain)), blocks)


def safe(told: Told, rule: NotificationRule, redactor: Redactor) -> tuple[str, str]:
    """Title and text as this rule may have them."""
    detail = f"\nIt says: {told.detail}" if told.detail and rule.names_records else ""
    return redactor.text(told.title)[:300], redactor.text(told.text + detail)[:LONGEST]


def local(moment: datetime, rule: NotificationRule) -> datetime:
    """A moment on the rule's wall clock."""
    return moment.astimezone(ZoneInfo(rule.time_zone))


def _ended(run: SyncRun) -> datetime:
    return run.ended_at or run.queued_at


def _what(run: SyncRun) -> str:
    return "carrying over" if run.kind == "push" else "reading"


def _advice(kind: str | None) -> str:
    advice = ADVICE.get(kind or "ours", ADVICE["ours"])
    return f"{advice.happened} {advice.lost} {advice.next}"


def _blocks(lead: str, parts: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Slack's layout. Everything is escaped: a name in it must not become a mention or a link."""
    blocks = [_section(_plain(lead))] if lead else []
    for title, text, url in parts:
        head = f"*<{url}|{_plain(title).replace('|', '¦')}>*\n"
        blocks.append(_section(head + _plain(text, LONGEST_SECTION - len(head))))
    return blocks


def _section(text: str) -> dict[str, Any]:
    """verbatim: Slack makes no mention or link of its own of what looks like one, such as @channel."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _plain(text: str, most: int = LONGEST_SECTION) -> str:
    """Escaped, which may make five characters of one, and cut between two of them where that is too long."""
    told = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return told if len(told) <= most else re.sub(r"&[a-z]{0,3}$", "", told[: most - 1]) + "…"
