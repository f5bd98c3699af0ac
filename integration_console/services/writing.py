"""The words a service's writing side is written in: what of a record can be mapped, and how it is sent.

A record as an upstream shows it is a tree; a mapping pairs plain fields. `plain` turns one into the other, `send` turns
plain values back into that upstream's calls. Everything between the two knows no upstream.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from operator import itemgetter
from typing import Any, ClassVar

from ..errors import Over
from ..transport.call import Call
from ..transport.client import Upstream

# lines: of a bill or invoice, each as `bill_line` makes it.
TYPES = (
    "text", "email", "phone", "date", "time", "number", "money", "boolean", "choice", "list", "lines", "ref",
)  # fmt: skip
CUSTOM = "custom:"  # custom:<definition id> is a custom field; the bare prefix tells that the record told them all
_figures = itemgetter("quantity", "price", "amount")  # of a line of a bill


@dataclass(frozen=True)
class Field:
    """One thing of a record that can be mapped."""

    name: str  # first_name, address.city, custom:17
    label: str
    type: str = "text"  # one of TYPES
    writable: bool = True
    required: bool = False  # to create a record
    of: str | None = None  # type ref: the resource whose id it holds
    choices: tuple[str, ...] = ()
    longest: int | None = None  # characters
    once: bool = False  # no two records hold the same, however it is capitalised
    once_among: tuple[str, str] = ("", "")  # only among the records in which this field says this
    lasting: bool = False  # a mapping never empties it, whatever is emptied on the other side
    unit: str = ""  # "seconds"
    group: str = ""  # a heading in the editor: "Address", "Custom fields"


@dataclass(frozen=True)
class Write:
    """One write, in plain values."""

    op: str  # create, update, delete
    resource: str
    values: Mapping[str, Any]  # field -> plain value; None clears
    external_id: str | None = None  # none for a create
    current: Mapping[str, Any] | None = None  # the record as the upstream showed it last, whole
    custom: Sequence[Mapping[str, Any]] = ()  # the account's own field definitions, as `fields` takes them
    marker: str = ""  # the change's key, for services that can keep it
    origin: str = ""  # whose record it is made of, for the same: a restore forgets the key, and this is still so then
    since: datetime | None = None  # when it was sent first, for finding what a lost answer may have left
    told: Sequence[str] = ()  # ids of what is voided or archived since, and a person who knows wants another one
    allow_closed: bool = False  # the mapping says that closed matters may be written


@dataclass(frozen=True)
class Written:
    """What a write did."""

    external_id: str
    record: Mapping[str, Any] | None  # as a read of it by id would show it; None when it is gone
    call_key: str = ""  # Transaction.call_key of the call that decided


@dataclass(frozen=True)
class Idempotency:
    """How an upstream is told that a write is the same one again, so that it gives its first answer again (W3).

    Named by a header ("Idempotency-Key") or a parameter of the address ("requestid").
    """

    life: timedelta  # for so long it remembers a key; after that the object is looked for instead
    header: str = ""
    param: str = ""

    def put(self, call: Call, key: str) -> Call:
        """The call with its key. Carrying one, it may be repeated when its answer is lost."""
        if not key:
            return call
        if self.header:
            return replace(call, headers={**call.headers, self.header: key}, safe=True)
        return replace(call, params={**call.params, self.param: key}, safe=True)

    def remembers(self, since: datetime | None, now: datetime) -> bool:
        """Whether a write first sent then may simply be sent again."""
        return since is not None and now - since < self.life


class Writing:
    """How one upstream is written. Subclasses declare what is writable and turn plain values into calls."""

    writable: ClassVar[Mapping[str, frozenset[str]]] = {}  # resource -> operations: nothing else is ever sent (W8)
    conditional: ClassVar[frozenset[str]] = frozenset()  # resources whose writes the upstream itself checks (If-Match)
    # An object is never written where the one it is inside may not be: {"activities": (("matter.id", "matters"),)}.
    inside: ClassVar[Mapping[str, tuple[tuple[str, str], ...]]] = {}
    # An object is never deleted while others name it: {"contacts": (("matters", "client.id"),)}.
    held_by: ClassVar[Mapping[str, tuple[tuple[str, str], ...]]] = {}
    # Where an object is put away rather than deleted, the values that do it: {"projects": {"archived": True}}.
    put_away: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    idempotency: ClassVar[Idempotency | None] = None  # how a repeat is known; None: an uncertain create is looked for

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        """What of this resource can be mapped; `custom`: the account's records of custom field definitions."""
        return []

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record as plain values by field name.

        A field that is not there is missing; one that is there and empty is None (P6). Where the record told all its
        custom fields, the key `custom:` is True, and a custom field that is not listed is empty; see `value_of`.
        """
        return {}

    def completed(self, record: Mapping[str, Any], custom: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """The record with what only the account's definitions say of it: a choice may come as its number alone."""
        return record

    def version_of(self, resource: str, record: Mapping[str, Any]) -> str | None:
        """The upstream's own version of this record, for If-Match; None where it has none."""
        return None

    def refusal(self, write: Write) -> str | None:
        """Why this must never be sent, in a sentence: billed time, a closed matter. None when it may."""
        return None

    def send(self, upstream: Upstream, write: Write) -> Written:
        """Carry it out.

        Raises Stale when the record changed since `write.current`, BadRecord with the field when it is refused, and
        what Upstream.send raises.
        """
        raise TypeError(f"{type(self).__name__} cannot write {write.resource}")

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """Records an uncertain create may have made: by our marker, else by what makes such a record unmistakable.

        Raises Over where what there is is voided or archived by now, and nobody was told of it.
        """
        return []


@dataclass(frozen=True)
class Missing:
    """Stands for a value that is not there; never written, never compared."""

    def __bool__(self) -> bool:
        return False


MISSING = Missing()


def value_of(plain: Mapping[str, Any], name: str) -> Any:
    """The value of a field: MISSING when the record did not tell it, None when it told that it is empty.

    A record that tells all its custom fields is told of those there are, where that is known: one that was removed from
    the account is gone from every record, and empty in none.
    """
    if name in plain:
        return plain[name]
    told = plain.get(CUSTOM) if name.startswith(CUSTOM) else None
    return None if told and (told is True or name in told) else MISSING


def in_use(
    where: str, write: Write, found: Mapping[str, Mapping[str, Any]], states: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """What was found, without what is voided or archived by now.

    where: "at Xero". found: by id. states: id -> the state of what is over.
    Raises Over where nobody was told of one of those yet.
    """
    if news := {number: state for number, state in states.items() if number not in write.told}:
        raise Over(where, news)
    return [one for number, one in found.items() if number not in states]


def as_sent(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The named values as they came; what the record did not tell is not there, what is empty is None (P6).

    >>> as_sent({"name": "", "rate": 0, "billable": False}, ("name", "rate", "billable", "note"))
    {'name': None, 'rate': 0, 'billable': False}
    """
    return {name: record[name] if record[name] or record[name] == 0 else None for name in names if name in record}


def by_name(fields: Sequence[Field]) -> dict[str, Field]:
    """Fields by their names."""
    return {one.name: one for one in fields}


# Currencies without decimals and with three (ISO 4217); all others have two.
_NO_DECIMALS = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
)  # fmt: skip
_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")


def places_of(currency: Any) -> int:
    """How many decimals amounts of a currency have: two where it is not known.

    >>> places_of("kwd"), places_of("JPY"), places_of("USD"), places_of(None)
    (3, 0, 2, 2)
    """
    code = str(currency or "").upper()
    return 0 if code in _NO_DECIMALS else 3 if code in _THREE_DECIMALS else 2


def rounded(amount: Any, currency: Any = None) -> Decimal:
    """An amount in whole units of what its currency is counted in, half of one up.

    >>> rounded("10.125"), rounded("10.125", "KWD"), rounded("99.5", "JPY")
    (Decimal('10.13'), Decimal('10.125'), Decimal('100'))
    """
    return Decimal(str(amount)).quantize(Decimal(1).scaleb(-places_of(currency)), ROUND_HALF_UP)


def spelled_amount(amount: Decimal) -> str:
    """An amount with two decimals, or with as many more as it needs.

    >>> spelled_amount(Decimal("100")), spelled_amount(Decimal("10.120")), spelled_amount(Decimal("10.125"))
    ('100.00', '10.12', '10.125')
    """
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return str(cents if cents == amount else amount.normalize())


def bill_line(description: Any, quantity: Any, price: Any, amount: Any, currency: Any = None) -> dict[str, str | None]:
    """One line of a bill in plain values, in one spelling whichever service it comes from.

    A quantity and a price that do not make the amount are told as one piece at that amount.

    currency: its code, where it is known; rounded to cents where it is not.

    >>> bill_line("Drafting ", 1.5, 300, 450.0)
    {'description': 'Drafting', 'quantity': '1.5', 'price': '300', 'amount': '450.00'}
    >>> bill_line("Rounded down", "0.33", "100", "30")["quantity"]
    '1'
    >>> bill_line("Filing", 1, "10.125", "10.125", "KWD")["amount"]
    '10.125'
    """
    total = rounded(amount, currency)
    count, each = (None if value is None else Decimal(str(value)) for value in (quantity, price))
    if count is None or each is None or rounded(count * each, currency) != total:
        count, each = Decimal(1), total
    words = " ".join(str(description or "").split()) or None
    return {"description": words, "quantity": _spelled(count), "price": _spelled(each), "amount": spelled_amount(total)}


def lined_up(wanted: Sequence[Mapping[str, Any]], there: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Which line that is there each wanted one is: the same, else one of the same words, else the only one left of the
    same quantity, price and amount, whose words were changed; None for a new one.

    Both as `bill_line` tells them. What people set on a line, as its tax, stays with it where others come or go, and
    is never another's.

    >>> fees, court, courier = bill_line("Fees", 1, 9, 9), bill_line("Court", 1, 5, 5), bill_line("Courier", 1, 2, 2)
    >>> lined_up([fees, bill_line("Courier", 1, 3, 3), bill_line("New", 1, 1, 1)], [court, fees, courier])
    [1, 2, None]
    >>> lined_up([bill_line("Fees for May", 1, 9, 9)], [court, fees])
    [1]
    """
    left, found = dict(enumerate(there)), dict[int, int]()
    for alike in (lambda one, other: one == other, lambda one, other: one["description"] == other["description"]):
        for at, line in enumerate(wanted):
            place = next((place for place, one in left.items() if at not in found and alike(line, one)), None)
            if place is not None:
                found[at] = place
                del left[place]
    rest = {at: _figures(line) for at, line in enumerate(wanted) if at not in found}
    for at, figures in rest.items():
        places = [place for place, one in left.items() if _figures(one) == figures]
        if len(places) == list(rest.values()).count(figures) == 1:
            found[at] = places[0]
    return [found.get(at) for at in range(len(wanted))]


def line_in_words(line: Mapping[str, Any]) -> str:
    """A line of a bill for people.

    >>> line_in_words(bill_line("Drafting", 1.5, 300, 450))
    'Drafting: 1.5 × 300 = 450.00'
    """
    return f"{line.get('description') or 'Work'}: {line.get('quantity')} × {line.get('price')} = {line.get('amount')}"


def _spelled(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
