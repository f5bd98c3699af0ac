"""What every response carries: a request id, the security headers (X8), static files, and what base.html needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flask import Flask, Response, current_app, g, request
from flask_login import current_user
from secure import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
)
from structlog.contextvars import bind_contextvars, clear_contextvars
from whitenoise import WhiteNoise

from ..models import Connection
from ..operations import settings as firm_settings
from ..operations.accounts import sign_ins
from ..operations.health import waiting
from ..storage import outbound
from ..transport.redact import Redactor
from . import access, menu_for

THEMES = ("dark", "light", "auto")
_YEAR_S = 365 * 24 * 3600
_shapes = Redactor()


def set_up(app: Flask) -> None:
    """Hook the shell into the application."""
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024  # forms are small; a webhook is at most this too (H1)
    app.config["MAX_FORM_PARTS"] = 500
    headers = _headers(https=app.config["SETTINGS"].BASE_URL.startswith("https://"))
    app.before_request(_name_request)
    app.after_request(lambda response: _dress(response, headers))
    app.url_defaults(_version_static)
    app.context_processor(_for_every_page)
    app.jinja_env.globals.update(url_for=_remembered_addresses(app), remembered=_remembering(app))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    _serve_static(app, headers)


def _headers(*, https: bool) -> dict[str, str]:
    """The headers of every response. The policy allows our own origin only: no inline script, style or attribute."""
    policy = (
        ContentSecurityPolicy()
        .default_src("'self'").script_src("'self'").style_src("'self'").img_src("'self'", "data:")
        .object_src("'none'").base_uri("'none'").frame_ancestors("'none'").form_action("'self'")
    )  # fmt: skip
    chosen = Secure(
        csp=policy,
        coop=CrossOriginOpenerPolicy().same_origin(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
        hsts=StrictTransportSecurity().max_age(_YEAR_S) if https else None,
    )
    return dict(chosen.headers)


def _name_request() -> None:
    """A name for this request, in its log lines, its answer and its error page."""
    g.request_id = secrets.token_hex(8)
    g.pop("frame", None)
    clear_contextvars()
    bind_contextvars(request_id=g.request_id)


def _dress(response: Response, headers: dict[str, str]) -> Response:
    for name, value in headers.items():
        response.headers[name] = value
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.endpoint != "static" and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"  # pages hold client data; also the back button asks again
    return response


def _serve_static(app: Flask, headers: dict[str, str]) -> None:
    """Static files for a year: their address holds a hash of their content. Compressed copies are sent when there."""

    def add_headers(sent, _path, _url) -> None:
        for name, value in headers.items():
            sent[name] = value

    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=app.static_folder,
        prefix="static/",
        max_age=_YEAR_S,
        immutable_file_test=lambda *_: True,
        add_headers_function=add_headers,
        allow_all_origins=False,
        autorefresh=app.config["SETTINGS"].APP_ENV == "development",
    )


def _remembered_addresses(app: Flask) -> Callable[..., str]:
    """For templates: each address is made once, for a page has a hundred and none depends on who asks."""
    made = lru_cache(maxsize=5_000, typed=True)(app.url_for)
    editing = app.config["SETTINGS"].APP_ENV == "development"  # static files change, and their addresses with them

    def address(endpoint: str, **values: Any) -> str:
        if endpoint.startswith(".") or (editing and endpoint == "static"):
            return app.url_for(endpoint, **values)
        try:
            return made(endpoint, **values)
        except TypeError:  # several values of one name are a list, which nothing is remembered by
            return app.url_for(endpoint, **values)

    return address


def _remembering(app: Flask) -> Callable[..., Callable[..., str]]:
    """For templates: a macro that says the same of the same words, drawn once for each; a page has fifty icons.

    most: how many are kept; fewer of what is large.
    """
    if app.config["SETTINGS"].APP_ENV == "development":  # as above
        return lambda macro, most=0: macro
    # typed: Markup and a text that must be escaped can be equal
    return lambda macro, most=1_000: lru_cache(maxsize=most, typed=True)(macro)


def _version_static(endpoint: str, values: dict) -> None:
    if endpoint == "static" and "v" not in values and current_app.static_folder:
        file = Path(current_app.static_folder, values["filename"])
        if file.is_file():
            values["v"] = _content_hash(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=100)
def _content_hash(file: Path, _changed: int) -> str:
    return sha256(file.read_bytes()).hexdigest()[:12]


def _for_every_page() -> dict:
    """Names base.html uses."""
    settings = current_app.config["SETTINGS"]
    role = current_user.role if current_user.is_authenticated else None
    return {
        "menu": menu_for(current_app, role),
        "theme": theme(),
        "this_page": this_page,
        "environment": "" if settings.APP_ENV == "production" else settings.APP_ENV,
        "sandbox": settings.SANDBOX,
        "outbound_held": role is not None and bool(firm_settings.get(outbound.PAUSED)),
        "request_id": g.get("request_id", ""),
        "is_part": "HX-Request" in request.headers,
        "banners": banners,
        "menu_counts": lambda: frame().waits,
        "most_waiting": waiting.MOST_COUNTED,
    }


def frame() -> waiting.Frame:
    """What waits, and the connections by name. Asked once a request, also by pages that name connections themselves."""
    if "frame" not in g:
        g.frame = waiting.framed()
    return g.frame


def banners(known: Iterable[Connection] | None = None) -> list[sign_ins.Banner]:
    """What needs a person, save what the page itself is about; nothing for those who may not see connections.

    known: all connections by name, of a page that has read all of them whole.
    """
    if not current_user.is_authenticated or not access.can("see connections"):
        return []
    about, verdict = (request.view_args or {}).get("connection_id"), request.endpoint == "dashboard.index"
    told = sign_ins.banners(frame().connections if known is None else known)
    return [one for one in told if one.connection_id != about and not (verdict and one.lost)]


def theme() -> str:
    """The theme this browser chose; dark when it never did."""
    chosen = request.cookies.get("theme", "dark")
    return chosen if chosen in THEMES else "dark"


def this_page() -> str:
    """The address of the page shown, to lead back to it; without what in it looks like a secret (X2)."""
    if "HX-Request" in request.headers:
        whole, path = _page_of_part()
    elif request.method == "GET":
        whole, path = request.full_path.rstrip("?"), request.path
    else:
        whole = path = _to_open(request.path)
    return next(address for address in (whole, path, "/") if _shapes.text(address) == address)


def _page_of_part() -> tuple[str, str]:
    """The page a part belongs to, as its browser tells, with its query and without."""
    _, _, here = request.headers.get("HX-Current-URL", "").partition("://")
    whole = access.local_path("/" + here.partition("/")[2].partition("#")[0])
    path = whole.partition("?")[0]
    page = _to_open(path)
    return (whole, path) if page == path else (page, page)


def _to_open(path: str) -> str:
    """The page at an address that a form was sent to: its own, or the closest above it that can be opened."""
    pages = current_app.create_url_adapter(request)
    while path and not (pages and pages.test(unquote(path), method="GET")):
        path = path.rpartition("/")[0]
    return path or "/"
