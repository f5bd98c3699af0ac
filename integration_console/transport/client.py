"""Send one call: wait our turn, try, time it, report it, raise what it means."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

import stamina

from .. import clock
from ..errors import BadAnswer, NeedsPerson, Parked, RateLimited, TryLater, UpstreamError
from . import meaning, wire
from .call import Answer, Attempt, Call
from .limit_headers import LimitHeaders
from .limits import Budget, pause
from .meaning import DECISIONS
from .record import attempt_of
from .redact import Redactor
from .sending import Again, Sending, encoded
from .urls import Address, homes_of

__all__ = ["DECISIONS", "Upstream"]

ATTEMPTS = 5
LONGEST_TURN_S = 5  # what our own windows may add to the patience
_USUAL_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "IntegrationConsole/1.0"}


class Upstream:
    """One account at one service, ready to be called.

    service: gives `key` and `label`; `explain` and `decide` are its own unless others are handed in.
    authorize: the headers with the credentials as they are now; asked before every attempt.
    refresh: renews the credentials after a 401; called at most once a call (K4).
    secrets: every secret value in use, to be kept out of the record.
    apart: budgets of calls that are counted for themselves, by their template.
    within_s: a call that has taken longer is not tried again.
    """

    def __init__(
        self, *, service: Any, base_url: str, settings: Mapping[str, str], authorize: Callable[[], dict[str, str]],
        budget: Budget, record: Callable[[Attempt], None] | None = None, refresh: Callable[[], None] | None = None,
        secrets: Callable[[], Iterable[str]] = tuple, deadline_s: float = 60, max_bytes: int = 20 << 20,
        insecure: bool = False, extra_origins: Iterable[str] = (), headers: Mapping[str, str] | None = None,
        explain: Callable[[Answer], tuple[str, str, str | None]] | None = None,
        decide: Callable[[Answer], str | None] | None = None, limit_headers: LimitHeaders | None = None,
        should_stop: Callable[[], bool] = lambda: False, patience_s: float = 60, account_id: str | None = None,
        attempts: int = ATTEMPTS, backoff_s: tuple[float, float] = (0.5, 8.0),
        apart: Mapping[str, Budget] | None = None, within_s: float | None = None,
    ) -> None:  # fmt: skip
        self.service, self.settings, self.account_id, self.budget = service, settings, account_id, budget
        self.should_stop = should_stop
        self.waited_ms, self.calls = 0.0, 0  # since this was made, attempts counted singly
        self.written = 0  # calls other than reads that were answered well
        self.shut_out = False  # a call was told that our credentials count no longer
        self._label, self._key = getattr(service, "label", "The service"), getattr(service, "key", "")
        self._address = Address(base_url, extra_origins, insecure=insecure)
        self._homes = frozenset(self._address.origins | homes_of(service))
        self._authorize, self._refresh, self._record, self._secrets = authorize, refresh, record, secrets
        self._explain = explain or getattr(service, "explain", None)
        self._decide = decide or getattr(service, "decide", None)
        self._limit_headers: LimitHeaders = limit_headers or getattr(service, "limit_headers", None) or LimitHeaders()
        self._headers = {**_USUAL_HEADERS, **(headers if headers is not None else getattr(service, "headers", {}))}
        self._deadline_s, self._max_bytes, self._patience_s = deadline_s, max_bytes, patience_s
        self._attempts, self._backoff_s = attempts, backoff_s
        self._apart, self._within_s = apart or {}, within_s
        self._untold_s: float | None = getattr(service, "untold_wait_s", None)
        self._redactor_for: tuple[tuple[str, ...], Redactor] = ((), Redactor())

    @property
    def root(self) -> str:
        """The host of the API without its path: for the few calls that lie beside it."""
        scheme, _, rest = self._address.base_url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    def send(self, call: Call) -> Answer:
        """Carry one call out and return its answer; raise what any other answer means.

        Raises TryLater, RateLimited, Parked, BadRecord, BadAnswer, NotAllowed, Missing or NeedsPerson.
        """
        sending = Sending(call, self._address.of(call.path, call.params), *encoded(call))
        try:
            return self._tried(sending)
        except Again as again:
            again.error.call_key = sending.call_key
            raise again.error from None
        except UpstreamError as error:
            error.call_key = error.call_key or sending.call_key
            self.shut_out = self.shut_out or isinstance(error, NeedsPerson)
            raise

    def _tried(self, sending: Sending) -> Answer:
        """What one of the attempts brought. To make ready for several takes a third of what we do for a call, and
        nearly all are answered at once: that waits for the first to fail, and counts it.
        """
        began = clock.monotonic()
        try:
            return self._try(sending, 1)
        except Again as again:
            first = again
        left_s = self._within_s and max(self._within_s - (clock.monotonic() - began), 0.001)
        for attempt in stamina.retry_context(on=Again.asks, attempts=self._attempts, timeout=left_s):
            with attempt:
                if attempt.num == 1:
                    raise first
                return self._try(sending, attempt.num)
        raise AssertionError("unreachable: the last attempt returns or raises")

    # -- one attempt --------------------------------------------------------------------------------------------------

    def _try(self, sending: Sending, number: int) -> Answer:
        sending.number = number
        waited_ms = self._our_turn(sending)
        headers = self._all_headers(sending)
        sending.begins(waited_ms)
        try:
            reply = wire.request(
                sending.call.method, sending.url, headers, sending.body,
                deadline_s=self._deadline_s, max_bytes=self._max_bytes,
            )  # fmt: skip
        except (wire.NotSent, wire.Lost, wire.TooLong) as problem:
            self._landed(sending)
            raise self._without_answer(sending, headers, problem) from None
        self._landed(sending)
        self._budget_of(sending).saw(self._limit_headers.read(reply.headers, clock.now()))
        answer = Answer(
            reply.status, reply.headers, reply.body, waited_ms, sending.took_s * 1000, sending.call_key,
            asked=sending.call, homes=self._homes,
        )  # fmt: skip
        word = self._word_for(answer)
        if word in ("fine", "nothing"):
            self.written += sending.call.method != "GET"
            self._report(sending, headers, word, answer=answer)
            return answer
        error = self._meant(word, answer)
        self._report(sending, headers, word, answer=answer, error=error)
        raise self._next_step(sending, word, answer, error)

    def _our_turn(self, sending: Sending) -> float:
        began = clock.monotonic()
        pause(sending.pause_s, self.should_stop)
        sending.pause_s = 0.0
        try:
            self._budget_of(sending).wait(self._patience_s + LONGEST_TURN_S, self.should_stop)
        except Parked as parked:
            message = f"The calls {self._label} allows this account are used up for now."
            raise Parked(message, until=parked.until) from None
        waited_ms = (clock.monotonic() - began) * 1000
        self.waited_ms += waited_ms
        self.calls += 1
        return waited_ms

    def _all_headers(self, sending: Sending) -> dict[str, str]:
        headers = {**self._headers, **sending.headers, **sending.call.headers, **self._authorize()}
        if not all(value.isprintable() and value.isascii() for value in headers.values()):
            raise NeedsPerson(f"The stored credentials for {self._label} hold characters that cannot be sent.")
        return headers

    def _landed(self, sending: Sending) -> None:
        sending.took_s = clock.monotonic() - sending.began
        self._budget_of(sending).landed()

    def _budget_of(self, sending: Sending) -> Budget:
        return self._apart.get(sending.call.template, self.budget)

    # -- what came of it ----------------------------------------------------------------------------------------------

    def _without_answer(self, sending: Sending, headers: Mapping[str, str], problem: Exception) -> Exception:
        """Report a try that brought no answer, and say how to go on: a write whose answer is lost is never repeated."""
        error: UpstreamError
        if isinstance(problem, wire.NotSent):
            error = TryLater(f"{self._label} could not be reached.", code="not sent")
        elif isinstance(problem, wire.TooLong):
            error = BadAnswer(
                f"{self._label} sent more than {self._max_bytes / (1 << 20):g} MiB; it was not read.", code="too long"
            )
        elif getattr(problem, "late", False):
            error = TryLater(f"{self._label} did not answer within {self._deadline_s:g} seconds.", code="lost")
        elif getattr(problem, "cut", False) and sending.safe:
            error = BadAnswer(f"{self._label}'s answer was cut off.", code="lost")
        else:
            error = TryLater(f"The connection to {self._label} broke before an answer came.", code="lost")
        error.raw = self._redactor().text(str(problem))[:1000]
        self._report(sending, headers, "unusable" if isinstance(problem, wire.TooLong) else "retry", error=error)
        if isinstance(problem, wire.TooLong) or not (sending.safe or isinstance(problem, wire.NotSent)):
            return error
        at_once = getattr(problem, "stale", False) and not sending.was_stale
        sending.was_stale = sending.was_stale or at_once
        sending.pause_s = 0.0 if at_once else self._backoff(sending.number)
        return Again(error)

    def _word_for(self, answer: Answer) -> str:
        try:
            word = self._decide(answer) if self._decide else None
        except Exception:  # a service's reading of an answer in an unheard-of shape must not end the run
            word = None
        return word or meaning.usual(answer.status)

    def _meant(self, word: str, answer: Answer) -> UpstreamError:
        redactor = self._redactor()
        try:
            message, code, at_field = self._explain(answer) if self._explain else ("", "", None)
        except Exception:  # as above: error bodies come in every shape
            message, code, at_field = "", "", None
        raw = redactor.text(str(message))[:1000] if message else redactor.body(answer.body[:4000])[0][:1000]
        said = (redactor.text(str(message))[:500], redactor.text(str(code))[:100], at_field)
        wait_s = meaning.retry_after_s(answer.headers.get("Retry-After")) or 0.0
        return meaning.error_for(word, self._label, answer, said=said, raw=raw, wait_s=wait_s)

    def _next_step(self, sending: Sending, word: str, answer: Answer, error: UpstreamError) -> Exception:
        """The error to raise: as it is, or wrapped as one to try again after."""
        if word == "refresh" and self._refresh and not sending.refreshed:
            sending.refreshed = True
            self._refresh()
            return Again(error)
        if word == "slow down":
            return self._slow_down(sending, answer, error)
        if word == "retry":
            told_s = meaning.retry_after_s(answer.headers.get("Retry-After"))
            if told_s is not None:
                return self._slow_down(sending, answer, error)
            sending.pause_s = self._backoff(sending.number)
            return Again(error) if sending.safe else error
        return error

    def _slow_down(self, sending: Sending, answer: Answer, error: UpstreamError) -> Exception:
        """Tell everybody on this account to wait; a wait longer than our patience parks the run."""
        told_s, budget = meaning.retry_after_s(answer.headers.get("Retry-After")), self._budget_of(sending)
        if told_s is None:  # GHL's and Clockify's 429 name no time; their shortest window is a fair guess
            shortest = min((limit.per_s for limit in budget.limits), default=1.0)
            told_s = self._untold_s or self._backoff(sending.number) + min(shortest, self._backoff_s[1])
        wait_s = told_s + random.uniform(0.02, 0.02 + min(1.0, told_s / 10))
        until = clock.now() + timedelta(seconds=wait_s)
        budget.slow_down(until)
        if told_s > self._patience_s:
            return Parked(str(error), until=until, status=answer.status, raw=error.raw, code=error.code)
        if isinstance(error, RateLimited):
            error.wait_s = wait_s
        return Again(error) if sending.safe or answer.status == 429 else error

    def _backoff(self, number: int) -> float:
        """Full jitter: anything between nothing and a bound that doubles."""
        first, longest = self._backoff_s
        return random.uniform(0, min(longest, first * 2 ** (number - 1)))

    # -- the record ---------------------------------------------------------------------------------------------------

    def _report(
        self, sending: Sending, headers: Mapping[str, str], word: str, *, answer: Answer | None = None,
        error: UpstreamError | None = None,
    ) -> None:  # fmt: skip
        if self._record:
            outcome = "retry" if word == "later" else word
            self._record(attempt_of(sending, self._key, self._redactor(), headers, outcome, answer, error))

    def _redactor(self) -> Redactor:
        secrets = tuple(self._secrets())
        if secrets != self._redactor_for[0]:
            self._redactor_for = (secrets, Redactor(secrets))
        return self._redactor_for[1]
