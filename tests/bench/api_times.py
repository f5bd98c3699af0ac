"""The Integrations API with 1,000 connections: reads over real HTTP on kept connections, p95 in ms (aim 50)."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import quantiles

import urllib3

from .contenders import console

CONNECTIONS, RUNS, TRIES = 1000, 3, 300


def api(port: int, database: str) -> dict:
    from integration_console.operations.api import quotas

    from ..web.serving import served, token_of

    app = console(port, database)
    for kind in quotas.PER_MINUTE:
        quotas.PER_MINUTE[kind] = 10**9  # counted all the same
    token = token_of(app, "admin")
    with app.app_context():
        key = _fill()
    one, sync = f"/api/integrations/connections/conn_{key}", f"/api/integrations/connections/conn_{key}/sync"
    calls = {
        "services": "/api/integrations", "50 connections": "/api/integrations/connections",
        "200 connections": "/api/integrations/connections?limit=200", "a connection": one, "a sync": sync,
    }  # fmt: skip
    http = urllib3.PoolManager(headers={"Authorization": f"Bearer {token}"})
    with served(app) as base:
        return {name: _p95(http, base + path) for name, path in calls.items()}


def _p95(http, url: str) -> float:
    times = []
    for _ in range(TRIES):
        began = time.perf_counter()
        answer = http.request("GET", url)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, answer.data[:300]
    return quantiles(times, n=20)[-1]


def _fill() -> str:
    """A thousand connections with a few runs each; the key of one of them."""
    from integration_console import clock
    from integration_console.models import Connection, RunPart, SyncRun, db

    now = clock.now()
    for number in range(1, CONNECTIONS + 1):
        db.session.add(Connection(
            id=number, key=f"bench{number:06d}", service=("clio", "ghl", "clockify")[number % 3],
            name=f"Bench {number}",
            account_id=str(number), account_name="Bench", scopes=[], status="connected", status_since=now, settings={},
            frequency="hourly", time_zone="UTC", budget={}, created_at=now, next_due_at=now + timedelta(hours=1),
        ))  # fmt: skip
    db.session.flush()
    for number in range(CONNECTIONS * RUNS):
        connection = number % CONNECTIONS + 1
        db.session.add(SyncRun(
            connection_id=connection, kind="incremental", state="done", cause="schedule", queued_at=now,
            started_at=now, ended_at=now,
            parts=[RunPart(
                connection_id=connection, resource="contacts", live=False, state="done", seen=63, same=63,
                complete=True,
            )],
        ))  # fmt: skip
    db.session.commit()
    return f"bench{CONNECTIONS // 2:06d}"
