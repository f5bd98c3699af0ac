"""QuickBooks, written: customers and invoices, and nothing else.

A change names the version it was made from (SyncToken) and only what it changes (sparse); QuickBooks refuses it when
the record has moved on (5010). What lies inside another object is sent with all of it, and lines are sent whole, for
both are replaced as one. `requestid` makes a repeat the same write (W3). Deposits, journal entries and bank accounts,
where clients' trust money lies, have no way of being written here (W8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any, ClassVar

from ... import clock
from ...errors import BadRecord, Missing, Stale
from ...transport.call import Call
from ...transport.client import Upstream
from ..base import dig
from ..writing import Field, Idempotency, Write, Writing, Written, in_use, value_of
from . import query
from .bodies import body_of, in_short
from .calls import COMPANY_INFO, call, shown
from .fields import CUSTOMER, FIELDS, ITEM, LINES, NAMED, lines_of, plain, state_of

ENTITY = {"customers": "Customer", "invoices": "Invoice"}
UNITED_STATES = ("US", "USA", "UNITED STATES")
NEVER_FOR = ("trust", "iolta", "retainer")  # products of such a name book to clients' money


class QuickBooksWriting(Writing):
    """Customers and invoices are made and changed. To void or delete an invoice is left to people, in QuickBooks."""

    writable: ClassVar = {
        "customers": frozenset(("create", "update")),
        "invoices": frozenset(("create", "update")),
    }
    conditional: ClassVar = frozenset(writable)
    put_away: ClassVar = {"customers": {"Active": False}}
    # For how long a requestid is remembered is written nowhere: a day is surely too short rather than too long.
    idempotency = Idempotency(timedelta(days=1), param="requestid")

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        """The same in every company."""
        return list(FIELDS.get(resource, ()))

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """As it is sent; of an invoice also its lines in plain values, and what it has come to."""
        return plain(resource, record)

    def version_of(self, resource: str, record: Mapping[str, Any]) -> str | None:
        """The SyncToken."""
        token = record.get("SyncToken")
        return None if token is None else str(token)

    def refusal(self, write: Write) -> str | None:
        """Paid and voided invoices stay as they are, and so does whose they are; trust money is never billed."""
        if write.op not in self.writable.get(write.resource, ()):
            return f"The console does not {write.op} QuickBooks' {write.resource.replace('_', ' ')}."
        if write.resource != "invoices":
            return None
        if _is_for_trust(write.values.get(ITEM)):
            return "This product is for clients' trust money, which the console never writes."
        if write.current is None:
            return None
        state, customer = state_of(write.current), dig(write.current, CUSTOMER)
        if state != "open":
            return f"This invoice is {state} in QuickBooks and is not changed any more."
        if write.values.get(CUSTOMER, customer) != customer:
            name = dig(write.current, "CustomerRef.name") or customer
            return f"This invoice is {name}'s in QuickBooks; an invoice is never turned into another customer's."
        return None

    def send(self, upstream: Upstream, write: Write) -> Written:
        """What is as wanted already is not sent."""
        if write.op not in self.writable.get(write.resource, ()):
            return super().send(upstream, write)  # refuses (W8)
        current = self._current(upstream, write)
        wanted = _wanted(write, current)
        if current is not None and not wanted:
            return Written(str(write.external_id), current)
        is_of_us = cache(lambda: _is_of_us(upstream))
        new = cache(lambda: _new_line(upstream, write.values.get(ITEM), current, is_of_us()))  # where a line is new
        body = body_of(write.resource, wanted, current, new)
        if current is None and write.resource == "invoices" and not is_of_us():
            body["GlobalTaxCalculation"] = "NotApplicable"
        if current is not None:
            if current.get("GlobalTaxCalculation") and "Line" in body:  # left out, tax may come on top of the lines
                body["GlobalTaxCalculation"] = current["GlobalTaxCalculation"]
            body |= {"Id": str(write.external_id), "SyncToken": self.version_of("", current), "sparse": True}
        try:
            answer = upstream.send(self._call(upstream, write, body))
        except Missing as error:  # code 610 speaks of what the record names as well as of itself
            told = "Something this names is inactive or deleted in QuickBooks: its customer or product, or it itself."
            raise BadRecord(told, status=error.status, raw=error.raw, code=error.code) from None
        record = shown(answer, ENTITY[write.resource])
        return Written(str(record["Id"]), record, answer.call_key)

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """By what is one of a kind: a customer's display name, an invoice's number. What was there before the write was
        wanted is not what it made.

        Raises BadRecord where nobody but a person can tell whether it is there, Over where it is voided by now.
        """
        if write.op != "create" or write.resource not in ENTITY:
            return []
        if write.resource == "invoices":
            return self._find_invoice(upstream, write)
        name = write.values.get("DisplayName")
        return self._made(upstream, write, query.equals("DisplayName", str(name))) if name else []

    def _find_invoice(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """By its number; by its lines where QuickBooks may have given it a number of its own."""
        number, customer = write.values.get("DocNumber"), write.values.get(CUSTOMER)
        if not number:
            raise BadRecord(
                "QuickBooks may have made this invoice, and it has no number to be looked for by. Look for it in "
                "QuickBooks; drop this write if it is there.", field="DocNumber",
            )  # fmt: skip
        found = self._made(upstream, write, query.equals("DocNumber", str(number)))
        found = [one for one in found if customer is None or str(dig(one, CUSTOMER)) == str(customer)]
        if not found and customer and write.since is not None and not _keeps_our_numbers(upstream):
            theirs = self._made(upstream, write, query.equals("CustomerRef", str(customer)))
            found = [one for one in theirs if _has_lines(one, write.values.get(LINES))]
        mine = {str(one["Id"]): one for one in found}
        over = {number: "voided" for number, one in mine.items() if state_of(one) == "voided"}
        return in_use("in QuickBooks", write, mine, over)

    @staticmethod
    def _made(upstream: Upstream, write: Write, where: str) -> list[Mapping[str, Any]]:
        """Those of which this is true and that were made since the write was wanted."""
        if write.since is not None:
            since = query.literal((write.since - clock.APART).isoformat(timespec="seconds"))
            where += f" AND MetaData.CreateTime >= {since}"
        return [*query.found(upstream, write.resource, query.Query(ENTITY[write.resource], where=where))]

    def _current(self, upstream: Upstream, write: Write) -> Mapping[str, Any] | None:
        """The record a change is made from: as it was compared, else as it is now. None for a new one.

        An invoice is read again in any case: a payment on it may leave its SyncToken as it is.
        Raises Stale where that one has moved on.
        """
        if write.op == "create":
            return None
        known = self.version_of(write.resource, write.current) if write.current else None
        if known and write.resource != "invoices":
            return write.current
        entity = ENTITY[write.resource]
        path = f"/{entity.lower()}/{{id}}"
        asked = call(upstream, "GET", path, id=str(write.external_id), resource=write.resource)
        record = shown(upstream.send(asked), entity)
        if known and self.version_of(write.resource, record) != known:
            raise Stale("This invoice changed in QuickBooks since it was read.")
        if why := self.refusal(Write(write.op, write.resource, write.values, write.external_id, record)):
            raise BadRecord(why)
        return record

    def _call(self, upstream: Upstream, write: Write, body: Mapping[str, Any]) -> Call:
        path = f"/{ENTITY[write.resource].lower()}"
        return self.idempotency.put(call(upstream, "POST", path, json=body, resource=write.resource), write.marker)


def _wanted(write: Write, current: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values that differ from what the record shows; of a new record, those that are not empty.

    Raises BadRecord naming a field that cannot be written.
    """
    values = {name: None if value in ("", []) else value for name, value in write.values.items()}
    there = plain(write.resource, current) if current is not None else {}
    fields = NAMED[write.resource]
    for name in values:
        if name not in fields or not fields[name].writable:
            label = fields[name].label if name in fields else name
            raise BadRecord(f"QuickBooks does not let {label} be written.", field=name)
    if current is None:
        return {name: value for name, value in values.items() if value is not None}
    wanted = {name: value for name, value in values.items() if value_of(there, name) != value}
    return wanted if LINES in wanted else {name: value for name, value in wanted.items() if name != ITEM}


def _is_of_us(upstream: Upstream) -> bool:
    """Whether the company is in the United States; tax is said in another way everywhere else."""
    realm_id = upstream.settings.get("realm_id", "")
    asked = call(upstream, "GET", COMPANY_INFO, id=realm_id, resource="invoices")
    return str(shown(upstream.send(asked), "CompanyInfo").get("Country") or "US").upper() in UNITED_STATES


def _new_line(upstream: Upstream, name: Any, current: Mapping[str, Any] | None, is_of_us: bool) -> dict[str, Any]:
    """What a new line begins with. An invoice comes to what was billed: it bears no tax, whatever its product is for.

    Outside the United States each line has one of the country's own codes: that of all other lines, if there are any.
    """
    there = {dig(line, "SalesItemLineDetail.TaxCodeRef.value") for line in (current or {}).get("Line") or ()} - {None}
    code = "NON" if is_of_us else there.pop() if len(there) == 1 else None
    item = {"ItemRef": {"value": _item(upstream, name, current)}}
    return item | ({"TaxCodeRef": {"value": code}} if code else {})


def _item(upstream: Upstream, name: Any, current: Mapping[str, Any] | None) -> str:
    """The id of the product new lines are for: the one named, else the one all lines of the invoice are for.

    Raises BadRecord when there is none, or when it books to clients' trust money.
    """
    if name:
        where, missing = query.equals("Name", str(name)), f"QuickBooks has no product or service called “{name}”."
    else:
        there = {dig(line, "SalesItemLineDetail.ItemRef.value") for line in (current or {}).get("Line") or ()} - {None}
        if len(there) > 1:
            raise BadRecord("This invoice is for several products: say which one new lines are for.", field=ITEM)
        if not there:
            raise BadRecord("The lines need a product or service.", field=ITEM)
        where, missing = query.equals("Id", str(*there)), "The product of this invoice's lines is not in use any more."
    found = query.found(upstream, "items", query.Query("Item", where=where))
    active = [one for one in found if one.get("Active") is not False and one.get("Type") != "Category"]
    if not active:
        raise BadRecord(f"{missing} Name one of yours in the mapping.", field=ITEM)
    item = next((one for one in active if one.get("FullyQualifiedName") == name), active[0])
    if any(map(_is_for_trust, (item.get("Name"), dig(item, "IncomeAccountRef.name")))):
        message = f"“{item.get('Name')}” books to clients' trust money, which the console never writes."
        raise BadRecord(message, field=ITEM)
    return str(item["Id"])


def _has_lines(invoice: Mapping[str, Any], lines: Any) -> bool:
    """Whether an invoice has these lines; a voided one tells what they were for, and no amounts any more."""
    there, wanted = in_short(lines_of(invoice)), in_short(lines)
    if state_of(invoice) == "voided":
        return [words for words, _ in there] == [words for words, _ in wanted]
    return there == wanted


def _keeps_our_numbers(upstream: Upstream) -> bool:
    """Whether the company's preferences let an invoice bring its number; elsewhere QuickBooks counts them itself."""
    told = upstream.send(call(upstream, "GET", "/preferences", resource="invoices")).data
    return dig(told, "Preferences.SalesFormsPrefs.CustomTxnNumbers") is True


def _is_for_trust(name: Any) -> bool:
    return any(word in str(name or "").lower() for word in NEVER_FOR)


__all__ = ["QuickBooksWriting"]
