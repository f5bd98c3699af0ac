"""Accounts at the sandbox, connected as a person would."""

import pytest

from integration_console.models import SyncRun, db
from integration_console.operations import holds
from integration_console.operations.accounts import connections
from integration_console.operations.runs import runs
from integration_console.sync.practice_areas import Rule
from integration_console.sync.practice_areas import rules as practice_area_rules
from integration_console.transport.client import Upstream

from ..web.door import listening
from .harbor import harbor_open


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    """This test's own stand-in upstreams, and the settings that lead to them."""
    point_at(monkeypatch, fresh_upstreams)
    return fresh_upstreams


@pytest.fixture
def few_rules(monkeypatch):
    """A console that comes with one rule of practice areas, not with thousands: its first chores bring them in."""
    rule = Rule("Tax", "word", "irs", 4.0)
    monkeypatch.setattr(practice_area_rules, "area_by_area", {rule.area: [rule]}.items)


@pytest.fixture
def door(app, sandbox, session):
    """The console, listening where the sandbox can reach it; the address it has."""
    with listening(app) as url:
        yield url


@pytest.fixture
def harbor(monkeypatch):
    """An imaginary service whose consent has everything real ones have; see harbor.py."""
    with harbor_open(monkeypatch) as upstream:
        yield upstream


def point_at(monkeypatch, upstreams) -> None:
    """Set CLIO_API_URL and the like; our own pace is not what these tests are about, nor how long a retry waits."""
    monkeypatch.setitem(Upstream.__init__.__kwdefaults__, "backoff_s", (0.01, 0.1))
    for key, facts in upstreams.described().items():
        monkeypatch.setenv(f"{key}_LIMITS".upper(), "1000000/60")
        for name in ("api_url", "auth_url", "token_url", "client_id", "client_secret", "webhook_key"):
            if name in facts:
                monkeypatch.setenv(f"{key}_{name}".upper(), facts[name])


def connect(upstreams, key: str, name: str = "") -> int:
    """Connect one of the sandbox's accounts; the connection's number."""
    facts = upstreams.described()[key]
    given, settings = {"credentials": facts.get("token")}, {}
    if "api_key" in facts:
        given = {"credentials": {"api_key": facts["api_key"]}}
    named = ("location_id", "workspace_id", "team_id", "realm_id", "tenant_id")
    settings = {name: facts[name] for name in named if name in facts}
    return connections.add(key, name=name or key, **given, settings=settings, by="test", frequency="manual").id


def carry_out(run: SyncRun) -> SyncRun:
    """Claim and execute one run in this process, as a worker would."""
    number = run.id
    db.session.remove()
    (hold,) = holds.claim(db.engine, owner="test:1", lease_s=30, run_id=number)
    runs.execute(hold, foreground=True)
    db.session.remove()
    return runs.find(number)


def ask(connection: int, **options) -> SyncRun:
    """Ask for a run."""
    return runs.request(connections.find(connection), **options)


def sync(connection: int, **options) -> SyncRun:
    """Ask for a run and carry it out."""
    return carry_out(ask(connection, **options))


@pytest.fixture
def pair(session, sandbox):
    """A location and a Clio account with a dozen contacts each, read."""
    from .mapped import small_pair

    return small_pair(sandbox, 12)


@pytest.fixture
def mapping(pair):
    """Their contacts carried both ways, and agreed."""
    from .mapped import make_agreed

    return make_agreed(*pair)
