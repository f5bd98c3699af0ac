"""Several rows of a list at once: those that are ticked, or all that match its filter.

A list declares what can be done with its rows (`Several`), puts the addresses on its page (`serve`) and hands `ticks`
to its table. It is asked first, with the number of rows and what happens to them: the question holds the very rows it
counted, so what is done is what was asked. Where a list's rows change by themselves, a tick names what was shown as
well. Then it is told what became of them. No script is needed for any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request, url_for

from ..errors import InvalidInput
from ..operations.several import MOST, Found, Outcome, each
from . import forms
from .access import actor, can, may
from .filters import Asked
from .formatting import counted, number

Rows = Mapping[int, str]  # by number, in their order: the mark of what was shown of each; "" where there is none
Do = Callable[[Rows, Mapping[str, str]], Outcome]
LABELS = {"row": "Row", "all": "All"}  # what the ticks add to the address of a list


@dataclass(frozen=True)
class About:
    """What depends on the very rows an act is asked for; what is empty is as for any rows."""

    label: str = ""
    effect: str = ""
    refusal: str = ""  # why it cannot be done to these together
    instead: str = ""  # the key of an act that can


@dataclass(frozen=True)
class Act:
    """One thing to be done with rows."""

    key: str  # its part of the address
    label: str  # on its button: "Resolve"
    right: str
    effect: str  # what happens, before it is done
    told: str  # after it: "resolved"
    do: Do  # gets the rows and the fields of `form`
    fields: tuple[str, ...] = ()
    form: str = ""  # the template that draws them
    more: Callable[[], Mapping[str, object]] = dict  # what that template needs
    about: Callable[[Sequence[int]], About] = lambda rows: About()


@dataclass(frozen=True)
class Ticks:
    """What a table and its bar show. rows: for each row of the table what its tick sends and its name; None for no
    tick."""

    several: Several
    acts: list[Act]
    rows: list[tuple[str, str] | None]
    total: int  # rows that match the filter
    filters: Mapping[str, str]

    @property
    def figure(self) -> str:
        """How many match, in figures."""
        return counted(self.total)

    def url(self, act: Act) -> str:
        """The address that asks."""
        return url_for(f"{self.several.endpoint}.several_{act.key}_ask")


@dataclass(frozen=True)
class Several:
    """What can be done with rows of one list."""

    title: str  # of the list
    endpoint: str  # the list's page, where `index` is the list
    one: str
    many: str
    filters: Mapping[str, str]  # as the list's Asked has them
    find: Callable[[Asked], Found]  # the rows of a filter that may be ticked
    names: Callable[[Iterable[int]], Mapping[int, str]]  # what people call them
    acts: tuple[Act, ...]
    show: str = ""  # the endpoint of one row's page, by its number
    argument: str = ""
    seen: Callable[[Iterable[int]], Mapping[int, str]] = lambda rows: {}  # a mark of what is shown of each

    def ticks(
        self, asked: Asked, rows: Sequence[tuple[int, str] | None], whole: bool, acts: Iterable[str] | None = None
    ) -> Ticks | None:
        """The ticks for a table; None for a reader who may do nothing with its rows.

        whole: the table shows all that match, so that nothing has to be counted. acts: the keys that fit these rows.
        """
        wanted = [one for one in self.acts if (acts is None or one.key in acts) and can(one.right)]
        here = [row for row in rows if row]
        if not wanted or not here:
            return None
        seen = self.seen(row for row, _ in here)
        sent = [(_text(row[0], seen.get(row[0], "")), row[1]) if row else None for row in rows]
        return Ticks(self, wanted, sent, len(here) if whole else self.find(asked).total, asked.values)

    def counted(self, count: int) -> str:
        """Rows in words."""
        return f"{number(count)} {self.one if count == 1 else self.many}"

    def link(self, row: int) -> str:
        """The page of one row; "" when it has none."""
        named: dict[str, Any] = {self.argument: row}
        return url_for(self.show, **named) if self.show else ""


def serve(page: Blueprint, several: Several, path: str = "") -> None:
    """The addresses of everything that can be done, each behind its right. path: of the list, within the page's own."""
    for act in several.acts:
        address = f"{path}/several/{act.key}"
        page.get(address, endpoint=f"several_{act.key}_ask")(may(act.right)(_asking(several, act)))
        page.post(address, endpoint=f"several_{act.key}")(may(act.right)(_doing(several, act)))


def one_by_one(move: Callable) -> Do:
    """An operation for one row that knows by whom, done to each."""
    return lambda numbers, sent: each(numbers, lambda row: move(row, by=actor()))


def _asking(several: Several, act: Act):
    def ask():
        asked = _asked(several)
        rows, total = _rows(request.args.getlist("row")), 0
        if asked.value("all"):
            found = Found([], 0) if asked.errors else several.find(asked)
            rows, total = {row: rows.get(row, "") for row in found.numbers}, found.total
        return _question(several, act, asked, rows, max(total, len(rows))), asked.status

    ask.__doc__ = f"{act.label}: asked before it is done to several."
    return ask


def _doing(several: Several, act: Act):
    def do():
        asked = _asked(several)
        sent = forms.sent("rows", *act.fields)
        rows = _rows(sent.pop("rows").split(","))
        if not rows:
            return _question(several, act, asked, {}, 0), 422
        try:
            if refusal := act.about(list(rows)).refusal:
                raise InvalidInput(refusal)
            outcome = act.do(rows, sent)
        except InvalidInput as error:
            return _question(several, act, asked, rows, len(rows), forms.Form(sent, error)), 422
        if outcome.skipped:
            names = several.names(rows)
            back = _list_of(several, asked)
            return render_template(
                "several/done.html", several=several, act=act, outcome=outcome, names=names, back=back
            )
        done = len(outcome.done)
        flash(f"{several.counted(done)} {'is' if done == 1 else 'are'} {act.told}.", "success")
        return redirect(_list_of(several, asked))

    do.__doc__ = f"{act.label}: done to several."
    return do


def _asked(several: Several) -> Asked:
    return Asked({**several.filters, **LABELS})


def _question(several: Several, act: Act, asked: Asked, rows: Rows, total: int, form: forms.Form | None = None) -> str:
    about = act.about(list(rows)) if rows else About()
    seen = several.seen(row for row, mark in rows.items() if not mark)
    return render_template(
        "several/ask.html", several=several, act=act, asked=asked, rows=rows, total=total, names=several.names(rows),
        form=form or forms.Form(), figure=counted, about=about,
        instead=next((one for one in several.acts if one.key == about.instead), None), back=_list_of(several, asked),
        filters=_filters(asked), sent=[_text(row, mark or seen.get(row, "")) for row, mark in rows.items()],
        came=[_text(row, mark) for row, mark in rows.items()], **act.more(),
    )  # fmt: skip


def _filters(asked: Asked) -> str:
    return urlencode({name: text for name, text in asked.values.items() if name not in LABELS})


def _list_of(several: Several, asked: Asked) -> str:
    """The list as it was filtered."""
    query = _filters(asked)
    return url_for(f"{several.endpoint}.index") + (f"?{query}" if query else "")


def _rows(texts: Iterable[str]) -> dict[int, str]:
    """Rows as ticks send them, "17" or "17-4be1", each once, in their order; what is none is left out."""
    parts = (text.partition("-") for text in texts if text.isascii())
    fine = {int(row): mark for row, _, mark in parts if row.isdecimal() and len(row) < 16}
    return dict(islice(fine.items(), MOST))


def _text(row: int, mark: str) -> str:
    return f"{row}-{mark}" if mark else str(row)
