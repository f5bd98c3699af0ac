"""The closed list of transforms: what they make of values, what they refuse, and that both ways agree."""

import inspect
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_console.errors import BadRecord, InvalidInput, Wait
from integration_console.services.writing import MISSING
from integration_console.sync import transforms
from integration_console.sync.mapping import MappingOptions
from integration_console.sync.transforms import (
    TRANSFORMS,
    Spot,
    addresses,
    bills,
    dates,
    lookups,
    numbers,
    people,
    text,
)
from integration_console.sync.transforms.matter_numbers import check_pattern, numbers_in

PARTS = (addresses, bills, dates, lookups, numbers, people, text)
NAMES = st.lists(st.from_regex(r"[A-Z][a-z]{1,8}", fullmatch=True), min_size=1, max_size=4).map(" ".join)


class Village:
    """A small world of our own."""

    zone = ZoneInfo("America/Los_Angeles")
    options = MappingOptions(rounding_minutes=6)
    people: ClassVar = {("left", "users", "u1", "email"): "Ana@Firm.example"}
    numbers: ClassVar = {("right", "users", "email", "ana@firm.example"): "345"}
    links: ClassVar = {("contacts_flow", "left", "c1"): "901", ("contacts_flow", "right", "901"): "c1"}

    def __init__(self):
        self.unmatched = []
        self.lines = []
        self.bills = []

    def linked_id(self, flow, side, external_id):
        return self.links.get((flow, side, external_id))

    def link_resource(self, flow, side):
        return "contacts"

    def value_of(self, side, resource, external_id, field):
        return self.people.get((side, resource, external_id, field))

    def id_of(self, side, resource, field, value):
        return self.numbers.get((side, resource, field, value.casefold()))

    def under(self, side, resource, field, external_id):
        held = {("line_items", "bill.id", "5"): self.lines, ("bills", "id", "5"): self.bills}
        return held.get((resource, field, external_id), [])

    def was_read_before(self, side, resource, other, external_id):
        return False

    def choice_text(self, side, field, value):
        return {("left", "custom:1", "31"): "Referral"}.get((side, field, value), value)

    def choice_id(self, side, field, text):
        return {("right", "custom:9", "Referral"): "901"}.get((side, field, text))

    def practice_area_id(self, side, text):
        return "7" if "collision" in text else None

    def matter_of_time(self, side, project, description):
        return "55" if project == "p1" else None

    def note_unmatched(self, field, value):
        self.unmatched.append((field, value))


def made(
    name, *values, options=None, towards="right", sources=("a",), targets=("b",), world=None, back=False, there=None
):
    """What a transform makes of these values. there: the record they go to."""
    transform = TRANSFORMS[name]
    run = transform.backward if back else transform.forward
    checked = transforms.options_of(transform, options or {})
    return run(list(values), checked, Spot(world or Village(), towards, sources, targets, there or {}))


def test_the_list_is_closed_and_every_entry_explains_itself():
    """By its first sentence and an example, which tests/house/test_words.py runs."""
    docs = [inspect.getdoc(one) or "" for module in PARTS for one in vars(module).values() if inspect.isfunction(one)]
    examples = {text.splitlines()[0] for text in docs if ">>>" in text}
    for name, transform in TRANSFORMS.items():
        assert transform.name == name
        assert transform.label
        assert transform.help.endswith(".")
        assert transform.help in examples, f"{name} has no example"
        assert (transform.back is None) == (transform.backward is None)

    with pytest.raises(InvalidInput, match="no transform 'eval'"):
        transforms.by_name("eval")


def test_options_are_checked_and_strangers_refused_by_name():
    with pytest.raises(InvalidInput, match="“Telephone number”") as caught:
        transforms.options_of(TRANSFORMS["phone"], {"country": "US", "code": "1+1"})

    assert caught.value.field == "options.code"


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_a_value_that_is_nothing_makes_nothing_up(name):
    if name in ("constant", "person_or_company", "matter_of_time"):
        return
    options = {"linked": {"flow": "contacts_flow"}, "template": {"text": "{a}"}}.get(name)

    made_of_nothing = made(name, None, options=options)

    assert made_of_nothing is None or made_of_nothing is MISSING or made_of_nothing == [None]


# -- text and people --------------------------------------------------------------------------------------------------


@given(NAMES)
def test_a_name_taken_apart_and_put_together_is_the_same_name(name):
    for targets in (("first", "last"), ("first", "middle", "last")):
        parts = made("split_name", name, sources=("name",), targets=targets)

        assert made("join_name", *parts, sources=targets, targets=("name",)) == name


@given(st.text(max_size=60))
def test_no_word_of_a_name_is_lost(name):
    words = sorted(name.replace(",", " ").split())

    parts = made("split_name", name, targets=("first", "last"))

    assert sorted(" ".join(filter(None, parts)).replace(",", " ").split()) == words


@pytest.mark.parametrize("name", ["trim", "lower", "email", "phone", "tags"])
@given(value=st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(name, value):
    """A pair that is quiet stays quiet (W6)."""
    once = made(name, value)

    assert made(name, once) == once


@given(st.integers(2_000_000, 9_999_999), st.sampled_from(["(510) {}-{}", "510.{}.{}", "+1 510 {} {}", "510{}{}"]))
def test_a_number_is_the_same_however_it_is_spelled(line, spelling):
    digits = f"{line}"

    assert made("phone", spelling.format(digits[:3], digits[3:])) == f"+1510{digits}"


@pytest.mark.parametrize(
    "odd", ["call mornings: 510 555 0123", "1-800-FLOWERS", "12", "ask Ana", "510-555-0123 or 0124"]
)
def test_an_odd_number_is_carried_rather_than_lost(odd):
    assert made("phone", f"  {odd} ") == odd


def test_an_extension_stays_and_the_country_is_an_option():
    assert made("phone", "510 555 0123 ext. 12") == "+15105550123 ext. 12"
    assert made("phone", "020 7946 0958", options={"country": "GB"}) == "+442079460958"


def test_a_company_is_told_from_a_person_and_only_its_name_travels():
    fields = ("companyName", "firstName", "lastName")

    assert made("person_or_company", "Acme", None, None, sources=fields) == "Company"
    assert made("company_name", "Acme ", None, None, sources=fields) == "Acme"
    assert made("company_name", "Acme", "Ada", None, sources=fields) is MISSING
    assert made("company_name", "Acme", "Company", back=True) == "Acme"
    assert made("company_name", "Ada Lovelace", "Person", back=True) is MISSING


def test_of_one_name_only_a_companys_comes_back_and_none_that_was_cut():
    def back(said, **there):
        return made("one_name", said, back=True, targets=("name", "type"), there=there)

    assert made("one_name", "Ada  Lovelace", "Person") == "Ada Lovelace"
    assert made("one_name", "Acme Holdings", "Company", options={"longest": 8}) == "Acme Ho…"
    assert back(" Acme Inc. ", name="Acme", type="Company") == "Acme Inc."
    assert back("Ada Lovelace", name="Ada Byron", type="Person") is MISSING
    assert back("Acme Ho…", name="Acme Holdings", type="Company") is MISSING
    assert back("Ada Lovelace") == "Ada Lovelace"  # to be made: nothing of it is guessed apart


ADDRESS = ("street", "city", "state", "code")
HOUSE = ("12 Main St", "Springfield", "IL", "62701")


def taken_apart(text, *there):
    return made("address", text, back=True, targets=ADDRESS, there=dict(zip(ADDRESS, there, strict=False)))


@pytest.mark.parametrize(
    "parts",
    [
        HOUSE, ("12 Main St, Suite 4", "Springfield", "IL", "62701-1234"),
        ("12 Main St\nSuite 4", "St. Louis", "MO", "63101"),
        ("1 Rue de la Paix", "Vancouver", "British Columbia", "V6B 1A1"),
        ("Hauptstr. 1", "Berlin", None, "10115"), (None, None, None, None),
    ],
)  # fmt: skip
def test_an_address_in_one_text_comes_back_in_the_parts_it_was_made_of(parts):
    assert taken_apart(made("address", *parts), *parts) == list(parts)


def test_an_address_that_somebody_wrote_is_taken_apart_only_where_its_parts_are_beyond_doubt():
    assert taken_apart("14 Main St\nSpringfield, IL 62701", *HOUSE) == ["14 Main St", "Springfield", "IL", "62701"]
    assert taken_apart("", *HOUSE) == [None] * 4
    for said in ("14 Main St", "14 Main St Springfield IL 62701", "12 Main St, IL 62701", "12 Main St, Suite B, 62701"):
        with pytest.raises(BadRecord, match="which part of this address is which"):
            taken_apart(said)
    with pytest.raises(BadRecord, match="lacks a part"):
        taken_apart("14 Main St, Suite B, IL 62701", "12 Main St, Suite B", None, "IL", "62701")


def test_a_template_names_fields_and_runs_nothing():
    text = "{name.__class__} {name}"
    fault = TRANSFORMS["template"].fault

    assert "{name.__class__}" in fault(transforms.options_of(TRANSFORMS["template"], {"text": text}), ("name",), ("b",))
    assert made("template", "Ada", options={"text": text}, sources=("name",)) == "Ada"
    assert made("template", None, "x", options={"text": "{a}: {b}"}, sources=("a", "b")) == ": x"
    assert made("template", "{b}", "x", options={"text": "{a}"}, sources=("a", "b")) == "{b}"


@given(st.lists(st.from_regex(r"[a-z]{1,6}( [a-z]{1,6})?", fullmatch=True), min_size=1, unique=True))
def test_tags_come_back_as_they_went(tags):
    assert made("tags", made("tags", tags), back=True) == tags


def test_a_list_is_no_single_value():
    with pytest.raises(BadRecord, match="list of values"):
        made("trim", ["a", "b"])


# -- numbers and time -------------------------------------------------------------------------------------------------


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_money_keeps_its_cents(amount):
    assert made("money", str(amount)) == float(amount)
    assert made("money", made("money", str(amount))) == float(amount)


@pytest.mark.parametrize("bad", ["twelve", "nan", "Infinity", "1e999", "1.234,50", True, "10" * 20])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(BadRecord, match="no number"):
        made("money", bad)


@given(st.integers(0, 10**6))
def test_hours_with_two_decimals_survive_the_way_to_seconds_and_back(hundredths):
    hours = hundredths / 100

    assert made("seconds_to_hours", made("hours_to_seconds", hours)) == hours
    assert made("seconds_to_hours", hours, back=True) == made("hours_to_seconds", hours)


@given(st.integers(0, 10**6), st.sampled_from([6, 15]))
def test_time_is_rounded_up_by_less_than_a_step(seconds, minutes):
    rounded = made("duration", seconds, options={"rounding": minutes})

    assert rounded % (minutes * 60) == 0
    assert 0 <= rounded - seconds < minutes * 60


def test_the_firms_own_rounding_counts_where_the_line_names_none():
    assert made("duration", 61) == 360
    assert made("duration", 61, options={"rounding": 0}) == 61
    with pytest.raises(BadRecord, match="less than nothing"):
        made("duration", -1)


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.timezones()))
def test_a_moment_survives_being_written_in_utc(moment):
    written = made("time", moment.isoformat())

    assert made("time", written) == written


def test_days_follow_the_firms_zone_and_days_stay_days():
    assert made("date", "2026-03-02T02:00:00Z") == "2026-03-01"
    assert made("date", "2026-03-02T02:00:00Z", options={"zone": "UTC"}) == "2026-03-02"
    assert made("date", "2026-03-02") == "2026-03-02"
    assert made("date", 1_772_416_800_000, options={"zone": "UTC"}) == "2026-03-02"
    for bad in ("2026-02-30", "03/02/2026", "soon", True):
        with pytest.raises(BadRecord):
            made("date", bad)


def test_yes_and_no_are_read_and_turned():
    assert made("boolean", "Yes") is True
    assert made("not", "off") is True
    assert made("not", False) is True
    with pytest.raises(BadRecord, match="neither"):
        made("boolean", "perhaps")


# -- tables and other records -----------------------------------------------------------------------------------------

STATES = {"pairs": [["open", "won"], ["closed", "won"], ["pending", "open"]]}


def test_a_value_table_goes_both_ways_and_the_first_pair_wins_back():
    assert made("value_map", "Closed", options=STATES) == "won"
    assert made("value_map", "won", options=STATES, back=True) == "open"
    assert made("value_map", True, options={"pairs": [[True, "yes"], ["1", "one"]]}) == "yes"
    assert made("value_map", 1, options={"pairs": [[True, "yes"], ["1", "one"]]}) == "one"


def test_values_the_table_does_not_know_are_noted_and_treated_as_the_line_says():
    world = Village()

    assert made("value_map", "Frozen", options=STATES, world=world, sources=("status",)) is MISSING
    assert made("value_map", "Lost", options={**STATES, "otherwise": "empty"}, world=world) is None
    with pytest.raises(BadRecord, match="does not know “Lost”"):
        made("value_map", "Lost", options={**STATES, "otherwise": "refuse"}, world=world)

    assert world.unmatched[0] == ("status", "Frozen")
    assert len(world.unmatched) == 3


def test_a_linked_record_is_named_or_waited_for():
    options = {"flow": "contacts_flow", "side": "left"}

    assert made("linked", "c1", options=options) == "901"
    assert made("linked", "901", options=options, back=True, towards="left") == "c1"
    with pytest.raises(Wait, match="contacts c2") as caught:
        made("linked", "c2", options=options)
    assert (caught.value.resource, caught.value.external_id, caught.value.flow) == ("contacts", "c2", "contacts_flow")


def test_the_same_person_is_found_by_e_mail():
    world = Village()

    assert made("same", "u1", world=world) == "345"
    assert made("same", "u2", world=world, sources=("assignedTo",)) is MISSING
    assert world.unmatched == [("assignedTo", "u2")]
    with pytest.raises(Wait, match="nobody"):
        made("same", "u2", options={"otherwise": "wait"})


def test_a_choice_is_found_by_its_words():
    assert made("custom", "31", sources=("custom:1",), targets=("custom:9",)) == "901"
    assert made("custom", "Web", sources=("custom:1",), targets=("custom:9",)) is MISSING


def test_a_practice_area_nobody_is_sure_of_writes_nothing():
    assert made("practice_area", "Rear-end collision") == "7"
    assert made("practice_area", "Hello") is MISSING


def test_time_without_a_matter_waits_unless_the_line_says_otherwise():
    assert made("matter_of_time", "p1", None) == "55"
    with pytest.raises(Wait, match="No matter"):
        made("matter_of_time", None, "Lunch")
    assert made("matter_of_time", None, None, options={"otherwise": "empty"}) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Draft motion #00012-Smith", ["00012-Smith"]),
        ("#00012-O'Brien-Jones, call.", ["00012-O'Brien-Jones"]),
        ("m-2026-0412: review", ["m-2026-0412"]),
        ("Working on #12345", ["12345"]),
        ("Working on #12345-", ["12345"]),
        ("invoice FM-2026-0412 and A#7", []),
        ("no number at all, 12345", []),
    ],
)
def test_matter_numbers_are_read_as_firms_write_them(text, found):
    assert list(numbers_in(text)) == found


def test_a_pattern_of_the_firms_own_is_text_and_no_program():
    assert list(numbers_in("see (ACME.0042) now", ("ACME.{digits}",))) == ["ACME.0042"]
    for bad in ("(a+)+", "{digits", "{name}-{digits}"):
        with pytest.raises(ValueError, match="pattern"):
            check_pattern(bad)


# -- bills ------------------------------------------------------------------------------------------------------------

BILL = ("id", "total", "state", "kind")


def bill_made(lines, *values, currency=None, **more):
    world = Village()
    world.lines = lines
    world.bills = [{"id": 5, "currency": {"code": currency}}] if currency else []
    return made("bill_lines", *values, sources=BILL, targets=("lines",), world=world, **more)


def test_the_lines_of_a_bill_come_to_its_total():
    lines = [{"description": "Drafting", "quantity": 1.5, "price": 300.0, "total": 450.0},
             {"note": "Courier", "quantity": 3, "price": 10, "sub_total": 25.5, "total": 25.5},
             {"description": "Written off", "quantity": 1, "price": 90, "total": 0}]  # fmt: skip

    assert bill_made(lines, "5", 475.5, "awaiting_payment", "revenue_kind") == [
        {"description": "Drafting", "quantity": "1.5", "price": "300", "amount": "450.00"},
        {"description": "Courier", "quantity": "1", "price": "25.5", "amount": "25.50"},
    ]


def test_a_bill_that_does_not_add_up_or_asks_for_trust_money_is_refused_and_a_paid_one_left_alone():
    lines = [{"description": "Drafting", "quantity": 1, "price": 300.0, "total": 300.0}]

    with pytest.raises(BadRecord, match=r"come to 300\.00 and the bill to 330\.00"):
        bill_made(lines, "5", 330.0, "awaiting_payment", "revenue_kind")
    with pytest.raises(BadRecord, match="trust"):
        bill_made(lines, "5", 300.0, "awaiting_payment", "trust_kind")
    with pytest.raises(Wait, match="lines of the bill"):
        bill_made([], "5", 300.0, "awaiting_payment", "revenue_kind")
    assert bill_made(lines, "5", 300.0, "paid", "revenue_kind") is MISSING


@pytest.mark.parametrize(("state", "invoice", "told"), [
    ("void", {"state": "open"}, "still stands. Void"), ("void", {"Status": "AUTHORISED"}, "still stands. Void"),
    ("void", {"state": "voided"}, ""), ("deleted", {"Status": "DELETED"}, ""), ("paid", {"state": "open"}, ""),
    ("awaiting_payment", {"Status": "VOIDED"}, "voided or deleted"), ("paid", {"status": "void"}, "voided or deleted"),
])  # fmt: skip
def test_a_bill_and_its_invoice_of_which_only_one_was_taken_back_are_told(state, invoice, told):
    lines = [{"description": "Drafting", "quantity": 1, "price": 300.0, "total": 300.0}]
    if not told:
        assert bill_made(lines, "5", 300.0, state, "revenue_kind", there=invoice) is MISSING
        return
    with pytest.raises(BadRecord, match=told):
        bill_made(lines, "5", 300.0, state, "revenue_kind", there=invoice)


def test_the_lines_of_a_bill_are_counted_in_what_its_currency_is_counted_in():
    """Three decimals of a dinar, none of a yen; cents where the bill names no currency."""
    mills = [{"description": "Drafting", "quantity": 1, "price": 10.125, "total": 10.125}] * 2
    yen = [{"description": "Drafting", "quantity": 1.5, "price": 333, "total": 499.5}]

    dinars = bill_made(mills, "5", 20.25, "awaiting_payment", "revenue_kind", currency="KWD")
    assert [line["amount"] for line in dinars] == ["10.125", "10.125"]
    (whole,) = bill_made(yen, "5", 500, "awaiting_payment", "revenue_kind", currency="JPY")
    assert whole["amount"] == "500.00"
    with pytest.raises(BadRecord, match=r"come to 20\.26 and the bill to 20\.25"):
        bill_made(mills, "5", 20.25, "awaiting_payment", "revenue_kind")


def test_money_is_rounded_to_what_its_currency_is_counted_in():
    assert made("money", "12.3455") == 12.35
    assert made("money", "12.3455", options={"currency": "kwd"}) == 12.346
    assert made("money", 99.5, options={"currency": "JPY"}) == 100.0
