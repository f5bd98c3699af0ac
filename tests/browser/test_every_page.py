"""Every page there is, by the app's own table of addresses: axe finds nothing, none is wider than its window.

Pages that the lists of other tests hold are looked at there, with more on them; a new page is looked at here by itself.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from werkzeug.exceptions import HTTPException

from ..operations.conftest import point_at
from ..web.everything import furnish
from ..web.firm import Firm
from . import test_mapping_pages, test_pages, test_shell
from .conftest import LOOKS

SIDES = SimpleNamespace(
    mapping=1, carried=SimpleNamespace(id=1), links=lambda: [1], records=lambda _connection: [1], right=2
)
LISTED = (
    *test_pages.PAGES, *test_pages.PAIR_PAGES, *test_shell.PAGES, *test_mapping_pages.pages(SIDES),
    "/settings/notifications", "/settings/notifications/new", "/settings/notifications/1", "/setup", "/sign-in",
)  # fmt: skip


@pytest.fixture
def house(monkeypatch, upstreams, app):
    """One of everything that has an address."""
    point_at(monkeypatch, upstreams)
    return furnish(Firm(app, upstreams))


def other_pages(app) -> list:
    """The rules of what is looked at nowhere else."""
    urls = app.url_map.bind("localhost")
    seen = {urls.match(path.partition("?")[0])[0] for path in LISTED}
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and rule.endpoint not in seen]
    return [rule for rule in rules if "/several/" not in rule.rule]  # one page for all of them, listed for errors


def test_the_lists_hold_only_addresses_there_are(app):
    for path in LISTED:
        try:
            app.url_map.bind("localhost").match(path.partition("?")[0])
        except HTTPException:
            pytest.fail(f"{path} leads nowhere")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("looks", LOOKS)
def test_axe_finds_nothing_on_any_other_page(tab, live, house, looks):
    tab.sign_in(live.user())
    paths = []
    for rule in other_pages(live.app):
        path = house.path(rule)
        answer = tab.page.request.get(tab.url + path, max_redirects=0)
        if answer.status == 200 and answer.text().lstrip().startswith("<!doctype html>"):  # not a part, not a file
            paths.append(path)
    assert len(paths) > 10
    assert tab.faults_of(paths, looks, quoting="") == []
