"""Trusting a webhook: raw bytes in, the secret that proves them out, or a refusal. One class for each way of signing.

Nothing here parses a body before it is proved, knows a request or a database, or tells good from bad by how long it
takes. Every class fails closed: no secret, a header that is absent, doubled or odd, a time too far from ours, and the
delivery is refused. Where a sender has a newer and an older way, the newer one decides as soon as it is there.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .. import clock
from ..errors import Unproved

FRESH_S = 300  # both ways: their clock may be ahead of ours
LONGEST_HEADER = 4_096
MOST_SIGNATURES = 10  # in one header, while a secret is rolled
_HEX = re.compile("[0-9a-f]{64}")


class Signature(Protocol):
    """One way of proving who sent a delivery."""

    def prove(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
        """The one of `secrets` this body was signed with. Raises Unproved with the reason, for our own log only."""


# -- a shared secret and the raw body ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class HmacHeader:
    """HMAC-SHA256 over the raw body, nothing else. No time is signed: repeats are known by what the body says.

    Clio: X-Hook-Signature, hex. Xero: x-xero-signature, base64. QuickBooks: intuit-signature, base64.
    """

    header: str
    encoding: str = "hex"  # or base64

    def prove(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
        sent = _header(headers, self.header)
        write = _hex if self.encoding == "hex" else _base64
        return _fitting(secrets, lambda secret: [(sent, write(_hmac(secret, body)))])


@dataclass(frozen=True)
class StripeSignature:
    """`t=<unix>,v1=<hex>[,v1=<hex>]` over `t.body`; other schemes, such as the old v0, count for nothing."""

    header: str = "Stripe-Signature"

    def prove(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
        parts = [part.partition("=")[::2] for part in _header(headers, self.header).split(",")]
        times = [value for name, value in parts if name == "t"]
        sent = [value for name, value in parts if name == "v1"]
        is_plain = all(name.isalnum() and value for name, value in parts) and all(_HEX.fullmatch(one) for one in sent)
        if len(times) != 1 or not 0 < len(sent) <= MOST_SIGNATURES or not is_plain:
            raise Unproved(f"{self.header} does not hold one time and a signature of scheme v1.")
        _must_be_fresh(_unix(times[0]), now)
        signed = times[0].encode() + b"." + body
        return _fitting(secrets, lambda secret: [(one, _hex(_hmac(secret, signed))) for one in sent])


@dataclass(frozen=True)
class SlackSignature:
    """`v0=<hex>` over `v0:<unix>:<body>`, the time in a header of its own."""

    header: str = "X-Slack-Signature"
    time_header: str = "X-Slack-Request-Timestamp"

    def prove(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
        sent, at = _header(headers, self.header), _header(headers, self.time_header)
        _must_be_fresh(_unix(at), now)
        signed = b"v0:" + at.encode() + b":" + body
        return _fitting(secrets, lambda secret: [(sent, "v0=" + _hex(_hmac(secret, signed)))])


@dataclass(frozen=True)
class TokenHeader:
    """The secret itself in a header; the body is not signed, so all it says is a hint. Clockify.

    headers: by the names its documents give it, the likeliest first. The first that is there decides.
    """

    headers: tuple[str, ...]

    def prove(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
        name = next((name for name in self.headers if _is_there(headers, name)), self.headers[0])
        sent = _header(headers, name)
        return _fitting(secrets, lambda secret: [(sent, secret)])


# -- the sender's published key ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PublishedKey:
    """A signature with the sender's private key, base64. The secrets are its published keys: DER as base64.

    HighLevel: X-GHL-Signature, Ed25519. Its older X-WH-Signature (RSA) ended on 2026-09-01 and proves nothing any more.
    The time stands in the body, which is signed.
    """

    header: str
    time_at: str = ""  # the field of the body that holds when it was sent
    # The field that numbers a delivery. Sent again, it is the same bytes with the time of its first try: what bears a
    # number may come so late, for its number tells a replay.
    number_at: str = ""
    late_s: int = 0

    def prove(self, body: bytes, headers: Mapping[str, str], secrets: Sequence[str], now: datetime) -> str:
        sent = _decoded(_header(headers, self.header))
        fits = [secret for secret in secrets if _signed_with(secret, sent, body)]
        if not fits:
            raise Unproved("The signature does not fit the published key.")
        self._must_be_fresh(body, now)
        return fits[0]

    def _must_be_fresh(self, body: bytes, now: datetime) -> None:
        """Read only after the signature fits. A body without a time is known by its number, should it come again."""
        try:
            told = orjson.loads(body)
            said, number = told.get(self.time_at), told.get(self.number_at)
        except (orjson.JSONDecodeError, AttributeError):
            return  # no object: refused for that, not for its age
        if said is not None:
            _must_be_fresh(_moment(said), now, late_s=self.late_s if number else 0)


# -- headers ----------------------------------------------------------------------------------------------------------


def _values(headers: Mapping[str, str], name: str) -> list[str]:
    return [value for key, value in headers.items() if key.lower() == name.lower()]


def _is_there(headers: Mapping[str, str], name: str) -> bool:
    return bool(_values(headers, name))


def _header(headers: Mapping[str, str], name: str) -> str:
    """The one value of a header. Raises Unproved when it is absent, doubled, empty, too long or not plain ASCII."""
    found = _values(headers, name)
    if len(found) != 1 or not found[0].strip():
        raise Unproved(f"The header {name} is missing, empty or there more than once.")
    value = found[0]
    if len(value) > LONGEST_HEADER or not value.isascii() or not value.isprintable() or value != value.strip():
        raise Unproved(f"The header {name} is no signature.")
    return value


def _unix(text: str) -> float:
    if not text.isdigit() or len(text) > 11:
        raise Unproved("The time of sending is no time.")
    return float(text)


def _moment(said: Any) -> float:
    try:
        moment = clock.parse(said) if isinstance(said, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise Unproved("The time of sending is no time.")
    return moment.timestamp()


def _must_be_fresh(sent_s: float, now: datetime, *, late_s: int = 0) -> None:
    if not -FRESH_S <= now.timestamp() - sent_s <= FRESH_S + late_s:
        raise Unproved("It was sent too long ago, or will be only in a while.")


# -- comparing --------------------------------------------------------------------------------------------------------


def _fitting(secrets: Sequence[str], pairs_of) -> str:
    """The first secret one of whose pairs is equal. Every pair of every secret is compared, however early one fits."""
    fits = [secret for secret in secrets if secret and _any_equal(pairs_of(secret))]
    if not fits:
        raise Unproved("The signature fits no secret of this connection.")
    return fits[0]


def _any_equal(pairs: Iterable[tuple[str, str]]) -> bool:
    return sum(hmac.compare_digest(sent.encode(), ours.encode()) for sent, ours in pairs) > 0


def _hmac(secret: str, signed: bytes) -> bytes:
    return hmac.digest(secret.encode(), signed, sha256)


def _hex(digest: bytes) -> str:
    return digest.hex()


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()


def _decoded(sent: str) -> bytes:
    """Base64 as everybody writes it; another spelling of the same bytes is not the sender's."""
    try:
        raw = b64decode(sent, validate=True)
    except ValueError:
        raise Unproved("The signature is no base64.") from None
    if _base64(raw) != sent:
        raise Unproved("The signature is no base64.")
    return raw


def _signed_with(key: str, sent: bytes, body: bytes) -> bool:
    """Whether this key fits. A key of another kind fits nothing, whatever keys there are."""
    try:
        public = load_der_public_key(b64decode(key))
        if isinstance(public, Ed25519PublicKey):
            public.verify(sent, body)
            return True
    except (InvalidSignature, ValueError):
        return False
    return False
