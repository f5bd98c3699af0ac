"""The bookmark of a read: what it remembers over a restart, and how far it lets the mark move."""

from datetime import UTC, datetime, timedelta

from integration_console.sync.reading.walk import Walk

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def walk(**changes) -> Walk:
    return Walk("full", [7], NOON, **changes)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_a_walk_survives_being_written_down():
    before = walk(
        since=at(-5), newest=at(1), next={"split": 0, "next": "t"}, seen=400, said=900, gone=[3], done=["b"], after="a"
    )

    after = Walk.from_json(before.to_json())

    assert after.resumed
    assert after.to_json() == before.to_json()


def test_a_walk_of_another_version_is_begun_anew():
    assert Walk.from_json({**walk().to_json(), "v": 99}) is None
    assert Walk.from_json(None) is None


def test_the_mark_is_the_newest_change_seen_upstream():
    """P3: never our own time."""
    assert walk(newest=at(-60)).mark(at(-90), slow=False) == at(-60)


def test_the_mark_never_passes_a_refused_record():
    """P3"""
    seen = walk()
    seen.saw(at(-10), None)
    seen.saw(at(-5), at(-30))

    assert seen.mark(at(-90), slow=False) == at(-30)


def test_a_slow_read_does_not_move_the_mark_past_its_own_beginning():
    """P3: a record that changed on a page already passed is read again."""
    assert walk(newest=at(20)).mark(None, slow=True) == NOON


def test_the_mark_does_not_move_when_nothing_was_seen():
    assert walk().mark(at(-90), slow=False) == at(-90)


def test_the_mark_does_not_go_back_when_an_increment_sees_only_its_overlap():
    assert walk(newest=at(-95)).mark(at(-90), slow=False) == at(-90)


def test_owners_done_out_of_order_move_the_mark_only_over_a_whole_row_of_them():
    seen = walk()
    seen.begun_owners += ["a", "b", "c", "d"]

    seen.owner_done("c")
    assert (seen.after, seen.done) == (None, ["c"])
    seen.owner_done("a")
    assert (seen.after, seen.done) == ("a", ["c"])
    seen.owner_done("b")
    assert (seen.after, seen.done) == ("c", [])
