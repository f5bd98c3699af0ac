"""Every address of the console, every method, everybody who may knock: who_may.txt is the whole table (X12)."""

from __future__ import annotations

import functools
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration_console import clock
from integration_console.models import SyncRun, db
from integration_console.operations.api import quotas

from ..html_page import Page
from .everything import Everything, furnish
from .serving import token_of
from .test_session_tokens import ISSUER, OURS, Provider

pytestmark = pytest.mark.one_database

TABLE = Path(__file__).with_name("who_may.txt")
PEOPLE = ("nobody", "support", "staff", "admin")
PROGRAMS = ("nobody", *(f"{kind} {role}" for kind in ("read", "write", "session") for role in PEOPLE[1:]))
_LINE = re.compile(r"(GET|POST|PATCH|DELETE) +(/.*?) {2,}([-+ own]+)")
_ENDS_THE_SESSION = "/sign-out"


def written() -> dict[tuple[str, str], dict[str, str]]:
    """The table: method and address -> who -> +, - or own."""
    found = {}
    for line in TABLE.read_text().splitlines():
        if match := _LINE.fullmatch(line):
            method, address, marks = match.groups()
            columns = PROGRAMS if address.startswith("/api/") else PEOPLE
            found[method, address] = dict(zip(columns, marks.split(), strict=True))
    return found


def served(app) -> dict[tuple[str, str], object]:
    """Method and address of everything the console serves."""
    rules = app.url_map.iter_rules()
    return {(method, rule.rule): rule for rule in rules for method in rule.methods - {"HEAD", "OPTIONS"}}


@dataclass
class House:
    """The app with one of everything, and the views that were reached."""

    app: object
    has: Everything
    reached: list[str]

    def knock(self, client, method: str, rule, **sent) -> tuple[bool, object]:
        """Whether the view was reached, and the answer."""
        path = self.has.path(rule)
        self.reached.clear()
        answer = client.open(path, method=method, **sent)
        return rule.endpoint in self.reached, answer

    def give_run_to(self, email: str) -> None:
        """The run under way was asked for by this person."""
        with self.app.app_context():
            db.session.get_one(SyncRun, self.has.there["run"]).asked_by = email
            db.session.commit()


@pytest.fixture
def house(app, own_firm, monkeypatch):
    for kind in quotas.PER_MINUTE:
        monkeypatch.setitem(quotas.PER_MINUTE, kind, 1_000_000)  # limits are another test's
    found = House(app, furnish(own_firm), [])
    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = _watched(view, endpoint, found.reached)
    return found


def _watched(view, endpoint: str, reached: list[str]):
    @functools.wraps(view)
    def watched(**arguments):
        reached.append(endpoint)
        return view(**arguments)

    return watched


def test_the_table_names_every_address_and_no_other(app):
    """X12: this names a new route until who_may.txt says who may go there."""
    assert set(written()) == set(served(app))


def test_a_page_opens_for_whom_the_table_says_and_for_nobody_else(house, enter, browser):
    """X12"""
    wrong, routes = [], served(house.app)
    table = sorted(written().items(), key=lambda line: (line[0][0] != "GET", line[0][1] == _ENDS_THE_SESSION))
    for who, visitor in {"nobody": browser(), **{role: enter(role) for role in PEOPLE[1:]}}.items():
        form = {"csrf_token": visitor.open("/sign-in" if who == "nobody" else "/settings/profile").csrf}
        for (method, address), cells in table:
            wanted = cells["nobody"] if address.startswith("/api/") else cells[who]  # there a cookie says nothing
            for mark, owner in [("-", "somebody"), ("+", who)] if wanted == "own" else [(wanted, "somebody")]:
                house.give_run_to(f"{owner}@example.com")
                sent = {} if method == "GET" else {"data": form}
                reached, answer = house.knock(visitor.client, method, routes[method, address], **sent)
                if not _as_written(mark, cells, reached, answer):
                    wrong.append(f"{who}: {method} {address}: {mark} is written, {answer.status} is the answer")
    assert not wrong, "\n".join(wrong)


def test_a_program_reaches_what_the_table_says_and_nothing_else(house, browser):
    """X10, X12"""
    wrong, routes = [], served(house.app)
    with _brought(house.app) as headers:
        for who, header in headers.items():
            visitor = browser()
            form = {"csrf_token": visitor.open("/sign-in").csrf}
            for (method, address), cells in written().items():
                ours = address.startswith("/api/")  # a token opens nothing else
                mark = cells[who] if ours else cells["nobody"]
                sent = {} if method == "GET" else {"json": {}} if ours else {"data": form}
                reached, answer = house.knock(visitor.client, method, routes[method, address], headers=header, **sent)
                if not _as_written(mark, cells, reached, answer):
                    wrong.append(f"{who}: {method} {address}: {mark} is written, {answer.status} is the answer")
    assert not wrong, "\n".join(wrong)


def _as_written(mark: str, cells: dict[str, str], reached: bool, answer) -> bool:
    if mark == "-":
        return _refused(answer)
    return reached and (cells["nobody"] == "+" or not _refused(answer))  # a view open to all has proofs of its own


def _refused(answer) -> bool:
    """Whether who asks, and nothing else, is why: an expired form is 403 too."""
    if answer.status_code == 303:
        return answer.headers["Location"].startswith("/sign-in")
    if answer.is_json:
        return answer.status_code in (401, 403) and answer.json["code"] in ("unauthenticated", "forbidden")
    return answer.status_code == 403 and Page(answer).headings == ["You may not do this"]


CONTENTS = ("Lovelace", "ada@example.com", "+14155550132", "Pier Nine")  # of records that furnish() makes


def test_support_reads_no_word_of_a_records_contents_on_any_page(house, enter):
    """X12: masked. Staff read it on the same pages."""
    seen = {"support": set(), "staff": set()}
    for role, words in seen.items():
        visitor = enter(role)
        for (method, address), rule in served(house.app).items():
            if method == "GET":
                _, answer = house.knock(visitor.client, method, rule)
                words.update((address, word) for word in CONTENTS if word in answer.text)
    assert not seen["support"], seen["support"]
    assert {word for _, word in seen["staff"]} == set(CONTENTS)


@contextmanager
def _brought(app):
    """What each program brings: tokens of both scopes, and sessions of the firm's own sign-in provider."""
    provider, settings, found = Provider(), app.config["SETTINGS"], {"nobody": {}}
    settings.API_JWKS_URL, settings.API_JWT_ISSUER, settings.API_JWT_AUDIENCE = provider.url, ISSUER, OURS
    for role in PEOPLE[1:]:
        email = f"{role}@example.com"
        for scope in ("read", "write"):
            found[f"{scope} {role}"] = _bearer(token_of(app, role, scope, email))
        found[f"session {role}"] = _bearer(provider.token(clock.now().timestamp() - 1, email=email))
    try:
        yield found
    finally:
        provider.server.shutdown()
        provider.server.server_close()


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
