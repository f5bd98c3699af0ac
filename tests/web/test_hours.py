"""The way of an hour as people see it."""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b

import pytest

from integration_console import clock
from integration_console.models import Connection, Record, RecordLink, db
from integration_console.models.mapping import DataMapping

from ..storage.rows import NOON

MATTER = {"id": 7, "display_number": "00007-Lease"}


class Books:
    """Records of four accounts and the pairs between them, as reads and runs leave them."""

    def __init__(self, ledger: str = "xero") -> None:
        self.connections = {key: self._connection(key) for key in ("clockify", "clio", ledger)}
        self.time = self._mapping("Time", ("clockify", "time_entries"), ("clio", "activities"))
        self.invoices = self._mapping("Bills", ("clio", "bills"), (ledger, "invoices"))
        self.record("clockify", "users", "u1", label="Margaret Ashby")
        self.record("clio", "matters", "7", label="Lease", **MATTER)

    @staticmethod
    def _connection(service: str) -> int:
        row = Connection(key=service, service=service, name=f"Our {service}", status="connected", status_since=NOON,
                         created_at=NOON)  # fmt: skip
        db.session.add(row)
        db.session.flush()
        return row.id

    def _mapping(self, name, left, right) -> int:
        row = DataMapping(
            name=name, left_connection_id=self.connections[left[0]], left_resource=left[1],
            right_connection_id=self.connections[right[0]], right_resource=right[1], state="active",
            created_at=NOON, updated_at=NOON,
        )  # fmt: skip
        db.session.add(row)
        db.session.flush()
        return row.id

    def record(self, service, resource, external_id, *, label="", owner=None, starts=None, **data) -> int:
        row = Record(
            connection_id=self.connections[service], resource=resource, external_id=external_id, label=label,
            owner_id=owner, starts_at=starts, updated_at=NOON, first_seen_at=NOON, written_at=NOON,
            content_hash=blake2b(external_id.encode(), digest_size=16).digest(), data={"id": external_id, **data},
        )  # fmt: skip
        db.session.add(row)
        db.session.commit()
        return row.id

    def link(self, mapping, left, right, state="linked", reason="") -> None:
        db.session.add(RecordLink(mapping_id=mapping, left_record_id=left, right_record_id=right, state=state,
                                  reason=reason, created_at=NOON, updated_at=NOON))  # fmt: skip
        db.session.commit()

    def entry(self, name: str, description: str, minutes: int = 90, days: int = 0) -> int:
        begin = NOON - timedelta(days=days)
        said = {"start": begin.isoformat(), "end": (begin + timedelta(minutes=minutes)).isoformat()}
        return self.record("clockify", "time_entries", name, label=description, owner="u1", starts=begin,
                           description=description, timeInterval=said)  # fmt: skip

    def activity(self, name: str, entry: int | None, reference: str, **more) -> int:
        said = {"quantity": 5400, "price": 299.99, "total": 449.99, "matter": MATTER, "on_bill": True, **more}
        number = self.record("clio", "activities", name, label="Drafting", owner=reference, reference=reference, **said)
        if entry:
            self.link(self.time, entry, number)
        return number

    def bill(self, number: str, *activities: str, total: float = 449.99) -> int:
        for activity in activities:
            self.record(
                "clio", "line_items", f"{number}-{activity}", label="Drafting", owner=activity,
                activity={"id": int(activity)}, bill={"id": int(number), "number": f"B-{number}"},
                description="Drafting", quantity=1.5, price=299.99, total=449.99, sub_total=449.99,
            )  # fmt: skip
        return self.record("clio", "bills", number, label=f"B-{number}", state="awaiting_payment", total=total)

    def invoice(self, number: str, bill: int) -> None:
        line = {"Description": "Drafting", "Quantity": 1.0, "UnitAmount": 449.99, "LineAmount": 449.99}
        made = self.record("xero", "invoices", f"guid-{bill}", label=number, InvoiceID=number, Status="DRAFT",
                           LineItems=[line])  # fmt: skip
        self.link(self.invoices, bill, made)


@pytest.fixture
def books(app):
    """One hour that went all the way, one on two bills, one twice in Clio, and one that nobody billed."""
    with app.app_context():
        books = Books()
        books.fine = books.entry("e1", "Drafting the lease")
        books.activity("11", books.fine, "e1")
        books.invoice("INV-1", books.bill("501", "11"))
        books.twice_billed = books.entry("e2", "Call with the landlord", days=1)
        books.activity("12", books.twice_billed, "e2")
        books.invoice("INV-2", books.bill("502", "12"))
        books.invoice("INV-3", books.bill("503", "12"))
        books.double = books.entry("e3", "<script>Court</script>", days=2)
        books.activity("13", books.double, "e3", on_bill=False)
        books.activity("14", None, "e3", on_bill=False)
        books.lost = books.entry("e4", "Research", days=3)
        books.link(books.time, books.lost, None, "waiting", "The description of Ada's file names no matter.")
        db.session.remove()
    return books


def test_every_entry_stands_there_with_what_became_of_it(enter, books):
    page = enter("staff").open("/hours")

    assert page.headings[0] == "Hours"
    assert page.row(1).startswith("Drafting the lease")
    assert "Margaret Ashby 1 h 30 min 1 B-501 INV-1" in page.row(1)
    assert page.row(1).endswith("Fine")
    assert "Doubled One activity is on 2 bills." in page.row(2)
    assert "Doubled 2 activities in Clio are for this one entry." in page.row(3)
    assert "Missing It is on no bill yet." in page.row(3)
    assert "Missing No activity in Clio was made of it." in page.row(4)
    assert "<script>Court" not in page.html  # X9
    assert page.links["Drafting the lease"] == f"/hours/{books.fine}"


def test_time_that_has_just_ended_is_not_missing_yet(app, enter, books):
    with app.app_context():
        entry = db.session.get_one(Record, books.entry("e9", "Filing"))
        now = clock.now()
        said = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
        entry.data, entry.starts_at = {**entry.data, "timeInterval": said}, now
        number = entry.id
        db.session.commit()
    staff = enter("staff")

    assert staff.open("/hours").row(1).endswith("told once its mapping has run")
    assert "It has only just ended" in staff.open(f"/hours/{number}").text


@pytest.mark.postgresql_at_length
def test_the_list_is_narrowed_by_its_address(enter, books):
    staff = enter("staff")

    assert len(staff.open("/hours?fault=any").rows) == len(staff.open("/hours").rows) - 1
    assert "Call with the landlord" in staff.open("/hours?fault=doubled").text
    assert "Research" not in staff.open("/hours?fault=doubled").text
    assert "Research" not in staff.open("/hours?matter=00007-Lease").text
    assert "No time entry is like that." in staff.open("/hours?matter=nobody").text
    assert "Drafting the lease" in staff.open("/hours?person=u1").text
    assert staff.open("/hours?person=u1").one("p", class_="matches").text.endswith("match")
    assert staff.open("/hours?person=nobody").status == 422
    assert staff.open("/hours?fault=odd").status == 422
    assert staff.open("/hours").all("select", name="person")
    assert not enter("support").open("/hours").all("select", name="person")  # a list of ids
    assert staff.open("/hours?older=nonsense").status == 200


def test_one_entry_shows_time_money_and_rounding_at_each_step(enter, books):
    staff = enter("staff")
    page = staff.open(f"/hours/{books.fine}")

    assert page.headings[0] == "Drafting the lease"
    assert "Nothing on its way is doubled or missing." in page.text
    assert page.row(1).startswith("Clockify Time entry Drafting the lease 1 h 30 min 5,400 s")
    assert "449.99 rounded by +0.0050" in page.row(2)  # an hour and a half at 299.99 is 449.985
    assert "B-501" in page.row(3)
    assert "Xero Line of an invoice INV-1" in page.row(4)
    assert "Carried as one piece at its amount." in page.row(4)
    leads = [[link.attrs["href"] for link in row.all("a")] for row in page.all("tr") if row.all("td")]
    assert [len(one) for one in leads] == [1, 1, 1, 1]
    assert leads[0] == [f"/records/{books.fine}"]
    assert {staff.open(href).status for (href,) in leads} == {200}


def test_an_hour_leads_to_its_project_and_says_whose_that_is(app, enter, books):
    """Where no matter is linked with the project, somebody has to look there."""
    project = _for_a_client(app, books)
    page = enter("staff").open(f"/hours/{books.lost}")
    assert page.links["00007-Lease"] == f"/records/{project}"
    assert "of Müller GmbH" in page.text
    assert "Müller" not in enter("support").open(f"/hours/{books.lost}").text


def test_the_hours_of_a_client_are_found_by_a_part_of_its_name(app, enter, books):
    """Somebody calls: Müller's hours are missing in Clio."""
    _for_a_client(app, books)
    staff, support = enter("staff"), enter("support")

    (row,) = staff.open("/hours?client=mÜller").rows

    assert row.startswith("Research")
    assert "Müller GmbH: 00007-Lease" in row
    assert "No time entry is like that." in staff.open("/hours?client=Schmidt").text
    assert "No time entry is like that." in staff.open("/hours?client=Müller&matter=00007-Lease").text
    assert support.open("/hours?client=Müller").status == 422
    assert "Müller" not in support.open("/hours").text


def _for_a_client(app, books) -> int:
    """What was lost was written for a project of Müller's; the project's number."""
    with app.app_context():
        books.record("clockify", "clients", "c1", label="Müller GmbH")
        facts = {"label": "00007-Lease", "clientId": "c1", "clientName": "Müller GmbH"}
        project = books.record("clockify", "projects", "p1", **facts)
        entry = db.session.get_one(Record, books.lost)
        entry.data = {**entry.data, "projectId": "p1"}
        db.session.commit()
        return project


def test_a_line_of_quickbooks_stands_there_as_one_of_xero_does(app, enter):
    with app.app_context():
        books = Books("quickbooks")
        entry = books.entry("e1", "Drafting the lease")
        books.activity("11", entry, "e1")
        bill = books.bill("501", "11")
        detail = {"ItemRef": {"value": "3", "name": "Services"}, "Qty": 1, "UnitPrice": 449.99}
        line = {"Description": "Drafting", "Amount": 449.99, "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": detail}  # fmt: skip
        facts = {"DocNumber": "B-501", "Line": [line], "TotalAmt": 449.99, "Balance": 449.99}
        books.link(books.invoices, bill, books.record("quickbooks", "invoices", "9", label="B-501", **facts))
    page = enter("staff").open(f"/hours/{entry}")

    assert "Nothing on its way is doubled or missing." in page.text
    assert page.row(4).startswith("QuickBooks Line of an invoice B-501")
    assert "Carried as one piece at its amount. open" in page.row(4)


def test_what_is_wrong_is_said_in_words(enter, books):
    staff = enter("staff")

    assert "Doubled: One activity is on 2 bills." in staff.open(f"/hours/{books.twice_billed}").text
    assert "Missing: No activity in Clio was made of it. The description of Ada's file names no matter." in (
        staff.open(f"/hours/{books.lost}").text
    )
    assert staff.open("/hours/999999").status == 404


def test_the_list_says_when_nothing_carries_time(app, enter, books):
    staff, said = enter("staff"), "No mapping that is switched on carries time from Clockify to Clio"
    assert said not in staff.open("/hours").text
    with app.app_context():
        db.session.get_one(DataMapping, books.time).state = "paused"
        db.session.commit()
    assert said in staff.open("/hours").text


def test_an_entry_that_says_nothing_is_named_by_its_moment_in_words(app, enter, books):
    with app.app_context():
        number = books.record("clockify", "time_entries", "e9", label="2026-11-20T09:30:00Z", owner="u1", starts=NOON)
    staff, name = enter("staff"), "No description, 20 Nov 2026, 09:30:00 UTC"
    for path in (f"/hours/{number}", f"/records/{number}"):
        assert staff.open(path).headings[0] == name
    assert name in staff.open("/hours").links


def test_support_sees_that_something_is_wrong_and_nothing_of_the_records(enter, books):
    support = enter("support")
    listed, shown = support.open("/hours"), support.open(f"/hours/{books.lost}")
    whole = support.open(f"/hours/{books.fine}")

    for page in (listed, shown, whole):
        for word in ("Drafting", "Margaret", "Ada", "449", "299", "1 h 30", "B-501", "INV-1"):
            assert word not in page.text, word
    assert "One activity is on 2 bills." in listed.text
    assert "No activity in Clio was made of it." in shown.text
    assert support.open("/hours?matter=00007-Lease").status == 422


def test_nobody_who_is_not_signed_in_sees_hours(browser, books):
    assert browser().client.get("/hours").status_code == 303
