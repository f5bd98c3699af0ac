"""What transforms may look up, from our own copies, on both databases."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from integration_console.models import DataMapping, RecordLink, UnmatchedValue
from integration_console.storage import records, unmatched
from integration_console.sync.mapping import Mapping, MappingOptions, Side
from integration_console.sync.world import PROJECTS_FLOW, StoredWorld
from tests.storage.rows import NOON, connection, incoming


@pytest.fixture
def firm(session):
    """A Clio account and a Clockify account that know some of the same people and matters."""
    clio, clockify = connection(session, "Clio"), connection(session, "Clockify", "clockify")
    keep(session, clio, "users", incoming(345, email="Ana@Firm.example"), incoming(346, email="two@b.example"),
         incoming(347, email="TWO@b.example"), incoming(348, email=None))  # fmt: skip
    keep(session, clockify, "users", incoming("u1", email="ana@firm.example"), incoming("u2", email="bo@firm.example"))
    keep(session, clio, "matters",
         incoming(11, display_number="00012-Smith", number=12, custom_number=None),
         incoming(12, display_number="00013-Jones", number=13, custom_number="M-2026-0412"),
         incoming(13, display_number="12345", number=14, custom_number="m-2026-0412x"))  # fmt: skip
    keep(session, clockify, "projects", incoming("p1"), incoming("p2"))
    keep(session, clio, "practice_areas", incoming(7, name="Personal Injury"))
    options = [{"id": 31, "option": "Referral"}, {"id": 32, "option": "Web"}]
    keep(session, clio, "custom_fields", incoming(3, name="Source", picklist_options=options))
    session.commit()
    return clio, clockify


def keep(session, connection_id, resource, *rows):
    records.keep_page(session, connection_id=connection_id, resource=resource, run_id=None, rows=list(rows), now=NOON)


def world(session, firm, detect=None, **options):
    clio, clockify = firm
    mapping = Mapping(
        1, "Time", None, 1, Side(clockify, "clockify", "time_entries"), Side(clio, "clio", "activities"), "to_right",
        options=MappingOptions(**options),
    )  # fmt: skip

    @contextmanager
    def look():
        yield session

    return StoredWorld(look, mapping, zone="America/Los_Angeles", detect=detect)


def link(session, firm, matter, project, state="linked", flow=PROJECTS_FLOW):
    clio, clockify = firm
    mapping = DataMapping(
        flow=flow, name="Projects", left_connection_id=clio, left_resource="matters", right_connection_id=clockify,
        right_resource="projects", state="active", created_at=NOON, updated_at=NOON,
    )  # fmt: skip
    session.add(mapping)
    session.flush()
    left, right = records.find(session, clio, "matters", matter), records.find(session, clockify, "projects", project)
    session.add(RecordLink(
        mapping_id=mapping.id, left_record_id=left.id, right_record_id=right.id, state=state, created_at=NOON,
        updated_at=NOON,
    ))  # fmt: skip
    session.commit()
    return mapping.id


def test_the_partner_of_a_record_is_known_both_ways_by_flow_or_number(session, firm):
    number = link(session, firm, "11", "p1")
    here = world(session, firm)

    assert here.linked_id(PROJECTS_FLOW, "left", "11") == "p1"
    assert here.linked_id(str(number), "right", "p1") == "11"
    assert here.linked_id(PROJECTS_FLOW, "left", "12") is None
    assert (here.link_resource(PROJECTS_FLOW, "left"), here.link_resource("no such", "left")) == ("matters", "records")


def test_only_pairs_that_stand_count_and_only_between_these_connections(session, firm):
    link(session, firm, "11", "p1", state="ambiguous")
    here = world(session, firm)
    elsewhere = world(session, (connection(session, "Another"), firm[1]))

    assert here.linked_id(PROJECTS_FLOW, "left", "11") is None
    assert elsewhere.link_resource(PROJECTS_FLOW, "left") == "records"


def test_what_was_linked_since_is_seen_after_forgetting(session, firm):
    here = world(session, firm)
    assert here.linked_id(PROJECTS_FLOW, "right", "p1") is None

    link(session, firm, "11", "p1")

    assert here.linked_id(PROJECTS_FLOW, "right", "p1") is None
    here.forget()
    assert here.linked_id(PROJECTS_FLOW, "right", "p1") == "11"


def test_the_same_person_is_one_person_or_nobody(session, firm):
    here = world(session, firm)

    assert here.value_of("left", "users", "u1", "email") == "ana@firm.example"
    assert here.id_of("right", "users", "email", "ANA@firm.example") == "345"
    assert here.id_of("right", "users", "email", "two@b.example") is None
    assert here.id_of("right", "users", "email", "bo@firm.example") is None


@pytest.mark.parametrize(
    ("description", "matter"),
    [
        ("Draft motion #00012-Smith", "11"),
        ("Draft motion #12", "11"),
        ("Call, M-2026-0412", "12"),
        ("Working on #12345", "13"),
        ("#00012-Smith and #00013-Jones", None),
        ("#00012-Smith, invoice #99999", "11"),
        ("#00012-Brown", None),
        ("Lunch", None),
        (None, None),
    ],
)
def test_a_matter_is_found_by_the_one_number_in_the_description(session, firm, description, matter):
    assert world(session, firm).matter_of_time("right", None, description) == matter


def test_the_projects_link_comes_before_the_description(session, firm):
    link(session, firm, "11", "p1")
    here = world(session, firm)

    assert here.matter_of_time("right", "p1", "M-2026-0412") == "11"
    assert here.matter_of_time("right", "p2", "M-2026-0412") == "12"


def test_how_a_firm_writes_numbers_is_an_option(session, firm):
    own = world(session, firm, number_patterns=["file {digits}"])

    assert own.matter_of_time("right", None, "#00012-Smith") is None


def test_a_practice_area_is_the_firms_own_or_noted(session, firm):
    said = {"crash": ("personal injury", 0.9, "crash"), "will": ("Estate Planning", 0.9, "will"), "hm": (None, 0.1, "")}
    here = world(session, firm, detect=said.get)

    assert here.practice_area_id("right", "crash") == "7"
    assert here.practice_area_id("right", "will") is None
    assert here.practice_area_id("right", "hm") is None
    assert dict(here.unmatched) == {("practice area", "Estate Planning"): 1}


def test_choices_are_known_by_their_words(session, firm):
    here = world(session, firm)

    assert here.choice_text("right", "custom:3", "31") == "Referral"
    assert here.choice_id("right", "custom:3", "web") == "32"
    assert here.choice_id("right", "custom:3", "Radio") is None
    assert here.choice_id("left", "custom:9", "free text") == "free text"


def test_the_mappings_zone_comes_before_the_firms(session, firm):
    assert world(session, firm).zone.key == "America/Los_Angeles"
    assert world(session, firm, zone="Europe/Berlin").zone.key == "Europe/Berlin"


def test_ten_thousand_questions_are_one_query_each_list(session, firm):
    clio, clockify = firm
    keep(session, clockify, "users", *(incoming(f"x{n}", email=f"x{n}@b.example") for n in range(2000)))
    keep(session, clio, "users", *(incoming(1000 + n, email=f"x{n}@b.example") for n in range(2000)))
    session.commit()
    here, asked = world(session, firm), []
    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", lambda *facts: asked.append(facts[2]))

    for n in range(2000):
        email = here.value_of("left", "users", f"x{n}", "email")
        assert here.id_of("right", "users", "email", email) == str(1000 + n)
        here.matter_of_time("right", "p1", "#00012-Smith")

    assert len([statement for statement in asked if statement.lstrip().startswith("SELECT")]) <= 5


def test_values_nobody_knew_are_counted_for_the_admin(session, firm):
    mapping = link(session, firm, "11", "p1")
    here = world(session, firm)
    for _ in range(3):
        here.note_unmatched("status", "Frozen\0")
    here.note_unmatched("status", "x" * 400)

    unmatched.add(session, mapping, here.unmatched, now=NOON)
    unmatched.add(session, mapping, {("status", "Frozen\0"): 1}, now=NOON)
    session.commit()

    assert [(row.value[:7], row.count) for row in unmatched.of(session, mapping)] == [
        ("Frozen\ufffd", 4),
        ("xxxxxxx", 1),
    ]
    unmatched.forget(session, mapping, "status", "Frozen\ufffd")
    assert session.query(UnmatchedValue).count() == 1
