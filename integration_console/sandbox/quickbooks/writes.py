"""Writing to QuickBooks: creates, sparse and full updates with their SyncToken, deletions, voiding, repeats."""

from ..server import Answer, Request, Upstream, on
from .records import USD, filled, subtotal

C = "/v3/company/{realm}"
ENTITIES = {
    "Customer": "customers",
    "Vendor": "vendors",
    "Item": "items",
    "Account": "accounts",
    "Invoice": "invoices",
    "Purchase": "purchases",
    "Bill": "bills",
}
BY_PATH = {entity.lower(): entity for entity in ENTITIES}
DELETABLE = ("Invoice", "Purchase", "Bill")
ITS_OWN = ("Id", "SyncToken", "MetaData", "domain", "sparse", "Balance", "TotalAmt", "LinkedTxn", "FullyQualifiedName")
LONGEST = {
    "DisplayName": 500, "GivenName": 100, "MiddleName": 100, "FamilyName": 100, "CompanyName": 100, "Notes": 2000,
    "PrimaryEmailAddr.Address": 100, "PrimaryPhone.FreeFormNumber": 30, "BillAddr.Line1": 500, "BillAddr.City": 255,
    "BillAddr.CountrySubDivisionCode": 255, "BillAddr.PostalCode": 30, "BillAddr.Country": 255, "DocNumber": 21,
    "PrivateNote": 4000, "CustomerMemo.value": 1000, "BillEmail.Address": 100,
}  # fmt: skip
LONGEST_DESCRIPTION = 4000  # of a line
LONGEST_REPEAT = 50


class QuickBooksWrites(Upstream):
    answered: dict[str, Answer]
    tokens: dict
    numbers_itself = False  # "Custom transaction numbers" is off: an invoice's number is QuickBooks' own
    country = "US"  # elsewhere an invoice says how it is taxed, and its lines bear that country's tax codes
    closed_until = ""  # the closing date of the books: what is of that day or before stays as it is
    home_currency_only = True  # "Multicurrency" is off
    sales_tax = 0.0  # per cent, of taxable products for taxable customers; 0: the company does not tax

    def put(self, resource: str, record: dict, *, whole: bool = False) -> dict:
        """Change or add a record as a colleague would in the app, without any check; `whole`: it is all there is."""
        with self.lock:
            shelf = self.shelves[resource]
            number = int(record["Id"]) if record.get("Id") else None
            before = (shelf.get(number) if number else None) or {}
            kept = {
                name: value
                for name, value in {**({} if whole else before), **record}.items()
                if name not in ("SyncToken", "MetaData")
            }
            kept.pop("Id", None)
            is_new = not before
            number = shelf.put(number, filled(kept))
            self.tokens[resource, number] = 0 if is_new else self.tokens.get((resource, number), 0) + 1
            return self.existing(resource, number)

    def pay(self, invoice, amount: float | None = None) -> dict:
        """A payment arrives for an invoice: all of it, or this much."""
        with self.lock:
            there = self.existing("invoices", invoice)
            left = round(there["Balance"] - (there["Balance"] if amount is None else amount), 2)
            linked = [{"TxnId": str(95_000 + int(there["Id"])), "TxnType": "Payment"}]
            return self.put("invoices", {"Id": there["Id"], "Balance": left, "LinkedTxn": linked})

    @on("POST", f"{C}/{{entity}}")
    def write(self, request: Request) -> Answer:
        entity = BY_PATH.get(request.params["entity"])
        if entity is None:
            return self.unknown_path(request)
        repeat = request.one("requestid")
        if repeat and len(repeat) > LONGEST_REPEAT:
            return fault("2050", "Invalid String length", f"requestid is too long: at most {LONGEST_REPEAT}")
        if repeat and repeat in self.answered:
            return Answer(**vars(self.answered[repeat]))
        answer = self._written(entity, request)
        if repeat and answer.status < 500:  # a refusal, too: "the same response as it did for the original request"
            self.answered[repeat] = Answer(answer.status, answer.body)
        return answer

    def _written(self, entity: str, request: Request) -> Answer:
        sent, resource, operation = request.json(), ENTITIES[entity], request.one("operation")
        if not sent:
            return fault("2010", "Request has invalid or unsupported property")
        current = self.get(resource, sent["Id"]) if sent.get("Id") else None
        if sent.get("Id") and current is None:
            return fault("610", "Object Not Found", "Object Not Found : Something you're trying to use is inactive")
        if current is not None and str(sent.get("SyncToken")) != current["SyncToken"]:
            said = "Stale Object Error : You and somebody else were working on this at the same time."
            return fault("5010", "Stale Object Error", said)
        if operation == "delete":
            return self._deleted(entity, current)
        if operation == "void" and current is not None:
            return self._shown(entity, self.put(resource, voided(current)))
        return self._saved(entity, sent, current)

    def _deleted(self, entity: str, current: dict | None) -> Answer:
        if entity not in DELETABLE or current is None:
            return fault("500", "Unsupported Operation", "Operation delete is not supported.")
        self.delete(ENTITIES[entity], int(current["Id"]))
        gone = {"status": "Deleted", "domain": "QBO", "Id": current["Id"]}
        return Answer(200, {entity: gone, "time": self.time()})

    def _saved(self, entity: str, sent: dict, current: dict | None) -> Answer:
        kept = merged(sent, current)
        if self.country != "US" and "Line" in sent:  # lines are taxed on top, unless it is said how
            kept["GlobalTaxCalculation"] = sent.get("GlobalTaxCalculation", "TaxExcluded")
        if refused := self._refused(entity, kept, current):
            return refused
        if entity in ("Invoice", "Bill", "Purchase"):
            kept |= self._added_up(entity, kept, current)
        if entity in ("Customer", "Vendor"):
            kept = self._named(kept)
        return self._shown(
            entity, self.put(ENTITIES[entity], kept | ({"Id": current["Id"]} if current else {}), whole=True)
        )

    def _shown(self, entity: str, record: dict) -> Answer:
        return Answer(200, {entity: record, "time": self.time()})

    # What is refused

    def _refused(self, entity: str, kept: dict, current: dict | None) -> Answer | None:
        for name, longest in LONGEST.items():
            outer, _, inner = name.partition(".")
            value = (kept.get(outer) or {}).get(inner) if inner else kept.get(outer)
            if len(str(value or "")) > longest:
                return fault("2050", "Invalid String length", f"{name} is too long: at most {longest}", name)
        if entity in ("Customer", "Vendor"):
            return self._name_refused(kept, current)
        if entity == "Invoice":
            return self._invoice_refused(kept, current)
        return None

    def _name_refused(self, kept: dict, current: dict | None) -> Answer | None:
        name = display_name(kept)
        if not name:
            return fault("2020", "Required param missing, need to supply the required value for the API", "DisplayName")
        if any(one in name for one in (":", "\t", "\n")):
            return fault(
                "6240", "Invalid name", "A name has no colon, tab or line break", "DisplayName", kind="ValidationFault"
            )
        own = (current or {}).get("DisplayName")
        if name.casefold() != str(own or "").casefold() and self.is_taken(name):
            said = f"The name supplied already exists. : Another customer, vendor or employee is using {name}"
            return fault("6240", "Duplicate Name Exists Error", said)
        return None

    def is_taken(self, name: str) -> bool:
        """Whether a customer or vendor is called so, active or not."""
        for resource in ("customers", "vendors"):
            shelf = self.shelves[resource]
            names = shelf.grouped("name", lambda number, of=shelf: of.get(number)["DisplayName"].casefold())
            if name.casefold() in names:
                return True
        return False

    def _invoice_refused(self, kept: dict, current: dict | None) -> Answer | None:
        customer = self.get("customers", (kept.get("CustomerRef") or {}).get("value"))
        if customer is None or not customer["Active"]:
            return fault(
                "2500", "Invalid Reference Id", "Invalid Reference Id : Names element id not found", "CustomerRef"
            )
        sold = [line for line in kept.get("Line") or () if line.get("DetailType") == "SalesItemLineDetail"]
        if not sold:
            return fault(
                "2020", "Required param missing, need to supply the required value for the API", "Line", "Line"
            )
        for line in sold:
            if len(line.get("Description") or "") > LONGEST_DESCRIPTION:
                return fault("2050", "Invalid String length", "Description is too long", "Line")
            detail = line.get("SalesItemLineDetail") or {}
            if self.get("items", (detail.get("ItemRef") or {}).get("value") or 1) is None:
                return fault(
                    "2500", "Invalid Reference Id", "Invalid Reference Id : Item elements id not found", "Line"
                )
            count, price = detail.get("Qty"), detail.get("UnitPrice")  # clients write 0 for what they do not say
            if count and price and abs(count * price - float(line.get("Amount") or 0)) > 0.0051:
                return fault("6070", "Amount calculation incorrect in the request", "Amount is not UnitPrice * Qty")
        if wrong := self._books_refused(kept, current) or self._tax_refused(kept, sold):
            return wrong
        number = kept.get("DocNumber")
        others = self.shelves["invoices"].grouped("number", self._number_of) if number else {}
        if number and [one for one in others.get(number, ()) if not current or str(one) != current["Id"]]:
            return fault("6140", "Duplicate Document Number Error", f"Duplicate Document Number : {number}")
        return None

    def _books_refused(self, kept: dict, current: dict | None) -> Answer | None:
        """What the books do not take: a day of a closed period, another currency than the company's or customer's."""
        days = [one.get("TxnDate") or self.firm.today.isoformat() for one in (kept, current) if one]
        if self.closed_until and min(days) <= self.closed_until:
            said = "The account period has closed and the account books cannot be updated through the QBO Services API."
            return fault("6210", "Account Period Closed, Can Not Update Through Services", said)
        asked = (kept.get("CurrencyRef") or USD).get("value")
        customer = self.existing("customers", kept["CustomerRef"]["value"])
        theirs = (customer.get("CurrencyRef") or USD)["value"]
        if asked != theirs:
            off = "Multi Currency should be enabled to perform this operation"
            said = (
                off if self.home_currency_only else "The currency of the transaction is invalid for customer / vendor"
            )
            return fault("6000", "A business validation error has occurred while processing your request", said)
        return None

    def _tax_refused(self, kept: dict, sold: list[dict]) -> Answer | None:
        codes = [((one.get("SalesItemLineDetail") or {}).get("TaxCodeRef") or {}).get("value") for one in sold]
        is_ours = self.country == "US"
        if any(code is not None and (code in ("TAX", "NON")) != is_ours for code in codes):
            return fault("2500", "Invalid Reference Id", "Invalid Reference Id : TaxCode elements id not found", "Line")
        if not is_ours and None in codes and kept.get("GlobalTaxCalculation") != "NotApplicable":
            said = "Make sure all your transactions have a VAT rate before you save."
            return fault("6000", "A business validation error has occurred while processing your request", said)
        return None

    def _number_of(self, number: int):
        return self.shelves["invoices"].get(number).get("DocNumber")

    # What the server adds

    def _named(self, kept: dict) -> dict:
        name = display_name(kept)
        own = {"DisplayName": name, "FullyQualifiedName": name, "PrintOnCheckName": kept.get("CompanyName") or name}
        return {"Active": True, "Balance": 0, "CurrencyRef": USD, "Job": False, **kept, **own}

    def _added_up(self, entity: str, kept: dict, current: dict | None) -> dict:
        lines = [line for line in kept.get("Line") or () if line.get("DetailType") != "SubTotalLineDetail"]
        lines = [
            {"Id": str(at), "LineNum": at, **self._with_names(line, kept)} for at, line in enumerate(lines, start=1)
        ]
        net = round(sum(float(line.get("Amount") or 0) for line in lines), 2)
        tax = round(sum(float(line["Amount"]) for line in lines if _is_taxed(line)) * self.sales_tax / 100, 2)
        total = round(net + tax, 2)
        paid = round(current["TotalAmt"] - current.get("Balance", 0), 2) if current else 0
        added = {"Line": lines, "TotalAmt": total, "CurrencyRef": {**USD, **(kept.get("CurrencyRef") or {})},
                 "TxnDate": kept.get("TxnDate") or self.firm.today.isoformat()}  # fmt: skip
        if entity == "Invoice":
            customer = self.existing("customers", kept["CustomerRef"]["value"])
            added |= {"Line": [*lines, subtotal(net)], "DocNumber": self._number_for(kept, current)}
            added["TxnTaxDetail"] = {"TotalTax": tax}
            added["CustomerRef"] = {"value": customer["Id"], "name": customer["DisplayName"]}
        if entity != "Purchase":
            added["Balance"] = round(total - paid, 2)
        return added

    def _with_names(self, line: dict, kept: dict) -> dict:
        detail = line.get("SalesItemLineDetail")
        if detail is None:
            return line
        item = self.existing("items", (detail.get("ItemRef") or {}).get("value") or 1)
        said = {name: value for name, value in detail.items() if value not in (0, None, "")}
        named = {**said, "ItemRef": {"value": item["Id"], "name": item["Name"]}}
        if self.country != "US":
            return {**line, "SalesItemLineDetail": named}
        customer = self.existing("customers", kept["CustomerRef"]["value"])
        is_taxed = self.sales_tax and item.get("Taxable") and customer.get("Taxable")
        return {**line, "SalesItemLineDetail": {"TaxCodeRef": {"value": "TAX" if is_taxed else "NON"}, **named}}

    def _number_for(self, kept: dict, current: dict | None) -> str:
        own = kept.get("DocNumber") if current or not self.numbers_itself else None
        return own or str(2000 + len(self.shelves["invoices"]))

    def time(self) -> str:
        raise NotImplementedError


def _is_taxed(line: dict) -> bool:
    return ((line.get("SalesItemLineDetail") or {}).get("TaxCodeRef") or {}).get("value") == "TAX"


def display_name(kept: dict) -> str:
    """As given, else made of the parts of the name."""
    parts = (kept.get(name) for name in ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix"))
    return kept.get("DisplayName") or " ".join(filter(None, parts)) or kept.get("CompanyName") or ""


def merged(sent: dict, current: dict | None) -> dict:
    """A sparse update changes what it names; a full one empties what it leaves out. "" is no value."""
    own = {name: current[name] for name in ITS_OWN if name in current} if current else {}
    named = {name: value for name, value in sent.items() if name not in ITS_OWN}
    kept = {**(current or {}), **named} if sent.get("sparse") in (True, "true") else {**own, **named}
    return {name: value for name, raw in kept.items() if (value := emptied(raw)) is not None and name != "sparse"}


def emptied(value):
    if isinstance(value, dict):
        inner = {name: one for name, one in value.items() if one not in ("", None)}
        return inner if set(inner) - {"Id"} else None
    return None if value == "" else value


def voided(invoice: dict) -> dict:
    lines = [{**line, "Amount": 0} for line in invoice["Line"]]
    return {**invoice, "Line": lines, "TotalAmt": 0, "Balance": 0, "PrivateNote": "Voided", "LinkedTxn": []}


def fault(
    code: str, message: str, detail: str = "", element: str = "", *, kind: str = "ValidationFault", status: int = 400
) -> Answer:
    error = {"Message": message, "Detail": detail or message, "code": code, "element": element}
    return Answer(status, {"Fault": {"Error": [error], "type": kind}, "time": "2026-01-01T00:00:00.000-08:00"})
