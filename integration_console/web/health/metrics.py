"""/metrics, for a Prometheus server: there only for who brings the token or comes from a listed address."""

from __future__ import annotations

from hmac import compare_digest

from flask import Blueprint, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST

from ...errors import NotFound
from ...operations.health import metrics
from ..access import may

page = Blueprint("metrics", __name__)


@page.get("/metrics")
@may("anyone")
def scrape():
    """The figures. Off, and as if it were not there, while neither a token nor an address is set."""
    settings = current_app.config["SETTINGS"]
    token = settings.METRICS_TOKEN.get_secret_value()
    addresses = {one.strip() for one in settings.METRICS_ADDRESSES.split(",") if one.strip()}
    if not token and not addresses:
        raise NotFound("There is nothing at this address.")
    kind, _, brought = request.headers.get("Authorization", "").partition(" ")
    fits = bool(token) and kind.lower() == "bearer" and compare_digest(brought.strip().encode(), token.encode())
    if not fits and request.remote_addr not in addresses:
        return Response("A token is needed.\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)
