"""The app behind a real server on loopback, and programs that call it with nothing but HTTP."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import urllib3
from werkzeug.serving import make_server

from integration_console.models import db
from integration_console.operations.people import tokens, users

http = urllib3.PoolManager(retries=False)


@dataclass
class Answered:
    """One answer."""

    status: int
    headers: dict
    text: str

    @property
    def json(self) -> dict:
        return json.loads(self.text)


class Program:
    """Somebody's program, with a token."""

    def __init__(self, base: str, header: dict[str, str]) -> None:
        self.base, self.header = base, header

    def __call__(self, method: str, path: str, body=None, **headers) -> Answered:
        given = {**self.header, **{name.replace("_", "-"): value for name, value in headers.items()}}
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if raw is not None:
            given.setdefault("Content-Type", "application/json")
        answer = http.request(method, self.base + path, body=raw, headers=given, redirect=False)
        return Answered(answer.status, answer.headers, answer.data.decode())


@contextmanager
def served(app):
    """The app at an address of loopback; yields the address."""
    app.config["TESTING"] = False
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def token_of(app, role: str, scope: str = "write", email: str = "") -> str:
    """A token of somebody of that role, who is added when not there."""
    email = email or f"{role}@example.com"
    with app.app_context():
        if email not in {user.email for user in users.every()}:
            users.add(email, role, "violet-harbor-lantern-49", actor="test")
        _, text = tokens.issue(users.by_email(email), [scope], name="Test", actor="test")
        db.session.remove()
    return text


def consent(address: str, decision: str = "approve") -> dict[str, str]:
    """What the service's own page sends the browser back with."""
    parts = urlsplit(address)
    form = urlencode([*parse_qsl(parts.query), ("decision", decision)])
    answer = http.request(
        "POST", f"{parts.scheme}://{parts.netloc}{parts.path}", body=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"}, redirect=False,
    )  # fmt: skip
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: back[name][0] for name in ("state", "code", "error") if name in back}


@dataclass
class Listener:
    """Somebody's address for webhooks: keeps what comes and answers as told."""

    url: str = ""
    status: int = 204
    answer: bytes = b""
    heard: list[tuple[dict, bytes]] = field(default_factory=list)


@contextmanager
def listening():
    """A receiver on loopback."""
    told = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.answer)))
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, *_args) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
