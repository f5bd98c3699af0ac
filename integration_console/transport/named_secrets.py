"""Values that are secret because of the name they stand under: `access_token` in JSON, a form, a header or a tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

REDACTED = b"[redacted]"

Span = tuple[int, int, bytes]  # from where to where, and what stands there instead

_SECRET_WORDS = frozenset((
    "password", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "auth", "authorization",
    "cookie", "cookies", "bearer", "apikey", "credential", "credentials", "signature", "verifier", "cvc", "cvv", "card",
    "cardnumber", "sessionid", "accesstoken", "refreshtoken", "clientsecret", "idtoken", "privatekey",
))  # fmt: skip
_KEY_OF = frozenset((
    "api", "private", "secret", "access", "signing", "encryption", "client", "webhook", "session", "auth", "shared",
))  # fmt: skip
_PAGING = frozenset(("page", "paging", "next", "previous", "prev", "cursor", "sync", "continuation"))
_HARMLESS_ENDS = frozenset((
    "type", "url", "uri", "at", "in", "expires", "expiry", "count", "kind", "endpoint", "method", "scope", "scopes",
    "required", "enabled", "status",
))  # fmt: skip
_WHOLE_LINE = frozenset((b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"))

_NAME_BYTES = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_JSON_SIGN = re.compile(rb"""(\\*["'])\s*(?::|=>|=)\s*""")
_FORM_SIGN = re.compile(rb"\]?(?:=|%3[dD])")
_FORM_VALUE = re.compile(rb"""(?:(?!%26)[^&\s"'<>;,\\}])+""")
_LINE_SIGN = re.compile(rb"[ \t]*:[ \t]*")
_LINE_VALUE = re.compile(rb"""[^\r\n"]+""")
_LINE_TOKEN = re.compile(rb"""(?=[^\s"',]*\d)[^\s"',]{6,}""")
_TAG_VALUE = re.compile(rb">([^<]+)")
_BARE_VALUE = re.compile(rb"""[^\s,}\]"'\\]+""")
_STRING_REST = {b'"': re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL), b"'": re.compile(rb"(?:[^'\\]|\\.)*", re.DOTALL)}


def around(data: bytes, at: int) -> Iterator[Span]:
    """The value that stands under a name around this place, when the name is that of a secret."""
    before = data[max(0, at - 60) : at]
    start = at - len(before) + len(before.rstrip(_NAME_BYTES))
    if data[start - 1 : start] == b"%" and start + 2 <= at:  # inside an address inside an address: %3Ftoken%3D
        start += 2
    after = data[at : at + 60]
    stop = at + len(after) - len(after.lstrip(_NAME_BYTES))
    name = data[start:stop]
    if is_secret(name):
        yield from _value(data, stop, name.lower())


@lru_cache(maxsize=4096)
def is_secret(name: bytes) -> bool:
    """Whether a value of this name is to be hidden.

    >>> [is_secret(n) for n in (b"accessToken", b"X-Api-Key", b"page_token", b"author", b"SyncToken", b"token_type")]
    [True, True, False, False, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name.decode("ascii", "ignore"))]
    if not words or words[-1] in _HARMLESS_ENDS:
        return False
    if words == ["code"]:
        return True
    if _PAGING.intersection(words) and words[-1] == "token":
        return False
    pairs = pairwise(words)
    return not _SECRET_WORDS.isdisjoint(words) or any(a in _KEY_OF and b in ("key", "keys") for a, b in pairs)


def _value(data: bytes, at: int, name: bytes) -> Iterator[Span]:
    if found := _JSON_SIGN.match(data, at):
        yield from _json_value(data, found.end(), found[1], name)
    elif found := _FORM_SIGN.match(data, at):
        value = _FORM_VALUE.match(data, found.end())
        if value and not (name == b"code" and len(value[0]) < 8):
            yield *value.span(), REDACTED
    elif found := _LINE_SIGN.match(data, at):
        value = (_LINE_VALUE if name in _WHOLE_LINE else _LINE_TOKEN).match(data, found.end())
        if value:
            yield *value.span(), REDACTED
    elif found := _TAG_VALUE.match(data, at):
        yield *found.span(1), REDACTED


def _json_value(data: bytes, at: int, quote_mark: bytes, name: bytes) -> Iterator[Span]:
    """A value in JSON, also in JSON that lies escaped inside a string."""
    if data.startswith(quote_mark, at):
        at += len(quote_mark)
        if len(quote_mark) == 1:
            end = _STRING_REST[quote_mark].match(data, at).end()  # type: ignore[union-attr]
        else:
            end = data.find(quote_mark, at)
            end = len(data) if end < 0 else end
        if end > at and not (name == b"code" and end - at < 8):
            yield at, end, REDACTED
    elif data[at : at + 1] in (b"{", b"["):
        if name != b"code":
            yield at, _closing(data, at), b'"' + REDACTED + b'"'
    elif (found := _BARE_VALUE.match(data, at)) and found[0] not in (b"null", b"true", b"false") and name != b"code":
        yield *found.span(), b'"' + REDACTED + b'"'


_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


def _closing(data: bytes, at: int) -> int:
    """Behind the bracket that closes the one at this place; the end when it is not there."""
    depth = 0
    for found in _BRACKETS.finditer(data, at):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(found[0], 0)
        if not depth and found[0] in (b"}", b"]"):
            return found.end()
    return len(data)
