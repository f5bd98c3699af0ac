"""Clockify, written: clients and projects.

Source: https://docs.clockify.me (OpenAPI document of 2026-07-22), "Update client", "Update project"

A PUT replaces: what it leaves out is lost. So the record is read again, and all of it that a PUT takes goes back with
what is to change. Nothing says when a record changed, so that read also shows whether somebody else was faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import BadAnswer, BadRecord, Missing, Stale
from ...transport.call import Answer, Call
from ...transport.client import Upstream
from ..base import walk
from ..writing import MISSING, Field, Write, Writing, Written, by_name, value_of
from .fields import FIELDS, custom_fields, plain
from .records import PAGES, W

ONE = {"clients": "client", "projects": "project"}

# What a PUT takes, and a POST does. Source: OpenAPI, ClientUpdate and ProjectUpdate requests.
PUT_TAKES = {
    "clients": ("name", "email", "address", "note", "archived", "ccEmails", "currencyId"),
    "projects": ("name", "clientId", "note", "color", "billable", "public", "archived", "hourlyRate", "costRate"),
}
POST_TAKES = {
    "clients": ("name", "email", "address", "note"),
    "projects": ("name", "clientId", "note", "color", "billable", "public"),
}
WRITTEN_AS = {"public": "isPublic"}  # name in a record -> name in a body
READ_AS = {"isPublic": "public"}
ONLY_TOLD = ("isPublic", "isTemplate", "estimateReset")  # in the answers to writes, not in those to reads
RATES = ("hourlyRate", "costRate")


class ClockifyWriting(Writing):
    """Clients and projects are made and changed. One is deleted to undo our making it, and only once it is archived."""

    writable: ClassVar = {
        "clients": frozenset(("create", "update", "delete")),
        "projects": frozenset(("create", "update", "delete")),
    }
    # Whose hours they are is told by nothing else once a project is gone.
    held_by: ClassVar = {
        "clients": (("projects", "clientId"),),
        "projects": (("time_entries", "projectId"),),
    }
    put_away: ClassVar = {"clients": {"archived": True}, "projects": {"archived": True}}

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        """The fields every workspace has, then those this one made itself."""
        return [*FIELDS.get(resource, ()), *custom_fields(resource, custom)]

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """As it is sent; of a time entry, the seconds worked, which are None while its timer runs."""
        return plain(resource, record)

    def refusal(self, write: Write) -> str | None:
        """Locked time entries refuse every change; what is not archived cannot be deleted."""
        current = write.current or {}
        if current.get("isLocked"):
            return "This time entry is locked or approved in Clockify."
        if write.op == "delete" and write.resource in ONE and not current.get("archived"):
            return f"Clockify deletes a {ONE[write.resource]} only once it is archived."
        return None

    def send(self, upstream: Upstream, write: Write) -> Written:
        """What is as wanted already is not sent."""
        if write.op not in self.writable.get(write.resource, ()):
            return super().send(upstream, write)
        if write.op == "create":
            return self._create(upstream, write)
        return _delete(upstream, write) if write.op == "delete" else self._update(upstream, write)

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """The one of exactly that name, archived or not: while it is there, no second can be made."""
        name = write.values.get("name")
        if write.op != "create" or write.resource not in ONE or not name:
            return []
        strictly = {"strict-name-search": "true"} if write.resource == "projects" else {}
        call = _call(upstream, "GET", write, params={"name": name, **strictly})
        found = [
            one
            for page in walk(upstream.send, call, PAGES, items_at=None)
            for one in page.items
            if isinstance(one, dict)
        ]
        return [one for one in found if one.get("name") == name and _is_for(one, write)]

    # -- one write ----------------------------------------------------------------------------------------------------

    def _create(self, upstream: Upstream, write: Write) -> Written:
        """Nothing can be made archived: it is made, and then archived."""
        values = {name: value for name, value in write.values.items() if value not in (None, "")}
        self._check(write, values)
        body = {_written_as(name): values[name] for name in POST_TAKES[write.resource] if name in values}
        answer = _sent(upstream, _call(upstream, "POST", write, json=body))
        record = {name: value for name, value in _shown(answer, write).items() if name not in ONLY_TOLD}
        if not values.get("archived"):
            return Written(str(record["id"]), record, answer.call_key)
        return _replaced(upstream, write, str(record["id"]), record, {"archived": True})

    def _update(self, upstream: Upstream, write: Write) -> Written:
        external_id = str(write.external_id)
        answer = upstream.send(_call(upstream, "GET", write, external_id))
        fresh = _shown(answer, write)
        there = self.plain(write.resource, fresh)
        self._check(write, write.values)
        if write.current is not None:
            known = self.plain(write.resource, write.current)
            moved = [name for name in write.values if _differs(value_of(known, name), value_of(there, name))]
            if moved:
                label = by_name(FIELDS[write.resource])[moved[0]].label
                raise Stale(f"The {ONE[write.resource]} has changed in Clockify since it was read: {label}.")
        wanted = {name: None if value == "" else value for name, value in write.values.items()}
        values = {name: value for name, value in wanted.items() if value_of(there, name) != value}
        if not values:
            return Written(external_id, fresh, answer.call_key)
        return _replaced(upstream, write, external_id, fresh, values)

    def _check(self, write: Write, values: Mapping[str, Any]) -> None:
        """Raises BadRecord for a field that cannot be written, or not emptied."""
        known = by_name(FIELDS[write.resource])
        for name, value in values.items():
            if name not in known:
                raise BadRecord("Clockify has no such field that could be written.", field=name)
            if name == "name" and not value:
                raise BadRecord(f"A {ONE[write.resource]} needs a name in Clockify.", field=name)


def _differs(before: Any, now: Any) -> bool:
    return before is not MISSING and now is not MISSING and before != now


def _replaced(
    upstream: Upstream, write: Write, external_id: str, fresh: Mapping[str, Any], values: Mapping[str, Any]
) -> Written:
    """Put it back whole, with these values; emptied texts go as "", which empties however a PUT is understood."""
    taken = {name: fresh.get(name) for name in PUT_TAKES[write.resource]}
    body = {_written_as(name): _rate(name, value) for name, value in taken.items() if value not in (None, "", [])}
    types = by_name(FIELDS[write.resource])
    for name, value in values.items():
        emptied = False if types[name].type == "boolean" else ""
        body[_written_as(name)] = emptied if value is None else value
    answer = _sent(upstream, _call(upstream, "PUT", write, external_id, json=body))
    told = _shown(answer, write)
    # As a read would show it: some fields are missing in this answer, and what we emptied may be.
    record = {name: told.get(name, None if name in values else value) for name, value in fresh.items()}
    return Written(external_id, record, answer.call_key)


def _written_as(name: str) -> str:
    return WRITTEN_AS.get(name, name)


def _rate(name: str, value: Any) -> Any:
    """A rate goes back without its currency, which is the workspace's."""
    return {"amount": value.get("amount")} if name in RATES else value


def _delete(upstream: Upstream, write: Write) -> Written:
    """Gone is gone, whoever was first."""
    external_id = str(write.external_id)
    try:
        call_key = upstream.send(_call(upstream, "DELETE", write, external_id)).call_key
    except Missing:
        call_key = ""
    return Written(external_id, None, call_key)


def _is_for(found: Mapping[str, Any], write: Write) -> bool:
    """Of the client we wanted; two clients may have projects of one name."""
    wanted = write.values.get("clientId")
    return not wanted or found.get("clientId") in (None, wanted)


# -- calls ------------------------------------------------------------------------------------------------------------


def _call(upstream: Upstream, method: str, write: Write, external_id: str | None = None, **more: Any) -> Call:
    template = f"{W}/{write.resource}" + ("" if external_id is None else "/{id}")
    path = template.format_map({**upstream.settings, "id": quote(external_id or "", safe="")})
    return Call(method, path, template=template, resource=write.resource, **more)


def _sent(upstream: Upstream, call: Call) -> Answer:
    """Send it; a refusal names our field, and a client that is not there is the fault of the field that names it.

    Raises BadRecord and what Upstream.send raises.
    """
    try:
        return upstream.send(call)
    except BadRecord as error:
        error.field = READ_AS.get(error.field or "", error.field)
        raise
    except Missing as error:
        if call.json.get("clientId") and error.raw.startswith("Client "):
            raise BadRecord(
                "Clockify has no such client.", field="clientId", status=error.status, raw=error.raw, code=error.code
            ) from None
        raise


def _shown(answer: Answer, write: Write) -> dict[str, Any]:
    """The record in an answer: without it, the write is not known to be done (W2)."""
    record = answer.data
    if not isinstance(record, dict) or not record.get("id"):
        raise BadAnswer(f"Clockify did not show the {ONE[write.resource]} as it is now.")
    return record
