"""Clio Manage: matters, contacts, time, bills and trust accounts of a law firm.

Source: https://docs.developers.clio.com/api-reference (OpenAPI document of 2026-08-12, API version 4.0.13)

Here is who Clio is, how fast we may go and what it holds; records.py has the fields of each record, writing.py how
some of them are written, hooks.py how Clio calls us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

from ...errors import BadAnswer
from ..base import (
    Account,
    Answer,
    Call,
    Limit,
    LimitHeaders,
    NextLink,
    OAuth,
    Resource,
    Service,
    Upstream,
    body_of,
    dig,
    replace,
)
from ..shapes import UpstreamRecord
from . import money, records
from .hooks import WEBHOOK
from .writing import ClioWriting


def listed(
    path: str, model: type[UpstreamRecord], *, ordered: bool = True, single: bool = True, **more: Any
) -> Resource:
    """A Clio list: 200 a page, in the order of ids where the endpoint can, narrowed by `updated_since`.

    single: the list has an address for each record; else one record is read by the list's `ids[]`.
    """
    params = {"fields": Resource(path, model).field_list()} | ({"order": "id(asc)"} if ordered else {})
    return Resource(
        path, model, NextLink(), since="updated_since", items_at="data", item_at="data", count_at="meta.records",
        params=params, one_by=None if single else "ids[]", **more,
    )  # fmt: skip


class ClioService(Service):
    """Clio Manage, API v4. (The "Clio Platform" API is another product with other rules.)

    Payments: v4 has no list of payments. What can be read is each payment's allocations to bills: an allocation's
    `parent` is the payment (or credit memo) by id and type, `amount` and `payment_type` say how much and how. The
    one list that carries the word, /clio_payments/payments, holds card payments taken through Clio Payments only.

    Deletions leave no trace in a list: a record is gone when a full read ends without it. A user's role may hide
    records too, so "gone" means gone for this user.
    """

    key = "clio"
    label = "Clio"
    description = "Matters, contacts, time, bills and trust accounts."
    category = "Practice management"
    source = "https://docs.developers.clio.com/api-reference"
    source_read = dt.date(2026, 8, 12)
    base_url = "{region_host}/api/v4"
    # Accounts, tokens and apps do not cross regions: a token on another region's host is a 401. The first is the
    # default.
    regions: ClassVar = {
        "us": "https://app.clio.com",
        "eu": "https://eu.app.clio.com",
        "ca": "https://ca.app.clio.com",
        "au": "https://au.app.clio.com",
    }

    # Permissions are chosen on the app in Clio's developer portal: there is no scope to ask for, and no PKCE. A
    # refresh answer holds no refresh token; the first one stays good until it is revoked.
    ways = (
        OAuth(
            authorize_url="{region_host}/oauth/authorize",
            token_url="{region_host}/oauth/token",  # noqa: S106 (an address, not a token)
            revoke_url="{region_host}/oauth/deauthorize",
            extra_params={"redirect_on_decline": "true"},  # else a person who declines stays at Clio
        ),
    )

    # Per access token. Only the first is published (peak hours); the second is our own caution.
    limits = (Limit(50, 60), Limit(1000, 3600))
    budget_by_account = False
    limit_headers = LimitHeaders(
        limit="X-RateLimit-Limit", remaining="X-RateLimit-Remaining", reset="X-RateLimit-Reset"
    )
    # 307: practice areas moved, in accounts that keep them with categories. 410: our API version is no longer served.
    responses: ClassVar = {307: "not allowed", 410: "unusable"}

    # What it holds. The main lists first.
    matters = listed("/matters", records.Matter, title="display_number description")
    contacts = listed("/contacts", records.Contact, title="name|first_name last_name|primary_email_address")
    activities = listed(
        "/activities", money.Activity, title="note|activity_description.name|type", owner_at="reference"
    )
    tasks = listed("/tasks", records.Task)
    notes = listed("/notes", records.Note, title="subject|detail", splits=({"type": "Matter"}, {"type": "Contact"}))
    bills = listed("/bills", money.Bill, title="number subject")
    line_items = listed(
        "/line_items",
        money.LineItem,
        label="Bill line items",
        title="description|note",
        ordered=False,
        single=False,
        owner_at="activity.id",
    )
    allocations = listed("/allocations", money.Allocation, title="description|payment_type date")
    credit_memos = listed("/credit_memos", money.CreditMemo, title="description|contact.name date")
    interest_charges = listed(
        "/interest_charges", money.InterestCharge, title="description|bill.number", ordered=False, single=False
    )

    # Client trust money, or mixed with it: shown, never written (W8).
    bank_accounts = listed("/bank_accounts", money.BankAccount, trust=True)
    bank_transactions = listed(
        "/bank_transactions", money.BankTransaction, title="description|payer_payee|transaction_type", trust=True
    )
    trust_line_items = listed(
        "/trust_line_items", money.TrustLineItem, title="note|client.name date", single=False, trust=True
    )

    # What the others are described with.
    users = listed("/users", records.User, title="name|email", reference=True)
    practice_areas = listed("/practice_areas", records.PracticeArea, reference=True)
    matter_stages = listed("/matter_stages", records.MatterStage, ordered=False, single=False, reference=True)
    custom_fields = listed("/custom_fields", records.CustomField, reference=True)
    groups = listed("/groups", records.Group, reference=True)
    currencies = listed("/currencies", money.Currency, title="code", ordered=False, single=False, reference=True)
    activity_descriptions = listed("/activity_descriptions", money.ActivityDescription, ordered=False, reference=True)
    expense_categories = listed("/expense_categories", money.ExpenseCategory, reference=True)

    # Its writing side is conditional on the etag; nothing of trust money is in it (W8).
    writing = ClioWriting()
    webhook = WEBHOOK

    def account(self, upstream: Upstream) -> Account:
        """The firm, by its account number: every user may ask, whatever the app's permissions."""
        params = {"fields": "id,name,email,account{id,name}"}
        me = dig(upstream.send(Call("GET", "/users/who_am_i", params)).data, "data")
        account_id = dig(me, "account.id")
        if not account_id:
            raise BadAnswer("Clio did not say which account this is.")
        region = upstream.settings.get("region") or next(iter(self.regions))
        facts = {"Signed in as": dig(me, "name"), "E-mail": dig(me, "email"), "Region": region.upper()}
        return Account(str(account_id), str(dig(me, "account.name") or ""), {k: str(v) for k, v in facts.items() if v})

    def one_call(
        self, resource: Resource, external_id: str, settings: Mapping[str, str], owner: str | None = None
    ) -> Call:
        """One record has to be asked for its fields too."""
        call = super().one_call(resource, external_id, settings, owner)
        return replace(call, params={"fields": resource.params["fields"], **call.params})

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """`error` is an object, except in the answer to an expired or revoked token, where it is a word.

        Some refusals also hold `errors`: what is wrong by the attribute it is wrong with.
        """
        body = body_of(answer)
        error = body.get("error")
        if isinstance(error, dict):
            found = error.get("errors")
            by_attribute: dict = found if isinstance(found, dict) else {}
            message = error.get("message") or [one for told in by_attribute.values() for one in _listed(told)]
            return _sentences(message), str(error.get("type") or ""), next(iter(by_attribute), None)
        return str(body.get("error_description") or error or ""), str(error or ""), None


def _listed(told: Any) -> list[Any]:
    return told if isinstance(told, list) else [told]


def _sentences(message: Any) -> str:
    """What is wrong, in one line; Clio tells several things as a list."""
    return "; ".join(str(one) for one in _listed(message) if one)


SERVICE = ClioService()
