"""What nobody should type into any field of any page: never a failure of ours, never HTML, never half saved."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from integration_console.models import db
from integration_console.operations import quotas, throttle
from integration_console.web.access import limiter

from ..html_page import Page
from .everything import furnish
from .fuzzer import Fuzzer
from .fuzzing import Door, Listening, doors, knocks, some

SEED = 20261127
SHORT = {"sqlite": 800, "postgresql": 250}  # of some sixty thousand requests


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
    assert sum(map(len, fields.values())) > 700
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
def test_whatever_is_typed_into_any_field_is_taken_or_refused_in_words(fuzzer):
    """Every field with every value."""
    found = fuzzer.send(knocks(fuzzer.doors))
    assert not found, "\n".join(found)
