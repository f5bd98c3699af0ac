"""A fast stand-in for Clio on loopback: every page is made beforehand, so that what is measured is the reader.

    python -m tests.bench.fast_server --records 100000 --size 200 --latency-ms 0

Prints its port on one line when ready and serves until its standard input ends.

`/api/v4/matters?limit=200[&page_token=N][&updated_since=...]`: all records in pages; with `updated_since` the changed
ones (`/change?percent=1` decides which share that is). Anything else under /api/v4 is an empty list.
`/stats` tells how many calls came and how many were refused. `--limit 50/10 --window fixed|sliding` refuses like a
rate limit, with Clio's headers.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import deque
from urllib.parse import parse_qs, urlsplit

import orjson

CHANGED_AT = "2026-03-02T10:00:00Z"
FIRST_AT = "2026-03-01T10:00:00Z"
ME = b'{"data": {"id": 1, "name": "Ana", "email": "ana@example.com", "account": {"id": 7, "name": "Bench LLP"}}}'


def matter(number: int, changed: int = 0) -> dict:
    """One matter of about 25 fields, about 1 KB."""
    person = {"id": number % 5000, "etag": f'"{number:08x}"', "name": f"Client {number % 5000}"}
    return {
        "id": number,
        "etag": f'"{number:08x}{changed:04x}"',
        "number": number,
        "display_number": f"{number:05d}-Client",
        "custom_number": f"M-2026-{number:05d}",
        "description": f"Lease dispute number {number} about the premises in Long Street, revision {changed}",
        "status": ("Open", "Pending", "Closed")[number % 3],
        "location": "Hall of justice",
        "client_reference": f"REF-{number}",
        "open_date": "2025-05-04",
        "pending_date": None,
        "close_date": None,
        "billable": True,
        "billing_method": "hourly",
        "last_activity_date": "2026-02-20",
        "has_tasks": number % 2 == 0,
        "maildrop_address": f"matter-{number}@example.com",
        "client": {**person, "type": "Person", "first_name": "Ana", "last_name": f"Client {number % 5000}"},
        "practice_area": {"id": number % 12, "etag": '"1"', "name": "Litigation"},
        "matter_stage": {"id": number % 7, "etag": '"1"', "name": "Discovery"},
        "responsible_attorney": {"id": number % 9, "etag": '"1"', "name": "Ruth Lee"},
        "originating_attorney": {"id": number % 9, "etag": '"1"', "name": "Ruth Lee"},
        "group": {"id": 1, "etag": '"1"', "name": "Firm"},
        "custom_field_values": [
            {"id": f"text_line-{number}", "etag": '"2"', "field_name": "Court", "value": "District"}
        ],
        "created_at": FIRST_AT,
        "updated_at": CHANGED_AT if changed else FIRST_AT,
    }


class Pages:
    """The bodies, made beforehand."""

    def __init__(self, records: int, size: int) -> None:
        self.records, self.size, self.base, self.changed = records, size, "", 0
        self.all = [
            self._page(range(i + 1, min(i + size, records) + 1), i // size, records) for i in range(0, records, size)
        ]
        self.news: list[bytes] = [self._page((), 0, 0)]

    def change(self, share: float) -> int:
        """From now on this share of the records is changed; how many that is."""
        self.changed += 1
        count = round(self.records * share)
        step = max(1, self.records // count) if count else 1
        numbers = list(range(1, self.records + 1, step))[:count]
        size = self.size
        self.news = [
            self._page(numbers[i : i + size], i // size, count, self.changed, "&updated_since=x")
            for i in range(0, count, size)
        ] or [self._page((), 0, 0)]
        return count

    def _page(self, numbers, place: int, total: int, changed: int = 0, more: str = "") -> bytes:
        meta: dict = {"records": total, "paging": {}, "token": None}
        if (place + 1) * self.size < total:
            meta |= {"token": str(place + 1)}  # for readers that do not follow addresses
            meta["paging"]["next"] = f"/api/v4/matters?page_token={place + 1}{more}"
        return orjson.dumps({"data": [matter(n, changed) for n in numbers], "meta": meta})


class Limiter:
    """So many calls in so many seconds, counted as they arrive."""

    def __init__(self, calls: int, per_s: float, sliding: bool) -> None:
        self.calls, self.per_s, self.sliding = calls, per_s, sliding
        self.arrived: deque[float] = deque()
        self.window, self.used = 0.0, 0

    def take(self) -> tuple[bool, dict[str, int]]:
        now = time.time()
        if self.sliding:
            while self.arrived and self.arrived[0] <= now - self.per_s:
                self.arrived.popleft()
            allowed = len(self.arrived) < self.calls
            if allowed:
                self.arrived.append(now)
            left, reset = self.calls - len(self.arrived), (self.arrived[0] + self.per_s if self.arrived else now)
        else:
            if now >= self.window + self.per_s:
                self.window, self.used = now - now % self.per_s, 0
            allowed = self.used < self.calls
            self.used += allowed
            left, reset = self.calls - self.used, self.window + self.per_s
        return allowed, {
            "X-RateLimit-Limit": self.calls,
            "X-RateLimit-Remaining": left,
            "X-RateLimit-Reset": int(reset + 0.999),
        }


class Server:
    """Which answer a request gets."""

    def __init__(self, pages: Pages, latency_s: float, limiter: Limiter | None) -> None:
        self.pages, self.latency_s, self.limiter = pages, latency_s, limiter
        self.calls = self.refused = 0
        self.empty = orjson.dumps({"data": [], "meta": {"records": 0, "paging": {}}})

    def answer(self, target: str) -> bytes:
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path == "/stats":
            return self._http(200, orjson.dumps({"calls": self.calls, "refused": self.refused}))
        if url.path == "/change":
            return self._http(200, orjson.dumps({"changed": self.pages.change(float(query["percent"][0]) / 100)}))
        self.calls += 1
        headers: dict[str, int] = {}
        if self.limiter:
            allowed, headers = self.limiter.take()
            if not allowed:
                self.refused += 1
                return self._http(
                    429, b'{"error": {"type": "RateLimited", "message": "slow down"}}', headers | {"Retry-After": 1}
                )
        return self._http(200, self._body(url.path, query), headers)

    def _body(self, path: str, query: dict) -> bytes:
        if path.endswith("/who_am_i"):
            return ME
        if not path.removesuffix(".json").endswith("/matters"):
            return self.empty
        place = int(query.get("page_token", ["0"])[0])
        return (self.pages.news if "updated_since" in query else self.pages.all)[place]

    @staticmethod
    def _http(status: int, body: bytes, headers: dict | None = None) -> bytes:
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        return head.encode() + body


class Wire(asyncio.Protocol):
    """Keep-alive HTTP/1.1 without bodies in requests."""

    def __init__(self, server: Server) -> None:
        self.server, self.got = server, b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data
        while (end := self.got.find(b"\r\n\r\n")) >= 0:
            target = self.got[: self.got.index(b"\r\n")].split(b" ")[1].decode()
            self.got = self.got[end + 4 :]
            answer = self.server.answer(target)
            asyncio.get_running_loop().call_later(self.server.latency_s, self.transport.write, answer) if (
                self.server.latency_s and target.startswith("/api")
            ) else self.transport.write(answer)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--size", type=int, default=200)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--limit", default="")
    parser.add_argument("--window", choices=("fixed", "sliding"), default="fixed")
    told = parser.parse_args()
    calls, _, per_s = told.limit.partition("/")
    limiter = Limiter(int(calls), float(per_s), told.window == "sliding") if told.limit else None
    server = Server(Pages(told.records, told.size), told.latency_ms / 1000, limiter)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: Wire(server), "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
