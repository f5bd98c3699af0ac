"""Reading ahead keeps the order, hands errors over, and never reads further than somebody wants."""

import threading
import time
from collections import defaultdict
from itertools import count

import pytest

from integration_console.sync.reading.side_by_side import ahead, each_owner


def not_last(page) -> bool:
    return page != "last"


def test_pages_come_in_their_order_and_each_once():
    pages = [*map(str, range(50)), "last"]

    assert list(ahead(iter(pages), not_last)) == pages


def test_no_pages_are_no_pages_and_one_page_starts_no_thread():
    before = threading.active_count()

    assert list(ahead(iter(()), not_last)) == []
    assert list(ahead(iter(["last"]), not_last)) == ["last"]
    assert threading.active_count() == before


def test_the_next_page_is_fetched_while_this_one_is_kept():
    asked = []

    def pages():
        for number in range(5):
            asked.append(number)
            yield number

    walk = ahead(pages(), lambda page: True)
    next(walk), next(walk)
    _until(lambda: len(asked) >= 3)

    assert len(asked) >= 3
    walk.close()


def test_a_walk_that_is_left_stops_reading():
    asked = []

    def pages():
        for number in count():
            asked.append(number)
            yield number

    walk = ahead(pages(), lambda page: True)
    for _ in range(3):
        next(walk)
    walk.close()
    time.sleep(0.7)  # a reader that waits to hand over looks twice a second whether anybody still wants it
    far = len(asked)
    time.sleep(0.7)

    assert len(asked) == far <= 7


def test_an_error_comes_after_the_pages_before_it():
    def pages():
        yield "1"
        yield "2"
        raise LookupError("gone")

    got = []
    with pytest.raises(LookupError, match="gone"):
        got.extend(_noting(ahead(pages(), not_last), got))
    assert got == ["1", "2"]


def _noting(walk, got):
    for page in walk:
        got.append(page)
    return []


@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_every_owner_is_read_once_in_its_own_order_and_its_end_is_told(at_once):
    lists = {f"o{n}": [f"o{n}p{page}" for page in range(n % 4)] for n in range(30)}
    begun, got = [], defaultdict(list)

    for owner, page in each_owner(iter(lists), lambda owner: lists[owner], at_once, begun.append):
        got[owner].append(page)

    assert begun == list(lists)
    assert dict(got) == {owner: [*pages, None] for owner, pages in lists.items()}


def test_as_many_owners_are_read_at_once_as_allowed_and_no_more():
    busy, most, lock = [0], [0], threading.Lock()

    def pages(_owner):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        _until(lambda: most[0] >= 4)  # each waits for the others, as long as a slow machine needs
        with lock:
            busy[0] -= 1
        return ["page"]

    list(each_owner(iter(range(20)), pages, 4, lambda owner: None))

    assert most[0] == 4


def test_an_owner_that_fails_stops_the_whole_walk_and_the_others_are_let_go():
    asked = []

    def pages(owner):
        asked.append(owner)
        if owner == 5:
            raise LookupError("owner 5")
        return [owner]

    with pytest.raises(LookupError, match="owner 5"):
        list(each_owner(count(), pages, 4, lambda owner: None))
    time.sleep(0.7)
    far = len(asked)
    time.sleep(0.7)

    assert len(asked) == far


def test_owners_that_cannot_be_listed_stop_the_walk():
    def owners():
        yield 1
        raise LookupError("no owners")

    with pytest.raises(LookupError, match="no owners"):
        list(each_owner(owners(), lambda owner: ["page"], 3, lambda owner: None))


def _until(condition, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
