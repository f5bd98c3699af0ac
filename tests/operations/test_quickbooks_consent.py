"""Consent at Intuit: the company comes back beside the code, the wrong one is noticed, and tokens are taken back."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import urllib3

from integration_console.errors import NeedsPerson, WrongAccount
from integration_console.operations.accounts import connections, consent

from .conftest import sync

http = urllib3.PoolManager(retries=False)
BROWSER = "a" * 64


def back(decision: str = "approve", **changes) -> dict[str, str]:
    """What Intuit's own page sends the browser back with."""
    usual = {"name": "Books", "settings": {}, "by": "Ana", "bound_to": BROWSER}
    address = consent.begin("quickbooks", **{**usual, **changes}).address
    assert "scope=com.intuit.quickbooks.accounting" in address
    parts = urlsplit(address)
    form = urlencode([*parse_qsl(parts.query), ("decision", decision)])
    answer = http.request(
        "POST", f"{parts.scheme}://{parts.netloc}{parts.path}", body=form, redirect=False,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def finished(told: dict[str, str]):
    known = {name: told.pop(name, "") for name in ("state", "code", "error")}
    return consent.finish("quickbooks", bound_to=BROWSER, **known, told=told).connection


def test_the_company_named_on_the_way_back_is_connected_and_read(session, sandbox):
    connection = finished(back())

    assert connection.settings["realm_id"] == connection.account_id == sandbox.quickbooks.realm_id
    assert connection.account_name == sandbox.firm.name
    assert sync(connection.id, only=["customers"]).state == "done"


def test_a_refusal_and_another_company_change_nothing(session, sandbox):
    with pytest.raises(NeedsPerson):
        finished(back("refuse"))
    assert connections.every() == []
    connection = finished(back())
    number = connection.id

    with pytest.raises(WrongAccount):
        finished(back("other", connection=connection))

    assert connections.find(number).account_id == sandbox.quickbooks.realm_id


def test_a_token_that_ended_is_renewed_and_removal_takes_them_back(session, sandbox):
    number = finished(back()).id
    sandbox.quickbooks.expire()
    assert sync(number, only=["items"]).state == "done"

    connections.remove(connections.find(number), by="Ana")

    assert [one.status for one in sandbox.quickbooks.requests if one.path.endswith("/revoke")] == [200]
    assert not sandbox.quickbooks._refresh
