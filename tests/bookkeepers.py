"""What a bookkeeper does with invoices, in QuickBooks and in Xero, in the same words."""

from __future__ import annotations

from decimal import Decimal

from integration_console.sandbox.quickbooks.writes import voided
from integration_console.sandbox.xero.documents import added_up
from integration_console.sync.transforms.bills import TAKEN_BACK


class QuickBooks:
    """The bookkeeper's side, in QuickBooks."""

    writes = (("/v3/company/*/invoice", "POST"),)

    def __init__(self, sandbox) -> None:
        self.upstream = sandbox.quickbooks

    def whole(self) -> list[dict]:
        """The invoices as they are."""
        numbers = self.upstream.shelves["invoices"].numbers()
        return [self.upstream.record("invoices", number) for number in numbers]

    def invoices(self) -> list[dict]:
        return [
            {"id": one["Id"], "number": one["DocNumber"], "total": Decimal(str(one["TotalAmt"])),
             "over": one.get("PrivateNote") == "Voided"}
            for one in self.whole()
        ]  # fmt: skip

    def pay(self, number: str, amount: float | None) -> None:
        self.upstream.pay(number, amount)

    def void(self, number: str) -> None:
        self.upstream.put("invoices", voided(self.upstream.record("invoices", number)))

    def delete(self, number: str) -> None:
        self.upstream.delete("invoices", number)

    def edit(self, number: str, more: float, words: str) -> None:
        there = self.upstream.record("invoices", number)
        first, *rest = there["Line"]
        amount = round(first["Amount"] + more, 2)
        detail = {**first["SalesItemLineDetail"], "Qty": 1, "UnitPrice": amount}
        if more:
            first = {**first, "Amount": amount, "SalesItemLineDetail": detail}
        totals = {name: round(there[name] + more, 2) for name in ("TotalAmt", "Balance")}
        self.upstream.put("invoices", {"Id": number, "Line": [{**first, "Description": words}, *rest], **totals})

    def close(self, until: str) -> None:
        self.upstream.closed_until = until


class Xero:
    """The bookkeeper's side, in Xero."""

    writes = (("/Invoices", "PUT"), ("/Invoices/*", "POST"))

    def __init__(self, sandbox) -> None:
        self.upstream = sandbox.xero

    def whole(self) -> list[dict]:
        """The invoices as they are."""
        shelf = self.upstream.tenants[0].shelves["invoices"]
        return [shelf.get(number) for number in shelf.numbers()]

    def invoices(self) -> list[dict]:
        return [
            {"id": one["InvoiceID"], "number": one["InvoiceNumber"], "total": Decimal(str(one["Total"])),
             "over": one["Status"].lower() in TAKEN_BACK}
            for one in self.whole()
        ]  # fmt: skip

    def _get(self, number: str) -> dict:
        return self.upstream.tenants[0].shelves["invoices"].get(self.upstream.number("invoices", number))

    def pay(self, number: str, amount: float | None) -> None:
        there = self._get(number)
        self.upstream.put("invoices", {"InvoiceID": number, "Status": "AUTHORISED"})
        if there["AmountDue"]:
            self.upstream.pay(number, there["AmountDue"] if amount is None else amount)

    def void(self, number: str) -> None:
        self.upstream.put("invoices", {"InvoiceID": number, "Status": "VOIDED"})

    delete = void

    def edit(self, number: str, more: float, words: str) -> None:
        there = self._get(number)
        first, *rest = there["LineItems"]
        amount = round(first["LineAmount"] + more, 2)
        first = {**first, "Quantity": 1.0, "UnitAmount": amount, "LineAmount": amount, "Description": words}
        self.upstream.put("invoices", added_up({**there, "LineItems": [first, *rest]}))

    def close(self, until: str) -> None:
        self.upstream.tenants[0].lock_date = until
