"""The pages of notifications: rules made, tried and removed by administrators, and what was told, for everybody."""

from __future__ import annotations

import pytest

from integration_console.operations.notices import notices
from integration_console.operations.notices import notification_rules as rules

from ..html_page import Page

RULE = {
    "by": "slack:1", "place": "C0SBX000006", "event_run_failed": "on", "about_id": "", "quiet_from": "22:00",
    "quiet_to": "07:00", "digest_at": "08:00", "time_zone": "Europe/Berlin", "enabled": "on",
}  # fmt: skip
PAGE, NEW = "/settings/notifications", "/settings/notifications/new"


@pytest.fixture
def slack(own_firm):
    own_firm.connect("slack", "Our Slack")
    return own_firm


@pytest.fixture
def admin(slack, enter):
    return enter("admin")


def made(admin, **changes):
    return admin.send(PAGE, NEW, {name: value for name, value in {**RULE, **changes}.items() if value is not None})


def test_a_rule_is_made_shown_and_changed(admin):
    assert made(admin).status_code == 302
    row = admin.open(PAGE).row(1)
    assert "C0SBX000006 Our Slack run failed All connections 22:00 to 07:00" in row
    assert "On" in row

    admin.send(f"{PAGE}/1", f"{PAGE}/1", {**RULE, "event_digest": "on", "enabled": ""})
    row = admin.open(PAGE).row(1)
    assert "run failed, digest" in row
    assert "Off" in row


def test_the_form_shows_what_a_rule_says(admin):
    made(admin)
    form = admin.open(f"{PAGE}/1").html

    assert 'value="C0SBX000006"' in form
    assert 'value="22:00"' in form
    assert '<option value="Europe/Berlin" selected>' in form


def test_a_test_is_really_sent_and_its_answer_shown(admin, slack):
    made(admin)
    answer = admin.send(f"{PAGE}/1/tests", PAGE, follow_redirects=True)

    assert "The test was sent. Posted to C0SBX000006" in answer.text
    (message,) = slack.upstreams.slack.posted()
    assert message["text"].startswith("This is a test\nadmin@example.com tries out")
    assert "What was sent" in answer.text


def test_a_test_that_does_not_arrive_says_why(admin, slack):
    made(admin, place="C0SBX000013")
    answer = admin.send(f"{PAGE}/1/tests", PAGE, follow_redirects=True)

    assert "The test did not arrive." in answer.text
    assert "the channel is archived" in answer.text
    assert "Not sent" in answer.text


def test_a_rule_is_removed(admin):
    made(admin)
    admin.send(f"{PAGE}/1/removal", f"{PAGE}/1")

    assert "Nobody is told of anything yet. Add a rule." in admin.open(PAGE).text  # Slack is connected
    assert admin.open(f"{PAGE}/1").status == 404


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("by", {"by": "email", "place": "ana@example.com"}),
        ("by", {"by": "slack:x"}),
        ("by", {"by": "slack:9"}),
        ("place", {"place": "nowhere at all"}),
        ("place", {"place": "#"}),
        ("events", {"event_run_failed": None}),
        ("about_id", {"about_id": "soon"}),
        ("quiet_to", {"quiet_to": ""}),
        ("time_zone", {"time_zone": "Mars/Base"}),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field_and_what_was_typed_stays(admin, field, changes):
    answer = made(admin, **changes)

    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert 'value="08:00"' in answer.text


@pytest.mark.one_database
def test_all_that_was_left_empty_is_said_at_once(admin):
    page = Page(made(admin, place="", event_run_failed=None, quiet_to=""))
    said = page.one("div", id="form-errors")
    assert [link.attrs["href"] for link in said.all("a")] == ["#f-place", "#f-events", "#f-quiet_to"]


def test_without_slack_and_mail_the_form_says_what_is_missing(enter):
    page = enter("admin").open(NEW)

    assert "There is no way to tell anybody yet." in page.text


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("role", ["staff", "support"])
def test_others_see_the_rules_and_change_none(admin, enter, role):
    """X12"""
    made(admin)
    somebody = enter(role)

    assert "C0SBX000006" in somebody.open(PAGE).row(1)
    assert "Send test" not in somebody.open(PAGE).text
    assert somebody.open(NEW).status == 403
    for path in (PAGE, f"{PAGE}/1", f"{PAGE}/1/tests", f"{PAGE}/1/removal"):
        assert somebody.send(path, "/settings/profile", RULE).status_code == 403


@pytest.mark.one_database
def test_who_may_not_see_records_does_not_see_what_was_said_of_them(admin, enter, slack):
    made(admin, names_records="on")
    with slack.app.app_context():
        notices.send_test(rules.find(1), by="Ana")

    assert "What was sent" in admin.open(PAGE).text
    assert "What was sent" not in enter("support").open(PAGE).text
