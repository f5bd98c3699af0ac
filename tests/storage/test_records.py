"""Pages of records are kept exactly once, unchanged ones cost no write, and records are found again."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from integration_console.models import Record
from integration_console.storage import records

from .rows import NOON, connection, incoming, stored


def counts(kept):
    return kept.new, kept.changed, kept.same


def test_a_page_is_counted_as_new_changed_and_same(keep):
    """P2 P3"""
    assert counts(keep(incoming(1, name="Ada"), incoming(2, name="Grace"))) == (2, 0, 0)
    assert counts(keep(incoming(1, name="Ada"), incoming(2, name="Grace H."), incoming(3))) == (1, 1, 1)


def test_an_unchanged_page_writes_nothing(session, keep):
    """P3"""
    page = [incoming(1, name="Ada"), incoming(2, name="Grace")]
    keep(*page, run_id=7)

    again = keep(*page, run_id=8, now=NOON + timedelta(days=1))

    assert again.unchanged_ids == [stored(session, "1").id, stored(session, "2").id]
    assert (stored(session).written_run_id, stored(session).written_at) == (7, NOON)


def test_a_page_that_comes_late_does_not_set_back_what_was_written_since_it_was_asked_for(session, keep):
    """Else the pair would look as if somebody had undone our write, and the old value would travel back."""
    minute = timedelta(minutes=1)
    keep(incoming(1, name="Ada"), run_id=6)
    keep(incoming(1, name="Augusta", changed_at=NOON + 3 * minute), run_id=8, now=NOON + 3 * minute)
    late, newer = incoming(1, name="Ada!", changed_at=NOON + minute), incoming(1, changed_at=NOON + 4 * minute)

    assert counts(keep(late, run_id=7, now=NOON + 4 * minute, since=NOON + 2 * minute)) == (0, 0, 1)
    assert stored(session).data["name"] == "Augusta"
    assert counts(keep(newer, run_id=7, now=NOON + 5 * minute, since=NOON + 2 * minute)) == (0, 1, 0)
    set_back = keep(late, run_id=9, now=NOON + 9 * minute, since=NOON + 8 * minute)  # at the service itself
    assert counts(set_back) == (0, 1, 0)


def test_a_list_that_lags_does_not_set_back_what_was_written_just_before_it_was_asked_for(session, keep):
    second, late = timedelta(seconds=1), {"now": NOON + timedelta(minutes=4), "lag": timedelta(minutes=1)}
    keep(incoming(1, name="Ada"), incoming(2, name="Grace"), run_id=6)
    keep(
        incoming(1, name="Augusta", changed_at=NOON + second), incoming(2, name="Grace H."), run_id=8, now=NOON + second
    )
    before = incoming(1, name="Ada"), incoming(2, name="Grace")  # a write's answer may not tell when it was made

    assert counts(keep(*before, run_id=9, since=NOON + 30 * second, **late)) == (0, 0, 2)
    assert counts(keep(*before, run_id=9, since=NOON + 90 * second, **late)) == (0, 2, 0)


@pytest.mark.parametrize("told", [None, NOON])
@pytest.mark.parametrize("run", [7, None])
def test_nor_where_records_tell_no_time_of_their_change_or_the_same(session, keep, told, run):
    """Clockify's and Stripe's, and two changes within a second: what was asked for before the write is older than it.

    run: none where somebody has one record read at once, as a person's own write has none.
    """
    second = timedelta(seconds=1)
    keep(incoming(1, name="Ada", changed_at=told), run_id=6)
    keep(incoming(1, name="Augusta", changed_at=told), run_id=run and 8, now=NOON + 30 * second)
    page = {"since": NOON + second, "run_id": run, "now": NOON + 32 * second}

    late = keep(incoming(1, name="Ada", changed_at=told, asked_at=NOON + 29 * second), **page)
    assert (counts(late), stored(session).data["name"]) == ((0, 0, 1), "Augusta")
    later = keep(incoming(1, name="Ada", changed_at=told, asked_at=NOON + 31 * second), **page)
    assert (counts(later), stored(session).data["name"]) == ((0, 1, 0), "Ada")


def test_what_was_asked_for_after_a_deletion_and_is_there_is_not_gone(session, keep, firm):
    """Each record of a run that reads them one by one is asked for at its own time."""
    second = timedelta(seconds=1)
    keep(incoming(1, name="Ada", changed_at=None), run_id=6)
    records.mark_deleted(session, [stored(session).id], run_id=8, now=NOON + 30 * second)
    page = {"since": NOON + second, "run_id": 7, "now": NOON + 32 * second}

    keep(incoming(1, name="Ada", changed_at=None, asked_at=NOON + 29 * second), **page)
    assert stored(session).deleted_at is not None
    keep(incoming(1, name="Ada", changed_at=None, asked_at=NOON + 31 * second), **page)
    assert stored(session).deleted_at is None


def test_a_page_that_comes_late_brings_no_record_back_that_was_found_deleted_since_it_was_asked_for(
    session, keep, firm
):
    minute = timedelta(minutes=1)
    keep(incoming(1, name="Ada"), run_id=6)
    number = stored(session).id
    records.mark_deleted(session, [number], run_id=8, now=NOON + 3 * minute)
    late, restored = incoming(1, name="Ada"), incoming(1, name="Ada!", changed_at=NOON + 4 * minute)

    assert counts(keep(late, run_id=7, now=NOON + 4 * minute, since=NOON + 2 * minute)) == (0, 0, 1)
    assert stored(session).deleted_at is not None
    assert counts(keep(restored, run_id=7, now=NOON + 5 * minute, since=NOON + 2 * minute)) == (0, 1, 0)
    assert stored(session).deleted_at is None
    records.mark_deleted(session, [number], run_id=8, now=NOON + 6 * minute)
    assert counts(keep(late, run_id=9, now=NOON + 9 * minute, since=NOON + 8 * minute)) == (0, 1, 0)  # still there
    assert stored(session).deleted_at is None


def test_a_record_is_kept_whole_with_its_times_and_owner(session, keep):
    keep(
        incoming(
            1, name="Ada", owner="U9", starts_at=NOON, note="tab\t, quote \" and 'new\nline' \\u0041", x=[1.5, None]
        )
    )

    ada = stored(session)
    assert ada.data == {"id": 1, "name": "Ada", "note": "tab\t, quote \" and 'new\nline' \\u0041", "x": [1.5, None]}
    assert (ada.label, ada.owner_id, ada.starts_at, ada.updated_at, ada.first_seen_at) == (
        "Ada",
        "U9",
        NOON,
        NOON,
        NOON,
    )


def test_a_changed_record_keeps_its_number_and_the_day_we_first_saw_it(session, keep):
    keep(incoming(1, name="Ada"))
    before = stored(session).id

    keep(incoming(1, name="Ada L."), run_id=9, now=NOON + timedelta(days=1))

    ada = stored(session)
    assert (ada.id, ada.first_seen_at, ada.written_at, ada.written_run_id) == (
        before,
        NOON,
        NOON + timedelta(days=1),
        9,
    )
    assert (ada.label, ada.data["name"]) == ("Ada L.", "Ada L.")


@pytest.mark.parametrize("first_known", [False, True])
def test_an_id_that_comes_twice_counts_once_and_its_later_form_wins(session, keep, first_known):
    """P2"""
    if first_known:
        keep(incoming(1, name="Old"))

    kept = keep(incoming(1, name="Early"), incoming(1, name="Late"))

    assert kept.new + kept.changed == 1
    assert stored(session).data["name"] == "Late"


def test_a_page_that_is_probably_new_is_written_without_looking(keep):
    assert counts(keep(*map(incoming, range(250)), hopeful=True)) == (250, 0, 0)
    assert counts(keep(*map(incoming, range(250)))) == (0, 0, 250)


def test_a_page_thought_new_that_is_not_is_kept_like_any_other(session, keep):
    """P2 P3: a record that moved to a later page while the list was read comes twice."""
    keep(incoming(7, name="Ada"), incoming(8, name="Old"), run_id=1)

    kept = keep(
        *map(incoming, range(300, 420)), incoming(7, name="Ada"), incoming(8, name="New"), hopeful=True, run_id=2
    )

    assert counts(kept) == (120, 1, 1)
    assert (stored(session, "7").written_run_id, stored(session, "8").data["name"]) == (1, "New")
    assert len(keep(*map(incoming, range(300, 420))).unchanged_ids) == 120


def test_a_deleted_record_seen_again_comes_back_as_changed(session, keep):
    page = incoming(1, name="Ada")
    keep(page)
    records.mark_deleted(session, [stored(session).id], run_id=None, now=NOON)

    assert counts(keep(page)) == (0, 1, 0)
    assert stored(session).deleted_at is None


def test_ids_are_compared_exactly(keep):
    """P2"""
    ids = ["a", "A", "01", "1", "\u00e9", "e\u0301", "1 "]

    assert counts(keep(*map(incoming, ids))) == (7, 0, 0)


def test_resources_and_connections_do_not_mix(session, keep):
    other = connection(session, "Other firm")

    assert counts(keep(incoming(1))) == (1, 0, 0)
    assert counts(keep(incoming(1), resource="matters")) == (1, 0, 0)
    assert counts(keep(incoming(1), of=other)) == (1, 0, 0)


def test_a_character_postgresql_cannot_hold_becomes_the_same_stand_in_on_both(session, keep):
    """P2"""
    keep(incoming(1, name="A\0da", note={"in\0side": ["\0"]}, path="C:\\u0000"))

    ada = stored(session)
    assert ada.label == "A\ufffdda"
    assert ada.data == {"id": 1, "name": "A\ufffdda", "note": {"in\ufffdside": ["\ufffd"]}, "path": "C:\\u0000"}


def test_such_a_record_is_still_unchanged_when_it_comes_again(keep):
    keep(incoming("\0x", name="A\0da"))

    assert counts(keep(incoming("\0x", name="A\0da"))) == (0, 0, 1)


def test_control_characters_in_a_label_or_id_are_kept(session, keep):
    odd = "a\x01\x02\n\r\t\\.\"'\\N"
    keep(incoming(odd, name=odd))
    keep(incoming(odd, name=odd + "!"))

    assert stored(session, odd).label == odd + "!"


def test_a_page_rolled_back_leaves_nothing_and_can_be_kept_again(session, keep):
    """P1"""
    session.commit()
    keep(incoming(1, name="Ada"))
    session.rollback()

    assert counts(keep(incoming(1, name="Ada"))) == (1, 0, 0)
    assert counts(keep(incoming(1, name="Ada L."))) == (0, 1, 0)
    session.rollback()
    assert counts(keep(incoming(1, name="Ada"))) == (1, 0, 0)
    assert counts(keep(incoming(1, name="Ada L."))) == (0, 1, 0)


def test_two_pages_of_changes_in_one_transaction_are_both_written(session, keep):
    keep(incoming(1, name="Ada"), incoming(2, name="Grace"))

    assert counts(keep(incoming(1, name="Ada L."))) == (0, 1, 0)
    assert counts(keep(incoming(2, name="Grace H."))) == (0, 1, 0)
    assert (stored(session, "1").label, stored(session, "2").label) == ("Ada L.", "Grace H.")


def test_an_empty_page_is_fine(keep):
    assert counts(keep()) == (0, 0, 0)


def test_marking_deletes_keeps_the_data_and_counts(session, firm, keep):
    keep(*(incoming(n) for n in range(1203)))
    ids = [row.id for row in session.scalars(select(Record))]

    assert records.mark_deleted(session, ids, run_id=3, now=NOON) == 1203
    assert records.count_live(session, connection_id=firm, resource="contacts") == 0
    assert (stored(session).data, stored(session).deleted_at, stored(session).written_run_id) == ({"id": 1}, NOON, 3)


# -- finding


def test_owners_come_in_byte_order_behind_the_last_one(session, firm, keep):
    keep(*(incoming(name) for name in ("b", "B", "é", "10", "9", "_")))
    facts = {"connection_id": firm, "resource": "contacts", "written_since": None}

    assert records.owners(session, **facts, after=None, limit=4) == ["10", "9", "B", "_"]
    assert records.owners(session, **facts, after="_", limit=4) == ["b", "é"]


def test_owners_can_be_those_written_since_a_moment(session, firm, keep):
    keep(incoming(1), incoming(2), now=NOON)
    keep(incoming(2, name="changed"), incoming(3), now=NOON + timedelta(minutes=1))
    keep(incoming(1), now=NOON + timedelta(minutes=2))  # unchanged

    found = records.owners(
        session, connection_id=firm, resource="contacts", after=None, written_since=NOON + timedelta(seconds=1), limit=9
    )

    assert found == ["2", "3"]


def test_browsing_goes_down_and_up_again_page_by_page(session, firm, keep):
    keep(*(incoming(n) for n in range(7)))

    def ids(**where):
        return [
            r.external_id for r in records.browse(session, connection_id=firm, resource="contacts", limit=3, **where)
        ]

    top = records.browse(session, connection_id=firm, resource="contacts", limit=3)
    assert ids() == ["6", "5", "4"]
    assert ids(before_id=top[-1].id) == ["3", "2", "1"]
    assert ids(after_id=top[-1].id - 1) == ["6", "5", "4"]
    assert ids(after_id=top[0].id) == []


@pytest.mark.parametrize(
    ("text", "found"), [("ada", "1"), ("100%", "2"), ("_", "3"), ("2", "2"), ("nobody", ""), ("\0", "")]
)
def test_a_search_looks_in_labels_and_takes_no_wildcards(session, firm, keep, text, found):
    keep(incoming(1, name="Ada"), incoming(2, name="100% Ltd"), incoming(3, name="under_score"))

    hits = records.browse(session, connection_id=firm, resource="contacts", text=text)

    assert "".join(r.external_id for r in hits) == found


def test_deleted_records_are_browsed_on_their_own(session, firm, keep):
    keep(incoming(1), incoming(2))
    records.mark_deleted(session, records.ids_of(session, firm, "contacts", ["1", "nobody"]), run_id=None, now=NOON)

    def ids(deleted):
        found = records.browse(session, connection_id=firm, resource="contacts", deleted=deleted)
        return [r.external_id for r in found]

    assert (ids(False), ids(True)) == (["2"], ["1"])


def test_one_record_is_found_by_the_upstreams_id_and_by_ours(session, firm, keep):
    keep(incoming(1, name="Ada"))

    found = records.find(session, firm, "contacts", "1")

    assert records.get(session, found.id) is found
    assert records.find(session, firm, "contacts", "2") is None


def test_keeping_a_page_takes_few_statements_however_long_it_is(session, keep):
    """P3"""
    statements = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *args: statements.append(args[2]))

    keep(*(incoming(n) for n in range(500)))

    assert len(statements) <= 2
