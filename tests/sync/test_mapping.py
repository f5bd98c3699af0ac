"""A mapping in the engine: what a line carries over, who takes part, what is wrong with it, what changed in it."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_console import services
from integration_console.errors import BadRecord, InvalidInput
from integration_console.services.writing import MISSING, Field
from integration_console.sync import mapping as mappings
from integration_console.sync.mapping import MappingOptions, Side, carry_over, line, spread, takes_part, value_on

LEFT, RIGHT = Side(1, "ghl", "contacts"), Side(2, "clio", "contacts")
FIELDS = {
    "left": [
        Field("firstName", "First name"), Field("lastName", "Last name"), Field("email", "E-mail", "email"),
        Field("phone", "Phone", "phone"), Field("tags", "Tags", "list"), Field("budget", "Budget", "money"),
        Field("dnd", "Do not disturb", "boolean"), Field("type", "Type", "choice", choices=("lead", "customer")),
        Field("city", "City", longest=500), Field("assignedTo", "Owner", "ref", of="users"),
    ],
    "right": [
        Field("type", "Type", "choice", required=True), Field("first_name", "First name"),
        Field("last_name", "Last name"), Field("name", "Name", writable=False), Field("email", "E-mail", "email"),
        Field("phone", "Phone", "phone"), Field("address.city", "City", longest=50),
        Field("custom:7", "Fee", "money"), Field("custom:8", "Note"),
        Field("company.id", "Company", "ref", of="contacts"),
    ],
}  # fmt: skip


class Plain:
    """A world in which there is nothing to look up."""

    zone, options = ZoneInfo("UTC"), MappingOptions()


WORLD = Plain()


def mapping(*lines, number=1, **facts):
    usual = {"direction": "both", "left": LEFT, "right": RIGHT}
    return mappings.Mapping(number, "Contacts", None, 1, lines=lines, **{**usual, **facts})


@pytest.fixture
def writable(monkeypatch):
    """Both services take every write, whatever their own files say."""
    everything = {"contacts": frozenset({"create", "update"}), "bank_transactions": frozenset({"create", "update"})}
    for key in ("ghl", "clio"):
        monkeypatch.setattr(type(services.by_key(key).writing), "writable", everything)


# -- what a line carries ----------------------------------------------------------------------------------------------


def test_a_missing_field_never_clears_and_an_empty_one_does():
    """P6"""
    email = line("email", "email", transform="email")

    assert carry_over(email, {}, "right", WORLD) is MISSING
    assert carry_over(email, {"email": None}, "right", WORLD) is None
    assert carry_over(email, {"email": " A@b.example"}, "right", WORLD) == "a@b.example"


@pytest.mark.parametrize(("blank", "written"), [("keep", MISSING), ("clear", None), ("default", "unknown")])
def test_an_emptied_field_does_what_the_blank_rule_says(blank, written):
    city = line("city", "address.city", blank=blank, options={"default": "unknown"})

    assert carry_over(city, {"city": ""}, "right", WORLD) == written
    assert carry_over(city, {}, "right", WORLD) is MISSING


def test_a_part_that_is_missing_holds_the_whole_back_except_for_a_new_record():
    """P6"""
    name = line("firstName,lastName", "custom:8", "to_right", "join_name")

    assert carry_over(name, {"lastName": "Lovelace"}, "right", WORLD) is MISSING
    assert carry_over(name, {"lastName": "Lovelace"}, "right", WORLD, creating=True) == "Lovelace"
    assert carry_over(name, {}, "right", WORLD, creating=True) is MISSING


def test_a_custom_field_that_is_not_listed_is_empty_where_the_record_told_them_all():
    """P6"""
    note = line("custom:a", "custom:8")

    assert carry_over(note, {"custom:": True}, "right", WORLD) is None
    assert carry_over(note, {}, "right", WORLD) is MISSING


def test_a_line_runs_forward_to_the_right_and_back_to_the_left():
    both = line("name", "first_name,last_name", "both", "split_name")

    assert carry_over(both, {"name": "Ada Lovelace"}, "right", WORLD) == ["Ada", "Lovelace"]
    assert carry_over(both, {"first_name": "Ada", "last_name": "King"}, "left", WORLD) == "Ada King"


def test_a_line_that_goes_only_to_the_left_runs_forward_that_way():
    only_left = line("name", "first_name,last_name", "to_left", "join_name")

    assert carry_over(only_left, {"first_name": "Ada", "last_name": "King"}, "left", WORLD) == "Ada King"


def test_what_cannot_be_used_names_the_field_it_was_for():
    """W4"""
    with pytest.raises(BadRecord) as caught:
        carry_over(line("budget", "custom:7", transform="money"), {"budget": "much"}, "right", WORLD)

    assert caught.value.field == "custom:7"


def test_what_is_required_must_not_come_out_empty():
    first = line("firstName", "first_name", required=True)

    with pytest.raises(BadRecord, match="must not be empty"):
        carry_over(first, {"firstName": " ".strip()}, "right", WORLD)
    with pytest.raises(BadRecord, match="must not be empty"):
        carry_over(first, {}, "right", WORLD, creating=True)
    assert carry_over(first, {}, "right", WORLD) is MISSING


def test_several_fields_are_compared_and_written_as_one():
    both = line("name", "first_name,last_name", transform="split_name")
    right = {"first_name": "Ada", "last_name": None}

    assert both.key == "name|first_name,last_name"
    assert value_on(both, "right", right) == ["Ada", None]
    assert value_on(both, "right", {"first_name": "Ada"}) is MISSING
    assert spread(both, "right", ["Ada", "King"]) == {"first_name": "Ada", "last_name": "King"}
    assert spread(both, "right", MISSING) == {}


def test_fields_that_are_only_looked_at_are_neither_compared_nor_written():
    company = line("companyName,firstName,lastName", "name,type", transform="company_name")
    acme = {"companyName": "Acme", "firstName": None, "lastName": None}

    assert value_on(company, "left", acme) == "Acme"
    assert value_on(company, "right", {"name": "Acme", "type": "Company"}) == "Acme"
    assert spread(company, "right", carry_over(company, acme, "right", WORLD)) == {"name": "Acme"}
    assert carry_over(company, {"name": "Ada", "type": "Person"}, "left", WORLD) is MISSING


@given(st.dictionaries(st.sampled_from(["firstName", "lastName"]), st.one_of(st.none(), st.text(max_size=10))))
def test_nothing_is_ever_written_for_a_field_the_record_did_not_tell(plain):
    """P6"""
    for name, target in (("firstName", "first_name"), ("lastName", "last_name")):
        carried = carry_over(line(name, target, transform="trim"), plain, "right", WORLD)

        assert (carried is MISSING) == (name not in plain)


# -- who takes part ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "plain", "takes"),
    [
        ({"is": "in", "values": ["won"]}, {"status": "Won"}, True),
        ({"is": "in", "values": ["won"]}, {"status": "open"}, False),
        ({"is": "in", "values": ["won"]}, {}, False),
        ({"is": "not in", "values": ["won"]}, {}, True),
        ({"is": "in", "values": [False]}, {"status": False}, True),
        ({"is": "in", "values": ["vip"]}, {"status": ["web", "VIP"]}, True),
        ({"is": "empty"}, {"status": []}, True),
        ({"is": "filled"}, {"status": 0}, True),
        ({"is": "filled"}, {}, False),
    ],
)
def test_filters_say_who_takes_part(wanted, plain, takes):
    filtered = mapping(filters=({"side": "left", "field": "status", **wanted},))

    assert takes_part(filtered, "left", plain) is takes
    assert takes_part(filtered, "right", {}) is True


# -- what lasts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["clear", "default", "keep"])
def test_a_limitation_date_is_never_emptied_or_set_back_by_what_is_emptied_elsewhere(blank):
    """A date somebody took out of a lead's form took the matter's with it, which is watched by nobody then."""
    date = {"left": "custom:due", "right": "statute_of_limitations.due_at", "transform": "date", "blank": blank}
    if blank == "default":
        date["options"] = {"default": "2099-01-01"}
    document = mappings.read({
        "name": "Dates", "left": {"service": "ghl", "resource": "opportunities"},
        "right": {"service": "clio", "resource": "matters"}, "direction": "both", "lines": [date],
    })  # fmt: skip
    found = mappings.of_document(document, Side(1, "ghl", "opportunities"), Side(2, "clio", "matters"))
    (only,) = found.lines

    assert carry_over(only, {"custom:due": None}, "right", WORLD) is MISSING
    assert carry_over(only, {"custom:due": "2027-03-04"}, "right", WORLD) == "2027-03-04"
    target = Field("statute_of_limitations.due_at", "Limitation date", "date", lasting=True)
    told = [one.message for one in mappings.check(found, [Field("custom:due", "Due", "date")], [target])]
    assert "Limitation date stays where it is when the other side's is emptied." in told


# -- what is wrong with it --------------------------------------------------------------------------------------------


def problems(*lines, others=(), **facts) -> dict:
    """Message -> whether it blocks."""
    found = mappings.check(mapping(*lines, **facts), FIELDS["left"], FIELDS["right"], others)
    return {problem.message: problem.blocking for problem in found}


GOOD = line("email", "email", transform="email")


def test_a_sound_mapping_has_no_problem(writable):
    lines = (GOOD, line("firstName", "first_name"), line("type", "custom:8", "to_right", "value_map"))

    assert problems(*lines, keys=({"by": "email", "left": "email", "right": "email"},)) == {}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (line("tags", "custom:8"), "Note is text, but would be given a list."),
        (line("dnd", "custom:8", "to_right"), "Note is text, but would be given yes or no."),
        (line("email", "phone", "to_right"), "Phone is a telephone number, but would be given an e-mail address."),
        (line("tags", "first_name", "to_right", "trim"), "cannot use Tags, which is a list."),
        (line("assignedTo", "company.id", "to_right"), "choose “Linked record”"),
        (line("firstName", "name", "to_right"), "Name can be read but not written."),
        (line("id", "custom:8"), "Id can be read but not written. Let the line go the other way only."),
        (line("gone", "custom:8", "to_right"), "Gone of GoHighLevel contacts is no longer there."),
        (line("firstName", "custom:99", "to_right"), "Custom field 99 of Clio contacts is no longer there."),
        (line("firstName", "custom:8", "both", "constant", {"value": "x"}), "cannot be turned round"),
        (line("firstName", "custom:8", "both", "template", {"text": "{firstName}"}), "cannot be turned round"),
        (line("firstName", "custom:8", "to_right", "template", {"text": "{lastName}"}), "names {lastName}"),
        (line("firstName,lastName", "custom:8", "to_right"), "reads one field, and here are several."),
        (line("tags", "custom:8", "both", "tags", {"only": ["vip"]}), "would remove the others"),
        (line("firstName", "email", "to_right"), "E-mail of Clio contacts is written by 2 lines."),
    ],
)
def test_what_cannot_work_blocks_and_is_told_in_words(writable, wrong, words):
    found = problems(GOOD, wrong)

    assert [message for message, blocks in found.items() if words in message and blocks], found


def test_what_a_new_record_requires_must_be_filled(writable):
    creating = MappingOptions(creates_right=True)
    kind = line("", "type", "to_right", "constant", {"value": "Person"})

    assert problems(GOOD, options=creating)["Type is required to create Clio contacts, and no line fills it."]
    assert "required" not in " ".join(problems(GOOD, kind, options=creating))
    assert "no match key" in " ".join(problems(GOOD, kind, options=creating))


def test_what_a_service_does_not_allow_blocks(writable):
    """W8"""
    found = problems(GOOD, options=MappingOptions(deletes_right=True))

    assert found["The console may not delete Clio contacts."]


def test_trust_money_is_never_mapped(writable):
    """W8"""
    trust = mapping(line("budget", "amount", "to_right"), right=Side(2, "clio", "bank_transactions"))
    elsewhere = mapping(line("budget", "trust_balance", "to_right"))

    assert "clients' trust money" in mappings.trust_refusal(trust)
    assert "trust_balance" in mappings.trust_refusal(elsewhere)
    assert mappings.trust_refusal(mapping(GOOD)) is None
    reading = mapping(line("custom:a", "amount", "to_left"), right=Side(2, "clio", "bank_transactions"))
    assert mappings.trust_refusal(reading) is None


def test_what_should_be_known_is_told_without_blocking(writable):
    found = problems(line("city", "address.city"), line("budget", "custom:7", "to_right"))

    assert found["City takes 50 characters; longer texts are refused."] is False
    assert found["This is money: a second admin approves the version before it goes live."] is False
    assert mappings.holds_money(mapping(line("budget", "custom:7", "to_right")), FIELDS["left"], FIELDS["right"])
    assert not mappings.holds_money(mapping(GOOD), FIELDS["left"], FIELDS["right"])


def test_two_mappings_do_not_write_the_same_field(writable):
    twin = mapping(line("phone", "email", "to_right"), number=2)
    back = mapping(line("custom:x", "email", "to_left"), number=3, direction="to_left")

    assert problems(GOOD, others=(twin,))["E-mail of Clio contacts is written by the mapping “Contacts”, too."]
    assert not any(problems(line("email", "email", "to_right"), others=(back,)).values())


def test_a_circle_of_two_mappings_is_told(writable):
    there, back = line("city", "custom:8", "to_right"), line("city", "custom:8", "to_left")

    found = problems(there, others=(mapping(back, number=2),))

    assert found["The mapping “Contacts” carries this back: check that both agree."] is False


def test_fields_a_mapping_of_a_third_account_keeps_the_same_are_told_together(writable):
    lines = GOOD, line("firstName", "first_name")
    third = mapping(*lines, number=2, left=Side(3, "xero", "contacts"))

    assert problems(*lines, others=(third,)) == {
        "The mapping “Contacts” keeps E-mail and First name of Clio contacts the same, too: a change at any of the "
        "three accounts reaches the others.": False
    }


def test_filters_and_keys_look_at_fields_that_are_there(writable):
    found = problems(
        GOOD, filters=({"side": "left", "field": "colour", "is": "filled"},),
        keys=({"by": "name", "left": "firstName,surname", "right": "name", "with": [["phone", "fax"]]},),
    )  # fmt: skip

    assert {name for name in ("Colour", "Surname", "Fax") if name in " ".join(found)} == {"Colour", "Surname", "Fax"}


def test_a_side_without_fields_is_told_once():
    found = mappings.check(mapping(GOOD), FIELDS["left"], [])

    assert "Clio contacts have no fields that can be mapped." in [problem.message for problem in found]
    assert not [problem for problem in found if "no longer there" in problem.message]


# -- the document -----------------------------------------------------------------------------------------------------

DOCUMENT = {
    "name": "Contacts", "left": {"service": "ghl", "resource": "contacts"},
    "right": {"service": "clio", "resource": "contacts"}, "direction": "both",
    "keys": [{"by": "email", "left": "email", "right": "email"}],
    "lines": [
        {"left": "email", "right": "email", "transform": "email"},
        {"left": "firstName, lastName", "right": "custom:8", "direction": "to_right", "transform": "join_name"},
    ],
}  # fmt: skip


def test_a_document_survives_being_written_down():
    document = mappings.read(DOCUMENT)

    assert mappings.read(document.to_bytes()) == document
    assert document.lines[1].left == "firstName,lastName"
    assert document.to_json()["keys"][0]["with"] == []


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"colour": "red"}, "colour", "not permitted"),
        ({"left": {"service": "ghl", "resource": "ledgers"}}, "left", "no resource 'ledgers'"),
        ({"direction": "up"}, "direction", "both"),
        ({"lines": [{"left": "a", "right": "b", "transform": "eval"}]}, "lines.0", "no transform 'eval'"),
        ({"lines": [{"left": "a", "right": "b", "options": {"code": "1"}}]}, "lines.0", "option code"),
        ({"lines": [{"left": "a", "right": "b", "blank": "default"}]}, "lines.0", "no default"),
        ({"lines": [{"left": "a,,b", "right": "b"}]}, "lines.0.left", "comma"),
        ({"lines": [{"left": "", "right": "b"}]}, "lines.0", "no field to write"),
        ({"lines": [{"left": "a", "right": "b"}, {"left": "a", "right": "b"}]}, "mapping", "pair the same fields"),
        ({"filters": [{"side": "left", "field": "a"}]}, "filters.0", "value to look for"),
        ({"keys": [{"by": "link"}]}, "keys.0", "names the flow"),
        ({"options": {"zone": "Mars/Olympus"}}, "options.zone", "no such time zone"),
        ({"options": {"number_patterns": ["(a+)+"]}}, "options.number_patterns.0", "{digits}"),
    ],
)
def test_what_a_document_may_not_say_is_refused_by_its_place(change, where, words):
    with pytest.raises(InvalidInput, match=words.replace("{", r"\{")) as caught:
        mappings.read({**DOCUMENT, **change})

    assert caught.value.field == where


def test_a_file_that_is_no_mapping_is_refused_in_words():
    with pytest.raises(InvalidInput, match="no mapping"):
        mappings.read(b"<html>")


def test_what_changed_is_told_in_the_words_of_the_page():
    fields = {"status": "State", "custom:8": "Stage"}
    words = mappings.Words({"left": "GoHighLevel contacts", "right": "Clio contacts"}, lambda _, name: fields[name])
    line = {"left": "status", "right": "custom:8", "transform": "value_map", "options": {"otherwise": "keep"}}
    old = mappings.read({**DOCUMENT, "direction": "both", "rule": "ask", "lines": [line], "keys": []})
    new = old.changed(
        direction="to_left", rule="right", options={"deletes_left": True},
        filters=[{"side": "left", "field": "status", "values": ["in_review"]}],
        lines=[line | {"options": {"otherwise": "refuse", "only_create": True}}],
    )  # fmt: skip

    assert mappings.diff(old, new, words) == [
        "It goes to GoHighLevel contacts only, not both ways.",
        "When both sides changed a field, the value of Clio contacts wins; before, a person is asked.",
        "Filter added: State of GoHighLevel contacts is one of in review.",
        "“Delete GoHighLevel contacts whose partner was deleted” changes from no to yes.",
        "Line State ↔ Stage: “What is not found” changes from leave the other side as it is to refuse the record.",
        "Line State ↔ Stage: is now written only when the record is made.",
    ]


def test_what_changed_is_told_in_sentences():
    old = mappings.read(DOCUMENT)
    new = old.changed(
        rule="newest", options={"creates_right": True},
        filters=[{"side": "left", "field": "type", "values": ["lead"]}],
        lines=[{"left": "email", "right": "email", "transform": "lower", "winner": "left", "blank": "keep"},
               {"left": "phone", "right": "phone", "transform": "phone"}],
    )  # fmt: skip

    assert mappings.diff(old, old) == []
    assert mappings.diff(old, new) == [
        "When both sides changed a field, the newest wins; before, a person is asked.",
        "Filter added: type of the left side is one of lead.",
        "“Make what is missing on the right” changes from no to yes.",
        "Line firstName,lastName → custom:8 removed.",
        "Line email ↔ email: “small letters” instead of “E-mail address”.",
        "Line email ↔ email: when both sides changed it, the value of the left side wins; before, as the mapping says.",
        "Line email ↔ email: an emptied field keeps the other side; before, it clears the other side.",
        "Line phone ↔ phone added, telephone number.",
    ]
