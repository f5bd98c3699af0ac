"""The calls to a service's token endpoint: one try, twenty seconds, recorded without bodies (P8, X2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import clock
from ..errors import BadAnswer, TryLater, UpstreamError
from . import meaning, wire
from .auth import TOKEN_DEADLINE_S
from .call import Answer, Attempt, Call, new_key
from .record import attempt_of
from .redact import Redactor
from .urls import Address

_LARGEST = 1 << 20


class TokenEndpoint:
    """Called by `auth.exchange` and `auth.refresh`. Never repeats: a code, and often a refresh token, works once."""

    def __init__(
        self, *, service: Any, url: str, record: Callable[[Attempt], None] | None = None,
        secrets: Iterable[str] = (), insecure: bool = False, deadline_s: float = TOKEN_DEADLINE_S,
    ) -> None:  # fmt: skip
        self._service, self._record, self._deadline_s = service, record, deadline_s
        self._url = Address(url, insecure=insecure).base_url
        self._redactor = Redactor(secrets)

    def __call__(self, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send the form; status and body come back.

        Raises TryLater when no answer came.
        """
        sent = _Sent(Call("POST", "/" + self._url.split("/", 3)[-1]), self._url, body.encode(), new_key(), clock.now())
        began = clock.monotonic()
        answer: Answer | None = None
        error: UpstreamError | None = None
        word = "retry"
        try:
            answer = self._ask(sent, headers)
            word = meaning.usual(answer.status)
        except (wire.NotSent, wire.Lost):
            error = TryLater(f"{self._service.label} could not be reached to renew access.", code="lost")
        except wire.TooLong:
            error, word = BadAnswer(f"{self._service.label} sent far too much; it was not read."), "unusable"
        sent.took_s = clock.monotonic() - began
        self._report(sent, headers, word, answer, error)
        if answer is None:
            raise error or TryLater()
        return answer.status, answer.body

    def _ask(self, sent: _Sent, headers: Mapping[str, str]) -> Answer:
        all_headers = {
            "Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "IntegrationConsole/1.0", **headers,
        }  # fmt: skip
        reply = wire.request("POST", sent.url, all_headers, sent.body, deadline_s=self._deadline_s, max_bytes=_LARGEST)
        return Answer(reply.status, reply.headers, reply.body)

    def _report(
        self, sent: _Sent, headers: Mapping[str, str], word: str, answer: Answer | None, error: UpstreamError | None
    ) -> None:
        if self._record:
            key = self._service.key
            self._record(attempt_of(sent, key, self._redactor, headers, word, answer, error, bodies=False))


@dataclass
class _Sent:
    call: Call
    url: str
    body: bytes | None
    call_key: str
    started_at: datetime
    number: int = 1
    waited_ms: float = 0.0
    took_s: float = 0.0
