"""Who is the same on the other side: found by ordered keys, explained, and asked about where it is not clear."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_console.errors import InvalidInput
from integration_console.sync.matching import folding, likeness
from integration_console.sync.matching.matching import Candidate, Matcher, keys_of

KEYS = [
    {"by": "field", "left": "custom:12", "right": "id"},
    {"by": "email", "left": "email,additionalEmails", "right": "email,other_emails"},
    {"by": "phone", "left": "phone", "right": "phone,other_phones"},
    {"by": "name", "left": "firstName,lastName", "right": "first_name,last_name",
     "with": [["phone", "phone"], ["address1", "address.street"], ["dateOfBirth", "date_of_birth"]]},
]  # fmt: skip


def lead(number: int = 1, name: str = "", **plain) -> Candidate:
    first, _, last = name.rpartition(" ")
    return Candidate(number, f"g{number}", {"firstName": first, "lastName": last, **plain})


def client(number: int, name: str = "", street: str | None = None, **plain) -> Candidate:
    first, _, last = name.rpartition(" ")
    plain = {"first_name": first, "last_name": last, **plain}
    return Candidate(number, f"c{number}", plain | ({"address.street": street} if street else {}))


def matched(left: Candidate, *rights: Candidate, **more):
    return Matcher(KEYS, rights).match(left, **more)


# -- one clear match --------------------------------------------------------------------------------------------------


def test_the_same_email_in_any_case_is_one_person_and_says_why():
    found = matched(
        lead(1, "Ada Lovelace", email="ADA@Example.com "),
        client(7, "Ada K. Lovelace", email="ada@example.com"),
        client(8, "Grace Hopper", email="grace@example.com"),
    )

    assert (found.state, [one.record_id for one in found.candidates]) == ("one", [7])
    assert found.candidates[0].why == "similar names; same e-mail ada@example.com"


def test_an_id_that_was_written_down_comes_before_everything_else():
    found = matched(
        lead(1, "Ada King", email="ada@new.example", **{"custom:12": "c7"}), client(7, "Ada Lovelace"), client(8, "Ada")
    )

    assert (found.state, found.candidates[0].record_id) == ("one", 7)
    assert found.candidates[0].why.endswith("one names the id of the other, c7")


@pytest.mark.parametrize("theirs", ["+1 415-555-0132", "(415) 555-0132", "415.555.0132 ext 4", "tel:+14155550132"])
def test_a_phone_is_the_same_however_it_is_written(theirs):
    found = matched(lead(1, "Ada Lovelace", phone="4155550132"), client(7, "Ada Lovelace", phone=theirs))

    assert (found.state, "same phone +14155550132" in found.candidates[0].why) == ("one", True)


@pytest.mark.parametrize("odd", ["", None, "n/a", "0000000000", "911", "12", "call first", "5" * 70, "☎", True, 3])
def test_an_odd_phone_or_a_missing_email_finds_nobody(odd):
    """Not the ten other people whose phone is "n/a" either"""
    left = lead(1, "Ada Lovelace", phone=odd, email=odd)

    assert matched(left, client(7, "Grace Hopper", phone=odd, email=odd)).state == "none"


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("José Núñez", "Jose Nunez"), ("Zoë Müller", "Zoë Müller"), ("MARY-ANN O’BRIEN", "Mary Ann O'Brien"),
        ("Иван Петров", "иван ПЕТРОВ"), ("山田 太郎", "山田太郎"), ("محمّد علي", "محمد علي"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("नरेन्द्र मोदी", "नरेन्द्र मोदी"), ("Bob Smith", "Robert Smith"), ("Ana Ruiz", "Ana María Ruiz García"),
        ("Dr. Grace Hopper", "Grace Hopper, PhD"), ("Ada Lovelace", "Lovelace, Ada"), ("김 철수", "김철수"),
    ],
)  # fmt: skip
def test_a_name_in_any_script_and_a_second_fact_are_one_person(mine, theirs):
    keys = [{"by": "name", "left": "name", "right": "name", "with": [["address1", "address.street"]]}]
    left = Candidate(1, "g1", {"name": mine, "address1": "12 Main Street"})
    right = Candidate(7, "c7", {"name": theirs, "address.street": "12 Main St."})

    assert Matcher(keys, [right]).match(left).state == "one"


@pytest.mark.parametrize("short", ["Ada", "ada l.", "", "ada@example.com", "Ада"])
def test_half_a_name_or_none_does_not_speak_against_the_same_email(short):
    found = matched(Candidate(1, "g1", {"firstName": short, "email": "ada@example.com"}),
                    client(7, "Ada Lovelace", email="ada@example.com"))  # fmt: skip

    assert found.state == "one"


def test_a_company_is_known_without_its_legal_form():
    keys = [{"by": "name", "left": "companyName", "right": "name"}]
    rights = [Candidate(7, "c7", {"name": "Acme Holdings, L.L.C."}), Candidate(8, "c8", {"name": "Acme Hosting Inc."})]

    found = Matcher(keys, rights).match(Candidate(1, "g1", {"companyName": "ACME Holdings"}))

    assert (found.state, found.candidates[0].record_id) == ("one", 7)


# -- not clear: a person decides --------------------------------------------------------------------------------------


def test_several_with_the_same_email_are_asked_about_the_likeliest_first():
    found = matched(
        lead(1, "Ada Lovelace", email="home@example.com"),
        client(7, "Charles Lovelace", email="home@example.com"),
        client(8, "Ada Lovelace", email="home@example.com"),
    )

    assert (found.state, found.reason) == ("several", "2 records have the same e-mail.")
    assert [one.record_id for one in found.candidates] == [8, 7]
    assert found.candidates[0].score > found.candidates[1].score


def test_the_same_email_but_another_person_is_asked_about():
    found = matched(
        lead(1, "Ada Lovelace", email="office@example.com", phone="4155550132"),
        client(7, "Grace Hopper", email="office@example.com", phone="4155550199"),
    )

    assert found.state == "several"
    assert found.reason == "They have the same e-mail, but other names: Ada Lovelace and Grace Hopper."
    assert found.candidates[0].why == "different phone; different names; same e-mail office@example.com"


def test_what_was_said_of_a_field_is_not_said_again_as_a_fact_and_the_shortest_comes_first():
    """The phone is a key and one of the facts of the name; the id that is written down belongs to a third record."""
    theirs = client(7, "Ada Lovelace", "9 Hill Rd", phone="4155550132", date_of_birth="1980-03-01")
    ours = lead(
        1, "Ada Lovelace", phone="4155550132", address1="12 Main St", dateOfBirth="1980-03-01", **{"custom:12": "c9"}
    )

    assert matched(ours, theirs).candidates[0].why == (
        "same name; both say 1980-03-01; same phone +14155550132; one names the id of a third record; "
        "one says 12 Main St, the other 9 Hill Rd"
    )


@pytest.mark.parametrize("facts", [{"phone": "4155550132"}, {"email": "office@example.com"}])
def test_a_phone_does_not_bear_itself_out_where_another_key_looks_at_it_too(facts):
    """The ready mapping of contacts has the phone in a key, with others, and alone among the facts of its name key."""
    keys = [
        {"by": "email", "left": "email,additionalEmails", "right": "email,other_emails"},
        {"by": "phone", "left": "phone,additionalPhones", "right": "phone,other_phones"},
        {"by": "name", "left": "firstName,lastName", "right": "first_name,last_name",
         "with": [["email", "email"], ["phone", "phone"]]},
    ]  # fmt: skip
    left, right = lead(1, "Ada Lovelace", **facts), client(7, "Grace Hopper", **facts)

    ((_, found),) = Matcher(keys, [right]).match_all([left])

    assert found.state == "several"
    assert "but other names: Ada Lovelace and Grace Hopper" in found.reason


TOWN = [
    {"by": "email", "left": "email,additionalEmails", "right": "email,other_emails"},
    {"by": "phone", "left": "phone,additionalPhones", "right": "phone,other_phones"},
    {"by": "name", "left": "firstName,lastName", "right": "first_name,last_name", "with": [
        ["email", "email"], ["phone", "phone"], ["address1", "address.street"], ["postalCode", "address.postal_code"],
    ]},
]  # fmt: skip
ADA = {"email": "ada@example.com", "phone": "4155550132", "postalCode": "97205"}


@pytest.mark.parametrize(("name", "theirs", "state"), [
    # a town in common, and nothing else
    ("Ada Lovelace", {"email": "lovelace@example.org", "phone": "4155550199"}, "several"),
    ("Ada Lovelace", {"email": "lovelace@example.org", "address.street": "99 Oak Ave"}, "several"),
    ("Grace Hopper", {"email": "grace@example.org", "phone": "4155550132"}, "several"),
    ("Grace Hopper", {"email": "grace@example.org", "phone": "4155550132", "address.street": "99 Oak Ave"}, "several"),
    ("Grace Hopper", {"phone": "4155550132"}, "several"),
    # as much is the same as differs, or more
    ("Ada Lovelace", {"email": "lovelace@example.org", "phone": "4155550199", "address.street": "12 Main St"}, "one"),
    ("Ada Lovelace", {"email": "lovelace@example.org"}, "one"),
    ("Ada Lovelace", {"phone": "4155550132", "email": "ada@other.example", "address.street": "99 Oak Ave"}, "one"),
])  # fmt: skip
def test_a_town_in_common_is_not_enough_where_more_differs(name, theirs, state):
    there = Candidate(7, "c7", client(7, name).plain | {"address.postal_code": "97205"} | theirs)

    assert Matcher(TOWN, [there]).match(lead(1, "Ada Lovelace", address1="12 Main St", **ADA)).state == state


def test_a_couple_that_shares_email_and_phone_is_two_people():
    same = {"email": "smiths@example.com", "phone": "4155550132"}

    assert matched(lead(1, "John Smith", **same), client(7, "Mary Smith", **same)).state == "several"


def test_two_names_under_one_roof_are_two_people():
    """A couple that kept both names has one telephone and one address, and may be on two sides of one matter."""
    ours = lead(1, "Leila Baptiste", phone="4155550132", address1="12 Main St", email="leila@example.com")
    theirs = client(7, "Victor Ashworth", "12 Main St", phone="4155550132", email="victor@example.org")

    found = matched(ours, theirs)

    assert found.state == "several"
    assert found.reason == "They have the same phone, but other names: Leila Baptiste and Victor Ashworth."
    assert matched(lead(1, "Leila Baptiste", phone="4155550132", address1="12 Main St"), theirs).state == "several"


def test_another_name_with_the_same_birthday_is_one_person():
    born = {"phone": "4155550132"}

    found = matched(
        lead(1, "Leila Baptiste", dateOfBirth="1980-03-01", **born),
        client(7, "Rosa Ashworth", date_of_birth="1980-03-01", **born),
    )

    assert found.state == "one"


def test_a_person_is_not_the_company_whose_email_and_phone_they_use():
    same = {"email": "info@acme.example", "phone": "4155550132"}

    assert matched(lead(1, "Jane Doe", **same), client(7, "Acme Holdings LLC", **same)).state == "several"


def test_father_and_son_are_two_people():
    found = matched(
        lead(1, "John Smith", address1="12 Main St", dateOfBirth="1950-03-01"),
        client(7, "John Smith", "12 Main St", date_of_birth="1980-03-01"),
    )

    assert (found.state, "their dates differ" in found.reason) == ("several", True)
    assert likeness.names(folding.name("John Smith Sr."), folding.name("John Smith Jr.")) < likeness.APART


def test_keys_that_disagree_are_asked_about():
    found = matched(
        lead(1, email="ada@example.com", phone="4155550132"),
        client(7, "Ada", email="ada@example.com"),
        client(8, "Grace Hopper", phone="4155550132"),
    )

    assert (found.state, {one.record_id for one in found.candidates}) == ("several", {7, 8})
    assert "shares something with" in found.reason


def test_a_familys_phone_does_not_outweigh_email_and_name():
    found = matched(
        lead(1, "Ada Lovelace", email="ada@example.com", phone="4155550132"),
        client(7, "Ada Lovelace", email="ada@example.com"),
        client(8, "Charles Lovelace", phone="4155550132"),
    )

    assert (found.state, found.candidates[0].record_id) == ("one", 7)


def test_a_name_alone_is_asked_about_and_one_with_another_address_is_somebody_else():
    john = lead(1, "John Smith", address1="12 Main St")

    assert matched(lead(1, "John Smith"), client(7, "John Smith")).state == "several"
    assert matched(john, client(7, "John Smith", "99 Oak Ave")).state == "none"
    assert matched(john, client(7, "John Smith", "21 Main St")).state == "none"


def test_a_name_that_is_named_once_more_alone_is_asked_about_where_other_facts_differ():
    keys = [{"by": "name", "left": "name", "right": "name", "with": [["email", "email"]]},
            {"by": "field", "left": "name", "right": "name"}]  # fmt: skip

    def asked(left, right):
        return Matcher(keys, [Candidate(7, "k7", right)]).match(Candidate(1, "c1", left))

    acme = {"name": "Acme Inc.", "email": "office@acme.example"}
    assert asked(acme, acme).state == "one"
    other = asked(acme, {**acme, "email": "bills@acme.example"})
    assert (other.state, other.reason.partition(":")[0]) == (
        "several", "They have the same name, and something else about them differs",
    )  # fmt: skip
    assert asked(acme, {**acme, "email": None}).state == "several"


def test_what_too_many_have_in_common_tells_nobody_apart():
    keys = [{"by": "name", "left": "name", "right": "name", "with": [["city", "city"]]}]
    rights = [Candidate(n, f"c{n}", {"name": f"Person Nr{n}", "city": "New York"}) for n in range(200)]
    rights.append(Candidate(999, "c999", {"name": "Ada Lovelace", "city": "New York"}))

    found = Matcher(keys, rights).match(Candidate(1, "g1", {"name": "Ada Lovelace", "city": "new york"}))

    assert (found.state, found.candidates[0].record_id) == ("one", 999)


def test_an_email_on_hundreds_of_records_shows_the_best_ten():
    rights = [client(n, f"Person N{n}", email="info@example.com") for n in range(300)]

    found = matched(lead(1, "Ada Lovelace", email="info@example.com"), *rights)

    assert (found.state, len(found.candidates), found.reason) == (
        "several", 10, "More than 30 records have the same e-mail."
    )  # fmt: skip


# -- twins, pairs there are, and what a person said -------------------------------------------------------------------


def test_twins_on_one_side_never_both_get_the_same_record():
    lefts = [
        lead(1, "A. Lovelace", email="ada@example.com"),
        lead(2, "Ada Lovelace", email="ada@example.com"),
        lead(3, "Grace Hopper", email="grace@example.com"),
    ]
    rights = [client(7, "Ada Lovelace", email="ada@example.com"), client(8, "Grace Hopper", email="grace@example.com")]

    found = {left.record_id: match for left, match in Matcher(KEYS, rights).match_all(lefts)}

    assert [found[n].state for n in (1, 2, 3)] == ["several", "one", "one"]
    assert found[1].reason == "Ada Lovelace is paired already with Ada Lovelace."
    assert "paired already with" in found[1].candidates[0].why


def test_a_record_that_has_a_pair_is_not_given_away():
    left, right = lead(1, "Ada Lovelace", email="ada@example.com"), client(7, "Ada Lovelace", email="ada@example.com")

    found = matched(left, right, taken={7: "Ada L. (lead)"})

    assert (found.state, found.reason) == ("several", "Ada Lovelace is paired already with Ada L. (lead).")
    assert matched(left, right, client(8, email="ada@example.com"), taken={7: "Ada L."}).state == "several"


def test_what_a_person_said_is_different_is_not_offered_again():
    left, right = lead(1, "Ada Lovelace", email="ada@example.com"), client(7, "Ada Lovelace", email="ada@example.com")

    assert matched(left, right, apart=[7]).state == "none"
    ((_, match),) = Matcher(KEYS, [right, client(8, email="ada@example.com")]).match_all([left], apart={1: {7}})
    assert (match.state, match.candidates[0].record_id) == ("one", 8)


def test_a_key_that_cannot_be_used_is_refused_by_name():
    with pytest.raises(InvalidInput, match="not by 'zodiac'"):
        keys_of([{"by": "zodiac", "left": "a", "right": "b"}])
    with pytest.raises(InvalidInput, match="both sides"):
        keys_of([{"by": "email", "left": "email", "right": ""}])


# -- whatever people write --------------------------------------------------------------------------------------------

written = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=60), st.lists(st.text(max_size=20)))
fields = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("firstName", "lastName", "email", "phone", "address1", "dateOfBirth", "id"), written),
)
MIRROR = [
    {"by": "email", "left": "email", "right": "email"},
    {"by": "phone", "left": "phone", "right": "phone"},
    {"by": "name", "left": "firstName,lastName", "right": "firstName,lastName", "with": [["address1", "address1"]]},
]


@given(st.lists(fields, max_size=6), st.lists(fields, max_size=6))
@settings(max_examples=150)
def test_a_right_record_is_given_at_most_once_whatever_is_written(lefts, rights):
    mine = [Candidate(n, f"l{n}", plain) for n, plain in enumerate(lefts)]
    theirs = [Candidate(100 + n, f"r{n}", plain) for n, plain in enumerate(rights)]

    found = list(Matcher(MIRROR, theirs).match_all(mine))

    assert [left for left, _ in found] == mine
    given_away = [match.candidates[0].record_id for _, match in found if match.state == "one"]
    assert len(given_away) == len(set(given_away))
    for _, match in found:
        assert all(0 <= one.score <= 100 and one.why for one in match.candidates)
        assert (match.state == "none") == (not match.candidates)
        assert (match.state == "several") == bool(match.reason)


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once(anything):
    assert folding.text(folding.text(anything)) == folding.text(anything)
    assert folding.email(folding.email(anything)) == folding.email(anything)
    assert folding.phone(folding.phone(anything)) == folding.phone(anything)


@given(st.text(max_size=40), st.text(max_size=40))
def test_names_are_as_alike_one_way_as_the_other(one, other):
    first, second = folding.name(one), folding.name(other)

    assert likeness.names(first, second) == likeness.names(second, first)
    if first:
        assert likeness.names(first, first) in (100.0, None)


@given(st.emails())
def test_every_email_finds_itself_in_another_case(address):
    folded = folding.email(address)
    if folded:
        left, right = lead(1, email=address.upper()), client(7, email=address)
        assert matched(left, right).state == "one" or folding.email(address.upper()) != folded
