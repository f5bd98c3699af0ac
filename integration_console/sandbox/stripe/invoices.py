"""Stripe's invoices, from a draft with its lines to one that is paid or void."""

import time

from ..server import Answer, Request, on
from .parts import DAY_S, invoice_facts, line_item, number_of
from .wire import once, sent_in, whole_number, wrong, yes
from .writes import StripeWrites, with_metadata

INVOICE_TAKES = (
    "customer", "currency", "collection_method", "days_until_due", "due_date", "auto_advance", "description", "footer",
    "metadata", "pending_invoice_items_behavior", "number", "subscription", "discounts",
)  # fmt: skip
DESCRIPTION = 5000  # characters of a line
LONGEST = {"description": 1500, "footer": 5000}  # characters of an invoice's own
ITEM_TAKES = ("customer", "invoice", "amount", "currency", "description", "metadata", "quantity", "unit_amount_decimal")


class StripeInvoices(StripeWrites):
    @on("POST", "/v1/invoices")
    @once
    def make_invoice(self, request: Request) -> Answer:
        sent = _fitting(sent_in(request, *INVOICE_TAKES))
        customer = self.named("customers", sent, "customer")
        by_mail = sent.get("collection_method", "charge_automatically") == "send_invoice"
        if by_mail and not ("days_until_due" in sent or "due_date" in sent):
            raise wrong("send_invoice needs days_until_due or due_date", "days_until_due", "parameter_missing")
        number, now = self.next_number("invoices"), int(time.time())
        due = whole_number(sent["due_date"], "due_date") if sent.get("due_date") else None
        if "days_until_due" in sent:
            due = now + whole_number(sent["days_until_due"], "days_until_due") * DAY_S
        invoice = {
            **self.common("invoices", number),
            **invoice_facts(customer, []),
            **dict.fromkeys(("number", "parent", "hosted_invoice_url", "invoice_pdf", "_paid_by")),
            **dict.fromkeys(("total", "subtotal", "amount_due", "amount_paid", "amount_remaining"), 0),
            "status": "draft",
            "currency": sent.get("currency") or customer["currency"] or "usd",
            "collection_method": "send_invoice" if by_mail else "charge_automatically",
            "auto_advance": yes(sent.get("auto_advance")),
            "billing_reason": "manual",
            "description": sent.get("description") or None,
            "footer": sent.get("footer") or None,
            "due_date": due,
            "period_start": now,
            "period_end": now,
            "status_transitions": dict.fromkeys(("finalized_at", "paid_at", "voided_at", "marked_uncollectible_at")),
            "_percent_off": 0.0
            if sent.get("discounts") == ""
            else percent_off(customer),  # unless said, the customer's
        }
        return self.saved("invoices", number, with_metadata(invoice, sent), request)

    @on("POST", "/v1/invoiceitems")
    @once
    def make_invoice_item(self, request: Request) -> Answer:
        sent = sent_in(request, *ITEM_TAKES)
        self.named("customers", sent, "customer")
        invoice = self._draft(self.named("invoices", sent, "invoice")["id"], "invoice")
        amount, number, now = (
            whole_number(sent.get("amount"), "amount"),
            self.next_number("invoice_items"),
            int(time.time()),
        )
        if sent.get("currency") != invoice["currency"]:
            raise wrong(f"The invoice is in {invoice['currency']}", "currency")
        words = sent.get("description") or ""
        if len(words) > DESCRIPTION:
            raise wrong(f"The description is longer than {DESCRIPTION} characters", "description", "parameter_too_long")
        line = line_item(invoice["id"], f"il_1Sbx{number:012d}", amount, invoice["currency"], words, now)
        item = {
            **self.common("invoice_items", number),
            **{name: sent.get(name) for name in ("customer", "invoice", "currency", "description")},
            "amount": amount,
            "date": now,
            "quantity": 1,
            "proration": False,
        }
        lines = [*invoice["_lines"], line]
        before = sum(one["amount"] for one in lines)
        off = round(before * invoice.get("_percent_off", 0) / 100)
        sums = {**dict.fromkeys(("total", "amount_due", "amount_remaining"), before - off), "subtotal": before}
        if off:
            sums["total_discount_amounts"] = [{"amount": off, "discount": "di_sandbox"}]
        self.save("invoices", number_of("invoices", invoice["id"]), {**invoice, **sums, "_lines": lines})
        return self.saved("invoice_items", number, item, request)

    @on("POST", "/v1/invoices/{invoice}")
    @once
    def change_invoice(self, request: Request) -> Answer:
        sent = _fitting(sent_in(request, *INVOICE_TAKES))
        known = self.existing_on_wire("invoices", request.params["invoice"])
        invoice = known if set(sent) <= {"metadata"} else self._draft(known["id"], "id")
        plain = {name: sent[name] or None for name in ("description", "footer", "number") if name in sent}
        if "due_date" in sent:
            plain["due_date"] = whole_number(sent["due_date"], "due_date") if sent["due_date"] else None
        if "auto_advance" in sent:
            plain["auto_advance"] = yes(sent["auto_advance"])
        changed = with_metadata({**invoice, **plain}, sent)
        return self.saved("invoices", number_of("invoices", invoice["id"]), changed, request)

    @on("DELETE", "/v1/invoices/{invoice}")
    def delete_invoice(self, request: Request) -> Answer:
        invoice = self._draft(request.params["invoice"], "id")
        self.delete("invoices", invoice["id"])
        return Answer(200, {"id": invoice["id"], "object": "invoice", "deleted": True})

    @on("POST", "/v1/invoices/{invoice}/finalize")
    @once
    def finalize_invoice(self, request: Request) -> Answer:
        sent = sent_in(request, "auto_advance")
        invoice = self._draft(request.params["invoice"], "id")
        number, now = number_of("invoices", invoice["id"]), int(time.time())
        status = "open" if invoice["total"] > 0 else "paid"
        moved = {"finalized_at": now, "paid_at": None if status == "open" else now}
        changed = {
            **invoice,
            "status": status,
            "auto_advance": yes(sent.get("auto_advance", invoice["auto_advance"])),
            "number": invoice["number"] or f"ASHBY-{number:05d}",
            "hosted_invoice_url": f"https://invoice.stripe.example.com/i/{number}",
            "invoice_pdf": f"https://invoice.stripe.example.com/i/{number}/pdf",
            "status_transitions": {**invoice["status_transitions"], **moved},
        }
        return self.saved("invoices", number, changed, request)

    @on("POST", "/v1/invoices/{invoice}/pay")
    @once
    def pay_invoice(self, request: Request) -> Answer:
        sent_in(request, "payment_method", "paid_out_of_band")
        invoice = self._open(request.params["invoice"])
        number, paid = number_of("invoices", invoice["id"]), self.pay(invoice)
        return self.saved("invoices", number, paid, request)

    @on("POST", "/v1/invoices/{invoice}/void")
    @once
    def void_invoice(self, request: Request) -> Answer:
        invoice = self._open(request.params["invoice"])
        moved = {**invoice["status_transitions"], "voided_at": int(time.time())}
        changed = {**invoice, "status": "void", "status_transitions": moved}
        return self.saved("invoices", number_of("invoices", invoice["id"]), changed, request)

    def pay(self, invoice: dict) -> dict:
        """A payment and its charge, and the invoice as it is then."""
        number = self.next_number("payments")
        asked = {"amount": invoice["total"], "currency": invoice["currency"], "customer": invoice["customer"]}
        self.take_payment(
            number, {**asked, "description": f"Payment for Invoice {invoice['number']}"}, None, invoice["id"]
        )
        moved = {**invoice["status_transitions"], "paid_at": int(time.time())}
        paid = {"status": "paid", "amount_paid": invoice["total"], "amount_remaining": 0, "_paid_by": number}
        return {**invoice, **paid, "status_transitions": moved}

    def refund(self, charge: str, amount: int) -> str:
        """Give money of a charge back: the id of the refund."""
        with self.lock:
            number, there = self.next_number("refunds"), self.existing("charges", charge)
            self._given_back(there, there["amount_refunded"] + amount)
            facts = {"charge": charge, "amount": amount, "currency": there["currency"], "status": "succeeded"}
            return self.save("refunds", number, {**self.common("refunds", number), **facts})["id"]

    def fail_refund(self, refund: str) -> None:
        """The bank sends the money back, days later: the charge is as it was, and only the refund tells of it."""
        with self.lock:
            there = self.existing("refunds", refund)
            charge = self.existing("charges", there["charge"])
            self._given_back(charge, charge["amount_refunded"] - there["amount"])
            self.save("refunds", number_of("refunds", refund), {**there, "status": "failed"})

    def credit(self, invoice: str, amount: int) -> str:
        """Take an amount off an invoice that is still to be paid: the id of the note, whose event alone tells of it."""
        with self.lock:
            number, there = self.next_number("credit_notes"), self.existing("invoices", invoice)
            self._credited(there, amount)
            facts = {"invoice": invoice, "amount": amount, "currency": there["currency"], "status": "issued"}
            return self.save("credit_notes", number, {**self.common("credit_notes", number), **facts})["id"]

    def void_credit(self, note: str) -> None:
        """The amount is to be paid again."""
        with self.lock:
            there = self.existing("credit_notes", note)
            self._credited(self.existing("invoices", there["invoice"]), -there["amount"])
            self.save("credit_notes", number_of("credit_notes", note), {**there, "status": "void"})

    def pay_part(self, invoice: str, amount: int) -> str:
        """A part of an open invoice is paid: the id of that payment, whose event alone tells of it."""
        with self.lock:
            number, there = self.next_number("invoice_payments"), self.existing("invoices", invoice)
            left = {
                "amount_paid": there["amount_paid"] + amount,
                "amount_remaining": there["amount_remaining"] - amount,
            }
            self.shelves["invoices"].put(number_of("invoices", invoice), {**there, **left})
            facts = {"invoice": invoice, "amount_paid": amount, "currency": there["currency"], "status": "paid"}
            return self.save("invoice_payments", number, {**self.common("invoice_payments", number), **facts})["id"]

    def _credited(self, invoice: dict, amount: int) -> None:
        changed = {name: invoice[name] - amount for name in ("amount_due", "amount_remaining")}
        changed["pre_payment_credit_notes_amount"] = invoice["pre_payment_credit_notes_amount"] + amount
        self.shelves["invoices"].put(number_of("invoices", invoice["id"]), {**invoice, **changed})

    def _given_back(self, charge: dict, amount: int) -> None:
        changed = {**charge, "amount_refunded": amount, "refunded": amount == charge["amount"]}
        self.save("charges", number_of("charges", charge["id"]), changed)

    def _draft(self, name: str, param: str) -> dict:
        invoice = self.existing_on_wire("invoices", name)
        if invoice["status"] != "draft":
            raise wrong("This invoice is no draft any more", param, "invoice_not_editable")
        return invoice

    def _open(self, name: str) -> dict:
        invoice = self.existing_on_wire("invoices", name)
        if invoice["status"] not in ("open", "uncollectible"):
            raise wrong(f"The invoice is {invoice['status']}", "id", "invoice_not_open")
        return invoice


def _fitting(sent: dict) -> dict:
    for name, longest in LONGEST.items():
        if len(sent.get(name) or "") > longest:
            raise wrong(f"The {name} is longer than {longest} characters", name, "parameter_too_long")
    return sent


def percent_off(customer: dict) -> float:
    """What a customer's coupon takes off each of their invoices."""
    return float((((customer.get("discount") or {}).get("coupon")) or {}).get("percent_off") or 0)
