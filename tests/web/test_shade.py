"""The page of a write in the shade: what was sent beside what today's mapping would make of it."""

from __future__ import annotations

from .two_sides import contacts


def test_a_write_is_shown_as_it_was_sent_and_as_it_would_be_today(enter, firm):
    two = contacts(firm)
    two.run()
    left, _ = two.pair()
    firm.upstreams.ghl.put("contacts", {"id": left, "firstName": "Augusta"})
    two.run()
    write = two.changes(op="update", state="done")[-1]
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
    assert two.changes(op="update", state="done")[-1] == write
