"""Whom credentials belong to: proved by a call before anything is kept. Also what a person gave until then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import InvalidInput, NeedsPerson
from ...models import db
from ...services.base import Account, ApiKey, OAuth, Service
from ..sealed import kept_answer
from .accounts import open_trial


@dataclass(frozen=True)
class Given:
    """What a connection is made of, checked but not yet proved."""

    service: Service
    name: str
    credentials: dict[str, Any] = field(repr=False)  # as they are sealed
    settings: dict[str, str]
    permissions: tuple[str, ...] = ()  # asked for


def accounts(service: Service, credentials: dict, settings: Mapping[str, str]) -> list[Account]:
    """Every account these credentials open, as the service itself tells by a call or two."""
    opened = open_trial(service, credentials, settings)
    try:
        found = service.accounts(opened.upstream)
    except NeedsPerson as error:
        raise _not_let_in(service, settings, error) from None
    finally:
        opened.recorder.flush(db.session())
        db.session.commit()
    if not found:
        raise NeedsPerson(f"{service.label} let us in, but to no account. Choose one in the sign-in there.")
    return found


def fitting(found: list[Account], settings: Mapping[str, str]) -> list[Account]:
    """Those that the settings a person gave do not speak against."""
    return [a for a in found if all(settings.get(name, value) == value for name, value in a.settings.items())]


def pick(found: list[Account], settings: Mapping[str, str]) -> Account:
    """The one account. Raises InvalidInput naming them when there are several, or none is as the settings say."""
    left = fitting(found, settings)
    if len(left) == 1:
        return left[0]
    ways = "; ".join(f"{a.name}: {', '.join(f'{n}={v}' for n, v in a.settings.items())}" for a in found[:20])
    said = f"open {len(left)} accounts; say which" if left else "open none with these settings. There are"
    raise InvalidInput(f"These credentials {said}: {ways}.", field=next(iter(found[0].settings), "settings"))


def settings_of(service: Service, account: Account, given: Mapping[str, str]) -> dict[str, str]:
    """The settings of a connection to this account: what it must hold, what was given, what the account tells."""
    told = {name: str(value) for name, value in account.facts.items() if name in setting_names(service)}
    return {**told, **given, **account.settings}


def granted(given: Given, account: Account) -> list[str]:
    """The permissions the service gave. One that does not say which gave all that were asked for (RFC 6749, 5.1)."""
    return list(account.scopes or given.credentials.get("scopes") or given.permissions)


def _not_let_in(service: Service, settings: Mapping[str, str], error: NeedsPerson) -> NeedsPerson:
    """A refusal of credentials that were only just entered: nobody has to reconnect anything."""
    if error.status != 401:
        return error
    _, it_says, words = str(error).partition(" It says: ")
    region = settings.get("region", "").upper()
    hint = f" Are they of the region {region}? An account lives in one." if region and service.regions else ""
    message = f"{service.label} does not accept these credentials.{hint}{it_says}{words}"
    return NeedsPerson(message, status=error.status, raw=error.raw, code=error.code)


def checked_name(name: str) -> str:
    """A connection's name, cleaned. Raises InvalidInput."""
    name = " ".join(name.split())
    if not 0 < len(name) <= 200:
        raise InvalidInput("Give the connection a name of 1 to 200 characters.", field="name")
    return name


def setting_names(service: Service) -> set[str]:
    """The settings a connection of this service may hold, secrets aside."""
    return (
        {c.name for c in service.credentials if not c.secret}
        | {s for s in ("region",) if service.regions}
        | set(service.options)
        | {c.name for c in service.switches}
        | set(service.token_settings.values())
        | {ours for way in service.ways if isinstance(way, OAuth) for ours in way.told_on_return.values()}
    )


def checked_settings(service: Service, settings: Mapping[str, str], credentials: Mapping[str, Any]) -> dict[str, str]:
    """Settings as they are kept. Raises InvalidInput naming the one that is missing, unknown or wrong."""
    allowed = setting_names(service)
    for name in settings:
        if name not in allowed:
            known = ", ".join(sorted(allowed)) or "none"
            raise InvalidInput(f"{service.label} has no setting {name!r}. There are: {known}.", field=name)
    region = settings.get("region")
    if region and region not in service.regions:
        raise InvalidInput(
            f"{service.label} has no region {region!r}. There are: {', '.join(service.regions)}.", field="region"
        )
    check_switches(service, settings)
    if "access_token" not in credentials:
        needed = (one for one in service.credentials if one.required and not one.secret)
        missing = {one.name: f"{one.label} is missing." for one in needed if not settings.get(one.name)}
        if missing:
            raise InvalidInput(" ".join(missing.values()), fields=missing)
    return {name: str(value).strip() for name, value in settings.items() if str(value).strip()}


def check_switches(service: Service, settings: Mapping[str, str]) -> None:
    """Whether what may be changed at any time has a value it can have. Raises InvalidInput naming what there is."""
    for one in service.adjustable:
        value = str(settings.get(one.name) or "").strip()
        if value and one.choices and value not in one.choices:
            known = ", ".join(filter(None, one.choices))
            raise InvalidInput(f"{one.label} cannot be {value[:100]!r}. There are: {known}.", field=one.name)
        if value and not one.choices and not (value.isascii() and value.isdecimal() and 0 < int(value[:9]) <= 366):
            raise InvalidInput(f"{one.label} is a whole number from 1 to 366.", field=one.name)


def checked_credentials(service: Service, given: Mapping[str, Any]) -> dict[str, Any]:
    """What will be sealed: a key, or tokens with the moment they end."""
    if "access_token" in given:
        if not any(isinstance(way, OAuth) for way in service.ways):
            raise InvalidInput(f"{service.label} is connected with a key, not with tokens.", field="credentials")
        return kept_answer(given)
    way = next((way for way in service.ways if isinstance(way, ApiKey)), None)
    if way is None:
        raise InvalidInput(f"{service.label} is connected by consent (OAuth), not with a key.", field="credentials")
    value = str(given.get(way.credential) or "").strip()
    if not value:
        raise InvalidInput(f"The {service.label} key is missing.", field=way.credential)
    if any(ord(c) < 33 or ord(c) > 126 for c in value):
        raise InvalidInput(f"The {service.label} key has characters a key cannot have.", field=way.credential)
    return {way.credential: value}
