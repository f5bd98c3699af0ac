"""Who may do what (X12), who is signed in (X4), and that a GET changes nothing (X6)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from integration_console.models import Transaction, UserSession, db
from integration_console.operations.people import users
from integration_console.web.access import ANYONE, RIGHTS, local_path

from ..html_page import Page

PRIVATE = ["/settings/", "/settings/profile", "/settings/firm", "/settings/people", "/settings/audit"]
FOR_ADMINS = ["/settings/firm", "/settings/services", "/settings/people", "/settings/retention", "/settings/system"]


@pytest.mark.one_database
def test_every_route_declares_its_right(app):
    """X12: a page without a declared right is refused for everybody, and this fails."""
    undeclared = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "right", None) not in (ANYONE, *RIGHTS)
    ]
    assert undeclared == []


@pytest.mark.one_database
def test_a_route_that_forgot_its_right_opens_for_nobody(app, enter):
    """X12"""
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    assert enter("admin").open("/forgotten").status == 403


@pytest.mark.postgresql_at_length
def test_somebody_not_signed_in_is_led_to_the_door_and_back(people, browser):
    """X12: not signed in means the sign-in page, then the page that was asked for."""
    people.add("admin")
    somebody = browser()
    asked = somebody.client.get("/settings/audit?before=7")
    assert asked.status_code == 303
    assert asked.headers["Location"] == "/sign-in?next=/settings/audit?before%3D7"

    form = somebody.open(asked.headers["Location"])
    answer = somebody.sign_in("admin@example.com", to=form.one("input", name="next").attrs["value"])
    assert answer.headers["Location"] == "/settings/audit?before=7"


@pytest.mark.one_database
@pytest.mark.parametrize("path", PRIVATE)
def test_no_private_page_opens_without_signing_in(client, people, path):
    people.add("admin")
    assert client.get(path).status_code == 303


@pytest.mark.one_database
@pytest.mark.parametrize("role", ["staff", "support"])
def test_settings_of_the_firm_are_for_administrators(enter, role):
    """X12"""
    somebody = enter(role)
    for path in FOR_ADMINS:
        page = somebody.open(path)
        assert (page.status, page.headings) == (403, ["You may not do this"])
    assert somebody.send("/settings/firm", "/settings/profile", {"name": "Mine"}).status_code == 403


def test_a_refused_request_is_in_the_audit_log(enter):
    """X14"""
    enter("staff").open("/settings/people")
    assert (
        "staff@example.com Request refused /settings/people Method: GET" in enter("admin").open("/settings/audit").text
    )


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/runs?state=failed", "/runs?state=failed"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("//[", "/"),  # no address at all
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("javascript:alert(1)", "/"),
        ("/\nevil", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_the_way_back_is_always_a_page_of_ours(asked, led_to):
    assert local_path(asked) == led_to


def test_a_demoted_person_loses_the_right_on_the_next_request(app, enter):
    """X4: a role change ends the sessions."""
    somebody = enter("admin")
    enter("admin", "other@example.com")
    with app.app_context():
        users.set_role(users.by_email("admin@example.com"), "support", actor="test")
    assert somebody.client.get("/settings/people").status_code == 303


def test_a_disabled_person_is_out_on_the_next_request(app, enter):
    """X4"""
    somebody = enter("staff")
    enter("admin")
    with app.app_context():
        users.disable(users.by_email("staff@example.com"), actor="test")
    assert somebody.client.get("/settings/profile").status_code == 303
    assert somebody.sign_in("staff@example.com").status_code == 422


def test_a_session_ends_after_an_idle_hour_and_after_twelve_in_any_case(enter, clock):
    """X4"""
    idle, busy = enter("staff"), enter("admin")
    for _ in range(14):
        clock.advance(minutes=50)
        busy.open("/settings/profile")
    assert idle.client.get("/settings/profile").status_code == 303
    assert busy.client.get("/settings/profile").status_code == 200
    clock.advance(minutes=21)  # 12 h and a minute since signing in
    assert busy.client.get("/settings/profile").status_code == 303


def test_a_session_id_is_kept_as_a_hash_only(app, enter):
    """X4"""
    somebody = enter("staff")
    with app.app_context():
        row = db.session.scalars(select(UserSession)).one()
        assert len(row.token_hash) == 64
    with somebody.client.session_transaction() as cookie:
        assert len(cookie["_user_id"]) >= 43
        assert cookie["_user_id"] != row.token_hash


def test_signing_in_starts_a_new_session_whatever_the_cookie_held(people, browser):
    """X4: no fixation."""
    people.add("staff")
    somebody = browser()
    with somebody.client.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"
    somebody.sign_in("staff@example.com")
    with somebody.client.session_transaction() as cookie:
        assert "planted" not in cookie


def test_a_page_is_shown_while_somebody_else_writes(app, enter, clock):
    """D5: a GET never waits for SQLite's writer, not even to note that the session is used."""
    somebody = enter("staff")
    clock.advance(minutes=5)
    with app.app_context(), Session(db.engine) as writer:
        writer.add(UserSession(token_hash="x", user_id=1, created_at=clock.now(), last_used_at=clock.now()))
        writer.flush()  # holds SQLite's only writer lock
        assert somebody.open("/settings/profile").status == 200
        writer.rollback()


def test_the_last_use_of_a_session_is_noted_once_a_minute(app, enter, clock):
    somebody = enter("staff")
    with app.app_context():
        writes = []
        event.listen(db.engine, "before_cursor_execute", lambda *a: writes.append(a[2]) if "UPDATE" in a[2] else None)
        somebody.open("/settings/profile")
        assert writes == []
        clock.advance(seconds=61)
        somebody.open("/settings/profile")
        somebody.open("/settings/profile")
        assert len(writes) == 2  # the session and the person, once each


def test_who_asks_is_looked_up_in_the_transaction_the_page_is_read_in(app, enter):
    somebody, begun = enter("staff"), []
    with app.app_context():
        engine = db.engine

    def hear(_connection) -> None:
        begun.append(_connection)

    event.listen(engine, "begin", hear)
    try:
        assert somebody.open("/runs").status == 200
    finally:
        event.remove(engine, "begin", hear)
    assert len(begun) == 1


@pytest.mark.one_database
def test_a_form_without_its_token_changes_nothing(enter):
    """X6"""
    somebody = enter("admin")
    answer = somebody.client.post("/settings/firm", data={"name": "Evil LLP", "time_zone": "UTC"})
    assert answer.status_code == 403
    assert Page(answer).headings == ["The form expired"]
    assert "Nothing was saved." in answer.text
    assert somebody.open("/settings/firm").one("input", name="name").attrs["value"] == ""


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 302),  # what our own referrer policy makes browsers send
        ({"Origin": "http://localhost"}, 302),
        ({}, 302),
    ],
)
def test_a_form_sent_from_another_site_is_refused_even_with_a_token(enter, headers, status):
    """X6"""
    somebody = enter("admin")
    answer = somebody.send("/settings/firm", "/settings/firm", {"name": "Harbor", "time_zone": "UTC"}, headers=headers)
    assert answer.status_code == status


@pytest.mark.one_database
def test_a_field_the_form_does_not_have_is_refused(enter):
    """X12: no mass assignment."""
    somebody = enter("staff")
    answer = somebody.send("/settings/profile", "/settings/profile", {"name": "Sam", "time_zone": "", "role": "admin"})
    assert answer.status_code == 422
    assert somebody.open("/settings/people").status == 403


@pytest.mark.one_database
def test_a_stale_session_is_told_that_nothing_was_saved(enter, clock):
    somebody = enter("admin")
    token = somebody.open("/settings/firm").csrf
    clock.advance(hours=2)
    answer = somebody.client.post("/settings/firm", data={"csrf_token": token, "name": "X"}, follow_redirects=True)
    assert "You were signed out in the meantime. Nothing was saved." in answer.text
    back = Page(answer).one("input", name="next").attrs["value"]
    assert back == "/settings/firm", "who signs in again is where the form was"


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("sent_to", "back"),
    [
        ("/runs/17/log-download", "/runs/17"),  # and not to its log alone, which is a part of a page
        ("/runs/17/cancel", "/runs/17"), ("/backups/a.backup/download", "/backups"), ("/sign-out", "/"),
    ],
)  # fmt: skip
def test_a_form_leads_through_the_sign_in_to_a_page_that_can_be_opened(client, people, sent_to, back):
    people.add("admin")
    assert parse_qs(urlsplit(client.post(sent_to).headers["Location"]).query)["next"] == [back]


@pytest.mark.one_database
def test_a_live_part_asks_its_whole_page_to_sign_in(client, people):
    people.add("admin")
    answer = client.get("/settings/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")
    shown = {"HX-Request": "true", "HX-Current-URL": "http://localhost/runs/17?level=detail#log"}
    assert client.get("/settings/", headers=shown).headers["HX-Redirect"] == "/sign-in?next=/runs/17?level%3Ddetail"
    for odd in ("//evil.example/x", "/\\evil.example", "[", "/search?q=sk_live_51H8aBcDeFgHiJkLmNoPqRsT"):
        evil = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{odd}"}
        led = client.get("/settings/", headers=evil).headers["HX-Redirect"]
        assert led in ("/sign-in", "/sign-in?next=/search"), odd
    posted = {"HX-Request": "true", "HX-Current-URL": "http://localhost/connections/new/clio/consent"}
    assert client.get("/settings/", headers=posted).headers["HX-Redirect"] == "/sign-in?next=/connections/new/clio"


@pytest.mark.one_database
def test_a_cookie_says_nothing_at_the_door_of_webhooks(app, enter, firm):
    """X6: it was read there once, and on SQLite the delivery then waited half a minute for its own request."""
    firm.connect("clio")
    assert enter("staff").client.post("/webhook/matter", json={}).status_code == 401
    with app.app_context():
        assert db.session.query(Transaction).filter_by(direction="in").one().status == 401
