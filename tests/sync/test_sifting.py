"""One page as it came -> rows to keep and records refused."""

import tracemalloc
from datetime import UTC, datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from integration_console.services.base import Resource
from integration_console.services.shapes import UpstreamRecord
from integration_console.sync.reading.sifting import newest, oldest_refused, sift


class Paper(UpstreamRecord):
    id: int
    name: str | None = None
    signed: bool | None = None
    updated_at: datetime | None = None


class Shelf:
    papers = Resource("/papers", Paper)


papers = Shelf.papers


def test_one_bad_record_does_not_spoil_the_page():
    """P5"""
    sifted = sift(papers, [{"id": 1}, {"id": 2, "signed": "perhaps"}, {"id": 3}, "not a record", {"name": "no id"}])

    assert [row.external_id for row in sifted.rows] == ["1", "3"]
    assert [(r.external_id, r.field) for r in sifted.refused] == [("2", "signed"), (None, None), (None, "id")]
    assert sifted.refused[0].reason.startswith("The field “Signed” cannot be used: ")
    assert sifted.refused[1].reason == "The record cannot be used: it is not an object with fields."
    assert orjson.loads(sifted.refused[0].payload) == {"id": 2, "signed": "perhaps"}


def test_unknown_fields_are_kept_and_a_missing_field_is_not_made_null():
    """P6"""
    (row,) = sift(papers, [{"id": 1, "of_tomorrow": {"x": [1]}}]).rows

    assert orjson.loads(row.data) == {"id": 1, "of_tomorrow": {"x": [1]}}


def test_the_same_content_has_the_same_hash_whatever_the_order_of_its_fields():
    first, second, other = sift(papers, [{"id": 1, "name": "a"}, {"name": "a", "id": 1}, {"id": 1, "name": "b"}]).rows

    assert first.content_hash == second.content_hash != other.content_hash


def test_a_page_made_ready_takes_about_the_memory_of_its_texts():
    items = [{"id": number, "name": "a" * 1000} for number in range(200)]
    sift(papers, items)

    tracemalloc.start()
    try:
        sifted = sift(papers, items)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 2 * sum(len(row.data) for row in sifted.rows)


def test_times_are_compared_as_instants():
    """P3"""
    sifted = sift(papers, [
        {"id": 1, "updated_at": "2026-03-02T23:30:00-05:00"},
        {"id": 2, "updated_at": "2026-03-03T01:00:00Z"},
    ])  # fmt: skip

    assert newest(sifted, datetime(2026, 4, 1, tzinfo=UTC)) == datetime(2026, 3, 3, 4, 30, tzinfo=UTC)
    assert newest(sifted, datetime(2026, 3, 3, 2, tzinfo=UTC)) == datetime(2026, 3, 3, 1, tzinfo=UTC)


def test_a_refused_record_still_tells_when_it_changed():
    """P3"""
    sifted = sift(
        papers, [{"id": 1, "signed": [], "updated_at": "2026-03-02T10:00:00Z"}, {"id": 2, "updated_at": "soon"}]
    )

    assert len(sifted.refused) == 2
    assert oldest_refused(sifted.refused) == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_a_number_as_a_name_and_any_script_are_fine():
    rows = sift(papers, [{"id": 1, "name": 12}, {"id": "2", "name": "محمد 李 Ана"}]).rows

    assert [row.label for row in rows] == ["12", "محمد 李 Ана"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        JSON | st.fixed_dictionaries({"id": JSON}, optional={"name": JSON, "updated_at": JSON, "signed": JSON}),
        max_size=8,
    )
)
def test_whatever_comes_each_item_is_either_kept_or_refused(items):
    """P5"""
    sifted = sift(papers, items)

    assert len(sifted.rows) + len(sifted.refused) == len(items)
    assert all(refusal.reason for refusal in sifted.refused)
