"""What somebody may try at the webhook door: for each way of signing, genuine deliveries and every kind of forgery.

Signed with the sandbox's own functions, which share nothing with the house. A service that declares a known way of
signing is tampered with without asking: `signer_of` reads the declaration.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integration_console.sandbox import hooks
from integration_console.transport.signatures import (
    HmacHeader,
    PublishedKey,
    Signature,
    SlackSignature,
    StripeSignature,
    TokenHeader,
)

RETIRED = "X-WH-Signature"  # HighLevel's, RSA; it ended on 2026-09-01
SECRET, OTHER = "whsec-8f2b71c0d5e94a36b1", "whsec-ffffffffffffffffff"
BODY = json.dumps({"data": {"id": 152, "name": "Zoë"}, "meta": {"event": "updated"}}).encode()

Headers = dict[str, str]
Sign = Callable[[str, bytes, datetime], Headers]


@dataclass(frozen=True)
class Signer:
    """How genuine deliveries of one way of signing are made."""

    sign: Sign
    header: str
    body_signed: bool = True
    time_signed: bool = False


@dataclass(frozen=True)
class Forgery:
    kind: str
    body: bytes
    headers: Headers


def signer_of(signature: Signature) -> Signer:
    """The one that fits a declaration."""
    match signature:
        case HmacHeader(header, encoding):
            write = hooks.hex_hmac if encoding == "hex" else hooks.base64_hmac
            return Signer(lambda secret, body, at: {header: write(secret, body)}, header)
        case StripeSignature(header):
            return Signer(lambda s, body, at: hooks.signed_as_stripe(s, at.timestamp)(body), header, time_signed=True)
        case SlackSignature(header):
            return Signer(lambda s, body, at: hooks.signed_as_slack(s, at.timestamp)(body), header, time_signed=True)
        case TokenHeader(names):
            return Signer(lambda secret, body, at: {names[0]: secret}, names[0], body_signed=False)
        case PublishedKey(newest):
            return Signer(lambda seed, body, at: hooks.HighLevelKey(seed).sign(body), newest)
    raise TypeError(f"no test knows how to sign as {signature}")


def secret_for(signature: Signature, secret: str = SECRET) -> str:
    """What the house must know to prove what `secret` signs."""
    return hooks.HighLevelKey(secret).public if isinstance(signature, PublishedKey) else secret


def forgeries(signature: Signature, now: datetime, body: bytes = BODY, secret: str = SECRET) -> Iterator[Forgery]:
    """At least forty kinds."""
    signer = signer_of(signature)
    genuine = signer.sign(secret, body, now)
    for kind, headers in _spoilt_headers(signer, genuine, secret):
        yield Forgery(kind, body, headers)
    for kind, headers in _wrong_algorithms(signer, genuine, body, secret):
        yield Forgery(kind, body, headers)
    yield Forgery("another connection's secret", body, signer.sign(OTHER, body, now))
    yield Forgery("signed with nothing", body, signer.sign("", body, now))
    if signer.body_signed:
        for kind, changed in _spoilt_bodies(body):
            yield Forgery(kind, changed, genuine)
            yield Forgery(f"signature of: {kind}", body, signer.sign(secret, changed, now))
    if signer.time_signed:
        yield from _wrong_times(signer, body, secret, now)
    if isinstance(signature, PublishedKey):
        yield from _wrong_keys(signature, body, genuine)
    if isinstance(signature, PublishedKey) and signature.time_at:
        for minutes in (-6, 6, -60 * 24, 60 * 24 * 365):
            timed = json.dumps({signature.time_at: (now + timedelta(minutes=minutes)).isoformat()}).encode()
            yield Forgery(f"sent {minutes} minutes from now", timed, signer.sign(secret, timed, now))
        for odd in ("soon", 7, "", [], "2026-99-99"):
            timed = json.dumps({signature.time_at: odd}).encode()
            yield Forgery(f"sent at {odd!r}", timed, signer.sign(secret, timed, now))


def _spoilt_headers(signer: Signer, genuine: Headers, secret: str) -> Iterator[tuple[str, Headers]]:
    name, value = signer.header, genuine[signer.header]
    rest = {key: text for key, text in genuine.items() if key != name}
    flip = lambda at: value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]  # noqa: E731
    yield "no header at all", {}
    yield "header missing", rest
    yield "under another name", {**rest, "X-Hub-Signature-256": value}
    yield "under a name one letter off", {**rest, name[:-1]: value}
    spoilt = {
        "empty": "", "spaces": "   ", "N/A": "N/A", "null": "null", "undefined": "undefined", "true": "true",
        "one letter short": value[:-1], "half": value[: len(value) // 2], "one letter long": value + "0",
        "first letter": flip(0), "middle letter": flip(len(value) // 2), "last letter but three": flip(len(value) - 4),
        "reversed": value[::-1], "swapped case": value.swapcase(), "all one letter": value[0] * len(value),
        "twice": value + value, "twice with a comma": f"{value}, {value}", "a list": f"{value},{'0' * len(value)}",
        "zeros": "0" * len(value), "sha256= before it": f"sha256={value}", "quoted": f'"{value}"',
        "as a bearer": f"Bearer {value}", "escaped": quote(value, safe="") + "%20", "spaces within": " ".join(value),
        "base64 of it": b64encode(value.encode()).decode(), "hex of it": value.encode().hex(),
        "unicode digits": value[:-1] + "\u00b2", "accents": "é" * len(value), "huge": "a" * 200_000,
        "huge and genuine": value + "0" * 10_000, "a query": "' OR '1'='1", "a path": "../../etc/passwd",
        "a template": "{{7*7}}", "a format": "%s%s%n", "the word none": "None", "an empty object": "{}",
        "the reversed secret": secret[::-1], "control letters": value[:-1] + "\x01",
    }  # fmt: skip
    for kind, text in spoilt.items():
        if text != value:
            yield kind, {**rest, name: text}


def _wrong_algorithms(signer: Signer, genuine: Headers, body: bytes, secret: str) -> Iterator[tuple[str, Headers]]:
    rest = {key: text for key, text in genuine.items() if key != signer.header}
    key = secret.encode()
    right = hmac.new(key, body, hashlib.sha256).digest()
    digests = {
        "SHA-1": hmac.new(key, body, hashlib.sha1).digest(), "SHA-512": hmac.new(key, body, hashlib.sha512).digest(),
        "MD5": hmac.new(key, body, hashlib.md5).digest(), "no key": hashlib.sha256(body).digest(),
        "key before": hashlib.sha256(key + body).digest(), "key behind": hashlib.sha256(body + key).digest(),
        "key and body swapped": hmac.new(body, key, hashlib.sha256).digest(),
        "half of the right one": right[:16], "of the secret's hash": hmac.new(hashlib.sha256(key).digest(), body,
                                                                              hashlib.sha256).digest(),
    }  # fmt: skip
    for kind, digest in digests.items():
        yield f"{kind}, hex", {**rest, signer.header: digest.hex()}
        yield f"{kind}, base64", {**rest, signer.header: b64encode(digest).decode()}
    genuine_forms = {
        "hex": right.hex(), "HEX": right.hex().upper(), "base64": b64encode(right).decode(),
        "base64 for addresses": urlsafe_b64encode(right).decode(), "base64 unpadded": b64encode(right).decode()[:-1],
        "base64 of hex": b64encode(right.hex().encode()).decode(), "latin-1": right.decode("latin-1"),
        "v0 prefix": f"v0={right.hex()}", "v1 prefix": f"v1={right.hex()}",
    }  # fmt: skip
    for kind, text in genuine_forms.items():
        if text != genuine[signer.header]:
            yield f"the right digest of the bare body, {kind}", {**rest, signer.header: text}


def _spoilt_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    said = json.loads(body)
    yield "one letter changed", body.replace(b"152", b"153") if b"152" in body else body[:-2] + b"!" + body[-1:]
    yield "a newline behind", body + b"\n"
    yield "a space before", b" " + body
    yield "written anew", json.dumps(said, indent=1).encode()
    yield "keys in another order", json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    yield "with a byte order mark", b"\xef\xbb\xbf" + body
    yield "twice", body + body
    yield "empty", b""
    yield "cut", body[: len(body) // 2]
    yield "in UTF-16", body.decode().encode("utf-16")
    yield "with a NUL", body + b"\x00"
    yield "escapes written out", body.decode().replace("\\u00eb", "ë").encode() + b" "


def _wrong_times(signer: Signer, body: bytes, secret: str, now: datetime) -> Iterator[Forgery]:
    for seconds in (-301, -3600, -86_400 * 365, 420, 3600, 86_400 * 365):
        yield Forgery(f"sent {seconds} s from now", body, signer.sign(secret, body, now + timedelta(seconds=seconds)))
    genuine, stamp = signer.sign(secret, body, now), str(int(now.timestamp()))
    for odd in (
        "",
        "-1",
        f"-{stamp}",
        f"{stamp}.5",
        f"{stamp}000",
        "now",
        "1e9",
        "٣٤٥",
        "0x10",
        f" {stamp}",
        f"+{stamp}",
    ):
        yield Forgery(f"time {odd!r}", body, {k: v.replace(stamp, odd) for k, v in genuine.items()})
    if signer.header == "Stripe-Signature":
        v1 = genuine[signer.header].split("v1=")[1]
        for kind, text in {
            "two times": f"t={stamp},t={stamp},v1={v1}", "no time": f"v1={v1}", "only v0": f"t={stamp},v0={v1}",
            "only v2": f"t={stamp},v2={v1}", "empty v1": f"t={stamp},v1=", "many v1": f"t={stamp}" + ",v1=00" * 5000,
            "no scheme": f"t={stamp},{v1}", "spaces": f"t={stamp}, v1={v1} ", "time last, changed": f"v1={v1},t=1",
        }.items():  # fmt: skip
            yield Forgery(f"Stripe: {kind}", body, {signer.header: text})
    else:
        sent = genuine[signer.header]
        yield Forgery("Slack: no time", body, {signer.header: sent})
        for kind, text in {"v1": "v1=" + sent[3:], "no scheme": sent[3:], "V0": "V0=" + sent[3:]}.items():
            yield Forgery(f"Slack: {kind}", body, {**genuine, signer.header: text})


@cache
def rsa_key(which: str = "the sender's"):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def rsa_public(which: str = "the sender's") -> str:
    der = rsa_key(which).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def rsa_signed(body: bytes, which: str = "the sender's") -> str:
    return b64encode(rsa_key(which).sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def _wrong_keys(signature: PublishedKey, body: bytes, genuine: Headers) -> Iterator[Forgery]:
    right = genuine[signature.header]
    yield Forgery("RSA of a stranger under the newest name", body, {signature.header: rsa_signed(body, "a stranger's")})
    yield Forgery("RSA of the sender under the newest name", body, {signature.header: rsa_signed(body)})
    retired = {
        "genuine": rsa_signed(body), "RSA of a stranger": rsa_signed(body, "a stranger's"),
        "Ed25519 under the old name": right, "empty": "", "N/A": "N/A", "RSA of another body": rsa_signed(body + b" "),
    }  # fmt: skip
    for kind, text in retired.items():
        yield Forgery(f"retired header alone: {kind}", body, {RETIRED: text})
        yield Forgery(f"retired header beside N/A: {kind}", body, {RETIRED: text, signature.header: "N/A"})
    old = rsa_signed(body)
    for kind, text in {"wrong": "A" * 88, "empty": "", "of another": hooks.HighLevelKey(OTHER).sign(body)[
        signature.header]}.items():  # fmt: skip
        yield Forgery(f"newest {kind}, retired genuine: never falls back", body, {signature.header: text, RETIRED: old})
