"""The forms of connecting and reconnecting, drawn from a service's declaration. Shared by the pages that use them."""

from __future__ import annotations

from flask import make_response, render_template, request

from ...errors import AlreadyConnected, ConsoleError, InvalidInput
from ...models import Connection
from ...operations.accounts import consent, preflight
from ...services.base import ApiKey, OAuth, Service
from .. import forms
from . import guides

FREQUENCIES = {
    "15min": "Every 15 minutes", "hourly": "Every hour", "daily": "Every day at 05:00",
    "weekly": "Every Monday at 05:00", "manual": "Only when asked", "cron": "As a cron line says",
}  # fmt: skip
ABOUT = ("name", "frequency", "again")  # fields of the form that are no settings of the service
_PERMISSION = "permission:"


def form_page(service: Service, form: forms.Form):
    """The page on which a service is connected."""
    return render_template(
        "connections/form.html", service=service, form=form, frequencies=FREQUENCIES,
        has_guide=guides.exists(service.key), span=preflight.span_in_words, **ways(service),
    )  # fmt: skip


def reconnect_page(connection: Connection, service: Service, form: forms.Form):
    """The page on which a connection gets a new key or consent."""
    asked = consent.checked_permissions(service, (), connection) if consent.services_consent(service) else ()
    return render_template(
        "connections/reconnect.html", connection=connection, service=service, form=form, asked=asked,
        has_guide=guides.exists(service.key), **ways(service),
    )  # fmt: skip


def ways(service: Service) -> dict:
    """How a service lets people in, and whether its application is ready for consent."""
    by_consent = consent.services_consent(service)
    return {
        "by_key": any(isinstance(way, ApiKey) for way in service.ways), "by_consent": by_consent,
        "consent_ready": bool(by_consent) and consent.available(service.key),
    }  # fmt: skip


def sent_by_key(service: Service, *more: str) -> tuple[dict[str, str], dict[str, str]]:
    """The form of a key: what may be shown again, and what may not."""
    secret = tuple(c.name for c in service.credentials if c.secret)
    everything = forms.sent(*more, *_plain_settings(service), raw=secret)
    return {n: v for n, v in everything.items() if n not in secret}, {n: everything[n].strip() for n in secret}


def sent_for_consent(service: Service) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """The form of a consent: everything, the settings in it, and the permissions ticked."""
    sent = forms.sent("name", *_plain_settings(service), *_permission_fields(service))
    plain = {name: sent[name] for name in _plain_settings(service) if sent[name]}
    return sent, plain, _ticked(sent)


def sent_permissions(service: Service) -> list[str]:
    """The permissions ticked in the form of a reconnection."""
    return _ticked(forms.sent(*_permission_fields(service)))


def as_input(error: ConsoleError) -> InvalidInput:
    """What the service said about the credentials, as a message of the form."""
    if isinstance(error, AlreadyConnected):
        return InvalidInput(str(error), field="again")
    return error if isinstance(error, InvalidInput) else InvalidInput(str(error))


def send_away(service: Service, address: str):
    """To another origin: browsers refuse that as the answer to a form, so a script is told, or a person clicks."""
    if "HX-Request" in request.headers:
        response = make_response("", 200)
        response.headers["HX-Redirect"] = address
        return response
    return render_template("connections/consent.html", service=service, address=address)


def _plain_settings(service: Service) -> tuple[str, ...]:
    return (*(c.name for c in service.credentials if not c.secret), *(("region",) if service.regions else ()))


def _permission_fields(service: Service) -> list[str]:
    way = next((way for way in service.ways if isinstance(way, OAuth)), None)
    return [_PERMISSION + scope for scope in (*way.scopes, *way.optional_scopes)] if way else []


def _ticked(sent: dict[str, str]) -> list[str]:
    return [name.removeprefix(_PERMISSION) for name, value in sent.items() if name.startswith(_PERMISSION) and value]
