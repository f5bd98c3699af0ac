"""What is alike is looked at once, and nothing else is left out."""

from __future__ import annotations

import pytest

from .axe import Axe

PAGE = """<!doctype html><html lang="en" data-theme="light"><title>Runs</title><body>
<header>{frame}</header><main><h1>Runs</h1><table><tbody>{rows}</tbody></table></main>"""
GOOD, BAD = '<tr><td><a href="/1">One</a></td></tr>', '<tr><td><a href="/2"></a></td></tr>'
FRAME, BAD_FRAME = '<a href="/">Home</a>', '<a href="/" class="new"></a>'


@pytest.fixture
def wrong(chromium):
    """wrong(frame, rows) is what axe finds there, in one tab."""
    page = chromium.new_page()
    axe = Axe(page)

    def wrong(frame: str, rows: str) -> list[str]:
        page.set_content(PAGE.format(frame=frame, rows=rows))
        return [one.partition(":")[0] for one in axe.violations()]

    yield wrong
    page.close()


def test_only_what_is_alike_is_left_out(wrong):
    assert wrong(FRAME, GOOD * 9) == []
    assert wrong(FRAME, BAD * 9) == ["link-name"] * 2
    assert wrong(FRAME, GOOD * 9 + BAD.replace("<a", '<a class="new"')) == ["link-name"]
    assert wrong(BAD_FRAME, GOOD) == ["link-name"]
    assert wrong(BAD_FRAME, GOOD) == []
