"""Matters for programs: one read by our number or Clio's, and changed."""

from __future__ import annotations

from flask import request

from ..errors import BadRecord
from ..operations import matters
from ..operations.matter_fields import api_name, definitions_of, wanted_of
from . import access, api
from .access import may

page = api.part("matters_api", "/api/matters")


@page.get("/<name>")
@may("see record contents")
def show(name: str):
    """A matter: our copy, with the time as of which it holds; with ?fresh=true as Clio has it now."""
    fresh, connection = api.flag("fresh"), api.number("connection")
    if not fresh:
        return api.answer(**matters.shown(matters.find(name, connection)))
    access.allow_writing()  # what was read is kept
    return api.answer(**matters.shown(matters.fresh(name, connection)))


@page.patch("/<name>")
@may("change matters")
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
