"""What every page shares: headers, frame, error pages, static files."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from markupsafe import Markup
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from integration_console import errors
from integration_console.web import access

from ..html_page import Page

HOME = Path(__file__).resolve().parents[2]
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
BROKEN = {
    "/t/409": (errors.Conflict("A run is already going."), 409),
    "/t/422": (errors.InvalidInput("Too long.", field="name"), 422),
    "/t/429": (errors.TooMany(wait_s=40), 429),
    "/t/500": (RuntimeError("internal words: hunter2"), 500),
    "/t/503": (OperationalError("select secret", {}, Exception("database is locked")), 503),
    "/t/ours": (errors.ConsoleError("internal words"), 500),
}

pytestmark = pytest.mark.one_database


@pytest.fixture
def broken(app):
    """The app with addresses that fail in each way."""

    def fails(error):
        @access.may("anyone")
        def view():
            raise error

        return view

    for path, (error, _) in BROKEN.items():
        app.add_url_rule(path, path, fails(error))
    app.config["TESTING"] = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.mark.parametrize(
    "path", ["/setup", "/nothing-here", "/healthz", "/t/500", "/static/css/console.css", "/sign-out"]
)
def test_every_answer_carries_the_security_headers(broken, path):
    """X8, errors and static files included."""
    headers = broken.test_client().get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


@pytest.mark.settings(BASE_URL="https://console.example")
def test_on_https_browsers_are_told_to_stay_there(client):
    """X8"""
    assert client.get("/healthz").headers["Strict-Transport-Security"] == "max-age=31536000"


def test_pages_are_not_kept_by_browsers_and_static_files_for_a_year(client, enter):
    """X8; static addresses hold a hash of their content."""
    page = enter("staff").open("/settings/profile")
    assert page.headers["Cache-Control"] == "no-store"
    style = next(link.attrs["href"] for link in page.all("link", rel="stylesheet"))
    answer = client.get(style, headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert re.search(r"\?v=[0-9a-f]{12}$", style)


def test_the_first_view_is_light_and_all_our_own(client):
    """At most 250 kB compressed, 8 requests, nothing of a third party."""
    page = Page(client.get("/setup"))
    wanted = {tag.attrs.get("href") or tag.attrs.get("src") for tag in [*page.all("link"), *page.all("script")]}
    wanted |= {use.attrs["href"].split("#")[0] for use in page.all("use")}
    assert all(address.startswith("/static/") for address in wanted)
    sizes = [len(client.get(address, headers={"Accept-Encoding": "gzip"}).data) for address in wanted]
    assert len(wanted) + 1 <= 8
    assert sum(sizes) + len(page.html) <= 250_000


@pytest.mark.parametrize(("path", "status"), [(path, status) for path, (_, status) in BROKEN.items()])
def test_every_failure_has_a_page_with_a_way_on_and_no_trace(broken, path, status):
    answer = broken.test_client().get(path)
    page = Page(answer)
    assert page.status == status
    assert len(page.headings) == 1
    assert page.title.startswith(page.headings[0])
    assert answer.headers["X-Request-Id"] in page.text
    assert page.links["Go to the dashboard"] == "/"
    for word in ("Traceback", "hunter2", "internal words", "select secret", "Exception", "None", "null"):
        assert word not in page.html


@pytest.mark.parametrize(
    ("path", "page"), [("/writes/999999/retry", "/writes"), ("/settings/profile/theme", "/settings/profile")]
)
def test_a_refused_form_leads_to_the_page_it_was_sent_from(enter, path, page):
    refused = Page(enter("staff").client.post(path))  # its token is missing, as of a form that stood open too long
    assert refused.status == 403
    assert refused.links["Open the page again"] == page


@pytest.mark.parametrize(
    ("path", "code"),
    [("/t/409", "conflict"), ("/t/422", "invalid_field"), ("/t/429", "rate_limited"), ("/t/500", "internal"),
     ("/t/503", "unavailable"), ("/nothing", "not_found"), ("/sign-out", "method_not_allowed")],
)  # fmt: skip
def test_programs_get_the_same_failures_in_one_shape(broken, path, code):
    """Section 9's shape, by what the asker accepts."""
    answer = broken.test_client().get(path, headers={"Accept": "application/json"})
    body = answer.get_json()
    assert (body["success"], body["code"], body["requestId"]) == (False, code, answer.headers["X-Request-Id"])
    assert "hunter2" not in answer.text
    if code == "invalid_field":
        assert body["details"] == {"field": "name", "message": "Too long."}
    if answer.status_code in (429, 503):
        assert body["retryAfter"] == int(answer.headers["Retry-After"])


def test_an_api_address_answers_in_json_whoever_asks(client):
    assert client.get("/api/nothing").get_json()["code"] == "not_found"


def test_a_busy_database_says_when_to_try_again_and_that_nothing_was_saved(broken):
    """D5"""
    answer = broken.test_client().get("/t/503")
    assert answer.headers["Retry-After"] == "5"
    assert "Nothing was saved." in answer.text


def test_an_error_page_needs_no_database(app, enter):
    """When the database is gone even the person's name cannot be read; a page is still drawn."""
    somebody = enter("admin")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.app_context():
        from integration_console.models import db

        db.session.execute(db.text("ALTER TABLE user_session RENAME TO gone"))
        db.session.commit()
    page = somebody.open("/settings/profile")
    assert page.status in (500, 503)
    assert len(page.headings) == 1


def test_a_form_that_is_too_large_is_refused(client):
    answer = client.post("/sign-in", data={"email": "x" * 2_000_000})
    assert answer.status_code == 413


@pytest.mark.settings(SANDBOX=True)
def test_the_sandbox_says_so_on_every_page(client):
    assert Page(client.get("/setup")).one("aside", class_="sandbox-banner").text.startswith("Sandbox.")


@pytest.mark.parametrize(("cookie", "worn"), [("light", "light"), ("dark", "dark"), ("evil", "dark"), ("auto", "dark")])
def test_the_server_applies_the_theme_so_that_nothing_flashes(client, cookie, worn):
    client.set_cookie("theme", cookie)
    page = Page(client.get("/setup"))
    assert page.one("html").attrs["data-bs-theme"] == worn
    assert ("js/theme.js" in page.html) == (cookie == "auto")


def test_no_template_holds_a_style_or_a_script_of_its_own():
    """X8, X9: the policy would block it."""
    forbidden = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|hx-on|javascript:", re.I)
    found = [str(file) for file in HOME.glob("templates/**/*.html") if forbidden.search(file.read_text())]
    assert found == []


def test_data_is_never_marked_safe():
    """X9: `|safe` may stand behind a text of the template itself, never behind a value."""
    allowed = re.compile(r"""(['"])[^'"]*(?:"[^"]*"[^'"]*)*\1\s*\|\s*safe""")
    found = {
        str(file.relative_to(HOME)): rest
        for file in HOME.glob("templates/**/*.html")
        if "safe" in (rest := "".join(re.findall(r"\|\s*safe", allowed.sub("", file.read_text()))))
    }
    assert found == {}


def test_what_a_template_remembers_is_escaped_all_the_same(app):
    with app.test_request_context():
        icon = app.jinja_env.get_template("macros/ui.html").module.icon
        assert 'aria-label="<b>"' in icon("gear", Markup("<b>"))
        assert 'aria-label="&lt;b&gt;"' in icon("gear", "<b>")  # equal to the one before, and only a text


def test_every_icon_a_template_names_is_in_the_sprite():
    sprite = (HOME / "static/vendor/bootstrap-icons/icons.svg").read_text()
    there = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    named = {
        name
        for file in HOME.glob("templates/**/*.html")
        for name in re.findall(r'icon\("([a-z0-9-]+)"|picture="([a-z0-9-]+)"', file.read_text())
        for name in name
        if name
    }
    named |= {
        name
        for file in HOME.glob("integration_console/web/*.py")
        for name in re.findall(r'icon="([a-z0-9-]+)"', file.read_text())
    }
    assert named - there == set()


def test_the_copies_of_others_are_what_we_wrote_down():
    """The files in static/vendor have the hashes of VERSIONS.md, and each package its licence."""
    vendor = HOME / "static/vendor"
    rows = re.findall(
        r"^\| (\S+) \| \S+ \| \S+ \| (\S+) \| ([0-9a-f]{64}) \|$", (vendor / "VERSIONS.md").read_text(), re.M
    )
    assert {package for package, _, _ in rows} == {"bootstrap", "htmx.org", "bootstrap-icons"}
    for package, file, digest in rows:
        assert sha256((vendor / file).read_bytes()).hexdigest() == digest
        assert (vendor / package / "LICENSE").exists()
    shipped = {str(f.relative_to(vendor)) for f in vendor.rglob("*") if f.is_file() and f.suffix not in (".gz", ".md")}
    assert shipped == {file for _, file, _ in rows}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_whoever_watches_needs_no_account(client, path):
    """S5"""
    assert client.get(path).is_json


def test_ready_means_database_schema_worker_and_disk(app, client, session):
    """S5"""
    from integration_console import clock
    from integration_console.models import Heartbeat

    before = client.get("/readyz")
    assert (before.status_code, before.get_json()["parts"]["worker"]) == (503, "never started")
    assert before.get_json()["parts"]["schema"] == "ok"
    session.add(Heartbeat(owner="here:1", started_at=clock.now(), seen_at=clock.now()))
    session.commit()
    assert client.get("/readyz").status_code == 200


def test_a_database_that_something_else_is_writing_to_is_ready_and_busy(app, client, session, enter):
    """S5: what keeps a lock for good keeps the worker from being heard, and that is told."""
    from integration_console import clock
    from integration_console.models import Heartbeat

    session.add(Heartbeat(owner="here:1", started_at=clock.now(), seen_at=clock.now()))
    session.commit()
    admin = enter("admin")
    with closing(sqlite3.connect(session.get_bind().url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        busy = client.get("/readyz")
        shown = admin.open("/settings/system").text
        other.execute("ROLLBACK")

    said = "busy: something else is being written just now"
    assert (busy.status_code, busy.get_json()["parts"]["database"]) == (200, said)
    assert f"OK Database : {said}" in shown
    assert client.get("/readyz").get_json()["parts"]["database"] == "ok"


@pytest.mark.parametrize(
    ("at", "said"), [("0001", "run `flask db upgrade`"), ("9999", "made by another version of the console")]
)
def test_readiness_says_what_a_schema_that_is_not_ours_needs(app, client, session, at, said):
    session.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": at})
    session.commit()

    assert client.get("/readyz").get_json()["parts"]["schema"] == said


def test_no_two_lines_of_the_menu_share_a_key(app):
    keys = [entry.key for entry in app.extensions["menu"] if entry.key]
    assert len(keys) == len(set(keys))
    named = {"Dashboard": "d", "Connections": "c", "Field mapping": "m", "Runs": "r", "Transactions": "t",
             "Errors": "e", "Settings": "s"}  # fmt: skip
    assert named.items() <= {entry.label: entry.key for entry in app.extensions["menu"]}.items()
