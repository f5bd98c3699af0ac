"""How Xero is written: contacts, and invoices to customers as long as nobody has paid on them.

Everything new goes by PUT, which only makes: a POST without an id would change whatever has that number already. A
changed record goes by POST to its own address and names only what changes; lists such as addresses and lines are sent
whole, for what is left out of them may be taken away.

Source: the write operations of the OpenAPI document; developer.xero.com, "Invoices", "Contacts", "Idempotent requests"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from ... import clock
from ...errors import BadAnswer, BadRecord
from ...transport.call import Answer, Call
from ...transport.client import Upstream
from ...transport.paging import walk
from ..base import dig
from ..writing import Field, Idempotency, Write, Writing, Written, by_name, in_use, value_of
from .bodies import as_kept, body_of_contact, body_of_invoice
from .faults import at_fault, in_words, is_refused, sentences
from .fields import EDITABLE_STATES, FIELDS, plain_of
from .paging import XeroPages
from .records import readable

PLACES = {"contacts": ("/Contacts", "Contacts", "ContactID"), "invoices": ("/Invoices", "Invoices", "InvoiceID")}
# Said with every document: else prices are told and taken to the cent, and a line sent back comes to another amount.
FINE = {"unitdp": 4}
# Always said, for documents differ about what counts without it: a refusal is told as one (400), not within an answer
# that all went well, after which something might be there.
AS_ONE = {"summarizeErrors": True}
OVER = ("VOIDED", "DELETED", "ARCHIVED")
NO_MORE = {
    "PAID": "This invoice is paid and is not changed any more.",
    "VOIDED": "This invoice was voided at Xero and is not changed any more.",
    "DELETED": "This invoice was deleted at Xero and is not changed any more.",
}


class XeroWriting(Writing):
    """Contacts and invoices are made and changed. Nothing is deleted, and no bill or bank transaction is touched."""

    writable: ClassVar = {
        "contacts": frozenset(("create", "update")),
        "invoices": frozenset(("create", "update")),
    }
    # How long a key is remembered is in no document; for so long at least a repeat answers as the first time did.
    idempotency = Idempotency(header="Idempotency-Key", life=timedelta(minutes=5))

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        return list(FIELDS.get(resource, ()))

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        return plain_of(resource, record)

    def refusal(self, write: Write) -> str | None:
        current = write.current or {}
        if write.op not in self.writable.get(write.resource, ()):
            return f"The console never {'deletes' if write.op == 'delete' else 'writes'} Xero's {write.resource}."
        if write.resource == "contacts" and current.get("ContactStatus") not in (None, "ACTIVE"):
            return "This contact is archived at Xero and is not changed any more."
        return _invoice_refusal(write, current) if write.resource == "invoices" else None

    def send(self, upstream: Upstream, write: Write) -> Written:
        """What is as wanted already is not sent; where nothing is left, there is no call."""
        if write.op not in self.writable.get(write.resource, ()):
            return super().send(upstream, write)
        wanted = self._wanted(write)
        body = body_of_invoice(write, wanted) if write.resource == "invoices" else body_of_contact(write, wanted)
        if not body:
            return Written(str(write.external_id), write.current)
        path, items_at, id_name = PLACES[write.resource]
        fine = FINE if write.resource == "invoices" else {}
        if write.op == "create":
            call = Call("PUT", path, AS_ONE | fine, json={items_at: [body]}, template=path, resource=write.resource)
        else:
            said = {items_at: [{id_name: write.external_id, **body}]}
            call = Call(
                "POST", f"{path}/{quote(str(write.external_id), safe='')}", fine, json=said,
                template=path + "/{id}", resource=write.resource,
            )  # fmt: skip
        answer = upstream.send(self.idempotency.put(call, write.marker))
        record = _taken(answer, items_at, id_name)
        return Written(str(record[id_name]), record, answer.call_key)

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """A contact by its name, an invoice by its number: Xero has each only once among those in use.

        An invoice without a number: those that are the same in contact, day, reference and lines. What has not changed
        since the write was wanted is not what it made.
        Raises Over where it is not in use any more: a person decides; BadAnswer where the answer holds no list.
        """
        params = _search(write)
        if write.op != "create" or params is None:
            return []
        path, items_at, id_name = PLACES[write.resource]
        since = {} if write.since is None else {"If-Modified-Since": _stamp(write.since - clock.APART)}
        asked = {**params, "order": f"{id_name} ASC", **(FINE if write.resource == "invoices" else {})}
        call = Call("GET", path, asked, headers=since, template=path, resource=write.resource)
        items = (item for page in walk(upstream.send, call, XeroPages(), items_at=items_at) for item in page.items)
        records = [readable(item) for item in items if isinstance(item, dict) and item.get(id_name)]
        mine = {str(one[id_name]): one for one in records if _is_it(write, plain_of(write.resource, one))}
        over = {number: _state(one) for number, one in mine.items() if _state(one) in OVER}
        return in_use("at Xero", write, mine, over)

    def _wanted(self, write: Write) -> dict[str, Any]:
        """The values that are not there already; of a new record, those that are not empty.

        Raises BadRecord for a field that cannot be written.
        """
        known = by_name(FIELDS[write.resource])
        for name in write.values:
            if name not in known or not known[name].writable:
                raise BadRecord(f"Xero does not let {known[name].label if name in known else name} be written.",
                                field=name)  # fmt: skip
        values = {name: None if value in ("", []) else value for name, value in write.values.items()}
        if write.op == "create":
            return {name: value for name, value in values.items() if value is not None}
        there = {} if write.current is None else plain_of(write.resource, write.current)
        return {name: value for name, value in values.items() if value_of(there, name) != value}


def _invoice_refusal(write: Write, current: Mapping[str, Any]) -> str | None:
    if current.get("Type") not in (None, "ACCREC"):
        return "This is a supplier's bill, which the console never writes."
    if write.values.get("Status") not in (None, *EDITABLE_STATES):
        return "The console makes and changes invoices; it does not void or delete them."
    status = current.get("Status")
    if status in NO_MORE:
        return NO_MORE[status]
    if any(current.get(name) for name in ("AmountPaid", "AmountCredited")):
        return "Something is paid or credited on this invoice, so it is not changed any more."
    contact = dig(current, "Contact.ContactID")
    if contact and write.values.get("Contact.ContactID", contact) != contact:
        whose = dig(current, "Contact.Name") or contact
        return f"This invoice is {whose}'s at Xero; an invoice is never turned into another contact's."
    return None


def _taken(answer: Answer, items_at: str, id_name: str) -> dict[str, Any]:
    """The record in an answer. One that says it was refused, was; one without it is as good as lost (W2).

    Raises BadRecord, BadAnswer.
    """
    try:
        items = answer.data.get(items_at) if isinstance(answer.data, dict) else None
    except BadAnswer as error:
        error.code = "lost"
        raise
    record = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    if is_refused(record):
        said = "; ".join(sentences(record)) or "no reason given"
        raise BadRecord(
            f"Xero refused the record. It says: {in_words(said)}", field=at_fault(said), status=answer.status, raw=said,
            code="ValidationException",
        )  # fmt: skip
    if not record.get(id_name):
        raise BadAnswer("Xero's answer holds no record.", status=answer.status, code="lost")
    return readable(record)


# -- looking for what a lost answer may have left ---------------------------------------------------------------------


def _search(write: Write) -> dict[str, Any] | None:
    values = write.values
    if write.resource == "contacts":
        name = str(values.get("Name") or "").replace('"', '\\"')
        return {"where": f'Name=="{name}"', "includeArchived": True} if name else None
    if number := values.get("InvoiceNumber"):
        quoted = str(number).replace('"', '\\"')
        return {"where": f'Type=="ACCREC" AND InvoiceNumber=="{quoted}"'}
    contact = values.get("Contact.ContactID")
    return {"where": 'Type=="ACCREC"', "ContactIDs": str(contact)} if contact and write.since else None


def _is_it(write: Write, plain: Mapping[str, Any]) -> bool:
    """Whether a record that was found is what we sent."""
    if write.resource == "contacts":
        return _folded(plain.get("Name")) == _folded(write.values.get("Name"))
    if number := write.values.get("InvoiceNumber"):
        return _folded(plain.get("InvoiceNumber")) == _folded(number)
    alike = ("Contact.ContactID", "Date", "Reference")
    if any(plain.get(name) != write.values[name] for name in alike if write.values.get(name)):
        return False
    return plain.get("Lines") == as_kept(write.values.get("Lines") or (), plain.get("CurrencyCode"))


def _state(record: Mapping[str, Any]) -> str:
    return str(record.get("Status") or record.get("ContactStatus") or "")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _folded(text: Any) -> str:
    return " ".join(str(text or "").split()).casefold()


__all__ = ["XeroWriting"]
