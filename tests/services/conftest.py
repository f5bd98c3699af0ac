"""Each service at work against the sandbox: real sockets, the one client, the vendors' own addresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from integration_console import clock, services
from integration_console.services.base import Page, Reading, Upstream
from integration_console.transport.limits import Budget, Limit

from .clio_desk import Desk


class Connected:
    """A service and one account at it, as the engine has them in hand."""

    def __init__(self, key: str, sandbox: Any, headers: dict[str, str], **settings: str) -> None:
        self.service, self.sandbox = services.by_key(key), sandbox
        self.upstream = Upstream(
            service=self.service, base_url=sandbox.api_url, settings=settings, authorize=lambda: headers,
            budget=Budget(f"{key}-tests", (Limit(100_000, 1),)), insecure=True,
            headers=self.service.headers_for(settings),
            explain=self.service.explain, decide=self.service.decide, limit_headers=self.service.limit_headers,
            backoff_s=(0.01, 0.1),
        )  # fmt: skip

    def pages(self, resource: str, *, full: bool = True, **reading: Any) -> Iterator[Page]:
        """The pages of one list as the engine reads them."""
        now = reading.pop("now", clock.now())
        return self.service.read(self.upstream, self.service.resources[resource], Reading(full, now, **reading))

    def records(self, resource: str, **reading: Any) -> list[dict]:
        """The records of one list, each of them valid."""
        items = [item for page in self.pages(resource, **reading) for item in page.items]
        for item in items:
            self.service.resources[resource].validate(item)
        return items

    def one(self, resource: str, external_id: Any, owner: str | None = None) -> dict:
        """One record."""
        return self.service.read_one(self.upstream, self.service.resources[resource], str(external_id), owner)

    def calls(self) -> int:
        """How many requests the upstream has had from anybody."""
        return len(self.sandbox.requests)

    def asked(self, since: int) -> list[Any]:
        """The requests after the first `since`."""
        return list(self.sandbox.requests)[since:]


def _clio(sandbox: Any) -> Connected:
    return Connected(
        "clio", sandbox, {"Authorization": f"Bearer {sandbox.token_answer()['access_token']}"}, region="us"
    )


def _ghl(sandbox: Any, **settings: str) -> Connected:
    return Connected(
        "ghl", sandbox, {"Authorization": f"Bearer {sandbox.api_key}"}, location_id=sandbox.location_id, **settings
    )


def _clockify(sandbox: Any, **settings: str) -> Connected:
    return Connected("clockify", sandbox, {"X-Api-Key": sandbox.api_key}, workspace_id=sandbox.workspace_id, **settings)


def _xero(sandbox: Any, **settings: str) -> Connected:
    token = sandbox.token_answer()["access_token"]
    return Connected(
        "xero", sandbox, {"Authorization": f"Bearer {token}"}, **{"tenant_id": sandbox.tenant_id, **settings}
    )


def _slack(sandbox: Any, **settings: str) -> Connected:
    return Connected("slack", sandbox, {"Authorization": f"Bearer {sandbox.api_key}"}, **settings)


def _quickbooks(sandbox: Any) -> Connected:
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    return Connected("quickbooks", sandbox, headers, realm_id=sandbox.realm_id)


@pytest.fixture
def quickbooks(upstreams):
    return _quickbooks(upstreams.quickbooks)


@pytest.fixture
def fresh_quickbooks(fresh_upstreams):
    """QuickBooks to change, to script and to break."""
    return _quickbooks(fresh_upstreams.quickbooks)


@pytest.fixture
def clio(upstreams):
    return _clio(upstreams.clio)


@pytest.fixture
def fresh_clio(fresh_upstreams):
    """Clio to change, to script and to break."""
    return _clio(fresh_upstreams.clio)


@pytest.fixture
def desk(fresh_clio):
    """Somebody who writes to Clio."""
    return Desk(fresh_clio)


@pytest.fixture
def ghl(upstreams):
    return _ghl(upstreams.ghl)


@pytest.fixture
def ghl_by_post(upstreams):
    """The same location, asked by the other form of the opportunity search."""
    return _ghl(upstreams.ghl, opportunity_search="post")


@pytest.fixture
def fresh_ghl(fresh_upstreams):
    """HighLevel to change, to script and to break."""
    return _ghl(fresh_upstreams.ghl)


@pytest.fixture
def clockify(upstreams):
    return _clockify(upstreams.clockify)


@pytest.fixture
def fresh_clockify(fresh_upstreams):
    """Clockify to change, to script and to break."""
    return _clockify(fresh_upstreams.clockify)


@pytest.fixture
def telling_clockify(fresh_upstreams):
    """A workspace that has the lists of changed entities."""
    fresh_upstreams.clockify.has_entities = True
    return _clockify(fresh_upstreams.clockify)


def _stripe(sandbox: Any, **settings: str) -> Connected:
    return Connected("stripe", sandbox, {"Authorization": f"Bearer {sandbox.api_key}"}, **settings)


@pytest.fixture
def stripe(upstreams):
    return _stripe(upstreams.stripe)


@pytest.fixture
def fresh_stripe(fresh_upstreams):
    """Stripe to change, to script and to break."""
    return _stripe(fresh_upstreams.stripe)


@pytest.fixture
def xero(upstreams):
    return _xero(upstreams.xero)


@pytest.fixture
def fresh_xero(fresh_upstreams):
    """An organisation to write in, to script and to break."""
    return _xero(fresh_upstreams.xero)


@pytest.fixture
def slack(upstreams):
    return _slack(upstreams.slack)


@pytest.fixture
def fresh_slack(fresh_upstreams):
    """A workspace to write in, to script and to break."""
    return _slack(fresh_upstreams.slack)


def moment(text: str) -> datetime:
    """An upstream's time as an instant."""
    return clock.parse(text) or datetime.min.replace(tzinfo=UTC)
