"""Pages at 1,000,000 calls and 500,000 records, against the bare query rendered with the same template.

The bare contender runs the page's plain SQL on the driver and renders the very template with the very context the
page used: no session, no rights, no filters read. Both in this process, warm, alternating.
"""

from __future__ import annotations

import os
import time
from statistics import median, quantiles

from flask import g, render_template, template_rendered
from sqlalchemy import event, text

from .contenders import console
from .page_list import Place, places

TRIES = int(os.environ.get("BENCH_TRIES", "100"))
LONGEST_S = float(
    os.environ.get("BENCH_LONGEST_S", "20")
)  # on one page that is far off its aim; its figures come of fewer tries
FEWEST = 5
EXPORTS = ("/transactions", "/records/1/contacts", "/errors/log", "/settings/audit", "/runs", "/matters")


def fill(port: int, database: str) -> dict:
    """The large firm into a migrated database."""
    from integration_console import clock
    from integration_console.models import db

    from . import million

    app, began = console(port, database), time.perf_counter()
    with app.app_context():
        million.fill(db.engine, clock.now())
    return {"seconds": time.perf_counter() - began}


def pages(port: int, database: str) -> dict:
    from integration_console.minder import settle_memory
    from integration_console.operations.finding import exports

    exports.AN_HOUR = 10**9
    app = console(port, database)
    app.config["RATELIMIT_ENABLED"] = False
    browser = _signed_in(app)
    settle_memory()  # as wsgi.py does
    wanted = os.environ.get("BENCH_PAGES", "").split(",")  # parts of names; all when empty
    with app.app_context():
        every = places(facts_of(app))
    found = {one.name: _race(app, browser, one) for one in every if any(part in one.name for part in wanted)}
    for path in EXPORTS:
        if any(part in f"export {path}" for part in wanted):
            found[f"export {path}: first bytes"] = _first_bytes(browser, path)
    return {"pages": found}


def _signed_in(app):
    from integration_console.errors import ConsoleError
    from integration_console.operations.people import users

    from ..web.conftest import PASSWORD, Browser

    with app.app_context():
        try:
            users.add("bench@example.com", "admin", PASSWORD, actor="bench")
        except ConsoleError:  # kept from the last time
            from integration_console.models import db

            db.session.rollback()
    browser = Browser(app)
    assert browser.sign_in("bench@example.com").status_code == 302
    return browser


def facts_of(app) -> dict:
    """Rows from the middle of everything, and the place half way down as the pager writes it."""
    from integration_console.models import db
    from integration_console.storage.transactions import Position, encode

    def one(query: str):
        return db.session.execute(text(query)).first()

    call = one('SELECT max(id) / 2 FROM "transaction"')[0]
    key, theirs, run = one(f'SELECT call_key, upstream_request_id, run_id FROM "transaction" WHERE id = {call + 1}')
    newest = one('SELECT upstream_request_id FROM "transaction" ORDER BY id DESC LIMIT 1')[0]
    last, day = one('SELECT id, started_at FROM "transaction" ORDER BY started_at DESC, id DESC LIMIT 1')
    top = Position(db.session.get_one(_transaction(), last).started_at, last, True)
    of = "SELECT (min(id) + max(id)) / 2 FROM record WHERE connection_id = {} AND resource = '{}'"
    contact, entry, lead = (
        one(of.format(*which))[0] for which in ((1, "contacts"), (3, "time_entries"), (2, "contacts"))
    )
    links = "SELECT id FROM record_link WHERE mapping_id = 1 AND state = '{}' ORDER BY id LIMIT 1"
    at = db.session.get_one(_transaction(), call).started_at
    return {
        "call": call, "key": key, "theirs": newest, "old": theirs, "run": run or 1, "contact": contact,
        "entry": entry, "external": one(f"SELECT external_id FROM record WHERE id = {lead}")[0],
        "matter": one(of.format(1, "matters"))[0], "pair": one(links.format("linked"))[0],
        "waiting": one(links.format("ambiguous"))[0], "cursor": encode(Position(at, call), app.config["SECRET_KEY"]),
        "sqlite": db.engine.dialect.name == "sqlite",
        "middle": at.strftime("%Y-%m-%d %H:%M:%S.%f"), "day": str(day)[:10],
        "top": encode(top, app.config["SECRET_KEY"]), "last_run": one("SELECT max(id) FROM sync_run")[0],
        "stamp": _stamp(run or 1),
    }  # fmt: skip


def _stamp(run: int) -> str:
    from integration_console.operations.runs import run_history, runs

    return run_history.stamp(runs.find(run))


def _transaction():
    from integration_console.models import Transaction

    return Transaction


def _race(app, browser, place: Place) -> dict:
    caught, asked = [], []
    with app.app_context():
        engine = _engine()

    def hear(_connection, _cursor, statement, *_more) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    with template_rendered.connected_to(
        lambda _app, template, context, **_: caught.append((template.name, context)), app
    ):
        answer = ask(browser, place.path)
    event.remove(engine, "before_cursor_execute", hear)
    if answer.status_code not in (200, 204):
        return {"status": answer.status_code}
    page_ms, bare_ms = _alternating(app, browser, place, caught[-1] if caught else None)
    figures = {"p50_ms": median(page_ms), "p95_ms": _p95(page_ms), "statements": len(asked), "tries": len(page_ms)}
    if counts := [one for one in asked if "count(" in one.lower()]:
        figures["counts"] = len(counts)
        if os.environ.get("BENCH_COUNTS"):
            figures["counted"] = counts
    if bare_ms:
        figures |= {"bare_p95_ms": _p95(bare_ms), "ratio": _p95(page_ms) / _p95(bare_ms)}
    return figures | ({"missed": missed} if (missed := _missed(app, place, figures)) else {})


def ask(browser, path: str):
    """The answer, of a live part as its page asks for it."""
    return browser.client.get(path, headers={"HX-Request": "true"} if "seen=" in path else {})


def _missed(app, place: Place, figures: dict) -> str:
    """Which of its aims the page missed, in words."""
    with app.app_context():
        usual_ms = 200 if _engine().dialect.name == "sqlite" else 150
    most_ms, most_ratio = place.most_ms or usual_ms, 1.5 if place.name.startswith("search: ") else 2.5
    slow = f"{most_ms:.0f} ms" if figures["p95_ms"] > most_ms else ""
    dear = f"{most_ratio} x bare" if figures.get("ratio", 0) > most_ratio else ""
    return " and ".join(filter(None, (slow, dear)))


def _alternating(app, browser, place: Place, rendered) -> tuple[list[float], list[float]]:
    page_ms: list[float] = []
    bare_ms: list[float] = []
    ends = time.perf_counter() + LONGEST_S
    while len(page_ms) < TRIES and (len(page_ms) < FEWEST or time.perf_counter() < ends):
        began = time.perf_counter()
        ask(browser, place.path)
        page_ms.append((time.perf_counter() - began) * 1000)
        if place.bare and rendered:
            with app.test_request_context(place.path):
                g._login_user = rendered[1]["current_user"]  # the template asks who reads it
                began = time.perf_counter()
                _bare(place.bare)
                render_template(rendered[0], **rendered[1])
                bare_ms.append((time.perf_counter() - began) * 1000)
    return page_ms, bare_ms


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]


def _engine():
    from integration_console.models import db

    return db.engine


def _bare(query: str) -> list:
    raw = _engine().raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(query)
        return cursor.fetchall()
    finally:
        raw.close()


def _first_bytes(browser, path: str) -> dict:
    """From the press of the button until the file begins to come."""
    token, times = browser.open(path).csrf, []
    for _ in range(TRIES):
        began = time.perf_counter()
        answer = browser.client.post(f"{path}/export", data={"csrf_token": token, "format": "csv"}, buffered=False)
        assert answer.status_code == 200, (path, answer.status_code)
        next(iter(answer.response))
        times.append((time.perf_counter() - began) * 1000)
        answer.close()
    return {"p50_ms": median(times), "p95_ms": _p95(times)}
