"""Who may come in at Xero, and how fast: tokens that open an organisation; so many calls a minute, a day, at once."""

import threading
from uuid import uuid4

from ..limits import Room, Windows
from ..server import Answer, Request
from .sign_in import XeroSignIn

DAY_S = 86_400.0
AT_ONCE = 5
APP_MINUTE = 10_000


class XeroDoor(XeroSignIn):
    def open_door(self) -> None:
        self.daily_limit = 5_000
        self._days = Windows("sliding")
        self._under_way: dict[str, int] = {}
        self._counting = threading.Lock()
        self.open_sign_in()

    def short_path(self, request: Request) -> str:
        """The API lies under its prefix; identity, tokens and connections lie beside it."""
        if request.path.startswith(f"{self.prefix}/"):
            return request.path.removeprefix(self.prefix)
        beside = ("/connections", "/Connections", "/connect/", "/identity/")
        return request.path if request.path.startswith(beside) else f"//{request.path}"

    def answer(self, request: Request) -> Answer:
        """No more than five calls of one organisation at the same time."""
        tenant = request.headers.get("xero-tenant-id") if request.path.startswith(self.prefix) else None
        if tenant is None:
            return super().answer(request)
        with self._counting:
            self._under_way[tenant] = self._under_way.get(tenant, 0) + 1
            too_many = self._under_way[tenant] > AT_ONCE
        try:
            return _too_fast("concurrent", 1) if too_many else super().answer(request)
        finally:
            with self._counting:
                self._under_way[tenant] -= 1

    def gate(self, request: Request) -> Answer | None:
        scheme, _, token = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not self.is_alive(token):
            return _unauthorized(401, "Unauthorized", "TokenExpired" if token else "AuthenticationUnsuccessful")
        request.holder = token
        path = self.short_path(request)
        if path.lower().startswith("/connections"):
            return None
        tenant = request.headers.get("xero-tenant-id")
        if tenant not in [book.tenant_id for book in self.tenants_of(token)]:
            return _unauthorized(403, "Forbidden", "AuthenticationUnsuccessful")
        if not self.may(token, path.split("/")[1], request.method):
            return _unauthorized(401, "Unauthorized", "AuthorizationUnsuccessful", scope=True)
        return self._count(request, str(tenant))

    def _count(self, request: Request, tenant: str) -> Answer | None:
        limit, per_s = self.limits
        request.day = self._days.take(tenant, self.daily_limit, DAY_S)
        if request.day.refused:
            return _too_fast("day", request.day.wait_s)
        request.room = self.windows.take(tenant, int(limit), float(per_s))
        if request.room.refused:
            return _too_fast("minute", request.room.wait_s)
        return _xml(request)

    def adorn(self, request: Request, answer: Answer) -> None:
        told: dict[str, Room | None] = {"X-MinLimit-Remaining": request.room, "X-DayLimit-Remaining": request.day}
        for name, room in told.items():
            if room is not None:
                answer.headers[name] = room.remaining
        if request.day is not None:
            answer.headers["X-AppMinLimit-Remaining"] = APP_MINUTE - 1
            answer.headers["Xero-Correlation-Id"] = str(uuid4())

    def _control_daily_limit(self, request, sent):
        self.daily_limit = int(sent["calls"])
        return {"calls": self.daily_limit}


def _too_fast(problem: str, wait_s: int) -> Answer:
    return Answer(429, "", {"X-Rate-Limit-Problem": problem, "Retry-After": wait_s})


def _unauthorized(status: int, title: str, detail: str, *, scope: bool = False) -> Answer:
    said: dict = {"Type": None, "Title": title, "Status": status, "Detail": detail, "Instance": str(uuid4()),
            "Extensions": {}}  # fmt: skip
    return Answer(status, said, {"WWW-Authenticate": "insufficient_scope"} if scope else {})


def _xml(request: Request) -> Answer | None:
    """Without the word JSON in Accept, Xero speaks XML."""
    if "json" in (request.headers.get("Accept") or ""):
        return None
    return Answer(200, "<Response><Status>OK</Status></Response>", {"Content-Type": "text/xml; charset=utf-8"})
