"""Each service's application settings (`ApiConfig`): who we are there, where it is, how fast we may go."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select

from ... import clock, services
from ...errors import InvalidInput
from ...models import ApiConfig, db
from ...services.base import OAuth, Service
from ...transport.limits import parse_limits
from .. import audit
from ..sealed import vault
from .app_settings import AppSettings

ADDRESSES = ("api_url", "auth_url", "token_url", "redirect_uri")
_LONGEST = 2000


def of(service: Service) -> ApiConfig:
    """What was set for a service; an empty row, not stored, when nothing was."""
    found = db.session.scalar(select(ApiConfig).where(ApiConfig.service == service.key))
    return found or ApiConfig(service=service.key, updated_at=clock.now())


def in_force(service: Service) -> AppSettings:
    """What counts for a service now: what was set, else the environment's."""
    return AppSettings.of(service)


def fields(service: Service) -> tuple[str, ...]:
    """What can be set for a service, besides the secret: only what it has a use for."""
    consent = ("client_id", "auth_url", "token_url", "redirect_uri") if has_consent(service) else ()
    return (*consent, *(("region",) if service.regions else ()), "api_url", "limits")


def has_consent(service: Service) -> bool:
    """Whether people connect it by consent, so that it needs an application of ours."""
    return any(isinstance(way, OAuth) for way in service.ways)


def save(service_key: str, values: dict[str, str], *, secret: str = "", actor: str) -> list[str]:
    """Set a service's values; an empty one goes back to the environment's, an empty secret stays as it is.

    Returns the names that changed. Raises InvalidInput naming the field; then nothing is saved.
    """
    service = services.by_key(service_key)
    wanted = {name: _checked(service, name, values.get(name, "")) for name in fields(service)}
    row = of(service)
    changed = [name for name, value in wanted.items() if (getattr(row, name) or None) != (value or None)]
    told = audit.changes({name: getattr(row, name) for name in changed}, {name: wanted[name] for name in changed})
    for name in changed:
        setattr(row, name, wanted[name] or None)
    if secret and has_consent(service):
        row.client_secret = vault().seal(f"api_config:{service.key}", _checked(service, "client_secret", secret))
        changed.append("client_secret")
    _keep(row, changed, actor, told)
    return changed


def remove_secret(service_key: str, *, actor: str) -> None:
    """Forget the client secret; the environment's counts again."""
    row = of(services.by_key(service_key))
    if row.client_secret:
        row.client_secret = None
        _keep(row, ["client_secret removed"], actor)


def _keep(row: ApiConfig, changed: list[str], actor: str, told: Mapping[str, str] | None = None) -> None:
    if changed:
        row.updated_at = clock.now()
        db.session.add(row)
        audit.add("service settings changed", row.service, actor=actor, fields=changed, **(told or {}))
    db.session.commit()


def _checked(service: Service, name: str, value: str) -> str:
    value = value.strip()
    if len(value) > _LONGEST:
        raise InvalidInput(f"This may have at most {_LONGEST:,} characters.", field=name)
    if value and name in ADDRESSES:
        _check_address(name, value)
    if value and name == "region" and value not in service.regions:
        raise InvalidInput(f"The region is one of {', '.join(service.regions)}.", field=name)
    if value and name == "limits":
        _check_limits(value)
    return value


def _check_address(name: str, value: str) -> None:
    """https only, for secrets are sent there; plain http where the one test setting allows it."""
    schemes = ("https", "http") if current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS else ("https",)
    if name == "redirect_uri" and current_app.config["SETTINGS"].APP_ENV != "production":
        schemes = ("https", "http")  # it leads back to us
    try:
        parts = urlsplit(value)
        fine = parts.scheme in schemes and parts.hostname and not parts.username and (parts.port or 1)
    except ValueError:
        fine = False
    if not fine or not value.isprintable() or " " in value:
        raise InvalidInput("Enter a whole address that begins with https:// and holds no name or password.", field=name)


def _check_limits(value: str) -> None:
    try:
        parse_limits(value)
    except (InvalidInput, ValueError):
        raise InvalidInput("Write calls/seconds, such as 50/60,1000/3600.", field="limits") from None
