"""The words in which a service says how it calls us: what proves it, what a delivery says, how it is registered.

    webhook = Webhook(HmacHeader("X-Harbor-Signature"), events_of, retries_for=timedelta(days=1))

is all a service needs that signs in a way transport/signatures.py knows: the address, the check over the raw body, the
once-only keeping, the log entry, the page and the tampering tests come by themselves. `events_of` is a plain function
from a proved Notice to the Events it holds. A Registrar is added where the service lets hooks be made by its API;
elsewhere `instructions` tells a person what to enter there, and `secret` what to bring back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple

from ..transport.client import Upstream
from ..transport.signatures import Signature


class Named(NamedTuple):
    """A record a delivery speaks of. It is read again, whatever the delivery says of it (H4)."""

    resource: str  # one of the service's
    external_id: str
    owner: str | None = None  # the record it is listed under, for resources with `per`


@dataclass(frozen=True)
class Event:
    """One thing that happened there."""

    key: str  # the same when it is sent again, another when it happens again (H3)
    kind: str  # matter.updated, as the sender calls it
    records: tuple[Named, ...] = ()  # all by one id, it is found by that; none: nothing we keep, it is only noted
    account: str | None = None  # whose it is; None where the sender does not say. Another's is never read here
    app: str | None = None  # which application it was sent for, where a signature proves only the sender
    at: datetime | None = None  # when it happened, if it is said
    # Nothing in it tells a later change from a repeat: once its record has been read, the same key counts as new.
    may_recur: bool = False
    access_ended: bool = False  # our access was taken away there: the account is tried, and a person told

    def __post_init__(self) -> None:
        if any(named.external_id != self.records[0].external_id for named in self.records):
            raise ValueError("An event is about one record; several that came together are several events.")


@dataclass(frozen=True)
class Notice:
    """A delivery whose sender is proved."""

    body: bytes
    headers: Mapping[str, str]  # in any case
    data: Any  # the body as JSON: an object or a list
    topic: str = ""  # of the subscription whose secret proved it; empty when it was registered by hand

    def header(self, name: str) -> str:
        """A header's value; empty when it is not there."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    @cached_property
    def digest(self) -> str:
        """The body in 32 letters, for senders that number nothing."""
        return sha256(self.body).hexdigest()[:32]


@dataclass(frozen=True)
class Registered:
    """A hook as the service holds it."""

    external_id: str
    works: bool = True  # deliveries come; False while it waits for the exchange, or was switched off there
    secret: str | None = None  # where the service tells it
    expires_at: datetime | None = None
    said: str = ""  # its state in the service's own word: "suspended"


class Registrar:
    """Hooks made by the service's API. One subscription for each topic; the account's plan may allow only a few."""

    topics: ClassVar[Mapping[str, str]] = {}  # topic -> the resource it is about, the most wanted first; "" = of many
    life: ClassVar[timedelta | None] = None  # until it ends by itself; None = for ever
    rotates: ClassVar[bool] = False  # it can be given a new secret

    def slots(self, settings: Mapping[str, Any]) -> int | None:
        """How many hooks this account may have; None where the service names no number."""
        return None

    def wanted(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The topics to subscribe to, as many as this account may have."""
        return tuple(self.topics)

    def create(self, upstream: Upstream, topic: str, url: str, now: datetime) -> Registered:
        """Make one."""
        raise NotImplementedError

    def left_there(self, upstream: Upstream, topic: str, url: str) -> list[str]:
        """Hooks of this topic and address that are there already: our own, from before something went wrong."""
        return []

    def look(self, upstream: Upstream, external_id: str) -> Registered:
        """How it is now. Raises Missing when it is gone."""
        raise NotImplementedError

    def renew(self, upstream: Upstream, external_id: str, now: datetime) -> Registered:
        """Let it live longer."""
        raise NotImplementedError

    def activate(self, upstream: Upstream, external_id: str, secret: str) -> Registered:
        """Finish an exchange whose first half did not arrive."""
        raise NotImplementedError

    def rotate(self, upstream: Upstream, external_id: str) -> Registered:
        """Give it a new secret, where `rotates`."""
        raise NotImplementedError

    def remove(self, upstream: Upstream, external_id: str) -> None:
        """Take it away. Raises Missing when it is gone already."""
        raise NotImplementedError


@dataclass(frozen=True)
class Webhook:
    """How a service calls us."""

    signature: Signature
    events: Callable[[Notice], Iterable[Event]]  # KeyError, TypeError, ValueError: the body is malformed
    retries_for: timedelta  # a longer silence of ours may have lost something: then it is read again by itself
    registrar: Registrar | None = None
    exchange: str = ""  # the header in which the sender brings its secret, in an exchange we began
    secret: str = ""  # what a person has to bring from there, by its name there; empty when nothing
    instructions: str = ""  # how a person registers {address} there, in sentences
    published_keys: tuple[str, ...] = ()  # the sender's own, where it signs with a private key
    # A signed body that wants its own word back, and nothing else done: the word, or None. Slack's url_verification.
    challenge: Callable[[Notice], str | None] = lambda notice: None
    # One address and one secret serve every account of an app: an event may be another connection's of ours.
    shared: bool = False
    # Kinds of events that say others were not sent, nor will be: what they were about is read whole.
    held_back: tuple[str, ...] = ()
