"""What every part of the JSON API stands on: how it is reached, how a body is read, how an answer is made.

Programs come with a token in the Authorization header and never with a cookie, so no form token is needed (X6).
Calls are counted in the database, and a POST with an Idempotency-Key is done once. Errors are answered by
error_pages.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from flask import Blueprint, Response, current_app, g, jsonify, request
from flask_limiter.util import get_remote_address
from flask_login import current_user
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import UnsupportedMediaType

from ...errors import InvalidInput, Malformed
from ...models import db
from ...operations.api import quotas, repeats
from .. import access, forms

log = structlog.get_logger(__name__)

DEEPEST = 32  # levels of a body
KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"  # says that an answer is the first call's
_PLAIN_WORDS = {
    "extra_forbidden": "There is no such field.", "missing": "This is needed.",
    "string_pattern_mismatch": "It holds what cannot stand here.", "int_parsing": "This is a whole number.",
}  # fmt: skip
Sent = TypeVar("Sent", bound=BaseModel)


def part(name: str, url_prefix: str) -> Blueprint:
    """A part of the API."""
    blueprint = Blueprint(name, __name__, url_prefix=url_prefix)
    access.csrf.exempt(blueprint)
    blueprint.before_request(_count)
    blueprint.before_request(_once)
    blueprint.after_request(_keep)
    return blueprint


# -- how often, and only once -----------------------------------------------------------------------------------------


def limited(kind: str, of: str = "") -> Callable[[access.View], access.View]:
    """Count a route's calls by themselves: a kind of quotas.PER_MINUTE, for each value of the argument `of`."""

    def mark(view: access.View) -> access.View:
        view.limit = (kind, of)  # type: ignore[attr-defined]
        return view

    return mark


def _count() -> None:
    """Of whoever owns the tokens, whichever of them comes (X11)."""
    kind, of = getattr(current_app.view_functions[request.endpoint or ""], "limit", ("api", ""))
    which = f":{(request.view_args or {}).get(of, '')}" if of else ""
    quotas.count(kind, owner() + which)


def owner() -> str:
    """Whose call this is."""
    return str(current_user.user_id) if current_user.is_authenticated else f"at {get_remote_address()}"


def _once() -> Response | None:
    """The first answer again, where this call came before with the same key and body."""
    key = request.headers.get(KEY)
    if key is None or request.method != "POST":
        return None
    db.session.rollback()  # nothing is held while we take the key
    what = b"\n".join((request.method.encode(), request.path.encode(), request.get_data()))
    found = repeats.begin(owner(), key, what)
    if isinstance(found, repeats.Kept):
        return Response(found.body, found.status, {REPLAYED: "true"}, mimetype="application/json")
    g.repeatable = found
    return None


def _keep(response: Response) -> Response:
    """Keep a good answer; after any other nothing was done, and the key may come again."""
    number = g.pop("repeatable", None)
    if number is None:
        return response
    try:
        db.session.rollback()
        if response.status_code < 300:
            repeats.keep(number, response.status_code, response.get_data(as_text=True))
        else:
            repeats.forget(number)
    except SQLAlchemyError:  # the answer itself stands; the key is free again in five minutes
        log.exception("An answer could not be kept for its Idempotency-Key")
    return response


# -- answers ----------------------------------------------------------------------------------------------------------


def answer(**facts: Any) -> Response:
    """A good answer; moments are written as the API writes them."""
    return jsonify(success=True, **{name: _told(value) for name, value in facts.items()})


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, dict):
        return {name: _told(inner) for name, inner in value.items()}
    return [_told(inner) for inner in value] if isinstance(value, list | tuple) else value


def instant(value: datetime | None) -> str | None:
    """A moment as the API writes it: RFC 3339 in UTC with Z."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


# -- what was sent ----------------------------------------------------------------------------------------------------


def flag(name: str) -> bool:
    """A yes or no of the address. Raises InvalidInput for anything else."""
    text = request.args.get(name, "false").lower()
    if text not in ("true", "false"):
        raise InvalidInput("This is true or false.", field=name)
    return text == "true"


def number(name: str) -> int | None:
    """A number of the address; None when it is not there. Raises InvalidInput."""
    text = request.args.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise InvalidInput("This is a whole number.", field=name)
    return int(text)


def sent(model: type[Sent]) -> Sent:
    """The JSON object sent, as a model. Raises as `body`, and InvalidInput naming every field that is wrong."""
    return _fitting(model, body())


def asked(model: type[Sent]) -> Sent:
    """The parameters of the address, as a model. Raises InvalidInput naming every one that is wrong."""
    given = {name: values if len(values) > 1 else forms.clean(values[0], name) for name, values in request.args.lists()}
    return _fitting(model, given)


def _fitting(model: type[Sent], given: dict[str, Any]) -> Sent:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        wrong = {}
        for one in error.errors():
            wrong[".".join(str(step) for step in one["loc"])] = _PLAIN_WORDS.get(one["type"], f"{one['msg']}.")
        raise InvalidInput("Nothing was done.", fields=wrong) from None


def body() -> dict[str, Any]:
    """The JSON object sent, its texts cleaned.

    Raises UnsupportedMediaType when it is not declared as JSON, Malformed when it is none that can be read in one way
    only, InvalidInput for text that holds what nobody can see.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType()
    sent = parse(request.get_data())
    return {name: _cleaned(value, name) for name, value in sent.items()}


def parse(raw: bytes) -> dict[str, Any]:
    """Bytes -> a JSON object, read strictly.

    >>> parse(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    integration_console.errors.Malformed: The name 'a' is there twice.
    """
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_once_each, parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise Malformed("The body is too deep.") from None
    except ValueError:  # more digits than Python reads
        raise Malformed("The body holds a number nobody can use.") from None
    if not isinstance(found, dict):
        raise Malformed("The body must be a JSON object.")
    if _depth(found) > DEEPEST:
        raise Malformed("The body is too deep.")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Malformed(f"The name {name[:60]!r} is there twice.")
        found[name] = value
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits[:20])


def _refuse(word: str) -> Any:
    raise Malformed(f"{word} is no number that can be used.")


def _depth(value: Any) -> int:
    """How many levels deep, without recursion: it is asked about what may be far too deep."""
    deepest, left = 0, [(value, 1)]
    while left:
        one, level = left.pop()
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        deepest = max(deepest, level)
        left += [(each, level + 1) for each in inner]
    return deepest


def _cleaned(value: Any, field: str) -> Any:
    if isinstance(value, str):
        return forms.clean(value, field)
    if isinstance(value, list):
        return [_cleaned(one, field) for one in value]
    if isinstance(value, dict):
        return {key: _cleaned(one, f"{field}.{key}") for key, one in value.items()}
    return value
