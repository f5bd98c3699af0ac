"""What a full read lacks is found, from what its runs wrote and saw."""

from datetime import timedelta

from sqlalchemy import select

from integration_console.models import SeenPage
from integration_console.storage import full_reads, records

from .rows import NOON, incoming, run, stored


def test_a_full_read_finds_who_is_gone_from_what_its_runs_wrote_and_saw(session, firm, keep):
    """P7"""
    first, second, third = (run(session, firm) for _ in range(3))
    keep(*(incoming(n, name=str(n)) for n in range(6)), run_id=first)
    numbers = {n: stored(session, str(n)).id for n in range(6)}
    # A read cut in two by a restart: half seen by the second run, half by the third.
    kept = keep(incoming(0, name="0"), incoming(1, name="changed"), run_id=second)
    full_reads.remember_seen(session, second, "contacts", kept.unchanged_ids)
    kept = keep(incoming(2, name="2"), incoming(9, name="new"), run_id=third)
    full_reads.remember_seen(session, third, "contacts", kept.unchanged_ids)

    missing = full_reads.gone(session, connection_id=firm, resource="contacts", run_ids=[second, third])

    assert list(missing) == [numbers[3], numbers[4], numbers[5]]


def test_what_is_already_deleted_is_not_gone_again(session, firm, keep):
    keep(incoming(1))
    assert records.mark_deleted(session, [stored(session).id], run_id=None, now=NOON) == 1
    assert records.mark_deleted(session, [stored(session).id], run_id=None, now=NOON) == 0
    assert not full_reads.gone(session, connection_id=firm, resource="contacts", run_ids=[run(session, firm)])


def test_looking_for_the_gone_goes_through_every_batch(session, firm, keep, monkeypatch):
    monkeypatch.setattr(full_reads, "BATCH", 3)
    keep(*(incoming(n) for n in range(10)), run_id=1)

    assert len(full_reads.gone(session, connection_id=firm, resource="contacts", run_ids=[2])) == 10


def test_seen_pages_of_one_resource_are_forgotten_without_the_others(session, firm):
    number = run(session, firm)
    full_reads.remember_seen(session, number, "contacts", [1, 2])
    full_reads.remember_seen(session, number, "matters", [3])

    full_reads.forget_seen(session, [number], "contacts")

    assert [page.resource for page in session.scalars(select(SeenPage))] == ["matters"]


def test_within_a_span_only_the_owners_records_of_that_time_are_gone(session, firm, keep):
    def entry(number, owner, hours):
        return incoming(number, owner=owner, starts_at=NOON + timedelta(hours=hours))

    keep(entry(1, "U1", 0), entry(2, "U1", 1), entry(3, "U1", 9), entry(4, "U2", 1), entry(5, "U1", 2))

    missing = full_reads.gone_in_span(
        session, connection_id=firm, resource="contacts", owner_id="U1", start=NOON, end=NOON + timedelta(hours=2),
        seen={"1"},
    )  # fmt: skip

    assert list(missing) == [stored(session, "2").id, stored(session, "5").id]
