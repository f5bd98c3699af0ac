"""A neutral badge for each service, for programs and pages: letters on a plain ground, drawn here."""

from __future__ import annotations

from flask import Blueprint, Response

from ..access import known_service, may

page = Blueprint("service_icons", __name__, url_prefix="/icons")

GROUNDS = ("#3b5b7a", "#5b4a7a", "#3f6b5a", "#7a5a3b", "#6b3f55", "#4f5f6b", "#5f6b3f")
BADGE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" role="img" aria-label="{label}">'
    '<rect width="48" height="48" rx="10" fill="{ground}"/>'
    '<text x="24" y="25" fill="#fff" font-family="sans-serif" font-size="20" font-weight="600" text-anchor="middle"'
    ' dominant-baseline="central">{letters}</text></svg>'
)


@page.get("/<service>.svg")
@may("anyone")
def show(service: str):
    """The badge of one service."""
    chosen = known_service(service)
    capitals = "".join(letter for letter in chosen.label if letter.isupper())[:2]
    letters = capitals if len(capitals) == 2 else chosen.label[:2]
    ground = GROUNDS[sum(chosen.key.encode()) % len(GROUNDS)]
    body = BADGE.format(label=chosen.label, ground=ground, letters=letters)
    return Response(body, mimetype="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"})
