"""What an answer means: from status to a word, from a word to an error that says what to do next."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime

from .. import clock
from ..errors import BadAnswer, BadRecord, Missing, NeedsPerson, NotAllowed, RateLimited, Stale, TryLater, UpstreamError
from .call import Answer

DECISIONS = (
    "fine", "nothing", "retry", "later", "slow down", "refresh", "refused", "missing", "not allowed", "needs a person",
    "stale", "unusable",
)  # fmt: skip
LONGEST_WAIT_S = 7 * 86_400  # a Retry-After beyond this is not believed

_USUAL = {
    304: "nothing", 400: "refused", 401: "refresh", 402: "not allowed", 403: "not allowed", 404: "missing",
    408: "retry", 409: "refused", 410: "missing", 412: "stale", 422: "refused", 423: "refused", 425: "retry",
    429: "slow down",
}  # fmt: skip

# Word -> the error, and its sentence: {label} is the service's name.
_ERRORS: dict[str, tuple[type[UpstreamError], str]] = {
    "retry": (TryLater, "{label} has a problem of its own just now (status {status})."),
    "later": (TryLater, "{label} has a problem of its own just now (status {status})."),  # and not within this call
    "slow down": (RateLimited, "{label} asks us to slow down."),
    "refresh": (NeedsPerson, "{label} no longer accepts the connection's credentials. Please reconnect."),
    "refused": (BadRecord, "{label} refused the call (status {status})."),
    "missing": (Missing, "{label} has no such record."),
    "stale": (Stale, "The record has changed at {label} since it was read (status {status})."),
    "not allowed": (NotAllowed, "The connected {label} account may not do this (status {status})."),
    "needs a person": (NeedsPerson, "{label} does not let the connection in (status {status}). Please check it."),
    "unusable": (BadAnswer, "{label} gave an answer that cannot be used (status {status})."),
}
_REDIRECT = "{label} pointed to another address (status {status}); it was not followed. Is the address right?"


def usual(status: int) -> str:
    """The word for a status where the service does not say otherwise."""
    if 200 <= status < 300:
        return "fine"
    return _USUAL.get(status) or ("retry" if status >= 500 else "unusable")


def error_for(
    word: str, label: str, answer: Answer, *, said: tuple[str, str, str | None] = ("", "", None), raw: str = "",
    wait_s: float = 0.0,
) -> UpstreamError:  # fmt: skip
    """The error a word stands for, in a sentence for people that ends with the upstream's own words."""
    kind, sentence = _ERRORS[word]
    message, code, field = said
    if 300 <= answer.status < 400:
        sentence, code = _REDIRECT, code or "redirect"
    if answer.status < 300:  # said in the answer's body: the status would only confuse
        sentence = sentence.replace(" (status {status})", "")
    text = sentence.format(label=label, status=answer.status) + (f" It says: {message}" if message else "")
    if kind is RateLimited:
        return RateLimited(text, wait_s=wait_s, status=answer.status, raw=raw, code=code)
    if kind is BadRecord:
        return BadRecord(text, field=field, status=answer.status, raw=raw, code=code)
    return kind(text, status=answer.status, raw=raw, code=code)


def retry_after_s(value: str | None) -> float | None:
    """Seconds from a Retry-After header, as a number or a date; None for anything odd (P9).

    >>> retry_after_s("120"), retry_after_s("-1"), retry_after_s("soon"), retry_after_s("1e9")
    (120.0, None, None, None)
    """
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
            seconds = (moment - clock.now()) / timedelta(seconds=1)
        except (ValueError, TypeError, OverflowError):
            return None
    return seconds if 0 <= seconds <= LONGEST_WAIT_S else None
