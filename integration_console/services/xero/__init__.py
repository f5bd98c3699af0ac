"""Xero: contacts, invoices, bills and bank transactions of an organisation.

Source: https://developer.xero.com (read 2026-07-29) and GitHub XeroAPI/Xero-OpenAPI (2026-07-13, version 16.1.0)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import BadAnswer, InvalidInput, Missing
from ..base import (
    Account,
    Answer,
    Call,
    Credential,
    Limit,
    LimitHeaders,
    OAuth,
    Page,
    Reading,
    Resource,
    Service,
    Upstream,
    body_of,
    replace,
)
from . import organisations
from .faults import LIMITS, at_fault, in_words, sentences
from .hooks import WEBHOOK
from .paging import XeroPages
from .records import (
    BankTransaction,
    Contact,
    Expense,
    Invoice,
    LedgerAccount,
    Organisation,
    TaxRate,
    as_expense,
    readable,
)
from .writing import FINE, XeroWriting

SCOPES = (
    "offline_access", "accounting.contacts", "accounting.invoices", "accounting.banktransactions.read",
    "accounting.settings.read",
)  # fmt: skip
DAY_S = 86_400
OLD_SCOPES = ("accounting.transactions", "accounting.contacts.read", "accounting.invoices.read")
STOPS_WITHOUT = {
    "offline_access": "the connection ends after half an hour",
    "accounting.contacts": "contacts are not read",
    "accounting.invoices": "invoices and bills are not read",
    "accounting.banktransactions.read": "bank transactions and money spent are not read",
    "accounting.settings.read": "accounts and tax rates are not read",
    "accounting.transactions": "an application made before March 2026 reads no invoices and no bank transactions",
    "accounting.contacts.read": "contacts are not read, unless they may be written",
    "accounting.invoices.read": "invoices and bills are not read, unless they may be written",
}
RESERVE = 50  # calls of a day
EXPENSE_LISTS = ("bills", "spent")

# The money spent at once, the other half of the expenses.
SPENT = Resource(
    "/BankTransactions", Expense, XeroPages(), id="BankTransactionID", changed="UpdatedDateUTC",
    since="If-Modified-Since", items_at="BankTransactions", count_at="pagination.itemCount",
    params={"where": 'Type=="SPEND"', "order": "BankTransactionID ASC"} | FINE, key="expenses", label="Expenses",
)  # fmt: skip


class XeroService(Service):
    """Xero's Accounting API 2.0, one organisation (tenant).

    Lists tell what changed by a header, to the second. Some changes move no time of change: a due date of a part-paid
    invoice, a contact's balances and whether it is a customer; those show at the next full read. Nothing is ever taken
    out of a list: voided, deleted and archived records stay and say so.

    Connection settings: `tenant_id`, the organisation; `plan` (starter: 1000 calls a day).
    """

    key = "xero"
    label = "Xero"
    description = "Contacts, invoices, bills and bank transactions of an organisation."
    category = "Accounting"
    source = "https://developer.xero.com"
    source_read = dt.date(2026, 7, 29)
    base_url = "https://api.xero.com/api.xro/2.0"

    ways = (
        OAuth(
            authorize_url="https://login.xero.com/identity/connect/authorize",
            token_url="https://identity.xero.com/connect/token",  # noqa: S106 (an address, not a token)
            revoke_url="https://identity.xero.com/connect/revocation",
            revoke_as="form",
            revoke_fields={"token": "{refresh_token}"},
            revoke_auth="basic",
            scopes=SCOPES,  # of applications made since 2026-03-02; older ones take others, see XERO_SCOPES
            optional_scopes=OLD_SCOPES,
            stops_without=STOPS_WITHOUT,
            pkce=True,
            client_auth="basic",
            rotates=True,
            idle=dt.timedelta(days=60),
        ),
    )
    credentials = (
        Credential(
            "plan", "Plan of your app", required=False, choices=("", "starter"),
            hint="Starter, the smallest for developers, has 1,000 calls a day for each organisation; all others 5,000",
        ),
    )  # fmt: skip
    options = ("tenant_id",)

    # Per organisation; 5 calls at a time besides. Source: developer.xero.com, "API limits", and for the smallest plan
    # "Pricing" (2026-03). A day's limit that is hit may shut us out for most of a day: some calls are left over.
    limits = (Limit(60, 60), Limit(5000 - RESERVE, DAY_S))
    starter_limits = (Limit(60, 60), Limit(1000 - RESERVE, DAY_S))
    limit_headers = LimitHeaders(
        remaining="X-MinLimit-Remaining", daily_remaining="X-DayLimit-Remaining", daily_reserve=RESERVE
    )
    writing = XeroWriting()
    webhook = WEBHOOK

    # What it holds. Ordered by id: by time of change, a record that changes meanwhile would move others over a page's
    # edge, unseen.
    contacts = Resource(
        "/Contacts", Contact, XeroPages(), id="ContactID", title="Name|FirstName LastName|EmailAddress",
        changed="UpdatedDateUTC", since="If-Modified-Since", items_at="Contacts", count_at="pagination.itemCount",
        params={"includeArchived": True, "order": "ContactID ASC"},
    )  # fmt: skip
    invoices = Resource(
        "/Invoices", Invoice, XeroPages(), id="InvoiceID", title="InvoiceNumber|Reference",
        changed="UpdatedDateUTC", since="If-Modified-Since", items_at="Invoices", count_at="pagination.itemCount",
        params={"where": 'Type=="ACCREC"', "includeArchived": True, "order": "InvoiceID ASC"} | FINE,
    )  # fmt: skip
    expenses = Resource(
        "/Invoices", Expense, XeroPages(), id="ExpenseID", title="InvoiceNumber|Reference|Contact.Name",
        changed="UpdatedDateUTC", since="If-Modified-Since", items_at="Invoices", count_at="pagination.itemCount",
        params={"where": 'Type=="ACCPAY"', "includeArchived": True, "order": "InvoiceID ASC"} | FINE,
        lists=len(EXPENSE_LISTS),
    )  # fmt: skip
    bank_transactions = Resource(
        "/BankTransactions", BankTransaction, XeroPages(), id="BankTransactionID", title="Reference|Contact.Name|Type",
        changed="UpdatedDateUTC", since="If-Modified-Since", items_at="BankTransactions",
        count_at="pagination.itemCount", params={"order": "BankTransactionID ASC"} | FINE, trust=True,
    )  # fmt: skip
    ledger_accounts = Resource(
        "/Accounts", LedgerAccount, id="AccountID", title="Code Name|Name", changed="UpdatedDateUTC",
        items_at="Accounts", reference=True,
    )  # fmt: skip
    tax_rates = Resource(
        "/TaxRates", TaxRate, id="TaxType", title="Name", changed=None, one="", items_at="TaxRates", reference=True
    )
    organisations = Resource(
        "/Organisation", Organisation, id="OrganisationID", title="Name", changed=None, one="",
        items_at="Organisations", reference=True,
    )  # fmt: skip

    # -- whose it is --------------------------------------------------------------------------------------------------

    def accounts(self, upstream: Upstream) -> list[Account]:
        """Every organisation the consent was given for, with what each says of itself."""
        found = self._organisations(upstream)
        return [replace(one, facts=organisations.facts(upstream, one.id)) for one in found]

    def account(self, upstream: Upstream) -> Account:
        """The organisation that was named, else the only one there is."""
        found, wanted = self._organisations(upstream), upstream.settings.get("tenant_id")
        if chosen := [one for one in found if wanted in (None, "", one.id)]:
            if len(chosen) == 1:
                return chosen[0]
            names = ", ".join(f"{one.name} ({one.id})" for one in chosen)
            raise InvalidInput(f"This consent is for several organisations. Name one: {names}.", field="tenant_id")
        raise InvalidInput("This consent is not, or no longer, for that organisation.", field="tenant_id")

    def _organisations(self, upstream: Upstream) -> list[Account]:
        return [
            Account(str(one["tenantId"]), str(one.get("tenantName") or ""), settings={"tenant_id": one["tenantId"]})
            for one in organisations.connected(upstream)
        ]

    def leave(self, upstream: Upstream) -> tuple[str, ...]:
        """One consent may be for several organisations."""
        return organisations.leave(upstream, upstream.settings.get("tenant_id"))

    def headers_for(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """Every call names its organisation."""
        tenant_id = settings.get("tenant_id")
        return {**self.headers, "xero-tenant-id": tenant_id} if tenant_id else self.headers

    def limits_for(self, settings: Mapping[str, str]) -> tuple[Limit, ...]:
        """The smallest plan has a fifth of the others' day."""
        return self.starter_limits if settings.get("plan") == "starter" else self.limits

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """Dates as everybody else writes them; expenses are two lists, one after the other."""
        if resource is not self.expenses:
            for page in super().read(upstream, resource, reading):
                yield replace(page, items=[readable(item) for item in page.items])
            return
        begun = reading.cursor or {"list": EXPENSE_LISTS[0], "at": None, "counted": 0}
        counted = begun["counted"]
        for name in EXPENSE_LISTS[EXPENSE_LISTS.index(begun["list"]) :]:
            asked = replace(reading, cursor=begun["at"] if name == begun["list"] else None)
            last: int | None = None
            for page in super().read(upstream, resource if name == "bills" else SPENT, asked):
                last = page.upstream_count
                yield replace(
                    page, items=[_expense(item) for item in page.items], cursor=_next(name, page.cursor, counted, last),
                    upstream_count=None if last is None else counted + last,
                )  # fmt: skip
            counted += last or 0

    def list_call(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> Call:
        """What changed is asked for by a header, in UTC and without saying so."""
        call = super().list_call(resource, reading, settings)
        if resource.since is None or resource.since not in call.params:
            return call
        params = {name: value for name, value in call.params.items() if name != resource.since}
        assert reading.since is not None
        since = reading.since.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return replace(call, params=params, headers={**call.headers, resource.since: since})

    def read_one(self, upstream: Upstream, resource: Resource, external_id: str, owner: str | None = None) -> dict:
        """One record comes as a list of one. Invoices and bills share their addresses, and expenses have two."""
        if resource.one == "":
            return super().read_one(upstream, resource, external_id, owner)
        if resource is self.expenses:
            return as_expense(self._expense_one(upstream, external_id))
        record = self._one(upstream, resource, external_id)
        if resource is self.invoices and record.get("Type") != "ACCREC":
            raise Missing()
        return record

    def _expense_one(self, upstream: Upstream, external_id: str) -> dict:
        """Bills come more often, so they are asked for first."""
        try:
            record, wanted = self._one(upstream, self.expenses, external_id), "ACCPAY"
        except Missing:
            record, wanted = self._one(upstream, SPENT, external_id), "SPEND"
        if record.get("Type") != wanted:
            raise Missing()
        return record

    def _one(self, upstream: Upstream, resource: Resource, external_id: str) -> dict:
        call = self.one_call(resource, external_id, upstream.settings)
        fine = {name: value for name, value in resource.params.items() if name in FINE}
        data = upstream.send(replace(call, params=fine)).data
        found = data.get(resource.items_at) if isinstance(data, dict) and resource.items_at else None
        if not isinstance(found, list):
            raise BadAnswer("The answer holds no record.")
        if not found or not isinstance(found[0], dict):
            raise Missing()
        return readable(found[0])

    # -- failures -----------------------------------------------------------------------------------------------------

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """A refusal holds the sentences of every element; a limit says which in a header, and nothing in words."""
        if answer.status == 429:
            problem = answer.headers.get("X-Rate-Limit-Problem") or ""
            return LIMITS.get(problem.lower(), ""), problem, None
        body = body_of(answer)
        said = "; ".join(sentences(body)) or str(body.get("Message") or body.get("Detail") or body.get("Title") or "")
        return (
            in_words(said),
            str(body.get("Type") or body.get("Detail") or body.get("ErrorNumber") or ""),
            at_fault(said),
        )

    def decide(self, answer: Answer) -> str | None:
        """A token that may not do this, and an organisation that is not connected any more, are told by words."""
        if answer.status == 401 and "insufficient_scope" in (answer.headers.get("WWW-Authenticate") or ""):
            return "not allowed"
        if answer.status == 403 and "AuthenticationUnsuccessful" in self.explain(answer)[0]:
            return "needs a person"
        return super().decide(answer)


def _expense(item: Any) -> Any:
    record = readable(item)
    return as_expense(record) if isinstance(record, dict) else record


def _next(name: str, cursor: Any | None, counted: int, last: int | None) -> dict | None:
    """Where the expenses go on: this list's next page, or the other list."""
    if cursor is not None:
        return {"list": name, "at": cursor, "counted": counted}
    if name == EXPENSE_LISTS[-1]:
        return None
    return {"list": EXPENSE_LISTS[1], "at": None, "counted": counted + (last or 0)}


SERVICE = XeroService()
