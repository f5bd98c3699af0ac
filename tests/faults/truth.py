"""What must hold after every fault: nothing lost, nothing doubled, a clear state."""

from __future__ import annotations

from sqlalchemy import func, select

from integration_console.models import Checkpoint, Record, RunPart, SeenPage, SyncRun, db
from integration_console.models.run import LIVE_STATES
from integration_console.operations.runs import runs


def held(connection: int, resource: str) -> list[str]:
    """The upstream ids we hold of a resource, each as often as it is there."""
    query = select(Record.external_id).where(
        Record.connection_id == connection, Record.resource == resource, Record.deleted_at.is_(None)
    )
    return sorted(db.session.scalars(query))


def there(upstream, resource: str) -> list[str]:
    """The ids the upstream really has, as they are written on the wire."""
    numbers = list(upstream.shelves[resource].numbers())
    return sorted(str(upstream.shelves[resource].get(number)["id"]) for number in numbers)


def is_whole(connection: int, upstream, *resources: str) -> None:
    """Every record there is here exactly once."""
    for resource in resources:
        assert held(connection, resource) == there(upstream, resource), resource


def is_clear(*numbers: int) -> None:
    """Those runs have ended, nothing is left live or half-way, and the receipt adds up."""
    db.session.rollback()
    for number in numbers:
        run = runs.find(number)
        assert run.state not in LIVE_STATES, (run.state, run.message)
        assert run.message
        assert not any(word in run.message for word in ("Error(", "Error:", "Traceback")), run.message
        assert (run.lease_owner, run.lease_until) == (None, None)
        for part in run.parts:
            assert part.seen == part.new + part.changed + part.same + part.refused, part.resource
    assert db.session.scalar(select(func.count()).where(RunPart.live)) == 0
    assert db.session.scalar(select(func.count()).where(SyncRun.state.in_(LIVE_STATES))) == 0
    db.session.rollback()


def is_finished(connection: int, *resources: str) -> None:
    """Each of these was read to its end: no walk is open, the mark and the count are right."""
    for resource in resources:
        point = db.session.scalar(select(Checkpoint).filter_by(connection_id=connection, resource=resource))
        assert point.cursor is None, resource
        assert point.last_complete_at is not None, resource
        assert point.record_count == len(held(connection, resource)), resource
    assert db.session.scalar(select(func.count(SeenPage.id))) == 0
    db.session.rollback()
