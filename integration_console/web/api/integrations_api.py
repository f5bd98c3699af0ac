"""The Integrations API: services, connections and syncs for programs, as its contract says."""

from __future__ import annotations

from flask import current_app

from ... import clock, services
from ...errors import Conflict, InvalidInput
from ...operations.accounts import connections
from ...operations.api import (
    connection_changes,
    data_types,
    integrations,
    new_connections,
    pending,
    sync_status,
    told_records,
)
from ...operations.holds import LiveRun
from ...operations.runs import runs
from ...services.base import Service
from .. import access
from ..access import may
from . import api
from .api_contract import READING, WRITING, says
from .api_models import (
    Begun,
    Change,
    ChangeAnswer,
    ConnectionAnswer,
    ConnectionQuery,
    Connections,
    Integrations,
    NewConnection,
    Said,
)
from .api_sync_models import NewSync, RecordQuery, Records, SyncAnswer, SyncBegun, SyncQuery

page = api.part("integrations_api", "/api/integrations")


# -- services ---------------------------------------------------------------------------------------------------------


@page.get("")
@may("see connections")
@says("List the services", Integrations)
def index():
    """Every service: what it is, whether its application is set up, and whether an account is connected."""
    base = current_app.config["SETTINGS"].BASE_URL.rstrip("/")
    found = integrations.catalogue()
    return api.answer(integrations=[{**one, "icon": f"{base}/icons/{one['id']}.svg"} for one in found])


# -- connections ------------------------------------------------------------------------------------------------------


@page.get("/connections")
@may("see connections")
@says("List connections", Connections, query=ConnectionQuery, asks={"service": "clio", "limit": "50"})
def listing():
    """Connections, the newest first, a page at a time."""
    wanted = api.asked(ConnectionQuery)
    if wanted.service is not None:
        _supported(wanted.service)
    found, following = pending.with_them(wanted.service, wanted.status, wanted.limit, wanted.cursor)
    return api.answer(connections=found, nextCursor=following)


@page.post("/connections")
@may("manage connections")
@api.limited("connect")
@says("Connect an account", Begun, status=201, body=NewConnection, problems=WRITING,
      example={"service": "clio", "permissions": [], "settings": {"syncFrequency": "hourly"}})  # fmt: skip
def create():
    """By consent: send the person to `authUrl`. With `credentials`: the key is tried before anything is kept."""
    asked = api.sent(NewConnection)
    service = _supported(asked.service)
    settings = asked.settings.model_dump(exclude_none=True) if asked.settings else {}
    ours = {name: settings.pop(name, None) for name in ("webhook_url", "sync_frequency")}
    wanted = new_connections.Wanted(
        service, asked.name or service.label, settings, tuple(asked.permissions), **ours, by=access.actor(),
        owner=api.owner(),
    )  # fmt: skip
    if asked.credentials is not None:
        connection = new_connections.by_key(wanted, asked.credentials.model_dump(exclude_none=True))
        return api.answer(connectionId=integrations.id_of(connection)), 201
    begun = new_connections.by_consent(wanted)
    return api.answer(connectionId=begun.connection_id, authUrl=begun.auth_url, state=begun.state), 201


def _supported(key: str) -> Service:
    """The service a request names. Raises InvalidInput in the contract's words."""
    if service := services.every().get(key):
        return service
    raise InvalidInput("Service not supported", field="service")


@page.get("/connections/<connection_id>")
@may("see connections")
@says("Show a connection", ConnectionAnswer)
def show(connection_id: str):
    """One connection with its settings."""
    return api.answer(connection=pending.describe(connection_id))


@page.patch("/connections/<connection_id>")
@may("manage connections")
@says("Change a connection", ChangeAnswer, body=Change, problems=WRITING,
      example={"settings": {"syncFrequency": "30 7 * * 1-5 Europe/Berlin"}})  # fmt: skip
def change(connection_id: str):
    """What is named and nothing else. Other permissions need a new consent, at `authUrl`; a lost sign-in does, too.
    A lost key is renewed by `credentials`, sent by themselves: they are tried before the old ones go."""
    asked = api.sent(Change)
    given = asked.settings.model_dump(exclude_unset=True) if asked.settings else {}
    if asked.permissions is not None or asked.credentials is not None:
        pending.refuse(connection_id)
    if waiting := pending.change(connection_id, given):
        told = {name: waiting[name] for name in ("id", "settings", "permissions")}
        return api.answer(connection={**told, "updatedAt": clock.now()})
    connection, address = integrations.find(connection_id), None
    if asked.credentials is not None:
        if given or asked.permissions is not None:
            raise InvalidInput("Send new credentials by themselves.", field="credentials")
        connection = new_connections.renew(
            connection, asked.credentials.model_dump(exclude_none=True), by=access.actor()
        )
    else:
        address = connection_changes.make(connection, given, asked.permissions, by=access.actor(), owner=api.owner())
    told = {
        "id": integrations.id_of(connection),
        "settings": integrations.settings_of(connection),
        "permissions": list(connection.scopes),
        "updatedAt": clock.now(),
    }
    return api.answer(connection=told, **({"authUrl": address} if address else {}))


@page.delete("/connections/<connection_id>")
@may("manage connections")
@says("Remove a connection", Said, problems=(*READING, 409))
def remove(connection_id: str):
    """Its tokens are taken back where the service does that, and its secrets wiped; what was read stays."""
    if pending.drop(connection_id):
        return api.answer(message="The connection was not made yet; its consent is no longer waited for.")
    connection = integrations.find(connection_id)
    name, said = connection.name, connections.remove(connection, by=access.actor())
    return api.answer(message=f"{name} is removed. {said}")


# -- syncs ------------------------------------------------------------------------------------------------------------


@page.post("/connections/<connection_id>/sync")
@may("start runs")
@api.limited("sync", of="connection_id")
@says("Start a sync", SyncBegun, status=202, body=NewSync, problems=WRITING, example={"syncType": "incremental"})
def sync(connection_id: str):
    """Ask for a run; a worker takes it within seconds. While one of the same is live the answer is 409."""
    asked = api.sent(NewSync)
    pending.refuse(connection_id)
    connection = integrations.find(connection_id)
    only = data_types.resources_of(services.by_key(connection.service), asked.data_types or ())
    try:
        run = runs.request(connection, kind=asked.sync_type, only=only, cause="person", asked_by=access.actor())
    except LiveRun as error:
        live = {"syncId": sync_status.id_of(error.run_id)}
        raise Conflict("A sync of this connection is under way.", details=live) from None
    told = {"syncId": sync_status.id_of(run.id), "status": sync_status.WORDS[run.state]}
    return api.answer(**told, startedAt=run.started_at or run.queued_at), 202


@page.get("/connections/<connection_id>/sync")
@may("see runs")
@says("Show a sync", SyncAnswer, query=SyncQuery)
def sync_shown(connection_id: str):
    """The sync of that id, or the latest: what it did, and how far it has come."""
    asked, connection = api.asked(SyncQuery), integrations.find(connection_id)
    return api.answer(sync=sync_status.describe(sync_status.find(connection, asked.sync_id)))


@page.get("/connections/<connection_id>/records")
@may("see record contents")
@says("List records", Records, query=RecordQuery, asks={"dataType": "matters", "limit": "50"})
def records(connection_id: str):
    """What was read of one data type and is still there, a page at a time, in the shapes of this API."""
    asked, connection = api.asked(RecordQuery), integrations.find(connection_id)
    found, following = told_records.listing(connection, asked.data_type, limit=asked.limit, cursor=asked.cursor)
    return api.answer(records=found, nextCursor=following)
