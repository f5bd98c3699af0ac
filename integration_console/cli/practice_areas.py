"""`flask practice-areas`: what a text is about, and the rules that tell it."""

from __future__ import annotations

import sys

import click

from ..operations.mapping import practice_area_rules as rules
from ..operations.mapping import practice_areas
from . import output
from .plainly import command

group = click.Group("practice-areas", help="Which practice area a text is about.")
commands = [group]


@command("try", group=group)
@click.argument("text")
def try_text(text: str, as_json: bool) -> None:
    """The area, how sure that is, and why; "-" reads the text from stdin."""
    found = practice_areas.try_text(sys.stdin.read() if text == "-" else text)
    if as_json:
        return output.document(
            {
                "area": found.area,
                "confidence": round(found.confidence, 3),
                "reason": found.reason,
                "likeliest": found.likeliest,
                "scores": {area: round(share, 3) for area, share in found.scores.items()},
                "rule_ids": list(found.rule_ids),
                "firm_area": practice_areas.firm_name(found.area) if found.area else None,
            }
        )
    click.echo(f"{found.area or 'Not sure'} ({found.confidence:.0%})")
    click.echo(found.reason)


@command("rules", group=group)
@click.option("--area", default="", help="Only of this area.")
@output.limit_option
def show_rules(area: str, limit: int | None, as_json: bool) -> None:
    """The rules, the weightiest first."""
    found, _ = rules.listing(area, limit=output.most(limit, as_json))
    if as_json:
        return output.lines(output.columns_of(rule) for rule in found)
    rows = [
        (r.id, r.area, r.kind, r.text, f"{r.weight:g}", "on" if r.enabled else "off", r.right_count, r.wrong_count)
        for r in found
    ]
    titles = ("Id", "Area", "Kind", "Sign", "Weight", "State", "Right", "Wrong")
    output.table(titles, rows, empty="No such rule. The worker puts the console's own in place when it starts.")
