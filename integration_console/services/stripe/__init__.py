"""Stripe: payments, invoices, customers and subscriptions.

Source: https://docs.stripe.com/api (API version 2026-10-28.endive), and the official client of that version

Here is who Stripe is, how fast we may go and what it holds; reading.py has how changes are found, records.py the
fields of each record, money.py what amounts mean, writing.py how some of it is written, hooks.py how Stripe calls us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ...errors import BadAnswer, BadRecord, NotAllowed, WrongAccount
from ...transport.meaning import usual
from ..base import (
    Account,
    Answer,
    ApiKey,
    Call,
    Credential,
    Limit,
    OAuth,
    Page,
    Reading,
    Resource,
    Service,
    Upstream,
    body_of,
    dig,
    replace,
)
from ..shapes import UpstreamRecord
from . import records
from .hooks import VERSION, WEBHOOK
from .money import as_the_api_tells
from .reading import EVENTS_KEPT, EVENTS_LATE, PAGES, acting, alive, changes, whole
from .writing import StripeWriting

UNPROVED = "re-read in full: the key may not read events"


def listed(path: str, model: type[UpstreamRecord], title: str, **more: Any) -> Resource:
    """A Stripe list: 100 a page, the newest first, without a time of change in its records."""
    return Resource(
        path, model, PAGES, title=title, changed=None, items_at="data", changes_kept=EVENTS_KEPT - EVENTS_LATE, **more
    )


class StripeService(Service):
    """Stripe API v1, one account: the key's own, or one that a platform's key acts for.

    What fires no event, such as a description changed on a payment, shows at the next full read. A key that may not
    read events still works: then every read is of the whole list.

    Connection settings: `account_id`; `acts_for` and `mode` (live, test) are found out when connecting.
    """

    key = "stripe"
    label = "Stripe"
    description = "Payments, invoices, customers and subscriptions."
    category = "Payments"
    source = "https://docs.stripe.com/api"
    source_read = dt.date(2026, 10, 28)
    base_url = "https://api.stripe.com"

    # Access tokens of Connect do not end by themselves, and no refresh is ever due. Writing needs `read_write`.
    ways = (
        ApiKey("Authorization", prefix="Bearer "),
        OAuth(
            authorize_url="https://connect.stripe.com/oauth/authorize",
            token_url="https://connect.stripe.com/oauth/token",  # noqa: S106 (an address, not a token)
            revoke_url="https://connect.stripe.com/oauth/deauthorize",
            revoke_as="form",
            revoke_auth="secret",
            revoke_fields={"client_id": "{client_id}", "stripe_user_id": "{stripe_user_id}"},
            scopes=("read_write",),
        ),
    )
    credentials = (
        Credential(
            "api_key", "Restricted key", secret=True,
            hint="Developers, then API keys; it begins with rk_live_ or rk_test_ and needs to read account, events, "
            "customers, charges, payment intents, invoices and subscriptions; to write what a mapping is to write",
        ),
        Credential(
            "account_id", "Account ID", required=False,
            hint="Empty: the key's own account; acct_... where a platform's key acts for a connected account",
        ),
    )  # fmt: skip
    options = ("acts_for", "mode")
    token_settings: ClassVar = {"stripe_user_id": "account_id"}

    # 100 a second in live mode, 25 in test mode, and 25 for each address in both. No header says what is left, and a
    # 429 does not say how long to wait. Source: https://docs.stripe.com/rate-limits
    limits = (Limit(25, 1),)
    headers: ClassVar = {"Stripe-Version": VERSION}
    # 402: a card or bank refused. 409: the same key is on its way already. 424: somebody behind Stripe failed.
    responses: ClassVar = {402: "refused", 409: "retry", 424: "retry"}
    writing = StripeWriting()
    webhook = WEBHOOK

    # What it holds. A payment is an intent; the tries it took are charges, among them those older than intents.
    payments = listed("/v1/payment_intents", records.Payment, "description|receipt_email")
    charges = listed("/v1/charges", records.Charge, "description|billing_details.name|receipt_email")
    invoices = listed("/v1/invoices", records.Invoice, "number customer_name|customer_name|customer_email")
    customers = listed("/v1/customers", records.Customer, "name|business_name|email|description|phone")
    # Without it, canceled ones are left out.
    subscriptions = listed("/v1/subscriptions", records.Subscription, "description", params={"status": "all"})

    def told(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return as_the_api_tells(record)

    def account(self, upstream: Upstream) -> Account:
        """The key's own account, or the one that was named, where the key is a platform's and acts for it."""
        wanted = upstream.settings.get("account_id")
        account = upstream.send(Call("GET", "/v1/account")).data
        acts_for = wanted if wanted and wanted != dig(account, "id") else None
        if acts_for:
            account = upstream.send(Call("GET", "/v1/account", headers=acting({"acts_for": acts_for}))).data
        if not dig(account, "id"):
            raise BadAnswer("Stripe did not say which account this is.")
        mode, events = self._mode(upstream, acts_for)
        told = {
            "Country": dig(account, "country"), "Currency": str(dig(account, "default_currency") or "").upper(),
            "E-mail": dig(account, "email"), "Mode": mode, "Changes": events,
        }  # fmt: skip
        kept = {"account_id": dig(account, "id"), "acts_for": acts_for, "mode": mode}
        name = dig(account, "business_profile.name") or dig(account, "settings.dashboard.display_name")
        facts, settings = ({key: str(value) for key, value in each.items() if value} for each in (told, kept))
        return Account(str(account["id"]), str(name or dig(account, "email") or ""), facts, settings=settings)

    def _mode(self, upstream: Upstream, acts_for: str | None) -> tuple[str | None, str]:
        """Live or test, where an event tells, and what is to be said of events.

        Both modes have one account id, and to a key of the one the records of the other are not there.
        """
        headers = acting({"acts_for": acts_for})
        try:
            events = dig(upstream.send(Call("GET", "/v1/events", {"limit": 1}, headers=headers)).data, "data") or []
        except NotAllowed:
            return None, UNPROVED
        live = dig(events[0], "livemode") if events else None
        mode = None if live is None else "live" if live else "test"
        known = upstream.settings.get("mode")
        if mode and known and mode != known:
            raise WrongAccount(f"This key is of Stripe's {mode} mode, and the connection is of its {known} mode.")
        return mode, "by events"

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """A full read lists everything; an increment asks for what is new, and for events.

        The record a page begins behind may be deleted by then: the list begins anew, once.
        """
        try:
            yield from self._read(upstream, resource, reading)
        except BadRecord as error:
            if error.field != "starting_after":
                raise
            yield from self._read(upstream, resource, replace(reading, cursor=None))

    def _read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        begun = reading.cursor or {}
        if reading.full or "split" in begun or not reading.state.get("begun"):
            yield from self._everything(upstream, resource, reading)
            return
        try:
            yield from changes(upstream, resource, self.list_call(resource, reading, upstream.settings), reading)
        except NotAllowed:  # to read events; a list that may not be read refuses the other way, too
            yield from self._everything(upstream, resource, replace(reading, cursor=None))

    def _everything(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        for page in super().read(upstream, resource, reading):
            yield replace(page, items=[whole(upstream, resource.key, item) for item in page.items])

    def read_one(self, upstream: Upstream, resource: Resource, external_id: str, owner: str | None = None) -> dict:
        """One record; of a deleted customer only a stub is left, which is as good as nothing."""
        return whole(upstream, resource.key, alive(super().read_one(upstream, resource, external_id, owner)))

    def list_call(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> Call:
        """For whom it is asked goes with every call."""
        call = super().list_call(resource, reading, settings)
        return replace(call, headers={**call.headers, **acting(settings)})

    def one_call(
        self, resource: Resource, external_id: str, settings: Mapping[str, str], owner: str | None = None
    ) -> Call:
        """As above; the list's parameters are not its."""
        call = super().one_call(resource, external_id, settings, owner)
        return replace(call, params={}, headers={**call.headers, **acting(settings)})

    # -- failures -----------------------------------------------------------------------------------------------------

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """`error` holds message, code and param; Connect's own refusals are flat."""
        body = body_of(answer)
        error = body.get("error")
        if not isinstance(error, dict):
            return str(body.get("error_description") or error or ""), str(error or ""), None
        code = error.get("decline_code") or error.get("code") or error.get("type")
        return str(error.get("message") or ""), str(code or ""), error.get("param")

    def decide(self, answer: Answer) -> str | None:
        """Stripe's own word on trying again goes before the status; a lock on one object is no limit of ours."""
        code = self.explain(answer)[1] if answer.status in (400, 429) else ""
        again = answer.headers.get("Stripe-Should-Retry", "").lower() if answer.status >= 400 else ""
        if answer.status == 429:
            is_lock = code == "lock_timeout" and not answer.headers.get("Stripe-Rate-Limited-Reason")
            word = "retry" if is_lock else "slow down"
        elif answer.status == 400 and code == "rate_limit":
            word = "slow down"
        else:
            word = "retry" if again == "true" else super().decide(answer) or usual(answer.status)
        return "later" if word == "retry" and again == "false" else word


SERVICE = StripeService()
