"""QuickBooks Online: customers, vendors, invoices and expenses of one company.

Source: https://developer.intuit.com (Accounting API, minor version 75), the schema files of Intuit's own Java SDK, and
its announcements up to November 2025. Intuit publishes no OpenAPI document.

Here is who QuickBooks is, how fast we may go and what it holds; query.py has its query language, changes.py what
changed since, records.py the fields of each record, writing.py how customers and invoices are written,
hooks.py how QuickBooks calls us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...errors import BadAnswer, BadRecord, Missing, NotAllowed
from ..base import Account, Answer, Limit, OAuth, Page, Reading, Resource, Service, Upstream, dig
from ..shapes import UpstreamRecord
from . import changes, faults, query, records
from .calls import COMPANY_INFO, call, entity_of, number_of, shown
from .fields import as_the_api_tells
from .hooks import WEBHOOK
from .writing import QuickBooksWriting


def listed(entity: str, model: type[UpstreamRecord], **more: Any) -> Resource:
    """A list of one entity, or of several with their names between commas."""
    parts = tuple({"entity": one} for one in entity.split(","))
    more = {"id": "Id", "title": "DisplayName", **more}
    return Resource("/query", model, changed="MetaData.LastUpdatedTime", splits=parts, **more)


class QuickBooksService(Service):
    """QuickBooks Online, Accounting API v3, one company.

    Reads count against a monthly allowance (500 000 on Intuit's free tier), so an increment is one call: the change
    data of the last 30 days, which also names what was deleted. Where that cannot tell everything (1 000 objects, or
    too long ago), the list is queried by its time of change, and what was deleted shows at the next full read.

    Bills and purchases are both expenses and are numbered apart: an expense is known as "Bill:12" or "Purchase:12".
    Customers, vendors, items and accounts are never deleted, only made inactive; they are read with the others.
    """

    key = "quickbooks"
    label = "QuickBooks"
    description = "Customers, vendors, invoices and expenses of a company."
    category = "Accounting"
    source = "https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/account"
    source_read = dt.date(2026, 11, 26)
    base_url = "https://quickbooks.api.intuit.com"  # development keys: https://sandbox-quickbooks.api.intuit.com

    # The company is named only beside the code, on the way back. A refresh token changes about once a day, dies after
    # 100 days without use and after five years in any case.
    ways = (
        OAuth(
            authorize_url="https://appcenter.intuit.com/connect/oauth2",
            token_url="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",  # noqa: S106 (an address)
            revoke_url="https://developer.api.intuit.com/v2/oauth2/tokens/revoke",
            revoke_as="json",
            revoke_fields={"token": "{token}"},
            revoke_auth="basic",
            scopes=("com.intuit.quickbooks.accounting",),
            client_auth="basic",
            rotates=True,
            told_on_return={"realmId": "realm_id"},
            idle=dt.timedelta(days=100),
            life=dt.timedelta(days=5 * 365),
        ),
    )
    options = ("realm_id",)

    # Per company and app: 500 a minute, and 10 a second in Intuit's words of 2025. No header tells what is left, and a
    # 429 does not dependably say how long to wait.
    limits = (Limit(10, 1), Limit(500, 60))
    untold_wait_s = 60

    # What it holds.
    customers = listed("Customer", records.Customer, title="DisplayName|CompanyName|GivenName FamilyName")
    vendors = listed("Vendor", records.Vendor, title="DisplayName|CompanyName")
    invoices = listed("Invoice", records.Invoice, title="DocNumber CustomerRef.name|DocNumber|CustomerRef.name")
    expenses = listed("Purchase,Bill", records.Expense, id="key", title="DocNumber party|party TxnDate|entity TxnDate")
    items = listed("Item", records.Item, label="Products and services", title="FullyQualifiedName|Name", reference=True)
    # The chart of accounts holds bank accounts, clients' trust accounts among them: shown, never written (W8).
    chart_of_accounts = listed("Account", records.Account, title="FullyQualifiedName|Name", reference=True, trust=True)

    writing = QuickBooksWriting()
    webhook = WEBHOOK

    def told(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return as_the_api_tells(record)

    def account(self, upstream: Upstream) -> Account:
        """The company, by the number it was connected with."""
        realm_id = upstream.settings.get("realm_id")
        if not realm_id:
            raise BadAnswer("Intuit did not say which company this is (realm_id). Connect it by consent.")
        company = shown(upstream.send(call(upstream, "GET", COMPANY_INFO, id=realm_id)), "CompanyInfo")
        plans = [one.get("Value") for one in company.get("NameValue") or () if one.get("Name") == "OfferingSku"]
        told = {
            "Legal name": company.get("LegalName"), "Country": company.get("Country"), "Plan": next(iter(plans), None),
            "E-mail": dig(company, "Email.Address"),
        }  # fmt: skip
        name = str(company.get("CompanyName") or company.get("LegalName") or f"Company {realm_id}")
        facts = {name: str(value) for name, value in told.items() if value}
        return Account(realm_id, name, facts, settings={"realm_id": realm_id})

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """What changed, by one call where that tells everything; else page by page.

        When the change data is refused, the list is queried instead.
        """
        start = None if reading.full or reading.cursor else changes.told_from(reading)
        if start is None:
            yield from self._listed(upstream, resource, reading)
            return
        try:
            found = changes.since(upstream, resource, start)
        except (BadAnswer, BadRecord, Missing, NotAllowed):
            found = changes.Changes([], (), complete=False)
        if found.complete and changes.reach(reading):
            yield Page(found.records, None, gone=found.gone)
            return
        gone = found.gone
        for page in self._listed(upstream, resource, reading):
            yield replace(page, gone=gone)
            gone = ()

    def _listed(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """Every entity's list in turn, in the order of ids; a full read is measured against QuickBooks' own count."""
        begun = reading.cursor or {"split": 0, "next": None, "counted": 0}
        counted = begun["counted"]
        for number in range(begun["split"], len(resource.splits)):
            entity = resource.splits[number]["entity"]
            start = begun["next"] if number == begun["split"] else None
            if reading.full and start is None:
                counted += query.count(upstream, resource.key, entity)
            asked = query.Query(entity, None if reading.full else reading.since)
            for page in query.pages(upstream, resource.key, asked, start):
                cursor = self._cursor(resource, number, page.cursor, counted)
                yield replace(page, cursor=cursor, upstream_count=counted if reading.full else None)

    def read_one(self, upstream: Upstream, resource: Resource, external_id: str, owner: str | None = None) -> dict:
        """One record, whole. What was deleted is missing."""
        entity = entity_of(resource, external_id)
        path = f"/{entity.lower()}/{{id}}"
        asked = call(upstream, "GET", path, id=number_of(external_id), resource=resource.key)
        return records.ours(entity, shown(upstream.send(asked), entity))

    # -- failures -----------------------------------------------------------------------------------------------------

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """A Fault with a list of errors, its keys in lower case where the token is at fault."""
        return faults.explain(answer)

    def decide(self, answer: Answer) -> str | None:
        """A Fault counts at any status: QuickBooks sends some with 200."""
        return faults.decide(answer) or super().decide(answer)


SERVICE = QuickBooksService()
