"""What a mapping would do, counted and sampled before it is switched on, and the switching on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from ... import clock
from ...errors import Conflict, NotFound
from ...operations.finding.named import Awaited
from ...operations.mapping import mappings, previews
from ...operations.runs import standing
from ...services.writing import Field
from .. import forms
from .. import mapping_words as words
from ..access import actor, may
from ..filters import Asked
from ..formatting import number as figure

page = Blueprint("mapping_previews", __name__, url_prefix="/mappings/<int:mapping_id>")

# kind of the tally -> its word, what it means
KINDS = {
    "create": ("Create", "made on the other side"), "update": ("Update", "changed on one side or both"),
    "same": ("Same", "agree already"), "conflict": ("Conflict", "both sides say something else"),
    "ambiguous": ("Ambiguous", "several may be the partner, a person decides"),
    "refused": ("Refused", "cannot be carried, for the reason given"), "aside": ("Left out", "do not take part"),
    "wait": ("Wait", "wait for another record or an answer"), "delete": ("Delete", "their partner was deleted"),
    "link": ("New pairs", "are linked for the first time"),
}  # fmt: skip
PATIENCE_S = 240.0  # a page waits no longer: the server in front gives up after 300 (docs/production.md)
BAD = ("conflict", "ambiguous", "refused")
DONE = {"update": "change", "delete": "delete"}  # verbs


@page.get("/preview")
@may("see status")
def show(mapping_id: int):
    """What the last preview counted, with samples."""
    mapping = mappings.find(mapping_id)
    version = mappings.latest(mapping)
    engine = mappings.in_engine(mapping, version.number)
    ends, told = words.ends_of(mapping, engine), version.preview
    samples = previews.samples(version) if told else {}
    return render_template(
        "mappings/preview.html", mapping=mapping, version=version, told=told, ends=ends, words=words, kinds=KINDS,
        bad=BAD, standing=standing.of([mapping])[0], shown=words.shown, at=clock.parse((told or {}).get("at")),
        samples=samples, named=words.named(_values(samples, ends), ends),
        blocking=[one for one in mappings.check(mapping, version.number) if one.blocking],
        why=Awaited(
            (ends["left" if one["left"] else "right"].connection.id, one["reason"])
            for each in samples.values() for one in each
        ),
        effects=effects(told, ends) if told else [], money=mappings.needs_approval(mapping, version.number),
    )  # fmt: skip


def _values(samples, ends: words.Ends) -> Iterator[tuple[str, Field, Any]]:
    """Every value that would change, and what it would become."""
    for rows in samples.values():
        for one in (one for row in rows for one in row["fields"]):
            for value in (one["before"], one["after"]):
                yield one["side"], ends[one["side"]].named(one["field"]), value


@page.get(f"/preview/<any({', '.join(KINDS)}):kind>")
@may("see status")
def rows(mapping_id: int, kind: str):
    """Every record or pair the last preview counted as one kind."""
    mapping = mappings.find(mapping_id)
    version = mappings.latest(mapping)
    if not version.preview:
        raise NotFound("This version of the mapping was not previewed.")
    asked = Asked({})
    place = asked.place("older") or 0
    found, more = previews.rows(version, kind, place)
    ends = words.ends_of(mapping, mappings.in_engine(mapping, version.number))
    return render_template(
        "mappings/preview_rows.html", mapping=mapping, version=version, kind=kind, kinds=KINDS, found=found,
        ends=ends, asked=asked, place=place,
        count=version.preview["counts"].get(kind, 0), at=clock.parse(version.preview["at"]),
        older=asked.url(older=place + 1) if more else None,
        why=Awaited((ends["left" if one.left else "right"].connection.id, one.reason) for one in found),
    ), asked.status  # fmt: skip


@page.post("/preview")
@may("edit mappings")
def make(mapping_id: int):
    """Send every record through the draft, and write nothing."""
    forms.sent()
    mapping = mappings.find(mapping_id)
    version = mappings.latest(mapping)
    if blocking := [one.message for one in mappings.check(mapping) if one.blocking]:
        raise Conflict(f"There is nothing to preview yet. {' '.join(blocking[:3])}")
    previews.preview(mapping, version, within_s=PATIENCE_S)
    return redirect(url_for("mapping_previews.show", mapping_id=mapping_id))


def effects(told: dict[str, Any], ends) -> list[str]:
    """What will be written where: "Send 12 new contacts to Our Clio, change 31"."""
    said = []
    for side in ("right", "left"):
        sends, end = (told.get("sends") or {}).get(side, {}), ends[side]
        parts = []
        if made := sends.get("create"):
            kind = end.records.removesuffix("s") if made == 1 else end.records
            parts.append(f"send {figure(made)} new {kind} to {end.connection.name}")
        parts += [f"{verb} {figure(count)}" for op, verb in DONE.items() if (count := sends.get(op))]
        if parts:
            where = "" if made else f" {end.records} at {end.connection.name}"
            said.append(f"{parts[0][:1].upper()}{', '.join(parts)[1:]}{where}.")
    return said or ["Nothing is written at first; later what changes is."]


def _seen() -> datetime | None:
    """Which draft the preview on the page was of."""
    sent = forms.sent("seen_at")
    return words.seen(sent["seen_at"]) if sent["seen_at"] else None


@page.post("/activation")
@may("activate mappings")
def activate(mapping_id: int):
    """Switch the previewed draft on."""
    seen_at, mapping = _seen(), mappings.find(mapping_id)
    version = mappings.activate(mapping, by=actor(), seen_at=seen_at)
    flash(f"{mapping.name} is on with version {version.number}. Its first run starts within a minute.", "success")
    return redirect(url_for("mappings.show", mapping_id=mapping.id))


@page.post("/approval")
@may("activate mappings")
def approve(mapping_id: int):
    """A second administrator says that money may be written."""
    seen_at, mapping = _seen(), mappings.find(mapping_id)
    draft = mappings.approve(mapping, by=actor(), seen_at=seen_at)
    flash(f"Draft {draft.number} is approved. Another administrator can switch it on now.", "success")
    return redirect(url_for("mapping_previews.show", mapping_id=mapping.id))
