"""The company QuickBooks keeps the books of: the firm's clients as its bookkeeper wrote them, vendors, and money."""

from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from ..firm import Firm

COUNTS = {  # resource: (in a small firm, in a large one)
    "customers": (160, 20_000),
    "vendors": (40, 2_000),
    "items": (7, 7),
    "accounts": (11, 11),
    "invoices": (150, 30_000),
    "purchases": (120, 25_000),
    "bills": (60, 8_000),
}
ACCOUNTS = (  # name, type, subtype, classification
    ("Operating Checking", "Bank", "Checking", "Asset"),
    ("Client Trust (IOLTA)", "Bank", "TrustAccounts", "Asset"),
    ("Firm Credit Card", "Credit Card", "CreditCard", "Liability"),
    ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable", "Asset"),
    ("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable", "Liability"),
    ("Client Trust Liability", "Other Current Liability", "TrustAccountsLiabilities", "Liability"),
    ("Legal Fee Income", "Income", "ServiceFeeIncome", "Revenue"),
    ("Reimbursed Client Costs", "Income", "OtherPrimaryIncome", "Revenue"),
    ("Office Supplies", "Expense", "OfficeGeneralAdministrativeExpenses", "Expense"),
    ("Rent", "Expense", "RentOrLeaseOfBuildings", "Expense"),
    ("Court Costs", "Expense", "LegalProfessionalFees", "Expense"),
)
BANK, CARD, PAYABLE, TRUST, FEES, COSTS = 1, 3, 5, 6, 7, 8
ITEMS = (  # name, price, income account
    ("Services", 0, FEES),
    ("Hours", 300, FEES),
    ("Filing fees", 0, COSTS),
    ("Copies", 0.25, COSTS),
    ("Retainer deposit", 0, TRUST),
    ("Courier", 0, COSTS),
    ("Fax pages", 1, COSTS),  # nobody uses it any more
)
VENDORS = ("Stationery", "Couriers", "Court Reporting", "Title Search", "Cleaning", "Expert Witnesses", "Bindery")
SPENT_ON = (("Printer paper", 9), ("Rent", 10), ("Filing fee, superior court", 11), ("Toner", 9), ("Transcripts", 11))
WORK = ("Review of documents", "Telephone call with client", "Drafting of complaint", "Court appearance", "Research ✓")


class QuickBooksRecords:
    """Makes each record from its number; what every entity has (Id, SyncToken, MetaData) is added when it is shown."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.counts = {resource: firm.count(*sizes) for resource, sizes in COUNTS.items()}

    # Names

    def customer(self, number: int) -> dict:
        party = self.firm.party(self._party(number))
        person = {} if party.is_company else {"GivenName": clean(party.first), "FamilyName": clean(party.last)}
        return filled(
            {
                "DisplayName": self.customer_names[number],
                "FullyQualifiedName": self.customer_names[number],
                "PrintOnCheckName": self.customer_names[number],
                "CompanyName": clean(party.company),
                **person,
                "PrimaryEmailAddr": {"Address": party.email} if party.email and number % 11 else None,
                "PrimaryPhone": {"FreeFormNumber": party.phone[:30]} if party.phone else None,
                "BillAddr": {"Id": str(500 + number), **self._address(party)} if number % 6 else None,
                "Balance": 0,
                "BalanceWithJobs": 0,
                "Active": number % 17 != 0,
                "Taxable": False,
                "Job": False,
                "BillWithParent": False,
                "CurrencyRef": USD,
                "PreferredDeliveryMethod": "Email" if number % 3 else "Print",
                "Notes": "Moved away; sends no work any more." if number % 17 == 0 else None,
            }
        )

    def _party(self, number: int) -> int:
        return number * 3 - 2  # whom Clio knows by the same number

    @cached_property
    def customer_names(self) -> dict[int, str]:
        """Display names, each of its own: the bookkeeper wrote some the other way round, or with a word behind."""
        names, taken = {}, set()
        for number in range(1, self.counts["customers"] + 1):
            party = self.firm.party(self._party(number))
            name = clean(party.name) or f"Customer {number}"
            if not party.is_company and number % 5 == 0:
                name = clean(f"{party.last}, {party.first}") or name
            elif number % 7 == 3:
                name = f"{name} (billing)"
            name = name if name.casefold() not in taken else f"{name} {number}"
            taken.add(name.casefold())
            names[number] = name
        return names

    @staticmethod
    def _address(party) -> dict:
        return {
            "Line1": party.street,
            "City": party.city,
            "CountrySubDivisionCode": party.state,
            "PostalCode": party.postal_code,
        }

    def vendor(self, number: int) -> dict:
        trade = VENDORS[(number - 1) % len(VENDORS)]
        name = f"{self.firm.pick(('Ridge', 'Harbor', 'Union', 'Bay', 'Summit'), 'vendor', number)} {trade} {number}"
        return filled(
            {
                "DisplayName": name,
                "CompanyName": name,
                "PrintOnCheckName": name,
                "PrimaryEmailAddr": {"Address": f"billing{number}@example.net"} if number % 4 else None,
                "BillAddr": {"Id": str(900 + number), "Line1": f"{number} Commerce Way", "City": "Oakland"},
                "AcctNum": f"A-{number:04d}" if number % 3 == 0 else None,
                "Vendor1099": number % 6 == 0,
                "Balance": 0,
                "Active": number % 13 != 0,
                "CurrencyRef": USD,
            }
        )

    def item(self, number: int) -> dict:
        name, price, account = ITEMS[number - 1]
        return {
            "Name": name,
            "FullyQualifiedName": name,
            "Active": number != len(ITEMS),
            "Type": "Service",
            "UnitPrice": price,
            "IncomeAccountRef": self.account_ref(account),
            "Taxable": False,
            "TrackQtyOnHand": False,
        }

    def account(self, number: int) -> dict:
        name, kind, subtype, classification = ACCOUNTS[number - 1]
        return {
            "Name": name,
            "FullyQualifiedName": name,
            "SubAccount": False,
            "Active": True,
            "Classification": classification,
            "AccountType": kind,
            "AccountSubType": subtype,
            "CurrentBalance": round(1250.5 * number, 2),
            "CurrentBalanceWithSubAccounts": round(1250.5 * number, 2),
            "CurrencyRef": USD,
        }

    def account_ref(self, number: int) -> dict:
        return {"value": str(number), "name": ACCOUNTS[number - 1][0]}

    # Money

    def invoice(self, number: int) -> dict:
        customer = self.firm.dice("invoice", number) % self.counts["customers"] + 1
        day = self.day_of("invoices", number)
        lines = [self._sold(number, place) for place in range(1, number % 3 + 2)]
        total = round(sum(line["Amount"] for line in lines), 2)
        voided = number % 29 == 0
        if voided:
            total = 0
            for line in lines:
                line["Amount"] = 0
                line["SalesItemLineDetail"].update(Qty=0)
        paid = 0 if number % 3 == 0 else round(total / 2, 2) if number % 10 == 4 else total
        return filled(
            {
                "DocNumber": str(1000 + number),
                "TxnDate": day.isoformat(),
                "DueDate": (day + timedelta(days=30)).isoformat(),
                "CustomerRef": {"value": str(customer), "name": self.customer_names[customer]},
                "CurrencyRef": USD,
                "Line": [*lines, subtotal(total)],
                "TxnTaxDetail": {"TotalTax": 0},
                "TotalAmt": total,
                "Balance": round(total - paid, 2),
                "LinkedTxn": [{"TxnId": str(90_000 + number), "TxnType": "Payment"}] if paid else [],
                "PrivateNote": "Voided" if voided else None,
                "EmailStatus": "NotSet" if number % 4 else "EmailSent",
                "PrintStatus": "NeedToPrint",
            }
        )

    def _sold(self, number: int, place: int) -> dict:
        quantity = self.firm.dice(f"hours {place}", number) % 40 / 10 + 0.1
        item = 2 if place < 3 else 3
        price = 300 if item == 2 else 435
        quantity = round(quantity, 1) if item == 2 else 1
        return {
            "Id": str(place),
            "LineNum": place,
            "Description": self.firm.pick(WORK, "sold", number + place) if item == 2 else "Filing fee, superior court",
            "Amount": round(quantity * price, 2),
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": str(item), "name": ITEMS[item - 1][0]},
                "UnitPrice": price,
                "Qty": quantity,
                "TaxCodeRef": {"value": "NON"},
            },
        }

    def purchase(self, number: int) -> dict:
        line, card = self._spent("purchase", number), number % 3 == 0
        vendor = self.firm.dice("purchase", number) % self.counts["vendors"] + 1
        return filled(
            {
                "PaymentType": "CreditCard" if card else ("Check" if number % 2 else "Cash"),
                "AccountRef": self.account_ref(CARD if card else BANK),
                "EntityRef": {**self._vendor_ref(vendor), "type": "Vendor"} if number % 8 else None,
                "Credit": card and number % 27 == 0,
                "TxnDate": self.day_of("purchases", number).isoformat(),
                "DocNumber": str(2000 + number) if number % 4 else None,
                "CurrencyRef": USD,
                "Line": [line],
                "TotalAmt": line["Amount"],
            }
        )

    def bill(self, number: int) -> dict:
        line, day = self._spent("bill", number), self.day_of("bills", number)
        vendor = self.firm.dice("bill", number) % self.counts["vendors"] + 1
        return {
            "VendorRef": self._vendor_ref(vendor),
            "APAccountRef": self.account_ref(PAYABLE),
            "TxnDate": day.isoformat(),
            "DueDate": (day + timedelta(days=15)).isoformat(),
            "DocNumber": f"INV-{number:05d}",
            "CurrencyRef": USD,
            "Line": [line],
            "TotalAmt": line["Amount"],
            "Balance": 0 if number % 2 else line["Amount"],
        }

    def _vendor_ref(self, vendor: int) -> dict:
        return {"value": str(vendor), "name": self.vendor(vendor)["DisplayName"]}

    def _spent(self, what: str, number: int) -> dict:
        words, account = self.firm.pick(SPENT_ON, what, number)
        return {
            "Id": "1",
            "LineNum": 1,
            "Description": words,
            "Amount": round(self.firm.dice(f"{what} amount", number) % 90_000 / 100 + 4, 2),
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {
                "AccountRef": self.account_ref(account),
                "BillableStatus": "NotBillable",
                "TaxCodeRef": {"value": "NON"},
            },
        }

    def day_of(self, resource: str, number: int) -> date:
        return datetime.fromtimestamp(self.firm.made_at(number, self.counts[resource]), UTC).date()


USD = {"value": "USD", "name": "United States Dollar"}


def subtotal(total: float) -> dict:
    return {"Amount": total, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}}


def filled(record: dict) -> dict:
    """A record as QuickBooks shows it: what has no value is not there."""
    return {name: value for name, value in record.items() if value is not None}


def clean(text: str | None) -> str | None:
    """A name as it fits: no colon, and not for ever."""
    return " ".join(text.replace(":", " ").split())[:100] if text else None
