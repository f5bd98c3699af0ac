"""10 000 genuine deliveries within 60 seconds at `flask serve`, and every one of them read again afterwards.

Twenty connections, for one gets no more than 600 a minute (X11). The sender keeps its pace whatever the answers; what
it measures is what a sender sees. Everything is a process of its own, as on a person's machine.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

HERE = Path(__file__).resolve().parents[2]
DELIVERIES = int(os.environ.get("BENCH_DELIVERIES", "10000"))
WITHIN_S, CONNECTIONS, SENDERS, RECORDS = 59.0, 20, 16, 1_000  # the last answer is to be there within the minute
SECRET = "bench-signing-secret"


def knock(database: str) -> dict:
    """Send, wait until all is dealt with, and count."""
    with _sandbox() as told:
        _settings(database, told)
        keys = _connections(told)
        with _serve() as port:
            began = time.monotonic()
            answers = _send(port, keys)
            sent_s = time.monotonic() - began
            states = _settled()
        return _figures(answers, sent_s, time.monotonic() - began, states)


@contextmanager
def _sandbox():
    command = [sys.executable, "-m", "integration_console.sandbox", "--limits", "clio=10000000/60", "--with-parent"]
    process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def _settings(database: str, told: dict) -> None:
    os.environ.update(
        DATABASE_URL=database, APP_ENV="test", ALLOW_INSECURE_UPSTREAMS="1", CLIO_LIMITS="10000000/60",
        **{f"CLIO_{name}".upper(): told["clio"][name] for name in
           ("api_url", "auth_url", "token_url", "client_id", "client_secret")},
    )  # fmt: skip


def _app():
    from integration_console import create_app

    return create_app()


def _connections(told: dict) -> list[str]:
    """Connected, with a hook whose secret we know; their keys."""
    from integration_console import clock
    from integration_console.models import WebhookSubscription, db
    from integration_console.operations.accounts import connections
    from integration_console.operations.accounts.hook_secrets import set_secret

    app, keys = _app(), []
    with app.app_context():
        for number in range(CONNECTIONS):
            added = connections.add(
                "clio", name=f"Clio {number}", credentials=told["clio"]["token"], by="bench", frequency="manual"
            )
            row = WebhookSubscription(
                connection_id=added.id, topic="contact", external_id="1", url="", state="active",
                asked_at=clock.now(), looked_at=clock.now(),
            )  # fmt: skip
            db.session.add(row)
            db.session.flush()
            set_secret(row, SECRET)
            db.session.commit()
            keys.append(added.key)
        db.session.remove()
        db.engine.dispose()
    return keys


@contextmanager
def _serve():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flask", "--app", "wsgi.py", "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    try:
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.2)
        time.sleep(3)  # the worker
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _send(port: int, keys: list[str]) -> list[tuple[int, float]]:
    """Status and milliseconds of each, at an even pace."""
    from integration_console.sandbox.hooks import signed_as_clio

    sign, answers = signed_as_clio(SECRET), []
    began = time.monotonic()

    def one_sender(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, DELIVERIES, SENDERS):
            said = {"data": {"id": number % RECORDS + 1, "etag": str(number)},
                    "meta": {"event": "updated", "webhook_id": 1}}  # fmt: skip
            body = json.dumps(said).encode()
            time.sleep(max(0.0, began + number * WITHIN_S / DELIVERIES - time.monotonic()))
            at = time.monotonic()
            path = f"/webhooks/clio/{keys[number % CONNECTIONS]}"
            while (status := _posted(connection, path, body, sign(body))) is None:
                connection.close()  # it was open too long without a word; the time goes on
            answers.append((status, (time.monotonic() - at) * 1000))

    threads = [threading.Thread(target=one_sender, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _posted(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict) -> int | None:
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
    except (http.client.RemoteDisconnected, ConnectionError):
        return None
    return answer.status


def _settled() -> dict:
    """How many deliveries are in which state, once nothing waits any more or ten minutes have passed."""
    from sqlalchemy import func, select

    from integration_console.models import Delivery, Record, SyncRun, db, reading

    with _app().app_context():
        ends, states = time.monotonic() + 600, {}
        while time.monotonic() < ends:
            with reading():
                states = {r[0]: r[1] for r in db.session.execute(
                    select(Delivery.state, func.count()).group_by(Delivery.state))}  # fmt: skip
                db.session.remove()
            if set(states) <= {"done", "ignored", "dead"}:
                break
            time.sleep(1)
        with reading():
            keys = db.session.scalar(select(func.count(func.distinct(Delivery.event_key))))
            records = db.session.scalar(select(func.count()).select_from(Record))
            runs = db.session.scalar(select(func.count()).select_from(SyncRun).where(SyncRun.kind == "webhook"))
            db.session.remove()
        db.engine.dispose()
    return {"states": states, "keys": keys, "records": records, "runs": runs}


def _figures(answers: list[tuple[int, float]], sent_s: float, all_s: float, settled: dict) -> dict:
    took = sorted(ms for _, ms in answers)
    statuses: dict[int, int] = {}
    for status, _ in answers:
        statuses[status] = statuses.get(status, 0) + 1
    return {
        "sent": len(answers), "sent_s": round(sent_s, 1), "statuses": statuses, "median_ms": round(median(took), 1),
        "p99_ms": round(quantiles(took, n=100)[98], 1), "longest_ms": round(took[-1], 1),
        "all_read_s": round(all_s, 1), **settled,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(knock(sys.argv[1])))
