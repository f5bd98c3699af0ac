"""A list walked page by page, down and up again, shows every row once and says where each side goes on."""

from sqlalchemy import select

from integration_console.models import Record
from integration_console.storage import pages

from .rows import incoming


def test_a_list_is_walked_down_to_its_end_and_up_again(session, firm, keep):
    keep(*(incoming(n) for n in range(5)))
    five = select(Record).where(Record.connection_id == firm)

    def page(older=None, newer=None):
        rows, below, above = pages.walked(session, five, Record.id, 2, older=older, newer=newer)
        return [row.external_id for row in rows], below, above

    first, below, above = page()
    assert (first, above) == (["4", "3"], None)
    second, below, above = page(older=below)
    assert second == ["2", "1"]
    last, end, over_last = page(older=below)
    assert (last, end) == (["0"], None)

    assert page(newer=over_last)[0] == second
    assert page(newer=above) == (first, page()[1], None)


def test_beyond_either_end_there_is_nothing(session, firm, keep):
    keep(incoming(1))
    one = select(Record).where(Record.connection_id == firm)
    number = session.scalar(one).id

    assert pages.walked(session, one, Record.id, 2, older=number, newer=None) == ([], None, None)
    assert pages.walked(session, one, Record.id, 2, older=None, newer=number) == ([], None, None)
