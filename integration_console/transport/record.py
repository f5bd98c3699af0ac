"""Makes the Attempt that is kept of one try: redacted, capped, headers by allow-list (X2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

import orjson

from ..errors import UpstreamError
from .call import Answer, Attempt, Call
from .redact import Redactor

_REQUEST_IDS = ("X-Request-Id", "Request-Id", "X-Correlation-Id", "X-Trace-Id", "CF-Ray")


class Try(Protocol):
    """What the client knows of a try."""

    call: Call
    body: bytes | None
    call_key: str
    number: int
    started_at: datetime
    waited_ms: float
    took_s: float

    @property
    def url(self) -> str: ...


def attempt_of(
    sent: Try, service: str, redactor: Redactor, headers: Mapping[str, str], word: str,
    answer: Answer | None, error: UpstreamError | None, *, bodies: bool = True,
) -> Attempt:  # fmt: skip
    """One try as it is kept. Without `bodies` neither is kept, as for token endpoints."""
    request_body, request_cut = redactor.body(sent.body or b"") if bodies else ("", False)
    body = answer.body if answer else b""
    kind = answer.headers.get("Content-Type", "") if answer else ""
    response_body, response_cut = redactor.body(body, kind) if bodies else ("", False)
    return Attempt(
        call_key=sent.call_key,
        attempt=sent.number,
        service=service,
        resource=sent.call.resource,
        method=sent.call.method[:10],
        host=(urlsplit(sent.url).hostname or "")[:255],
        path_template=redactor.url(sent.call.template or sent.call.path)[:300],
        url=redactor.url(sent.url),
        status=answer.status if answer else None,
        outcome="ok" if word == "fine" else word,
        error=redactor.text(str(error)) if error else None,
        started_at=sent.started_at,
        duration_ms=sent.took_s * 1000,
        waited_ms=sent.waited_ms,
        request_bytes=len(sent.body or b""),
        response_bytes=len(body),
        upstream_request_id=_request_id(answer, redactor),
        request_headers=orjson.dumps(redactor.headers(headers)).decode(),
        response_headers=orjson.dumps(redactor.headers(answer.headers)).decode() if answer else None,
        request_body=request_body or None,
        response_body=response_body or None,
        body_cut=request_cut or response_cut,
    )


def _request_id(answer: Answer | None, redactor: Redactor) -> str | None:
    found = next((answer.headers[name] for name in _REQUEST_IDS if name in answer.headers), None) if answer else None
    return redactor.text(found)[:200] if found else None
