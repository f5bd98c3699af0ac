"""Sends what fuzzing.py names, and judges the answers. The house is put back as it was when something was saved."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from sqlalchemy import Table, event

from integration_console.models import db

from .fuzz_values import BODIES, HUGE, MARK, SHAPES, SUM, VALUES
from .fuzzing import Door, Knock

SLOWEST_S = 5.0  # of one request
_WRITES = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?')
_SEEN = ("last_seen_at", "last_used_at")  # of a person and a session: also a refused request is use
# What a refusal may leave behind: that it was refused, that it was tried, the calls made for it and what they told of
# the account, the write that the service refused, and a consent that is spent.
TRACES = {
    "audit_event", "throttle", "transaction", "lease", "connection", "change", "error_log", "oauth_state",
    "pending_connection",
}  # fmt: skip
_HTML = ("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml")


@dataclass
class Fuzzer:
    """A signed-in administrator with bad intentions."""

    app: object
    client: object
    token: str
    findings: list[str] = field(default_factory=list)
    sent: int = 0
    _saved: set[str] = field(default_factory=set)  # tables committed to since the last request

    def __post_init__(self) -> None:
        with self.app.app_context():
            self._listen(db.engine)
            self._as_it_was = {table: _rows(table) for table in db.metadata.sorted_tables}
            db.session.rollback()
        self._cookies = list(self.client._cookies.values())

    def _listen(self, engine) -> None:
        def executed(connection, _cursor, statement, *_more) -> None:
            if (match := _WRITES.match(statement.lstrip())) and not any(name in statement for name in _SEEN):
                connection.info.setdefault("written", set()).add(match[1])

        event.listen(engine, "before_cursor_execute", executed)
        event.listen(engine, "commit", lambda connection: self._saved.update(connection.info.pop("written", ())))
        event.listen(engine, "rollback", lambda connection: connection.info.pop("written", None))

    # -- sending ----------------------------------------------------------------------------------------------------

    def send(self, knocks: Iterable[Knock]) -> list[str]:
        """Send them all; what is wrong with the answers."""
        for knock in knocks:
            self._saved.clear()
            began = time.monotonic()
            path, options = _request(knock, self.token)
            try:
                answer = self.client.open(path, method=knock.door.method, **options)
            except Exception as error:  # while the answer was on its way: too late for an error page
                self.findings.append(f"{knock}: broke off with {error!r}")
                continue
            took = time.monotonic() - began
            self.sent += 1
            saved = self._saved - TRACES
            self.findings += [f"{knock}: {problem}" for problem in _problems(knock, answer, took, saved)]
            if answer.status_code in (302, 303) and answer.headers["Location"].startswith("/"):
                led_to = self.client.get(answer.headers["Location"])
                self.findings += [f"{knock}, then: {problem}" for problem in shown(led_to)]
            if self._saved or "Set-Cookie" in answer.headers:
                self.put_back()
        return self.findings

    def put_back(self) -> None:
        """Make the house as it was."""
        for cookie in self._cookies:
            self.client.set_cookie(cookie.key, cookie.value, domain=cookie.domain)
        if not self._saved:
            return
        with self.app.app_context():
            touched = _with_what_hangs_on_them(self._saved)
            for table in reversed(touched):
                db.session.execute(table.delete())
            for table in touched:
                if rows := self._as_it_was[table]:
                    db.session.execute(table.insert(), rows)
            db.session.commit()


def _with_what_hangs_on_them(names: set[str]) -> list[Table]:
    """These tables and all whose rows refer to theirs, which go or forget with them, in the order they are filled."""
    touched: list[Table] = []
    for table in db.metadata.sorted_tables:
        if table.name in names or any(key.column.table in touched for key in table.foreign_keys):
            touched.append(table)
    return touched


def _rows(table) -> list[dict]:
    return [dict(row) for row in db.session.execute(table.select()).mappings()]


def _request(knock: Knock, token: str) -> tuple[str, dict]:
    door = knock.door
    pairs: list[tuple] = [(name, value) for name, values in door.fields.items() for value in values]
    path, kind, body = door.path, "application/x-www-form-urlencoded", None
    if knock.name.startswith("<"):
        path = _with_part(door, knock.name, VALUES[knock.kind])
    elif knock.name.startswith("?"):
        path += "?" + _encoded([(knock.name[1:], VALUES[knock.kind])])
    elif knock.name:
        pairs = [pair for pair in pairs if pair[0] != knock.name] + _instead(knock)
    else:
        kind, body = BODIES[knock.kind]
    if door.method == "GET":
        query = _encoded(pairs) if body is None else body[:4000].decode("latin-1").encode("unicode_escape").decode()
        return f"{path}?{query.replace('#', '%23')}", {}
    headers = {"X-CSRFToken": token}
    return path, {"data": _encoded(pairs).encode() if body is None else body, "content_type": kind, "headers": headers}


def _instead(knock: Knock) -> list[tuple]:
    if shape := SHAPES.get(knock.kind):
        return shape(knock.name, (knock.door.fields[knock.name] or ["x"])[0])
    return [(knock.name, VALUES[knock.kind])]


def _encoded(pairs: list[tuple]) -> str:
    return "&".join(f"{quote_plus(str(name))}={quote_plus(value)}" for name, value in pairs)


def _with_part(door: Door, part: str, value: str | bytes) -> str:
    """The door's address with one part replaced."""
    places, here = door.rule.split("/"), door.path.split("/")
    at = next(number for number, place in enumerate(places) if part in place)
    value = value[:3000] if value == HUGE else value
    here[at] = places[at].replace(part, quote(value, safe=""))
    return "/".join(here)


# -- judging ----------------------------------------------------------------------------------------------------------


def _problems(knock: Knock, answer, took_s: float, saved: set[str]) -> list[str]:
    found = shown(answer)
    if took_s > SLOWEST_S:
        found.append(f"it took {took_s:.1f} s")
    if answer.status_code >= 400 and saved:
        found.append(f"refused with {answer.status_code}, but saved something in {', '.join(sorted(saved))}")
    return found


def shown(answer) -> list[str]:
    """What is wrong with an answer, whatever was asked."""
    found, text = [], answer.data.decode("utf-8", "replace")
    if answer.status_code >= 500 and answer.request.path != "/readyz":  # no worker runs here
        found.append(f"answered {answer.status}")
    if answer.mimetype in _HTML and MARK in text:
        found.append("says HTML back as it came")
    if SUM[1] in text:
        found.append("works templates out")
    if "Traceback (most" in text:
        found.append("shows a trace")
    return found
