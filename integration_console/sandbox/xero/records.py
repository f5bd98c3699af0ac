"""What an organisation at Xero is and whom it knows, each record made from its number; what it is owed: documents.py.

Days and times are kept plain here and dressed as Xero writes them when they are shown (see `dressed`).
"""

from datetime import UTC, date, datetime
from functools import cached_property

from ..firm import Firm
from .chart import CHART, SUPPLIERS, TAX_RATES

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
