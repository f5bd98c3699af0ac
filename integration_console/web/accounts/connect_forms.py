"""The forms of connecting and reconnecting, drawn from a service's declaration. Shared by the pages that use them."""

from __future__ import annotations

from flask import make_response, render_template, request

from ...errors import AlreadyConnected, ConsoleError, InvalidInput, NeedsPerson
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


def form_page(service: Service, form: forms.Form, of_consent: bool = False):
    """The page on which a service is connected.

    of_consent: its messages are about the form of the consent, where the page has one for a key as well.
    """
    how, quiet = ways(service), forms.Form({"frequency": "hourly", **form.values})
    said = of_consent or not how["by_key"]
    return render_template(
        "connections/form.html", service=service, consent_form=form if said else quiet,
        key_form=quiet if said else form, frequencies=FREQUENCIES, has_guide=guides.exists(service.key),
        span=preflight.span_in_words, **how,
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


def as_input(error: ConsoleError, service: Service | None = None) -> InvalidInput:
    """What the service said about the credentials, as a message of the form.

    service: whose key the form took; a key that was refused is told at its field.
    """
    if isinstance(error, AlreadyConnected):
        return InvalidInput(str(error), field="again")
    if isinstance(error, InvalidInput):
        return error
    keys = [c.name for c in service.credentials if c.secret] if service and isinstance(error, NeedsPerson) else []
    return InvalidInput(str(error), field=keys[0] if len(keys) == 1 else None)


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
