"""Telling others of changes: signed deliveries, sent in no order, sent again until somebody takes them.

A stand-in mixes `Hooks` in, calls `open_hooks()` once its shelves stand, and answers `letters(resource, number, what)`
with what each change makes it send. Signing is here too, written from the vendors' documents and with nothing of the
house, so that the two can disagree. Only addresses of this machine are ever called.
"""

import hmac
import http.client
import random
import threading
import time
import traceback
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import heappop, heappush
from itertools import count
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .server import Upstream

SENDERS = 4
LONGEST_WAIT_S = 10.0  # for an answer
SHUFFLED_OVER_S = 0.2  # a later change may be told before an earlier one
REMEMBERED = 20_000
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Sign = Callable[[bytes], dict]


@dataclass(frozen=True)
class Letter:
    """One delivery to be made. It is signed when it is sent, each time anew, for some senders sign the time."""

    url: str
    body: bytes
    sign: Sign = lambda body: {}
    answered: Callable = lambda status, headers: None  # told of every answer; status None when there was none
    retries_s: tuple[float, ...] | None = None  # instead of the sender's own


@dataclass
class Sent:
    """A letter as the sandbox remembers it."""

    url: str
    body: str
    headers: dict
    statuses: list = field(default_factory=list)  # of every try; None when there was no answer


class Hooks(Upstream):
    hook_retries_s: tuple[float, ...] = (1.0, 2.0, 4.0)  # pauses before the next try
    hook_pace = 1.0  # all pauses are multiplied with it: tests have less time than vendors
    hook_url: str | None = None  # the one address of an app, where hooks are not made one by one

    def open_hooks(self) -> None:
        self.sent: deque[Sent] = deque(maxlen=REMEMBERED)
        self._post = _PostOffice(self)
        for resource, shelf in self.shelves.items():
            shelf.told = _telling(self, resource)

    def letters(self, resource: str, number: int, what: str) -> Iterable[Letter]:
        """What a change makes this upstream send. Called a moment later, when the record is whole."""
        raise NotImplementedError

    def retried(self, status: int | None) -> bool:
        """Whether an answer makes the sender try again."""
        return status is None or not 200 <= status < 300

    def send(self, letter: Letter) -> None:
        """Put a letter on its way."""
        self._post.take(letter)

    def changed(self, resource: str, number: int, what: str) -> None:
        self._post.note(resource, number, what)

    def stop(self) -> None:
        self._post.close()
        super().stop()

    # For another process.

    def door(self) -> dict[str, str]:
        """Where another process enters its address, as a person does on the vendor's settings page."""
        return {"hook_control": f"{self.url}/__sandbox__/hook"}

    def _control_sent(self, request, sent):
        return [vars(one) for one in list(self.sent)]

    def _control_hook(self, request, sent):
        """Where the app's deliveries go, as entered in the vendor's settings page."""
        self.hook_url = sent.get("url") or None
        return {"url": self.hook_url}

    def _control_hook_pace(self, request, sent):
        self.hook_pace = float(sent["pace"])
        return {"pace": self.hook_pace}


def _telling(upstream: Hooks, resource: str) -> Callable:
    return lambda number, what: upstream.changed(resource, number, what)


class _PostOffice:
    """What is to be sent and when, and the few threads that send it."""

    def __init__(self, upstream: Hooks) -> None:
        self._upstream = upstream
        self._due: list = []  # (when, number, what to do)
        self._numbers = count()
        self._news = threading.Condition()
        self._is_open = False
        self._ended = False

    def note(self, resource: str, number: int, what: str) -> None:
        self._later(random.random() * SHUFFLED_OVER_S, lambda: self._write(resource, number, what))

    def take(self, letter: Letter) -> None:
        pauses = self._upstream.hook_retries_s if letter.retries_s is None else letter.retries_s
        sent = Sent(letter.url, letter.body.decode("utf-8", "replace"), {})
        self._upstream.sent.append(sent)
        self._later(0, lambda: self._try(letter, sent, list(pauses)))

    def close(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _write(self, resource: str, number: int, what: str) -> None:
        with self._upstream.lock:
            letters = list(self._upstream.letters(resource, number, what))
        for letter in letters:
            self.take(letter)

    def _try(self, letter: Letter, sent: Sent, pauses: list[float]) -> None:
        sent.headers = {"Content-Type": "application/json; charset=utf-8", **letter.sign(letter.body)}
        status, headers = _posted(letter.url, letter.body, sent.headers)
        sent.statuses.append(status)
        letter.answered(status, headers)
        if pauses and self._upstream.retried(status):
            pause = pauses.pop(0) * self._upstream.hook_pace
            self._later(pause, lambda: self._try(letter, sent, pauses))

    def _later(self, wait_s: float, act: Callable) -> None:
        with self._news:
            if not self._is_open:
                self._is_open = True
                for _ in range(SENDERS):
                    threading.Thread(target=self._work, daemon=True, name=f"{self._upstream.key} hooks").start()
            heappush(self._due, (time.monotonic() + wait_s, next(self._numbers), act))
            self._news.notify()

    def _work(self) -> None:
        while (act := self._next()) is not None:
            try:
                act()
            except Exception:  # told to the terminal; the other letters go out
                traceback.print_exc()

    def _next(self) -> Callable | None:
        with self._news:
            while not self._ended:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    return heappop(self._due)[2]
                self._news.wait(wait_s)
        return None


def _posted(url: str, body: bytes, headers: dict) -> tuple[int | None, dict]:
    """The answer's status and headers; None and nothing when none came, or the address is not on this machine."""
    parts = urlsplit(url)
    if parts.hostname not in LOOPBACK or parts.scheme != "http":
        return None, {}
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=LONGEST_WAIT_S)
    try:
        connection.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException):
        return None, {}
    finally:
        connection.close()


def json_bytes(said) -> bytes:
    return orjson.dumps(said)


# Signing


def hex_hmac(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, sha256).hexdigest()


def base64_hmac(secret: str, signed: bytes) -> str:
    return b64encode(hmac.new(secret.encode(), signed, sha256).digest()).decode()


def signed_as_clio(secret: str) -> Sign:
    return lambda body: {"X-Hook-Signature": hex_hmac(secret, body)}


def signed_as_clockify(token: str, event: str) -> Sign:
    return lambda body: {"clockify-signature": token, "clockify-webhook-event-type": event}


def signed_as_stripe(secret: str, at: Callable = time.time) -> Sign:
    def sign(body: bytes) -> dict:
        stamp = str(int(at()))
        return {"Stripe-Signature": f"t={stamp},v1={hex_hmac(secret, stamp.encode() + b'.' + body)}"}

    return sign


def signed_as_slack(secret: str, at: Callable = time.time) -> Sign:
    def sign(body: bytes) -> dict:
        stamp = str(int(at()))
        signature = "v0=" + hex_hmac(secret, b"v0:" + stamp.encode() + b":" + body)
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}

    return sign


def signed_as_xero(key: str) -> Sign:
    return lambda body: {"x-xero-signature": base64_hmac(key, body)}


def signed_as_quickbooks(verifier: str) -> Sign:
    return lambda body: {"intuit-signature": base64_hmac(verifier, body)}


class HighLevelKey:
    """A key pair of this sandbox's own; the public half is what the vendor publishes."""

    def __init__(self, seed: str = "sandbox") -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(sha256(seed.encode()).digest())
        public = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public = b64encode(public).decode()

    def sign(self, body: bytes) -> dict:
        return {"X-GHL-Signature": b64encode(self._private.sign(body)).decode()}
