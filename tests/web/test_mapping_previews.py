"""Previewed, approved, switched on, paused and removed: nothing is written before somebody saw what would be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_console.errors import Wait
from integration_console.models import DataMapping, PreviewPage, Record, db
from integration_console.operations.mapping import previews
from integration_console.web.mapping import mapping_previews

from ..html_page import Page
from .two_sides import contacts

pytestmark = pytest.mark.one_database


@pytest.fixture
def draft(own_firm):
    return contacts(own_firm, active=False)


def previewed(browser, mapping: int) -> Page:
    return browser.open(browser.send(f"/mappings/{mapping}/preview", f"/mappings/{mapping}").location)


def state_of(sides) -> tuple:
    with sides.firm.app.app_context():
        row = db.session.get_one(DataMapping, sides.mapping)
        return row.state, row.active_version, row.first_run


def test_a_preview_counts_shows_samples_and_writes_nothing(enter, draft):
    """ux.md, promise 4"""
    sent = [len(upstream.requests) for upstream in (draft.firm.upstreams.ghl, draft.firm.upstreams.clio)]
    page = previewed(enter("staff"), draft.mapping)
    assert page.status == 200
    tally = page.one("ul", class_="tally")
    assert "8 New pairs" in tally.text
    assert {f"/mappings/{draft.mapping}/preview/{kind}" for kind in ("link", "update")} <= set(page.links.values())
    assert "at the speed the services allow" in page.text
    assert "An administrator can switch it on." in page.text
    assert [len(u.requests) for u in (draft.firm.upstreams.ghl, draft.firm.upstreams.clio)] == sent
    again = enter("admin").open(f"/mappings/{draft.mapping}/preview")
    assert "8 New pairs" in again.text
    assert again.rows == page.rows  # a reload shows the same


def test_a_preview_that_takes_too_long_is_stopped_and_says_how_it_is_made(enter, draft, monkeypatch):
    staff, here = enter("staff"), f"/mappings/{draft.mapping}/preview"
    assert previewed(staff, draft.mapping).status == 200
    monkeypatch.setattr(mapping_previews, "PATIENCE_S", -1.0)
    late = staff.send(here, here)
    assert late.status_code == 409
    assert "There is more to count than fits" in late.text
    assert f"flask mappings preview {draft.mapping}" in late.text
    assert "8 New pairs" in staff.open(here).text  # what was counted before still stands


def test_every_count_of_a_preview_leads_to_those_it_counts(enter, draft):
    """ux.md, promise 2; support sees that they are there, not what is in them"""
    staff, address = enter("staff"), f"/mappings/{draft.mapping}/preview"
    assert staff.open(f"{address}/link").status == 404  # not previewed yet
    home = previewed(staff, draft.mapping)
    counts = {link: text.split()[0] for text, link in home.links.items() if link.startswith(f"{address}/")}
    assert f"{address}/link" in counts
    for link, count in counts.items():
        page = staff.open(link)
        assert len(page.rows) == int(count), link
        assert page.one("h1").text.endswith(f": {count}")
    told = staff.open(f"{address}/link").rows
    masked = enter("support").open(f"{address}/link").rows
    assert any("@" in row for row in told)
    assert len(masked) == len(told)
    assert not any("@" in row for row in masked)
    assert staff.open(f"{address}/nonsense").status == 404


def test_a_preview_says_who_a_record_waits_for(enter, draft):
    staff = enter("staff")
    previewed(staff, draft.mapping)
    with draft.firm.app.app_context():
        kept = db.session.query(PreviewPage).filter_by(kind="link", place=0).one()
        record = db.session.get_one(Record, kept.rows[1]["left"])
        why = str(Wait(resource="contacts", external_id=record.external_id))
        sample = {**kept.rows[0]["sample"], "reason": why}
        kept.rows = [{**kept.rows[0], "reason": why, "sample": sample}, *kept.rows[1:]]
        said = f"This waits until contacts {record.label} ({record.external_id}) is linked"
        db.session.commit()
    for address in ("preview", "preview/link"):
        assert said in staff.open(f"/mappings/{draft.mapping}/{address}").text


def test_a_count_beyond_a_page_is_walked_to_its_end(enter, draft, monkeypatch):
    monkeypatch.setattr(previews, "PAGE", 3)
    staff = enter("staff")
    previewed(staff, draft.mapping)
    sizes, link = [], f"/mappings/{draft.mapping}/preview/link"
    while link:
        page = staff.open(link)
        sizes.append(len(page.rows))
        link = next((to for text, to in page.links.items() if text == "Next"), None)
    assert sizes == [3, 3, 2]
    assert page.links["Previous"] == f"/mappings/{draft.mapping}/preview/link?older=1"


def test_only_an_administrator_switches_on_and_only_what_was_previewed(enter, draft):
    """W7, X12"""
    staff, admin = enter("staff"), enter("admin")
    address = f"/mappings/{draft.mapping}/activation"
    assert staff.send(address, "/settings/profile").status_code == 403
    assert admin.send(address, "/settings/profile").status_code == 409  # no preview yet
    page = previewed(staff, draft.mapping)
    assert "Activate" not in [button.text for button in page.all("button")]
    offered = admin.open(f"/mappings/{draft.mapping}/preview")
    assert "Change " in offered.one("ul", class_="sentences").text
    assert admin.send(address, f"/mappings/{draft.mapping}/preview").location == f"/mappings/{draft.mapping}"
    state, version, expected = state_of(draft)
    assert (state, version) == ("active", 1)
    assert set(expected) == {"create", "update", "delete"}


def test_the_first_run_after_activation_keeps_to_the_preview_and_is_not_braked(enter, draft):
    """W7: pairs whose both sides change are two writes; the brake must not take that for more than was told."""
    admin = enter("admin")
    previewed(admin, draft.mapping)
    admin.send(f"/mappings/{draft.mapping}/activation", f"/mappings/{draft.mapping}/preview")
    expected = state_of(draft)[2]
    run = draft.run()
    assert run.state == "done", run.message
    assert (run.new, run.changed) == (expected["create"], expected["update"])


def test_a_change_takes_the_preview_back(enter, draft):
    admin, address = enter("admin"), f"/mappings/{draft.mapping}/lines/2"
    previewed(admin, draft.mapping)
    seen = admin.open(address).all("input", name="seen_at")[0].attrs["value"]
    admin.send(f"{address}/move", address, {"seen_at": seen, "by": "down"})
    assert "was not previewed yet" in admin.open(f"/mappings/{draft.mapping}/preview").text
    assert admin.send(f"/mappings/{draft.mapping}/activation", "/settings/profile").status_code == 409


def test_a_draft_that_changes_while_it_is_counted_was_not_previewed(enter, draft, monkeypatch):
    """W7: somebody else moves a line, or throws the draft away, while the records go through it."""
    admin, other, address = enter("admin"), enter("admin", "second@example.com"), f"/mappings/{draft.mapping}/lines/2"
    seen = other.open(address).all("input", name="seen_at")[0].attrs["value"]
    steps = previews.Carrier.steps

    def meanwhile(carrier):
        with ThreadPoolExecutor(1) as beside:
            moved = beside.submit(other.send, f"{address}/move", address, {"seen_at": seen, "by": "down"}).result()
        assert moved.status_code == 302
        return steps(carrier)

    with monkeypatch.context() as patched:
        patched.setattr(previews.Carrier, "steps", meanwhile)
        assert admin.send(f"/mappings/{draft.mapping}/preview", f"/mappings/{draft.mapping}").status_code == 409
    assert "was not previewed yet" in admin.open(f"/mappings/{draft.mapping}/preview").text


def test_what_is_switched_on_is_what_was_on_the_page(enter, draft):
    """W7: a page that stood open while somebody else changed the draft, and previewed it again."""
    admin, other, address = enter("admin"), enter("admin", "second@example.com"), f"/mappings/{draft.mapping}/lines/2"
    page = previewed(admin, draft.mapping)
    seen = page.all("input", name="seen_at")[0].attrs["value"]
    at_line = other.open(address).all("input", name="seen_at")[0].attrs["value"]
    assert other.send(f"{address}/move", address, {"seen_at": at_line, "by": "down"}).status_code == 302
    again = previewed(other, draft.mapping)
    home = f"/mappings/{draft.mapping}"
    refused = admin.send(f"{home}/activation", f"{home}/preview", {"seen_at": seen})
    assert refused.status_code == 409
    assert "second@example.com changed" in refused.text
    assert admin.send(f"{home}/approval", f"{home}/preview", {"seen_at": seen}).status_code == 409
    fresh = {"seen_at": again.all("input", name="seen_at")[0].attrs["value"]}
    assert admin.send(f"{home}/activation", f"{home}/preview", fresh).status_code == 302


def test_pause_resume_restore_discard_and_remove(enter, draft):
    admin, home = enter("admin"), f"/mappings/{draft.mapping}"
    previewed(admin, draft.mapping)
    admin.send(f"{home}/activation", f"{home}/preview")
    assert admin.send(f"{home}/removal", home, {"confirm": "GoHighLevel contacts and Clio contacts"}).status_code == 409

    admin.send(f"{home}/pause", home)
    assert "Paused" in admin.open(home).text
    assert "Nothing is written until it is resumed." in admin.open(home).text
    admin.send(f"{home}/resume", home)
    assert state_of(draft)[0] == "active"

    lines = draft.document()["lines"]
    address = f"{home}/lines/1"
    seen = admin.open(address).all("input", name="seen_at")[0].attrs["value"]
    admin.send(f"{address}/removal", address, {"seen_at": seen})
    history = admin.open(f"{home}/history")
    assert "Draft 2" in history.text
    assert "removed." in history.text
    admin.send(f"{home}/versions/1/restore", f"{home}/history")
    assert draft.document()["lines"] == lines
    history = admin.open(f"{home}/history")
    assert "The draft before it was put aside: it stays as version 2." in history.text
    assert "Version 2 Put aside" in history.text
    assert "It says what version 1 said." in history.text
    admin.send(f"{home}/draft/removal", f"{home}/history")
    assert "Draft 2 is the draft again." in admin.open(f"{home}/history").text
    admin.send(f"{home}/draft/removal", f"{home}/history")
    assert "Draft 2" not in admin.open(f"{home}/history").text

    admin.send(f"{home}/pause", home)
    assert admin.send(f"{home}/removal", home, {"confirm": "contacts"}).location == f"{home}/settings"
    admin.send(f"{home}/removal", home, {"confirm": "GoHighLevel contacts and Clio contacts"})
    assert admin.open(home).status == 404


def test_an_active_mapping_is_run_by_a_button(enter, own_firm):
    sides, staff = contacts(own_firm), enter("staff")
    answer = staff.send(f"/mappings/{sides.mapping}/runs", f"/mappings/{sides.mapping}")
    page = staff.open(answer.location)
    assert "Contacts" in page.text
    assert "mapping:" not in page.text.rpartition("Summary for support")[0]
    assert "Watch run" in staff.open(f"/mappings/{sides.mapping}").text
    assert staff.send(f"/mappings/{sides.mapping}/runs", "/settings/profile").status_code == 409


def test_money_goes_live_only_after_a_second_administrator(enter, own_firm):
    """Legal guard rails: a mapped money field."""
    left, right = own_firm.connect("clio"), own_firm.connect("ghl")
    staff, one, other = enter("staff"), enter("admin"), enter("admin", "second@example.com")
    ends = {"left": str(left), "right": str(right)}
    home = staff.send("/mappings/ready/clio_matters_ghl_opportunities", "/mappings", ends).location
    address = f"{home}/lines/new"
    values = {
        "seen_at": staff.open(address).all("input", name="seen_at")[0].attrs["value"], "right-1": "monetaryValue",
        "direction": "to_right", "transform": "constant", "options_for": "constant", "o-value": "100",
        "blank": "clear",
    }  # fmt: skip
    assert staff.send(address, address, values).status_code == 302
    page = previewed(staff, int(home.rpartition("/")[2]))
    assert "Nobody has approved this draft yet." in page.text
    assert one.send(f"{home}/activation", f"{home}/preview").status_code == 409
    one.send(f"{home}/approval", f"{home}/preview")
    assert "Approved by admin@example.com" in other.open(f"{home}/preview").text
    assert one.send(f"{home}/activation", f"{home}/preview").status_code == 409  # who approved does not switch on
    assert other.send(f"{home}/activation", f"{home}/preview").status_code == 302
