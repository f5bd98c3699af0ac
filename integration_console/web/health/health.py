"""For whoever watches the console: is it alive, is it ready for work (S5)."""

from __future__ import annotations

from flask import Blueprint, jsonify

from ...operations.health import health
from ..access import may

page = Blueprint("health", __name__)


@page.get("/healthz")
@may("anyone")
def alive():
    """The process answers."""
    return jsonify(status="ok")


@page.get("/readyz")
@may("anyone")
def ready():
    """Every part that work needs, a line each; 503 when one is missing."""
    parts = health.parts()
    fine = all(part.fine for part in parts)
    body = {"status": "ok" if fine else "not ready", "parts": {part.name: part.word for part in parts}}
    return jsonify(body), 200 if fine else 503
