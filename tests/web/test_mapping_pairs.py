"""Pairs, writes, push runs and taking one back, on pages."""

from __future__ import annotations

import pytest

from integration_console.errors import Wait
from integration_console.models import Change, Record, RecordLink, SyncRun, db

from ..operations.conftest import carry_out
from .two_sides import contacts

pytestmark = pytest.mark.one_database


@pytest.fixture
def sides(own_firm):
    """A mapping that is on; both sides agree, then one first name is changed at GoHighLevel and carried."""
    sides = contacts(own_firm)
    sides.run()
    left, _ = sides.pair()
    own_firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    sides.last = sides.run()
    return sides


def of(sides, model, number: int):
    with sides.firm.app.app_context():
        return db.session.get_one(model, number)


def test_pairs_are_listed_by_state_and_one_shows_both_sides_line_by_line(enter, sides):
    staff, home = enter("staff"), f"/mappings/{sides.mapping}/pairs"
    every = staff.open(home)
    assert len(every.rows) == len(sides.links())
    assert staff.open(f"{home}?state=cut").rows == []
    assert staff.open(f"{home}?state=odd").status == 422
    page = staff.open(f"{home}/{sides.links()[0]}")
    first = next(row for row in page.rows if row.startswith("First name"))
    assert first.count("Augusta") == 2
    assert "the same" in first
    assert "Make" in page.text or "Change" in page.text
    assert staff.open(f"/mappings/{sides.mapping}/pairs/99999").status == 404


def test_a_record_that_waits_for_another_one_says_who_that_is(enter, sides):
    with sides.firm.app.app_context():
        link = db.session.get_one(RecordLink, sides.links()[0])
        link.state, link.right_record_id = "waiting", None
        others = db.session.query(Record).filter_by(connection_id=sides.left, resource="contacts")
        other = others.filter(Record.id != link.left_record_id).first()
        link.reason = str(Wait(resource=other.resource, external_id=other.external_id))
        name, theirs = other.label, other.external_id
        db.session.commit()
    home, said = f"/mappings/{sides.mapping}/pairs", f"This waits until contacts {name} ({theirs}) is linked"
    staff, support = enter("staff"), enter("support")
    for address in (f"{home}?state=waiting", f"{home}/{sides.links()[0]}"):
        assert said in staff.open(address).text
        assert name not in support.open(address).text


def test_what_one_side_changed_since_is_told_beside_what_was_agreed(enter, sides):
    left, _ = sides.pair()
    sides.firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Gus"})
    sides.firm.read(sides.left, "contacts", kind="incremental")
    page = enter("staff").open(f"/mappings/{sides.mapping}/pairs/{sides.links()[0]}")
    first = next(row for row in page.rows if row.startswith("First name"))
    assert "Gus" in first
    assert "changed at Our ghl" in first


def test_a_pair_is_cut_with_a_reason(enter, sides):
    staff, address = enter("staff"), f"/mappings/{sides.mapping}/pairs/{sides.links()[0]}"
    assert staff.send(f"{address}/cut", address).status_code == 422
    staff.send(f"{address}/cut", address, {"why": "father and son"})
    page = staff.open(address)
    assert "father and son" in page.text
    assert "Cut this link" not in page.text


def test_support_sees_pairs_and_writes_without_what_is_in_them(enter, sides):
    """X12"""
    support = enter("support")
    for path in (f"/mappings/{sides.mapping}/pairs/{sides.links()[0]}", f"/runs/{sides.last.id}/writes", "/writes"):
        page = support.open(path)
        assert page.status == 200
        assert "Augusta" not in page.text, path
    assert support.open(f"/runs/{sides.last.id}/undo").status == 403


def test_a_run_that_carried_a_mapping_reads_well(enter, sides):
    staff = enter("staff")
    page = staff.open(f"/runs/{sides.last.id}")
    seen = page.text.rpartition("Summary for support")[0]
    assert "mapping:" not in seen
    assert "push" not in seen
    assert page.links["1 write"] == f"/runs/{sides.last.id}/writes"
    leads = [link.attrs["href"] for link in page.all("a")]
    assert f"/runs/{sides.last.id}/writes?op=update" in leads
    assert f"/mappings/{sides.mapping}?version=1" in leads
    row = next(row for row in staff.open("/runs").rows if row.startswith(str(sides.last.id)))
    assert "Contacts" in row
    assert "Carry a mapping" in row
    assert "mapping:" not in staff.open("/").text
    assert {row.split()[0] for row in staff.open(f"/runs?mapping={sides.mapping}").rows} >= {str(sides.last.id)}


def test_a_run_that_stopped_at_the_brake_is_released_from_its_page(enter, sides):
    with sides.firm.app.app_context():
        run = db.session.get_one(SyncRun, sides.last.id)
        run.state, run.failure_kind, run.message = "needs_person", "conflict", "600 of 800 pairs would be written over."
        run.parts[0].state, run.parts[0].failure_kind = "failed", "conflict"
        db.session.commit()
    staff = enter("staff")
    page = staff.open(f"/runs/{sides.last.id}")
    assert "The brake stopped it after 1 write." in page.text
    assert "The brake stopped run" in staff.open(f"/mappings/{sides.mapping}").text
    support = enter("support")
    for path in (f"/runs/{sides.last.id}", f"/mappings/{sides.mapping}"):
        assert "Staff and administrators can release it." in support.open(path).text, path
    staff.send(f"/mappings/{sides.mapping}/runs", f"/runs/{sides.last.id}", {"release_brake": "yes"})
    assert of(sides, SyncRun, sides.last.id + 1).options == {"released": True}


def test_the_writes_of_a_run_tell_old_and_new_and_lead_to_the_call(enter, sides):
    page = enter("staff").open(f"/runs/{sides.last.id}/writes")
    assert len(page.rows) == 1
    assert "Augusta" in page.row(1)
    assert "First name" in page.row(1)
    assert "See the call" in page.links


def test_a_record_says_where_its_values_came_from_and_who_its_partner_is(enter, sides):
    change = of(sides, Change, sides.changes(sent_run_id=sides.last.id)[0])
    page = enter("staff").open(f"/records/{change.record_id}")
    origin = next(row for row in page.rows if row.startswith("First name Augusta"))
    assert "First name" in origin.removeprefix("First name")  # as the other side calls it
    assert f"Run {sides.last.id}" in origin
    source = of(sides, Record, change.sources["first_name"]["record_id"])
    assert source.label in origin
    assert f"/mappings/{sides.mapping}/pairs/{sides.links()[0]}" in page.links.values()


def test_a_run_is_taken_back_after_its_preview(enter, sides):
    staff, address = enter("staff"), f"/runs/{sides.last.id}/undo"
    page = staff.open(address)
    assert "1 of 1 write can be taken back: 1 record is changed back." in page.text
    assert "At the services, 1 record is changed back. Each is checked once more" in page.text
    assert "Augusta" in page.row(1)
    answer = staff.send(address, address)
    assert "Taken back: 0 of 1 write, 1 on the way." in staff.open(answer.location).text
    row = staff.open("/runs?cause=undo").row(1)
    assert "Single writes" in row
    assert "Undo" in row
    with sides.firm.app.app_context():
        number = int(row.split()[0])
        assert carry_out(db.session.get_one(SyncRun, number)).state == "done"
    page = staff.open(address)
    assert "Taken back: 1 of 1 write. Asked for by staff@example.com" in page.text
    assert page.row(1).endswith(f"Done Changed back by run {number}")
    assert page.links[f"run {number}"] == f"/runs/{number}"
    assert "still be taken back" not in page.text
    assert "had it taken back" in staff.open(f"/runs/{sides.last.id}").text
    assert staff.send(address, address).status_code == 409
    _, right = sides.pair()
    assert sides.firm.upstreams.clio.record("contacts", right)["first_name"] != "Augusta"


def test_most_of_a_long_list_of_writes_is_folded(enter, sides, monkeypatch):
    monkeypatch.setattr("integration_console.web.runs.undo.UNFOLDED", 0)

    page = enter("staff").open(f"/runs/{sides.last.id}/undo")

    assert "1 more" in page.one("details", class_="fold").text
    assert "Augusta" in page.one("details", class_="fold").text


def test_a_run_that_wrote_nothing_has_nothing_to_take_back(enter, sides):
    run = sides.run()
    page = enter("staff").open(f"/runs/{run.id}/undo")
    assert "wrote nothing that could be taken back" in page.text


def test_a_refused_write_is_tried_again_or_dropped(enter, sides):
    first, second = sides.changes()[:2]
    with sides.firm.app.app_context():
        for number in (first, second):
            db.session.get_one(Change, number).state = "dead"
        db.session.commit()
    staff = enter("staff")
    page = staff.open("/writes?state=refused")
    assert len(page.rows) == 2
    assert staff.send(f"/writes/{first}/retry", "/writes", {"back": "/writes?state=refused"}).location.endswith(
        "refused"
    )
    staff.send(f"/writes/{second}/removal", "/writes")
    assert (of(sides, Change, first).state, of(sides, Change, second).state) == ("pending", "dropped")
    assert staff.send(f"/writes/{second}/retry", "/writes").status_code == 409
    assert enter("support").send(f"/writes/{first}/retry", "/settings/profile").status_code == 403


def test_a_refused_making_leads_to_the_record_it_was_to_be_made_of(enter, sides):
    """There is no target yet, so nothing else says whom it is about."""
    with sides.firm.app.app_context():
        change = db.session.get_one(Change, sides.changes()[0])
        link = db.session.get_one(RecordLink, change.link_id)
        made, origin = sorted((link.left_record, link.right_record), key=lambda one: one.id != change.record_id)
        change.op, change.state, change.record_id, change.external_id = "create", "dead", None, None
        for side in ("left", "right"):
            if getattr(link, f"{side}_record_id") == made.id:
                setattr(link, f"{side}_record_id", None)
        path, called, number, which = f"/records/{origin.id}", origin.label, origin.external_id, change.id
        db.session.commit()
    staff = enter("staff")
    page = staff.open("/writes?state=refused")
    assert f"new made of {called}" in page.row(1)
    assert page.links[called] == path
    blind = enter("support").open("/writes?state=refused")
    assert called not in blind.text
    assert path in blind.html
    assert number[:4] in blind.row(1)
    with sides.firm.app.app_context():
        db.session.get_one(Change, which).op = "update"
        db.session.commit()
    assert "made of" not in staff.open("/writes?state=refused").row(1)  # it only lost its target


def test_the_refused_writes_of_a_mapping_are_sent_again_together(enter, sides):
    with sides.firm.app.app_context():
        latest = {change.link_id: change for change in db.session.query(Change).order_by(Change.id)}
        numbers = sorted(change.id for change in latest.values())[-2:]
        for number in numbers:
            db.session.get_one(Change, number).state = "dead"
        db.session.commit()
    staff, address = enter("staff"), f"/mappings/{sides.mapping}/writes"
    refused = staff.open(f"/mappings/{sides.mapping}").links["2 refused"]
    page = staff.open(refused)
    assert len(page.rows) == 2
    assert "Retry all 2" in page.text
    assert "about 4 calls" in page.text
    assert "Retry all 2" in staff.open(f"/writes?mapping={sides.mapping}").text
    for other in ("/writes?state=refused", f"/writes?mapping={sides.mapping}&state=done"):
        assert "Retry all" not in staff.open(other).text, other  # whose they are is not said, or none is shown
    support = enter("support")
    assert "Retry all" not in support.open(refused).text
    assert support.send(address, "/settings/profile").status_code == 403

    run = staff.send(address, refused).location
    assert of(sides, SyncRun, int(run.rpartition("/")[2])).mapping_id == sides.mapping
    assert [of(sides, Change, number).state for number in numbers] == ["pending", "pending"]
    assert staff.send(address, refused).location == f"/writes?mapping={sides.mapping}"
    assert "None of these writes can be sent again" in staff.open(f"/writes?mapping={sides.mapping}").text


def test_writes_are_paged_by_keyset_and_filtered(enter, sides):
    with sides.firm.app.app_context():
        for number in range(55):
            db.session.add(
                Change(
                    connection_id=sides.right, resource="contacts", op="update", external_id=str(number), state="done",
                    wanted={"title": "x"}, idempotency_key=f"k{number}", created_at=_now(),
                )
            )  # fmt: skip
        db.session.commit()
    staff = enter("staff")
    first = staff.open("/writes")
    assert len(first.rows) == 50
    older = staff.open(first.links["Older"])
    assert older.rows
    assert staff.open(older.links["Newer"]).rows == first.rows
    assert staff.open("/writes?op=fly").status == 422
    assert len(staff.open(f"/writes?mapping={sides.mapping}").rows) == len(sides.changes(mapping_id=sides.mapping))


def _now():
    from integration_console import clock

    return clock.now()
