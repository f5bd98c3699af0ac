"""Three ways: what each side holds now against what both last agreed on, line by line."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_console.services.writing import MISSING
from integration_console.sync.carrying.compare import agree, compare, create
from integration_console.sync.carrying.same import same
from integration_console.sync.carrying.verdict import Decision, Half
from integration_console.sync.mapping import Mapping, MappingOptions, Side, line

EARLY, LATE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


class World:
    """Nothing is linked and nobody is known."""

    zone = ZoneInfo("UTC")
    options = MappingOptions()

    def linked_id(self, flow, side, external_id):
        return None

    def link_resource(self, flow, side):
        return "contacts"

    def note_unmatched(self, field, value):
        pass


def mapping(*lines, direction="both", rule="ask") -> Mapping:
    sides = Side(1, "ghl", "contacts"), Side(2, "clio", "contacts")
    return Mapping(1, "Contacts", None, 1, *sides, direction, rule, lines=lines)


def judged(one, left, right, base=None, decided=None, *, left_at=EARLY, right_at=LATE):
    halves = Half(left, left_at, 11), Half(right, right_at, 22)
    return compare(one, *halves, base or {}, World(), decided)


NAME, CITY = line("name", "first_name"), line("city", "address.city")
BOTH = mapping(NAME, CITY)
BASE = {NAME.key: ["Ada", "Ada"], CITY.key: ["Reno", "Reno"]}
AGREED_LEFT, AGREED_RIGHT = {"name": "Ada", "city": "Reno"}, {"first_name": "Ada", "address.city": "Reno"}


def test_nothing_is_written_where_both_sides_are_as_agreed():
    """W6"""
    verdict = judged(BOTH, AGREED_LEFT, AGREED_RIGHT, BASE)

    assert not verdict.to_left
    assert not verdict.to_right
    assert not verdict.clashes


def test_a_line_that_carries_nothing_of_two_records_neither_agrees_nor_differs():
    names = line("companyName,firstName,lastName", "name,type", transform="company_name")
    one, person = mapping(names, NAME), {"name": "Ada Byron", "type": "Person"}
    ada = Half({"companyName": None, "firstName": "Ada", "lastName": "Byron"}, EARLY, 11)
    acme = Half({"companyName": "Acme", "firstName": None, "lastName": None}, EARLY, 12)

    assert agree(one, names, ada, Half(person, EARLY, 22), World()) is None
    assert agree(one, names, acme, Half({"name": "Acme", "type": "Company"}, EARLY, 23), World()) is True
    assert agree(one, names, acme, Half({"name": "Other", "type": "Company"}, EARLY, 24), World()) is False


def test_what_only_one_side_changed_is_carried_with_its_source():
    verdict = judged(BOTH, {**AGREED_LEFT, "name": "Grace"}, AGREED_RIGHT, BASE)

    assert verdict.to_right.values == {"first_name": "Grace"}
    assert verdict.to_right.before == {"first_name": "Ada"}
    assert verdict.to_right.sources == {"first_name": {"record_id": 11, "field": "name", "value": "Grace"}}
    assert verdict.to_right.agree == {NAME.key: {"source": "Grace", "fields": ["first_name"]}}
    assert not verdict.to_left


WHOLE = line("first,last", "name", transform="join_name")
SWAPPED, RIGHTED = {"first": "Lovelace", "last": "Ada"}, {"first": "Ada", "last": "Lovelace"}


def test_names_that_stood_in_each_others_place_are_carried_when_they_are_put_right():
    """Both values were there before, and neither is new: only their places changed."""
    base = {WHOLE.key: [["Lovelace", "Ada"], "Lovelace Ada"]}

    by_parts = judged(mapping(WHOLE), RIGHTED, {"name": "Lovelace Ada"}, base)
    by_whole = judged(mapping(WHOLE), SWAPPED, {"name": "Ada Lovelace"}, base)

    assert by_parts.to_right.values == {"name": "Ada Lovelace"}
    assert by_whole.to_left.values == RIGHTED


def test_names_in_each_others_place_do_not_agree_when_two_records_meet():
    verdict = judged(mapping(WHOLE), SWAPPED, {"name": "Ada Lovelace"})

    assert not verdict.agreed
    assert [(one.left, one.right) for one in verdict.clashes] == [(["Lovelace", "Ada"], "Ada Lovelace")]
    assert agree(mapping(WHOLE), WHOLE, Half(SWAPPED), Half({"name": "Ada Lovelace"}), World()) is False


def test_the_opposite_is_carried_both_ways():
    """Billable on one side, not billable on the other: two fields that say the same word do not agree."""
    billable = line("billable", "non_billable", transform="not")
    one, base = mapping(billable), {billable.key: [True, False]}

    assert judged(one, {"billable": False}, {"non_billable": False}, base).to_right.values == {"non_billable": True}
    assert judged(one, {"billable": True}, {"non_billable": True}, base).to_left.values == {"billable": False}
    assert judged(one, {"billable": False}, {"non_billable": True}, base).agreed == {billable.key: [False, True]}
    assert judged(one, {"billable": True}, {"non_billable": True}).clashes


def test_figures_that_change_places_are_carried_one_way():
    """What was due is paid now: the same two figures, the other way round."""
    told = line("paid,due", "memo", "to_right", "template", {"text": "{paid} paid, {due} due"})
    base = {told.key: [[0, 100], "0 paid, 100 due"]}

    verdict = judged(mapping(told), {"paid": 100, "due": 0}, {"memo": "0 paid, 100 due"}, base)

    assert verdict.to_right.values == {"memo": "100 paid, 0 due"}


def test_different_fields_changed_on_both_sides_are_merged():
    """W5"""
    verdict = judged(BOTH, {**AGREED_LEFT, "name": "Grace"}, {**AGREED_RIGHT, "address.city": "Oakland"}, BASE)

    assert verdict.to_right.values == {"first_name": "Grace"}
    assert verdict.to_left.values == {"city": "Oakland"}
    assert not verdict.clashes


@pytest.mark.parametrize(
    ("rule", "winner", "left", "right"),
    [
        ("left", "left", {}, {"first_name": "Grace"}),
        ("right", "right", {"name": "Edith"}, {}),
        ("newest", "right", {"name": "Edith"}, {}),
        ("ask", None, {}, {}),
    ],
)
def test_the_same_field_changed_on_both_sides_goes_by_the_rule_and_both_values_are_kept(rule, winner, left, right):
    """W5"""
    verdict = judged(mapping(NAME, rule=rule), {"name": "Grace"}, {"first_name": "Edith"}, {NAME.key: ["Ada", "Ada"]})

    (clash,) = verdict.clashes
    assert (clash.left, clash.right, clash.base, clash.winner) == ("Grace", "Edith", ["Ada", "Ada"], winner)
    assert verdict.to_left.values == left
    assert verdict.to_right.values == right


def test_a_line_may_have_a_winner_of_its_own():
    own = line("name", "first_name", winner="left")

    verdict = judged(mapping(own, rule="right"), {"name": "Grace"}, {"first_name": "Edith"}, {own.key: ["Ada", "Ada"]})

    assert verdict.to_right.values == {"first_name": "Grace"}


def test_where_an_upstream_tells_no_time_the_newest_cannot_be_told_and_a_person_is_asked():
    one = mapping(NAME, rule="newest")

    verdict = judged(one, {"name": "Grace"}, {"first_name": "Edith"}, {NAME.key: ["Ada", "Ada"]}, left_at=None)

    assert verdict.clashes[0].winner is None
    assert not verdict.to_left
    assert not verdict.to_right


def test_what_a_person_decided_is_carried_without_asking_again():
    one = mapping(NAME)

    verdict = judged(one, {"name": "Grace"}, {"first_name": "Edith"}, {NAME.key: ["Ada", "Ada"]},
                     {NAME.key: Decision("right", {"left": "Grace", "right": "Edith"})})  # fmt: skip

    assert verdict.to_left.values == {"name": "Edith"}
    assert not verdict.clashes


def test_a_flip_of_what_has_no_words_on_the_other_side_leaves_that_side_as_it_is():
    """A person's name, whole on one side and only in parts on the other."""
    own = line("name,type", "name,first,last", transform="whole_name")
    left = {"name": "Ada Byron", "type": "Person"}

    verdict = judged(mapping(own), left, {"name": "Ada Byron", "first": "Ada", "last": "Byron"},
                     {own.key: ["Ada Byron", "Ada Byron"]},
                     {own.key: Decision("right", {"left": "Ada Byron", "right": "Ada King"}, again=True)})  # fmt: skip

    assert verdict.to_right.values == {"name": "Ada King"}
    assert not verdict.to_left
    assert verdict.to_right.agree[own.key]["source"] == "Ada Byron"


def test_a_flip_brings_the_value_back_that_lost_although_both_sides_hold_the_other_one():
    verdict = judged(mapping(NAME), {"name": "Edith"}, {"first_name": "Edith"}, {NAME.key: ["Edith", "Edith"]},
                     {NAME.key: Decision("left", {"left": "Grace", "right": "Edith"}, again=True)})  # fmt: skip

    assert verdict.to_right.values == {"first_name": "Grace"}
    assert verdict.to_left.values == {"name": "Grace"}
    assert verdict.to_left.before == {"name": "Edith"}


def test_both_sides_changed_to_the_same_value_is_agreement():
    verdict = judged(mapping(NAME), {"name": "Grace"}, {"first_name": "Grace"}, {NAME.key: ["Ada", "Ada"]})

    assert verdict.agreed == {NAME.key: ["Grace", "Grace"]}
    assert not verdict.clashes


def test_a_cleared_field_travels():
    """P6"""
    verdict = judged(BOTH, {**AGREED_LEFT, "city": None}, AGREED_RIGHT, BASE)

    assert verdict.to_right.values == {"address.city": None}


def test_a_missing_field_never_clears():
    """P6"""
    verdict = judged(BOTH, {"name": "Ada"}, AGREED_RIGHT, BASE)

    assert not verdict.to_right
    assert not verdict.to_left


def test_a_custom_field_that_the_record_left_out_of_all_it_told_is_empty():
    own = line("custom:7", "custom:9")

    verdict = judged(mapping(own), {"custom:": True}, {"custom:9": "x", "custom:": True}, {own.key: ["x", "x"]})

    assert verdict.to_right.values == {"custom:9": None}


def test_what_an_upstream_made_of_a_value_on_saving_is_no_change():
    """W6: each half is kept in its side's own words."""
    phone = line("phone", "phone", transform="phone")
    base = {phone.key: ["+15105551234", "(510) 555-1234"]}

    verdict = judged(mapping(phone), {"phone": "+15105551234"}, {"phone": "(510) 555-1234"}, base)

    assert not verdict.to_left
    assert not verdict.to_right


def test_a_first_meeting_fills_what_is_empty_and_asks_where_both_say_something_else():
    verdict = judged(BOTH, {"name": "Ada", "city": None}, {"first_name": "Edith", "address.city": "Reno"})

    assert verdict.to_left.values == {"city": "Reno"}
    assert [clash.line for clash in verdict.clashes] == [NAME]
    assert not verdict.to_right


def test_a_first_meeting_of_a_one_way_line_never_empties():
    one = mapping(line("name", "first_name", "to_right"))

    assert not judged(one, {"name": None}, {"first_name": "Edith"}).to_right
    assert judged(one, {"name": "Ada"}, {"first_name": "Edith"}).to_right.values == {"first_name": "Ada"}


def test_the_target_of_a_one_way_line_edited_by_hand_is_left_until_the_source_changes():
    own = line("name", "first_name", "to_right")
    base = {own.key: ["Ada", "Ada"]}

    drifted = judged(mapping(own), {"name": "Ada"}, {"first_name": "Edith"}, base)
    changed = judged(mapping(own), {"name": "Grace"}, {"first_name": "Edith"}, base)

    assert not drifted.to_right
    assert not drifted.clashes
    assert changed.to_right.values == {"first_name": "Grace"}


def test_the_mappings_direction_holds_for_every_line():
    one = mapping(NAME, direction="to_right")

    verdict = judged(one, {"name": "Ada"}, {"first_name": "Edith"}, {NAME.key: ["Ada", "Ada"]})

    assert not verdict.to_left


def test_a_line_written_only_at_creation_is_left_alone_afterwards():
    own = line("status", "status", "to_right", options={"only_create": True})

    assert create(mapping(own), "right", Half({"status": "open"}), World()).to_right.values == {"status": "open"}
    assert not judged(mapping(own), {"status": "won"}, {"status": "open"}, {own.key: ["open", "open"]}).to_right


def test_several_fields_become_one_and_one_becomes_several():
    own = line("first,last", "name", transform="join_name")
    base = {own.key: [["Ada", "King"], "Ada King"]}

    there = judged(mapping(own), {"first": "Ada", "last": "Lovelace"}, {"name": "Ada King"}, base)
    back = judged(mapping(own), {"first": "Ada", "last": "King"}, {"name": "Ada Lovelace"}, base)

    assert there.to_right.values == {"name": "Ada Lovelace"}
    assert back.to_left.values == {"last": "Lovelace"}  # the first name is as it was: it is not written again
    kept = {"first": "Ada"}
    assert back.to_left.agree == {own.key: {"source": "Ada Lovelace", "fields": ["first", "last"], "kept": kept}}


def test_a_value_that_cannot_be_carried_is_a_problem_of_its_line_and_the_others_go_on():
    table = line("stage", "stage", transform="value_map", options={"pairs": [["a", "b"]], "otherwise": "refuse"})

    verdict = judged(mapping(table, NAME), {"stage": "zzz", "name": "Ada"}, {"stage": "b", "first_name": None})

    assert [key for key, _ in verdict.problems] == [table.key]
    assert verdict.to_right.values == {"first_name": "Ada"}


def test_what_one_side_cannot_say_to_the_other_does_not_keep_the_other_from_changing_it():
    table = line("stage", "stage", transform="value_map", options={"pairs": [["a", "b"], ["c", "d"]],
                                                                   "otherwise": "refuse"})  # fmt: skip
    base = {table.key: ["a", "zzz"]}

    there = judged(mapping(table), {"stage": "c"}, {"stage": "zzz"}, base)
    back = judged(mapping(table), {"stage": "a"}, {"stage": "yyy"}, base)

    assert (there.to_right.values, there.problems) == ({"stage": "d"}, [])
    assert [key for key, _ in back.problems] == [table.key]
    assert not back.to_left


def test_a_first_meeting_with_several_fields_that_are_all_empty_empties_nothing():
    """P6"""
    own = line("name", "first_name,last_name", transform="split_name")

    verdict = judged(mapping(own, rule="right"), {"name": "Ada Lovelace"}, {"first_name": None, "last_name": None})

    assert verdict.to_right.values == {"first_name": "Ada", "last_name": "Lovelace"}
    assert not verdict.to_left
    assert not verdict.clashes


def test_a_record_that_waits_for_another_says_for_which():
    own = line("contactId", "client.id", "to_right", "linked", {"flow": "contacts", "side": "left"})

    verdict = create(mapping(own), "right", Half({"contactId": "c-1"}), World())

    assert [(wait.flow, wait.side, wait.external_id) for wait in verdict.waits] == [("contacts", "left", "c-1")]


def test_a_new_record_gets_what_is_there_and_nothing_that_is_empty():
    verdict = create(BOTH, "right", Half({"name": "Ada", "city": ""}, record_id=11), World())

    assert verdict.to_right.values == {"first_name": "Ada"}


VALUES = st.one_of(st.none(), st.sampled_from(["", "Ada", "Grace", "Edith"]))


@given(left=VALUES, right=VALUES, base=st.tuples(VALUES, VALUES), rule=st.sampled_from(["left", "right", "ask"]))
def test_no_value_is_ever_lost(left, right, base, rule):
    """Whatever is about to be written over is in the agreement, on the other side, or kept with a conflict."""
    verdict = judged(mapping(NAME, rule=rule), {"name": left}, {"first_name": right}, {NAME.key: list(base)})

    kept = [clash for clash in verdict.clashes if same(clash.left, left) and same(clash.right, right)]
    if verdict.to_right:
        assert same(right, base[1]) or kept
    if verdict.to_left:
        assert same(left, base[0]) or kept
    assert not (verdict.to_left and verdict.to_right)


@given(left=VALUES, right=VALUES)
def test_once_written_the_pair_is_quiet(left, right):
    """W6"""
    first = judged(mapping(NAME, rule="left"), {"name": left}, {"first_name": right})
    left = first.to_left.values.get("name", left)
    right = first.to_right.values.get("first_name", right)

    second = judged(mapping(NAME, rule="left"), {"name": left}, {"first_name": right}, {NAME.key: [left, right]})

    assert not second.to_left
    assert not second.to_right
    assert not second.clashes
    assert MISSING not in (left, right)


def test_two_spellings_of_one_number_are_no_difference_at_a_first_meeting():
    """Neither side writes it as the transform would."""
    phone = line("phone", "phone", transform="phone")

    verdict = judged(mapping(phone), {"phone": "510.555.1234"}, {"phone": "(510) 555-1234"})

    assert (verdict.clashes, bool(verdict.to_left), bool(verdict.to_right)) == ([], False, False)
    assert verdict.agreed == {phone.key: ["510.555.1234", "(510) 555-1234"]}
    assert judged(mapping(phone), {"phone": "510.555.1234"}, {"phone": "510 555 9999"}).clashes
