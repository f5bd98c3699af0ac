"""What people set up, as one document without secrets: taken out of one console and into another, or kept with code.

{"format": "config/1", "release": "0.1.0", "settings": {"firm.name": "…"}, "services": {"clio": {"limits": "…"}},
 "practice_area_rules": […], "limitation_rules": […], "notification_rules": […],
 "mappings": [{"left": "Clio of Hale", "right": "Our GHL", "state": "active", "active": {…}, "draft": {…} or null}]}

Whatever stands only here stays: an import adds and changes, and never removes. A mapping comes in as a draft, which is
previewed and activated like any other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select

from ... import __version__, services
from ...errors import InvalidInput
from ...models import ApiConfig, DataMapping, LimitationRule, PracticeAreaRule, Setting, db
from ..accounts import applications
from ..mapping import mappings
from ..matters import limitation_rules
from . import configuration_notices

FORMAT: Literal["config/1"] = "config/1"
SET_BY_PEOPLE = ("firm.", "retention.")  # the rest is how this console stands: marks, pauses, what is still owed
SIGN = ("area", "kind", "text")  # by which a practice area rule is known
LIMIT = ("practice_area", "jurisdiction", "from_field", "to_field")  # and the name: by which a limitation rule is known
LIMIT_FIELDS = (*LIMIT, "name", "period", "unit", "mode", "source", "enabled")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sign(_Strict):
    """A practice area rule."""

    area: str
    kind: str
    text: str
    weight: float
    enabled: bool = True


class Limit(_Strict):
    """A limitation rule."""

    name: str
    practice_area: str
    jurisdiction: str
    period: Annotated[int, Field(ge=1)]
    unit: str
    from_field: str
    to_field: str
    mode: str
    source: str = ""
    enabled: bool = True


class Pair(_Strict):
    """A mapping."""

    left: str  # the connections, by name
    right: str
    state: Literal["draft", "active", "paused"]
    active: dict[str, Any] | None = None  # mapping/1 documents
    draft: dict[str, Any] | None = None


class Document(_Strict):
    """The whole configuration."""

    format: Literal["config/1"]
    release: str = ""
    settings: dict[str, str] = {}
    services: dict[str, dict[str, str]] = {}
    practice_area_rules: tuple[Sign, ...] = ()
    limitation_rules: tuple[Limit, ...] = ()
    notification_rules: tuple[configuration_notices.Rule, ...] = ()
    mappings: tuple[Pair, ...] = ()


# -- out --------------------------------------------------------------------------------------------------------------


def export() -> dict[str, Any]:
    """Everything people set up, without secrets."""
    return {
        "format": FORMAT, "release": __version__, "settings": settings_here(), "services": services_here(),
        "practice_area_rules": [_sign(rule) for rule in db.session.scalars(select(PracticeAreaRule).order_by(
            *(getattr(PracticeAreaRule, name) for name in SIGN)))],
        "limitation_rules": [limit_of(rule) for rule in limitation_rules.every()],
        "notification_rules": configuration_notices.export(),
        "mappings": [_pair(mapping) for mapping in mappings.every()],
    }  # fmt: skip


def settings_here() -> dict[str, str]:
    """What people set of the firm, by name."""
    rows = db.session.execute(select(Setting.name, Setting.value).order_by(Setting.name))
    return {name: value for name, value in rows if name.startswith(SET_BY_PEOPLE) and value}


def services_here() -> dict[str, dict[str, str]]:
    """What they set of each service's application, its secret left out."""
    found = {}
    for row in db.session.scalars(select(ApiConfig).order_by(ApiConfig.service)):
        if service := services.every().get(row.service):
            values = {name: getattr(row, name) for name in applications.fields(service)}
            found[row.service] = {name: value for name, value in values.items() if value}
    return found


def _sign(rule: PracticeAreaRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in (*SIGN, "weight", "enabled")}


def limit_of(rule: LimitationRule) -> dict[str, Any]:
    """A limitation rule as it stands in the document."""
    return {name: getattr(rule, name) for name in LIMIT_FIELDS}


def _pair(mapping: DataMapping) -> dict[str, Any]:
    draft = mappings.draft_of(mapping)
    active = mappings.document(mapping, mapping.active_version).to_json() if mapping.active_version else None
    return {
        "left": mapping.left_connection.name, "right": mapping.right_connection.name, "state": mapping.state,
        "active": active, "draft": mappings.document(mapping, draft.number).to_json() if draft else None,
    }  # fmt: skip


# -- in ---------------------------------------------------------------------------------------------------------------


def read(data: bytes) -> Document:
    """A document from a file. Raises InvalidInput naming the place."""
    try:
        document = Document.model_validate(orjson.loads(data))
    except orjson.JSONDecodeError:
        raise InvalidInput("This file is no configuration: it is not written in JSON.", field="file") from None
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "file"
        raise InvalidInput(f"{where}: {fault['msg'][:1].lower()}{fault['msg'][1:]}.", field=where) from None
    for pair in document.mappings:
        for given in filter(None, (pair.active, pair.draft)):
            mappings.read_file(given)
    return document
