"""Accounts that programs connect: by key, tried before it is kept, or by a consent that a person gives meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic.alias_generators import to_camel

from ... import services
from ...errors import InvalidInput, NeedsPerson, NotAllowed
from ...models import Connection, db
from ...services.base import Service
from .. import settings
from ..accounts import connections, proof
from . import integrations, pending, webhook_targets

KEY_WORDS = "credentials"


@dataclass(frozen=True)
class Wanted:
    """What a program asks for."""

    service: Service
    name: str
    settings: Mapping[str, str]  # the service's own
    permissions: tuple[str, ...] = ()
    webhook_url: str | None = None
    sync_frequency: str | None = None
    by: str = ""
    owner: str = ""  # whose token it is

    def checked(self) -> tuple[str | None, str, str]:
        """The address for webhooks, the frequency and its time zone. Raises InvalidInput."""
        zone = settings.get("firm.time_zone")
        frequency, zone = integrations.schedule_of(self.sync_frequency or "hourly", zone)
        url = webhook_targets.checked(self.webhook_url, "settings.webhookUrl") if self.webhook_url else None
        return url, frequency, zone


@dataclass(frozen=True)
class Begun:
    """A connection that waits for consent."""

    connection_id: str
    auth_url: str
    state: str


def by_key(wanted: Wanted, given: Mapping[str, str]) -> Connection:
    """Connect with a key, after one call with it has told whose it is; what is kept is kept whole.

    given: the service's credentials, those that are no secret among them.
    Raises InvalidInput, also for what the service does not accept.
    """
    service, (url, frequency, zone) = wanted.service, wanted.checked()
    known = {one.name: one.secret for one in service.credentials}
    _must_fit(service, given, known)
    plain = {name: value for name, value in given.items() if not known[name]}
    secret = {name: value for name, value in given.items() if known[name]}
    with _named(service):
        connection = connections.add(
            service.key, name=wanted.name, credentials=secret, settings={**wanted.settings, **plain}, by=wanted.by,
            frequency=frequency, time_zone=zone,
        )  # fmt: skip
    webhook_targets.set_url(connection, url, by=wanted.by)
    db.session.commit()
    return connection


def renew(connection: Connection, given: Mapping[str, str], *, by: str) -> Connection:
    """Give a connection by key a new one, after one call with it has told that it is of the same account.

    Raises InvalidInput, also for what the service does not accept; then the old key stays.
    """
    service = services.by_key(connection.service)
    _must_fit(service, given, {one.name for one in service.credentials if one.secret})
    with _named(service):
        return connections.reconnect(connection, given, by=by)


def _must_fit(service: Service, given: Mapping[str, str], known: Iterable[str]) -> None:
    if not integrations.uses_key(service):
        raise InvalidInput(f"{service.label} is connected by consent, not with a key.", field=KEY_WORDS)
    if strange := sorted(set(given) - set(known)):
        raise InvalidInput(f"{service.label} asks for no such value.", field=f"{KEY_WORDS}.{to_camel(strange[0])}")


def by_consent(wanted: Wanted, return_to: str = "", their_state: str = "") -> Begun:
    """Begin a consent; its connection has an id from now on.

    return_to: the registered address the browser goes on to.
    Raises InvalidInput when the service has none, its application is not set up, or a permission is unknown.
    """
    if not integrations.uses_consent(wanted.service):
        raise InvalidInput(f"{wanted.service.label} is connected with a key.", field=KEY_WORDS)
    url, frequency, zone = wanted.checked()
    with _named(wanted.service):
        settings = proof.checked_settings(wanted.service, wanted.settings, {"access_token": ""})
        leaving, key = pending.begin(
            wanted.service.key, name=wanted.name, settings=settings, permissions=wanted.permissions,
            by=wanted.by, owner=wanted.owner, webhook_url=url, frequency=frequency, time_zone=zone,
            return_to=return_to, their_state=their_state,
        )  # fmt: skip
    return Begun(integrations.PREFIX + key, leaving.address, leaving.state)


@contextmanager
def _named(service: Service) -> Iterator[None]:
    """Names what is wrong as the API names it, and takes a refused key for a wrong value."""
    secret = {one.name for one in service.credentials if one.secret}
    try:
        yield
    except (NeedsPerson, NotAllowed) as error:
        raise InvalidInput(str(error), field=KEY_WORDS) from None
    except InvalidInput as error:
        if error.field in (None, "service", "name", "permissions", "redirectUri", KEY_WORDS):
            raise
        place = KEY_WORDS if error.field in secret else "settings"
        name = "syncFrequency" if error.field == "frequency" else to_camel(error.field)
        raise InvalidInput(str(error), field=f"{place}.{name}") from None
