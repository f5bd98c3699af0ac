"""The base of every stand-in: it finds the method a request is for.

Everything a test may do to an upstream is here too: look at its requests, script its next
answers, change its records, squeeze its limits, take its tokens away.
"""

import contextlib
import re
import socket
import threading
import time
import traceback
from collections import deque
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from .limits import Windows
from .listener import Listener
from .shelf import Shelf
from .wire import Answer, Request, Seen, on

REMEMBERED_REQUESTS = 20_000


class Upstream:
    key = ""
    usual_port = 0  # where people look for it when it serves by itself
    prefix = ""  # what comes before every API path, as "/api/v4"
    real_limits = (50, 60.0)  # calls, seconds: what the vendor documents
    remembered: tuple[str, ...] = ()  # attributes that outlive a restart, as the shelves do; each part says its own

    def __init__(self, firm, *, limits=None, port: int = 0, window: str = "fixed") -> None:
        self.firm = firm
        self.limits = limits or self.real_limits
        self.windows = Windows(window)
        self.requests: deque[Seen] = deque(maxlen=REMEMBERED_REQUESTS)
        self.shelves: dict[str, Any] = {}
        self.lock = threading.RLock()
        self._scripts: list[tuple[str, dict]] = []
        self._routes = self._collect_routes()
        self._server = Listener(("127.0.0.1", port), self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.api_url = self.url + self.prefix

    def way_in(self) -> dict[str, Any]:
        """How another process is let in by consent; nothing where there is none."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What else another process needs to connect: a key, an account's id, a webhook's secret."""
        return {}

    # For a test: what is there, what was asked, what comes next.

    def ledger(self) -> dict[str, int]:
        """How many records of each resource there are: the truth to compare a copy with."""
        with self.lock:
            return {name: len(shelf) for name, shelf in self.shelves.items()}

    def every_shelf(self) -> dict[str, Shelf]:
        """All there are, those of other accounts, too."""
        return self.shelves

    def record(self, resource: str, number) -> dict | None:
        with self.lock:
            return self.shelves[resource].get(self.number(resource, number))

    def get(self, resource: str, name) -> dict | None:
        """A whole record by its id, or None; a caller that may not hold the lock asks `record`."""
        raise NotImplementedError

    def existing(self, resource: str, name) -> dict:
        """A record that is known to be there."""
        if (record := self.get(resource, name)) is None:
            raise LookupError(f"{resource} {name} is gone")
        return record

    def put(self, resource: str, record: dict) -> dict:
        """Change the record with that id, or add a new one; answers it as it now is."""
        raise NotImplementedError

    def delete(self, resource: str, number) -> bool:
        with self.lock:
            return self.shelves[resource].delete(self.number(resource, number)) is not None

    def number(self, resource: str, name) -> int:
        """The number of a record from its id on the wire."""
        return int(name)

    def script(self, path: str, answer: dict) -> None:
        """Answer the next calls to `path` (without prefix; `*` stands for anything) as written.

        answer: status, body, headers, delay_s, times (1), after (calls let through first, 0),
        method, cut (hang up in the middle), raw (these bytes and nothing else),
        through (True: only delay_s and cut are scripted; what was asked for is done as usual).
        """
        with self.lock:
            self._scripts.append((path, {"times": 1, "after": 0, **answer}))

    def unasked(self) -> int:
        """How many scripted answers nobody has come for yet; one on its way, even a delayed one, has been asked for."""
        with self.lock:
            return sum(told["times"] for _, told in self._scripts)

    def unscript(self) -> None:
        with self.lock:
            self._scripts.clear()

    def revoke(self, token: str | None = None) -> None:
        """From now on this token, or every token given out so far, is refused."""
        raise NotImplementedError

    def stir(self) -> None:
        """Let a few records change by themselves, as they do while people work."""

    # How a request finds its answer.

    def gate(self, request: Request) -> Answer | None:
        """Refuse a request that may not come in, or set its holder and count it."""
        raise NotImplementedError

    def adorn(self, request: Request, answer: Answer) -> None:
        """Add what every answer of this upstream carries."""

    def unknown_path(self, request: Request) -> Answer:
        return Answer(404, {"error": "Not Found"})

    def wrong_method(self, request: Request, allowed: list[str]) -> Answer:
        return self.unknown_path(request)

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/__sandbox__/"):
            return self._control(request)
        told = self._scripted(request)
        if told and not told.get("through"):
            return _as_told(told)
        with self.lock:
            answer = self._find_or_confess(request)
            self.adorn(request, answer)
        return replace(answer, cut=True) if told and told.get("cut") else answer

    def _find_or_confess(self, request: Request) -> Answer:
        try:
            return self._find(request)
        except Exception as error:
            traceback.print_exc()
            return Answer(500, {"error": f"The sandbox itself failed: {type(error).__name__}: {error}"})

    def _find(self, request: Request) -> Answer:
        function, request.params, allowed = self._route(request)
        if getattr(function, "is_public", False):
            return function(request)
        if (refused := self.gate(request)) is not None:
            return refused
        if function is None:
            return self.wrong_method(request, allowed) if allowed else self.unknown_path(request)
        return function(request)

    def short_path(self, request: Request) -> str:
        """The path as the vendor's manual writes it; sign-in pages live beside the API, not under it."""
        if request.path.startswith(("/oauth/", f"{self.prefix}/")):
            return request.path.removeprefix(self.prefix)
        return f"//{request.path}"  # matches nothing

    def _route(self, request: Request):
        path, allowed = self.short_path(request), []
        for method, pattern, function in self._routes:
            if match := pattern.fullmatch(path):
                if method == request.method:
                    return function, match.groupdict(), []
                allowed.append(method)
        return None, {}, allowed

    def _collect_routes(self) -> list:
        found = []
        for name in dir(type(self)):
            for method, path in self.answered_by(getattr(type(self), name)):
                found.append((path.count("{"), method, _pattern(path), getattr(self, name)))
        return [route[1:] for route in sorted(found, key=lambda route: route[0])]  # plain paths first

    def answered_by(self, function) -> list[tuple[str, str]]:
        """The methods and paths a function answers."""
        told = getattr(function, "answers_to", [])
        return [(method, path if path.startswith("/") else getattr(self, path)) for method, path in told]

    def _scripted(self, request: Request) -> dict | None:
        """What was scripted for this call, after its delay."""
        with self.lock:
            told = next((told for path, told in self._scripts if self._is_for(path, told, request)), None)
            if told is None:
                return None
            if told["after"] > 0:
                told["after"] -= 1
                return None
            told["times"] -= 1
            self._scripts = [(path, told) for path, told in self._scripts if told["times"] > 0]
        time.sleep(told.get("delay_s", 0))
        return told

    def _is_for(self, path: str, told: dict, request: Request) -> bool:
        return fnmatchcase(self.short_path(request), path) and told.get("method", request.method) == request.method

    # The same for another process, over HTTP.

    def _control(self, request: Request) -> Answer:
        sent, name = request.json(), request.path.removeprefix("/__sandbox__/")
        asked = getattr(self, f"_control_{name}", None)
        if asked is None:
            return Answer(404, {"error": f"The sandbox has no {name}"})
        try:
            return Answer(200, asked(request, sent))
        except (KeyError, TypeError, ValueError) as error:
            return Answer(400, {"error": f"{type(error).__name__}: {error}"})

    def _control_ledger(self, request, sent):
        return self.ledger()

    def _control_requests(self, request, sent):
        return [vars(seen) for seen in list(self.requests)]

    def _control_record(self, request, sent):
        return self.record(request.one("resource"), request.one("id"))

    def _control_put(self, request, sent):
        return self.put(sent["resource"], sent["record"])

    def _control_delete(self, request, sent):
        return {"deleted": self.delete(sent["resource"], sent["id"])}

    def _control_script(self, request, sent):
        self.script(sent["path"], sent["answer"])
        return {"scripted": sent["path"]}

    def _control_revoke(self, request, sent):
        self.revoke(sent.get("token"))
        return {"revoked": True}

    def _control_limits(self, request, sent):
        if "limits" in sent:
            self.limits = tuple(sent["limits"])
        return {"limits": self.limits}

    # Life and death.

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        ending = threading.Thread(target=self._server.shutdown)
        ending.start()
        with contextlib.suppress(OSError):  # a knock: the server would look up from its wait 50 ms later
            socket.create_connection(("127.0.0.1", self._server.server_port), 1).close()
        ending.join()
        self._server.server_close()
        self._server.hang_up()


def _as_told(told: dict) -> Answer:
    raw = told.get("raw")
    return Answer(
        told.get("status", 200),
        told.get("body", b""),
        dict(told.get("headers", {})),
        cut=told.get("cut", False),
        raw=raw.encode() if isinstance(raw, str) else raw,
    )


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """What a path with {names} in it looks like: the same for every account of a stand-in."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")


def public(function):
    """Mark a route that needs no token: sign-in pages and the like."""
    function.is_public = True
    return function


__all__ = ["Answer", "Request", "Seen", "Upstream", "on", "public"]
