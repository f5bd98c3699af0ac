"""People at the door: `people` adds them, `enter("staff")` signs one in through the form and returns their browser."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from integration_console.operations.people import users

from ..html_page import Page
from ..once import quick_hashes
from ..operations.conftest import door, point_at, sandbox  # noqa: F401  (fixtures)
from .firm import Firm

PASSWORD = "violet-harbor-lantern-49"


@dataclass
class People:
    """Who there is; everybody has PASSWORD."""

    app: object

    def add(self, role: str, email: str = "") -> str:
        with self.app.app_context():
            user, _ = users.add(email or f"{role}@example.com", role, PASSWORD, actor="test")
            return user.email


class Browser:
    """A browser that fills in forms as a person does."""

    def __init__(self, app) -> None:
        self.client = app.test_client()

    def open(self, path: str, **kwargs) -> Page:
        return Page(self.client.get(path, **kwargs))

    def part(self, path: str) -> Page:
        """A part of a page, asked for as the page does."""
        return self.open(path, headers={"HX-Request": "true"})

    def send(self, path: str, on: str, values: dict | None = None, **kwargs):
        """Send a form that is shown on the page `on`; the answer."""
        token = self.open(on).csrf
        return self.client.post(path, data={"csrf_token": token, **(values or {})}, **kwargs)

    def sign_in(self, email: str, password: str = PASSWORD, to: str = "/", address: str = "127.0.0.1"):
        values = {"email": email, "password": password, "next": to}
        return self.send("/sign-in", "/sign-in", values, environ_base={"REMOTE_ADDR": address})


@pytest.fixture
def people(app, monkeypatch):
    quick_hashes(monkeypatch)
    return People(app)


@pytest.fixture
def browser(app):
    """Makes browsers, each with its own cookies."""
    return lambda: Browser(app)


@pytest.fixture
def enter(people, browser):
    """enter("staff") adds somebody of that role and returns their signed-in browser."""

    def enter(role: str, email: str = "") -> Browser:
        email, somebody = people.add(role, email), browser()
        assert somebody.sign_in(email).status_code == 302
        return somebody

    return enter


@pytest.fixture
def firm(monkeypatch, upstreams, app):
    """Accounts at the sandbox that a test may connect and read, but not change there."""
    point_at(monkeypatch, upstreams)
    return Firm(app, upstreams)


@pytest.fixture
def own_firm(monkeypatch, fresh_upstreams, app):
    """The same at a sandbox of this test's own, where tokens may be taken back."""
    point_at(monkeypatch, fresh_upstreams)
    return Firm(app, fresh_upstreams)
