"""What Xero holds of money: invoices, bills and bank transactions, with their lines and what these add up to."""

from datetime import UTC, datetime, timedelta

from .chart import BANK_FEES, COSTS, FEES, SUPPLIERS, TAX_RATES
from .records import XeroRecords


class XeroDocuments(XeroRecords):
    """The documents of one organisation's books."""

    def invoice(self, number: int) -> dict:
        firm = self.firm
        people = self.counts["contacts"] - len(SUPPLIERS)
        status = firm.pick(("PAID", "AUTHORISED", "PAID", "AUTHORISED", "DRAFT", "VOIDED", "SUBMITTED"), "xs", number)
        lines = []
        for place in range(1 + firm.dice("xl", number) % 4):
            hours = (1 + firm.dice(f"xh{place}", number) % 60) / 10
            rate = (150, 225, 300, 412.5)[firm.dice(f"xr{place}", number) % 4]
            lines.append(self.line(number * 10 + place, firm.pick(FEES, f"xw{place}", number), hours, rate, "200"))
        return self._document(
            "invoices", number, "ACCREC", 1 + firm.dice("xc", number) % people, lines, status,
            InvoiceNumber=f"INV-{number:04d}", Reference=firm.matter_label(1 + number % 300)[:60],
        )  # fmt: skip

    def bill(self, number: int) -> dict:
        firm = self.firm
        words, code = firm.pick(COSTS, "xb", number)
        status = firm.pick(("PAID", "AUTHORISED", "PAID", "DRAFT"), "xbs", number)
        contact = self.counts["contacts"] - firm.dice("xbc", number) % len(SUPPLIERS)
        amount = (500 + firm.dice("xba", number) % 90_000) / 100
        lines = [self.line(5_000_000 + number, words, 1, amount, code, tax="INPUT" if number % 3 else "NONE")]
        # Suppliers number their own bills; two may share a number, and some have none.
        numbered = f"R{firm.dice('xbn', number) % 400:03d}" if number % 9 else ""
        return self._document("bills", number, "ACCPAY", contact, lines, status, InvoiceNumber=numbered, Reference="")

    def bank_transaction(self, number: int) -> dict:
        firm = self.firm
        spends = number % 5 != 0
        contact = self.counts["contacts"] - firm.dice("xtc", number) % len(SUPPLIERS)
        amount = (100 + firm.dice("xta", number) % 30_000) / 100
        line = self.line(7_000_000 + number, firm.pick(BANK_FEES, "xtw", number), 1, amount, "404" if spends else "260",
                         tax="NONE")  # fmt: skip
        bank = 1 if number % 11 else 2  # some of it is clients' money
        record = self._document("bank_transactions", number, "SPEND" if spends else "RECEIVE", contact, [line],
                                "DELETED" if number % 37 == 0 else "AUTHORISED", Reference="")  # fmt: skip
        kept = ("DueDate", "AmountDue", "AmountPaid", "AmountCredited", "SentToContact", "FullyPaidOnDate")
        account = self.account(bank)
        return {
            **{name: value for name, value in record.items() if name not in kept},
            "BankAccount": {name: account[name] for name in ("AccountID", "Code", "Name")},
            "IsReconciled": number % 4 != 0,
        }

    def line(self, number: int, words: str, quantity: float, price: float, code: str, tax: str = "NONE") -> dict:
        amount = cents(quantity * price)
        rate = next(rate for kind, _, rate in TAX_RATES if kind == tax)
        return {
            "LineItemID": self.id("lines", number),
            "Description": words,
            "Quantity": quantity,
            "UnitAmount": price,
            "AccountCode": code,
            "TaxType": tax,
            "TaxAmount": cents(amount * rate / 100),
            "LineAmount": amount,
            "Tracking": [],
        }

    def _document(self, resource, number, kind, contact, lines, status, **more) -> dict:
        day = datetime.fromtimestamp(self.firm.made_at(number, self.counts[resource]), UTC).date()
        name = {"bank_transactions": "BankTransactionID"}.get(resource, "InvoiceID")
        document = {
            name: self.id(resource, number),
            "Type": kind,
            "Status": status,
            "Contact": {"ContactID": self.id("contacts", contact)},  # its name is put in when it is shown
            "Date": day.isoformat(),
            "DueDate": (day + timedelta(days=30)).isoformat(),
            "LineAmountTypes": "Exclusive",
            "LineItems": lines,
            "CurrencyCode": self.currency,
            "CurrencyRate": 1.0,
            "HasAttachments": False,
            "SentToContact": status == "PAID",
            **more,
        }
        return added_up(document)


def added_up(document: dict) -> dict:
    """A document with the totals of its lines."""
    lines = document["LineItems"]
    before = cents(sum(line["LineAmount"] for line in lines))
    tax = cents(sum(line["TaxAmount"] for line in lines))
    inclusive = document["LineAmountTypes"] == "Inclusive"
    total = before if inclusive else cents(before + tax)
    credited = document.get("AmountCredited") or 0.0
    paid = document.get("AmountPaid") or (cents(total - credited) if document["Status"] == "PAID" else 0.0)
    is_over = document["Status"] in ("VOIDED", "DELETED")  # nobody is to pay it, and its total stays
    return {
        **document,
        "SubTotal": cents(before - tax) if inclusive else before,
        "TotalTax": tax,
        "Total": total,
        "AmountDue": 0.0 if is_over else cents(total - paid - credited),
        "AmountPaid": paid,
        "AmountCredited": credited,
        **({"FullyPaidOnDate": document["DueDate"]} if document["Status"] == "PAID" else {}),
    }


def cents(amount: float) -> float:
    return round(amount + 1e-9, 2)
