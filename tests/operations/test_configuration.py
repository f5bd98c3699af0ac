"""The configuration as a document: out of one console, into another, and nothing secret in it."""

import orjson
import pytest
from sqlalchemy import delete, select

from integration_console import clock
from integration_console.errors import InvalidInput
from integration_console.models import (
    ApiConfig,
    DataMapping,
    FieldMapping,
    LimitationRule,
    MappingVersion,
    NotificationRule,
    PracticeAreaRule,
    Setting,
    db,
)
from integration_console.operations import settings
from integration_console.operations.accounts import applications
from integration_console.operations.keeping import configuration, configuration_import
from integration_console.operations.mapping import mappings, practice_area_rules
from integration_console.operations.matters import limitation_rules
from integration_console.operations.notices import notification_rules
from integration_console.operations.notices.notification_rules import Wanted

from .conftest import connect
from .mapped import make_mapping

CHANNEL = "C0SBX000006"
RULE = {
    "name": "", "practice_area": "Personal Injury", "jurisdiction": "California", "period": "2", "unit": "years",
    "from_field": "open_date", "to_field": "statute_of_limitations", "mode": "propose", "source": "CCP 335.1",
    "enabled": "on",
}  # fmt: skip


@pytest.fixture
def firm(session, sandbox):
    """Everything a person can set up."""
    left, right = connect(sandbox, "ghl", "Our GHL"), connect(sandbox, "clio", "Hale")
    number = make_mapping(left, right)
    speaks = connect(sandbox, "slack", "Our Slack")
    told = Wanted(
        kind="slack", connection_id=speaks, place=CHANNEL, events=("recovered", "digest"), about_id=right,
        quiet_from="22:00", quiet_to="07:00", digest_at="09:30", time_zone="Europe/Berlin",
    )  # fmt: skip
    notification_rules.add(told, actor="test")
    settings.save({"firm.name": "Hale & Partner", "firm.time_zone": "Europe/Berlin"}, actor="test")
    applications.save("clio", {"limits": "40/60"}, secret="sesame-open", actor="test")
    practice_area_rules.add("Personal Injury", "phrase", "slipped on ice", 3, by="test")
    limitation_rules.save(None, RULE, actor="test")
    return number


@pytest.mark.one_database
def test_two_limitation_rules_for_the_same_matters_are_told_apart_by_their_names(session, sandbox):
    """An import of one of them wrote over the other: open matters were proposed the wrong date, or none."""
    for name, period in (("Bodily harm", "2"), ("Medical", "1")):
        limitation_rules.save(None, RULE | {"name": name, "period": period}, actor="test")
    told = configuration.export()
    assert configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test").changes == []
    told["limitation_rules"] = [told["limitation_rules"][0] | {"period": 3}]
    assert configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test").changes == [
        "Limitation rule Bodily harm changes."
    ]
    assert {rule.name: rule.period for rule in limitation_rules.every()} == {"Bodily harm": 3, "Medical": 1}
    told["limitation_rules"] = [told["limitation_rules"][0] | {"name": "Assault"}]
    configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")
    assert {rule.name for rule in limitation_rules.every()} == {"Assault", "Bodily harm", "Medical"}


def document() -> configuration.Document:
    return configuration.read(orjson.dumps(configuration.export()))


def forget() -> None:
    for table in (FieldMapping, MappingVersion, DataMapping, Setting, ApiConfig, PracticeAreaRule, LimitationRule,
                  NotificationRule):  # fmt: skip
        db.session.execute(delete(table))
    db.session.commit()


def test_out_and_in_again_is_the_same(session, firm):
    before = configuration.export()
    assert b"sesame" not in orjson.dumps(before)
    told = document()
    assert configuration_import.take_in(told, by="test").changes == []
    forget()

    imported = configuration_import.take_in(told, by="test")

    assert imported.problems == []
    assert len(imported.changes) == 7
    after = configuration.export()
    (pair,), (came,) = before.pop("mappings"), after.pop("mappings")
    assert after == before
    assert came["draft"] == pair["active"]  # it comes in as a draft
    assert (came["state"], came["active"]) == ("draft", None)
    assert configuration_import.take_in(told, by="test").changes == []


@pytest.mark.one_database
def test_how_a_console_stands_is_no_configuration(session, firm):
    """Another's marks would make the search skip what is here; "setup.done" would refuse the first administrator."""
    stands = {"search.indexed_to": "2026-11-27T08:00:00+00:00 7", "setup.done": "a@b.example", "backup.asked": "{}"}
    session.add_all(Setting(name=name, value=value, updated_at=clock.now()) for name, value in stands.items())
    session.commit()
    told = configuration.export()

    assert not stands.keys() & told["settings"].keys()
    told["settings"] |= {"traces.followed_to": "7"}  # as a file of before held it
    assert configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test").changes == []


def test_a_dry_run_changes_nothing(session, firm):
    told = document()
    forget()

    assert len(configuration_import.take_in(told, by="test", dry_run=True).changes) == 7

    assert session.scalar(select(DataMapping.id)) is None
    assert session.scalar(select(Setting.name)) is None


def test_a_changed_mapping_becomes_a_draft_and_what_is_on_stays_on(session, firm):
    told = configuration.export()
    told["mappings"][0]["active"]["lines"] = told["mappings"][0]["active"]["lines"][:2]

    imported = configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")

    assert len(imported.changes) == 1
    assert "Contacts" in imported.changes[0]
    mapping = mappings.find(firm)
    assert (mapping.state, mapping.active_version) == ("active", 1)
    assert len(mappings.document(mapping, 1).lines) == 6
    assert len(mappings.document(mapping).lines) == 2


def test_what_cannot_be_taken_in_is_told_and_the_rest_is(session, firm):
    told = configuration.export()
    told["settings"] = {"firm.time_zone": "Mars/Base", "firm.name": "Other", "outbound.paused": "{}"}
    told["services"] = {"clio": {"api_url": "ftp://x"}, "harbor": {}}
    told["mappings"][0]["right"], told["mappings"][0]["active"]["right"] = (
        "Gone", {"service": "clockify", "resource": "clients"},
    )  # fmt: skip
    told["mappings"][0]["active"]["lines"] = []
    told["mappings"][0]["active"]["keys"] = []

    imported = configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")

    assert imported.changes == ["firm.name: Hale & Partner becomes Other."]
    assert len(imported.problems) == 4
    assert settings.get("firm.time_zone") == "Europe/Berlin"


def test_what_a_file_does_not_name_of_a_service_stays(session, firm):
    """Without its client id no sign-in at that service could be renewed any more."""
    clio = {"client_id": "our-app", "region": "eu", "redirect_uri": "https://console.example.com/oauth/clio/callback"}
    applications.save("clio", clio, actor="test")
    told = {"format": "config/1", "services": {"clio": {"limits": "20/60", "client_secret": "x"}}}

    imported = configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")

    assert imported.changes == ["Clio: limits changes."]
    assert imported.problems == ["Clio: client_secret cannot be set this way."]
    assert configuration.export()["services"]["clio"] == {**clio, "limits": "20/60"}


@pytest.mark.one_database
def test_a_setting_this_release_does_not_know_is_a_problem_and_the_rest_goes_on(session):
    told = {
        "format": "config/1",
        "settings": {"firm.timezone": "Europe/Berlin", "retention.moods": "5", "firm.jurisdiction": "Ohio"},
    }
    imported = configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")

    assert imported.changes == ["firm.jurisdiction: not set becomes Ohio."]
    assert imported.problems == [f"{name}: There is no such setting." for name in ("firm.timezone", "retention.moods")]


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"format": "config/9"}', b'{"format": "config/1", "users": []}'])
def test_what_is_no_configuration_is_refused(session, text):
    with pytest.raises(InvalidInput):
        configuration.read(text)


def test_a_mapping_that_is_none_is_refused_before_anything_is_done(session, firm):
    told = configuration.export()
    told["mappings"][0]["active"]["rule"] = "dice"
    told["settings"] = {"firm.name": "Other"}

    with pytest.raises(InvalidInput):
        configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")

    assert settings.get("firm.name") == "Hale & Partner"


def notices_in(*wanted: dict) -> configuration_import.Import:
    told = configuration.export() | {"notification_rules": list(wanted)}
    return configuration_import.take_in(configuration.read(orjson.dumps(told)), by="test")


def test_equal_notification_rules_pair_off_one_by_one_and_one_left_over_changes_the_rule_of_its_place(session, firm):
    (rule,) = configuration.export()["notification_rules"]
    other = rule | {"events": ["issue"]}

    assert notices_in(rule, rule, other).changes == [f"A new notification rule: Slack to {CHANNEL}."] * 2
    assert notices_in(other, rule, rule).changes == []
    again = notices_in(rule, rule, other | {"enabled": False})

    assert again.changes == [f"Notification rule, Slack to {CHANNEL}: changes."]
    assert configuration.export()["notification_rules"] == [rule, rule, other | {"enabled": False}]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"through": "our slack"}, "No connection is called our slack here."),
        ({"about": "Gone"}, "No connection is called Gone here."),
        ({"kind": "email", "place": "ana@firm.example"}, "There is no mail server yet"),
        ({"time_zone": "Mars/Base"}, "Choose a time zone of the list"),
    ],
)
def test_a_notification_rule_that_cannot_be_meant_here_is_named_and_nothing_of_it_is_done(session, firm, given, said):
    (rule,) = before = configuration.export()["notification_rules"]

    told = notices_in(rule | given)

    assert told.changes == []
    assert said in told.problems[0]
    assert configuration.export()["notification_rules"] == before
