"""What waits for a decision, as people see it and decide it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console import services
from integration_console.models import RecordLink, db
from integration_console.services.writing import Field

from ..operations.two_sides import TwoSides, flat
from .two_sides import contacts


@pytest.fixture
def two(app, monkeypatch):
    """Ada is a lead; two clients may be her."""
    flat(monkeypatch)
    with app.app_context():
        two = TwoSides()
        same = {"email": "ada@example.com", "phone": "(415) 555-0132"}
        two.clients = [two.client("c1", **same), two.client("c2", "<script>Eve</script>", email="ada@example.com")]
        two.link = two.asks(two.lead("g1", **same), *two.clients)
        db.session.remove()
    return two


def rows(app) -> list[tuple[str, int | None, int | None]]:
    with app.app_context():
        found = db.session.scalars(select(RecordLink).order_by(RecordLink.id)).all()
        return [(row.state, row.left_record_id, row.right_record_id) for row in found]


def test_the_list_says_who_waits_and_why_and_the_menu_how_many(enter, two):
    page = enter("staff").open("/matches")

    assert page.row(1).startswith("Ada Lovelace Our leads 2 records have the same e-mail. 2 Contacts")
    assert "1 match to decide" in page.all("div", id="menu")[0].text
    assert page.links["Ada Lovelace"] == f"/matches/{two.link}"


def test_both_sides_stand_side_by_side(enter, two):
    page = enter("staff").open(f"/matches/{two.link}")

    assert page.headings == ["Ada Lovelace"]
    assert "2 records have the same e-mail." in page.text
    assert page.row(1) == "E-mail Primary e-mail ada@example.com ada@example.com Same"
    assert "Phone Primary phone (415) 555-0132 empty only in Our leads" in page.rows
    assert "90 of 100 · same e-mail ada@example.com" in page.text
    assert "<script>Eve" not in page.html  # X9


def test_what_refers_to_a_record_is_told_by_its_name(app, enter, two, monkeypatch):
    refers = [Field("phone", "Referred by", "ref", of="contacts")]
    for service in ("ghl", "clio"):
        monkeypatch.setattr(services.by_key(service).writing, "fields", lambda resource, custom=(): refers)
    with app.app_context():
        two.lead("g7", "Ana Ruiz"), two.client("c7", "Luis Camarena")
        link = two.asks(two.lead("g8", "Bo Lind", phone="g7"), two.client("c8", "Bo Lind", phone="c7"))

    assert "Referred by Ana Ruiz (g7) Luis Camarena (c7) Differs" in enter("staff").open(f"/matches/{link}").rows


def test_same_makes_a_pair_and_a_second_person_is_told(app, enter, two):
    staff, path = enter("staff"), f"/matches/{two.link}"
    answer = staff.send(f"{path}/same", path, {"record": two.clients[0]})

    assert answer.location == "/matches"
    assert "They are a pair now." in staff.open("/matches").text
    assert rows(app)[0][0] == "linked"
    assert "decided by staff@example.com" in staff.open(path).text
    late = staff.send(f"{path}/same", "/matches", {"record": two.clients[1]})
    assert late.status_code == 409
    assert "staff@example.com was faster" in late.text


def test_different_leaves_the_other_and_then_frees_the_record(app, enter, two):
    staff, path = enter("staff"), f"/matches/{two.link}"
    assert staff.send(f"{path}/different", path, {"record": two.clients[0]}).location == path
    assert len(staff.open(path).all("section")) == 1
    assert staff.send(f"{path}/different", path).location == "/matches"
    page = staff.open("/matches")

    assert "the next run may make it on the other side" in page.text
    assert "Nothing waits for a decision. Records come here when" in page.text
    assert len(staff.open("/matches?state=different").rows) == 2
    assert [state for state, _, _ in rows(app)] == ["different", "different"]
    assert staff.open(path).status == 404


def test_later_goes_behind_the_others(app, enter, two):
    with app.app_context():
        other = two.asks(two.lead("g2", "Grace Hopper"), two.clients[0], minutes=5)
    staff = enter("staff")
    staff.send(f"/matches/{two.link}/later", f"/matches/{two.link}")

    page = staff.open("/matches")
    assert (page.links["Grace Hopper"], page.row(1).split()[0]) == (f"/matches/{other}", "Grace")
    assert "put off by staff@example.com" in page.row(2)


def test_a_pair_is_cut_with_a_reason_and_linked_again(app, enter, two):
    with app.app_context():
        pair = two.pair()
    staff, path = enter("staff"), f"/matches/{pair}"
    refused = staff.send(f"{path}/cut", path, {"why": " "})
    assert (refused.status_code, "Say why" in refused.text) == (422, True)

    staff.send(f"{path}/cut", path, {"why": "They are cousins."})
    assert "They are cousins." in staff.open("/matches?state=cut").row(1)
    staff.send(f"{path}/link", path)

    assert "linked by hand by staff@example.com" in staff.open(path).text


def test_a_record_that_waits_is_linked_by_the_id_of_another(app, enter, two):
    staff, path = enter("staff"), f"/matches/{two.link}"
    with app.app_context():
        two.client("c9", "Ada King")
    wrong = staff.send(f"{path}/link", path, {"record": "c77"})
    assert (wrong.status_code, "There is no record with that id." in wrong.text) == (422, True)

    answer = staff.send(f"{path}/link", path, {"record": "c9"})

    assert "Ada Lovelace and Ada King" in staff.open(answer.location).text
    assert [state for state, _, _ in rows(app)] == ["linked"]


def test_a_record_that_has_a_pair_is_shown_but_not_offered(app, enter, two):
    with app.app_context():
        pair = two.row("linked", two.lead("g2"), two.clients[0])
    page = enter("staff").open(f"/matches/{two.link}")

    assert "Has a pair" in page.text
    assert page.links["See that pair"] == f"/matches/{pair}"
    assert len([form for form in page.all("form") if form.attrs.get("action", "").endswith("/same")]) == 1


@pytest.mark.one_database
def test_support_sees_that_something_waits_but_neither_reads_nor_decides(enter, two):
    """X12"""
    support, path = enter("support"), f"/matches/{two.link}"
    for address in ("/matches", path, "/matches?state=linked"):
        page = support.open(address)
        assert page.status == 200
        assert "Ada" not in page.html
        assert "ada@example.com" not in page.html
        assert "0132" not in page.html
        assert "same e-mail" not in page.text
    assert "••••••" in support.open(path).text
    assert not [form for form in support.open(path).all("form") if "/matches/" in form.attrs.get("action", "")]
    for what in ("same", "different", "later", "cut", "link"):
        assert support.send(f"{path}/{what}", "/settings/profile").status_code == 403


@pytest.mark.one_database
def test_what_a_mapping_carries_over_is_compared_as_it_arrives(enter, own_firm):
    """A lead's two names are a "Person" in Clio: different words, and the same."""
    sides = contacts(own_firm)
    sides.run()
    page = enter("staff").open(f"/matches/{sides.agreeing()[0]}")
    (line,) = [row for row in page.rows if "Person" in row]
    assert line.startswith("First name, Last name, Company Type")
    assert line.endswith("Person Same")


@pytest.mark.one_database
def test_the_address_is_the_state_and_long_lists_go_on(app, enter, two):
    with app.app_context():
        for n in range(52):
            two.asks(two.lead(f"x{n}"), minutes=n + 1)
        other = TwoSides(two.left, two.right).mapping
    admin = enter("admin")
    page = admin.open("/matches")
    assert len(page.rows) == 50
    assert len(admin.open(page.links["Next"]).rows) == 3
    assert admin.open(f"/matches?mapping={other}").rows == []
    assert len(admin.open(f"/matches?mapping={two.mapping}").rows) == 50
    assert admin.open("/matches?state=odd").status == 422
    assert admin.open("/matches?mapping=x").status == 422
    for odd in ("older=1,2", "older=2026-01-01T00:00:00Z,x", "older=,"):
        assert admin.open(f"/matches?{odd}").status == 200
    assert admin.open("/matches/99").status == 404
    token = {"record": "c1", "more": "1"}
    assert admin.send(f"/matches/{two.link}/same", "/matches", token).status_code == 422


@pytest.mark.one_database
@pytest.mark.parametrize("state", ["linked", "cut", "different", "waiting", "aside", "paused", "gone"])
def test_every_tab_opens_and_every_row_behind_it(app, enter, two, state):
    with app.app_context():
        left, right = two.lead("g5"), two.client("c5")
        number = two.row(state, left, None if state in ("waiting", "aside") else right, reason="In words.")
    admin = enter("admin")

    assert "In words." in admin.open(f"/matches?state={state}").row(1)
    page = admin.open(f"/matches/{number}")
    assert (page.status, "In words." in page.text) == (200, True)
