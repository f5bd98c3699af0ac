"""What every part of the JSON API stands on: how it is reached, how a body is read, how an answer is made.

Programs come with a token in the Authorization header and never with a cookie, so no form token is needed (X6).
Errors are answered by error_pages.py.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask_limiter.util import get_remote_address
from flask_login import current_user
from werkzeug.exceptions import UnsupportedMediaType

from ..errors import InvalidInput, Malformed
from . import access, forms

PER_OWNER = "120 per minute"  # of whoever owns the tokens, over the whole API (X11)
DEEPEST = 32  # levels of a body


def _owner() -> str:
    return f"owner {current_user.user_id}" if current_user.is_authenticated else get_remote_address()


_limit = access.limiter.shared_limit(PER_OWNER, scope="api", key_func=_owner)


def part(name: str, url_prefix: str) -> Blueprint:
    """A part of the API."""
    blueprint = Blueprint(name, __name__, url_prefix=url_prefix)
    access.csrf.exempt(blueprint)
    _limit(blueprint)
    return blueprint


def answer(**facts: Any) -> Response:
    """A good answer."""
    return jsonify(success=True, **facts)


def instant(value: datetime | None) -> str | None:
    """A moment as the API writes it: RFC 3339 in UTC with Z."""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if value else None


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
