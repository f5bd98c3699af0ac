"""The way of an hour, over accounts read from the sandbox and carried between them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from integration_console.errors import NotFound
from integration_console.models import DataMapping, Record, db
from integration_console.operations.mapping import flows
from integration_console.operations.matters import hours
from integration_console.operations.matters.hour_ways import Way
from integration_console.operations.people import users
from integration_console.sync.flows import TIME, XERO_CONTACTS, XERO_INVOICES

from .conftest import connect, sync
from .mapped import keep_only, push
from .test_xero_flows import BO, switched_on

READ = {
    "clio": ["contacts", "matters", "activities", "users", "bills", "line_items", "custom_fields"],
    "clockify": ["users", "time_entries"],
    "xero": ["contacts", "invoices"],
}
WORKED = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:20:30Z", "duration": "PT1H20M30S"}
SECONDS = 4830


class Firm:
    """Three small accounts, and what people do in them."""

    def __init__(self, sandbox) -> None:
        self.sandbox = sandbox
        keep_only(sandbox.clockify, "time_entries", 1)
        keep_only(sandbox.clio, "contacts", 4)
        keep_only(sandbox.clio, "matters", 3)
        for resource in ("activities", "bills", "line_items"):
            keep_only(sandbox.clio, resource, 1)
        keep_only(sandbox.xero, "invoices", 0)
        keep_only(sandbox.xero, "contacts", 3)
        sandbox.clio.put("contacts", {"id": 3, "is_client": True})
        self.matter = sandbox.clio.put("matters", {"client": {"id": 3}, "description": "Lease dispute"})
        users.add(BO, "admin", "correct horse battery", "Bo", actor="test")
        self.work(description="the first of all")  # the others are made after its pattern
        sandbox.clockify.shelves["time_entries"].delete(next(iter(sandbox.clockify.shelves["time_entries"].numbers())))
        self.connections = {key: connect(sandbox, key) for key in READ}
        self.read()
        flows.ensure()

    def read(self) -> None:
        for key, number in self.connections.items():
            sync(number, kind="full", only=READ[key])

    def work(self, **more) -> str:
        """Somebody writes down time; its id at Clockify."""
        said = {"description": f"Drafting #{self.matter['display_number']}", "billable": True, "timeInterval": WORKED}
        return self.sandbox.clockify.put("time_entries", {**said, **more})["id"]

    def carried(self) -> Way:
        """Time written, read and carried to Clio; its way."""
        entry = self.work()
        self.read()
        push(switched_on(TIME), release_brake=True)
        way = self.way(entry)
        self.entry = entry
        return way

    def now(self) -> Way:
        """The way of the entry that was carried, as it is by now."""
        return self.way(self.entry)

    def way(self, entry: str) -> Way:
        record = db.session.query(Record).filter_by(resource="time_entries", external_id=entry).one()
        return hours.way_of(record.id)

    def activity(self, way: Way, **more) -> int:
        """The activity of an entry, changed."""
        number = int(way.activities[0].external_id)
        self.sandbox.clio.put("activities", {"id": number, **more})
        return number

    def bill(self, activity: int, number: int = 501, *, line: int = 0, **more) -> None:
        """Put an activity on a bill."""
        held = self.sandbox.clio.record("activities", activity)
        self.sandbox.clio.put("bills", {
            "id": number, "number": f"B-{number:05d}", "state": "awaiting_payment", "kind": "revenue_kind",
            "client": {"id": 3}, "total": held["total"], "issued_at": "2026-11-25", "due_at": "2026-12-25",
            "subject": None, "currency": {"id": 1}, "matters": [{"id": self.matter["id"]}], **more,
        })  # fmt: skip
        self.sandbox.clio.put("line_items", {
            "id": line or number, "description": held["note"], "note": held["note"], "quantity": 1.34, "price": 300.0,
            "sub_total": held["total"], "total": held["total"], "activity": {"id": activity}, "bill": {"id": number},
            "matter": {"id": self.matter["id"]}, "type": "ActivityLineItem", "kind": "Service", "date": "2026-11-20",
        })  # fmt: skip


@pytest.fixture
def firm(session, sandbox):
    return Firm(sandbox)


def told(way: Way) -> list[tuple[str, str]]:
    return [(fault.kind, fault.text) for fault in way.faults]


@pytest.mark.postgresql_at_length
def test_an_hour_goes_all_the_way_with_every_rounding_shown(firm):
    way = firm.carried()
    assert told(way) == [("missing", "It is on no bill yet.")]
    number = firm.activity(way, price=300.0, on_bill=True)
    firm.bill(number)
    firm.read()
    assert told(firm.now()) == [("missing", "Its bill has no invoice in QuickBooks or Xero.")]
    push(switched_on(XERO_CONTACTS), release_brake=True)
    push(switched_on(XERO_INVOICES, approved_by=BO), release_brake=True)

    way = firm.now()

    assert told(way) == []
    entry, activity, line, invoice = way.steps
    assert (entry.where, entry.seconds) == ("Clockify", SECONDS)
    assert (activity.seconds, activity.seconds_off) == (SECONDS, 0)
    assert (activity.amount, activity.amount_off) == (Decimal("402.0"), Decimal("-0.5000"))  # 1.34 hours, not 1.3417
    assert (line.seconds, line.seconds_off, line.known_as) == (4824, -6, "B-00501")
    assert line.amount_off == Decimal("0.00")
    assert (invoice.where, invoice.seconds, invoice.amount) == ("Xero", 4824, Decimal("402.00"))
    assert (invoice.seconds_off, invoice.amount_off) == (0, Decimal("0.00"))
    assert invoice.record.resource == "invoices"
    assert way.matters == {str(firm.matter["id"])}


@pytest.mark.postgresql_at_length
def test_time_that_nobody_made_an_activity_of_is_missing_and_a_running_timer_is_not(firm):
    entry = firm.work(description="No matter named")
    running = firm.work(timeInterval={**WORKED, "end": None, "duration": None})
    firm.read()
    push(switched_on(TIME), release_brake=True)

    assert told(firm.way(entry)) == [("missing", "No activity in Clio was made of it.")]
    assert any("matter" in reason for reason in firm.way(entry).reasons)
    assert (told(firm.way(running)), firm.way(running).steps[0].note) == ([], "The timer runs.")


def test_time_that_has_just_ended_is_missing_once_a_run_could_have_carried_it(firm, clock):
    firm.carried()
    clock.advance(minutes=5)
    just = {"start": (clock.now() - timedelta(hours=1)).isoformat(), "end": clock.now().isoformat()}
    entry = firm.work(description="No matter named", timeInterval=just)
    firm.read()

    def missing() -> int:
        return len(hours.listing(hours.Wanted(fault="missing")).ways)

    before = missing()
    assert (told(firm.way(entry)), firm.way(entry).under_way) == ([], True)
    clock.advance(days=2)  # no run came at all
    assert told(firm.way(entry)) == [("missing", "No activity in Clio was made of it.")]
    clock.advance(days=-2, minutes=5)
    assert told(firm.way(entry)) == []
    push(db.session.query(DataMapping).filter_by(flow=TIME).one().id, release_brake=True)
    assert (told(firm.way(entry)), missing()) == ([("missing", "No activity in Clio was made of it.")], before + 1)


@pytest.mark.postgresql_at_length
def test_two_activities_for_one_entry_are_doubled_though_only_one_is_linked(firm):
    way = firm.carried()
    first = firm.sandbox.clio.record("activities", int(way.activities[0].external_id))
    firm.sandbox.clio.put("activities", {**first, "id": 9_999, "reference": firm.entry})
    firm.read()

    way = firm.now()

    assert len(way.activities) == 2
    assert ("doubled", "2 activities in Clio are for this one entry.") in told(way)


@pytest.mark.postgresql_at_length
def test_one_activity_on_two_bills_is_doubled(firm):
    way = firm.carried()
    number = firm.activity(way, price=300.0)
    firm.bill(number, 501)
    firm.bill(number, 502)
    firm.read()

    way = firm.now()

    assert ("doubled", "One activity is on 2 bills.") in told(way)
    assert [bill.external_id for bill in way.bills] == ["501", "502"]


@pytest.mark.postgresql_at_length
def test_a_draft_bill_needs_no_invoice_and_time_that_is_not_billable_no_bill(firm):
    way = firm.carried()
    firm.bill(firm.activity(way), state="draft")
    free = firm.work(billable=False)
    firm.read()
    push(switched_on_again(), release_brake=True)

    assert told(firm.now()) == []
    assert told(firm.way(free)) == []
    assert firm.way(free).steps[1].note == "Not billable."


def switched_on_again() -> int:
    from .test_xero_flows import mapping_of

    return mapping_of(TIME).id


@pytest.mark.postgresql_at_length
def test_an_invoice_that_lost_the_line_is_marked(firm):
    way = firm.carried()
    firm.bill(firm.activity(way, price=300.0))
    firm.read()
    push(switched_on(XERO_CONTACTS), release_brake=True)
    push(switched_on(XERO_INVOICES, approved_by=BO), release_brake=True)
    (number,) = firm.sandbox.xero.shelves["invoices"].numbers()
    held = firm.sandbox.xero.shelves["invoices"].get(number)
    lines = [{**held["LineItems"][0], "UnitAmount": 1.0, "Quantity": 1.0, "LineAmount": 1.0}]
    firm.sandbox.xero.put("invoices", {"InvoiceID": held["InvoiceID"], "LineItems": lines})
    firm.read()

    assert told(firm.now()) == [("missing", "No line of the invoice has the amount of the bill's line.")]


def test_the_list_is_filtered_by_person_period_matter_and_problems(firm):
    entry = firm.carried().entry
    when, who, number = entry.starts_at, entry.owner_id, entry.external_id
    firm.work(description="No matter named")
    firm.read()

    def listed(**wanted) -> list[str]:
        return [one.entry.external_id for one in hours.listing(hours.Wanted(**wanted)).ways]

    assert len(listed()) == 3
    assert listed(matter=firm.matter["display_number"]) == listed(matter=str(firm.matter["id"])) == [number]
    assert listed(matter="nobody's") == []
    assert len(listed(fault="any")) == 3
    assert listed(fault="doubled") == []
    assert len(listed(person=who)) == 3
    assert listed(person="nobody") == []
    assert (len(listed(since=when)), listed(until=when)) == (3, [])
    assert hours.people()[who]
    assert (hours.count(hours.Wanted(since=when)), hours.count(hours.Wanted(person=who))) == ((3, 0), (3, 0))
    assert hours.count(hours.Wanted(fault="any")) is None


def test_the_list_goes_on_where_a_page_ended(firm, monkeypatch):
    monkeypatch.setattr(hours, "PAGE", 3)
    monkeypatch.setattr(hours, "LOT", 4)
    for minute in range(8):
        firm.work(description=str(minute), timeInterval={**WORKED, "start": f"2026-11-2{minute % 3}T15:0{minute}:00Z"})
    firm.read()

    for fault in ("", "missing"):
        found, after = [], None
        while True:
            page = hours.listing(hours.Wanted(fault=fault), after)
            found += [way.entry for way in page.ways]
            after = page.older
            if after is None:
                break
        assert len({entry.id for entry in found}) == len(found) == 9
        assert found == sorted(found, key=lambda entry: (entry.starts_at, entry.id), reverse=True)


@pytest.mark.postgresql_at_length
def test_another_record_is_no_time_entry(firm):
    contact = db.session.query(Record).filter_by(resource="contacts").first()

    with pytest.raises(NotFound):
        hours.way_of(contact.id)
