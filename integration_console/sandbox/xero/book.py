"""The books of one organisation at Xero: what stands on its shelves, and how each record is shown."""

from ..shelf import Shelf
from .documents import XeroDocuments
from .records import dressed, number_of

SHELVES = {
    "contacts": "contact",
    "invoices": "invoice",
    "bills": "bill",
    "bank_transactions": "bank_transaction",
}


class Book:
    """One organisation's books."""

    def __init__(self, firm, tenant: int) -> None:
        self.records = XeroDocuments(firm, tenant)
        self.tenant_id, self.name = self.records.tenant_id, self.records.name
        self.connection_id = f"c0ffee{tenant:02d}-5a9d-4b0c-8a9d-b0c55a9db0c5"
        self.shelves = {
            name: Shelf(self.records.counts[name], getattr(self.records, maker), changed_at=self._clock(name))
            for name, maker in SHELVES.items()
        }
        self.lock_date = ""  # what is of that day or before stays as it is
        self.currencies = {self.records.currency}
        self.accounts = [self.records.account(number) for number in range(1, self.records.counts["accounts"] + 1)]

    def _clock(self, name: str):
        return lambda number: self.records.changed_at(name, number)

    def number(self, resource: str, name) -> int:
        return number_of(self.records.tenant, resource, name)

    def blank(self, resource: str) -> dict:
        """A record with nothing of its own, to be filled in."""
        like = getattr(self.records, SHELVES[resource])(1)
        return {name: value for name, value in like.items() if name != id_name(resource)}

    def keep(self, resource: str, number: int | None, record: dict) -> int:
        """Put a record on its shelf, under its own id; the number it has there."""
        number = self.shelves[resource].put(number, record)
        self.shelves[resource].edited[number] = {**record, id_name(resource): self.records.id(resource, number)}
        return number

    def shown(self, resource: str, number: int, *, odd: bool = False) -> dict | None:
        """A record as Xero shows it: dates in ticks, its contact by name."""
        record = self.shelves[resource].get(number)
        if record is None:
            return None
        if told := record.get("Contact"):
            contact = self.shelves["contacts"].get(self.number("contacts", told["ContactID"]))
            record = {**record, "Contact": {**told, "Name": contact["Name"] if contact else "?"}}
        offset = "+0000" if self.records.tenant == 1 else "+1300"
        shown = dressed(record, self.shelves[resource].changed_at(number), number, offset, odd=odd)
        marks = {"contacts": {"HasValidationErrors": False}, "invoices": {"HasErrors": False}}
        return {**shown, **marks.get(resource, {})}


def id_name(resource: str) -> str:
    return {"contacts": "ContactID", "bank_transactions": "BankTransactionID"}.get(resource, "InvoiceID")
