"""Lines and settings edited: nobody overwrites another, values keep their types, what is wrong is said at its field."""

from __future__ import annotations

import pytest

from ..html_page import Page
from .test_mappings import add_line
from .two_sides import contacts

pytestmark = pytest.mark.one_database


@pytest.fixture
def draft(own_firm):
    return contacts(own_firm, active=False)


@pytest.fixture
def active(own_firm):
    return contacts(own_firm)


def values_of(page) -> dict[str, str]:
    """What the page's main form would send as it is."""
    form = next(form for form in page.all("form") if "form" in form.attrs.get("class", "").split())
    sent = {}
    for tag in form.walk():
        name = tag.attrs.get("name")
        if tag.name == "input" and name and (tag.attrs.get("type") != "checkbox" or "checked" in tag.attrs):
            sent[name] = tag.attrs.get("value", "")
        elif tag.name == "textarea":
            sent[name] = "".join(child for child in tag.children if isinstance(child, str)).strip()
        elif tag.name == "select":
            chosen = [o for o in tag.all("option") if "selected" in o.attrs] or tag.all("option")[:1]
            sent[name] = chosen[0].attrs.get("value", "")
    return {name: value for name, value in sent.items() if name not in ("csrf_token", "look")}


def test_saving_a_form_nobody_touched_changes_nothing(enter, draft):
    """Every line and the settings survive their own form."""
    staff, before = enter("staff"), draft.document()
    for number in range(1, len(before["lines"]) + 1):
        address = f"/mappings/{draft.mapping}/lines/{number}"
        assert staff.send(address, address, values_of(staff.open(address))).status_code == 302, number
    address = f"/mappings/{draft.mapping}/settings"
    assert staff.send(address, address, values_of(staff.open(address))).status_code == 302
    assert draft.document() == before


def test_editing_an_active_mapping_makes_a_draft(enter, active):
    staff, address = enter("staff"), f"/mappings/{active.mapping}/lines/1"
    staff.send(address, address, values_of(staff.open(address)) | {"winner": "newest", "note": "as agreed"})
    page = staff.open(f"/mappings/{active.mapping}")
    assert "Draft 2; version 1 is active." in page.text
    assert "The newest wins" in page.row(1)
    assert active.document(1)["lines"][0]["winner"] is None
    history = staff.open(f"/mappings/{active.mapping}/history")
    said = "Line First name ↔ First name: when both sides changed it, the newest wins; before, as the mapping says."
    assert said in history.text
    assert said in " ".join(enter("admin").open("/settings/audit").rows)


def test_who_may_not_change_the_settings_is_offered_no_field(enter, draft):
    page = enter("support").open(f"/mappings/{draft.mapping}/settings")
    form = next(form for form in page.all("form") if "form" in form.attrs.get("class", "").split())
    assert "disabled" in form.all("fieldset")[0].attrs
    assert "data-unsaved" not in form.attrs


def test_a_form_that_is_stale_overwrites_nobody(enter, draft):
    """Reliability section 9: somebody else changed it."""
    staff, address = enter("staff"), f"/mappings/{draft.mapping}/lines/2"
    old = values_of(staff.open(address))
    staff.send(address, address, old | {"note": "first"})
    answer = staff.send(address, address, old | {"note": "second"})
    assert answer.status_code == 409
    page = Page(answer)
    assert "staff@example.com changed" in page.text
    assert page.row(1).split() == ["Note", "second", "first"]
    assert draft.document()["lines"][1]["note"] == "first"

    saved = staff.send(address, address, values_of(page) | {"note": "both"})  # now about the version that was shown
    assert saved.status_code == 302
    assert draft.document()["lines"][1]["note"] == "both"


def test_stale_settings_show_both_versions_side_by_side(enter, draft):
    """Reliability section 9."""
    staff, address = enter("staff"), f"/mappings/{draft.mapping}/settings"
    old = values_of(staff.open(address))
    staff.send(address, address, old | {"note": "first"})
    answer = staff.send(address, address, old | {"note": "second"})
    assert answer.status_code == 409
    assert Page(answer).row(1).split() == ["Note", "second", "first"]
    assert draft.document()["note"] == "first"


def test_choosing_another_way_shows_its_options_before_anything_is_saved(enter, draft):
    staff, before = enter("staff"), draft.document()
    values = {
        "left-1": "type",
        "right-1": "title",
        "direction": "to_right",
        "transform": "value_map",
        "options_for": "copy",
    }
    answer = add_line(staff, draft.mapping, values)
    assert answer.status_code == 200
    assert "Table, one pair a line" in answer.text
    assert draft.document() == before


def test_a_table_is_written_as_lines_and_its_values_keep_their_types(enter, draft):
    staff = enter("staff")
    values = {
        "left-1": "type", "right-1": "title", "direction": "to_right", "transform": "value_map",
        "o-pairs": "lead => Prospect\ncustomer =>", "o-otherwise": "refuse",
    }  # fmt: skip
    assert add_line(staff, draft.mapping, values).status_code == 302
    options = draft.document()["lines"][-1]["options"]
    assert options == {"pairs": [["lead", "Prospect"], ["customer", None]], "otherwise": "refuse"}
    bad = add_line(staff, draft.mapping, values | {"right-1": "prefix", "o-pairs": "lead"})
    assert bad.status_code == 422
    assert "Write each line as" in bad.text


def test_yes_and_no_for_a_field_that_is_one_or_the_other_are_no_texts(enter, draft):
    staff = enter("staff")
    values = {"right-1": "", "left-1": "dnd", "direction": "to_left", "transform": "constant", "o-value": "no"}
    assert add_line(staff, draft.mapping, values).status_code == 302
    assert draft.document()["lines"][-1]["options"]["value"] is False


def test_what_cannot_be_is_said_at_its_field(enter, draft):
    staff = enter("staff")
    nothing = add_line(staff, draft.mapping, {"left-1": "city", "direction": "to_right", "transform": "copy"})
    assert nothing.status_code == 422
    assert "The line names no field to write" in nothing.text
    assert 'href="#f-right-1"' in nothing.text
    no_default = add_line(staff, draft.mapping, {
        "left-1": "source", "right-1": "prefix", "direction": "to_right", "transform": "copy", "blank": "default",
    })  # fmt: skip
    assert no_default.status_code == 422
    assert add_line(staff, draft.mapping, {"left-1": "city", "transform": "python"}).status_code == 422


def test_lines_move_up_and_down(enter, draft):
    staff, before = enter("staff"), draft.document()["lines"]
    address = f"/mappings/{draft.mapping}/lines/2"
    seen = values_of(staff.open(address))["seen_at"]
    staff.send(f"{address}/move", address, {"seen_at": seen, "by": "up"})
    assert draft.document()["lines"][:2] == [before[1], before[0]]


def test_trust_money_is_not_even_saved(enter, draft):
    """W8"""
    staff, before = enter("staff"), draft.document()
    answer = add_line(staff, draft.mapping, {
        "left-1": "source", "right-1": "trust_balance", "direction": "to_right", "transform": "copy",
    })  # fmt: skip
    assert answer.status_code == 403
    assert "trust money" in answer.text
    assert draft.document() == before


def test_keys_filters_and_options_are_settings(enter, draft):
    staff, address = enter("staff"), f"/mappings/{draft.mapping}/settings"
    values = values_of(staff.open(address)) | {
        "direction": "to_right", "rule": "left", "filter-1-field": "left:type", "filter-1-is": "in",
        "filter-1-values": "lead, customer", "o-creates_left": "no", "o-write_cap": "25", "key-2-by": "",
        "o-brake_creates": "400",
    }  # fmt: skip
    assert staff.send(address, address, values).status_code == 302
    told = draft.document()
    assert (told["direction"], told["rule"], told["options"]["write_cap"]) == ("to_right", "left", 25)
    assert told["filters"] == [{"side": "left", "field": "type", "is": "in", "values": ["lead", "customer"]}]
    assert told["options"]["brake_creates"] == 400
    page = staff.open(f"/mappings/{draft.mapping}")
    assert "Only those of the GoHighLevel contacts whose Type is lead or customer are linked or made anew." in page.text
    assert "A run that would make 400 new records unannounced stops and asks." in page.text


def test_a_setting_that_cannot_be_is_said_at_its_field(enter, draft):
    staff, address = enter("staff"), f"/mappings/{draft.mapping}/settings"
    values = values_of(staff.open(address))
    for field, value, said in (
        ("o-write_cap", "0", "greater than"), ("o-zone", "Mars/Base", "no such time zone"), ("name", "", "name"),
    ):  # fmt: skip
        answer = staff.send(address, address, values | {field: value})
        assert answer.status_code == 422, field
        assert said in answer.text, field
        assert f'href="#f-{field}"' in answer.text, field


def test_all_that_was_left_empty_is_said_at_once(enter, draft):
    staff, address = enter("staff"), f"/mappings/{draft.mapping}/settings"
    values = values_of(staff.open(address)) | {
        "name": "", "key-1-left": "", "filter-1-field": "left:type", "filter-1-is": "in", "filter-1-values": "",
    }  # fmt: skip
    answer = staff.send(address, address, values)
    assert answer.status_code == 422
    assert [link.text for link in Page(answer).one("div", id="form-errors").all("a")] == [
        "Name: this cannot be empty.", "Key 1: a key names a field on each side.",
        "Filter 1: a filter needs a value to look for.",
    ]  # fmt: skip
    assert draft.document()["name"]


def test_only_those_who_may_edit_do(enter, draft):
    """X12"""
    support = enter("support")
    for path in ("lines/new", "lines/1", "settings", "preview", "pause", "suggestions", "draft/removal"):
        answer = support.send(f"/mappings/{draft.mapping}/{path}", "/settings/profile")
        assert answer.status_code == 403, path
    assert support.open(f"/mappings/{draft.mapping}/settings").status == 200
