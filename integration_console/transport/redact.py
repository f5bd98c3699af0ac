"""Takes secrets out of whatever is about to be stored or shown (X2). The only place that does.

Three ways to know one: it is a value we hold ourselves, it stands under a name like `access_token`, or it looks like
one. Nearly all text holds nothing to hide, and looking at every name in 64 KiB would cost more than the call it
describes. So long text is first asked, by the regular expressions pydantic brings, whether any of the words is there
at all: they take a twentieth of the time of Python's own. Only stretches that hold one are looked through; there,
everything works on bytes and starts from searches for single letters.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from urllib.parse import quote, quote_plus

from pydantic_core import SchemaError, SchemaValidator, core_schema

from . import named_secrets
from .named_secrets import REDACTED, Span

KEPT_BYTES = 65_536  # of one body
SHORTEST = 6  # a known value shorter than this would blot out ordinary words
_SHORT = 200  # characters of a text worth remembering
_BEYOND = 4_096  # also looked at, so that a secret lying across the cut is seen whole

_HEADERS = frozenset((
    "accept", "accept-encoding", "cache-control", "content-encoding", "content-length", "content-type", "date",
    "deprecation", "etag", "if-match", "if-modified-since", "idempotency-key", "last-modified", "last-page", "link",
    "location", "request-id", "retry-after", "server", "sunset", "transfer-encoding", "user-agent", "vary", "version",
    "warning", "www-authenticate", "x-api-version", "x-correlation-id", "x-request-id", "x-runtime", "x-total-count",
    "x-trace-id", "cf-ray",
))  # fmt: skip
_HEADER_STARTS = ("x-ratelimit-", "ratelimit", "x-rate-limit")

# Where to look: one pass for each of a few seldom letters, and what may stand around it, for the nine in ten bytes that
# are none of these cost next to nothing this way. Beside each, the words it finds, as one question for a whole stretch
# of text, and the shapes that begin so many bytes before the letter.
_PLACES: tuple[tuple[re.Pattern[bytes], str, tuple[tuple[int, re.Pattern[bytes]], ...]], ...] = (
    (
        re.compile(rb"k(?:(?<=tok)en|(?<=cook)ie|ey|(?<=[sr]k)_)"),
        r"token|cookie|key|[sr]k_",
        ((1, re.compile(rb"[sr]k_\w{6,}")),),
    ),
    (
        re.compile(
            rb"c(?:(?<=sec)ret|ard|redential|vv|vc|(?<![\w.-]c)ode[\"'=%\\]|ode_?verifier|(?<=basic) "
            rb"|(?<=whsec)_|(?<=ic)_)"
        ),
        r"""secret|card|credential|cvv|cvc|code["'=%\\]|code_?verifier|basic |whsec_|ic_[0-9a-f]{20}""",
        (
            (4, re.compile(rb"(?i:basic) ([A-Za-z0-9+/=]{8,})")),
            (4, re.compile(rb"whsec_[\w+/=-]{6,}")),
            (1, re.compile(rb"ic_[0-9a-f]{20,}")),  # a token of our own API
        ),
    ),
    (
        re.compile(rb"p(?:ass[wp]|wd|it-|(?<=xap)p-)"),
        r"pass[wp]|pwd|pit-|xapp-",
        ((0, re.compile(rb"pit-[\w-]{6,}")), (2, re.compile(rb"xapp-[\w-]{6,}"))),
    ),
    (re.compile(rb"u(?:(?<=au)th|(?<=signatu)re)"), r"auth|signature", ()),
    (
        re.compile(rb"b(?:earer|(?<=-b)egin )"),
        r"bearer|-begin ",
        (
            (0, re.compile(rb"(?i:bearer)(?:\s|%20|\+)+(?!token\b|realm\b|error\b)([\w.~+/=%-]{6,})")),
            (5, re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*(?:-----END[A-Z ]*-----)?")),
        ),
    ),
    (re.compile(rb"j(?<=eyj)"), r"eyj", ((2, re.compile(rb"eyJ[\w-]{8,}(?:\.[\w-]*){1,4}")),)),
    (re.compile(rb"x(?=ox)"), r"xox", ((0, re.compile(rb"(?i:xox)[a-z]-[\w-]{6,}")),)),
    (re.compile(rb"/(?<=:/)/"), r"://", ((1, re.compile(rb"""://([^/\s"'@?#\\]+)@""")),)),
)
_STRETCH = 4_096  # bytes asked about, and looked through, at once
_WORD = 32  # longer than any of the words
_SIGN = 16  # characters of a known value to ask for: of whole tokens the question takes longer to make than to answer


def _asking(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Asks whether a text in small letters holds anything of these. Raises SchemaError when they are too many."""
    return SchemaValidator(core_schema.str_schema(pattern="|".join(patterns))).isinstance_python


# What is not there need not be looked for. Every place a pass would stop at, also at an "ic_" that begins no token.
_ASKED = [_asking([words.replace("ic_[0-9a-f]{20}", "ic_")]) for _, words, _ in _PLACES]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text takes neither


class Redactor:
    """Knows the secrets in use, and what secrets look like."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = [(form, {sign for sign in (b"%", b"\\") if sign in form}) for form in longest_first]
        self._longest = max(_WORD, *map(len, longest_first), 0)
        self._window = KEPT_BYTES + max(_BEYOND, self._longest)
        # Headers and paths are the same from call to call, and as dear to look through as a page of five records.
        self._again = lru_cache(maxsize=256)(self._whole)

    def body(self, data: bytes, content_type: str = "") -> tuple[str, bool]:
        """A body fit to be stored, at most 64 KiB of it, and whether it was cut."""
        if not data:
            return "", False
        if b"\x00" in data[:1024] or content_type.startswith(("image/", "audio/", "video/", "application/octet")):
            return f"({len(data)} bytes that are not text)", False
        if len(data) <= KEPT_BYTES:
            return _text(self._clean(data, KEPT_BYTES)), False
        return self._harmless(data) or _text(self._clean(data[: self._window], KEPT_BYTES)), True

    def text(self, text: str) -> str:
        """Any other text: a message, an address, a line of a log."""
        return self._again(text) if len(text) <= _SHORT else self._whole(text)

    url = text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers we keep, by an allow-list."""
        return {
            name: self.text(str(value))[:2000]
            for name, value in headers.items()
            if (low := name.lower()) in _HEADERS or low.startswith(_HEADER_STARTS)
        }

    def _harmless(self, data: bytes) -> str | None:
        """What is kept of a long body, where all of it is ASCII and holds nothing to hide; else None.

        Most are like that, and every copy of 64 KiB pushes out of the processor's cache what the page needs next.
        """
        try:
            text = str(memoryview(data)[: self._window], "ascii")
        except UnicodeDecodeError:
            return None
        asked = self._question
        return None if asked is None or asked(text.lower()) or "\x00" in text else text[:KEPT_BYTES]

    def _whole(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return _text(self._clean(data, len(data)))

    def _clean(self, data: bytes, end: int) -> bytes:
        spans = sorted(self._spans(data), key=lambda span: (span[0], -span[1]))
        if not spans:
            return data[:end]
        parts: list[bytes] = []
        at = 0
        for start, stop, instead in spans:
            if start >= end:
                break
            if start >= at:
                parts += (data[at:start], instead)
            at = max(at, stop)
        return b"".join([*parts, data[at:end]])

    def _spans(self, data: bytes) -> Iterator[Span]:
        low = data.lower()
        absent = {sign for sign in (b"%", b"\\") if sign not in data}  # then no escaped form can be there either
        for start, stop, text in self._stretches(low):
            for value, signs in self._known if self._question_of_known(text) else ():
                for at in () if signs & absent else _places(data, value, start, stop):
                    yield at, at + len(value), REDACTED
            for (place, _, shapes), asked in zip(_PLACES, _ASKED, strict=True):
                for hit in place.finditer(low, start, stop) if asked(text) else ():
                    yield from named_secrets.around(data, hit.start())
                    for back, shape in shapes:
                        if found := shape.match(data, max(0, hit.start() - back)):
                            yield *found.span(found.lastindex or 0), REDACTED

    def _stretches(self, low: bytes) -> Iterator[tuple[int, int, str]]:
        """From where to where there may be something to hide. They overlap, so that nothing lies across an edge."""
        asked, text = self._question, low.decode("utf-8", "replace")
        if len(low) <= _STRETCH or asked is None:
            yield 0, len(low), text
        elif asked(text):
            for at in range(0, len(low), _STRETCH):
                start, stop = max(0, at - self._longest), at + _STRETCH + self._longest
                if asked(part := low[start:stop].decode("utf-8", "replace")):
                    yield start, stop, part

    @cached_property
    def _signs_of_known(self) -> list[str] | None:
        """What to ask for instead of the known values; None when they cannot be asked for."""
        try:
            return [re.escape(value.lower().decode()[:_SIGN]) for value, _ in self._known]
        except UnicodeDecodeError:
            return None

    @cached_property
    def _question(self) -> Callable[[str], bool] | None:
        """Whether a text in small letters holds any of the words or known values; None when it cannot be asked."""
        if self._signs_of_known is None:
            return None
        try:
            return _asking([*(words for _, words, _ in _PLACES), *self._signs_of_known])
        except SchemaError:  # of very many known values the question grows too long
            return None

    @cached_property
    def _question_of_known(self) -> Callable[[str], bool]:
        """Whether it may hold one of the known values."""
        return _asking(self._signs_of_known) if self._question and self._signs_of_known else bool


def _forms(secret: str) -> Iterator[bytes]:
    """A secret as it may lie in text: as it is, escaped for addresses or JSON, inside base64 at any offset."""
    raw = secret.encode("utf-8", "surrogatepass")
    yield raw
    for escaped in (quote(raw, safe=""), quote_plus(raw), quote(raw)):
        yield escaped.encode()
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), escaped).encode()
    for ascii_only in (True, False):
        inside = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield inside.encode("utf-8", "surrogatepass")
        yield inside.replace("/", "\\/").encode("utf-8", "surrogatepass")
    for shift in range(3) if len(raw) >= 8 else ():
        # The first and last letters mix with what stands beside the secret; those between are its own.
        coded = b64encode(bytes(shift) + raw)[(0, 2, 3)[shift] : (len(raw) + shift) * 8 // 6]
        yield from (coded, coded.translate(bytes.maketrans(b"+/", b"-_")), quote(coded, safe="").encode())


def _places(data: bytes, value: bytes, start: int, stop: int) -> Iterator[int]:
    at = data.find(value, start, stop)
    while at >= 0:
        yield at
        at = data.find(value, at + 1, stop)


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text) if not text.isascii() or "\x00" in text else text
