"""Tokens: asked for, renewed, and never made up."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from integration_console import clock
from integration_console.errors import BadAnswer, NeedsPerson, TryLater
from integration_console.transport.auth import Client, OAuth, authorize_address, exchange, refresh, refresh_due
from integration_console.transport.tokens import TokenEndpoint
from tests.transport.conftest import Harbor, reply

WAY = OAuth("https://harbor.example/oauth/authorize", "https://harbor.example/oauth/token", scopes=("a", "b"))
US = Client("app-1", "app-secret-canary", "https://console.example/oauth/harbor/callback")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def endpoint(server, attempts):
    return TokenEndpoint(service=Harbor(), url=server.url + "/oauth/token", record=attempts.append, insecure=True)


def gives(server, status=200, **answer):
    server.says(reply(status, orjson.dumps(answer)))


def form_of(server) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(server.requests[-1].split(b"\r\n\r\n")[1].decode()).items()}


def test_the_authorize_address_names_us_the_state_and_the_scopes():
    url, verifier = authorize_address(WAY, US, state="s-1")

    asked = parse_qs(urlsplit(url).query)
    assert (asked["client_id"], asked["state"], asked["redirect_uri"]) == (["app-1"], ["s-1"], [US.redirect_uri])
    assert (asked["response_type"], asked["scope"], verifier) == (["code"], ["a b"], None)


def test_pkce_is_s256_and_its_verifier_comes_back():
    """X7"""
    url, verifier = authorize_address(OAuth("https://h.example/a", "https://h.example/t", pkce=True), US, state="s")

    asked = parse_qs(urlsplit(url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(verifier) == 64
    assert verifier not in url


def test_a_plain_http_authorize_address_is_for_tests_only():
    way = OAuth("http://127.0.0.1:1/a", "http://127.0.0.1:1/t")
    assert authorize_address(way, US, state="s", insecure=True)[0].startswith("http://127.0.0.1:1/a?")
    with pytest.raises(Exception, match=r"secure|https|HTTPS"):
        authorize_address(way, US, state="s")


def test_a_code_becomes_tokens(server, endpoint):
    gives(server, access_token="acc", refresh_token="ref", expires_in=3600, scope="a b", locationId="L1")

    tokens = exchange(endpoint, WAY, US, "code-1", verifier="v" * 50)

    assert (tokens.access_token, tokens.refresh_token, tokens.scopes) == ("acc", "ref", ("a", "b"))
    assert tokens.extra["locationId"] == "L1"
    assert 3590 < (tokens.expires_at - clock.now()).total_seconds() <= 3600
    sent = form_of(server)
    assert (sent["grant_type"], sent["code"], sent["code_verifier"]) == ("authorization_code", "code-1", "v" * 50)
    assert (sent["client_id"], sent["client_secret"]) == ("app-1", "app-secret-canary")


def test_a_client_may_be_named_in_the_header_instead(server, endpoint):
    gives(server, access_token="acc", token_type="bearer")

    refresh(endpoint, OAuth(WAY.authorize_url, WAY.token_url, client_auth="basic"), US, "ref")

    assert b"Authorization: Basic " in server.requests[0]
    assert "client_secret" not in form_of(server)


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(server, endpoint):
    """K2"""
    gives(server, access_token="new", expires_in=60)
    assert refresh(endpoint, WAY, US, "old-ref").refresh_token == "old-ref"

    gives(server, access_token="new", refresh_token="new-ref")
    assert refresh(endpoint, WAY, US, "old-ref").refresh_token == "new-ref"
    assert form_of(server)["refresh_token"] == "old-ref"


@pytest.mark.parametrize("life", [None, 0, -5, "soon", True, "NaN", [], 1e30, "1e30", 10**40])
def test_odd_lifetimes_never_make_a_loop(server, endpoint, life):
    """K4"""
    server.says(reply(200, json.dumps({"access_token": "a", "expires_in": life}).encode()))

    tokens = refresh(endpoint, WAY, US, "ref")

    assert tokens.expires_at is None or tokens.expires_at > clock.now() + timedelta(days=3000)
    assert not refresh_due(tokens.expires_at, clock.now())


@pytest.mark.parametrize(("life_s", "early_s"), [(3600, 360), (86_400, 8640), (300, 60), (60, 30), (2, 1)])
def test_a_token_is_renewed_a_tenth_of_its_life_early_and_a_new_one_is_never_due(life_s, early_s):
    """K4"""
    ends = NOW + timedelta(seconds=life_s)

    assert not refresh_due(ends, NOW, NOW)
    assert not refresh_due(ends, NOW, ends - timedelta(seconds=early_s + 0.5))
    assert refresh_due(ends, NOW, ends - timedelta(seconds=early_s))


def test_a_token_of_unknown_age_is_renewed_a_minute_early():
    assert refresh_due(NOW + timedelta(seconds=59), None, NOW)
    assert not refresh_due(NOW + timedelta(seconds=61), None, NOW)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant", "error_description": "Token was revoked"}),
        (401, {"error": "invalid_client"}),
        (400, {"statusCode": 400, "message": "Location is not active"}),
        (200, {"error": "invalid_grant"}),
    ],
)
def test_a_refusal_needs_a_person_and_says_why(server, endpoint, status, body):
    """K3"""
    gives(server, status, **body)

    with pytest.raises(NeedsPerson) as failure:
        refresh(endpoint, WAY, US, "ref-canary")

    assert (body.get("error_description") or body.get("message") or body["error"]) in str(failure.value)
    assert failure.value.code == body.get("error", "")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503, 403])
def test_a_service_that_is_down_is_no_refusal(server, endpoint, status):
    """K3: a gateway's web page says nothing about our token."""
    server.says(reply(status, b"<html>maintenance</html>"))

    with pytest.raises(TryLater):
        refresh(endpoint, WAY, US, "ref")
    assert len(server.requests) == 1


def test_a_broken_network_is_no_refusal(server, endpoint):
    """K3"""
    server.says(lambda connection: connection.close())

    with pytest.raises(TryLater, match="could not be reached"):
        refresh(endpoint, WAY, US, "ref")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"access_token": {}}', b'{"access_token": {"a": 1}}', b"ok", b'{"a": 1}']
)
def test_an_answer_without_tokens_is_not_taken_for_one(server, endpoint, body):
    server.says(reply(200, body))

    with pytest.raises(BadAnswer):
        refresh(endpoint, WAY, US, "ref")


def test_bodies_of_the_token_endpoint_are_never_kept(server, endpoint, attempts):
    """X2"""
    gives(server, access_token="acc-canary", refresh_token="new-canary")
    refresh(endpoint, WAY, US, "ref-canary")
    gives(server, 400, error="invalid_grant", error_description="ref-canary is spent, so is acc-canary")
    with pytest.raises(NeedsPerson) as failure:
        refresh(endpoint, WAY, US, "ref-canary", access_token="acc-canary")

    assert "canary" not in repr(attempts) + repr(failure.value) + failure.value.raw
    assert [(each.request_body, each.response_body) for each in attempts] == [(None, None)] * 2
    assert [each.path_template for each in attempts] == ["/oauth/token"] * 2
