"""The dashboard: is everything all right? Answered by its first screen, from rows that runs left behind."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from flask import Blueprint, render_template, url_for

from ...operations.accounts import connections
from ...operations.health import figures, last_runs, overview
from ...operations.matters import due_dates, matters
from ...operations.runs import run_history
from .. import Menu, shell
from ..access import may
from ..filters import same_time_yesterday, start_of_day
from ..formatting import clock_time, iso
from . import call_chart

page = Blueprint("dashboard", __name__)
menu = Menu("Dashboard", icon="speedometer2", order=10, key="d")

MOST_CARDS = 12  # a firm has a handful of connections; the rest are one click away
WORTH_SHOWING = 8  # needs named in the verdict; more are counted


@page.get("/")
@may("see status")
def index():
    """The verdict, a card for each connection, four numbers, the last runs and the open problems."""
    known = connections.every(removed=True)
    every = [one for one in known if one.status != "removed"]
    health = overview.of_connections(every, runs := last_runs.found())
    cards = health[:MOST_CARDS]
    overview.add_hours(cards)
    issues, day = figures.open_issues(), _figures(every)
    return render_template(
        "dashboard/index.html", cards=cards, hidden=len(health) - len(cards), needs=_needs(health, issues, day.heard),
        shown=WORTH_SHOWING,
        healthy=sum(one.status in ("ok", "running", "waiting") for one in health), every=every,
        paused=[one for one in health if one.status == "paused"], figures=day, midnight=start_of_day(),
        runs=runs.latest, totals=run_history.totals(runs.latest), carried=run_history.carried(runs.latest),
        issues=issues.worst,
        steps=figures.first_steps(every), slots=_slots(cards),
        near=due_dates.near(known) if any(one.service == "clio" for one in every) else due_dates.Near(0, 0, 0),
        unread=matters.unread(one for one in every if one.status == "connected"),  # the others are named already
        chart=call_chart.of_calls(), spans=call_chart.SPANS, answer_words=call_chart.WORDS,
        calls_left={one.connection.id: figures.calls_left(one.connection) for one in cards},
        banners=partial(shell.banners, every), waits=day.waits, menu_counts=lambda: day.waits,
    )  # fmt: skip


def _slots(cards: list[overview.Health]) -> dict[int, tuple[tuple[str, str, str], ...]]:
    """The strip of each card: an hour a slot, in words, leading to the runs of that hour."""
    runs_url, names = url_for("runs.index"), {}
    for hour in cards[0].hours if cards else ():  # the same hours on every card
        names[hour.since] = f"{clock_time(hour.since)}: ", f"&since={iso(hour.since)}&until={iso(hour.until)}"
    return {
        one.connection.id: tuple(
            _slot(hour, *names[hour.since], f"{runs_url}?connection={one.connection.id}") for hour in one.hours
        )
        for one in cards
    }


def _slot(hour: overview.Hour, name: str, times: str, address: str) -> tuple[str, str, str]:
    if not hour.runs:
        return hour.state, name + "no run", ""
    many = f"{hour.runs} run{'s' if hour.runs > 1 else ''}, {'all' if hour.state == 'ok' else hour.well} well"
    return hour.state, name + many, address + times


def _needs(health: list[overview.Health], issues: figures.OpenIssues, heard: datetime | None) -> list[overview.Need]:
    """What needs a person, the gravest first. Open problems are named when no run speaks of them already."""
    worker = overview.worker_need(heard) if health else None
    needs = ([worker] if worker else []) + [one.need for one in health if one.need]
    if issues.count and not any(need.run_id for need in needs):
        needs.append(overview.issues_need(issues.count, issues.since))
    return sorted(needs, key=lambda need: not need.grave)


def _figures(every: list) -> figures.Figures:
    return figures.of_day(every, midnight=start_of_day(), yesterday=start_of_day(1), same_time=same_time_yesterday())
