"""What nobody should type into any field of any page: never a failure of ours, never HTML, never half saved."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from integration_console.models import db
from integration_console.operations.api import quotas
from integration_console.operations.people import throttle
from integration_console.web.access import limiter

from ..html_page import Page
from .conftest import PASSWORD
from .everything import furnish
from .fuzz_values import VALUES
from .fuzzer import Fuzzer, shown
from .fuzzing import Door, Listening, doors, knocks, some

SEED = 20261127
SHORT = {"sqlite": 800, "postgresql": 250}  # of some seventy thousand requests
PARTS = 4  # of all of them, so that they can be made side by side


@pytest.fixture
def fuzzer(app, own_firm, enter, monkeypatch):
    for kind in quotas.PER_MINUTE:
        monkeypatch.setitem(quotas.PER_MINUTE, kind, 1_000_000)  # limits are other tests'
    monkeypatch.setattr(throttle, "_FREE", {"account": 10**9, "address": 10**9})
    monkeypatch.setattr(limiter, "enabled", False)
    admin = enter("admin")
    has = furnish(own_firm)
    admin.send("/settings/profile/second-factor", "/settings/profile")  # begun, so that there is something to confirm
    away = Page(admin.send("/connections/new/clio/consent", "/connections/new/clio", {"name": "C", "region": "us"}))
    (address,) = [link for link in away.links.values() if "state=" in link]
    fuzzer = Fuzzer(app, admin.client, admin.open("/settings/profile").csrf)
    fuzzer.doors = doors(app, admin.client, has, Listening(monkeypatch), fuzzer.token)
    for door in fuzzer.doors:
        if "state" in door.fields and door.rule.startswith("/oauth"):
            door.fields |= {"state": parse_qs(urlsplit(address).query)["state"], "code": ["x"], "error": []}
    fuzzer.put_back()
    return fuzzer


def test_whatever_is_typed_is_taken_or_refused_in_words(fuzzer, app):
    """X9, section 9: a part of it, the same every time, with at least one bad value for most fields."""
    _must_know_the_hidden_ones(fuzzer.doors)
    with app.app_context():
        most = SHORT[db.engine.dialect.name]
    found = fuzzer.send(some(knocks(fuzzer.doors), most, SEED))
    assert not found, "\n".join(found)


def _must_know_the_hidden_ones(found: list[Door]) -> None:
    """The fields are found by the fuzzer itself: here are some behind a choice, a script or another form."""
    fields = {(door.method, door.rule): {*door.fields, *door.filters} for door in found}
    assert sum(map(len, fields.values())) > 600
    for method, rule, name in [
        ("POST", "/connections/new/<service>", "api_key"), ("POST", "/settings/notifications", "quiet_from"),
        ("POST", "/connections/<int:connection_id>/reconnect", "api_key"), ("POST", "/views", "query"),
        ("POST", "/practice-areas/corrections", "corrected"), ("POST", "/settings/privacy/erasures", "record"),
        ("POST", "/transactions/export", "status"), ("GET", "/transactions", "older"), ("GET", "/search", "q"),
        ("POST", "/settings/profile/second-factor/confirmation", "code"), ("POST", "/setup", "email"),
    ]:  # fmt: skip
        assert name in fields[method, rule], (method, rule, name)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_is_typed_into_any_field_is_taken_or_refused_in_words(fuzzer, part):
    """Every field with every value."""
    found = fuzzer.send(knocks(fuzzer.doors)[part::PARTS])
    assert not found, "\n".join(found)


HEADERS = (
    "User-Agent", "Accept", "Accept-Language", "Authorization", "Cookie", "Referer", "Origin", "HX-Request",
    "Idempotency-Key", "If-None-Match", "Range", "X-Forwarded-For", "Content-Type", "X-CSRFToken",
    "HX-Current-URL",
)  # fmt: skip
IN_HEADERS = ("nothing", "huge", "control", "nul", "broken utf-8", "emoji", "html", "template", "list", "query", "more")


def test_no_header_breaks_a_page(client, people):
    """Also when somebody comes in: the browser's name is kept with the session."""
    email = people.add("staff")
    wrong = []
    for name in HEADERS:
        for kind in IN_HEADERS:
            value = VALUES[kind]
            text = (value if isinstance(value, bytes) else value.encode()).decode("latin-1")[:20_000]
            for method, path, sent in [
                ("GET", "/sign-in", {}), ("GET", "/api/integrations", {}), ("GET", "/webhooks/clio/x", {}),
                ("GET", "/settings/", {}),
                ("POST", "/api/integrations/connections", {"data": b"{}"}),
                ("POST", "/webhooks/slack/x", {"data": b"{}"}),
            ]:  # fmt: skip
                of_a_part = {"HX-Request": "true"} if name == "HX-Current-URL" else {}
                text = f"http://localhost/{text}" if of_a_part else text
                answer = client.open(path, method=method, headers={name: text, **of_a_part}, **sent)
                wrong += [f"{method} {path}, {name}: {kind}: {one}" for one in shown(answer)]
    for kind in ("huge", "nul", "html", "emoji"):
        text = VALUES[kind].encode().decode("latin-1")[:20_000]
        token = Page(client.get("/sign-in")).csrf
        form = {"csrf_token": token, "email": email, "password": PASSWORD}
        answer = client.post("/sign-in", data=form, headers={"User-Agent": text})
        wrong += [f"signing in with {kind}: {one}" for one in shown(answer)]
        wrong += [f"{kind} shown: {one}" for one in shown(client.get("/settings/profile"))]
        assert answer.status_code == 302, kind
        client.delete_cookie("console")
    assert not wrong, "\n".join(wrong)


@pytest.mark.settings(SETUP_CODE="chosen-by-the-operator")
def test_the_first_administrator_may_type_anything(app, client, monkeypatch):
    """The set-up, while nobody is there yet."""
    monkeypatch.setattr(throttle, "_FREE", {"account": 10**9, "address": 10**9})
    monkeypatch.setattr(limiter, "enabled", False)
    good = {"code": "chosen-by-the-operator", "email": "a@example.com", "name": "Ana", "password": PASSWORD}
    door = Door("POST", "/setup", "/setup", {name: [value] for name, value in good.items()})
    fuzzer = Fuzzer(app, client, Page(client.get("/setup")).csrf)
    found = fuzzer.send(some(knocks([door]), 60, SEED))
    assert not found, "\n".join(found)
