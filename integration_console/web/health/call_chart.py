"""The dashboard's chart: the calls of a day, a week or a month as bars, each leading to the calls it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import request, url_for

from ... import clock
from ...operations.health import tally
from ..filters import start_of_day
from ..formatting import clock_time, iso, number, short_day

SPANS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
WORDS = {
    "2xx": "answered well", "3xx": "nothing new, or sent elsewhere", "4xx": "refused", "5xx": "their failure",
    "none": "no answer",
}  # fmt: skip
HEIGHT = 100
LATE_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Bar:
    """One stretch of time."""

    name: str  # 14:00, or 27 Nov
    label: str  # in words, for those who listen
    url: str  # its calls
    parts: list[tuple[str, float, float]]  # answer, top, height; the well answered ones below
    calls: int
    counts: dict[str, int]
    urls: dict[str, str]  # the calls of each answer


@dataclass(frozen=True)
class Chart:
    """What the dashboard draws."""

    span: str
    bars: list[Bar]
    top: int  # calls of the highest bar
    answers: list[str]  # those there were, of tally.ANSWERS
    to: datetime | None
    late: bool  # it was not counted for a while


def of_calls() -> Chart:
    """The span of the address, `?calls=7d`; a day when it names none."""
    span = request.args.get("calls", "24h")
    span = span if span in SPANS else "24h"
    counted, edges = tally.counted(), _edges(span)
    found = tally.stretches(
        counted, [edge.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for edge in edges]
    )
    top, calls = max(stretch.calls for stretch in found), url_for("transactions.index")
    bars = [_bar(_NAMES[span](edge), stretch, top, calls) for edge, stretch in zip(edges, found, strict=False)]
    return Chart(
        span, bars, top, [name for name in tally.ANSWERS if any(bar.counts[name] for bar in bars)], counted.to,
        late=counted.to is not None and clock.now() - counted.to > LATE_AFTER,
    )  # fmt: skip


def _edges(span: str) -> list[datetime]:
    """Where bars begin and end by the reader's clock: every hour, every six of a day, every day."""
    if span == "24h":
        here = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return [here - timedelta(hours=back) for back in range(24, -1, -1)]
    days, steps = (7, (0, 6, 12, 18)) if span == "7d" else (30, (0,))
    starts = [start_of_day(back) + timedelta(hours=step) for back in range(days - 1, -1, -1) for step in steps]
    return [*starts, start_of_day(-1)]


_NAMES: dict[str, Callable[[datetime], str]] = {
    "24h": clock_time, "7d": lambda at: f"{short_day(at)}, {clock_time(at)}", "30d": short_day,
}  # fmt: skip


def _bar(name: str, stretch: tally.Stretch, top: int, calls: str) -> Bar:
    counts = dict(zip(tally.ANSWERS, stretch.counts, strict=True))
    url = f"{calls}?since={iso(stretch.since)}&until={iso(stretch.until)}"
    urls = {answer: f"{url}&status={answer}" for answer, count in counts.items() if count}
    said = [f"{number(count)} {WORDS[answer]}" for answer, count in counts.items() if count]
    label = f"{name}: {', '.join(said) or 'no call'}"
    return Bar(name, label, url if stretch.calls else "", _parts(counts, top), stretch.calls, counts, urls)


def _parts(counts: dict[str, int], top: int) -> list[tuple[str, float, float]]:
    """The pieces of a bar, one on the other. What there is at all can be seen: a failure in ten thousand, too."""
    parts, under = [], float(HEIGHT)
    for answer, count in counts.items():
        if count:
            height = max(round(count / top * HEIGHT, 1), 2)
            under = max(under - height, 0)
            parts.append((answer, round(under, 1), height))
    return parts
