"""Consent over the Integrations API, by real HTTP: begun by a program, given at the sandbox, finished on both ways."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from integration_console.models import Connection, OAuthState, PendingConnection, WebhookTarget, db

from .serving import Program, consent, http, listening, served, token_of
from .test_integrations_api import API, fine, refused, wrong

BACK = "https://app.example.com/connected?tenant=7"
pytestmark = pytest.mark.settings(API_REDIRECT_URIS=f"{BACK}, https://other.example.com/back")


@pytest.fixture
def base(app, own_firm):
    with served(app) as address:
        yield address


@pytest.fixture
def program(app, base):
    return lambda email="": Program(base, {"Authorization": f"Bearer {token_of(app, 'admin', 'write', email)}"})


def browser(base: str, path: str):
    """A browser that is not signed in."""
    return http.request("GET", base + path, headers={"Accept": "text/html,*/*"}, redirect=False)


def begin(ana, **settings) -> dict:
    return fine(ana("POST", f"{API}/connections", {"service": "clio", "permissions": [], "settings": settings}), 201)


def test_a_connection_has_an_id_before_the_person_is_back(app, program, base):
    ana = program()
    with listening() as hook:
        begun = begin(ana, syncFrequency="daily", webhookUrl=hook.url)
    assert set(begun) == {"success", "connectionId", "authUrl", "state"}
    assert parse_qs(urlsplit(begun["authUrl"]).query)["state"] == [begun["state"]]
    one = f"{API}/connections/{begun['connectionId']}"
    waiting = fine(ana("GET", one))["connection"]
    assert (waiting["status"], waiting["syncStatus"], waiting["connectedAt"]) == ("pending", "never", None)
    assert waiting["settings"] == {"webhookUrl": hook.url, "syncFrequency": "daily"}
    for query in ("", "?status=pending", "?service=clio"):
        assert [c["id"] for c in fine(ana("GET", f"{API}/connections{query}"))["connections"]] == [waiting["id"]]
    for query in ("?status=connected", "?service=ghl"):
        assert fine(ana("GET", f"{API}/connections{query}"))["connections"] == []
    refused(ana("POST", f"{one}/sync", {"syncType": "full"}), 409, "conflict")
    fine(ana("PATCH", one, {"settings": {"syncFrequency": "weekly"}}))

    told = fine(ana("GET", f"{API}/oauth/clio/callback?{urlencode(consent(begun['authUrl']))}"))
    assert set(told) == {"success", "connectionId", "message"}
    assert told["connectionId"] == begun["connectionId"]
    there = fine(ana("GET", one))["connection"]
    assert (there["status"], there["service"], there["settings"]["syncFrequency"]) == ("connected", "clio", "weekly")
    assert there["expiresAt"].endswith("Z")
    with app.app_context():
        assert db.session.query(WebhookTarget).one().url == hook.url
        assert db.session.query(PendingConnection).count() == 0
    assert fine(ana("POST", f"{one}/sync", {"syncType": "incremental"}), 202)


def test_what_waits_for_consent_is_met_once_by_a_walk_of_pages_however_short(program, own_firm):
    ana = program()
    ids = [begin(ana)["connectionId"] for _ in range(3)][::-1]
    for name in ("Office", "Branch"):
        own_firm.connect("clockify", name=name)

    def walk(query: str) -> list[str]:
        met, cursor = [], ""
        while cursor is not None:
            page = fine(ana("GET", f"{API}/connections?{query}{cursor and f'&cursor={cursor}'}"))
            assert page["connections"]
            met, cursor = [*met, *(one["id"] for one in page["connections"])], page["nextCursor"]
        return met

    everything = walk("limit=50")
    assert (everything[:3], len(everything)) == (ids, 5)
    for most in (1, 2, 3, 4):
        assert walk(f"limit={most}") == everything
        assert walk(f"status=pending&limit={most}") == ids
        assert walk(f"service=clio&limit={most}") == ids
        assert walk(f"status=connected&limit={most}") == everything[3:]
    place = fine(ana("GET", f"{API}/connections?limit=1"))["nextCursor"]
    for query in (f"status=connected&cursor={place}", f"status=pending&cursor={everything[3]}", "cursor=pend_zz"):
        wrong(ana("GET", f"{API}/connections?{query}"), "cursor")


@pytest.mark.one_database
def test_a_state_is_good_once_for_its_owner_only(app, program, base):
    """X7"""
    ana, ben = program(), program("ben@example.com")
    back = urlencode(consent(begin(ana)["authUrl"]))
    wrong(ben("GET", f"{API}/oauth/clio/callback?{back}"), "state")
    wrong(ana("GET", f"{API}/oauth/ghl/callback?{back}"), "state")
    wrong(ana("GET", f"{API}/oauth/clio/callback?code=x&state=made-up"), "state")
    refused(Program(base, {})("GET", f"{API}/oauth/clio/callback?{back}"), 401, "unauthenticated")
    fine(ana("GET", f"{API}/oauth/clio/callback?{back}"))
    wrong(ana("GET", f"{API}/oauth/clio/callback?{back}"), "state")
    with app.app_context():
        assert db.session.query(Connection).count() == 1


@pytest.mark.one_database
def test_a_refused_consent_and_one_that_took_too_long_leave_nothing(app, program, clock):
    ana = program()
    begun = begin(ana)
    said = wrong(ana("GET", f"{API}/oauth/clio/callback?{urlencode(consent(begun['authUrl'], 'refuse'))}"), "error")
    assert "access_denied" in said
    refused(ana("GET", f"{API}/connections/{begun['connectionId']}"), 404, "not_found")
    begun = begin(ana)
    back = urlencode(consent(begun["authUrl"]))
    clock.advance(601)
    refused(ana("GET", f"{API}/connections/{begun['connectionId']}"), 404, "not_found")
    wrong(ana("GET", f"{API}/oauth/clio/callback?{back}"), "state")
    begun = begin(ana)
    assert "not made yet" in fine(ana("DELETE", f"{API}/connections/{begun['connectionId']}"))["message"]
    refused(ana("GET", f"{API}/connections/{begun['connectionId']}"), 404, "not_found")
    with app.app_context():
        assert db.session.query(Connection).count() == 0


def test_a_browser_goes_on_to_the_registered_address(app, program, base):
    ana = program()
    asked = urlencode({"redirectUri": BACK, "state": "theirs & ours", "scopes": ""})
    begun = fine(ana("GET", f"{API}/oauth/clio/authorize?{asked}"))
    assert set(begun) == {"success", "authUrl", "state"}
    back = consent(begun["authUrl"])
    answer = browser(base, f"{API}/oauth/clio/callback?{urlencode(back)}")
    assert answer.status == 302
    answer = browser(base, answer.headers["Location"])
    went = urlsplit(answer.headers["Location"])
    assert f"{went.scheme}://{went.netloc}{went.path}" == "https://app.example.com/connected"
    told = parse_qs(went.query)
    assert (told["tenant"], told["state"]) == (["7"], ["theirs & ours"])
    assert fine(ana("GET", f"{API}/connections/{told['connectionId'][0]}"))["connection"]["status"] == "connected"


@pytest.mark.one_database
def test_a_browser_whose_person_refused_goes_on_too_and_says_so(app, program, base):
    ana = program()
    begun = fine(ana("GET", f"{API}/oauth/clio/authorize?{urlencode({'redirectUri': BACK, 'state': 's'})}"))
    answer = browser(base, f"/oauth/clio/callback?{urlencode(consent(begun['authUrl'], 'refuse'))}")
    told = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert (told["error"], told["state"]) == (["access_denied"], ["s"])


@pytest.mark.one_database
def test_a_browser_with_nowhere_to_go_gets_a_page(app, program, base):
    ana = program()
    answer = browser(base, f"/oauth/clio/callback?{urlencode(consent(begin(ana)['authUrl']))}")
    assert answer.status == 200
    assert "is connected" in answer.data.decode()
    answer = browser(base, f"{API}/oauth/clio/callback?code=x&state=made-up")
    assert "/oauth/clio/callback" in answer.headers["Location"]
    assert browser(base, "/oauth/clio/callback?code=x&state=made-up").status == 303  # to the door


@pytest.mark.one_database
def test_only_a_registered_address_exactly_is_gone_on_to(app, program):
    ana = program()
    for uri in (
        "https://app.example.com/connected", BACK + "&x=1", BACK.replace("https", "http"), BACK.upper(), BACK + "#x",
        "https://evil.example.com/", "//app.example.com/connected?tenant=7", "",
    ):  # fmt: skip
        wrong(ana("GET", f"{API}/oauth/clio/authorize?{urlencode({'redirectUri': uri})}"), "redirectUri")
    wrong(ana("GET", f"{API}/oauth/clio/authorize"), "redirectUri")
    refused(ana("GET", f"{API}/oauth/nothing/authorize?{urlencode({'redirectUri': BACK})}"), 404, "not_found")
    wrong(ana("GET", f"{API}/oauth/clockify/authorize?{urlencode({'redirectUri': BACK})}"), "credentials")
    with app.app_context():
        assert db.session.query(OAuthState).count() == 0


@pytest.mark.one_database
def test_permissions_asked_for_are_the_scopes_sent_and_unknown_ones_are_named(program):
    ana = program()
    asked = {"service": "ghl", "permissions": ["contacts.readonly", "locations.readonly"]}
    begun = fine(ana("POST", f"{API}/connections", asked), 201)
    assert parse_qs(urlsplit(begun["authUrl"]).query)["scope"] == ["contacts.readonly locations.readonly"]
    uri = urlencode({"redirectUri": BACK, "scopes": "contacts.readonly, locations.readonly"})
    begun = fine(ana("GET", f"{API}/oauth/ghl/authorize?{uri}"))
    assert parse_qs(urlsplit(begun["authUrl"]).query)["scope"] == ["contacts.readonly locations.readonly"]
    wrong(ana("POST", f"{API}/connections", asked | {"permissions": ["everything"]}), "permissions")


@pytest.mark.one_database
def test_nobody_is_sent_to_consent_to_what_could_not_tell_the_account(program):
    """HighLevel says whose token it is only to who may view locations; people consented and were refused."""
    ana = program()
    few = ["contacts.readonly", "users.readonly"]

    told = wrong(ana("POST", f"{API}/connections", {"service": "ghl", "permissions": few}), "permissions")

    assert "without the permission locations.readonly: without it the location cannot be told" in told
    uri = urlencode({"redirectUri": BACK, "scopes": ",".join(few)})
    wrong(ana("GET", f"{API}/oauth/ghl/authorize?{uri}"), "permissions")


def test_other_permissions_of_a_live_connection_need_a_new_consent(app, program):
    ana = program()
    few = ["contacts.readonly", "locations.readonly"]  # without the latter HighLevel does not say whose account it is
    begun = fine(ana("POST", f"{API}/connections", {"service": "ghl", "permissions": few}), 201)
    fine(ana("GET", f"{API}/oauth/ghl/callback?{urlencode(consent(begun['authUrl']))}"))
    one = f"{API}/connections/{begun['connectionId']}"
    before = fine(ana("GET", one))["connection"]["permissions"]
    told = fine(ana("PATCH", one, {"permissions": [*few, "users.readonly"]}))
    assert parse_qs(urlsplit(told["authUrl"]).query)["scope"] == [" ".join([*few, "users.readonly"])]
    assert told["connection"]["permissions"] == before
    back = urlencode(consent(told["authUrl"]))
    assert fine(ana("GET", f"{API}/oauth/ghl/callback?{back}"))["connectionId"] == begun["connectionId"]
    assert len(fine(ana("GET", f"{API}/connections"))["connections"]) == 1
    assert "authUrl" not in fine(ana("PATCH", one, {"permissions": ["users.readonly", *few]}))
    wrong(ana("PATCH", one, {"permissions": ["everything"]}), "permissions")


def test_a_lost_sign_in_is_given_again_through_the_api(app, own_firm, program):
    ana = program()
    begun = begin(ana)
    fine(ana("GET", f"{API}/oauth/clio/callback?{urlencode(consent(begun['authUrl']))}"))
    one = f"{API}/connections/{begun['connectionId']}"
    assert "authUrl" not in fine(ana("PATCH", one, {"permissions": []}))
    with app.app_context():
        db.session.query(Connection).update({"status": "needs_reconnect"})
        db.session.commit()

    told = fine(ana("PATCH", one, {"permissions": []}))
    back = urlencode(consent(told["authUrl"]))

    assert fine(ana("GET", f"{API}/oauth/clio/callback?{back}"))["connectionId"] == begun["connectionId"]
    assert fine(ana("GET", one))["connection"]["status"] == "connected"


@pytest.mark.one_database
def test_a_keys_permissions_are_not_changed_here(own_firm, program):
    own_firm.connect("clockify")
    ana = program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    wrong(ana("PATCH", f"{API}/connections/{one}", {"permissions": ["read"]}), "permissions")


def test_tokens_are_renewed_once_however_many_ask(own_firm, program):
    """K1"""
    own_firm.connect("clio")
    ana = program()
    one = fine(ana("GET", f"{API}/connections"))["connections"][0]["id"]
    told = fine(ana("POST", f"{API}/oauth/clio/refresh", {"connectionId": one}))["connection"]
    assert set(told) == {"id", "status", "expiresAt"}
    assert (told["id"], told["status"]) == (one, "connected")
    seen = own_firm.upstreams.clio.requests
    before = sum(1 for call in seen if call.path == "/oauth/token")
    own_firm.upstreams.clio.script("/oauth/token", {"delay_s": 1.5, "through": True, "times": 9})
    with ThreadPoolExecutor(6) as hands:
        answers = list(hands.map(lambda _: ana("POST", f"{API}/oauth/clio/refresh", {"connectionId": one}), range(6)))
    assert {answer.status for answer in answers} == {200}
    assert sum(1 for call in seen if call.path == "/oauth/token") == before + 1


@pytest.mark.one_database
def test_what_cannot_be_renewed_says_why(own_firm, program):
    clio, _ = own_firm.connect("clio"), own_firm.connect("clockify")
    ana = program()
    ids = {one["service"]: one["id"] for one in fine(ana("GET", f"{API}/connections"))["connections"]}
    wrong(ana("POST", f"{API}/oauth/clockify/refresh", {"connectionId": ids["clockify"]}), "connectionId")
    refused(ana("POST", f"{API}/oauth/clio/refresh", {"connectionId": ids["clockify"]}), 404, "not_found")
    wrong(ana("POST", f"{API}/oauth/clio/refresh", {}), "connectionId")
    own_firm.upstreams.clio.revoke()
    refused(ana("POST", f"{API}/oauth/clio/refresh", {"connectionId": ids["clio"]}), 401, "needs_reconnect")
    assert fine(ana("GET", f"{API}/connections/{ids['clio']}"))["connection"]["status"] == "expired"
    assert clio == 1
