"""Settings of the firm, its services and this installation."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.models import ApiConfig, AuditEvent, Record, db
from integration_console.operations import audit
from integration_console.operations import settings as firm
from integration_console.operations.accounts.app_settings import AppSettings
from integration_console.services import by_key

from ..cases import together
from .two_sides import contacts

SECRET = "clio-client-secret-canary"


def save(somebody, section: str, **values: str):
    return somebody.send(f"/settings/{section}", f"/settings/{section}", values)


@pytest.fixture
def admin(enter):
    return enter("admin")


def test_the_firms_zone_is_what_times_are_shown_in(admin):
    assert save(admin, "firm", name="Harbor Law", time_zone="America/Denver").status_code == 302
    assert "America/Denver" in admin.open("/settings/").text


def test_every_section_has_its_card(enter):
    for role, some in (("admin", "/backups"), ("staff", "/settings/profile"), ("support", "/settings/notifications")):
        person = enter(role)
        tabs = {
            tab.attrs["href"] for tab in person.open("/settings/profile").one("nav", aria_label="Settings").all("a")
        }
        assert tabs <= {tab.attrs["href"] for tab in person.open("/settings/").one("main").all("a")}
        assert some in tabs


def test_ones_own_zone_wins_over_the_firms(admin):
    save(admin, "firm", name="Harbor Law", time_zone="America/Denver")
    admin.send("/settings/profile", "/settings/profile", {"name": "Ana", "time_zone": "Europe/Berlin"})
    assert "Times are in Europe/Berlin" in admin.open("/settings/").text


@pytest.mark.one_database
@together("zone", ["Mars/Olympus", "../etc/passwd", "x" * 300])
def test_an_unknown_zone_is_refused_at_its_field(admin, zone):
    answer = save(admin, "firm", name="Harbor Law", time_zone=zone)
    assert answer.status_code == 422
    assert 'id="f-time_zone-error"' in answer.text
    assert 'value="Harbor Law"' in answer.text


def test_what_was_changed_is_in_the_audit_log_with_before_and_after(app, admin):
    save(admin, "retention", transactions="10", bodies="30", runs="365", errors="180")
    save(admin, "services/clio", client_id="app-1", limits="40/60")
    rows = " ".join(admin.open("/settings/audit").rows)
    assert "90 → 10" in rows
    assert "365" not in rows
    assert "not set → app-1" in rows


@pytest.mark.one_database
def test_sentences_in_the_audit_log_stand_one_after_the_other(app, admin):
    with app.app_context():
        audit.add("mapping saved", actor="test", changes=["Line a added.", "Line b added, as it is."])
        db.session.commit()
    assert "Changes: Line a added. Line b added, as it is." in " ".join(admin.open("/settings/audit").rows)


def test_retention_counts_and_goes_back_to_the_environment(app, admin):
    save(admin, "retention", transactions="10", bodies="5", runs="100", errors="50")
    with app.app_context():
        assert (firm.days_kept("transactions"), firm.days_kept("bodies")) == (10, 5)
    save(admin, "retention", transactions="", bodies="5", runs="100", errors="50")
    with app.app_context():
        assert firm.days_kept("transactions") == 90


@pytest.mark.one_database
@together("days", ["0", "-1", "1.5", "many", "99999", "９"])
def test_odd_days_are_refused_and_nothing_of_the_form_is_saved(app, admin, days):
    answer = save(admin, "retention", transactions="10", bodies=days, runs="100", errors="50")
    assert answer.status_code == 422
    with app.app_context():
        assert firm.days_kept("transactions") == 90


def test_a_client_secret_goes_in_and_never_comes_out(app, admin):
    """X1: sealed in the row; X12: no page shows it again."""
    values = {"client_id": "abc", "region": "eu", "limits": "40/60"}
    assert (
        admin.send(
            "/settings/services/clio", "/settings/services/clio", {**values, "client_secret": SECRET}
        ).status_code
        == 302
    )
    page = admin.open("/settings/services/clio")
    assert SECRET not in page.html
    assert "A secret is set" in page.text
    with app.app_context():
        assert SECRET not in db.session.scalars(select(ApiConfig.client_secret)).one()
        assert AppSettings.of(by_key("clio")).get("client_secret") == SECRET
        assert AppSettings.of(by_key("clio")).get("limits") == "40/60"
        assert SECRET not in str([event.details for event in db.session.scalars(select(AuditEvent))])


def test_saving_without_a_secret_keeps_the_one_there_and_removing_removes_it(app, admin):
    where = "/settings/services/clio"
    admin.send(where, where, {"client_id": "abc", "client_secret": SECRET})
    admin.send(where, where, {"client_id": "abd"})
    with app.app_context():
        assert AppSettings.of(by_key("clio")).get("client_secret") == SECRET
    admin.send(f"{where}/secret/removal", where)
    with app.app_context():
        assert AppSettings.of(by_key("clio")).get("client_secret") is None


@pytest.mark.one_database
@pytest.mark.settings(ALLOW_INSECURE_UPSTREAMS=False)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_url", "http://app.clio.com/api/v4"),
        ("api_url", "https://user:pass@app.clio.com"),
        ("token_url", "file:///etc/passwd"),
        ("auth_url", "not an address"),
        ("auth_url", "https://app.clio.com:notaport/"),
        ("limits", "fast"),
        ("limits", "0/60"),
        ("region", "moon"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(admin, field, value):
    answer = admin.send("/settings/services/clio", "/settings/services/clio", {"client_id": "abc", field: value})
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert admin.open("/settings/services/clio").one("input", name="client_id").attrs["value"] == ""


@pytest.mark.one_database
def test_a_service_connected_by_key_asks_for_no_application(admin):
    page = admin.open("/settings/services/clockify")
    assert page.status == 200
    assert not page.all("input", name="client_secret")


@pytest.mark.one_database
def test_an_unknown_service_is_a_page_that_does_not_exist(admin):
    assert admin.open("/settings/services/harbor").status == 404


def test_what_waits_and_who_has_the_clock_is_told_to_people_and_programs(admin, enter, firm):
    """S5"""
    number = firm.connect()
    firm.ask(number, "matters")
    firm.refuse(number, "9001")

    told = admin.client.get("/settings/system/status").get_json()

    assert (told["runs"], told["dead_letters"]) == ({"queued": 1, "running": 0, "waiting": 0}, 1)
    assert told["oldest_queued_at"].endswith("Z")
    assert (told["leader"], told["leader_epoch"], told["changes"]["uncertain"]) == (None, 0, 0)
    assert told["parts"]["database"] == "ok"
    text = admin.open("/settings/system").text
    assert "Runs waiting 1, the oldest since" in text
    assert "Records not kept 1" in text
    assert enter("staff").client.get("/settings/system/status").status_code == 403


def test_the_system_page_tells_what_support_asks_for(admin):
    text = admin.open("/settings/system").text
    assert "Database SQLite" in text or "Database PostgreSQL" in text
    assert "No worker has ever started." in text


def test_what_was_kept_before_a_label_was_known_is_told_by_it(app, admin, own_firm):
    sides = contacts(own_firm)
    with app.app_context():
        fields = db.session.scalars(select(Record.data).filter_by(connection_id=sides.right, resource="custom_fields"))
        own = next(one for one in fields if one["parent_type"] == "Contact")
        named, gone = f"custom:{own['id']}", "custom:987654"
        audit.add("mapping saved", actor="test", mapping=sides.mapping, changes=[f"Line {named} added.", f"{gone}."])
        audit.add("mapping created", actor="test", mapping=sides.mapping, flow=None, document={"name": None})
        db.session.commit()
    created, saved, *_ = admin.open("/settings/audit").rows
    assert f"Changes: Line {own['name']} added. {gone}." in saved
    assert "kept with this line" in created
    assert "None" not in created


def test_the_audit_log_is_read_page_by_page(app, admin):
    with app.app_context():
        for action in ("exported", "exported", "thing 7 done"):
            audit.add(action, actor="test")
        for number in range(60):
            audit.add(f"thing {number} done", actor="test")
        db.session.commit()
        done = set(db.session.scalars(select(AuditEvent.action)))
        db.session.rollback()
    first = admin.open("/settings/audit")
    choices = [option.text for option in first.one("select", name="action").all("option")]
    assert choices == ["Anything", *sorted(done)]
    assert len(first.rows) == 50
    assert "Thing 59 done" in first.row(1)
    second = admin.open(first.links["Older"])
    assert "Thing 9 done" in second.row(1)
    assert second.links["Newer"] == "/settings/audit"


@pytest.mark.one_database
@pytest.mark.parametrize("before", ["x", "-1", "99999999999999999999"])
def test_an_odd_place_in_the_audit_log_shows_its_beginning(admin, before):
    assert admin.open(f"/settings/audit?older={before}").status == 200


@pytest.mark.one_database
def test_a_place_with_a_sign_no_database_holds_is_refused(admin):
    assert admin.open("/settings/audit?older=1%00").status == 422
