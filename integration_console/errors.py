"""Every error the console raises, named for what to do next.

ConsoleError
  NotFound              nothing by that name or number                -> say so
  InvalidInput          what a person sent cannot be used             -> the field is named
    Malformed           what a program sent cannot even be read       -> say where it breaks
  Conflict              something else is already doing this          -> say which
    OutboundPaused      nothing is sent since a restore               -> an admin looks through it and resumes
    ChangedMeanwhile    somebody else changed it since it was shown   -> show both versions
    AlreadyConnected    this account has a connection                 -> ask whether a second one is meant
  NotSignedIn, Forbidden  the person may not                          -> sign in, or ask an admin
  Unproved              a webhook does not prove who sent it          -> refuse, say no more than that
  TooMany               asked too often                               -> wait .wait_s seconds
  Unavailable           our own database is busy or down              -> try again, nothing was saved
  SealBroken            a stored secret cannot be opened              -> check the keys, or reconnect
  BackupRefused         a backup cannot be trusted, made or put back  -> another file, or what the message says
  LeaseLost             another process has taken this work over      -> stop at once, write nothing
  Cancelled             a person asked for this to stop               -> stop at the page edge
  BrakeApplied          too many deletions at once                    -> stop before the first, ask a person
  Wait                  a record it names is not on the other side yet -> look again when it is
  UpstreamError         something beyond our walls went wrong
    TryLater            wait, then the same call may work             -> retry
      RateLimited       wait .wait_s seconds, no less                 -> retry
      Parked            wait until .until, too long to sit and sleep  -> run waits
    BadRecord           this record is wrong, others are fine         -> dead letter
      Over              what a write may have made is voided by now   -> a person who was told retries, or drops it
    Stale               it changed upstream since it was read         -> read again, compare again
    BadAnswer           the answer as a whole cannot be used          -> the resource stops
    NotAllowed          the account may not read this                 -> that resource stops
    Missing             the upstream has no such thing                -> nothing to read
    NeedsPerson         nothing we do alone will fix it               -> pause, tell someone
      WrongAccount      the credentials belong to another account     -> refuse
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any


class ConsoleError(Exception):
    """Something went wrong in the console."""

    kind = "ours"  # the word under which ErrorLog files it
    may_be_there = False  # what was to be written, in spite of this: then it is looked for before it is sent again

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").splitlines()[0])


class NotFound(ConsoleError):
    """There is nothing by that name or number."""


class InvalidInput(ConsoleError):
    """What was sent cannot be used."""

    def __init__(self, message: str = "", *, field: str | None = None, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = dict(fields or ({field: str(self)} if field else {}))  # field -> what is wrong with it
        self.field = field or next(iter(self.fields), None)  # the first


def together(*checks: Callable[[], Any]) -> list[Any]:
    """What each check answers. Raises one InvalidInput that names the fields of all that fail."""
    answers: list[Any] = []
    wrong: dict[str, str] = {}
    for check in checks:
        try:
            answers.append(check())
        except InvalidInput as error:
            wrong |= error.fields or {"": str(error)}
    if wrong:
        raise InvalidInput(" ".join(wrong.values()), fields=wrong)
    return answers


class Malformed(InvalidInput):
    """What was sent cannot be read."""


class Conflict(ConsoleError):
    """Something else is already doing this."""

    kind = "conflict"

    def __init__(self, message: str = "", *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})  # what a program is told: {"connections": [...]}


class OutboundPaused(Conflict):
    """Nothing is sent since a backup was restored: an administrator looks through it and resumes, under Backups."""


class ChangedMeanwhile(Conflict):
    """Somebody else changed what a form is about after it was opened."""


class AlreadyConnected(Conflict):
    """This account is connected already."""


class NotSignedIn(ConsoleError):
    """Please sign in first."""


class Forbidden(ConsoleError):
    """Your role may not do this."""


class Unproved(ConsoleError):
    """This delivery does not prove who sent it."""


class TooMany(ConsoleError):
    """Too many tries."""

    def __init__(self, message: str = "", *, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Unavailable(ConsoleError):
    """The database is busy or restarting. Nothing was saved."""


class SealBroken(ConsoleError):
    """A stored secret cannot be opened with the encryption keys the console was started with."""


class BackupRefused(ConsoleError):
    """This backup cannot be used."""


class LeaseLost(ConsoleError):
    """Another process has taken this work over."""


class Cancelled(ConsoleError):
    """Stopped because a person asked for it."""


class BrakeApplied(ConsoleError):
    """More records would be marked deleted than the brake allows."""

    kind = "conflict"


class Wait(ConsoleError):
    """This waits for another record that is not on the other side yet."""

    kind = "value"

    def __init__(
        self, message: str = "", *, resource: str, external_id: str, flow: str | None = None, side: str | None = None
    ) -> None:
        super().__init__(message or f"This waits until {resource} {external_id} is linked with the other side.")
        self.resource = resource  # what it waits for, as its service names it
        self.external_id = external_id
        self.flow, self.side = flow, side  # the mapping that will link it, and on which side of that it lies


class UpstreamError(ConsoleError):
    """The other service did not do what we asked."""

    kind = "upstream"

    def __init__(
        self, message: str = "", *, status: int | None = None, raw: str = "", code: str = "", call_key: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status  # the HTTP status, when there was an answer
        self.raw = raw  # the upstream's own words, redacted
        self.code = code  # the upstream's own error code, when it names one, or a word of ours for what is alike
        self.call_key = call_key  # Transaction.call_key of the call it happened on


class TryLater(UpstreamError):
    """The other service is not ready; the same call may work later."""


class RateLimited(TryLater):
    """We are going faster than the other service allows."""

    kind = "rate limit"

    def __init__(self, message: str = "", *, wait_s: float, **facts) -> None:
        super().__init__(message, **facts)
        self.wait_s = wait_s


class Parked(TryLater):
    """The other service asks us to wait longer than a call may sleep."""

    kind = "rate limit"

    def __init__(self, message: str = "", *, until: datetime, **facts) -> None:
        super().__init__(message, **facts)
        self.until = until


class BadRecord(UpstreamError):
    """This record is wrong; the others are fine."""

    kind = "value"

    def __init__(self, message: str = "", *, field: str | None = None, **facts) -> None:
        super().__init__(message, **facts)
        self.field = field


class Over(BadRecord):
    """What a write whose answer is out may have made is voided, archived or deleted by now."""

    may_be_there = True
    SAID = (
        "What this write may have made ({}) is {} {} by now. Look there. Drop this write if that is right; retry it "
        "to have another one made."
    )

    def __init__(self, where: str, states: Mapping[str, str]) -> None:
        told = " or ".join(sorted({state.lower() for state in states.values()}))
        super().__init__(self.SAID.format(", ".join(states), told, where), code="over")
        self.title = self.SAID.format("…", told, where)  # for all that is refused alike
        self.ids = tuple(states)


class Stale(UpstreamError):
    """The record has changed at the other service since it was read."""

    kind = "conflict"


class BadAnswer(UpstreamError):
    """The other service's answer could not be used."""


class NotAllowed(UpstreamError):
    """The connected account may not read this."""

    kind = "permission"


class Missing(UpstreamError):
    """The other service has no such record."""

    kind = "missing"


class NeedsPerson(UpstreamError):
    """The connection needs a person: nothing we do alone will fix it."""

    kind = "connection"


class WrongAccount(NeedsPerson):
    """These credentials belong to another account than the one connected."""
