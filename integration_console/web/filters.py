"""What the address of a list asks for: its filters, its time range, its chips, and itself with one part changed.

The address is the state: every page of a list can be reloaded, gone back to and passed on as a link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from flask import request, url_for
from werkzeug.routing import RequestRedirect

from .. import clock
from ..errors import InvalidInput
from . import forms
from .formatting import moment, zone

Place = TypeVar("Place")  # of a list: what its operations know as a place

RANGES = {
    "15m": ("the last 15 minutes", timedelta(minutes=15)),
    "1h": ("the last hour", timedelta(hours=1)),
    "24h": ("the last 24 hours", timedelta(hours=24)),
    "7d": ("the last 7 days", timedelta(days=7)),
    "30d": ("the last 30 days", timedelta(days=30)),
}
TIMES = ("range", "since", "until")
_CURSORS = ("older", "newer", "cursor", "seen")  # where a page begins, and what a live part says already
_LONGEST = 200


class Asked:
    """The filters of one list as its address has them. Macros of macros/filters.html read it.

    labels: name -> what its chip says; names not listed are refused.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        _leave_out_what_says_nothing()
        self.labels = {**labels, "range": "Time", "since": "From", "until": "Until"}
        self.errors: dict[str, str] = {}
        given = {name: text.strip() for name, text in request.args.items() if text.strip()}
        self.values = {name: text for name, text in given.items() if name in self.labels}
        self.cursor = {name: text for name, text in given.items() if name in _CURSORS}
        for name, text in given.items():
            if name not in self.labels and name not in _CURSORS:
                self.refuse(name, f"This list has no filter called {name[:40]!r}. There are: {', '.join(labels)}.")
            elif len(text) > _LONGEST:
                self.refuse(name, f"This may have at most {_LONGEST} characters.")
            elif forms.unseen(text):
                self.refuse(name, "This holds characters that cannot be seen. Please type it again.")

    def refuse(self, name: str, message: str) -> None:
        """A filter cannot be used: the page says why and shows no rows, never rows of another question."""
        self.errors.setdefault(name, message)

    def must_be_right(self) -> None:
        """Raises InvalidInput with what is wrong, where a page would show it."""
        for name, message in self.errors.items():
            raise InvalidInput(message, field=name)

    @property
    def query(self) -> str:
        """The filters as the query of an address, for an export or a saved view of this list."""
        return urlencode(self.values)

    def matches(self, rows: int, whole: bool, count: Callable[[], Place]) -> Place | int | None:
        """How many rows match, counted where the page does not show them all; None where nothing is filtered for."""
        return None if not self.values or self.errors else rows if whole else count()

    @property
    def status(self) -> int:
        """The HTTP status of the page."""
        return 422 if self.errors else 200

    def with_words(self, words: Mapping[str, str], box: str) -> Asked:
        """The same question with what its search box said by `key:value`."""
        other = copy(self)
        other.errors = {}
        other.values = {name: text for name, text in self.values.items() if name != box} | dict(words)
        if "since" in words or "until" in words:
            other.values.pop("range", None)
        return other

    def take_errors(self, other: Asked, box: str | None) -> None:
        """Say what is wrong with the question that `with_words` made; what only the box said, at the box."""
        for name, message in other.errors.items():
            self.refuse(name if name in self.values or box is None else box, message)

    def value(self, name: str) -> str:
        """A filter as text; "" when it is not set. Also what the fields of the form show."""
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        """What is wrong with a filter."""
        return self.errors.get(name, "")

    def number(self, name: str) -> int | None:
        """A filter that must be a whole number."""
        text = self.value(name)
        if text and not (text.isascii() and text.isdecimal() and len(text) < 16):
            self.refuse(name, f"{self.labels[name]} must be a whole number, not {text!r}.")
            return None
        return int(text) if text else None

    def place(self, name: str) -> int | None:
        """The row a page begins behind; None when the address names none."""
        text = self.cursor.get(name, "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None

    def dated_place(self, name: str, make: Callable[[datetime, int], Place]) -> Place | None:
        """The moment and the row a page begins behind, as the list's own `make`; None when the address names none."""
        try:
            place = self.named_place(name, lambda at, number: (clock.parse(at), number))
        except ValueError:
            return None
        return make(place[0], place[1]) if place and place[0] else None

    def named_place(self, name: str, make: Callable[[str, int], Place]) -> Place | None:
        """The same with a text in the moment's stead: a day, say."""
        text, _, number = self.cursor.get(name, "").rpartition(",")
        fine = text and number.isascii() and number.isdecimal() and len(number) < 16
        return make(text, int(number)) if fine else None

    def one_of(self, name: str, choices: Iterable[str]) -> str:
        """A filter that must be one of these."""
        text = self.value(name)
        if text and text not in choices:
            self.refuse(name, f"{self.labels[name]} {text!r} is not known. There are: {', '.join(choices)}.")
            return ""
        return text

    def span(self) -> tuple[datetime | None, datetime | None]:
        """From and until when; a named range ends now."""
        if self.value("range") == "custom":
            self.refuse("range", "Say from when, until when, or both.")
        elif named := self.one_of("range", RANGES):
            return clock.now() - RANGES[named][1], None
        since, until = self._moment("since"), self._moment("until")
        if since and until and until <= since:
            self.refuse("until", "This must be later than the time it begins.")
        return since, until

    @property
    def time_choice(self) -> str:
        """What the choice of times shows."""
        return self.value("range") or ("custom" if self.value("since") or self.value("until") else "any")

    def local(self, name: str) -> str:
        """A moment as a date field shows it, in the reader's own time; "" where it is none."""
        try:
            at = instant(self.value(name))
        except InvalidInput:
            return ""
        return at.astimezone(zone()).replace(tzinfo=None).isoformat() if at else ""

    def _moment(self, name: str) -> datetime | None:
        try:
            return instant(self.value(name))
        except InvalidInput as error:
            self.refuse(name, str(error))
            return None

    # -- addresses -----------------------------------------------------------------------------------------------

    def url(self, **changes: object) -> str:
        """This address with some filters changed or, with None, left out; from the first page on."""
        wanted: dict[str, object] = {**self.values, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value not in (None, "")})
        return f"{request.path}?{query}" if query else request.path

    def url_of(self, endpoint: str, **more: object) -> str:
        """The address of another page that takes the same filters."""
        return url_for(endpoint, **{**self.values, **more})  # type: ignore[arg-type]

    def chips(self, names: Mapping[str, Mapping[str, str]] | None = None, *, tabs: str = "") -> list[tuple[str, str]]:
        """What is filtered for, each with the address without it.

        names: for filters whose values are not for people, their words.
        tabs: the filter that the page shows as tabs; it needs no chip.
        """
        names, chosen = names or {}, {name: text for name, text in self.values.items() if name != tabs}
        shown = {name: (names.get(name, {}).get(text) or self._words(name, text)) for name, text in chosen.items()}
        return [(f"{self.labels[name]}: {text}", self.url(**{name: None})) for name, text in shown.items()]

    def _words(self, name: str, text: str) -> str:
        if name == "range":
            return RANGES[text][0] if text in RANGES else "from and until" if text == "custom" else text
        if name in TIMES and not self.error(name):
            return moment(instant(text))
        return text


def _leave_out_what_says_nothing() -> None:
    """A form sends also the fields nobody filled in, and times behind another choice; the address is without them."""
    given = {name for name, text in request.args.items() if text.strip()}
    chosen = request.args.get("range", "")
    if chosen == "custom" and given & {"since", "until"}:
        given -= {"range"}
    elif chosen in RANGES:
        given -= {"since", "until"}
    elif chosen == "any":
        given -= set(TIMES)
    if given != set(request.args):
        kept = [(name, text) for name, text in request.args.items(multi=True) if name in given and text.strip()]
        raise RequestRedirect(f"{request.path}?{urlencode(kept)}" if kept else request.path)


def instant(text: str) -> datetime | None:
    """A moment as an address or a date field gives it; without a zone it is the reader's own time.

    Raises InvalidInput when it is none.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone())).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text[:40]!r} is no time. Write it as 2026-11-22 or 2026-11-22T14:00.") from None


def start_of_day(days_ago: int = 0) -> datetime:
    """Midnight where the reader is."""
    there = clock.now().astimezone(zone()) - timedelta(days=days_ago)
    return there.replace(hour=0, minute=0, second=0, microsecond=0)


def same_time_yesterday() -> datetime:
    """This moment, a day ago, by the reader's clock."""
    return clock.now().astimezone(zone()) - timedelta(days=1)
