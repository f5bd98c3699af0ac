"""A firm of years: 1,000,000 calls and 500,000 records with everything that hangs on them, for the pages' benchmark.

The records are the sandbox's own, sifted by the product; what the search knows of them is worked out by its own rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import md5
from types import SimpleNamespace

from .loader import Loader

CALLS = int(os.environ.get("BENCH_ROWS", "1000000"))
SERVICES = ("clio", "ghl", "clockify", "stripe", "slack", "quickbooks", "xero")
RECORDS = {  # service -> resource -> how many of 500,000
    "clio": {
        "contacts": 80_000, "matters": 40_000, "activities": 100_000, "tasks": 20_000, "notes": 30_000,
        "bills": 20_000, "line_items": 40_000, "users": 12, "practice_areas": 12, "matter_stages": 24,
        "custom_fields": 16, "groups": 4,
    },
    "ghl": {"contacts": 60_000, "opportunities": 9_900, "users": 5, "pipelines": 2, "custom_fields": 6, "tags": 5},
    "clockify": {"clients": 1_500, "projects": 4_000, "tasks": 4_500, "users": 14, "tags": 10, "time_entries": 90_000},
}  # fmt: skip
SMALL = 30  # resources of fewer records are not made smaller
RUNS, CALLS_A_RUN = 20_000, 48


@dataclass
class Size:
    """How large the firm is that is being made."""

    calls: int = CALLS
    most: int | None = None  # of anything: a small firm that has some of everything


size = Size()


def fill(engine, now, *, most: int | None = None) -> None:
    """Everything, into migrated and empty tables."""
    size.most, size.calls = most, most or CALLS
    _known_resources.clear()
    from integration_console import models
    from integration_console.models import Record, RunPart, SyncRun, Transaction

    from .million_beside import beside

    loader = Loader(engine)
    loader.fill(models.Connection, _connections(now))
    with loader.without_indexes(SyncRun, RunPart):
        loader.fill(SyncRun, _runs(now))
        loader.fill(RunPart, _parts(now))
    with loader.without_indexes(Transaction):
        loader.fill(Transaction, _calls(now))
    entries: list[tuple[int, str]] = []
    sizes: dict[tuple[int, str], tuple[int, int]] = {}  # connection, resource -> first number, count
    with loader.without_indexes(Record):
        loader.fill(Record, _records(now, entries, sizes))
    _index(loader, entries, now)
    entries.clear()
    beside(loader, now, sizes)
    loader.settle(models.Base.metadata.sorted_tables)


def some(count: int) -> int:
    """So many in a firm of this size."""
    if size.most:
        return min(count, size.most)
    return count if count <= SMALL else max(int(count * size.calls / 1_000_000), SMALL)


def dice(what: str, number: int) -> int:
    """Looks thrown, is always the same."""
    return int.from_bytes(md5(f"{what}{number}".encode(), usedforsecurity=False).digest()[:6])


def key(what: str, number: int) -> str:
    """32 letters that look thrown."""
    return md5(f"{what}{number}".encode(), usedforsecurity=False).hexdigest()


def _connections(now) -> Iterator[dict]:
    more = max((size.most or 0) - len(SERVICES), 0)
    for number, service in enumerate((*SERVICES, *["clio"] * more), start=1):
        yield {
            "id": number, "key": f"bench{number}", "service": service, "name": f"Ashby & Okoye {service}",
            "account_id": str(number), "account_name": "Ashby & Okoye LLP", "status": "connected",
            "status_since": now - timedelta(days=400), "time_zone": "UTC", "created_at": now - timedelta(days=400),
            "next_due_at": now + timedelta(hours=1), "last_sync_at": now - timedelta(minutes=9),
        }  # fmt: skip


# -- runs and calls ---------------------------------------------------------------------------------------------------


def connection_of_run(run: int) -> int:
    """Most of the work is Clio's."""
    return (1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 1, 1, 4, 5, 6, 7)[run % 16]


def _state(run: int) -> str:
    thrown = dice("state", run) % 1000
    ends = ((12, "failed"), (40, "done_with_problems"), (43, "interrupted"), (1000, "done"))
    return next(state for below, state in ends if thrown < below)


def run_started(now, run: int):
    """30 days of runs, the last some minutes ago."""
    return now - timedelta(seconds=(some(RUNS) - run) * 30 * 86_400 / some(RUNS) + 400)


def _runs(now) -> Iterator[dict]:
    for run in range(1, some(RUNS) + 1):
        at, state = run_started(now, run), _state(run)
        kind = "full" if run % 97 == 0 else "push" if run % 11 == 0 else "webhook" if run % 5 == 0 else "incremental"
        yield {
            "id": run, "connection_id": connection_of_run(run), "kind": kind, "state": state,
            "cause": ("schedule", "schedule", "person", "webhook", "retry")[dice("cause", run) % 5],
            "asked_by": "bench@example.com" if run % 5 == 2 else None, "queued_at": at, "started_at": at,
            "ended_at": at + timedelta(seconds=40), "attempts": 1, "mapping_id": None,
            "failure_kind": "upstream" if state == "failed" else None,
            "message": None if state == "done" else "Clio did not answer in time. Nothing was lost; it is tried again.",
        }  # fmt: skip


def _parts(now) -> Iterator[dict]:
    for run in range(1, some(RUNS) + 1):
        connection, state = connection_of_run(run), _state(run)
        for place, resource in enumerate(_resources(connection)[:3]):
            failed = state == "failed" and not place
            yield {
                "run_id": run, "connection_id": connection, "resource": resource, "live": False,
                "state": "failed" if failed else "done", "mode": "incremental", "seen": dice("seen", run) % 400,
                "new": run % 7, "changed": run % 13, "same": 40, "calls": CALLS_A_RUN // 3, "complete": not failed,
                "started_at": run_started(now, run), "message": "It did not answer." if failed else None,
            }  # fmt: skip


def _resources(connection: int) -> list[str]:
    from integration_console import services

    service = SERVICES[connection - 1]
    return [*RECORDS.get(service, {})] or [*services.by_key(service).resources]


_ENDS = (
    [(200, "ok", None)] * 965 + [(201, "ok", None)] * 10 + [(404, "missing", "not found")] * 6
    + [(429, "slow down", "too many requests")] * 7 + [(422, "refused", "The field open_date is invalid.")] * 4
    + [(500, "retry", "internal error")] * 3 + [(401, "refresh", "the token has expired")] * 3
    + [(None, "retry", "The service did not answer within 60 s.")] * 2
)  # fmt: skip
_HOSTS = ("app.clio.com", "services.leadconnectorhq.com", "api.clockify.me", "api.stripe.com", "slack.com",
          "quickbooks.api.intuit.com", "api.xero.com")  # fmt: skip
_SENT = '{"accept": "application/json", "user-agent": "integration-console", "x-api-version": "4.0.13"}'
_ROWS = ", ".join(f'{{"id": {n}, "etag": "\\"4a{n}\\"", "name": "Whitfield {n}"}}' for n in range(12))
_BODY = f'{{"data": [{_ROWS}]}}'


def _calls(now) -> Iterator[dict]:
    every, runs = size.calls, some(RUNS)
    for n in range(1, every + 1):
        run = min((n - 1) * runs // every + 1, runs)
        arrived = n % 21 == 0
        connection = connection_of_run(run)
        status, outcome, error = (200, "ok", None) if arrived else _ENDS[dice("end", n) % len(_ENDS)]
        kinds = _resources_of(connection)
        kind = kinds[n % len(kinds)]
        path = f"/webhooks/{SERVICES[connection - 1]}" if arrived else f"/api/v4/{kind}.json"
        writes = n % 50 == 7
        yield {
            "id": n, "connection_id": connection, "run_id": None if arrived else run,
            "service": SERVICES[connection - 1], "resource": None if arrived else kind,
            "direction": "in" if arrived else "out", "call_key": key("call", n), "attempt": 1,
            "method": "POST" if arrived or writes else "GET", "host": _HOSTS[connection - 1], "path_template": path,
            "url": f"https://{_HOSTS[connection - 1]}{path}?fields=id,etag,name,created_at,updated_at"
                   f"&limit=200&order=id(asc)&page_token={n:08x}",
            "status": status, "outcome": outcome, "error": error,
            "started_at": now - timedelta(seconds=(every - n) * 30 * 86_400 / every),
            "duration_ms": 40 + dice("took", n) % 3000 / 10, "waited_ms": 0.0, "request_bytes": 0,
            "response_bytes": 900 + n % 40_000, "upstream_request_id": f"req-{key('theirs', n)[:20]}",
            "request_headers": _SENT,
            "response_headers": f'{{"content-type": "application/json", "x-ratelimit-remaining": "{n % 50}"}}',
            "body_cut": False, "request_body": '{"data": {"status": "Open"}}' if writes else None,
            "response_body": _BODY if error or writes or n % 10 == 0 else None,
        }  # fmt: skip


_known_resources: dict[int, list[str]] = {}


def _resources_of(connection: int) -> list[str]:
    if connection not in _known_resources:
        _known_resources[connection] = _resources(connection)
    return _known_resources[connection]


# -- records and the search over them ---------------------------------------------------------------------------------


def _records(now, entries: list, sizes: dict) -> Iterator[dict]:
    number = 0
    for connection, service in enumerate(SERVICES[:3], start=1):
        for resource, count in RECORDS[service].items():
            sizes[connection, resource] = (number + 1, some(count))
            for row in _sifted(service, resource, some(count)):
                number += 1
                yield _record(now, number, connection, resource, row)
                entries.append((number, _text(row)))


def _sifted(service: str, resource: str, count: int) -> Iterator:
    """The sandbox's records as a run would keep them."""
    from integration_console import services
    from integration_console.sandbox import clio, clockify, firm, ghl
    from integration_console.sync.reading.sifting import sift

    declared, of = services.by_key(service).resources[resource], firm.Firm(size="large")
    if resource == "matters":  # their lists are filtered by what Clio tells inside of fields
        make = _asked_of_clio(of, resource, declared.params["fields"])
    else:
        makers, records = {
            "clio": (clio.MAKERS, clio.ClioMoney), "ghl": (ghl.MAKERS, ghl.GhlRecords),
            "clockify": (clockify.MAKERS, clockify.ClockifyRecords),
        }[service]  # fmt: skip
        make = getattr(records(of), makers[resource])
    for first in range(1, count + 1, 500):
        yield from sift(declared, [make(n) for n in range(first, min(first + 500, count + 1))]).rows


def _asked_of_clio(of, resource: str, fields: str) -> Callable[[int], dict]:
    """What Clio answers for a number, with the fields inside fields that were asked for."""
    from integration_console.sandbox import clio

    there = clio.Clio(of)
    there.get = lru_cache(100_000)(there.get)
    selection = clio.Selection(there, resource, fields)
    return lambda number: selection.cut(there.get(resource, number))


def _record(now, number: int, connection: int, resource: str, row) -> dict:
    seen = now - timedelta(days=400) + timedelta(seconds=number * 0.6)
    return {
        "id": number, "connection_id": connection, "resource": resource, "external_id": row.external_id,
        "label": row.label, "owner_id": row.owner_id, "starts_at": row.starts_at, "updated_at": row.updated_at,
        "content_hash": row.content_hash, "first_seen_at": seen, "written_at": seen,
        "written_run_id": dice("run", number) % some(RUNS) + 1, "data": row.data.decode(),
        "deleted_at": seen + timedelta(days=20) if number % 211 == 0 else None,
    }  # fmt: skip


def _text(row) -> str:
    import orjson

    from integration_console.operations.finding import search

    return search._text(SimpleNamespace(label=row.label, external_id=row.external_id, data=orjson.loads(row.data)))


def _index(loader: Loader, entries: list[tuple[int, str]], now) -> None:
    from integration_console.models import Setting

    gin = "ix_search_entry_text"
    if loader.sqlite:
        loader.put("search_entry", ["rowid", "text"], entries)
    else:
        with loader.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP INDEX IF EXISTS {gin}")
        loader.put("search_entry", ["record_id", "text"], entries)
        with loader.engine.begin() as connection:
            connection.exec_driver_sql("SET maintenance_work_mem = '256MB'")
            connection.exec_driver_sql(f"CREATE INDEX {gin} ON search_entry USING gin (text gin_trgm_ops)")
    mark = {"name": "search.indexed_to", "value": f"{now.isoformat()} {entries[-1][0]}", "updated_at": now}
    loader.fill(Setting, [mark])
