"""Slack's messages: a channel's history, threads, and what is posted."""

from decimal import Decimal, InvalidOperation

from ..server import Answer, Request, Upstream, on
from .pages import MOST, mark_of, paged, read_mark, sent_with
from .records import BOT_ID, id_of
from .sign_in import no

MOST_RESTRICTED = 15
LONGEST_TEXT = 40_000
MOST_BLOCKS, LONGEST_SECTION = 50, 3_000


class SlackMessages(Upstream):
    is_distributed: bool
    scopes: dict[str, set[str]]

    def say(self, message: dict) -> dict:
        """Keep a new message; answers it as it is kept."""
        raise NotImplementedError

    @on("GET", "/conversations.history")
    @on("POST", "/conversations.history")
    def history(self, request: Request) -> Answer:
        sent = sent_with(request)
        if refused := self._closed(sent):
            return refused
        try:
            begins, ends = self._window(sent)
        except (InvalidOperation, ValueError):
            return no("invalid_ts_oldest")
        shelf, size, found = self.shelves["messages"], self._size(sent), []
        for number in reversed(self._numbers(sent["channel"])):
            one = shelf.get(number)
            if begins(one["ts"]) and ends(one["ts"]) and one.get("thread_ts", one["ts"]) == one["ts"]:
                found.append(one)
                if len(found) > size:
                    break
        more = len(found) > size
        told = {"ok": True, "messages": [self._shown(one) for one in found[:size]], "has_more": more, "pin_count": 0}
        told |= {"channel_actions_ts": None, "channel_actions_count": 0}
        if more:
            told["response_metadata"] = {"next_cursor": mark_of(f"next_ts:{found[size - 1]['ts']}")}
        return Answer(200, told)

    @on("GET", "/conversations.replies")
    @on("POST", "/conversations.replies")
    def replies(self, request: Request) -> Answer:
        """A thread from its beginning, oldest first; of a message that is in none, or is an answer, only itself."""
        sent = sent_with(request)
        if refused := self._closed(sent):
            return refused
        ts, numbers = sent.get("ts"), self._numbers(sent["channel"])
        found = [one for one in map(self.shelves["messages"].get, numbers) if ts in (one["ts"], one.get("thread_ts"))]
        if not found:
            return no("thread_not_found")
        found.sort(key=lambda one: Decimal(one["ts"]))
        page, told = paged([self._shown(one) for one in found], {**sent, "limit": self._size(sent)}, "reply")
        if page is None:
            return told
        return Answer(
            200, {"ok": True, "messages": page, "has_more": bool(told["response_metadata"]["next_cursor"]), **told}
        )

    @on("POST", "/chat.postMessage")
    def post_message(self, request: Request) -> Answer:
        sent = sent_with(request)
        channel = self.get("channels", sent.get("channel", ""))
        blocks = sent.get("blocks") or []
        if channel is None:
            return no("channel_not_found")
        if channel["is_archived"]:
            return no("is_archived")
        if not channel["is_member"] and "chat:write.public" not in self.scopes[str(request.holder)]:
            return no("not_in_channel")
        if not sent.get("text") and not blocks:
            return no("no_text")
        if len(sent.get("text") or "") > LONGEST_TEXT:
            return no("msg_too_long")
        if len(blocks) > MOST_BLOCKS or any(len(_words(one)) > LONGEST_SECTION for one in blocks):
            return no("invalid_blocks")
        said = {"channel": channel["id"], "text": sent.get("text") or "", "bot_id": BOT_ID, "user": id_of("users", 1)}
        said |= {"blocks": blocks} if blocks else {}
        said |= {"thread_ts": sent["thread_ts"]} if sent.get("thread_ts") else {}
        kept = self.say(said)
        return Answer(200, {"ok": True, "channel": channel["id"], "ts": kept["ts"], "message": self._shown(kept)})

    def _closed(self, sent: dict) -> Answer | None:
        channel = self.get("channels", sent.get("channel", ""))
        if channel is None:
            return no("channel_not_found")
        return None if channel["is_member"] else no("not_in_channel")

    def _window(self, sent: dict):
        """Two questions about a ts: is it late enough, is it early enough."""
        oldest, latest = sent.get("oldest"), sent.get("latest")
        cursor = read_mark(sent.get("cursor"))
        inclusive = str(sent.get("inclusive")).lower() in ("1", "true")
        low, high = Decimal(str(oldest or 0)), Decimal(str(latest)) if latest else None
        before = Decimal(cursor.removeprefix("next_ts:")) if cursor else None

        def begins(ts: str) -> bool:
            return Decimal(ts) >= low if inclusive else Decimal(ts) > low

        def ends(ts: str) -> bool:
            early = high is None or (Decimal(ts) <= high if inclusive else Decimal(ts) < high)
            return early and (before is None or Decimal(ts) < before)

        return begins, ends

    def _size(self, sent: dict) -> int:
        asked = int(sent.get("limit") or 100)
        return max(1, min(asked, MOST_RESTRICTED if self.is_distributed else MOST))

    def _shown(self, message: dict) -> dict:
        """As it goes out: without its channel, and with what was answered where it began a thread."""
        shown = {name: value for name, value in message.items() if name != "channel"}
        answers = [one for one in self._answers(message["channel"], message["ts"]) if one["ts"] != message["ts"]]
        if not answers:
            return shown
        told = {"reply_count": len(answers), "latest_reply": max((one["ts"] for one in answers), key=Decimal)}
        return {**shown, "thread_ts": message["ts"], **told}

    def _answers(self, channel: str, ts: str) -> list[dict]:
        shelf = self.shelves["messages"]
        threads = shelf.grouped(
            "thread", lambda number: (shelf.get(number)["channel"], shelf.get(number).get("thread_ts"))
        )
        return [shelf.get(number) for number in threads.get((channel, ts), ())]

    def _numbers(self, channel: str) -> list[int]:
        shelf = self.shelves["messages"]
        return shelf.grouped("channel", lambda number: shelf.get(number)["channel"]).get(channel, [])


def _words(block: dict) -> str:
    return (block.get("text") or {}).get("text") or ""
