"""The console on a real socket of this machine, so that the sandbox can knock."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import has_app_context
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from integration_console import clock as house_clock
from integration_console.models import Delivery, SyncRun, WebhookSubscription, db
from integration_console.operations import holds
from integration_console.operations.accounts import connections
from integration_console.operations.accounts.hook_secrets import set_secret
from integration_console.operations.deliveries import deliveries, tending
from integration_console.operations.runs import runs
from integration_console.sandbox import hooks

from ..forgery import SECRET


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args) -> None:
        """Say nothing."""


@contextmanager
def listening(app):
    """Serve the app; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{port}"
    app.config["SETTINGS"].BASE_URL = url
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict
    body: bytes


def post(url: str, body: bytes, headers: dict | None = None) -> Answered:
    """One delivery over the wire, with a header value of any bytes."""
    if has_app_context():
        db.session.commit()  # what the test looked at holds SQLite's writer lock, which the console may need
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    connection.putrequest("POST", parts.path)
    connection.putheader("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        connection.putheader(name, value.encode("utf-8"))
    connection.endheaders(body)
    answer = connection.getresponse()
    found = Answered(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    connection.close()
    return found


def address(connection_id: int) -> str:
    """The path of a connection's door."""
    connection = connections.find(connection_id)
    path = f"/webhooks/{connection.service}/{connection.key}"
    db.session.commit()
    return path


def hooked(connection_id: int) -> None:
    """Register a connection's webhooks as the worker does."""
    from integration_console.operations.accounts import subscriptions

    subscriptions.register(connections.find(connection_id), by="test")
    db.session.remove()
    tending.tend()
    db.session.remove()


def work() -> list[SyncRun]:
    """Dispatch and carry out until nothing is due, as a worker does; the runs that was."""
    done = []
    while True:
        deliveries.dispatch()
        db.session.remove()
        taken = holds.claim(db.engine, owner="test:1", lease_s=30, most=10)
        if not taken:
            return [db.session.get_one(SyncRun, number) for number in done]
        for hold in taken:
            runs.execute(hold, foreground=True)
            done.append(hold.run_id)
        db.session.remove()


def webhook_runs() -> list[SyncRun]:
    return list(db.session.scalars(select(SyncRun).where(SyncRun.kind == "webhook")))


def until(true, within_s: float = 10):
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        db.session.rollback()
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def kept(**facts) -> list[Delivery]:
    db.session.rollback()
    return list(db.session.scalars(select(Delivery).filter_by(**facts).order_by(Delivery.id)))


def with_secret(connection_id: int, secret: str = SECRET, topic: str = "matter") -> WebhookSubscription:
    """A hook whose secret the test knows."""
    row = WebhookSubscription(
        connection_id=connection_id, topic=topic, external_id="7", url="x", state="active",
        asked_at=house_clock.now(), looked_at=house_clock.now(),
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    set_secret(row, secret)
    db.session.commit()
    return row


def said_by_clio(record: int, etag: str = "a", event: str = "updated") -> bytes:
    said = {"data": {"id": record, "etag": etag}, "meta": {"event": event, "webhook_id": 7}}
    return json.dumps(said).encode()


def signed(body: bytes, secret: str = SECRET) -> dict:
    return hooks.signed_as_clio(secret)(body)
