"""Consent in a browser: the choice of an account, a second connection, programs that began it, and who is told what."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import urllib3

from integration_console.models import Connection, OAuthState, db
from integration_console.operations import settings as firm_settings
from integration_console.operations.accounts import connections, consent

from ..html_page import Page
from ..operations.harbor import harbor_open

PORTAL = "https://portal.example.com/connected"


@pytest.fixture
def harbor(monkeypatch, app):
    with harbor_open(monkeypatch) as upstream:
        upstream.firms[""] = [("F1", "Harbor One"), ("F2", "Harbor <b>Two</b>")]
        yield upstream


@pytest.fixture
def admin(enter):
    return enter("admin")


def consented(address: str, decision: str = "approve") -> str:
    """Answer at the service; the path of ours it sends the browser back to."""
    parts = urlsplit(address)
    body = urlencode([*parse_qsl(parts.query), ("decision", decision)])
    answer = urllib3.request("POST", address.partition("?")[0], body=body, redirect=False)
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def leave(browser, **values) -> str:
    """Begin on the page; the service's address."""
    answer = browser.send("/connections/new/harbor/consent", "/connections/new/harbor", {"name": "Ours", **values})
    return Page(answer).links["Continue to Harbor"]


def rows(app) -> list[tuple]:
    with app.app_context():
        return [(c.name, c.account_id, c.created_by) for c in db.session.query(Connection).order_by(Connection.id)]


def begun_by_program(app, **changes) -> str:
    with app.app_context():
        usual = {"name": "Portal", "settings": {"firm_id": "F1"}, "by": "api@example.com", "by_program": True}
        usual |= {"bound_to": consent.program("7"), "their_state": "s&1"}
        return consent.begin("harbor", **{**usual, **changes}).address


# -- choosing --------------------------------------------------------------------------------------------------------


def test_several_accounts_are_listed_and_no_token_reaches_the_browser(admin, app, harbor):
    answer = admin.client.get(consented(leave(admin)))
    assert answer.status_code == 302
    page = admin.open(answer.location)

    assert page.headings == ["Choose the account"]
    assert "Harbor One" in page.text
    assert "Harbor <b>Two</b>" in page.text  # as text, not as HTML
    html = admin.client.get(answer.location).text
    assert not [token for token in harbor._given if token in html]
    assert rows(app) == []

    sent = {"state": answer.location.partition("state=")[2], "account": "F2"}
    done = admin.send("/oauth/harbor/account", answer.location, sent)
    assert done.location.endswith("/connections/1#preflight")
    assert rows(app) == [("Ours", "F2", "admin@example.com")]
    assert admin.send("/oauth/harbor/account", "/connections/1", sent).status_code == 400


def test_the_choice_is_nobody_elses(admin, enter, app, harbor):
    """X7"""
    where = admin.client.get(consented(leave(admin))).location
    other = enter("admin", "other@example.com")
    assert other.open(where).status == 400
    sent = {"state": where.partition("state=")[2], "account": "F1"}
    assert other.send("/oauth/harbor/account", "/connections", sent).status_code == 400
    assert enter("support").open(where).status == 403
    assert rows(app) == []


def test_an_account_that_is_connected_needs_a_tick(admin, app, harbor):
    admin.client.get(consented(leave(admin, name="First")))
    harbor.firms[""] = [("F1", "Harbor One")]
    with app.app_context():
        connections.add("harbor", name="First", credentials=harbor.token_answer(), by="Ana")
    where = admin.client.get(consented(leave(admin))).location
    page = admin.open(where)
    assert page.headings == ["Connected already"]
    assert "Connected already, as First." in page.text
    assert page.links["See that connection"] == "/connections/1"
    assert page.links["To the connections"] == "/connections"

    sent = {"state": where.partition("state=")[2], "account": "F1"}
    refused = admin.send("/oauth/harbor/account", where, sent)
    assert refused.status_code == 422
    assert "is connected already, as First" in Page(refused).text
    assert admin.send("/oauth/harbor/account", where, sent | {"again": "yes"}).status_code == 302
    assert len(rows(app)) == 2


def test_by_key_a_second_connection_needs_a_tick_too(admin, app, firm):
    facts = firm.upstreams.described()["ghl"]
    sent = {"name": "Intake", "api_key": facts["api_key"], "location_id": facts["location_id"], "frequency": "manual"}
    page = "/connections/new/ghl"
    assert admin.send(page, page, sent).status_code == 302
    refused = admin.send(page, page, sent)
    assert refused.status_code == 422
    assert "connected already, as Intake" in Page(refused).text
    assert "Connect an account a second time" in Page(refused).text
    assert admin.send(page, page, sent | {"again": "yes"}).status_code == 302
    assert len(rows(app)) == 2


@pytest.mark.one_database
def test_the_permissions_ticked_are_those_asked_for(admin, harbor):
    address = leave(admin, **{"permission:berths.read": "yes", "permission:berths.write": "yes"})
    assert dict(parse_qsl(urlsplit(address).query))["scope"] == "berths.read,berths.write"
    unknown = {"name": "Ours", "permission:everything": "yes"}
    assert admin.send("/connections/new/harbor/consent", "/connections/new/harbor", unknown).status_code == 422


def test_what_was_not_granted_is_said_on_the_connections_page(admin, harbor):
    harbor.firms[""], harbor.refused = [("F1", "Harbor One")], ("ships.read",)
    page = admin.open(admin.client.get(consented(leave(admin))).location.partition("#")[0])
    assert "Not everything that was asked for was granted. Without ships.read , ships cannot be read." in page.text
    assert "Granted: berths.read ." in page.text


# -- programs --------------------------------------------------------------------------------------------------------


def test_a_programs_browser_goes_back_where_it_was_registered(app, client, harbor):
    """The integrations contract: with connectionId and their state, and without any sign-in here."""
    with app.app_context():
        firm_settings.save({"firm.redirect_uris": PORTAL}, actor="test")
    answer = client.get(consented(begun_by_program(app, return_to=PORTAL)))

    assert answer.status_code == 302
    assert answer.location.startswith(PORTAL + "?connectionId=conn_")
    assert answer.location.endswith("&state=s%261")
    assert rows(app) == [("Portal", "F1", "api@example.com")]


def test_a_refusal_is_told_to_the_program_too(app, client, harbor):
    with app.app_context():
        firm_settings.save({"firm.redirect_uris": PORTAL}, actor="test")
    answer = client.get(consented(begun_by_program(app, return_to=PORTAL), "refuse"))
    assert answer.location == f"{PORTAL}?error=access_denied&state=s%261"
    assert rows(app) == []


def test_a_program_without_an_address_leaves_a_page(app, client, page, harbor):
    back = consented(begun_by_program(app))
    shown = page(back)
    assert shown.headings == ["Portal is connected"]
    assert page(back).status == 400  # once


def test_a_choice_a_program_began_is_made_without_a_sign_in(app, page, browser, harbor):
    visitor = browser()
    where = visitor.client.get(consented(begun_by_program(app, settings={}))).location
    assert "Harbor One" in visitor.open(where).text
    sent = {"state": where.partition("state=")[2], "account": "F1"}
    assert "Portal is connected" in Page(visitor.send("/oauth/harbor/account", where, sent)).headings
    assert rows(app) == [("Portal", "F1", "api@example.com")]


@pytest.mark.one_database
def test_an_unknown_state_asks_a_stranger_to_sign_in_and_calls_nobody(app, people, client, harbor):
    """X7"""
    people.add("admin")
    answer = client.get("/oauth/harbor/callback?state=made-up&code=x")
    assert answer.status_code == 303
    assert "/sign-in" in answer.location
    assert [seen for seen in harbor.requests if seen.path == "/oauth/token"] == []


@pytest.mark.one_database
def test_an_answer_in_another_name_is_refused(admin, app, harbor):
    """X7"""
    page = admin.open(consented(leave(admin)) + "&iss=https://evil.example")
    assert page.status == 400
    assert "not Harbor" in page.text
    assert rows(app) == []
    with app.app_context():
        assert db.session.query(OAuthState).one().used_at is not None


# -- what needs a person ---------------------------------------------------------------------------------------------


def test_every_page_names_the_connection_that_needs_a_person(admin, enter, firm):
    number = firm.connect(name="Ruiz")
    assert "needs to be reconnected" not in admin.open("/runs").text
    firm.change(number, status="needs_reconnect", status_reason="The token was revoked.")

    for path in ("/", "/runs", "/settings/firm", "/transactions"):
        page = admin.open(path)
        assert "Ruiz needs to be reconnected." in page.text
        assert f"/connections/{number}/reconnect" in str(page.links.values())
    assert admin.open("/").text.count("Ruiz needs to be reconnected") == 1  # the verdict says it already
    support = enter("support").open("/runs")
    assert "Ruiz needs to be reconnected. An administrator can do that." in support.text
    assert admin.open(f"/connections/{number}").text.count("to be reconnected") == 1  # its own page says it once


@pytest.mark.one_database
def test_somebody_not_signed_in_is_told_nothing(firm, people, page):
    people.add("admin")
    firm.change(firm.connect(name="Ruiz"), status="needs_reconnect")
    assert "Ruiz" not in page("/sign-in").text


def test_a_schedule_that_cannot_fit_is_refused_on_the_page_with_the_sum(admin, firm, monkeypatch):
    monkeypatch.setenv("CLOCKIFY_LIMITS", "10/3600")
    number = firm.connect("clockify")
    sent = {"frequency": "15min", "cron": "", "time_zone": "UTC"}
    answer = admin.send(f"/connections/{number}/schedule", f"/connections/{number}/settings", sent)
    assert answer.status_code == 422
    assert "Every 15 minutes would take 4 × 2 + 1 × 6 = 14 calls an hour" in Page(answer).text


@pytest.mark.one_database
def test_the_guide_is_linked_and_opens_for_everybody_who_may_see_connections(admin, enter, firm):
    link = next(href for text, href in admin.open("/connections/new/clio").links.items() if text.startswith("How to"))
    for somebody in (admin, enter("support")):
        page = somebody.open(link)
        assert page.status == 200
        assert "http://127.0.0.1:8000/oauth/clio/callback" in page.text


@pytest.mark.one_database
def test_the_addresses_programs_may_use_are_kept_on_the_settings_page(admin, app):
    sent = {"name": "", "time_zone": "UTC", "jurisdiction": "", "redirect_uris": f"{PORTAL}\nhttps://b.example/x"}
    assert admin.send("/settings/firm", "/settings/firm", sent).status_code == 302
    with app.app_context():
        assert firm_settings.get("firm.redirect_uris").split() == [PORTAL, "https://b.example/x"]
    wrong = admin.send("/settings/firm", "/settings/firm", sent | {"redirect_uris": "portal"})
    assert wrong.status_code == 422
    assert "cannot be used" in Page(wrong).text
