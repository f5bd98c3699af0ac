"""The words a service is written in: Service, Resource, Credential, and the models of its records.

A service file declares who it is, how fast we may go and what it holds. The pydantic model of a resource is the one
place that names its fields: it validates what arrives, makes the list of fields we ask for, and gives the columns of
the reporting view.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, NotRequired, Union, get_args, get_origin
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, TypeAdapter
from typing_extensions import TypedDict

from .. import clock
from ..errors import BadAnswer, InvalidInput, Missing
from ..transport.auth import ApiKey, OAuth
from ..transport.call import Answer, Call
from ..transport.client import Upstream
from ..transport.limits import Limit, LimitHeaders
from ..transport.paging import NextLink, Page, PageNumber, Paging, Whole, dig, value_at, walk
from .webhook import Event, Named, Notice, Registered, Registrar, Webhook
from .writing import Writing

__all__ = [
    "NO_SETTINGS", "Account", "Answer", "ApiKey", "Call", "Column", "Credential", "Event", "Limit", "LimitHeaders",
    "Money", "Named", "NextLink", "Notice", "OAuth", "Page", "PageNumber", "Reading", "Registered", "Registrar",
    "Resource", "Service", "Span", "Upstream", "UpstreamRecord", "Webhook", "Whole", "body_of", "dig", "replace",
    "walk",
]  # fmt: skip

NO_SETTINGS: Mapping[str, str] = types.MappingProxyType({})

Money = Annotated[float, "money"]  # validated as a number; kept exactly as sent, reported as NUMERIC
Unix = Annotated[int, "unix"]  # seconds since 1970; kept as sent, reported as a moment


@dataclass(frozen=True)
class Minor:
    """Marks whole numbers of a currency's smallest unit; kept as sent, reported in major units as NUMERIC.

    The vendor's own lists: what it sends without decimals, and with three. All others have two.
    """

    currency: str = "currency"  # the field of the same record that names it
    zero: tuple[str, ...] = ()  # in upper case
    three: tuple[str, ...] = ()

    def places(self, currency: str) -> int:
        """How many decimals amounts of a currency have; case does not matter.

        >>> Minor(zero=("JPY",)).places("jpy"), Minor().places("usd")
        (0, 2)
        """
        code = currency.upper()
        return 0 if code in self.zero else 3 if code in self.three else 2


class UpstreamRecord(BaseModel):
    """The fields we rely on in one kind of record. Others are kept, not refused; missing ones are fine."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Credential:
    """One value a person enters to connect."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    hint: str = ""
    choices: tuple[str, ...] = ()  # the values it may have, the first when empty; "": as the service says


@dataclass(frozen=True)
class Account:
    """Whom a set of credentials belongs to."""

    id: str
    name: str
    facts: Mapping[str, str] = field(default_factory=dict)  # "Plan": "Free", "Zone": "Europe/Berlin"
    scopes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # what a connection to this one must hold: tenant_id


@dataclass(frozen=True)
class Column:
    """One typed column of a resource, as reports and pages show it."""

    name: str  # client_name
    path: tuple[str, ...]  # ("client", "name")
    type: str  # text, integer, number, money, boolean, date, time, json
    unix: bool = False  # sent as seconds since 1970
    minor: Minor | None = None  # sent in the currency's smallest unit

    def value_in(self, record: Mapping[str, Any]) -> Any:
        """What a record holds in this column, as reports show it; as it was sent where that cannot be."""
        value = dig(record, ".".join(self.path))
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        if self.unix and abs(value) < _LAST_MOMENT:
            return (_EPOCH + timedelta(seconds=value)).isoformat()
        currency = dig(record, ".".join((*self.path[:-1], self.minor.currency))) if self.minor else None
        if self.minor and isinstance(currency, str):
            return Decimal(value).scaleb(-self.minor.places(currency))
        return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT = 250_000_000_000  # in the year 9892


@dataclass(frozen=True)
class Span:
    """A stretch of time, both ends included."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Reading:
    """What one walk over a resource is to fetch."""

    full: bool
    now: datetime
    since: datetime | None = None  # an increment: what changed at or after this
    cursor: Any | None = None  # where an interrupted walk goes on
    owner: str | None = None  # the record whose list this is, for resources with `per`
    state: Mapping[str, Any] = field(default_factory=dict)  # what the service remembered of this resource


@dataclass(eq=False)
class Resource:
    """One kind of record a service holds, and how to list it."""

    path: str  # "/matters"; may name settings and {owner}: "/workspaces/{workspace_id}/projects"
    model: type[UpstreamRecord]
    paging: Paging = field(default_factory=Whole)
    label: str = ""  # "Matters"; made from the key when empty
    title: str = "name"  # where in a record its name for people is; "a b|c" is a and b, or c where both are empty
    id: str = "id"
    changed: str | None = "updated_at"  # where the upstream's own time of change is; None when it sends none
    since: str | None = None  # the parameter that narrows a list to changes; None when there is none
    one: str | None = None  # "/matters/{id}", for reading a single record; "" when only the list holds it
    one_by: str | None = None  # the list's parameter that picks one record, where records have no address of their own
    items_at: str | None = None  # where in an answer the list is; None when the answer is the list
    item_at: str | None = None  # where in a single record's answer the record is
    count_at: str | None = None  # where the upstream's own count is
    params: Mapping[str, Any] = field(default_factory=dict)
    splits: tuple[Mapping[str, Any], ...] = ({},)  # a list that must be asked for in parts, with each part's parameters
    headers: Mapping[str, str] = field(default_factory=dict)
    reference: bool = False  # rarely changes: read at most once an hour unless asked
    per: str | None = None  # listed under each record of this resource
    asks_per: str | None = None  # one list to us, though it takes a call for each record of this resource
    lists: int = 1  # that one read asks for, where it is one list to us
    # Where in a record that record's id is, for reads that list all owners' together; without `per`, the id of what it
    # was made of: records are found by it.
    owner_at: str | None = None
    per_changed: bool = False  # an increment asks only for owners that changed
    starts: str | None = None  # where the time a record takes place is, for resources read by window
    trailing: timedelta | None = None  # an increment re-reads this much and compares
    changes_kept: timedelta | None = None  # changes are told apart from the list, for so long; later all is read again
    trust: bool = False  # client trust money: shown, never written (W8)
    key: str = ""  # "matters", from the name it is given in its service

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = self.key or name
        self.label = self.label or name.replace("_", " ").capitalize()
        # Raises pydantic's ValidationError for a record of another shape; what it returns is of no use to us.
        self.validate: Callable[[Any], Any] = TypeAdapter(_lean(self.model)).validator.validate_python

    def __post_init__(self) -> None:
        self._titles = [[value_at(path) for path in alternative.split()] for alternative in self.title.split("|")]
        self._id_of, self.owner_of = value_at(self.id), value_at(self.owner_at)
        self.start_of, self.change_of = value_at(self.starts), value_at(self.changed)

    @property
    def lists_everything(self) -> bool:
        """Every read of this list is a full one, so each proves what is gone."""
        return self.since is None and self.trailing is None and not self.per_changed and self.changes_kept is None

    def columns(self) -> list[Column]:
        """The typed columns of the model; nested objects flattened one level: client{name} -> client_name."""
        return list(_columns(self.model))

    def field_list(self) -> str:
        """The model as a list of fields to ask for: `id,etag,client{id,name}`."""
        return _field_list(self.model)

    def name_of(self, record: Mapping[str, Any]) -> str:
        """What a person calls this record, at most 200 characters; its id when it has no name."""
        for parts in self._titles:
            words = [str(value) for part in parts if (value := part(record)) not in (None, "")]
            if words and (name := " ".join(words)):
                return name[:200]
        return str(self._id_of(record) or "")[:200]


class Service:
    """One upstream. Subclasses declare; most need few methods."""

    key: ClassVar[str]
    label: ClassVar[str]
    description: ClassVar[str]
    category: ClassVar[str]
    source: ClassVar[str]  # address of the vendor's documents
    source_read: ClassVar[date]
    base_url: ClassVar[str]  # as the vendor writes it; may name {region_host}
    regions: ClassVar[Mapping[str, str]] = {}  # region -> origin
    ways: ClassVar[tuple[ApiKey | OAuth, ...]]  # the ways to be let in
    credentials: ClassVar[tuple[Credential, ...]] = ()  # what the key way asks for, secrets and settings
    token_settings: ClassVar[Mapping[str, str]] = {}  # what a token answer tells of the account -> our setting
    options: ClassVar[tuple[str, ...]] = ()  # further settings that say which account it is
    switches: ClassVar[tuple[Credential, ...]] = ()  # further settings of how it is read
    limits: ClassVar[tuple[Limit, ...]]
    budget_by_account: ClassVar[bool] = True  # the vendor counts calls by account; False: by key or token
    limit_headers: ClassVar[LimitHeaders] = LimitHeaders()
    untold_wait_s: ClassVar[float | None] = None  # after a 429 that names no time; None: by the limits
    headers: ClassVar[Mapping[str, str]] = {}  # sent with every call
    responses: ClassVar[Mapping[int, str]] = {}  # what a status means here, where it differs from the usual
    resources: ClassVar[dict[str, Resource]]
    writing: ClassVar[Writing] = Writing()  # how it is written; as it stands here, not at all
    speaks: ClassVar[bool] = False  # it has places where people read what is posted there
    webhook: ClassVar[Webhook | None] = None  # how it calls us; None when it does not, or is only asked

    def __init_subclass__(cls) -> None:
        cls.resources = {name: r for name, r in vars(cls).items() if isinstance(r, Resource)}

    @property
    def adjustable(self) -> tuple[Credential, ...]:
        """What a person may change of a connection at any time: one of its choices, or a whole number."""
        return (*(one for one in self.credentials if one.choices), *self.switches)

    # -- what the engine asks ---------------------------------------------------------------------------------------

    def account(self, upstream: Upstream) -> Account:
        """Whom the credentials belong to. One cheap call that every credential may make."""
        raise TypeError(f"{type(self).__name__} does not say how to find its account")

    def accounts(self, upstream: Upstream) -> list[Account]:
        """Every account these credentials open. More than one, and a person chooses; each names its settings."""
        return [self.account(upstream)]

    def read(self, upstream: Upstream, resource: Resource, reading: Reading) -> Iterator[Page]:
        """Yield the pages of one list; a page's cursor goes back in as `reading.cursor`."""
        start = reading.cursor or {"split": 0, "next": None}
        counted = start.get("counted", 0)  # by the upstream, in the splits before this one
        for number in range(start["split"], len(resource.splits)):
            call = self.list_call(resource, reading, upstream.settings)
            call = replace(call, params={**call.params, **resource.splits[number]})
            pages = walk(
                upstream.send, call, resource.paging, items_at=resource.items_at, count_at=resource.count_at,
                cursor=start["next"] if number == start["split"] else None,
            )  # fmt: skip
            for page in pages:
                count = None if page.upstream_count is None else counted + page.upstream_count
                if page.cursor is None and count is not None:
                    counted = count
                yield replace(page, cursor=self._cursor(resource, number, page.cursor, counted), upstream_count=count)

    def by_owner(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> bool:
        """Whether this read asks for each owner's list, rather than for all owners' in one go."""
        return resource.per is not None

    def read_one(self, upstream: Upstream, resource: Resource, external_id: str, owner: str | None = None) -> dict:
        """One record, whole.

        owner: the record it is listed under, where its address names that one.
        Raises Missing when the upstream has no such record.
        """
        if resource.one == "":
            return self._found_in_list(upstream, resource, external_id)
        call = self.one_call(resource, external_id, upstream.settings, owner)
        data = upstream.send(call).data
        record = dig(data, resource.item_at) if resource.item_at else data
        if resource.one_by and isinstance(record, list):
            if not record:
                raise Missing()
            record = record[0]
        if not isinstance(record, dict):
            raise BadAnswer("The answer holds no record.")
        return record

    def explain(self, answer: Answer) -> tuple[str, str, str | None]:
        """The upstream's own words for a failed call: message, error code, field at fault."""
        return "", "", None

    def decide(self, answer: Answer) -> str | None:
        """What an answer means where the status alone does not say: a word of transport.client.DECISIONS, or None."""
        return self.responses.get(answer.status)

    def compared(self, resource: Resource, reading: Reading, settings: Mapping[str, str] = NO_SETTINGS) -> Span | None:
        """The stretch in which a finished increment has listed everything, so that what is absent is gone."""
        return None

    def limits_for(self, settings: Mapping[str, str]) -> tuple[Limit, ...]:
        """How fast one connection may go, where accounts of one service differ."""
        return self.limits

    def headers_for(self, settings: Mapping[str, str]) -> Mapping[str, str]:
        """What every call of one connection carries, where that names its account."""
        return self.headers

    def limits_apart(self, settings: Mapping[str, str]) -> Mapping[str, tuple[Limit, ...]]:
        """Calls the vendor counts for themselves, by their template; those do not count with the others."""
        return {}

    def leave(self, upstream: Upstream) -> tuple[str, ...]:
        """Give up this account alone, where one sign-in may open several; the ids of the others it opens."""
        return ()

    def post(self, upstream: Upstream, place: str, text: str, blocks: Sequence[Mapping[str, Any]] = ()) -> str:
        """Say something where people read it, where the service `speaks`; what it is known by there.

        place: the id of a channel. blocks: the same laid out; the text is for notifications and plain readers.
        """
        raise TypeError(f"{type(self).__name__} has no place where people read")

    # -- what a service may change ----------------------------------------------------------------------------------

    def list_call(self, resource: Resource, reading: Reading, settings: Mapping[str, str]) -> Call:
        """The call that lists a resource, before paging."""
        params = dict(resource.params)
        if resource.since and reading.since and not reading.full:
            params[resource.since] = reading.since.isoformat(timespec="seconds").replace("+00:00", "Z")
        return Call(
            "GET", resource.path.format_map({**settings, "owner": reading.owner}), params,
            headers=resource.headers, template=resource.path, resource=resource.key,
        )  # fmt: skip

    def one_call(
        self, resource: Resource, external_id: str, settings: Mapping[str, str], owner: str | None = None
    ) -> Call:
        """The call that reads one record; the list's parameters are not its."""
        template = resource.path if resource.one_by else resource.one or resource.path + "/{id}"
        params = {**resource.params, resource.one_by: external_id} if resource.one_by else {}
        if owner is None and "{owner}" in template:
            raise InvalidInput(
                f"One of the {resource.label.lower()} is read under the record it belongs to.", field="owner"
            )
        names = {**settings, "id": quote(external_id, safe=""), "owner": owner}
        return Call(
            "GET", template.format_map(names), headers=resource.headers, params=params, template=template,
            resource=resource.key,
        )  # fmt: skip

    def told(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record in the shape of the Integrations API; as the service sent it, where the contract says nothing."""
        return dict(record)

    def _found_in_list(self, upstream: Upstream, resource: Resource, external_id: str) -> dict:
        for page in self.read(upstream, resource, Reading(full=True, now=clock.now())):
            for item in page.items:
                if isinstance(item, dict) and str(item.get(resource.id)) == external_id:
                    return item
        raise Missing()

    @staticmethod
    def _cursor(resource: Resource, split: int, cursor: Any | None, counted: int = 0) -> dict | None:
        if cursor is None:
            split += 1
        return None if split == len(resource.splits) else {"split": split, "next": cursor, "counted": counted}


def body_of(answer: Answer) -> dict:
    """A failed call's answer as an object; empty when it is anything else, such as a web page."""
    try:
        return answer.data if isinstance(answer.data, dict) else {}
    except BadAnswer:
        return {}


def _bare(annotation: Any) -> Any:
    """An annotation without Optional: `int | None` -> int."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return inner[0] if len(inner) == 1 else str
    return annotation


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Client | None` or `list[Value] | None`, if there is one."""
    annotation = _bare(annotation)
    if get_origin(annotation) is list:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


@cache
def _lean(model: type[BaseModel]) -> Any:
    """A model as a typed dict: it refuses the same records eight times as fast, as no objects are made of them."""
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        if inner := _nested(annotation):
            one = _lean(inner)
            annotation = (types.GenericAlias(list, (one,)) if get_origin(_bare(annotation)) is list else one) | None
        fields[_sent_name(name, info)] = annotation if info.is_required() else NotRequired[annotation]
    make: Any = TypedDict
    lean = make(model.__name__, fields)
    lean.__pydantic_config__ = model.model_config
    return lean


def _sent_name(name: str, info: Any) -> str:
    return info.alias or name


def _field_list(model: type[BaseModel], *, inside: bool = False) -> str:
    """One level of braces: upstreams that take a list of fields refuse a second."""
    parts = []
    for name, info in model.model_fields.items():
        inner = None if inside else _nested(info.annotation)
        parts.append(_sent_name(name, info) + (f"{{{_field_list(inner, inside=True)}}}" if inner else ""))
    return ",".join(parts)


_TYPES = {int: "integer", float: "number", bool: "boolean", str: "text", date: "date", datetime: "time"}
_MARKED = {"money": "money", "unix": "time"}


def _columns(model: type[BaseModel], prefix: tuple[str, ...] = ()) -> Iterator[Column]:
    for name, info in model.model_fields.items():
        path = (*prefix, _sent_name(name, info))
        annotation = _bare(info.annotation)
        is_list = get_origin(annotation) is list
        if not is_list and not prefix and (inner := _nested(annotation)):
            yield from _columns(inner, path)
            continue
        marks = (*info.metadata, *getattr(annotation, "__metadata__", ()))
        kind = next((_MARKED[one] for one in marks if isinstance(one, str) and one in _MARKED), None)
        minor = next((one for one in marks if isinstance(one, Minor)), None)
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        kind = "money" if minor else kind or ("json" if is_list else _TYPES.get(annotation, "json"))
        yield Column("_".join(path), path, kind, "unix" in marks, minor)
