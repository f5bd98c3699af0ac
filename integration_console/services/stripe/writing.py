"""Stripe, written: customers made and changed, invoices made and finalized, subscriptions canceled and paused.

Source: https://docs.stripe.com/api, "Idempotent requests" and the pages of each object

Every POST bears the key of its change: Stripe gives its first answer again for as long as it remembers the key. So an
invoice, which takes several calls, is simply gone through again after a lost answer. For that the same change must
always make the same body: it is made of the wanted values alone, never of what the record happens to be. There is no
version of a record; the sender looks at it before writing over it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from ... import clock
from ...errors import BadAnswer, BadRecord, ConsoleError, Missing
from ...transport.call import Answer
from ...transport.client import Upstream
from ..base import dig, walk
from ..writing import Field, Idempotency, Write, Writing, Written, by_name, in_use, value_of
from .bodies import MADE_OF, MARK, draft_of, form_of, item_of, marks_of, word
from .fields import FIELDS, plain
from .reading import PAGES, call_for, whole

PATHS = {"customers": "/v1/customers", "invoices": "/v1/invoices", "subscriptions": "/v1/subscriptions"}
ONE = {"customers": "customer", "invoices": "invoice", "subscriptions": "subscription"}
FINALIZE = "/v1/invoices/{id}/finalize"
OVER = ("canceled", "incomplete_expired")  # states no subscription comes back from


class StripeWriting(Writing):
    """A customer or an invoice is never deleted here: Stripe would take what hangs on it with it."""

    writable: ClassVar = {
        "customers": frozenset(("create", "update")),
        "invoices": frozenset(("create", "update")),
        "subscriptions": frozenset(("update",)),
    }
    # At least 24 hours; an hour of them is left for clocks and for the last call.
    idempotency = Idempotency(life=dt.timedelta(hours=23), header="Idempotency-Key")

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        """The same for every account."""
        return list(FIELDS.get(resource, ()))

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """Money in whole units, times and days as text, moved fields from where they are now or were before."""
        return plain(resource, record)

    def refusal(self, write: Write) -> str | None:
        """What Stripe does not take back, or no longer changes."""
        status = str((write.current or {}).get("status"))
        if write.resource == "invoices" and write.op == "update" and status not in ("draft", "None"):
            return "This invoice is finalized, and Stripe does not change it any more."
        if write.resource == "subscriptions" and status in OVER:
            return "This subscription is over, and Stripe does not bring it back."
        return None

    def send(self, upstream: Upstream, write: Write) -> Written:
        """What is as wanted already is not sent.

        A key that Stripe knows with another body, as of an earlier release, may have made the record: it is looked for.
        """
        if write.op not in self.writable.get(write.resource, ()):
            return super().send(upstream, write)  # refuses
        _check(write)
        if write.op == "update" and not self._differing(write):
            return Written(str(write.external_id), write.current)
        try:
            return self._invoice(upstream, write) if write.resource == "invoices" else self._other(upstream, write)
        except BadRecord as error:
            if error.code != "idempotency_error" or write.op != "create":
                raise
            return self._made_before(upstream, write, error)

    def _other(self, upstream: Upstream, write: Write) -> Written:
        """A customer or a subscription, in one call."""
        if write.resource == "subscriptions" and write.values.get("canceled"):
            path = f"{PATHS[write.resource]}/{quote(str(write.external_id), safe='')}"
            template = f"{PATHS[write.resource]}/{{id}}"
            call = call_for(upstream, "DELETE", path, template=template, resource=write.resource)
            return _written(upstream, write, upstream.send(call))
        marks = marks_of(write) if write.op == "create" else {}
        return _written(upstream, write, self._post(upstream, write, form_of(write) | marks))

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """The one that bears the mark of this change, among those made since; else the one made of the same record: a
        change that a restore has us want once more has another mark.

        Raises BadRecord for an invoice that was begun and not brought to its end, Over for one that is void by now.
        """
        if write.op != "create" or not write.marker or write.since is None:
            return []
        params: dict[str, Any] = {"created[gte]": int((write.since - clock.APART).timestamp())}
        if write.resource == "invoices":
            params["customer"] = write.values.get("customer")
        call = call_for(upstream, "GET", PATHS[write.resource], params, resource=write.resource)
        pages = walk(upstream.send, call, PAGES, items_at="data")
        mine = [whole(upstream, write.resource, one) for one in _mine(write, [o for page in pages for o in page.items])]
        begun = [one for one in mine if write.resource == "invoices" and _is_begun(write, one)]
        if begun:
            raise BadRecord(
                f"The invoice {begun[0]['id']} was begun and is still a draft. Finish or delete it in Stripe."
            )
        over = {str(one["id"]): "void" for one in mine if one.get("status") == "void"}
        return in_use("in Stripe", write, {str(one["id"]): one for one in mine}, over)

    def _made_before(self, upstream: Upstream, write: Write, refusal: BadRecord) -> Written:
        """What a call with this key and another body made, perhaps an earlier release's. Raises the refusal.

        Whatever keeps it from being looked for, it may be there: Stripe forgets the key before a right is given.
        """
        try:
            made = self.find(upstream, write)
        except ConsoleError as error:
            error.may_be_there = True
            raise
        if len(made) == 1:
            return Written(str(made[0]["id"]), made[0])
        refusal.may_be_there = bool(made)
        raise refusal

    # -- invoices -----------------------------------------------------------------------------------------------------

    def _invoice(self, upstream: Upstream, write: Write) -> Written:
        """A draft, its lines, and then it is made final; each call with a key of its own.

        Nothing is e-mailed or charged by that, unless `auto_advance` says so, and that is said last: Stripe makes such
        a draft final by itself within the hour, also one that was left without its lines.
        """
        is_new = write.op == "create"
        form = form_of(write) | (draft_of(write) if is_new else {})
        answer = self._post(upstream, write, form) if form else None
        number = str(_shown(answer, write)["id"] if answer else write.external_id)
        finalize = write.values.get("finalized", is_new)
        try:
            for at, line in enumerate(write.values["lines"] if is_new else ()):
                item = item_of(write, number, line)
                self._post(upstream, write, item, to="/v1/invoiceitems", step=f"line-{at}")
            advances = {"auto_advance": word(bool(write.values.get("auto_advance")))}
            if finalize:
                answer = self._post(upstream, write, advances, to=FINALIZE, of=number, step="end")
            elif is_new and write.values.get("auto_advance"):
                self._post(upstream, write, advances, to="/v1/invoices/{id}", of=number, step="advance")
        except BadRecord as error:
            error.args = (f"{error} The draft {number} is left in Stripe.",) if is_new else error.args
            raise
        if answer is None or (is_new and not finalize):  # the draft was shown before it had lines
            path, template = f"{PATHS['invoices']}/{quote(number, safe='')}", "/v1/invoices/{id}"
            answer = upstream.send(call_for(upstream, "GET", path, template=template, resource="invoices"))
        return _written(upstream, write, answer)

    # -- calls --------------------------------------------------------------------------------------------------------

    def _post(
        self, upstream: Upstream, write: Write, form: Mapping[str, str], *, to: str = "", of: str | None = None,
        step: str = "",
    ) -> Answer:  # fmt: skip
        """Send one form; a refusal names our field, and a record it names that is not there is that field's fault.

        to: the template of the address; the record's own, or where one is made, when empty. of: the id in it.
        Raises BadRecord and what Upstream.send raises.
        """
        template = to or PATHS[write.resource] + ("/{id}" if write.external_id else "")
        path = template.format(id=quote(of or write.external_id or "", safe=""))
        call = call_for(upstream, "POST", path, form=dict(form), template=template, resource=write.resource)
        try:
            return upstream.send(self.idempotency.put(call, _key(write, step)))
        except BadRecord as error:
            error.field = _our_name(error.field)
            raise
        except Missing as error:
            named = _named_in(error, form)
            if named is None:
                raise
            told = "Stripe has no such record as this field names."
            raise BadRecord(told, field=named, status=error.status, raw=error.raw, code=error.code) from None

    def _differing(self, write: Write) -> bool:
        there = {} if write.current is None else self.plain(write.resource, write.current)
        wanted = {name: None if value == "" else value for name, value in write.values.items()}
        return any(value_of(there, name) != value for name, value in wanted.items())


def _key(write: Write, step: str) -> str:
    """The key of one of a change's calls: the same however often it is sent; none for a write that is no change."""
    return f"{write.marker}-{step}" if write.marker and step else write.marker


# -- what is wanted, and what was made of it --------------------------------------------------------------------------


def _check(write: Write) -> None:
    """Raises BadRecord for a field that cannot be written, or a wish that cannot be met."""
    known, values = by_name(list(FIELDS[write.resource])), write.values
    for name in values:
        if name not in known or not known[name].writable:
            raise BadRecord(f"{known[name].label if name in known else name} cannot be written at Stripe.", field=name)
    if write.resource == "subscriptions" and values.get("canceled") is False and dig(write.current, "status") in OVER:
        raise BadRecord("Stripe does not bring a canceled subscription back.", field="canceled")
    if write.resource == "invoices" and write.op == "create":
        for name in ("customer", "currency", "lines"):
            if not values.get(name):
                raise BadRecord(f"An invoice needs this: {known[name].label}.", field=name)
    if write.resource == "invoices" and write.op == "update":
        fixed = [name for name in ("customer", "currency", "lines") if name in values]
        if fixed:
            raise BadRecord(f"{known[fixed[0]].label} of an invoice is set when it is made.", field=fixed[0])


def _mine(write: Write, records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that bear the mark of this change; else those made of the same record."""
    own = [one for one in records if dig(one, f"metadata.{MARK}") == write.marker]
    return own or [one for one in records if write.origin and dig(one, f"metadata.{MADE_OF}") == write.origin]


def _is_begun(write: Write, invoice: Mapping[str, Any]) -> bool:
    """Whether this is no more than a part of the invoice that was wanted: to stay a draft, it still needs its lines."""
    if invoice.get("status") != "draft" or write.values.get("finalized") is not False:
        return invoice.get("status") == "draft"
    return len(dig(invoice, "lines.data") or ()) < len(write.values.get("lines") or ())


# -- answers ----------------------------------------------------------------------------------------------------------


def _shown(answer: Answer, write: Write) -> dict[str, Any]:
    """The record in an answer: without it, the write is not known to be done (W2)."""
    record = answer.data
    if not isinstance(record, dict) or not record.get("id"):
        raise BadAnswer(f"Stripe did not show the {ONE[write.resource]} as it is now.")
    return record


def _written(upstream: Upstream, write: Write, answer: Answer) -> Written:
    record = whole(upstream, write.resource, _shown(answer, write))
    return Written(str(record["id"]), record, answer.call_key)


def _our_name(param: str | None) -> str | None:
    """The field a refusal speaks of: address[line1] is address.line1; an amount is a line's.

    >>> _our_name("address[line1]"), _our_name("pause_collection[behavior]"), _our_name("amount")
    ('address.line1', 'pause_collection', 'lines')
    """
    outer, _, inner = (param or "").partition("[")
    if outer == "address" and inner:
        return f"address.{inner.rstrip(']')}"
    return {"amount": "lines", "days_until_due": "due_date"}.get(outer, outer) or None


def _named_in(error: Missing, form: Mapping[str, str]) -> str | None:
    """The field that names what is missing, by its id in Stripe's words: "No such customer: 'cus_x'"."""
    return next((name for name, value in form.items() if name == "customer" and value in (error.raw or "")), None)


__all__ = ["StripeWriting"]
