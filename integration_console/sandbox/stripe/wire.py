"""How Stripe's requests and refusals look: nested forms, the error envelope, keys that make a call happen once."""

import re
import time
from functools import wraps
from urllib.parse import parse_qsl

from ..wire import Answer, Request

PART = re.compile(r"\[([^\]]*)\]")
EVERYWHERE = {"expand"}


class Refused(Exception):
    """Carries a refusal out of whatever found it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


def fault(status: int, message: str, *, code=None, param=None, kind="invalid_request_error", **more) -> Answer:
    told = {"code": code, "message": message, "param": param, "type": kind, **more}
    return Answer(status, {"error": {name: value for name, value in told.items() if value is not None}})


def missing(what: str, name, param="id", status=404) -> Refused:
    return Refused(fault(status, f"No such {what}: '{name}'", code="resource_missing", param=param))


def wrong(message: str, param: str, code="parameter_invalid") -> Refused:
    return Refused(fault(400, message, code=code, param=param))


def nested_form(pairs) -> dict:
    """a[b]=1&c[0][d]=2&e[]=3 as {"a": {"b": "1"}, "c": [{"d": "2"}], "e": ["3"]}."""
    root: dict = {}
    for name, value in pairs:
        head, *rest = [name.split("[")[0], *PART.findall(name)]
        at, key = root, head
        for part in rest:
            at = at.setdefault(key, {})
            key = part or str(len(at))
            if not isinstance(at, dict):
                raise wrong(f"Invalid object: {name}", name)
        at[key] = value
    return _listed(root)


def _listed(found):
    if not isinstance(found, dict):
        return found
    whole = {key: _listed(value) for key, value in found.items()}
    numbered = whole and all(key.isdigit() for key in whole)
    return [whole[key] for key in sorted(whole, key=int)] if numbered else whole


def asked_of(request: Request, *known: str) -> dict:
    """The query as nested values. Raises Refused for a parameter there is not."""
    return _known(nested_form(parse_qsl(request.query_text, keep_blank_values=True)), known)


def sent_in(request: Request, *known: str) -> dict:
    """The form as nested values. Raises Refused for a parameter there is not."""
    text = request.body.decode("utf-8", "replace")
    return _known(nested_form(parse_qsl(text, keep_blank_values=True)), known)


def _known(values: dict, known) -> dict:
    for name in values:
        if name not in known and name not in EVERYWHERE:
            raise wrong(f"Received unknown parameter: {name}", name, "parameter_unknown")
    return values


def whole_number(value, param: str) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise wrong(f"Invalid integer: {value}", param, "parameter_invalid_integer") from None


def yes(value) -> bool:
    return str(value) == "true"


def once(function):
    """A POST with a key that was used before gets the first answer again; another body with that key is refused.

    What failed validation is not kept, so a corrected body may follow; nor is anything for longer than a key's life.
    """

    @wraps(function)
    def answered(self, request: Request) -> Answer:
        key = request.headers.get("Idempotency-Key")
        if not key:
            return function(self, request)
        if len(key) > 255:
            return fault(400, "The idempotency key is longer than 255 characters", kind="idempotency_error")
        asked = (request.holder, request.path, request.body)
        kept = self.first_answers.get(key)
        if kept is not None and time.time() - kept[4] < self.key_life_s:
            if kept[0] != asked:
                told = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                    f"Try using a key other than '{key}' if you meant to execute a different request."
                )
                return fault(400, told, kind="idempotency_error")
            return Answer(kept[1], kept[2], {"Idempotent-Replayed": "true", "Original-Request": kept[3]})
        answer = function(self, request)
        if answer.status != 400:
            self.first_answers[key] = (asked, answer.status, answer.body, self.next_request_id(), time.time())
        return answer

    return answered
