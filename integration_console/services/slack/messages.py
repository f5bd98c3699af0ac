"""Reading messages: channel by channel, newest first, threads with their beginning.

Each channel has its own mark, the ts of its newest message we have seen: an increment asks for what is later. Edits,
deletions and new answers to older threads do not show that way; webhooks bring them, or the next full read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...errors import BadAnswer, Missing, NotAllowed
from ..base import Call, Page, Reading, Upstream, dig, walk
from .records import NextCursor, as_ours, at, newest_of

OUTSIDE = ("not_in_channel", "is_archived")  # one channel's own refusals; a missing permission is everybody's
NAMED = 5  # channels named in a sentence
MARK = "ts "  # in what is remembered: "ts C012AB3CD" -> "1512085950.000216"


class Conversations:
    """One walk over every channel the app is in."""

    def __init__(
        self, upstream: Upstream, reading: Reading, *, channels: Iterator[Page], history: Callable[[str], Call],
        size: int, threads: bool,
    ) -> None:  # fmt: skip
        self.upstream, self.reading, self.history = upstream, reading, history
        self.size, self.threads = size, threads
        self.inside, self.outside, self.shut = _sorted_out(channels)
        begun = reading.cursor or {}
        self.marks: dict[str, str] = dict(begun.get("marks", ()))
        self.here, self.done, self.newest = begun.get("channel"), begun.get("done", False), begun.get("newest")
        self.next = begun.get("next")

    def pages(self) -> Iterator[Page]:
        """Every page of every channel, and an empty one at the end with what is to be remembered."""
        for channel in sorted(self.inside):
            if self.here and (channel < self.here or (channel == self.here and self.done)):
                continue
            try:
                yield from self._channel(channel)
            except (NotAllowed, Missing) as error:
                if isinstance(error, NotAllowed) and error.code not in OUTSIDE:
                    raise
                self.outside[channel] = self.inside[channel]
        marks = {MARK + channel: ts for channel, ts in self.marks.items()}
        yield Page([], None, remember=marks, note=self._note(), unread=self._is_unread)

    def _channel(self, channel: str) -> Iterator[Page]:
        start = (self.next, self.newest) if channel == self.here else (None, None)
        self.newest = start[1] or self._mark(channel)
        try:
            yield from self._history(channel, start[0])
        except BadAnswer as error:
            if error.code != "invalid_cursor" or start[0] is None:
                raise
            yield from self._history(channel, None)  # the place we stopped at is no longer known there

    def _history(self, channel: str, cursor: str | None) -> Iterator[Page]:
        call, oldest = self.history(channel), at(self._mark(channel))
        for page in walk(self.upstream.send, call, NextCursor(self.size), items_at="messages", cursor=cursor):
            self.newest = newest_of(page.items, self.newest)
            items = [as_ours(channel, item) for item in page.items]
            for parent in [item for item in page.items if self.threads and _begins_thread(item, oldest)]:
                items += self._replies(channel, str(parent["ts"]))
            if page.cursor is None and self.newest:
                self.marks[channel] = self.newest
            place = {"channel": channel, "next": page.cursor, "done": page.cursor is None, "newest": self.newest}
            yield Page(items, {**place, "marks": dict(self.marks)}, waited_ms=page.waited_ms)

    def _replies(self, channel: str, ts: str) -> list[Any]:
        """What was answered, without the message it answers, which heads the list."""
        try:
            pages = list(
                walk(self.upstream.send, replies_call(channel, ts), NextCursor(self.size), items_at="messages")
            )
        except Missing:
            return []  # the thread went away meanwhile
        return [as_ours(channel, item) for page in pages for item in page.items if dig(item, "ts") != ts]

    def _mark(self, channel: str) -> str | None:
        return mark_of(self.reading, channel)

    def _is_unread(self, message: Mapping[str, Any]) -> bool:
        """Whether it may be there all the same: in a channel that was not read, or an answer where none were."""
        channel, begun_by = message.get("channel"), message.get("thread_ts")
        is_answer = begun_by is not None and begun_by != message.get("ts")
        return channel in self.outside or channel in self.shut or (is_answer and not self.threads)

    def _note(self) -> str:
        if not self.outside:
            return ""
        names = ", ".join(f"#{name}" for name in sorted(self.outside.values())[:NAMED])
        more = f" and {len(self.outside) - NAMED} more" if len(self.outside) > NAMED else ""
        many = "channel was" if len(self.outside) == 1 else "channels were"
        return (
            f"{len(self.outside)} {many} not read, as the app is not in there: {names}{more}. "
            "To have a channel read, invite the app to it in Slack."
        )


def mark_of(reading: Reading, channel: str | None) -> str | None:
    """The ts after which an increment reads a channel; None for all of it."""
    return None if reading.full else reading.state.get(f"{MARK}{channel}")


def replies_call(channel: str, ts: str) -> Call:
    """The call for a thread, by the message it began with."""
    method = "/conversations.replies"
    return Call("GET", method, {"channel": channel, "ts": ts}, template=method, resource="messages")


def _sorted_out(channels: Iterator[Page]) -> tuple[dict[str, str], dict[str, str], set[str]]:
    """Channels the app is in and the living others, id -> name, and the archived ones it is not in."""
    inside, outside, shut = dict[str, str](), dict[str, str](), set[str]()
    for page in channels:
        for channel in page.items:
            if not isinstance(channel, Mapping) or not channel.get("id"):
                continue
            number, name = str(channel["id"]), str(channel.get("name") or channel["id"])
            if channel.get("is_member"):
                inside[number] = name
            elif channel.get("is_archived"):
                shut.add(number)
            else:
                outside[number] = name
    return inside, outside, shut


def _begins_thread(item: Any, oldest: Any) -> bool:
    answered = dig(item, "reply_count") and dig(item, "thread_ts") == dig(item, "ts")
    return bool(answered) and at(dig(item, "latest_reply") or dig(item, "ts")) > oldest
