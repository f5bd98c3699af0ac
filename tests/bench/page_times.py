"""Pages at 1,000,000 transactions, against the bare keyset query rendered with the same template.

The bare contender runs the listing's plain SQL on the driver and renders the very template with the very context the
page used: no session, no rights, no filters read. Both in this process, alternating.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from statistics import quantiles

from flask import render_template, template_rendered

from .contenders import console

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
TRIES = 60


def pages(port: int, database: str) -> dict:
    app = console(port, database)
    app.config["RATELIMIT_ENABLED"] = False
    with app.app_context():
        middle = _fill()
    browser = _signed_in(app)
    sets = {
        "dashboard": ("/", None),
        "newest 50": ("/transactions", ""),
        "half way down": (_half_way(app, browser, middle), f"WHERE started_at < '{middle}'"),
        "status 429": ("/transactions?status=429", "WHERE status = 429"),
        "connection 2": ("/transactions?connection=2", "WHERE connection_id = 2"),
        "service ghl": ("/transactions?service=ghl", "WHERE service = 'ghl'"),
    }
    return {"pages": {name: _race(app, browser, path, where) for name, (path, where) in sets.items()}}


def _fill() -> str:
    """A million calls over thirty days, three connections with runs; the time in the middle."""
    from sqlalchemy import insert, text

    from integration_console import clock
    from integration_console.models import Connection, RunPart, SyncRun, Transaction, db

    now = clock.now()
    for number, service in enumerate(("clio", "ghl", "clockify"), start=1):
        db.session.add(Connection(
            id=number, key=f"bench-{number}", service=service, name=f"Bench {service}", account_id="7",
            account_name="Bench", scopes=[], status="connected", status_since=now, settings={}, frequency="hourly",
            time_zone="UTC", budget={}, created_at=now, next_due_at=now + timedelta(hours=1), last_sync_at=now,
        ))  # fmt: skip
    db.session.flush()
    for number in range(1, 3001):
        at = now - timedelta(minutes=14 * number)
        db.session.add(SyncRun(
            connection_id=number % 3 + 1, kind="incremental", state="done", cause="schedule", queued_at=at,
            started_at=at, ended_at=at + timedelta(seconds=9),
            parts=[RunPart(
                connection_id=number % 3 + 1, resource="contacts", live=False, state="done",
                seen=63, same=63, calls=2, complete=True,
            )],
        ))  # fmt: skip
    services = ("clio", "ghl", "clockify")
    for start in range(0, ROWS, 20_000):
        db.session.execute(insert(Transaction), [
            {
                "connection_id": n % 3 + 1, "run_id": n % 3000 + 1, "service": services[n % 3], "resource": "contacts",
                "direction": "out", "call_key": f"{n:032x}", "attempt": 1, "method": "GET", "host": "app.example.com",
                "path_template": "/contacts", "url": f"https://app.example.com/contacts?page={n}",
                "status": 429 if n % 500 == 0 else 200, "outcome": "slow down" if n % 500 == 0 else "ok",
                "started_at": now - timedelta(seconds=(ROWS - n) * 2.592), "duration_ms": 81.5, "waited_ms": 0.0,
                "request_bytes": 0, "response_bytes": 900, "body_cut": False,
            }
            for n in range(start, start + 20_000)
        ])  # fmt: skip
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    else:
        db.session.execute(text("ANALYZE"))
        db.session.commit()
    return (now - timedelta(days=15)).strftime("%Y-%m-%d %H:%M:%S.%f")


def _signed_in(app):
    from integration_console.operations import users

    from ..web.conftest import PASSWORD, Browser

    with app.app_context():
        users.add("bench@example.com", "admin", PASSWORD, actor="bench")
    browser = Browser(app)
    assert browser.sign_in("bench@example.com").status_code == 302
    return browser


def _half_way(app, browser, middle: str) -> str:
    """The address of the page just below the middle, as the pager would write it."""
    from datetime import UTC, datetime

    from integration_console.storage.transactions import Position, encode

    at = datetime.strptime(middle, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return f"/transactions?cursor={encode(Position(at, ROWS // 2), app.config['SECRET_KEY'])}"


def _race(app, browser, path: str, where: str | None) -> dict:
    caught = []
    with template_rendered.connected_to(
        lambda _app, template, context, **_: caught.append((template.name, context)), app
    ):
        answer = browser.client.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
    template, context = caught[-1]
    page_ms, bare_ms = [], []
    for _ in range(TRIES):
        began = time.perf_counter()
        browser.client.get(path)
        page_ms.append((time.perf_counter() - began) * 1000)
        with app.test_request_context(path):
            began = time.perf_counter()
            if where is not None:
                _bare(where)
            render_template(template, **context)
            bare_ms.append((time.perf_counter() - began) * 1000)
    return {"page_ms": quantiles(page_ms, n=20)[-1], "bare_ms": quantiles(bare_ms, n=20)[-1]}


def _bare(where: str) -> list:
    from integration_console.models import db

    raw = db.engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(
            "SELECT id, started_at, service, connection_id, run_id, resource, method, path_template, status, outcome, "
            f'duration_ms FROM "transaction" {where} ORDER BY started_at DESC, id DESC LIMIT 51'
        )
        return cursor.fetchall()
    finally:
        raw.close()
