"""Practice areas: everyone tries a text, staff corrects the answer, admins keep the rules."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.models import PracticeAreaRule, db
from integration_console.operations.mapping import practice_area_rules as rules
from integration_console.sync.practice_areas import Rule
from integration_console.sync.practice_areas import rules as shipped

from ..html_page import Page

HOME = "/practice-areas"
SMALL = {
    "Family": [Rule("Family", "word", "divorce", 4.0), Rule("Family", "word", "custody", 3.0)],
    "Tax": [Rule("Tax", "word", "irs", 4.0)],
}


@pytest.fixture
def few(monkeypatch, app):
    """A console that comes with three rules, in place."""
    monkeypatch.setattr(shipped, "area_by_area", SMALL.items)
    with app.app_context():
        rules.ensure()


@pytest.fixture
def admin(few, enter):
    return enter("admin")


def send(somebody, path: str, on: str = HOME, **values: str):
    return somebody.send(HOME + path, on, values)


def rule(app, text: str) -> PracticeAreaRule:
    with app.app_context():
        return db.session.scalars(select(PracticeAreaRule).filter_by(text=text)).one()


@pytest.mark.parametrize("role", ["admin", "staff", "support"])
def test_everyone_may_try_a_text(few, enter, role):
    somebody = enter(role)
    answer = Page(send(somebody, "", text="My wife wants a divorce and custody"))

    assert answer.status == 200
    said = answer.one("section", id="answer").text
    assert "Family" in said
    assert "Confidence" in said
    assert "It says “divorce” and “custody”." in said
    assert answer.one("textarea", name="text").text == "My wife wants a divorce and custody"


def test_not_sure_says_so_and_why(admin):
    said = Page(send(admin, "", text="divorce from the IRS")).one("section", id="answer").text

    assert said.startswith("Answer Not sure")
    assert "too close to tell" in said


@pytest.mark.one_database
def test_an_empty_text_is_refused_at_its_field(admin):
    answer = send(admin, "", text="  ")

    assert answer.status_code == 422
    assert 'id="f-text-error"' in answer.text


@pytest.mark.one_database
def test_a_text_is_shown_as_text(admin):
    answer = send(admin, "", text="<script>alert(1)</script> divorce")

    assert "<script>alert(1)" not in answer.text


def test_the_firms_own_name_of_the_area_is_told(firm, admin):
    assert "No practice area of your Clio" in send(admin, "", text="a divorce").text

    firm.read(firm.connect(), "practice_areas")

    assert "Your Clio calls it Family." in send(admin, "", text="a divorce").text


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_agreeing_and_correcting_are_kept_and_counted(app, few, enter, role):
    somebody = enter(role)
    assert send(somebody, "/corrections", text="my divorce", corrected="Family").status_code == 302
    assert send(somebody, "/corrections", text="divorce papers", corrected="Tax").status_code == 302
    assert send(somebody, "/corrections", text="a divorce", corrected="none").status_code == 302

    assert (rule(app, "divorce").right_count, rule(app, "divorce").wrong_count) == (1, 2)
    page = somebody.open(HOME)
    assert "Family 2 0 0 1 2" in page.rows
    assert f"a divorce Family None of these {role}@example.com" in page.rows[2]


@pytest.mark.one_database
@pytest.mark.parametrize(("text", "corrected"), [("my divorce", ""), ("my divorce", "Magic"), ("", "Family")])
def test_a_correction_that_cannot_be_used_keeps_nothing(app, admin, text, corrected):
    assert send(admin, "/corrections", text=text, corrected=corrected).status_code == 422
    assert (rule(app, "divorce").right_count, rule(app, "divorce").wrong_count) == (0, 0)


def test_support_corrects_nothing_and_sees_no_clients_words(few, enter):
    """X12"""
    send(enter("staff"), "/corrections", text="my divorce from Ana Ruiz", corrected="Family")
    support = enter("support")

    assert send(support, "/corrections", text="my divorce", corrected="Tax").status_code == 403
    assert "Ruiz" not in support.open(HOME).html
    assert "It is really about" not in send(support, "", text="my divorce").text


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize("role", ["staff", "support"])
def test_rules_are_seen_by_all_and_kept_by_admins(app, few, enter, role):
    """X12"""
    somebody = enter(role)
    page = somebody.open(f"{HOME}/rules?area=Family")
    assert page.headings == ["Rules for Family"]
    assert page.rows == ["divorce Word 4 0 0 Yes", "custody Word 3 0 0 Yes"]
    number = rule(app, "divorce").id
    for path in ("/rules/new", f"/rules/{number}"):
        assert somebody.open(HOME + path).status == 403
    for path in ("/rules", f"/rules/{number}", f"/rules/{number}/off", f"/rules/{number}/removal", "/shipped"):
        assert send(somebody, path).status_code == 403


def test_a_rule_is_added_changed_switched_off_and_deleted(app, admin):
    added = send(
        admin, "/rules", f"{HOME}/rules/new", area="Family", kind="phrase", text="prenup/ketubah signed", weight="3"
    )
    assert added.headers["Location"] == f"{HOME}/rules?area=Family"
    page = admin.open(f"{HOME}/rules?area=Family")
    assert page.row(2).startswith("prenup/ketubah signed Your own Phrase 3 0 0")
    where = page.links["prenup/ketubah signed"]

    assert (
        admin.send(where, where, {"area": "Tax", "kind": "word", "text": "ketubah", "weight": "1.5"}).status_code == 302
    )
    changed = rule(app, "ketubah")
    assert (changed.area, changed.kind, changed.weight, changed.changed_by) == ("Tax", "word", 1.5, "admin@example.com")

    assert admin.send(f"{where}/off", where).status_code == 302
    assert not rule(app, "ketubah").enabled
    assert "Switched off" in admin.open(f"{HOME}/rules?area=Tax").html
    assert admin.send(f"{where}/on", where).status_code == 302
    assert admin.send(f"{where}/removal", where).status_code == 302
    assert admin.open(where).status == 404
    assert "Practice area rule deleted" in admin.open("/settings/audit").text


def test_a_shipped_rule_offers_its_weight_and_a_switch_only(app, admin):
    where = f"{HOME}/rules/{rule(app, 'divorce').id}"
    page = admin.open(where)
    assert not page.all("input", name="text")
    assert "Delete" not in page.text

    assert admin.send(where, where, {"weight": "2.5"}).status_code == 302
    assert rule(app, "divorce").weight == 2.5
    assert admin.send(where, where, {"weight": "heavy"}).status_code == 422
    assert admin.send(f"{where}/removal", where).status_code == 409


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "value"),
    [("area", ""), ("kind", "rhyme"), ("text", "..."), ("weight", "99"), ("text", "(a+)+b")],
)
def test_what_cannot_be_used_is_refused_at_its_field_with_the_form_kept(admin, field, value):
    values = {
        "area": "Family",
        "kind": "pattern" if "+" in value else "phrase",
        "text": "shared custody",
        "weight": "3",
    }
    answer = send(admin, "/rules", f"{HOME}/rules/new", **{**values, field: value})

    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text


@pytest.mark.one_database
def test_a_rule_that_is_there_already_is_refused(admin):
    answer = send(admin, "/rules", f"{HOME}/rules/new", area="Family", kind="word", text="divorce", weight="1")

    assert answer.status_code == 409
    assert "There is such a rule already." in answer.text


def test_many_rules_come_page_by_page(app, admin):
    with app.app_context():
        for number in range(60):
            rules.add("Family", "word", f"sign{number:03}", 1, by="test")
    first = admin.open(f"{HOME}/rules?area=Family")
    second = admin.open(first.links["Older"])

    assert (len(first.rows), len(second.rows)) == (50, 12)
    assert not set(first.rows) & set(second.rows)
    assert len(admin.open(f"{HOME}/rules?q=sign05").rows) == 10


@pytest.mark.one_database
@pytest.mark.parametrize("query", ["area=Magic", "kind=rhyme", "colour=red"])
def test_an_odd_filter_is_explained(admin, query):
    assert admin.open(f"{HOME}/rules?{query}").status == 422


@pytest.mark.one_database
@pytest.mark.parametrize("older", ["x", "1", "nan,1", "1,x", "1,99999999999999999999999999", "1e999,1"])
def test_an_odd_place_in_the_list_shows_rules(admin, older):
    assert admin.open(f"{HOME}/rules?older={older}").status == 200


def test_an_empty_table_is_filled_by_hand_where_no_worker_did(app, enter, monkeypatch):
    monkeypatch.setattr(shipped, "area_by_area", SMALL.items)
    admin = enter("admin")
    assert "Put them in place now" in admin.open(HOME).text

    assert send(admin, "/shipped").status_code == 302
    assert len(admin.open(HOME).rows) == 2
