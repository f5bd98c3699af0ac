"""Who may do what: the table of rights, `@may("start runs")` on every route, and the guard that holds to it.

A route without a declared right is refused for everyone, and a test fails. Who is signed in is decided by the
session row, read afresh for every request, so a sign-out, a new role or a disabled account counts at once (X4, X12).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from typing import TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, current_app, g, redirect, request, session, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import OperationalError

from .. import services
from ..errors import Forbidden, NotFound, NotSignedIn
from ..models import db, reading
from ..operations import audit
from ..operations.people import second_factor, session_tokens, sessions, tokens
from ..services.base import Service

View = TypeVar("View", bound=Callable)

EVERY_ROLE = ("admin", "staff", "support")
_WHO = {
    EVERY_ROLE: (
        "see status", "see runs", "see transactions", "see errors", "see connections",
        "see records",  # the list; what is in a record needs "see record contents" or is masked
        "handle errors",  # acknowledge, annotate, resolve
        "retry failed reads",
        "keep own profile",
        "see practice areas",  # also try a text
        "see notifications",  # who is told what; without what a message said of records
    ),
    ("admin", "staff"): (
        "see record contents", "start runs", "pause connections", "close dead letters", "export",
        "settle conflicts",  # also what is the same record on both sides
        "correct practice areas", "change matters", "edit mappings", "undo runs",
    ),
    ("admin",): (
        "manage connections", "manage people", "manage API tokens", "change settings", "see audit log",
        "change limitation rules", "activate mappings", "manage backups", "erase people",
    ),
}  # fmt: skip
RIGHTS: dict[str, tuple[str, ...]] = {right: roles for roles, rights in _WHO.items() for right in rights}
# What a program may do with its token, if the token's owner may (X10). What is not listed no token opens.
_READ = (
    "see status", "see runs", "see transactions", "see errors", "see connections", "see records", "see record contents",
)  # fmt: skip
_WRITE = ("handle errors", "retry failed reads", "start runs", "change matters", "manage connections")
SCOPES = {"read": _READ, "write": (*_READ, *_WRITE)}
ANYONE = "anyone"  # also people who are not signed in
_WITHOUT_COOKIES = ("/api/", "/webhooks/", "/webhook/")  # who calls there is a program, with a proof of its own

login = LoginManager()
csrf = CSRFProtect()
limiter = Limiter(get_remote_address, storage_uri="memory://", headers_enabled=False)  # the outer fence (G8)


def may(right: str) -> Callable[[View], View]:
    """Declare which right a route needs: one of RIGHTS, or "anyone"."""
    if right != ANYONE and right not in RIGHTS:
        raise ValueError(f"there is no right called {right!r}; see web/access.py")

    def mark(view: View) -> View:
        view.right = right  # type: ignore[attr-defined]
        return view

    return mark


def allows(role: str | None, right: str) -> bool:
    """Whether a role holds a right; None is somebody who is not signed in."""
    return right == ANYONE or (role is not None and role in RIGHTS.get(right, ()))


def can(right: str) -> bool:
    """Whether whoever asks holds a right. For pages that show a button only to those who may press it."""
    person = current_user._get_current_object()  # looked up once: a page asks this a dozen times
    scopes = getattr(person, "scopes", None)
    within = right == ANYONE or scopes is None or any(right in SCOPES[scope] for scope in scopes)
    return within and allows(person.role if person.is_authenticated else None, right)


def actor() -> str:
    """Under what the present request is remembered: an e-mail, with the token where a program asks."""
    return current_user.known_as if current_user.is_authenticated else "somebody not signed in"


def local_path(target: str | None) -> str:
    """A path of ours to go to next; "/" when it is none or leads elsewhere."""
    safe = target and target.startswith("/") and not target.startswith("//") and target.isprintable()
    return str(target) if safe and "\\" not in str(target) else "/"


def set_up(app: Flask) -> None:
    """Cookies, sessions, the form token, and the guard in front of every view."""
    settings = app.config["SETTINGS"]
    secure = settings.BASE_URL.startswith("https://") and not settings.ALLOW_INSECURE_UPSTREAMS
    app.config.update(
        SESSION_COOKIE_NAME="__Host-console" if secure else "console",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # lives as long as the session
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer, which our own Referrer-Policy removes; see _same_origin
    )
    login.init_app(app)
    login.session_protection = None  # the session row decides
    login.user_loader(_signed_in)
    login.request_loader(_with_token)
    may(ANYONE)(app.view_functions["static"])
    app.before_request(_read_only_on_get)
    app.before_request(_guard)
    csrf.init_app(app)
    limiter.init_app(app)
    app.before_request(_same_origin)
    app.teardown_request(_end_reading)
    app.jinja_env.globals["can"] = can


def _signed_in(token: str) -> sessions.SignedIn | None:
    """Who holds this session now. Also keeps the row's last use, at most once a minute.

    The API and the webhooks know no cookies: a page of another site could make a browser send them (X6).
    """
    if request.path.startswith(_WITHOUT_COOKIES):
        return None
    found = sessions.holder(token)
    if not _only_reads():
        db.session.rollback()  # what may write begins anew, with the writer's lock
    return found


def _only_reads() -> bool:
    return request.method in ("GET", "HEAD")


def _with_token(asked: Request) -> tokens.TokenHolder | session_tokens.Person | None:
    """Who comes with a token, for the API only and only in its header (X10).

    The console's own are told by how they begin; others are of the firm's sign-in provider.
    """
    kind, _, text = asked.headers.get("Authorization", "").partition(" ")
    if not for_programs() or kind.lower() != "bearer":
        return None
    text = text.strip()
    return tokens.holder(text) if text.startswith(tokens.PREFIX) else session_tokens.holder(text)


def for_programs() -> bool:
    """Whether the address asked for belongs to the API."""
    return request.path.startswith("/api/")


def _guard():
    """Refuse what the role may not do, before any view runs."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return  # no such address: the error page says so
    right = getattr(view, "right", None)
    if _must_add_second_factor() and right not in (ANYONE, "keep own profile"):
        return redirect(url_for("second_factor.show"))
    if can(right or ""):
        return
    if not current_user.is_authenticated:
        raise NotSignedIn
    raise Forbidden


def _must_add_second_factor() -> bool:
    """Whether the firm asks this person, who came with a password alone, for a second factor."""
    here = current_user.is_authenticated and not for_programs() and not current_user.has_second_factor
    return here and second_factor.required_of(current_user.role)


def _same_origin() -> None:
    """A second fence behind the form token: the browser itself says where an unsafe request comes from (X6).

    Our Referrer-Policy makes browsers send `Origin: null` with forms, so `null` counts only beside Sec-Fetch-Site.
    """
    if request.method in ("GET", "HEAD", "OPTIONS") or request.path.startswith(_WITHOUT_COOKIES):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        fine = site in ("same-origin", "none")
    else:
        fine = origin is None or origin.partition("://")[2] in (request.host, urlsplit(_base_url()).netloc)
    if not fine:
        raise CSRFError("This came from another site.")


def _base_url() -> str:
    return current_app.config["SETTINGS"].BASE_URL


def _read_only_on_get() -> None:
    """A GET reads: on SQLite it never waits for the writer."""
    _ = current_user.is_authenticated  # may keep the session's last use, which is a write
    if _only_reads():
        g.reading = ExitStack()
        g.reading.enter_context(reading())


def allow_writing() -> None:
    """For the rare GET that changes something: the consent a service sends people back with."""
    db.session.rollback()
    _end_reading(None)


def browser_mark() -> str:
    """What ties a consent to the signed-in browser that asked for it, so that nobody else can finish it (X7)."""
    return sha256(f"consent:{session.get('_user_id', '')}".encode()).hexdigest()


def _end_reading(_error) -> None:
    if stack := g.pop("reading", None):
        stack.close()


def note_denial() -> None:
    """Keep in the audit log that somebody asked for more than their role may (X14)."""
    try:
        audit.add("request refused", request.path, actor=actor(), method=request.method)
        db.session.commit()
    except OperationalError:
        db.session.rollback()  # the refusal itself stands


def known_service(key: str) -> Service:
    """The service an address names.

    Raises NotFound: in an address an unknown one is a page that does not exist.
    """
    if service := services.every().get(key):
        return service
    raise NotFound("There is no such service.")


def forget_browser() -> None:
    """Drop everything the cookie carries; a new sign-in starts from nothing, so no fixed session survives it."""
    session.clear()
