"""The page of a write in the shade: what was sent beside what today's mapping would make of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from integration_console.models import Change, Transaction, db

from .two_sides import contacts


@pytest.fixture
def firm(own_firm):
    """One whose upstreams are changed here and read nowhere else."""
    return own_firm


def written(firm):
    """Both sides, one of their pairs, and the write by which its new name went over."""
    two = contacts(firm)
    two.run()
    left, _ = two.pair()
    firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    two.run()
    return two, left, two.changes(op="update", state="done")[-1]


@pytest.mark.postgresql_at_length
def test_a_write_is_shown_as_it_was_sent_and_as_it_would_be_today(enter, firm):
    two, left, write = written(firm)
    admin = enter("admin")
    assert f"/writes/{write}/shade" in admin.open("/writes").links.values()

    page = admin.open(f"/writes/{write}/shade")
    assert page.status == 200
    assert "would write the same" in page.text
    assert "Augusta Augusta Same" in page.row(1)
    firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Berta"})
    firm.read(two.left, "contacts", kind="full")
    page = admin.open(f"/writes/{write}/shade")
    assert "would not write the same" in page.text
    assert "Augusta Berta Differs" in page.row(1)
    assert "Send with the mapping of today" not in page.text
    assert two.changes(op="update", state="done")[-1] == write


def test_the_call_of_a_write_leads_to_its_records_their_lives_and_its_mapping(enter, firm):
    two, _, write = written(firm)
    with firm.app.app_context():
        change = db.session.get_one(Change, write)
        call = db.session.scalar(select(Transaction.id).filter_by(call_key=change.call_key))
        target, source = change.record_id, change.sources["first_name"]["record_id"]
    links = enter("admin").open(f"/transactions/{call}").links
    assert {f"/records/{target}", f"/records/{source}"} <= set(links.values())
    assert {f"/records/{target}/life", f"/records/{source}/life"} <= set(links.values())
    (name,) = [text for text in links if text.endswith(", version 1")]
    assert links[name] == f"/mappings/{two.mapping}?version=1"
    page = enter("support").open(f"/transactions/{call}")
    assert f"/records/{target}" in page.links.values()
    assert "Augusta" not in page.html


def test_a_refused_write_is_sent_as_the_mapping_of_today_makes_it(enter, firm):
    two, left, write = written(firm)
    firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Berta"})
    firm.read(two.left, "contacts", kind="full")
    with firm.app.app_context():
        db.session.get_one(Change, write).state = "dead"
        db.session.commit()
    admin, shade = enter("admin"), f"/writes/{write}/shade"
    assert "Send with the mapping of today" in admin.open(shade).text

    assert admin.send(f"/writes/{write}/anew", shade).location == "/writes"

    with firm.app.app_context():
        new = db.session.scalars(select(Change).filter_by(edits_id=write)).one()
        assert (list(new.wanted.values()), new.state) == (["Berta"], "pending")
    assert "Only a refused write" in admin.open(admin.send(f"/writes/{write}/anew", shade).location).text
