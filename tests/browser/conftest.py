"""A real browser against a real server: `live` is the console on loopback, `browser_page` a tab that forgives nothing.

No browser found: the tests are skipped with a loud line, and fail where CI is set (dependencies G14).
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from integration_console.models import db
from integration_console.operations.people import users

from ..once import quick_hashes
from .axe import Axe

# The first draws the same pages without windows around them, at two thirds of the work or less.
BROWSERS = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge",
)  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# Each theme and each width is looked at every time, each theme at each width by `make faults`.
QUICK = [("dark", WIDE), ("light", NARROW)]
LONG = [(theme, size) for theme in ("dark", "light", "auto") for size in (WIDE, NARROW) if (theme, size) not in QUICK]
LOOKS = [pytest.param(QUICK, id="usual"), pytest.param(LONG, marks=pytest.mark.faults, id="every")]
PROGRAM = re.compile(r"\b(Exception|Traceback|null|None|undefined|NaN)\b")
SEEN = """() => ({
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  words: document.querySelector("main")?.innerText ?? "",
  theme: document.documentElement.dataset.theme, width: innerWidth,
})"""
PASSWORD = "violet-harbor-lantern-49"

expect.set_options(timeout=30_000)  # as long as everything else waits: a busy machine is no failure


def pytest_collection_modifyitems(items) -> None:
    ours = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(ours):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        _no_browser("No Chromium, Chrome or Edge was found. On Debian or Ubuntu: apt-get install chromium.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        as_root = hasattr(os, "geteuid") and os.geteuid() == 0
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if as_root else [])
        yield browser
        browser.close()


def _no_browser(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"BROWSER TESTS CANNOT RUN: {why}", pytrace=False)
    warnings.warn(f"BROWSER TESTS ARE SKIPPED: {why}", stacklevel=2)
    pytest.skip(why)


@dataclass
class Live:
    """The console as a browser reaches it."""

    url: str
    app: object

    def user(self, role: str = "admin", email: str = "") -> str:
        """Add somebody with PASSWORD; returns their e-mail."""
        with self.app.app_context():
            user, _ = users.add(email or f"{role}@example.com", role, PASSWORD, role.capitalize(), actor="test")
            return user.email


@pytest.fixture
def live(sqlite_app, monkeypatch):
    """The app, on SQLite, behind a threaded server on a free port of loopback."""
    quick_hashes(monkeypatch)
    with served(sqlite_app) as address:
        yield Live(address, sqlite_app)


@contextmanager
def served(app):
    """The app's address, as long as it is served."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    with app.app_context():
        db.engine.dispose()


@dataclass
class Tab:
    """One tab, and everything its console said."""

    page: object
    url: str
    said: list[str] = field(default_factory=list)
    axe: Axe | None = None  # once it has been here

    def listen(self) -> None:
        """Keep every error of its console, with the address that caused it."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._failed)

    def _heard(self, one) -> None:
        if one.type == "error":
            self.said.append(f"{one.text} {one.location['url']}")

    def _failed(self, error) -> None:
        self.said.append(str(error))

    def leave(self) -> None:
        """Show nothing, and know nothing of who was here; what addresses keep is theirs, and each test has its own."""
        page = self.page
        if self.axe is not None:
            self.axe.leave()
        page.goto("about:blank")
        page.remove_listener("console", self._heard)
        page.remove_listener("pageerror", self._failed)
        page.context.clear_cookies()
        page.set_viewport_size(WIDE)
        page.emulate_media(media="null", color_scheme="null", reduced_motion="null", forced_colors="null")

    def open(self, path: str):
        """Open an address of ours; the page when it has settled."""
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        page = self.open("/sign-in")
        page.get_by_label("E-mail").fill(email)
        page.get_by_role("textbox", name="Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)

    def look(self, theme: str, size: dict) -> None:
        """Wear a theme and a size."""
        self.page.context.add_cookies([{"name": "theme", "value": theme, "url": self.url}])
        self.page.set_viewport_size(size)

    def faults(self, *, ours: bool = True) -> list[str]:
        """What is wrong with the page shown: for axe, in its width, and, where they are ours, in its words."""
        seen = self.page.evaluate(SEEN)
        found = self.violations()
        if seen["wide"]:
            found.append("is wider than its window")
        if ours and (said := PROGRAM.search(seen["words"])):
            found.append(f"says {said[0]}")
        return [f"{self.page.url} {seen['theme']} {seen['width']}: {fault}" for fault in found]

    def faults_of(self, paths, looks=QUICK, *, quoting: str = "^$") -> list[str]:
        """What is wrong with these pages in these looks; what matches `quoting` shows what an upstream said."""
        found = []
        for look in looks:
            self.look(*look)
            for path in paths:
                self.open(path)
                found += self.faults(ours=not re.search(quoting, path))
        return found

    def violations(self) -> list[str]:
        """What axe finds wrong with the page shown."""
        self.axe = self.axe or Axe(self.page)
        return self.axe.violations()


@pytest.fixture(scope="session")
def window(chromium):
    """The page of every `tab`: a new one costs a second, more than what most tests do in it."""
    context = chromium.new_context(viewport=WIDE)
    yield context.new_page()
    context.close()


@pytest.fixture
def tab(window, live):
    """A tab as if it were fresh. The test fails when its console holds an error or the policy blocked something."""
    tab = Tab(window, live.url)
    tab.listen()
    yield tab
    tab.leave()
    assert tab.said == [], "the browser's console holds errors"
