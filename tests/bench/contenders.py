"""One contender reads the fast server once and says what it cost.

    python -m tests.bench.contenders NAME --port PORT --database URL [--calls N]

NAME: ours, plain (requests, json, SQLAlchemy Core upsert, a commit a page), bare (urllib3, orjson, executemany or COPY,
one fetching thread). Prints one line of JSON: seconds, cpu_seconds, records, max_rss_mb.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from contextlib import contextmanager

TABLE = (
    "CREATE TABLE IF NOT EXISTS plain (connection_id INTEGER NOT NULL, resource TEXT NOT NULL, "
    "external_id TEXT NOT NULL, updated_at TEXT, data {json} NOT NULL, UNIQUE (connection_id, resource, external_id))"
)


@contextmanager
def measured(facts: dict):
    """Seconds by the wall and by the processor, of this process."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield
    after = resource.getrusage(resource.RUSAGE_SELF)
    facts["seconds"] = time.perf_counter() - wall
    facts["cpu_seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    facts["max_rss_mb"] = after.ru_maxrss / 1024


# -- ours -----------------------------------------------------------------------------------------------------------


def console(port: int, database: str, **settings):
    """The console itself, migrated, with one Clio account at the fast server."""
    import config
    from integration_console import create_app

    os.environ["CLIO_API_URL"] = f"http://127.0.0.1:{port}/api/v4"
    os.environ.setdefault("CLIO_LIMITS", "1000000/60")
    basics = {"APP_ENV": "test", "ALLOW_INSECURE_UPSTREAMS": True, "DATABASE_URL": database}
    return create_app(config.load(**{**basics, "INSTANCE_DIR": tempfile.mkdtemp(prefix="bench-"), **settings}))


def connect(name: str = "Bench") -> int:
    """A connection, proved by its test call; its number."""
    from integration_console.operations.accounts import connections

    token = {"access_token": "bench-token", "token_type": "bearer"}
    return connections.add("clio", name=name, credentials=token, by="bench", frequency="manual").id


def carry(connection: int, kind: str, only=("matters",)) -> dict:
    """One run in this process, from asking to receipt."""
    from integration_console.models import db
    from integration_console.operations import holds
    from integration_console.operations.accounts import connections
    from integration_console.operations.runs import runs
    from integration_console.sync.outcome import receipt

    number = runs.request(connections.find(connection), kind=kind, only=list(only)).id
    db.session.remove()
    (hold,) = holds.claim(db.engine, owner="bench:1", lease_s=60, run_id=number)
    runs.execute(hold, foreground=True)
    db.session.remove()
    told = receipt(runs.find(number))
    if told["state"] != "done":
        raise SystemExit(f"the run ended as {told['state']}: {told['message']}")
    return told["resources"]["matters"]


def ours(port: int, database: str, facts: dict) -> None:
    from integration_console.minder import settle_memory

    app = console(port, database, RECORD_CALLS=os.environ.get("BENCH_RECORD", "1") == "1")
    with app.app_context():
        connection = connect()
        settle_memory()
        with measured(facts):
            facts["records"] = carry(connection, "full")["new"]


# -- the others -----------------------------------------------------------------------------------------------------


def plain(port: int, database: str, facts: dict) -> None:
    import requests
    from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text, create_engine, text
    from sqlalchemy.dialects import postgresql, sqlite

    engine = create_engine(database)
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        connection.execute(text(TABLE.format(json="TEXT" if is_sqlite else "JSONB")))
    kind = JSON() if is_sqlite else postgresql.JSONB()
    table = Table(
        "plain", MetaData(), Column("connection_id", Integer), Column("resource", Text), Column("external_id", Text),
        Column("updated_at", Text), Column("data", kind),
    )  # fmt: skip
    insert = (sqlite if is_sqlite else postgresql).insert(table)
    upsert = insert.on_conflict_do_update(
        index_elements=["connection_id", "resource", "external_id"],
        set_={"updated_at": insert.excluded.updated_at, "data": insert.excluded.data},
    )
    session, token, count = requests.Session(), None, 0
    with measured(facts):
        while True:
            params = {"limit": 200, "fields": "id", **({"page_token": token} if token else {})}
            page = json.loads(session.get(f"http://127.0.0.1:{port}/api/v4/matters", params=params, timeout=30).text)
            rows = [
                {
                    "connection_id": 1,
                    "resource": "matters",
                    "external_id": str(r["id"]),
                    "updated_at": r["updated_at"],
                    "data": r,
                }
                for r in page["data"]
            ]
            with engine.begin() as connection:
                connection.execute(upsert, rows)
            count += len(rows)
            link = page["meta"]["paging"].get("next")
            if not link:
                break
            token = link.rsplit("page_token=", 1)[1]
    facts["records"] = count


def bare(port: int, database: str, facts: dict) -> None:
    from queue import Queue
    from threading import Thread

    import orjson
    import urllib3

    write, finish = _sqlite_writer(database) if database.startswith("sqlite") else _postgres_writer(database)
    pages: Queue = Queue(2)
    pool = urllib3.PoolManager()

    def fetch() -> None:
        token = None
        while True:
            more = f"&page_token={token}" if token else ""
            page = orjson.loads(pool.request("GET", f"http://127.0.0.1:{port}/api/v4/matters?limit=200{more}").data)
            pages.put(page["data"])
            link = page["meta"]["paging"].get("next")
            if not link:
                return pages.put(None)
            token = link.rsplit("page_token=", 1)[1]

    count = 0
    with measured(facts):
        Thread(target=fetch, daemon=True).start()
        while (page := pages.get()) is not None:
            write([(1, "matters", str(r["id"]), r["updated_at"], orjson.dumps(r).decode()) for r in page])
            count += len(page)
        finish()
    facts["records"] = count


def _sqlite_writer(database: str):
    import sqlite3

    connection = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(TABLE.format(json="TEXT"))

    def write(rows) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO plain VALUES (?,?,?,?,?) ON CONFLICT (connection_id, resource, external_id) "
            "DO UPDATE SET updated_at = excluded.updated_at, data = excluded.data", rows,
        )  # fmt: skip
        connection.execute("COMMIT")

    return write, connection.close


def _postgres_writer(database: str):
    import io

    import psycopg2
    from sqlalchemy.engine import make_url

    url = make_url(database).set(drivername="postgresql")
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    cursor = connection.cursor()
    cursor.execute(TABLE.format(json="JSONB"))
    cursor.execute("CREATE TEMPORARY TABLE coming (LIKE plain) ON COMMIT DELETE ROWS")
    connection.commit()

    def write(rows) -> None:
        lines = "".join("\t".join((str(a), b, c, d, e.replace("\\", "\\\\"))) + "\n" for a, b, c, d, e in rows)
        cursor.copy_expert("COPY coming FROM STDIN", io.StringIO(lines))
        cursor.execute(
            "INSERT INTO plain SELECT * FROM coming ON CONFLICT (connection_id, resource, external_id) "
            "DO UPDATE SET updated_at = excluded.updated_at, data = excluded.data"
        )
        connection.commit()

    return write, connection.close


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=("ours", "plain", "bare"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    told = parser.parse_args()
    facts: dict = {"name": told.name}
    {"ours": ours, "plain": plain, "bare": bare}[told.name](told.port, told.database, facts)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
