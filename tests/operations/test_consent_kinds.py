"""Consents as real services have them: told beside the code, several accounts, permissions, programs that ask."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import urllib3
from sqlalchemy import func, select

from integration_console.errors import AlreadyConnected, InvalidInput, NeedsPerson, WrongAccount
from integration_console.models import Connection, OAuthState, db
from integration_console.operations import sealed
from integration_console.operations import settings as firm
from integration_console.operations.accounts import connections, consent, returns
from integration_console.operations.keeping import rotation
from integration_console.sandbox.oauth import OTHER

from .conftest import connect

BROWSER = "a" * 64


def leave(**changes) -> consent.Leaving:
    usual = {"name": "Ours", "settings": {}, "by": "Ana", "bound_to": BROWSER}
    leaving = consent.begin("harbor", **{**usual, **changes})
    db.session.remove()
    return leaving


def decide(leaving: consent.Leaving, decision: str = "approve") -> dict[str, str]:
    """Everything the service's own page sends the browser back with."""
    parts = urlsplit(leaving.address)
    answer = urllib3.request(
        "POST", f"{parts.scheme}://{parts.netloc}{parts.path}", redirect=False,
        body=urlencode([*parse_qsl(parts.query), ("decision", decision)]),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def come_back(back: dict[str, str], bound_to: str = BROWSER, **more) -> consent.Returned:
    said = {name: back.get(name, "") for name in ("state", "code", "error")}
    return consent.finish("harbor", bound_to=bound_to, told=back, **said, **more)


def connected(decision: str = "approve", **changes) -> Connection:
    connection = come_back(decide(leave(**changes), decision)).connection
    assert connection is not None
    return connection


def count() -> int:
    return db.session.scalar(select(func.count(Connection.id)))


def token_calls(harbor) -> int:
    return sum(1 for seen in harbor.requests if seen.path == "/oauth/token")


# -- what differs from service to service ----------------------------------------------------------------------------


def test_scopes_are_asked_for_as_the_service_writes_them_with_a_challenge(session, harbor, settings):
    asked = dict(parse_qsl(urlsplit(leave().address).query))

    assert asked["scope"] == "berths.read,ships.read"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == f"{settings.BASE_URL}/oauth/harbor/callback"


def test_what_is_told_beside_the_code_becomes_a_setting(session, harbor):
    connection = connected()

    assert connection.settings == {"harbor_id": "H1", "firm_id": "F1"}
    assert (connection.account_id, connection.facts) == ("F1", {"Plan": "Quay"})
    assert connection.scopes == connection.permissions == ["berths.read", "ships.read"]


def test_a_verifier_that_does_not_fit_gets_no_token(session, harbor):
    back = decide(leave())
    asked = db.session.scalar(select(OAuthState))
    asked.verifier = sealed.vault().seal(f"oauth:{asked.state_hash}", "another-verifier-" + "x" * 40)
    db.session.commit()

    with pytest.raises(NeedsPerson, match="code_verifier"):
        come_back(back)
    assert count() == 0


@pytest.mark.parametrize("iss", ["", "https://issuer.harbor.example", "own"])
@pytest.mark.one_database
def test_an_answer_in_the_name_of_the_service_is_taken(session, harbor, iss):
    """X7"""
    assert come_back(decide(leave()), iss=harbor.url if iss == "own" else iss).connection.status == "connected"


def test_an_answer_in_another_name_makes_no_token_call(session, harbor):
    """X7: iss is checked when it is sent."""
    back = decide(leave())
    with pytest.raises(InvalidInput, match="not Harbor") as caught:
        come_back(back, iss="https://evil.example")

    assert caught.value.field == "state"
    assert token_calls(harbor) == count() == 0


# -- several accounts ------------------------------------------------------------------------------------------------


@pytest.fixture
def two_firms(harbor):
    harbor.firms[""] = [("F1", "Harbor One"), ("F2", "Harbor Two")]
    return harbor


def test_of_several_accounts_a_person_chooses_one_before_anything_is_kept(session, two_firms):
    returned = come_back(back := decide(leave()))

    assert returned.connection is None
    assert count() == 0
    assert [one["name"] for one in returned.asked.choices] == ["Harbor One", "Harbor Two"]
    chosen = consent.choose("harbor", state=back["state"], account_id="F2", bound_to=BROWSER).connection
    assert (chosen.account_name, chosen.settings["firm_id"]) == ("Harbor Two", "F2")
    assert connections.test(chosen).id == "F2"


def test_tokens_that_wait_for_a_choice_are_sealed_and_gone_afterwards(session, two_firms):
    state = decide_and_wait()
    row = db.session.scalar(select(OAuthState))
    access = next(token for token in two_firms._given if "refresh" not in token)
    assert access not in str(vars(row))
    assert rotation.rotate("Ana")["choices"] == 1

    consent.choose("harbor", state=state, account_id="F1", bound_to=BROWSER)
    db.session.refresh(row)
    assert (row.pending, row.choices) == (None, [])


def decide_and_wait() -> str:
    back = decide(leave())
    assert come_back(back).connection is None
    return back["state"]


@pytest.mark.parametrize("wrong", ["another browser", "ten minutes", "twice", "unknown account", "unknown state"])
def test_a_choice_is_good_once_for_whoever_began_it(session, two_firms, clock, wrong):
    state, browser, account = decide_and_wait(), BROWSER, "F1"
    if wrong == "another browser":
        browser = "b" * 64
    if wrong == "ten minutes":
        clock.advance(601)
    if wrong == "unknown account":
        account = "F9"
    if wrong == "unknown state":
        state = "x" * 43
    if wrong == "twice":
        consent.choose("harbor", state=state, account_id=account, bound_to=browser)
    before = count()

    with pytest.raises(InvalidInput):
        consent.choose("harbor", state=state, account_id=account, bound_to=browser)
    assert count() == before


@pytest.mark.one_database
def test_a_setting_that_names_the_account_spares_the_choice(session, two_firms):
    assert connected(settings={"firm_id": "F2"}).account_id == "F2"


@pytest.mark.one_database
def test_credentials_from_a_terminal_say_which_account(session, two_firms):
    answer = two_firms.token_answer()
    with pytest.raises(InvalidInput, match="Harbor Two: firm_id=F2"):
        connections.add("harbor", name="Ours", credentials=answer, by="Ana")

    added = connections.add("harbor", name="Ours", credentials=answer, settings={"firm_id": "F2"}, by="Ana")
    assert added.account_id == "F2"


def test_a_reconnection_picks_the_pinned_account_by_itself(session, two_firms):
    """K5"""
    connection = connected(settings={"firm_id": "F2"})
    number, before = connection.id, sealed.unseal(connection)["access_token"]

    again = connected(connection=connection)

    assert (again.id, again.account_id) == (number, "F2")
    assert sealed.unseal(again)["access_token"] != before


@pytest.mark.parametrize("told", [True, False], ids=["told beside the code", "told by the list"])
def test_a_reconnection_of_another_account_changes_nothing(session, harbor, told):
    """K5"""
    connection = connected()
    number, before = connection.id, connection.credentials
    back = decide(leave(connection=connection), OTHER)
    if not told:
        back.pop("harborId")

    with pytest.raises(WrongAccount, match="Nothing was changed"):
        come_back(back)
    db.session.rollback()
    assert connections.find(number).credentials == before


def test_an_account_is_connected_a_second_time_only_by_somebody_who_means_it(session, harbor):
    first = connected(name="First").id
    state = decide_and_wait()

    with pytest.raises(AlreadyConnected, match="as First") as caught:
        consent.choose("harbor", state=state, account_id="F1", bound_to=BROWSER)
    assert caught.value.details == {"connections": [first]}
    assert consent.choose("harbor", state=state, account_id="F1", bound_to=BROWSER, again=True).connection
    assert count() == 2


def test_by_key_a_second_time_has_to_be_meant_too(session, sandbox):
    first = connect(sandbox, "clockify")
    facts = sandbox.described()["clockify"]
    given = {"credentials": {"api_key": facts["api_key"]}, "settings": {"workspace_id": facts["workspace_id"]}}

    with pytest.raises(AlreadyConnected, match="connected already"):
        connections.add("clockify", name="Twin", **given, by="Ana", again=False)
    assert connections.add("clockify", name="Twin", **given, by="Ana", again=True).id != first


# -- permissions -----------------------------------------------------------------------------------------------------


def test_the_permissions_asked_for_are_the_scopes_sent(session, harbor):
    leaving = leave(permissions=["berths.read", "berths.write", "berths.read"])

    assert dict(parse_qsl(urlsplit(leaving.address).query))["scope"] == "berths.read,berths.write"
    connection = come_back(decide(leaving)).connection
    assert connection.permissions == connection.scopes == ["berths.read", "berths.write"]


@pytest.mark.one_database
def test_a_permission_the_service_does_not_have_is_refused(session, harbor):
    with pytest.raises(InvalidInput, match=r"There are: berths\.read") as caught:
        leave(permissions=["everything"])
    assert caught.value.field == "permissions"


def test_a_reconnection_asks_for_the_same_unless_told_otherwise(session, harbor):
    number = connected(permissions=["berths.read"]).id
    same = dict(parse_qsl(urlsplit(leave(connection=connections.find(number)).address).query))
    assert same["scope"] == "berths.read"

    connected(connection=connections.find(number), permissions=["berths.read", "ships.read"])
    assert connections.find(number).scopes == ["berths.read", "ships.read"]


def test_a_service_that_does_not_say_what_it_granted_granted_what_was_asked(session, harbor, monkeypatch):
    monkeypatch.setattr(harbor, "scopes_of", lambda token: ())
    assert connected().scopes == ["berths.read", "ships.read"]


# -- programs --------------------------------------------------------------------------------------------------------

PORTAL = "https://portal.example.com/connected?from=console"


@pytest.fixture
def registered(session):
    firm.save({"firm.redirect_uris": f"{PORTAL}\nhttps://other.example.com/"}, actor="Ana")


def test_a_program_begins_and_ends_a_consent_without_a_browser_session(session, harbor, registered):
    mine = consent.program("7")
    leaving = leave(bound_to=mine, by_program=True, return_to=PORTAL, their_state="abc&1")
    back = decide(leaving)
    assert back["state"] == leaving.state

    returned = come_back(back, mine)

    assert returned.connection.status == "connected"
    where = returns.way_back(returned.asked, connectionId="conn_1")
    assert where.startswith("https://portal.example.com/connected?")
    assert dict(parse_qsl(urlsplit(where).query)) == {"from": "console", "connectionId": "conn_1", "state": "abc&1"}


def test_another_program_cannot_end_it(session, harbor, registered):
    back = decide(leave(bound_to=consent.program("7"), by_program=True))
    with pytest.raises(InvalidInput):
        come_back(back, consent.program("8"))
    assert token_calls(harbor) == 0


@pytest.mark.parametrize(
    "address", [PORTAL + "/", PORTAL.upper(), "https://portal.example.com", "//portal.example.com", "javascript:alert"]
)
@pytest.mark.one_database
def test_only_an_address_registered_to_the_letter_is_gone_back_to(session, harbor, registered, address):
    with pytest.raises(InvalidInput, match="not registered") as caught:
        leave(bound_to=consent.program("7"), by_program=True, return_to=address)
    assert caught.value.field == "redirectUri"


@pytest.mark.settings(API_REDIRECT_URIS="https://one.example.com/a, https://two.example.com/b")
@pytest.mark.one_database
def test_addresses_may_come_from_the_environment(session, settings):
    assert returns.registered() == ["https://one.example.com/a", "https://two.example.com/b"]


@pytest.mark.parametrize("address", ["ftp://x.example", "https://u:p@x.example/", "https://x.example/#a", "https://"])
@pytest.mark.one_database
def test_an_address_that_cannot_be_gone_to_is_not_registered(session, address):
    with pytest.raises(InvalidInput, match="cannot be used"):
        firm.save({"firm.redirect_uris": address}, actor="Ana")


# -- taking back -----------------------------------------------------------------------------------------------------


def test_removal_takes_the_tokens_back_the_way_the_service_declares(session, harbor):
    connection = connected()
    refresh = sealed.unseal(connection)["refresh_token"]

    said = connections.remove(connection, by="Ana")

    assert "took the tokens back" in said
    assert harbor.taken_back == [{"token": refresh, "firm": "HC1"}]
    assert db.session.get(Connection, connection.id).credentials is None


def test_a_refusal_with_a_good_status_is_told_and_the_removal_stands(session, harbor, monkeypatch):
    connection = connected()
    monkeypatch.setattr(harbor, "client_secret", "changed")

    said = connections.remove(connection, by="Ana")

    assert "did not take the tokens back: It said bad_client" in said
    assert db.session.get(Connection, connection.id).status == "removed"
