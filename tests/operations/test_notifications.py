"""People are told when something changes, once each, where and when they want it, and no more than they may know."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from integration_console import clock as house_clock
from integration_console import services
from integration_console.errors import InvalidInput
from integration_console.models import Connection, Issue, Notice, RunPart, SyncRun, Transaction, db
from integration_console.operations.accounts import connections
from integration_console.operations.matters import due_dates
from integration_console.operations.notices import lifetimes, notices, notifications
from integration_console.operations.notices import notification_rules as rules
from integration_console.operations.notices.notification_rules import Wanted
from integration_console.services.base import OAuth, replace
from integration_console.storage import errors, outbound
from integration_console.storage.vault import Vault

from .conftest import connect, sync
from .mapped import make_mapping

CHANNEL = "C0SBX000006"
EVERYTHING = ("run_failed", "needs_person", "recovered", "issue", "digest")
CHANGES = EVERYTHING[:4]


@pytest.fixture
def app_mail(mails, settings):
    """The console's mail server is ours."""
    settings.SMTP_URL = type(settings.SMTP_URL)(mails.url)
    return mails


@pytest.fixture
def clio(session, sandbox):
    return connect(sandbox, "clio", "Clio of the firm")


@pytest.fixture
def slack(session, sandbox):
    return connect(sandbox, "slack", "Our Slack")


def told_by(slack: int, **more) -> int:
    """A rule that speaks in #integrations; its number."""
    wanted = Wanted(kind="slack", connection_id=slack, place=CHANNEL, events=CHANGES)
    number = rules.add(replace(wanted, **more), actor="Ana").id
    db.session.remove()
    return number


def mailed_to(address: str = "ana@firm.example", **more) -> int:
    number = rules.add(replace(Wanted(place=address, events=CHANGES), **more), actor="Ana").id
    db.session.remove()
    return number


def ended(connection: int, state: str = "done", kind: str = "incremental", failure: str = "upstream", **more) -> int:
    """A run that ended just now."""
    now = house_clock.now()
    run = SyncRun(
        connection_id=connection, kind=kind, state=state, cause="schedule", queued_at=now, ended_at=now,
        failure_kind=None if state == "done" else failure, **more,
    )  # fmt: skip
    db.session.add(run)
    db.session.commit()
    number = run.id
    db.session.remove()
    return number


def tell() -> int:
    sent = notifications.tell()
    db.session.remove()
    return sent


def kept() -> list[Notice]:
    return list(db.session.scalars(select(Notice).order_by(Notice.id)))


def events() -> list[str]:
    return [notice.event for notice in kept()]


def posted(sandbox) -> list[str]:
    return [message["text"] for message in sandbox.slack.posted()]


# -- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.postgresql_at_length
def test_a_failure_is_told_once_however_many_runs_fail_and_then_that_it_is_over(sandbox, clio, slack, clock):
    told_by(slack)
    for state in ("done", "failed", "failed", "failed", "done", "done"):
        clock.advance(minutes=15)
        ended(clio, state)
        tell()
        tell()

    first, second = posted(sandbox)
    assert first.startswith("Clio of the firm: reading failed\n")
    assert second.startswith("Clio of the firm: reading works again\n")
    assert events() == ["run_failed", "recovered"]


def test_what_failed_and_recovered_again_is_told_again(sandbox, clio, slack, clock):
    told_by(slack)
    for state in ("failed", "done", "failed", "done"):
        clock.advance(minutes=15)
        ended(clio, state)
        tell()

    assert events() == ["run_failed", "recovered", "run_failed", "recovered"]


def test_a_good_read_of_another_list_is_no_recovery(sandbox, clio, slack, clock):
    told_by(slack)

    def read(state: str, **lists: str) -> list[str]:
        clock.advance(minutes=15)
        parts = [
            RunPart(connection_id=clio, resource=name, state=how, complete=how == "done", live=False)
            for name, how in lists.items()
        ]
        ended(clio, state, options={"asked": len(lists) == 1}, parts=parts)
        tell()
        return events()

    assert read("failed", matters="failed", contacts="failed", tasks="done") == ["run_failed"]
    assert read("done", contacts="done") == ["run_failed"]
    assert read("done_with_problems", tasks="interrupted") == ["run_failed"]
    assert read("interrupted", matters="interrupted", contacts="done", tasks="done") == ["run_failed"]
    assert read("done", contacts="done") == ["run_failed"]
    assert read("done", matters="done") == ["run_failed", "recovered"]


def test_what_was_so_before_the_rule_is_not_told(sandbox, clio, slack, clock):
    ended(clio, "failed")
    clock.advance(minutes=1)
    told_by(slack)

    assert tell() == 0
    clock.advance(minutes=15)
    ended(clio, "failed")
    assert tell() == 0
    clock.advance(minutes=15)
    ended(clio, "done")
    assert tell() == 1


def test_an_interrupted_run_says_nothing(sandbox, clio, slack, clock):
    told_by(slack)
    ended(clio, "done")
    clock.advance(minutes=1)
    ended(clio, "interrupted")

    assert tell() == 0


def test_a_mapping_that_fails_while_reading_goes_well_does_not_flap(session, sandbox, clio, slack, clock):
    told_by(slack)
    mapping = make_mapping(clio, connect(sandbox, "ghl"))
    for _ in range(3):
        clock.advance(minutes=5)
        ended(clio, "done")
        ended(clio, "failed", kind="push", mapping_id=mapping)
        tell()

    assert events() == ["run_failed"]
    assert posted(sandbox)[0].startswith("Clio of the firm: carrying over failed")


def test_a_connection_that_lost_its_sign_in_needs_a_person_and_is_told_once(sandbox, clio, slack, clock):
    """Also where the run failed by it: that is one thing, not two."""
    told_by(slack)
    clock.advance(1)
    sandbox.clio.revoke()
    assert sync(clio).state == "needs_person"

    tell()
    tell()

    (text,) = posted(sandbox)
    assert text.startswith("Clio of the firm must be reconnected\n")
    assert f"/connections/{clio}" in text


def test_the_real_thing_from_a_failing_service_to_a_message_with_a_link(sandbox, clio, slack, settings):
    told_by(slack)
    sync(clio, only=["users"])
    sandbox.clio.script("/users", {"status": 500, "body": {}, "times": 99})
    run = sync(clio, only=["users"])
    assert run.state == "failed"
    number = run.id

    tell()

    (message,) = [one for one in sandbox.slack.posted() if "reading failed" in one["text"]]
    assert f"{settings.BASE_URL}/runs/{number}" in message["text"]
    sections = [block["text"]["text"] for block in message["blocks"]]
    assert any(f"<{settings.BASE_URL}/runs/{number}|Clio of the firm: reading failed>" in text for text in sections)


def test_new_errors_and_those_that_came_back_are_told(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    now = house_clock.now()
    issue = Issue(
        fingerprint="f1", kind="value", title="Matters of Mrs Ackerly", service="clio", connection_id=clio,
        first_seen_at=now, last_seen_at=now, count=1, state="open",
    )  # fmt: skip
    db.session.add(issue)
    db.session.commit()
    tell()
    tell()
    clock.advance(hours=3)
    issue = db.session.scalar(select(Issue))
    issue.regressed_at = issue.last_seen_at = house_clock.now()
    db.session.commit()
    tell()

    assert [text.splitlines()[0] for text in posted(sandbox)] == [
        "Clio of the firm: a new kind of error", "Clio of the firm: an error came back",
    ]  # fmt: skip


def test_only_what_a_rule_asks_for_about_the_connection_it_names(sandbox, clio, slack, clock):
    told_by(slack, events=("recovered",))
    told_by(slack, events=CHANGES, about_id=slack)
    clock.advance(1)
    ended(clio, "failed")

    assert tell() == 0


# -- what a notice may say --------------------------------------------------------------------------------------------


def test_what_a_service_said_stays_here_unless_the_rule_allows_it(sandbox, clio, slack, clock):
    told_by(slack)
    told_by(slack, names_records=True)
    clock.advance(1)
    ended(clio, "failed", message="Clio refused the call. It says: Mrs Ackerly has no address")
    tell()

    plain, open_ = posted(sandbox)
    assert "Ackerly" not in plain
    assert "It says: Clio refused the call. It says: Mrs Ackerly has no address" in open_


def test_a_secret_is_never_told(sandbox, clio, slack, clock):
    """X2: neither one we hold nor what looks like one."""
    told_by(slack, names_records=True)
    clock.advance(1)
    secret = sandbox.clio.token_answer()["access_token"]
    ended(clio, "failed", message=f"It echoed {secret} and xoxb-999999-abcdef")
    tell()

    (text,) = posted(sandbox)
    assert secret not in text
    assert "xoxb-9" not in text
    assert "It echoed [redacted] and [redacted]" in text


def test_a_name_in_a_notice_is_no_mention_and_no_link(sandbox, clio, slack, clock):
    told_by(slack)
    connections.rename(connections.find(clio), "<!channel> & <https://evil.example|Clio>", by="Ana")
    clock.advance(1)
    ended(clio, "failed")
    tell()

    (posted,) = sandbox.slack.posted()
    section = posted["blocks"][0]["text"]
    assert "<!channel>" not in section["text"] + posted["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example¦Clio&gt;" in section["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|Clio&gt;" in posted["text"]  # what telephones show
    assert section["verbatim"]  # else Slack makes a mention of a plain @channel, too


def test_many_long_notices_full_of_what_is_escaped_fit_into_one_message(sandbox, clio, slack, clock):
    """Slack refuses a text of more than 40,000 characters, and nobody would be told at all."""
    rule = told_by(slack)
    for number in range(30):
        db.session.add(Notice(
            rule_id=rule, event="issue", key=f"k{number}", title="<" * 300, text="&" * 1_500, path="/errors/1",
            state="waiting", next_try_at=house_clock.now(), created_at=house_clock.now(), tries=0,
        ))  # fmt: skip
    db.session.commit()
    tell()

    (posted,) = sandbox.slack.posted()
    texts = [one["text"]["text"] for one in posted["blocks"]]
    assert len(texts) == 22
    assert {one.rpartition("&")[2] for one in texts[1:-1]} == {"amp;…"}
    assert texts[-1] == "And 10 more: <http://127.0.0.1:8000/settings/notifications>"


# -- quiet hours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "quiet"),
    [("21:59", False), ("22:00", True), ("03:00", True), ("06:59", True), ("07:00", False), ("12:00", False)],
)
def test_quiet_hours_span_midnight_on_the_rules_own_clock(local, quiet):
    from integration_console.models import NotificationRule

    rule = NotificationRule(quiet_from="22:00", quiet_to="07:00", time_zone="Asia/Tokyo")
    hour, minute = map(int, local.split(":"))
    moment = datetime(2026, 3, 2, hour, minute, tzinfo=UTC) - timedelta(hours=9)

    assert rules.is_quiet(rule, moment) is quiet


def test_quiet_hours_hold_and_end_with_one_summary(sandbox, clio, slack, clock):
    clock.travel_to(house_clock.now().replace(hour=23, minute=0) + timedelta(days=1))
    told_by(slack, quiet_from="22:00", quiet_to="07:00")
    for state in ("failed", "done", "failed"):
        clock.advance(minutes=30)
        ended(clio, state)
        assert tell() == 0
    assert {notice.state for notice in kept()} == {"held"}
    clock.advance(hours=8)

    assert tell() == 1
    assert tell() == 0
    (text,) = posted(sandbox)
    assert text.startswith("In the quiet hours, 22:00 to 07:00, 3 things happened:")
    assert text.count("reading failed") == 2
    assert [notice.state for notice in kept()] == ["sent"] * 3


def test_a_digest_comes_once_a_local_day(sandbox, clio, slack, clock):
    morning = house_clock.now().replace(hour=6, minute=0, second=0) + timedelta(days=2)
    clock.travel_to(morning - timedelta(hours=1))
    told_by(slack, events=("digest",), digest_at="08:00", time_zone="Europe/Berlin")
    ended(clio, "done")
    ended(clio, "failed")
    connections.find(clio).last_sync_at = morning
    db.session.commit()
    clock.travel_to(morning + timedelta(hours=3))  # behind 08:00 in Berlin, summer and winter
    tell()
    tell()
    clock.advance(hours=1)
    tell()

    (text,) = posted(sandbox)
    assert "1 of 2 need attention" in text.splitlines()[0]
    assert "Clio of the firm: 2 runs, 1 failed, fails at the moment" in text
    assert re.search(r", last read \d\d \w{3} 0[78]:00 CES?T\.", text)  # by whose clock
    clock.advance(days=1)
    tell()
    assert len(posted(sandbox)) == 2


def next_night(clock) -> None:
    """One hour after midnight: what was due then is not late, whatever time of day it is here."""
    clock.travel_to((clock.now() + timedelta(days=1)).replace(hour=1))


@pytest.mark.one_database
def test_a_digest_is_not_well_over_a_problem_of_the_console_itself(sandbox, clio, slack, clock):
    """A backup belongs to no account, and "all is well" was told over backups that had failed for days."""
    told_by(slack, events=("digest",), digest_at="00:00", time_zone="UTC")
    errors.log_failure(
        db.session(), connection_id=None, run_id=None, service="console", resource="backup", kind="backup",
        message="The disk is full.", raw="", code="", field=None, now=house_clock.now(), title="No backup.",
    )  # fmt: skip
    db.session.commit()
    next_night(clock)
    tell()

    said = posted(sandbox)[-1]
    assert said.splitlines()[0].endswith(": problems are open")
    assert "The console itself: 1 kind of errors open." in said


@pytest.mark.one_database
def test_a_digest_is_not_well_over_limitation_dates_that_are_none(sandbox, clio, slack, clock, monkeypatch):
    monkeypatch.setattr(due_dates, "near", lambda: due_dates.Near(0, 0, 2))
    told_by(slack, events=("digest",), digest_at="00:00", time_zone="UTC")
    next_night(clock)
    tell()

    assert posted(sandbox)[-1].splitlines()[0].endswith(": 2 limitation dates not a date")


def test_a_digest_is_not_well_over_limitation_dates_that_passed_or_open_problems(sandbox, clio, slack, clock):
    """Who reads only this in the morning must not take a good night's runs for a good day."""
    told_by(slack, events=("digest",), digest_at="00:00", time_zone="UTC")
    next_night(clock)
    tell()
    assert posted(sandbox)[-1].splitlines()[0].endswith(": all is well")

    errors.log_failure(
        db.session(), connection_id=clio, run_id=None, service="clio", resource="matters", kind="value",
        message="No.", raw="", code="", field=None, now=house_clock.now(), external_id="7", title="No.",
    )  # fmt: skip
    db.session.commit()
    next_night(clock)
    tell()
    assert posted(sandbox)[-1].splitlines()[0].endswith(": problems are open")

    sync(clio)
    next_night(clock)
    tell()
    said = posted(sandbox)[-1].splitlines()
    assert said[0].endswith(" limitation dates passed")
    assert said[1].startswith("Limitation dates: ")


# -- sending ----------------------------------------------------------------------------------------------------------


def test_a_message_that_does_not_go_out_is_tried_again_and_given_up_in_the_end(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    sandbox.slack.script("/chat.postMessage", {"body": {"ok": False, "error": "is_archived"}, "times": 99})
    pauses = []
    for _ in range(12):
        tell()
        (notice,) = kept()
        if notice.state == "dead":
            break
        pauses.append((notice.next_try_at - house_clock.now()).total_seconds())
        clock.travel_to(notice.next_try_at + timedelta(seconds=1))
        db.session.remove()

    (notice,) = kept()
    assert (notice.state, notice.tries) == ("dead", 6)
    assert "the channel is archived" in notice.said
    assert pauses == sorted(pauses)
    assert tell() == 0


def test_a_message_that_failed_once_goes_out_later(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    sandbox.slack.script("/chat.postMessage", {"body": {"ok": False, "error": "internal_error"}})
    assert tell() == 0
    assert tell() == 0
    clock.advance(minutes=2)

    assert tell() == 1
    (notice,) = kept()
    assert (notice.state, notice.tries) == ("sent", 2)
    assert notice.sent_text == posted(sandbox)[0]
    assert notice.said.startswith("Posted to #integrations") or notice.said.startswith(f"Posted to {CHANNEL}")


def test_a_notice_a_process_died_with_goes_out_by_another(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    notifications.look(house_clock.now())
    (notice,) = kept()
    notices._take(notice.rule_id, house_clock.now())
    assert tell() == 0
    clock.advance(minutes=6)

    assert tell() == 1


def test_what_is_too_old_is_no_news(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    notifications.look(house_clock.now())
    db.session.remove()
    clock.advance(days=2)

    assert tell() == 0
    assert [(notice.state, notice.said) for notice in kept()] == [("dead", "It was too old to be told.")]


def test_a_restored_console_tells_nobody_anything_until_it_may(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    outbound.pause(db.session.connection(), {"at": "2026-03-02T14:00:00+00:00", "by": "Ana"})
    db.session.commit()
    assert tell() == 0
    assert kept() == []
    outbound.resume(db.session())
    db.session.commit()

    assert tell() == 1


def test_posting_is_recorded_like_every_call(sandbox, clio, slack, clock):
    told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    tell()

    call = db.session.scalar(select(Transaction).where(Transaction.path_template == "/chat.postMessage"))
    assert (call.connection_id, call.outcome) == (slack, "ok")
    assert sandbox.slack.api_key not in str(vars(call))


def test_a_rule_switched_off_forgets_what_it_had_not_told(sandbox, clio, slack, clock):
    number = told_by(slack)
    clock.advance(1)
    ended(clio, "failed")
    notifications.look(house_clock.now())
    wanted = Wanted(kind="slack", connection_id=slack, place=CHANNEL, events=CHANGES, enabled=False)
    rules.change(rules.find(number), wanted, actor="Ana")

    assert tell() == 0
    assert [notice.said for notice in kept()] == ["The rule was switched off."]
    clock.advance(minutes=10)
    rules.change(rules.find(number), replace(wanted, enabled=True), actor="Ana")
    assert tell() == 0


def test_a_letter_says_the_same(clio, app_mail, clock, settings):
    mailed_to()
    clock.advance(1)
    run = ended(clio, "failed")

    assert tell() == 1
    (letter,) = app_mail.letters
    assert letter["To"] == "ana@firm.example"
    assert letter["Subject"] == "Clio of the firm: reading failed"
    assert f"{settings.BASE_URL}/runs/{run}" in letter.get_content()


def test_one_rule_that_cannot_speak_keeps_no_other_quiet(sandbox, clio, slack, app_mail, clock):
    told_by(slack)
    mailed_to()
    sandbox.slack.revoke()
    clock.advance(1)
    ended(clio, "failed")
    tell()

    assert len(app_mail.letters) == 1
    assert connections.find(slack).status == "needs_reconnect"


def test_people_are_told_when_no_key_opens_what_an_account_is_reached_with(clio, slack, app_mail, clock):
    """That is why it fails, and it fails for everybody: the keys were changed without `flask keys rotate`."""
    mailed_to()
    clock.advance(1)
    db.session.get_one(Connection, clio).credentials = Vault(Fernet.generate_key().decode()).seal(
        f"connection:{clio}", "{}"
    )
    db.session.commit()
    ended(clio, "failed")
    ended(slack, "failed")

    assert tell() == 1
    (letter,) = app_mail.letters
    for name in ("Clio of the firm", "Our Slack"):
        assert f"{name}: reading failed" in letter.get_content()


def test_a_test_message_is_really_sent_and_says_what_came_of_it(sandbox, slack, app_mail):
    good, bad = told_by(slack), mailed_to()
    app_mail.refuse = {"RCPT": (550, "no such user")}

    assert notices.send_test(rules.find(good), by="Ana").state == "sent"
    assert posted(sandbox)[0].startswith("This is a test\nAna tries out")
    refused = notices.send_test(rules.find(bad), by="Ana")
    assert (refused.state, refused.said) == ("dead", "The mail server said: 550 no such user")


# -- rules ------------------------------------------------------------------------------------------------------------


def test_a_channel_is_found_by_its_name_once_the_channels_were_read(sandbox, slack):
    sync(slack, only=["channels"])
    rule = rules.find(told_by(slack, place="#court-dates"))

    assert (rule.place, rule.place_name, rules.where(rule)) == ("C0SBX000004", "court-dates", "#court-dates")


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "fax"}, "kind"),
        ({"events": ()}, "events"),
        ({"events": ("everything",)}, "events"),
        ({"place": "#nowhere"}, "place"),
        ({"place": " # "}, "place"),
        ({"connection_id": None}, "connection_id"),
        ({"about_id": 77}, "about_id"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"quiet_from": "25:00", "quiet_to": "07:00"}, "quiet_from"),
        ({"digest_at": "morning"}, "digest_at"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"kind": "email", "place": "ana@firm.example"}, "kind"),  # there is no mail server
    ],
)
def test_what_cannot_be_used_is_said_at_its_field(sandbox, slack, changes, field):
    with pytest.raises(InvalidInput) as refused:
        told_by(slack, **changes)
    assert refused.value.field == field


@pytest.mark.one_database
@pytest.mark.parametrize("address", ["ana", "ana@", "a@firm.example, b@firm.example", "ana@firm.example\nBcc: x@y.zz"])
def test_only_one_real_address_can_be_written_to(session, app_mail, address):
    with pytest.raises(InvalidInput) as refused:
        mailed_to(address)
    assert refused.value.field == "place"


@pytest.mark.one_database
def test_a_clio_connection_cannot_speak(sandbox, clio):
    with pytest.raises(InvalidInput):
        told_by(clio)


@pytest.mark.one_database
def test_a_sign_in_that_ends_is_told_a_month_a_week_and_a_day_ahead(session, sandbox, clio, clock, monkeypatch):
    service = services.by_key("clio")
    ways = tuple(replace(w, life=timedelta(days=100)) if isinstance(w, OAuth) else w for w in service.ways)
    monkeypatch.setattr(type(service), "ways", ways)
    row = db.session.get_one(Connection, clio)
    row.consented_at = house_clock.now()
    ends = row.consented_at + timedelta(days=100)

    def keys(days_before: float) -> list[str]:
        return [one.key for one in lifetimes.told(ends - timedelta(days=days_before))]

    assert keys(40) == keys(-1) == []
    assert keys(29) == keys(8) == [f"ends {clio} {ends.date()} 30"]
    assert keys(6) == [f"ends {clio} {ends.date()} 7"]
    assert keys(0.5) == [f"ends {clio} {ends.date()} 1"]
