"""Matters for programs: one read by our number or Clio's, and changed."""

from __future__ import annotations

from typing import Any

from flask import request

from ...errors import BadRecord
from ...operations.matters import matters
from ...operations.matters.matter_fields import api_name, definitions_of, wanted_of
from .. import access
from ..access import may
from . import api
from .api_contract import READING, WRITING, says

page = api.part("matters_api", "/api/matters")

_REFERENCE = {"type": ["object", "null"], "properties": {"id": {"type": ["integer", "string"]}}}
_MATTER = {
    "title": "Matter", "type": "object", "required": ["success", "id", "clioId", "description", "status", "asOf"],
    "properties": {
        "success": {"const": True}, "id": {"type": "integer", "description": "Our number"},
        "clioId": {"type": "string"}, "description": {"type": ["string", "null"]},
        "status": {"type": ["string", "null"]},
        "client": _REFERENCE, "practiceArea": _REFERENCE, "customFieldValues": {"type": "array"},
        "asOf": {"type": ["string", "null"], "description": "When this was last known to be so"},
    },
}  # fmt: skip
_TEXT = {"type": "string", "minLength": 1, "pattern": r"^[^\u0000-\u001f\u007f\u2028\u2029]+$"}
_CHANGE = {
    "title": "MatterChange", "additionalProperties": False, "type": "object",
    "properties": {
        "description": _TEXT, "status": {"enum": ["open", "pending", "closed"]},
        "openDate": {"type": ["string", "null"], "format": "date"},
        "closeDate": {"type": ["string", "null"], "format": "date"},
        "responsibleAttorneyId": {"type": ["integer", "null"]}, "responsibleStaffId": {"type": ["integer", "null"]},
        "practiceAreaId": {"type": ["integer", "null"]}, "matterStageId": {"type": ["integer", "null"]},
        "groupId": {"type": ["integer", "null"]}, "statuteOfLimitations": {"type": ["object", "null"]},
        "customFieldValues": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
_QUERY: dict[str, Any] = {
    "properties": {
        "fresh": {"type": "boolean", "description": "Read it from Clio first"},
        "connection": {
            "type": "integer",
            "minimum": 0,
            "maximum": 2**53,
            "description": "Which Clio account, where several have it",
        },
    }
}
_WHICH = {"properties": {"connection": _QUERY["properties"]["connection"]}}


@page.get("/<name>")
@may("see record contents")
@says("Show a matter", _MATTER, query=_QUERY, problems=(*READING, 409, 422, 502))
def show(name: str):
    """A matter: our copy, with the time as of which it holds; with ?fresh=true as Clio has it now."""
    fresh, connection = api.flag("fresh"), api.number("connection")
    if not fresh:
        return api.answer(**matters.shown(matters.find(name, connection)))
    access.allow_writing()  # what was read is kept
    return api.answer(**matters.shown(matters.fresh(name, connection)))


@page.patch("/<name>")
@may("change matters")
@says("Change a matter", _MATTER, query=_WHICH, body=_CHANGE, problems=(*WRITING, 422),
      example={"description": "Lease dispute, second tenant"})  # fmt: skip
def change(name: str):
    """Change what is named in the body and nothing else; the matter as Clio answered."""
    sent = api.body()
    record = matters.find(name, api.number("connection"))
    wanted = wanted_of(sent, definitions_of(record.connection_id))
    try:
        record = matters.change(record, wanted, by=access.actor(), cause=f"API call {request.method} {request.path}")
    except BadRecord as error:
        error.field = api_name(error.field)
        raise
    return api.answer(**matters.shown(record))
