"""Consent: away to the service's own page and back, each good once, for one browser, for ten minutes (X7)."""

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import urllib3
from sqlalchemy import func, select

from integration_console.errors import InvalidInput, NeedsPerson, TryLater, UpstreamError, WrongAccount
from integration_console.models import Connection, OAuthState, Transaction, db
from integration_console.operations import sealed
from integration_console.operations.accounts import connections, consent

from .conftest import sync

http = urllib3.PoolManager(retries=False)
BROWSER = "a" * 64


def leave(service: str, **changes) -> str:
    usual = {"name": "Ours", "settings": {}, "by": "Ana", "bound_to": BROWSER}
    address = consent.begin(service, **{**usual, **changes}).address
    db.session.remove()
    return address


def decide(address: str, decision: str = "approve") -> dict[str, str]:
    """What the service's own page sends the browser back with."""
    assert http.request("GET", address).status == 200
    parts = urlsplit(address)
    form = urlencode([*parse_qsl(parts.query), ("decision", decision)])
    answer = http.request(
        "POST", f"{parts.scheme}://{parts.netloc}{parts.path}", body=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"}, redirect=False,
    )  # fmt: skip
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: back.get(name, [""])[0] for name in ("state", "code", "error")}


def come_back(service: str, back: dict[str, str], browser: str = BROWSER) -> Connection:
    return consent.finish(service, bound_to=browser, **back).connection


def token_calls(upstream) -> int:
    return sum(1 for seen in upstream.requests if seen.path == "/oauth/token")


@pytest.mark.parametrize("key", ["clio", "ghl"])
def test_a_person_who_consents_comes_back_to_a_connection_that_reads(session, sandbox, key):
    connection = come_back(key, decide(leave(key)))

    number = connection.id
    assert (connection.name, connection.status, connection.created_by) == ("Ours", "connected", "Ana")
    assert sync(number, only=["users"]).state == "done"


def test_the_location_comes_with_the_tokens(session, sandbox):
    connection = come_back("ghl", decide(leave("ghl")))

    assert connection.settings["location_id"] == sandbox.ghl.location_id
    assert connection.account_id == sandbox.ghl.location_id


@pytest.mark.one_database
def test_the_address_leads_to_the_service_with_a_state_and_our_own_way_back(session, sandbox, settings):
    address = leave("clio")
    asked = dict(parse_qsl(urlsplit(address).query))

    assert address.startswith(sandbox.clio.auth_url)
    assert asked["redirect_uri"] == f"{settings.BASE_URL}/oauth/clio/callback"
    assert len(asked["state"]) >= 40
    row = db.session.scalar(select(OAuthState))
    assert asked["state"] not in str(vars(row))


def test_a_state_is_good_once(session, sandbox):
    """X7"""
    back = decide(leave("clio"))
    come_back("clio", back)
    calls = token_calls(sandbox.clio)

    with pytest.raises(InvalidInput, match="used already"):
        come_back("clio", back)

    assert token_calls(sandbox.clio) == calls
    assert db.session.scalar(select(func.count(Connection.id))) == 1


@pytest.mark.parametrize("wrong", ["another browser", "ten minutes", "unknown state", "another service", "no state"])
def test_a_way_back_that_is_not_this_ones_makes_no_token_call(session, sandbox, clock, wrong):
    """X7"""
    back, browser, service = decide(leave("clio")), BROWSER, "clio"
    if wrong == "another browser":
        browser = "b" * 64
    if wrong == "ten minutes":
        clock.advance(601)
    if wrong == "unknown state":
        back["state"] = "x" * 43
    if wrong == "no state":
        back["state"] = ""
    if wrong == "another service":
        service = "ghl"

    with pytest.raises(InvalidInput, match="begin again"):
        come_back(service, back, browser)

    assert token_calls(sandbox.clio) == token_calls(sandbox.ghl) == 0
    assert db.session.scalar(select(func.count(Connection.id))) == 0


@pytest.mark.one_database
def test_a_wrong_try_does_not_spend_anothers_state(session, sandbox):
    back = decide(leave("clio"))
    with pytest.raises(InvalidInput):
        come_back("clio", back, "b" * 64)

    assert come_back("clio", back).status == "connected"


def test_a_refused_consent_changes_nothing(session, sandbox):
    back = decide(leave("clio"), "refuse")

    with pytest.raises(NeedsPerson, match="did not give its consent"):
        come_back("clio", back)

    assert token_calls(sandbox.clio) == 0
    assert db.session.scalar(select(func.count(Connection.id))) == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 400, "body": {"error": "invalid_grant"}}, NeedsPerson),
        ({"status": 503}, TryLater),
        ({"status": 200, "body": "<html>hi</html>"}, UpstreamError),
        ({"status": 200, "body": {"access_token": ""}}, UpstreamError),
    ],
    ids=["refused", "down", "a web page", "empty"],
)
@pytest.mark.one_database
def test_a_code_that_is_not_exchanged_connects_nothing_and_leaves_no_body(session, sandbox, answer, error):
    """X2"""
    back = decide(leave("clio"))
    sandbox.clio.script("/oauth/token", answer)

    with pytest.raises(error, match="Clio"):
        come_back("clio", back)

    session.rollback()
    assert session.scalar(select(func.count(Connection.id))) == 0
    call = session.scalar(select(Transaction).where(Transaction.url.contains("/oauth/token")))
    assert (call.request_body, call.response_body) == (None, None)
    assert back["code"] not in str(vars(call))


def test_consent_renews_a_connection_only_of_the_same_account(session, sandbox):
    """K5"""
    number = come_back("clio", decide(leave("clio"))).id
    before = sealed.unseal(connections.find(number))["access_token"]

    come_back("clio", decide(leave("clio", connection=connections.find(number))))
    after = sealed.unseal(connections.find(number))["access_token"]
    assert after != before

    sandbox.clio.script("/users/who_am_i", {"body": {"data": {"id": 9, "account": {"id": 9, "name": "Other"}}}})
    address = leave("clio", connection=connections.find(number))
    with pytest.raises(WrongAccount, match="Other"):
        come_back("clio", decide(address))
    session.rollback()
    assert sealed.unseal(connections.find(number))["access_token"] == after


@pytest.mark.one_database
def test_a_service_without_an_application_says_what_is_missing(session, sandbox, monkeypatch):
    monkeypatch.delenv("CLIO_CLIENT_SECRET")

    assert not consent.available("clio")
    with pytest.raises(InvalidInput, match="Settings, Services"):
        leave("clio")
    with pytest.raises(InvalidInput):
        leave("clockify")  # it knows no consent


def test_asking_the_token_endpoint_holds_no_writers_lock(session, sandbox):
    """D5: no network call inside a transaction."""
    import threading
    import time

    from sqlalchemy import text

    back = decide(leave("clio"))
    sandbox.clio.script("/oauth/token", {"delay_s": 1.5, "through": True})
    sandbox.clio.script("/users/who_am_i", {"delay_s": 1.5, "through": True})
    longest = [0.0]
    over = threading.Event()
    engine = db.engine

    def write() -> None:
        while not over.wait(0.1):
            began = time.monotonic()
            with engine.begin() as connection:
                connection.execute(text("UPDATE setting SET value = value"))
            longest[0] = max(longest[0], time.monotonic() - began)

    writer = threading.Thread(target=write)
    writer.start()
    come_back("clio", back)
    over.set()
    writer.join(30)

    assert longest[0] < 1
