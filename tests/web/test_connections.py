"""Connecting accounts, looking after them, and who may."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3

from integration_console import clock
from integration_console.models import Connection, OAuthState, RunPart, SyncRun, Transaction, db

from ..html_page import Page

pytestmark = pytest.mark.one_database


@pytest.fixture
def admin(enter):
    return enter("admin")


@pytest.fixture
def ghl(upstreams):
    return upstreams.described()["ghl"]


def connect(browser, ghl, **values):
    sent = {"name": "Intake", "api_key": ghl["api_key"], "location_id": ghl["location_id"], "frequency": "hourly"}
    return browser.send("/connections/new/ghl", "/connections/new/ghl", sent | values)


def status_of(firm, number: int) -> Connection:
    with firm.app.app_context():
        return db.session.get_one(Connection, number)


def test_a_service_says_what_it_reads_before_anything_is_connected(admin, firm):
    page = admin.open("/connections/new/clio")
    assert "What will be read" in page.text
    assert "Bank transactions Trust money, read only" in page.text
    assert "Written there: nothing." in page.text
    assert "US (app.clio.com)" in page.text  # the region is chosen


def test_an_account_is_connected_by_key_and_named_by_the_service(admin, firm, ghl):
    answer = connect(admin, ghl)
    assert answer.status_code == 302
    page = admin.open(answer.location)
    assert page.headings == ["Intake"]
    assert "is connected as Ashby & Okoye LLP" in page.text
    assert ghl["api_key"] not in page.html


@pytest.mark.one_database
def test_what_a_service_wants_to_know_is_asked_before_a_consent_too(admin, firm):
    """By key and by consent stand on one page: each label leads to its own field."""
    page = admin.open("/connections/new/slack").html
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert page.count('name="app"') == 2
    assert sorted(ids) == sorted(set(ids))
    assert set(re.findall(r'\bfor="([^"]+)"', page)) <= set(ids)

    assert '<option value="starter">Starter</option>' in admin.open("/connections/new/xero").html


def test_a_wrong_key_is_refused_with_the_form_kept_and_the_key_not_shown(admin, firm, ghl):
    answer = connect(admin, ghl, api_key="pit-wrong", name="My intake")
    assert answer.status_code == 422
    page = Page(answer)
    assert "Nothing was saved." in page.text
    assert page.all("input", name="name")[0].attrs["value"] == "My intake"
    assert "pit-wrong" not in page.html
    assert page.one("div", id="form-errors").one("a").attrs["href"] == "#f-api_key"
    assert wrong(page) == ["f-api_key"]
    assert "No account is connected yet." in admin.open("/connections").text


def wrong(page: Page) -> list[str]:
    """The fields that are marked."""
    return [tag.attrs["id"] for tag in page.all("input") if "aria-invalid" in tag.attrs]


def test_of_two_forms_only_the_one_that_was_sent_is_marked(admin, firm, ghl):
    """Both have a name; a wrong one in the form of the key made the consent's red, and the other way round."""
    too_long = "n" * 201
    assert wrong(Page(connect(admin, ghl, name=too_long))) == ["f-name"]
    answer = admin.send("/connections/new/ghl/consent", "/connections/new/ghl", {"name": too_long})
    assert (answer.status_code, wrong(Page(answer))) == (422, ["f-consent-name"])
    assert Page(answer).one("div", id="form-errors").one("a").attrs["href"] == "#f-consent-name"


def test_a_missing_setting_is_said_at_its_field(admin, firm, ghl):
    page = Page(connect(admin, ghl, location_id=""))
    assert page.status == 422
    assert page.all("input", name="location_id")[0].attrs["aria-invalid"] == "true"


def test_all_that_was_left_empty_is_said_at_once_and_without_words_of_the_command_line(admin, firm, ghl):
    page = Page(connect(admin, ghl, name="", api_key=" ", location_id=""))
    said = page.one("div", id="form-errors")
    assert [link.attrs["href"] for link in said.all("a")] == ["#f-name", "#f-api_key", "#f-location_id"]
    assert said.text.endswith("The GoHighLevel key is missing. Location ID is missing.")


@pytest.mark.parametrize("role", ["staff", "support"])
def test_only_an_administrator_connects_and_removes(enter, firm, role):
    """X12"""
    number, somebody = firm.connect(), enter(role)
    for path in ("/connections/new", "/connections/new/clio", f"/connections/{number}/reconnect"):
        assert somebody.open(path).status == 403
    for path in ("removal", "schedule", "name", "reconnect", "consent", "resources/matters"):
        assert somebody.send(f"/connections/{number}/{path}", "/settings/profile").status_code == 403
    assert "Connect an account" not in somebody.open("/connections").links


def test_staff_may_pause_and_resume_support_may_not(enter, firm):
    """X12"""
    number, staff, support = firm.connect(), enter("staff"), enter("support")
    page = f"/connections/{number}/settings"
    assert support.send(f"/connections/{number}/pause", "/settings/profile").status_code == 403
    staff.send(f"/connections/{number}/pause", page, {"reason": "Audit week"})
    shown = staff.open(f"/connections/{number}")
    assert "by staff@example.com. Audit week" in shown.text
    staff.send(f"/connections/{number}/resume", page)
    assert status_of(firm, number).status == "connected"


# -- consent ---------------------------------------------------------------------------------------------------------


def test_without_a_script_consent_is_a_link_and_never_a_redirect_to_another_origin(admin, firm):
    """dependencies G17"""
    answer = admin.send("/connections/new/clio/consent", "/connections/new/clio", {"name": "Ruiz", "region": "us"})
    assert answer.status_code == 200
    assert Page(answer).links["Continue to Clio"].startswith(firm.upstreams.described()["clio"]["auth_url"])


def test_with_a_script_the_browser_is_told_where_to_go(admin, firm):
    token = admin.open("/connections/new/clio").csrf
    answer = admin.client.post(
        "/connections/new/clio/consent", data={"csrf_token": token, "name": "Ruiz"}, headers={"HX-Request": "true"}
    )
    assert answer.headers["HX-Redirect"].startswith(firm.upstreams.described()["clio"]["auth_url"])


def consent(away: str) -> str:
    """Say yes at the service; the path of ours that it sends the browser back to."""
    asked = parse_qs(urlsplit(away).query)
    body = {name: values[0] for name, values in asked.items()} | {"decision": "approve"}
    answer = urllib3.request("POST", away.partition("?")[0], body=urlencode(body), redirect=False)
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


@pytest.mark.parametrize("key", ["clio", "ghl"])
def test_consent_connects_the_account_once_and_keeps_its_tokens_off_the_page(admin, firm, key):
    """X7: a way back is good once."""
    answer = admin.send(f"/connections/new/{key}/consent", f"/connections/new/{key}", {"name": "By consent"})
    link = next(href for text, href in Page(answer).links.items() if text.startswith("Continue to"))
    back = consent(link)
    first = admin.client.get(back)
    assert first.status_code == 302
    page = admin.open(first.location)
    assert page.headings == ["By consent"]
    assert "is connected as Ashby & Okoye LLP" in page.text
    assert admin.open(back).status == 400
    with firm.app.app_context():
        assert db.session.query(Connection).count() == 1


def test_a_second_consent_renews_the_same_connection(admin, firm):
    number = firm.connect()
    firm.change(number, status="needs_reconnect", status_reason="The token was revoked.")
    answer = admin.send(f"/connections/{number}/consent", f"/connections/{number}/reconnect")
    admin.client.get(consent(Page(answer).links["Continue to Clio"]))
    with firm.app.app_context():
        assert [(c.id, c.status) for c in db.session.query(Connection)] == [(number, "connected")]


def test_a_consent_that_another_browser_began_is_refused_without_a_call(admin, enter, firm):
    """X7"""
    answer = admin.send("/connections/new/clio/consent", "/connections/new/clio", {"name": "Ruiz", "region": "us"})
    state = Page(answer).links["Continue to Clio"].rpartition("state=")[2].partition("&")[0]
    other = enter("admin", "other@example.com")
    page = other.open(f"/oauth/clio/callback?state={state}&code=anything")
    assert page.status == 400
    assert "Clio was not connected" in page.headings
    with firm.app.app_context():
        assert db.session.query(Connection).count() == 0
        assert db.session.query(OAuthState).one().used_at is None


def test_a_refused_consent_changes_nothing_and_says_so(admin, firm):
    answer = admin.send("/connections/new/clio/consent", "/connections/new/clio", {"name": "Ruiz", "region": "us"})
    state = Page(answer).links["Continue to Clio"].rpartition("state=")[2].partition("&")[0]
    page = admin.open(f"/oauth/clio/callback?state={state}&error=access_denied")
    assert "did not give its consent (access_denied). Nothing was changed." in page.text
    assert page.headings[0] == "Clio was not connected"

    number = firm.connect()
    answer = admin.send(f"/connections/{number}/consent", f"/connections/{number}/reconnect")
    state = Page(answer).links["Continue to Clio"].rpartition("state=")[2].partition("&")[0]
    page = admin.open(f"/oauth/clio/callback?state={state}&error=access_denied")
    assert page.headings[0] == "Clio was not connected again"  # it may well work as it is


# -- one connection --------------------------------------------------------------------------------------------------


def test_each_resource_shows_its_age_its_size_and_its_newest_change(admin, firm):
    number = firm.connect()
    firm.read(number, "matters", "users", kind="full")
    page = admin.open(f"/connections/{number}")
    matters = next(row for row in page.rows if row.startswith("Matters"))
    assert "OK" in matters
    assert "900" in matters
    assert "12" in next(row for row in page.rows if row.startswith("Users"))
    assert "Never ran" in next(row for row in page.rows if row.startswith("Contacts"))


def test_a_resource_that_is_switched_off_is_not_read(admin, firm):
    number = firm.connect()
    answer = admin.send(f"/connections/{number}/resources/notes", f"/connections/{number}/objects", {"on": "no"})
    assert "Notes Switched off Read only not read" in " ".join(admin.open(answer.location).text.split())
    page = admin.open(f"/connections/{number}")
    assert "Switched off" in next(row for row in page.rows if row.startswith("Notes"))
    with firm.app.app_context():
        run = db.session.get_one(SyncRun, firm.ask(number))
        assert "notes" not in [part.resource for part in run.parts]


def test_a_schedule_shows_its_next_three_times_in_its_own_zone(admin, firm):
    number = firm.connect()
    sent = {"frequency": "cron", "cron": "30 7 * * 1-5", "time_zone": "Europe/Berlin"}
    assert admin.send(f"/connections/{number}/schedule", f"/connections/{number}/settings", sent).status_code == 302
    text = admin.open(f"/connections/{number}/objects").text
    assert text.count(", 07:30 CE") == 3


@pytest.mark.parametrize(("cron", "zone"), [("every day", "UTC"), ("0 5 * * *", "Mars/Olympus")])
def test_a_schedule_that_is_none_is_refused_and_the_old_one_stays(admin, firm, cron, zone):
    number = firm.connect()
    sent = {"frequency": "cron", "cron": cron, "time_zone": zone}
    answer = admin.send(f"/connections/{number}/schedule", f"/connections/{number}/settings", sent)
    assert answer.status_code == 422
    assert "Nothing was saved." in answer.text
    assert status_of(firm, number).frequency == "manual"


def test_how_it_is_read_is_changed_on_its_page(admin, firm):
    number = firm.connect("clockify")
    page, sent = f"/connections/{number}/settings", {"plan": "paid", "trailing_days": "60", "entity_changes": "no"}
    assert admin.send(f"/connections/{number}/reading", page, sent).status_code == 302
    assert sent.items() <= status_of(firm, number).settings.items()
    assert 'value="60"' in admin.open(page).html
    assert "Reading changed" in admin.open(f"/connections/{number}/timeline").text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan": "gold"}, "Plan cannot be 'gold'. There are: paid, free."),
        ({"trailing_days": "-1"}, "Days compared is a whole number from 1 to 366."),
        ({"trailing_days": "9" * 20}, "Days compared is a whole number from 1 to 366."),
        ({"plan": "free"}, "calls an hour; Clockify allows this account 30"),  # read every two minutes
    ],
)
def test_a_way_of_reading_that_cannot_be_is_refused_and_the_old_one_stays(admin, firm, monkeypatch, change, said):
    monkeypatch.delenv("CLOCKIFY_LIMITS")  # it would win over every plan
    number = firm.connect("clockify")
    firm.change(number, frequency="*/2 * * * *")
    before = status_of(firm, number).settings
    page, sent = f"/connections/{number}/settings", {"plan": "", "trailing_days": "", "entity_changes": ""}
    answer = admin.send(f"/connections/{number}/reading", page, sent | change)
    assert answer.status_code == 422
    assert said in Page(answer).text
    assert status_of(firm, number).settings == before


def test_a_test_says_whose_the_credentials_are(admin, firm):
    number = firm.connect()
    answer = admin.send(f"/connections/{number}/test", f"/connections/{number}/settings")
    assert "The test went well" in answer.text
    assert "Account: Ashby &amp; Okoye LLP" in answer.text


def test_it_is_removed_only_when_its_name_is_typed(admin, own_firm):
    firm, number = own_firm, own_firm.connect(name="Ruiz")
    page = f"/connections/{number}/settings"
    admin.send(f"/connections/{number}/removal", page, {"confirm": "ruiz"})
    assert status_of(firm, number).status == "connected"
    admin.send(f"/connections/{number}/removal", page, {"confirm": "Ruiz"})
    assert status_of(firm, number).credentials is None
    assert admin.open(f"/connections/{number}").status == 404


def test_reconnecting_refuses_another_account_and_keeps_the_old_sign_in(admin, firm):
    """K5"""
    number = firm.connect("ghl")
    firm.change(number, account_id="somebody-else", account_name="Another Firm")
    before = status_of(firm, number).credentials
    key = firm.upstreams.described()["ghl"]["api_key"]
    answer = admin.send(f"/connections/{number}/reconnect", f"/connections/{number}/reconnect", {"api_key": key})
    assert answer.status_code == 422
    assert "but this connection is Another Firm. Nothing was changed." in answer.text
    assert status_of(firm, number).credentials == before


def test_the_timeline_tells_who_did_what_and_folds_the_quiet_runs(admin, firm):
    number = firm.connect(name="Ruiz")
    for _ in range(3):
        firm.past_run(number)
    admin.send(f"/connections/{number}/pause", f"/connections/{number}/settings", {"reason": "Audit"})
    rows = admin.open(f"/connections/{number}/timeline").rows
    assert any("Connection paused" in row and "admin@example.com" in row and "Audit" in row for row in rows)
    assert any("Read 3 times" in row for row in rows)
    firm.past_run(number, kind="push", message="Both sides agreed already.")
    firm.past_run(number, "done_with_problems", "1 record waits for a person to match.", kind="push")
    rows = admin.open(f"/connections/{number}/timeline").rows
    assert any("Carried with problems" in row for row in rows)  # a mapping's run reads nothing
    assert any("Carried" in row and "Both sides agreed already." in row for row in rows)
    assert any("Read 3 times" in row for row in rows)
    assert any("Connection added" in row for row in rows)


def test_a_renamed_connection_keeps_its_timeline_and_its_old_name_may_be_taken(admin, firm):
    number = firm.connect(name="Ruiz")
    admin.send(f"/connections/{number}/name", f"/connections/{number}/settings", {"name": "Ruiz & Partner"})
    other = firm.connect("clockify", name="Ruiz")
    told = {one: "\n".join(admin.open(f"/connections/{one}/timeline").rows) for one in (number, other)}
    assert "Connection added" in told[number]
    assert "Connection renamed" in told[number]
    assert "Ruiz → Ruiz & Partner" in told[number]
    assert "Connection renamed" not in told[other]


def test_its_page_says_whether_it_is_the_service_or_us_and_each_count_is_a_link(admin, firm):
    number = firm.connect()
    assert "was connected, and was not called since." in admin.open(f"/connections/{number}").text
    long_ago = clock.now() - timedelta(days=2)
    firm.change(number, created_at=long_ago, renewed_at=long_ago)
    assert "Clio was not called in the last 24 hours." in admin.open(f"/connections/{number}").text
    firm.read(number, "users", kind="full")
    page = admin.open(f"/connections/{number}")
    assert "Clio answered every call well." in page.text
    count, address = next((text, to) for text, to in page.links.items() if "status=200" in to)
    assert len(admin.open(address).rows) == int(count.split()[0])


def answered(firm, number: int, *statuses: int) -> None:
    """Calls of the last minutes with these answers, the newest last."""
    with firm.app.app_context():
        for age, status in enumerate(reversed(statuses)):
            at = clock.now() - timedelta(seconds=age + 1)
            call = Transaction(
                connection_id=number, service="clio", call_key=str(age), attempt=1, method="GET", host="clio.example",
                path_template="/", url="https://clio.example/", status=status, outcome="ok", started_at=at,
                duration_ms=1, waited_ms=0, request_bytes=0, response_bytes=0,
            )  # fmt: skip
            db.session.add(call)
        db.session.commit()


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([200] * 60 + [503] + [200] * 39, "Clio works. Of 100 calls 1 got no answer or failed there."),
        ([200] * 60 + [503] * 20, "It is Clio: to 20 of the last 20 calls it gave no answer or failed."),
        ([503] * 30 + [200] * 20, "Clio works. Of 50 calls 30 got no answer or failed there."),
        ([200] * 40 + [403, 404], "Clio works. Of 42 calls 1 lacked a right, 1 asked for what it refused."),
        ([200, 401], "turned 1 of the last 2 calls away."),
    ],
)
def test_a_verdict_follows_the_newest_calls_and_one_failed_call_is_no_outage(admin, firm, statuses, said):
    number = firm.connect()
    answered(firm, number, *statuses)
    assert said in admin.open(f"/connections/{number}").text


def test_one_click_on_its_page_pauses_it(admin, firm):
    number = firm.connect(name="Ruiz")
    answer = admin.send(f"/connections/{number}/pause", f"/connections/{number}")
    assert "Ruiz is paused" in admin.open(answer.location).text
    assert status_of(firm, number).status == "paused"


def test_reference_data_is_folded_and_opens_when_it_needs_somebody(admin, firm):
    number = firm.connect()
    firm.read(number, "users", kind="full")
    page = admin.open(f"/connections/{number}")
    assert "Reference data: 8 kinds, read at most once an hour" in page.text
    assert '<details class="fold">' in page.html
    with firm.app.app_context():
        db.session.query(RunPart).one().state = "failed"
        db.session.commit()
    assert '<details class="fold" open>' in admin.open(f"/connections/{number}").html


def test_a_timeline_says_a_schedule_in_words(admin, firm):
    number = firm.connect()
    admin.send(
        f"/connections/{number}/schedule", f"/connections/{number}/settings",
        {"frequency": "daily", "cron": "", "time_zone": "UTC"},
    )  # fmt: skip
    assert any(" → every day at 05:00" in row for row in admin.open(f"/connections/{number}/timeline").rows)
