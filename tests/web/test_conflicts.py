"""Both values of a conflict, who won, and one click to turn it round."""

from __future__ import annotations

import pytest

from integration_console import services
from integration_console.models import Conflict, RecordLink, db
from integration_console.services.writing import Field

from ..html_page import Page
from ..operations.two_sides import TwoSides, flat


@pytest.fixture
def two(app, monkeypatch):
    """One open conflict about a phone."""
    flat(monkeypatch)
    with app.app_context():
        two = TwoSides()
        two.link = two.pair()
        two.number = two.conflict(two.link)
        db.session.remove()
    return two


def test_the_list_shows_both_values_with_their_times(enter, two):
    page = enter("staff").open("/conflicts")

    assert page.row(1).startswith(
        "Phone Ada Lovelace +14155550132 changed 2 Mar 2026, 12:00:00 UTC "
        "+14155550199 changed 2 Mar 2026, 12:03:00 UTC Contacts"
    )
    assert "1 open conflict " in page.all("div", id="menu")[0].text


def test_a_conflict_is_settled_and_the_page_says_what_will_happen(app, enter, two):
    staff, path = enter("staff"), f"/conflicts/{two.number}"
    page = staff.open(path)
    assert page.headings == ["Phone of Ada Lovelace"]
    assert 'Our leads gets "+14155550199" in Phone with the next run.' in page.text
    assert 'Our firm gets "+14155550132" in Primary phone with the next run.' in page.text

    staff.send(f"{path}/settle", path, {"winner": "right"})

    page = staff.open(path)
    assert "It is settled. The value is carried over in a moment." in page.text
    assert "Carried over with the next run" in page.text
    with app.app_context():
        assert db.session.get(Conflict, two.number).winner == "right"
        assert db.session.get(RecordLink, two.link).left_hash is None
    late = staff.send(f"{path}/settle", path, {"winner": "left"})
    assert (late.status_code, "settled this already" in late.text) == (409, True)
    assert "No conflict waits for you." in staff.open("/conflicts").text
    assert "Won" in staff.open("/conflicts?state=settled").row(1)


def test_a_reference_is_told_by_the_name_of_its_record(app, enter, two, monkeypatch):
    fields = [Field("phone", "Company", "ref", of="contacts")]
    monkeypatch.setattr(services.by_key("clio").writing, "fields", lambda resource, custom=(): fields)
    with app.app_context():
        two.client("77", "Hopper Ltd")
        held = {"left": "Hopper", "right": "77", "base_left": None, "base_right": 78}
        number = two.conflict(two.link, line="a|b", held=held)
    staff = enter("staff")
    assert "Hopper changed 2 Mar 2026, 12:00:00 UTC Hopper Ltd (77) changed" in staff.open("/conflicts").row(1)
    page = staff.open(f"/conflicts/{number}").text
    assert "Hopper Ltd (77)" in page
    assert "Before that 78" in page  # of which we hold no copy
    assert 'Our leads gets "Hopper Ltd (77)" in Phone' in page
    assert "Hopper" not in enter("support").open(f"/conflicts/{number}").text


def left_button(page: Page) -> dict[str, str]:
    """What the button of the left value sends."""
    hidden = {tag.attrs["name"]: tag.attrs["value"] for tag in page.all("input", type="hidden")}
    return {name: hidden[name] for name in ("csrf_token", "seen") if name in hidden} | {"winner": "left"}


def test_values_that_changed_after_the_page_was_opened_are_shown_and_not_decided_on(app, enter, two):
    staff, path = enter("staff"), f"/conflicts/{two.number}"
    sent = left_button(staff.open(path))
    with app.app_context():  # as a run brings a question up to date
        held = db.session.get_one(Conflict, two.number).held
        db.session.get_one(Conflict, two.number).held = held | {"left": "+14155550777"}
        db.session.commit()

    answer = staff.client.post(f"{path}/settle", data=sent)

    page = Page(answer)
    assert answer.status_code == 409
    assert "The values changed after you opened this page, so nothing was decided." in page.text
    assert "+14155550777" in page.text
    with app.app_context():
        assert db.session.get(Conflict, two.number).state == "open"
    assert staff.client.post(f"{path}/settle", data=left_button(page)).status_code == 302


def test_the_life_of_a_record_names_the_field_as_people_do(app, enter, two):
    with app.app_context():
        two.conflict(two.link, "settled", "left", left_field="firstName,lastName", line="name|name")
        left = db.session.get_one(RecordLink, two.link).left_record_id
        db.session.remove()
    page = enter("staff").open(f"/records/{left}/life")
    assert "Both sides changed Phone. A person is asked." in page.text
    assert "Both sides changed First name, Last name. The left side won." in page.text
    assert "firstName" not in page.text


def test_two_that_never_agreed_are_not_said_to_have_changed(app, enter, two):
    """What a new pair says differently was nobody's change, and there is no value before it."""
    with app.app_context():
        first = two.conflict(two.link, line="a|b", held={"left": "Ada", "right": "Augusta"})
    staff = enter("staff")
    page = staff.open(f"/conflicts/{first}").text
    assert "said different things when they became a pair" in page
    assert "Before that" not in page
    assert "Both sides changed this field between two runs." in staff.open(f"/conflicts/{two.number}").text


def test_where_nothing_waits_the_way_on_is_named(enter):
    staff = enter("staff")
    for path in ("/conflicts", "/conflicts?state=settled", "/matches", "/matches?state=linked"):
        assert staff.open(path).links["See the mappings"] == "/mappings"


def test_a_settled_conflict_is_flipped_once_per_click(app, enter, two):
    with app.app_context():
        number = two.conflict(two.link, "settled", "left", rule="left", line="email|email")
    staff, path = enter("staff"), f"/conflicts/{number}"
    page = staff.open(path)
    assert 'The value that lost wins after all: Our leads gets "+14155550199" in Phone' in page.text
    assert "the value of Our leads wins" in page.text

    staff.send(f"{path}/flip", path, {"winner": "right"})
    again = staff.send(f"{path}/flip", path, {"winner": "right"})

    assert (again.status_code, "flipped this already" in again.text) == (409, True)
    assert "by staff@example.com" in staff.open("/conflicts?state=flipped").row(1)


@pytest.mark.postgresql_at_length
def test_what_named_somebody_erased_says_so_and_offers_no_choice(app, enter, two):
    """Both buttons stood there, and either was refused."""
    with app.app_context():
        number = two.conflict(two.link, line="a|b", held={})
        settled = two.conflict(two.link, "settled", line="b|c", held={})
    staff = enter("staff")

    page = staff.open(f"/conflicts/{number}")

    assert "named somebody who was erased" in page.text
    assert "make them agree at one of the services" in page.text
    assert "Use this value" not in page.text
    assert "By the erasure" in staff.open(f"/conflicts/{settled}").text
    assert "by the erasure" in staff.open("/conflicts?state=settled").row(1)


def test_a_later_conflict_of_the_same_field_and_a_cut_pair_take_the_buttons_away(app, enter, two):
    with app.app_context():
        old, new = (two.conflict(two.link, "settled", "left", line="a|b") for _ in range(2))
    staff = enter("staff")
    page = staff.open(f"/conflicts/{old}")
    assert page.links["See the later one"] == f"/conflicts/{new}"
    assert "Flip" not in page.text

    staff.send(f"/matches/{two.link}/cut", f"/matches/{two.link}", {"why": "They are cousins."})

    page = staff.open(f"/conflicts/{two.number}")
    assert "no pair any more" in page.text
    assert "neither: the pair was cut" in page.text
    assert "Use this value" not in page.text


@pytest.mark.one_database
def test_support_sees_that_there_is_a_conflict_but_not_the_values(enter, two):
    """X12"""
    support, path = enter("support"), f"/conflicts/{two.number}"
    for address in ("/conflicts", path):
        page = support.open(address)
        assert page.status == 200
        assert "41555" not in page.html
        assert "Ada" not in page.html
        assert "••••••" in page.text
    assert "Use this value" not in support.open(path).text
    for what in ("settle", "flip"):
        assert support.send(f"{path}/{what}", "/settings/profile", {"winner": "left"}).status_code == 403


@pytest.mark.one_database
def test_fields_without_a_label_and_odd_values_are_in_words(app, enter, two):
    with app.app_context():
        held = {"left": ["a", "b"], "right": None, "base_left": True, "base_right": "<b>"}
        number = two.conflict(
            two.link, held=held, left_field="custom:17", right_field="address.street", line="custom:17|address.street",
            left_at=None, run_id=None,
        )  # fmt: skip
    page = enter("admin").open(f"/conflicts/{number}")

    assert page.headings == ["Custom field 17 of Ada Lovelace"]
    assert "a, b" in page.text
    assert "Our leads gets an empty field in Custom field 17 with the next run." in page.text
    assert "Address street" in page.text
    assert "<b>" not in page.html.replace("<b></b>", "")


@pytest.mark.one_database
def test_the_address_is_the_state_and_long_lists_go_on(app, enter, two):
    with app.app_context():
        for n in range(52):
            two.conflict(two.link, line=f"{n}|{n}")
        other = TwoSides(two.left, two.right).mapping
    admin = enter("admin")
    page = admin.open("/conflicts")
    assert len(page.rows) == 50
    assert len(admin.open(page.links["Older"]).rows) == 3
    assert admin.open(f"/conflicts?mapping={other}").rows == []
    assert admin.open("/conflicts?state=odd").status == 422
    assert admin.open("/conflicts?older=x").status == 200
    assert admin.open("/conflicts/99").status == 404
