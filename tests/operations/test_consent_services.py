"""Every service that knows consent: away, back, refused, and its tokens taken back at the end, at its own stand-in."""

from urllib.parse import parse_qs, urlsplit

import pytest

from integration_console import services
from integration_console.errors import NeedsPerson, WrongAccount
from integration_console.operations import sealed
from integration_console.operations.accounts import connections, consent
from integration_console.sandbox.oauth import OTHER
from integration_console.services.base import OAuth

from .test_consent_kinds import BROWSER, decide

BY_CONSENT = [key for key, one in services.every().items() if any(isinstance(way, OAuth) for way in one.ways)]


def way_of(key: str) -> OAuth:
    return next(way for way in services.by_key(key).ways if isinstance(way, OAuth))


def consented(key: str, decision: str = "approve", at: int = 0, **changes) -> consent.Returned:
    """at: which of several accounts."""
    leaving = consent.begin(key, **{"name": "Ours", "settings": {}, "by": "Ana", "bound_to": BROWSER, **changes})
    back = decide(leaving, decision)
    said = {name: back.get(name, "") for name in ("state", "code", "error")}
    returned = consent.finish(key, bound_to=BROWSER, told=back, **said)
    if returned.connection is None:
        account = returned.asked.choices[at]["id"]
        return consent.choose(key, state=back["state"], account_id=account, bound_to=BROWSER, again=True)
    return returned


@pytest.mark.parametrize("key", BY_CONSENT)
def test_a_service_is_connected_by_consent_and_takes_its_tokens_back(session, sandbox, key):
    connection = consented(key).connection
    assert connection is not None
    assert connections.test(connection).id == connection.account_id

    said = connections.remove(connection, by="Ana")

    assert ("took the tokens back" in said) is bool(way_of(key).revoke_url)


@pytest.mark.one_database
@pytest.mark.parametrize("key", BY_CONSENT)
def test_what_is_asked_for_is_sent_and_what_is_granted_is_kept(session, sandbox, key):
    way = way_of(key)
    leaving = consent.begin(key, name="Ours", settings={}, by="Ana", bound_to=BROWSER)
    sent = parse_qs(urlsplit(leaving.address).query)
    asked = sent.get("scope", [""])[0].replace(way.scope_separator, " ").split()

    connection = consented(key).connection

    assert asked == list(way.scopes) == connection.permissions
    assert sorted(connection.scopes) == sorted(way.scopes)
    assert sent["redirect_uri"][0].endswith(f"/oauth/{key}/callback")
    assert ("code_challenge" in sent, sent.get("code_challenge_method", ["S256"])) == (way.pkce, ["S256"])


def test_who_signs_in_for_a_whole_agency_is_told_to_choose_a_location(session, sandbox):
    """HighLevel's token is then of a company and names no location; it would be our own mistake to ask without."""
    sandbox.ghl.for_agency = True

    with pytest.raises(NeedsPerson, match="agency") as told:
        consented("ghl")

    assert "choose the sub-account" in str(told.value)
    assert connections.every() == []


@pytest.mark.one_database
@pytest.mark.parametrize("key", BY_CONSENT)
def test_a_refusal_and_another_account_change_nothing(session, sandbox, key):
    """K5"""
    with pytest.raises(NeedsPerson):
        consented(key, "refuse")
    assert connections.every() == []

    number = consented(key).connection.id
    before = (connections.find(number).account_id, connections.find(number).settings)
    tokens = sealed.unseal(connections.find(number))
    for decision, error in (("refuse", NeedsPerson), (OTHER, WrongAccount)):
        with pytest.raises(error):
            consented(key, decision, connection=connections.find(number))

    assert (connections.find(number).account_id, connections.find(number).settings) == before
    assert sealed.unseal(connections.find(number)) == tokens
    assert connections.test(connections.find(number)).id == before[0]


@pytest.mark.one_database
def test_a_plan_chosen_before_the_consent_counts(session, sandbox, monkeypatch):
    monkeypatch.delenv("XERO_LIMITS")
    connection = consented("xero", settings={"plan": "starter"}).connection

    assert connections.limits_of(connection)[1].calls == 950


# -- several connections of one service -------------------------------------------------------------------------------


def test_one_organisation_leaves_and_the_others_of_the_sign_in_stay(session, sandbox):
    """Revoking Xero's tokens would end every organisation of whoever consented."""
    first, second = consented("xero", at=0).connection.id, consented("xero", at=1).connection.id

    assert "needs it, too" in connections.remove(connections.find(first), by="Ana")

    assert connections.test(connections.find(second)).id == sandbox.xero.tenants[1].tenant_id
    assert [one.path for one in sandbox.xero.requests if one.method == "DELETE"]
    assert "took the tokens back" in connections.remove(connections.find(second), by="Ana")


@pytest.mark.one_database
@pytest.mark.parametrize("key", ["stripe", "slack"])
def test_a_second_connection_of_an_account_outlives_the_first(session, sandbox, key):
    """There the account lets the application in or not: tokens taken back are both connections'."""
    first, second = consented(key).connection.id, consented(key).connection.id

    assert "would lose it, too" in connections.remove(connections.find(first), by="Ana")

    assert connections.test(connections.find(second))
    assert "took the tokens back" in connections.remove(connections.find(second), by="Ana")
