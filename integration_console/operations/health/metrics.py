"""What a Prometheus server is told: figures of the rows, the same from every web process, and of this one's memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from sqlalchemy import func, select

from ... import clock
from ...models import Connection, Issue, Transaction, db
from . import health

LATELY = timedelta(minutes=5)  # calls are counted over this: a scrape must not look through the whole log
MOST_COUNTED = 20_000  # calls; a busier console says "at least so many"


def text() -> bytes:
    """The page of a scrape, in Prometheus's text form."""
    registry = CollectorRegistry()
    registry.register(_Rows())
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Rows:
    """Asks the database when the page is made."""

    def describe(self) -> list[Metric]:
        """Nothing is known before it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure, each by an index."""
        left = health.backlog()
        yield _of("console_runs", "Live runs by state.", "state", left["runs"])
        yield _of("console_changes", "Writes that wait, by state.", "state", left["changes"])
        yield GaugeMetricFamily("console_oldest_queued_seconds", "Age of the oldest queued run.",
                                value=_age(left["oldest_queued_at"]))  # fmt: skip
        yield GaugeMetricFamily("console_dead_letters", "Records kept aside.", value=left["dead_letters"])
        yield GaugeMetricFamily("console_leader_epoch", "Rises when another worker becomes the clock.",
                                value=left["leader_epoch"])  # fmt: skip
        alive = sum(health.is_alive(worker) for worker in health.workers())
        yield GaugeMetricFamily("console_workers", "Workers heard of within two ticks.", value=alive)
        yield _of("console_connections", "Connections by status.", "status", _counted(Connection.status))
        yield _of("console_issues", "Issues that are not resolved, by state.", "state",
                  _counted(Issue.state, Issue.state != "resolved"))  # fmt: skip
        yield _calls()


def _counted(column, *where) -> dict[str, int]:
    found = db.session.execute(select(column, func.count()).where(*where).group_by(column))
    return {str(name): int(count) for name, count in found}


def _calls() -> Metric:
    """Calls of the last five minutes by service and outcome."""
    lately = (
        select(Transaction.service, Transaction.outcome)
        .where(Transaction.started_at > clock.now() - LATELY)
        .order_by(Transaction.started_at.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    query = select(lately.c.service, lately.c.outcome, func.count()).group_by(lately.c.service, lately.c.outcome)
    family = GaugeMetricFamily("console_calls_5m", "API calls of the last five minutes.", labels=("service", "outcome"))
    for service, outcome, count in db.session.execute(query):
        family.add_metric((str(service), str(outcome)), count)
    return family


def _of(name: str, about: str, label: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _age(since: datetime | None) -> float:
    return max((clock.now() - since).total_seconds(), 0.0) if since else 0.0
