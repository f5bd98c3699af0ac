"""Measurements taken inside one process of ours.

python -m tests.bench.inside warm|budget|many|claims|pages|fill|api --port PORT --database URL
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import timedelta
from threading import Thread

import urllib3

from .contenders import carry, connect, console


def ask(port: int, path: str) -> dict:
    return urllib3.request("GET", f"http://127.0.0.1:{port}{path}").json()


def warm(port: int, database: str) -> dict:
    app = console(port, database)
    with app.app_context():
        connection = connect()
        carry(connection, "full")
        carry(connection, "incremental")
        ask(port, "/change?percent=1")
        began = time.perf_counter()
        changed = carry(connection, "incremental")
        changed_s = time.perf_counter() - began
        assert changed["changed"] == 1000, changed
        ask(port, "/change?percent=0")
        began = time.perf_counter()
        nothing = carry(connection, "incremental")
        return {
            "changed_s": changed_s, "changed_calls": changed["calls"],
            "nothing_s": time.perf_counter() - began, "nothing_calls": nothing["calls"],
        }  # fmt: skip


def budget(port: int, folder: str) -> dict:
    """As many calls as the budget lets through in 60 s, from four threads."""
    from pathlib import Path

    from integration_console.services import by_key
    from integration_console.services.base import Call
    from integration_console.transport.client import Upstream
    from integration_console.transport.limits import Budget, Limit
    from integration_console.transport.pacing import open_store

    service = by_key("clio")
    shared = Budget("clio:1", (Limit(50, 10),), open_store("sqlite://", Path(folder)))
    ends, counts = time.time() + 60, []

    def hand() -> None:
        upstream = Upstream(
            service=service, base_url=f"http://127.0.0.1:{port}/api/v4", settings={}, authorize=dict, budget=shared,
            insecure=True, limit_headers=service.limit_headers, should_stop=lambda: time.time() > ends,
        )  # fmt: skip
        done = 0
        try:
            while time.time() < ends:
                upstream.send(Call("GET", "/matters"))
                done += 1
        except Exception as error:  # told to stop at the end
            if time.time() < ends:
                raise error
        counts.append(done)

    hands = [Thread(target=hand) for _ in range(4)]
    for thread in hands:
        thread.start()
    for thread in hands:
        thread.join()
    return {"calls": sum(counts)}


def _due(database: str, port: int, number: int) -> None:
    """Many connections, copies of a proved one, all due now."""
    from sqlalchemy import insert

    from integration_console import clock
    from integration_console.models import Connection, db
    from integration_console.operations.accounts import connections
    from integration_console.operations.sealed import seal, unseal

    first = connections.find(connect())
    credentials, now = unseal(first), clock.now()
    off = ["contacts", "activities", "notes", "bills", "line_items", "allocations", "credit_memos", "interest_charges"]
    off += ["bank_accounts", "bank_transactions", "trust_line_items", "matter_stages", "custom_fields"]
    off += ["currencies", "activity_descriptions", "expense_categories"]  # five are left: five calls
    db.session.execute(
        insert(Connection),
        [
            {
                "key": f"bench-{n}", "service": "clio", "name": f"Bench {n}", "account_id": str(n),
                "account_name": "Bench LLP", "scopes": [], "status": "connected", "status_since": now,
                "settings": {"resources_off": off}, "frequency": "hourly", "time_zone": "UTC",
                "next_due_at": now - timedelta(seconds=1), "budget": {}, "created_at": now,
            }
            for n in range(number)
        ],
    )  # fmt: skip
    for connection in db.session.query(Connection).filter(Connection.credentials.is_(None)):
        seal(connection, credentials)
    db.session.commit()


def many(port: int, database: str) -> dict:
    import os
    import signal

    from integration_console.models import SyncRun, db, reading

    os.environ["CLIO_LIMITS"] = "1000000/60"
    app = console(port, database)
    with app.app_context():
        _due(database, port, 1000)
    env = {
        **os.environ,
        "APP_ENV": "test",
        "ALLOW_INSECURE_UPSTREAMS": "1",
        "DATABASE_URL": database,
        "WORKER_SLOTS": "100",
    }
    env |= {"INSTANCE_DIR": str(app.config["SETTINGS"].INSTANCE_DIR), "TICK_SECONDS": "1000"}
    hands = [subprocess.Popen([sys.executable, "-m", "flask", "worker"], env=env) for _ in range(2)]
    try:
        began, done = 0.0, 0
        while done < 1000:
            time.sleep(0.05)
            with app.app_context(), reading():  # looking must not take the writer's lock
                if not began and db.session.query(SyncRun.id).limit(1).first():
                    began = time.perf_counter()
                done = (
                    db.session.query(SyncRun)
                    .filter(SyncRun.state.in_(("done", "done_with_problems", "failed")))
                    .count()
                )
                db.session.remove()
        seconds = time.perf_counter() - began
    finally:
        for hand in hands:
            hand.send_signal(signal.SIGTERM)
        for hand in hands:
            hand.wait(timeout=30)
    with app.app_context():
        good = db.session.query(SyncRun).filter_by(state="done").count()
        others = {r.message for r in db.session.query(SyncRun).filter(SyncRun.state != "done").limit(20)}
    return {"seconds": seconds, "done": good, "others": sorted(map(str, others))}


def worker_memory(port: int, database: str) -> dict:
    """The most memory a worker process held while it read everything there is."""
    import os
    import re
    import signal
    from pathlib import Path

    from integration_console.models import SyncRun, db, reading
    from integration_console.operations.accounts import connections
    from integration_console.operations.runs import runs

    app = console(port, database)
    with app.app_context():
        number = runs.request(connections.find(connect()), kind="full").id
        db.session.remove()
    env = {**os.environ, "APP_ENV": "test", "ALLOW_INSECURE_UPSTREAMS": "1", "DATABASE_URL": database}
    env |= {"INSTANCE_DIR": str(app.config["SETTINGS"].INSTANCE_DIR)}
    hand = subprocess.Popen([sys.executable, "-m", "flask", "worker"], env=env)
    try:
        state = "queued"
        while state in ("queued", "running"):
            time.sleep(0.5)
            with app.app_context(), reading():
                state = db.session.get_one(SyncRun, number).state
                db.session.remove()
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{hand.pid}/status").read_text())
    finally:
        hand.send_signal(signal.SIGTERM)
        hand.wait(timeout=30)
    assert peak
    assert state == "done", state
    return {"peak_mb": int(peak[1]) / 1024}


def workers(port: int, database: str) -> dict:
    """Records per second of one worker on one connection, and of two workers on two."""
    import os
    import signal

    from integration_console.models import SyncRun, db
    from integration_console.operations.accounts import connections
    from integration_console.operations.runs import runs

    app = console(port, database)
    env = {**os.environ, "APP_ENV": "test", "ALLOW_INSECURE_UPSTREAMS": "1", "DATABASE_URL": database}
    env |= {"INSTANCE_DIR": str(app.config["SETTINGS"].INSTANCE_DIR), "WORKER_SLOTS": "1"}
    speeds = {}
    with app.app_context():
        for count in (1, 2):
            for number in range(count):
                connection = connections.find(connect(f"Bench {count}.{number}"))
                connection.account_id = connection.name  # accounts of their own: no limit is shared
                runs.request(connection, kind="full", only=["matters"])
            hands = [subprocess.Popen([sys.executable, "-m", "flask", "worker"], env=env) for _ in range(count)]
            live = db.session.query(SyncRun).filter(SyncRun.ended_at.is_(None))
            while live.count():
                db.session.rollback()
                time.sleep(0.2)
            for hand in hands:
                hand.send_signal(signal.SIGTERM)
                hand.wait(timeout=30)
            done = db.session.query(SyncRun).order_by(SyncRun.id.desc()).limit(count).all()
            assert {run.state for run in done} == {"done"}, [run.message for run in done]
            records = sum(part.seen for run in done for part in run.parts)
            took = max(run.ended_at for run in done) - min(run.started_at for run in done)
            speeds[str(count)] = records / took.total_seconds()
    return speeds


def claims(port: int, database: str) -> dict:
    """10,000 due connections: four threads tick and claim; nobody gets a run twice."""
    from integration_console.models import SyncRun, db
    from integration_console.operations import holds, schedule

    app = console(port, database)
    taken: list[int] = []
    with app.app_context():
        _due(database, port, 10_000)
    began = time.perf_counter()

    def hand(number: int) -> None:
        with app.app_context():
            schedule.tick()
            while found := holds.claim(db.engine, owner=f"bench:{number}", lease_s=600, most=50):
                taken.extend(hold.run_id for hold in found)
            db.session.remove()

    hands = [Thread(target=hand, args=(n,)) for n in range(4)]
    for thread in hands:
        thread.start()
    for thread in hands:
        thread.join()
    seconds = time.perf_counter() - began
    with app.app_context():
        runs = db.session.query(SyncRun).count()
    return {"seconds": seconds, "claimed": len(set(taken)), "doubled": len(taken) - len(set(taken)) + runs - 10_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    told = parser.parse_args()
    if told.name == "api":
        from .api_times import api

        print(json.dumps(api(told.port, told.database)))
        return
    if told.name in ("pages", "fill"):
        from . import page_times

        print(json.dumps(getattr(page_times, told.name)(told.port, told.database)))
        return
    print(
        json.dumps(
            {
                "warm": warm,
                "budget": budget,
                "many": many,
                "claims": claims,
                "memory": worker_memory,
                "workers": workers,
            }[told.name](told.port, told.database)
        )
    )


if __name__ == "__main__":
    main()
