"""What Xero holds: the firm's books in one organisation, each record made from its number.

Days and times are kept plain here and dressed as Xero writes them when they are shown (see `dressed`).
"""

from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from ..firm import Firm
from .chart import BANK_FEES, CHART, COSTS, FEES, SUPPLIERS, TAX_RATES

PLACES = {"contacts": 0xC0, "invoices": 0x14, "bills": 0xB1, "bank_transactions": 0xBA, "accounts": 0xAC, "lines": 0x11}
COUNTS = {
    "contacts": (240, 20_000),
    "invoices": (260, 40_000),
    "bills": (90, 12_000),
    "bank_transactions": (130, 30_000),
}
COUNTS_OF_THE_SECOND = {"contacts": 30, "invoices": 25, "bills": 12, "bank_transactions": 18}


def id_of(tenant: int, resource: str, number: int) -> str:
    return f"{PLACES[resource]:08x}-{tenant:04x}-4e57-8a00-{number:012x}"


def number_of(tenant: int, resource: str, name) -> int:
    """The number behind an id, 0 for one that was never given out."""
    if isinstance(name, int):
        return name
    front, _, back = str(name).lower().rpartition("-")
    try:
        return int(back, 16) if front == id_of(tenant, resource, 0).rpartition("-")[0] and len(back) == 12 else 0
    except ValueError:
        return 0


class XeroRecords:
    """One organisation's books. tenant: 1 is the firm itself, 2 its small second organisation."""

    def __init__(self, firm: Firm, tenant: int) -> None:
        self.firm, self.tenant = firm, tenant
        self.tenant_id = f"7e1a{tenant:04x}-5a9d-4b0c-8a9d-b0c55a9db0c5"
        self.name = firm.name if tenant == 1 else "Ashby & Okoye Mediation Ltd"
        self.currency = "USD" if tenant == 1 else "NZD"
        self.counts = {name: firm.count(*sizes) for name, sizes in COUNTS.items()}
        if tenant != 1:
            self.counts = dict(COUNTS_OF_THE_SECOND)
        self.counts["accounts"] = len(CHART)

    def id(self, resource: str, number: int) -> str:
        return id_of(self.tenant, resource, number)

    def changed_at(self, resource: str, number: int) -> float:
        return self.firm.changed_at(f"xero {self.tenant} {resource}", number, self.counts[resource])

    @cached_property
    def organisation(self) -> dict:
        return {
            "OrganisationID": self.tenant_id,
            "Name": self.name,
            "LegalName": self.name,
            "PaysTax": True,
            "Version": "US" if self.tenant == 1 else "NZ",
            "OrganisationType": "COMPANY",
            "BaseCurrency": self.currency,
            "CountryCode": "US" if self.tenant == 1 else "NZ",
            "IsDemoCompany": False,
            "OrganisationStatus": "ACTIVE",
            "FinancialYearEndDay": 31,
            "FinancialYearEndMonth": 12,
            "Timezone": "PACIFICSTANDARDTIME" if self.tenant == 1 else "NEWZEALANDSTANDARDTIME",
            "ShortCode": f"!a{self.tenant}bcd",
            "Edition": "BUSINESS",
            "Class": "STANDARD",
            "CreatedDateUTC": self.firm.opened_s,
        }

    @property
    def tax_rates(self) -> list[dict]:
        return [
            {
                "Name": name,
                "TaxType": kind,
                "Status": "ACTIVE",
                "DisplayTaxRate": rate,
                "EffectiveRate": rate,
                "CanApplyToAssets": True,
                "CanApplyToExpenses": kind in ("NONE", "INPUT"),
                "CanApplyToRevenue": kind != "INPUT",
            }
            for kind, name, rate in TAX_RATES
        ]

    def account(self, number: int) -> dict:
        code, name, kind, group, tax = CHART[number - 1]
        return {
            "AccountID": self.id("accounts", number),
            "Code": code,
            "Name": name,
            "Type": kind,
            "Class": group,
            "TaxType": tax,
            "Status": "ACTIVE",
            **({"CurrencyCode": self.currency} if kind == "BANK" else {}),
            "EnablePaymentsToAccount": kind == "BANK",
            "UpdatedDateUTC": ticks(self.firm.opened_s),
        }

    # Contacts: every third of the firm's people, then who sells to it

    def contact(self, number: int) -> dict:
        supplier = number - (self.counts["contacts"] - len(SUPPLIERS))
        if supplier > 0:
            return self._supplier(number, supplier)
        party = self.firm.party(3 * number)
        first, last = (party.first or "").strip(), (party.last or "").strip()
        phone = (party.phone or "").strip()
        return {
            **self._blank_contact(number),
            # A name may stand only once among Xero's contacts.
            "Name": f"{party.name.strip()[:230]}{f' ({3 * number})' if self._is_taken(number) else ''}",
            "FirstName": first[:250],
            "LastName": last[:250],
            "EmailAddress": party.email or "",
            "ContactStatus": "ARCHIVED" if number % 29 == 0 else "ACTIVE",
            "IsCustomer": True,
            "Phones": phones(phone if phone[:1] in "+(0123456789" else ""),
            "Addresses": addresses(party.street, party.city, party.state, party.postal_code),
        }

    def _is_taken(self, number: int) -> bool:
        return number in self._doubles

    @cached_property
    def _doubles(self) -> set[int]:
        seen, found = set(), set()
        for number in range(1, self.counts["contacts"] + 1):
            name = self.firm.party(3 * number).name.strip()[:230].casefold()
            if name in seen:
                found.add(number)
            seen.add(name)
        return found

    def _supplier(self, number: int, place: int) -> dict:
        return {
            **self._blank_contact(number),
            "Name": SUPPLIERS[place - 1],
            "EmailAddress": f"accounts{place}@example.com",
            "IsSupplier": True,
            "Phones": phones(""),
            "Addresses": addresses("", "", "", ""),
        }

    def _blank_contact(self, number: int) -> dict:
        return {
            "ContactID": self.id("contacts", number),
            "ContactStatus": "ACTIVE",
            "Name": "",
            "FirstName": "",
            "LastName": "",
            "EmailAddress": "",
            "IsSupplier": False,
            "IsCustomer": False,
            "DefaultCurrency": self.currency,
            "ContactGroups": [],
            "ContactPersons": [],
            "HasAttachments": False,
        }

    # Documents

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
    paid = total if document["Status"] == "PAID" else 0.0
    return {
        **document,
        "SubTotal": cents(before - tax) if inclusive else before,
        "TotalTax": tax,
        "Total": total,
        "AmountDue": cents(total - paid),
        "AmountPaid": document.get("AmountPaid") or paid,
        "AmountCredited": 0.0,
        **({"FullyPaidOnDate": document["DueDate"]} if document["Status"] == "PAID" else {}),
    }


def cents(amount: float) -> float:
    return round(amount + 1e-9, 2)


def phones(number: str) -> list[dict]:
    kinds = ("DDI", "DEFAULT", "FAX", "MOBILE")
    return [
        {
            "PhoneType": kind,
            "PhoneNumber": number if kind == "DEFAULT" else "",
            "PhoneAreaCode": "",
            "PhoneCountryCode": "",
        }
        for kind in kinds
    ]


def addresses(street: str, city: str, region: str, postal_code: str) -> list[dict]:
    empty = {"City": "", "Region": "", "PostalCode": "", "Country": ""}
    filled = {"AddressLine1": street, "City": city, "Region": region, "PostalCode": postal_code, "Country": ""}
    return [{"AddressType": "STREET", **empty}, {"AddressType": "POBOX", **(filled if street else empty)}]


def ticks(at_s: float, offset: str = "+0000") -> str:
    """A time as Xero writes it."""
    return f"/Date({int(at_s * 1000)}{offset})/"


def dressed(record: dict, changed_at: float, number: int, offset: str, *, odd: bool) -> dict:
    """A record with its dates in Xero's own writing. odd: some days as ISO without a zone, as other lists have them."""
    shown = dict(record)
    for name in ("Date", "DueDate", "FullyPaidOnDate"):
        if day := record.get(name):
            if name != "FullyPaidOnDate":
                shown[f"{name}String"] = f"{day}T00:00:00"
            midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp()
            away_s = (int(offset[:3]) * 60 + int(offset[0] + offset[3:])) * 60
            shown[name] = f"{day}T00:00:00" if odd and number % 7 == 3 else ticks(midnight - away_s, offset)
    shown["UpdatedDateUTC"] = ticks(int(changed_at * 1000) / 1000, "+0000" if number % 5 else "")
    return shown
