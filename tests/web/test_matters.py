"""Matters and limitation dates as people see and change them."""

from __future__ import annotations

import pytest

from integration_console import clock, web
from integration_console.models import Change, Connection, LimitationProposal, LimitationRule, Record, db
from integration_console.operations.matters import limitation_rules, limitations, matter_list

from ..html_page import Page
from ..operations.mapped import keep_only

RULE = {
    "name": "Two years", "practice_area": "Personal Injury", "jurisdiction": "", "period": "2", "unit": "years",
    "from_field": "open_date", "to_field": "statute_of_limitations", "mode": "propose", "source": "Code 335.1",
    "enabled": "on",
}  # fmt: skip


@pytest.fixture
def clio(own_firm):
    """A Clio account, read with all a matter's form offers."""
    keep_only(own_firm.upstreams.clio, "matters", 250)  # more than a page of any list
    number = own_firm.connect(name="Ruiz")
    own_firm.read(number, "matters", "users", "practice_areas", "matter_stages", "custom_fields", "groups", kind="full")
    return number


def some(app, status: str = "Open") -> Record:
    with app.app_context():
        rows = db.session.query(Record).filter_by(resource="matters").order_by(Record.id)
        return next(
            r for r in rows if r.data["status"] == status and r.data["practice_area"]["name"] == RULE["practice_area"]
        )


def filled(page: Page) -> dict[str, str]:
    """What the form of a matter holds when nobody touches it."""
    form = next(one for one in page.all("form") if one.all("input", name="was"))
    values = {one.attrs["name"]: one.attrs.get("value", "") for one in form.all("input") if "name" in one.attrs}
    values |= {one.attrs["name"]: "".join(map(str, one.children)) for one in form.all("textarea")}
    for one in form.all("select"):
        values[one.attrs["name"]] = next((o.attrs["value"] for o in one.all("option") if "selected" in o.attrs), "")
    return values


def send(browser, record: Record, values: dict | None = None, **changes) -> Page:
    """Send a matter's form with some fields changed."""
    path = f"/matters/{record.id}"
    values = {**(values or filled(browser.open(path))), **changes}
    return Page(browser.client.post(path, data=values))


def test_matters_are_listed_searched_filtered_and_walked(enter, app, clio):
    admin = enter("admin")
    page = admin.open("/matters")
    assert len(page.rows) == 50
    assert len(admin.open(page.links["Older"]).rows) == 50
    record = some(app)
    (row,) = admin.open(f"/matters?q={record.data['display_number']}&status=open").rows
    assert row.startswith(record.label[:20])
    assert "Open Personal Injury" in row
    counted = admin.open("/matters?status=open").one("p", class_="matches").text
    with app.app_context():
        assert counted == f"{matter_list.count(matter_list.Wanted(status='open')).found} match"
    assert all("Closed Criminal" in row for row in admin.open("/matters?status=closed&area=Criminal").rows)
    assert "No matter matches." in admin.open("/matters?q=nobody-at-all").text
    assert admin.open("/matters?status=won").status == 422


@pytest.mark.postgresql_at_length
def test_all_that_may_be_chosen_for_a_matter_is_read_at_once(enter, app, clio, own_firm):
    record, staff = some(app), enter("staff")
    with own_firm.statements() as asked:
        page = staff.open(f"/matters/{record.id}")
    assert len([one for one in asked if "FROM record " in one]) == 3  # itself, the firm's own fields, all choices
    for field in ("responsible_attorney.id", "responsible_staff.id", "practice_area.id", "matter_stage.id", "group.id"):
        assert len(page.one("select", name=field).all("option")) > 1, field


@pytest.mark.postgresql_at_length
def test_only_what_somebody_touched_is_written(enter, app, clio, own_firm):
    record, staff = some(app), enter("staff")
    lead = "4" if record.data["responsible_attorney"]["id"] == 3 else "3"
    touched = {"description": "Slip and fall", "responsible_attorney.id": lead, "custom:2": "2026-02-03"}
    page = send(staff, record, **touched)
    assert page.status == 302
    text = staff.open(f"/matters/{record.id}").text
    assert "Saved in Clio: description, responsible attorney, date of loss." in text
    assert own_firm.upstreams.clio.get("matters", int(record.external_id))["description"] == "Slip and fall"
    with app.app_context():
        row = db.session.query(Change).one()
        assert row.wanted == touched
        assert row.asked_by == "staff@example.com"
    assert "Slip and fall" in staff.open(f"/matters/{record.id}").row(1)
    assert "Nothing was changed." in staff.open(send(staff, record).headers["Location"]).text


@pytest.mark.postgresql_at_length
def test_what_cannot_be_used_is_said_at_its_fields_with_the_form_kept(enter, app, clio):
    record, staff = some(app), enter("staff")
    page = send(staff, record, description="", **{"custom:4": "much", "status": "pending"})
    assert page.status == 422
    assert "Description: this cannot be empty." in page.text
    assert "Policy limit: this is a number." in page.text
    assert filled(page)["status"] == "pending"
    page = send(staff, record, **{"status": "won"})
    assert page.status == 422
    assert send(staff, record, colour="red").status == 422


@pytest.mark.postgresql_at_length
def test_both_versions_are_shown_when_clio_changed_the_same_meanwhile(enter, app, clio, own_firm):
    """Section 9: both versions side by side; W5."""
    record, staff = some(app), enter("staff")
    values = filled(staff.open(f"/matters/{record.id}"))
    own_firm.upstreams.clio.put(
        "matters", {"id": int(record.external_id), "description": "Theirs", "client_reference": "7"}
    )
    page = send(staff, record, values, description="Ours")
    assert page.status == 409
    assert page.row(1) == "Description Ours Theirs"
    assert filled(page)["description"] == "Ours"
    assert own_firm.upstreams.clio.get("matters", int(record.external_id))["description"] == "Theirs"
    assert send(staff, record, filled(page)).status == 302  # knowing it now
    assert own_firm.upstreams.clio.get("matters", int(record.external_id))["description"] == "Ours"


@pytest.mark.postgresql_at_length
def test_a_stale_form_keeps_what_others_changed_in_other_fields(enter, app, clio, own_firm):
    record, staff = some(app), enter("staff")
    values = filled(staff.open(f"/matters/{record.id}"))
    send(enter("admin"), record, description="By the admin")
    assert send(staff, record, values, **{"open_date": "2026-01-05"}).status == 302
    there = own_firm.upstreams.clio.get("matters", int(record.external_id))
    assert (there["description"], there["open_date"]) == ("By the admin", "2026-01-05")


@pytest.mark.one_database
def test_a_refusal_of_clio_and_a_lost_sign_in_are_said_on_the_page(enter, app, clio, own_firm):
    record, staff = some(app), enter("staff")
    page = send(staff, record, **{"responsible_attorney.id": "999999"})
    assert page.status == 422
    assert "could not be found" in page.text
    own_firm.upstreams.clio.revoke()
    page = send(staff, record, description="Ours")
    assert page.status == 409
    assert "reconnect" in page.text.lower()
    assert "needs to be reconnected" in staff.open(f"/matters/{record.id}").text


@pytest.mark.one_database
def test_a_service_that_does_not_answer_holds_no_page_for_minutes(enter, app, clio, own_firm, monkeypatch):
    """Of a handful of threads all would soon wait for it, and nobody could sign in, nor a webhook be taken."""
    monkeypatch.setattr(web, "CALL_S", 0.4)
    record, staff = some(app), enter("staff")
    values = filled(staff.open(f"/matters/{record.id}"))
    own_firm.upstreams.clio.script("*", {"delay_s": 2.5, "through": True, "times": 99})
    began = clock.monotonic()

    send(staff, record, values, description="Lease dispute, second tenant")

    assert clock.monotonic() - began < 2
    assert "did not answer" in staff.open(f"/matters/{record.id}").text


@pytest.mark.one_database
def test_a_save_for_which_no_calls_are_left_waits_and_the_page_says_that_it_goes_by_itself(enter, app, clio, own_firm):
    """A read may use all that Clio allows for a minute; a page waits seconds."""
    record, staff = some(app), enter("staff")
    values = filled(staff.open(f"/matters/{record.id}"))
    own_firm.upstreams.clio.script("/matters/*", {"status": 429, "headers": {"Retry-After": "40"}, "times": 9})

    send(staff, record, values, description="Lease dispute, third tenant")

    page = staff.open(f"/matters/{record.id}")
    assert "is sent by itself" in page.text
    assert "is not known" not in page.text
    with app.app_context():
        assert db.session.query(Change).order_by(Change.id.desc()).first().state == "pending"


@pytest.mark.postgresql_at_length
def test_a_refused_save_of_a_paused_or_gone_matter_says_why_on_its_page(enter, app, clio, own_firm):
    record, staff = some(app), enter("staff")
    values = filled(staff.open(f"/matters/{record.id}"))
    own_firm.change(clio, status="paused")
    page = send(staff, record, values, description="Ours")
    assert page.status == 409
    assert "is paused. Nothing was saved." in page.text
    own_firm.change(clio, status="connected")
    with app.app_context():
        db.session.get_one(Record, record.id).deleted_at = clock.now()
        db.session.commit()
    page = send(staff, record, values, description="Ours")
    assert page.status == 409
    assert "This matter is gone from Clio. Nothing was saved." in page.text


@pytest.mark.postgresql_at_length
def test_what_the_page_offers_after_a_refused_save_leads_back_to_it(enter, app, clio):
    record, staff = some(app), enter("staff")
    page = send(staff, record, **{"responsible_attorney.id": "999999"})
    backs = {one.attrs["value"] for one in page.all("input", name="back")}
    assert (page.status, backs) == (422, {f"/matters/{record.id}"})


@pytest.mark.one_database
def test_a_closed_matter_says_so_and_is_reopened(enter, app, clio):
    record, staff = some(app, "Closed"), enter("staff")
    assert "To change it, reopen it" in staff.open(f"/matters/{record.id}").text
    assert "This matter is closed" in send(staff, record, description="Ours").text
    assert send(staff, record, description="Ours", status="open").status == 302


@pytest.mark.postgresql_at_length
def test_a_matter_is_read_again_when_asked(enter, app, clio, own_firm):
    record, staff = some(app), enter("staff")
    own_firm.upstreams.clio.put("matters", {"id": int(record.external_id), "description": "Newer"})
    staff.send(f"/matters/{record.id}/reading", f"/matters/{record.id}")
    assert "Newer" in staff.open(f"/matters/{record.id}").headings[0]
    own_firm.upstreams.clio.delete("matters", int(record.external_id))
    staff.send(f"/matters/{record.id}/reading", f"/matters/{record.id}")
    assert "Gone at Clio since" in staff.open(f"/matters/{record.id}").text


@pytest.mark.one_database
def test_support_sees_that_matters_are_there_and_changes_nothing(enter, app, clio):
    """X12"""
    record, support = some(app), enter("support")
    for path in ("/matters", f"/matters/{record.id}", "/limitations", "/limitations/without", "/limitations/proposals"):
        page = support.open(path)
        assert page.status == 200
        assert record.label not in page.html
        assert record.data["client"]["name"] not in page.html
    assert not support.open(f"/matters/{record.id}").all("textarea")
    assert support.open("/matters?q=a").status == 422
    for path in (f"/matters/{record.id}", "/limitations/work", "/limitations/proposals/1/acceptance"):
        assert support.send(path, "/settings/profile").status_code == 403


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/matters/999999", "/limitations/rules/77"])
def test_what_is_not_there_is_a_page_that_does_not_exist(enter, clio, path):
    assert enter("admin").open(path).status == 404


@pytest.mark.one_database
def test_what_came_from_clio_is_text_and_never_markup(enter, app, clio, own_firm):
    """X9"""
    record, staff = some(app), enter("staff")
    evil = "</textarea><script>alert(1)</script>"
    own_firm.upstreams.clio.put("matters", {"id": int(record.external_id), "description": evil})
    staff.send(f"/matters/{record.id}/reading", f"/matters/{record.id}")
    assert "<script>alert" not in staff.open(f"/matters/{record.id}").html
    assert filled(staff.open(f"/matters/{record.id}"))["description"] == evil


# -- limitation dates -------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_what_is_due_is_shown_overdue_first(enter, app, clio):
    staff = enter("staff")
    page = staff.open("/limitations")
    assert "overdue" in page.row(1)
    assert len(staff.open("/limitations?within=30").rows) < len(page.rows)
    assert staff.open("/limitations?within=31").status == 422
    assert "passed" in staff.open("/").text


@pytest.mark.one_database
def test_an_empty_list_of_dates_is_no_good_news_before_matters_are_read(enter, own_firm):
    staff = enter("staff")
    for path in ("/limitations", "/limitations/without"):
        assert "No Clio account is connected, so no matter and no limitation date is known." in staff.open(path).text
    number = own_firm.connect(name="Ruiz")
    for read in ((), ("users",)):  # a read of other lists proves nothing of matters
        if read:
            own_firm.read(number, *read, kind="full")
        for path in ("/limitations", "/limitations/without"):
            page = staff.open(path)
            assert "No matter of Ruiz was read yet, so none of their limitation dates is known." in page.text
            assert "none is overdue" not in page.text
            assert "Every open matter" not in page.text


@pytest.mark.one_database
def test_an_account_whose_matters_were_never_read_is_named_beside_the_others_dates(enter, app, clio, own_firm):
    staff = enter("staff")
    assert "was read yet" not in staff.open("/limitations").text
    with app.app_context():
        row = Connection(key="second", service="clio", name="Branch", status="connected", status_since=clock.now(),
                         created_at=clock.now())  # fmt: skip
        db.session.add(row)
        db.session.commit()
        number = row.id
    page = staff.open("/limitations")
    assert "No matter of Branch was read yet" in page.text
    assert "overdue" in page.row(1)
    assert "none is overdue" not in staff.open(f"/limitations?connection={number}").text


@pytest.mark.postgresql_at_length
def test_what_is_no_date_is_said_wherever_dates_are(enter, app, clio):
    with app.app_context():
        db.session.add(LimitationRule(
            name="Two years", practice_area="Tax", period=2, unit="years", from_field="open_date", to_field="custom:7",
            changed_at=clock.now(),
        ))  # fmt: skip
        record = db.session.get_one(Record, some(app).id)
        value = {"id": "date-1", "value": "2026-02-31", "custom_field": {"id": 7}}
        record.data = {**record.data, "custom_field_values": [value], "statute_of_limitations": None}
        db.session.commit()
        number, name = record.id, record.data["display_number"]
    staff = enter("staff")
    assert "1 not a date" in staff.open("/").text
    assert "not a date" in next(row for row in staff.open("/limitations?within=30").rows if name in row)
    assert "2026-02-31 not a date" in staff.open(f"/matters?q={name}").text
    assert "2026-02-31 not a date" in staff.open(f"/matters/{number}").text
    support = enter("support")
    assert "not a date" in support.open(f"/matters/{number}").text
    assert "2026-02-31" not in support.open(f"/matters/{number}").text


@pytest.mark.postgresql_at_length
def test_what_is_due_and_what_is_proposed_is_leafed_through(enter, app, clio, monkeypatch):
    staff = enter("staff")
    enter("admin").send("/limitations/rules", "/limitations/rules/new", RULE)
    staff.send("/limitations/work", "/limitations/without")
    for path in ("/limitations", "/limitations/proposals"):
        every = whole(staff, path)
        monkeypatch.setattr("integration_console.web.matters.limitations.PAGE", len(every) // 2)
        assert whole(staff, path) == every
        monkeypatch.undo()


def whole(browser, path: str) -> list[str]:
    """The rows of a list over all of its pages."""
    page = browser.open(path)
    found = page.rows
    while later := page.links.get("Later"):
        page = browser.open(later)
        found += page.rows
    return found


def test_a_rule_is_made_works_and_its_proposals_are_decided(enter, app, clio, own_firm):
    admin, staff = enter("admin"), enter("staff")
    answer = admin.send("/limitations/rules", "/limitations/rules/new", RULE)
    assert answer.status_code == 302
    assert "Two years Code 335.1 Personal Injury any 2 years Opened on" in admin.open("/limitations/rules").row(1)
    many = len(admin.open("/limitations/without").rows)
    staff.send("/limitations/work", "/limitations/without")
    page, proposed = staff.open("/limitations/proposals"), len(whole(staff, "/limitations/proposals"))
    assert page.rows
    first = next(href for href in page.links.values() if href.startswith("/matters/"))
    matter = staff.open(first)
    assert "No limitation date" in matter.text
    assert "by the rule Two years (Code 335.1)" in matter.text
    with app.app_context():
        one, other = (
            db.session.query(LimitationProposal).filter_by(state="proposed").order_by(LimitationProposal.due_on)[:2]
        )
        one, other, due_on, record_id = one.id, other.id, one.due_on, one.record_id
    staff.send(f"/limitations/proposals/{one}/acceptance", "/limitations/proposals")
    staff.send(f"/limitations/proposals/{other}/dismissal", "/limitations/proposals")
    assert "was set" in staff.open(f"/matters/{record_id}").text
    with app.app_context():
        states = {p.id: p.state for p in db.session.query(LimitationProposal)}
        assert (states[one], states[other]) == ("set", "dismissed")
        record = db.session.get_one(Record, record_id)
        assert record.data["statute_of_limitations"]["due_at"] == due_on
    assert len(whole(staff, "/limitations/proposals")) == proposed - 2
    assert many
    answer = staff.send(f"/limitations/proposals/{one}/acceptance", "/limitations/proposals", follow_redirects=True)
    assert "This proposal was decided already." in answer.text


@pytest.mark.one_database
def test_rules_are_for_administrators_and_say_what_is_wrong(enter, app, clio):
    """X12"""
    staff = enter("staff")
    assert staff.open("/limitations/rules").status == 200
    assert staff.open("/limitations/rules/new").status == 403
    assert staff.send("/limitations/rules", "/settings/profile", RULE).status_code == 403
    admin = enter("admin")
    page = Page(admin.send("/limitations/rules", "/limitations/rules/new", {**RULE, "period": "0"}))
    assert page.status == 422
    assert page.one("input", name="practice_area").attrs["value"] == "Personal Injury"
    admin.send("/limitations/rules", "/limitations/rules/new", RULE)
    admin.send("/limitations/rules/1", "/limitations/rules/1", {**RULE, "period": "3", "name": "", "enabled": ""})
    assert "Personal Injury: 3 years" in admin.open("/limitations/rules").row(1)
    assert "Off" in admin.open("/limitations/rules").row(1)
    admin.send("/limitations/rules/1/removal", "/limitations/rules/1")
    with app.app_context():
        assert limitation_rules.every() == []
        assert limitations.waiting() == []


@pytest.mark.one_database
def test_the_firms_jurisdiction_is_set_on_its_page(enter):
    admin = enter("admin")
    values = {"name": "Harbor", "time_zone": "UTC", "jurisdiction": "California"}
    admin.send("/settings/firm", "/settings/firm", values)
    assert admin.open("/settings/firm").one("input", name="jurisdiction").attrs["value"] == "California"
    assert admin.send("/settings/firm", "/settings/firm", {**values, "jurisdiction": "x" * 101}).status_code == 422
