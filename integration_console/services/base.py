"""The words a service is written in: Service, Credential, Account, and by name all that a declaration needs besides.

A service file declares who it is, how fast we may go and what it holds. What a resource is stands in resource.py, the
models of its records in shapes.py, how it is written in writing.py and how it calls us in webhook.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote

from .. import clock
from ..errors import BadAnswer, InvalidInput, Missing
from ..transport.auth import ApiKey, OAuth
from ..transport.call import Answer, Call
from ..transport.client import Upstream
from ..transport.limit_headers import LimitHeaders
from ..transport.limits import Limit
from ..transport.paging import NextLink, Page, PageNumber, Whole, dig, walk
from .resource import Reading, Resource, Span
from .webhook import Event, Named, Notice, Registered, Registrar, Webhook
from .writing import Writing

__all__ = [
    "NO_SETTINGS", "Account", "Answer", "ApiKey", "Call", "Credential", "Event", "Limit", "LimitHeaders", "Named",
    "NextLink", "Notice", "OAuth", "Page", "PageNumber", "Reading", "Registered", "Registrar", "Resource", "Service",
    "Span", "Upstream", "Webhook", "Whole", "body_of", "dig", "replace", "walk",
]  # fmt: skip

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Credential:
    """One value a person enters to connect."""

    name: str
    label: str
    secret: bool = False
    required: bool = True
    hint: str = ""
    choices: tuple[str, ...] = ()  # the values it may have, the first when empty; "": as the service says
    words: Mapping[str, str] = field(default_factory=dict)  # choice -> what people call it, where it does not say so


@dataclass(frozen=True)
class Account:
    """Whom a set of credentials belongs to."""

    id: str
    name: str
    facts: Mapping[str, str] = field(default_factory=dict)  # "Plan": "Free", "Zone": "Europe/Berlin"
    scopes: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)  # what a connection to this one must hold: tenant_id


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
