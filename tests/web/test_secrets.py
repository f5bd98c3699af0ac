"""Every kind of secret, brought in by its own door and then looked for wherever anybody could read (X1, X2, X10).

Looked for as it is, from its front and its end (not even a part may be told), turned round, and in every way it could
be written: for an address, in JSON, as base64 wherever it begins, as hexadecimal digits, in a Basic header.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import zipfile
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, quote_plus

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from integration_console import clock
from integration_console.models import Connection, OAuthState, db
from integration_console.operations import sealed
from integration_console.operations.api import webhook_messages, webhook_sending
from integration_console.operations.keeping import backup_files, backups
from integration_console.operations.notices import notices, notifications
from integration_console.storage import backup_file
from integration_console.web.access import may

from ..html_page import Page
from .everything import furnish
from .serving import consent, listening
from .test_second_factor import added
from .test_who_may import served

SHORTEST_PART = 10  # characters: so many in a row are no accident


def canary(kind: str) -> str:
    """Nothing that looks like a secret: it is known only because it is one of ours."""
    return f"{secrets.token_hex(8)}.{kind}.{secrets.token_hex(8)}"


@lru_cache
def ways(secret: str) -> set[bytes]:
    """How a secret, or its front or end, may be written."""
    raw, found = secret.encode(), {secret, secret[:SHORTEST_PART], secret[-SHORTEST_PART:], secret[::-1]}
    found |= {quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], raw.hex(), raw.hex().upper()}
    for before in range(3):  # base64 says three bytes at once: what it becomes depends on where it begins
        for encoded in (b64encode(b"\0" * before + raw), urlsafe_b64encode(b"\0" * before + raw)):
            found.add(encoded.decode()[4 if before else 0 : -4])
    return {way.encode() for way in found}


@dataclass
class Hunt:
    """The secrets that were brought in, and where one of them was seen."""

    secrets: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    looked_at: int = 0

    def hide(self, name: str, secret: str) -> str:
        assert len(secret) >= SHORTEST_PART, name
        self.secrets[name] = secret
        return secret

    def held(self) -> str:
        """What a process of ours holds in clear, so that a mistake of ours could tell it."""
        passing = ("password", "session", "invitation", "recovery", "OAuth")  # only ever as a hash, or gone
        return " ".join(secret for name, secret in self.secrets.items() if not name.startswith(passing))

    def look(self, place: str, there: bytes | str, *, unless: tuple[str, ...] = ()) -> None:
        """Look at one place. unless: secrets that are to be there, as on the one page that shows them once."""
        data = there.encode("utf-8", "replace") if isinstance(there, str) else there
        self.looked_at += 1
        for name, secret in self.secrets.items():
            if name not in unless and any(way in data for way in ways(secret)):
                at = next(data.index(way) for way in ways(secret) if way in data)
                self.seen.append(f"{name} in {place}: {data[max(0, at - 80) : at + 60]!r}")


@pytest.fixture
def hunt():
    return Hunt()


@pytest.fixture
def settings(settings, mails, hunt):
    """With a mail server that asks for a password."""
    mails.users = {"console": hunt.hide("SMTP password", canary("smtp"))}
    settings.SMTP_URL = SecretStr(f"smtp://console:{hunt.secrets['SMTP password']}@127.0.0.1:{mails.port}")
    return settings


@pytest.fixture
def own_firm(hunt, monkeypatch, fresh_upstreams, app):
    """Accounts whose keys nobody could guess."""
    clio, clockify = fresh_upstreams.clio, fresh_upstreams.clockify
    clio.client_secret = hunt.hide("client secret", canary("client"))
    clockify.api_key = hunt.hide("API key", canary("key").replace(".", ""))
    from ..operations.conftest import point_at
    from .firm import Firm

    point_at(monkeypatch, fresh_upstreams)
    monkeypatch.delenv("CLIO_CLIENT_SECRET")
    return Firm(app, fresh_upstreams)


METRICS = canary("metrics")


@pytest.mark.settings(METRICS_TOKEN=METRICS)
def test_no_secret_is_anywhere_but_where_it_belongs(app, hunt, own_firm, enter, browser, mails, capfd, tmp_path):
    hunt.hide("metrics token", METRICS)
    app.add_url_rule("/mistake", "mistake", may("anyone")(lambda: _raise(hunt.held())))
    admin = enter("admin")
    _bring_in(app, hunt, own_firm, admin, browser)
    clio, hours = _ids(app, "Ours", "Hours")
    has = furnish(own_firm, clio=clio, clockify=hours)
    _fail(app, hunt, own_firm, admin, mails)
    _look_at_pages(app, hunt, has, enter)
    _look_at_files(app, hunt, admin, tmp_path, has)
    for letter in mails.letters:
        hunt.look("a letter", letter.as_bytes())
    logs = capfd.readouterr()
    hunt.look("the log", logs.out + logs.err)
    assert "Traceback" in logs.err  # something did fail
    assert len(hunt.secrets) > 20
    assert hunt.looked_at > 400
    assert not hunt.seen, "\n".join(hunt.seen)


# -- in by the real doors ---------------------------------------------------------------------------------------------


def _bring_in(app, hunt: Hunt, firm, admin, browser) -> None:
    settings = app.config["SETTINGS"]
    hunt.hide("key of cookies", settings.SECRET_KEY.get_secret_value())
    hunt.hide("key of the vault", settings.ENCRYPTION_KEYS.get_secret_value())
    client = {"client_id": firm.upstreams.clio.client_id, "client_secret": hunt.secrets["client secret"]}
    _good(admin.send("/settings/services/clio", "/settings/services/clio", client))
    _consent(app, hunt, admin, "clio", "Ours")
    _consent(app, hunt, admin, "xero", "Books")
    key = {"api_key": hunt.secrets["API key"], "name": "Hours", "workspace_id": firm.upstreams.clockify.workspace_id}
    _good(admin.send("/connections/new/clockify", "/connections/new/clockify", key))
    stripe = firm.connect("stripe")
    page = f"/connections/{stripe}/webhooks"
    _good(admin.send(f"{page}/secret", page, {"secret": hunt.hide("signing secret", "whsec_" + canary("hook"))}))
    with app.app_context():
        for row in db.session.query(Connection).where(Connection.service != "stripe"):  # its sandbox key is no canary
            for name, value in sealed.unseal(row).items():
                if isinstance(value, str) and ("token" in name or "key" in name) and len(value) > 20:
                    hunt.hide(f"{name} of {row.name}", value)

    made = admin.send(
        "/settings/tokens", "/settings/tokens", {"name": "Reports", "owner": "1", "scope": "write", "days": "9"}
    )
    hunt.hide("API token", re.search(r"ic_[0-9a-f]{64}", made.text)[0])
    person = browser()
    answer = admin.send(
        "/settings/people", "/settings/people", {"email": "new@example.com", "name": "N", "role": "staff"}
    )
    link = re.search(r"/invitation/([\w-]{20,})", answer.text)
    hunt.hide("invitation", link[1])
    password = hunt.hide("password", "quiet-" + secrets.token_hex(8) + "-lantern")
    _good(person.send(link[0], link[0], {"name": "N", "password": password}))
    _good(person.sign_in("new@example.com", password))
    key, codes = added(person)
    hunt.hide("seed of the second factor", key)
    for number, code in enumerate(codes):
        hunt.hide(f"recovery code {number}", code)
    typed = hunt.hide("password typed wrongly", "wrong-" + secrets.token_hex(8))
    assert browser().sign_in("new@example.com", typed).status_code == 422
    for name, who in {"session of an administrator": admin, "session of a person": person}.items():
        with who.client.session_transaction() as cookie:
            hunt.hide(name, cookie["_user_id"])


def _good(answer) -> None:
    assert answer.status_code in (200, 302), Page(answer).text[:600]


def _consent(app, hunt: Hunt, admin, service: str, name: str) -> None:
    """Sign in there, as a person does."""
    form = f"/connections/new/{service}"
    away = Page(admin.send(f"{form}/consent", form, {"name": name, **({"region": "us"} if service == "clio" else {})}))
    with app.app_context():
        state = db.session.query(OAuthState).order_by(OAuthState.id.desc()).first()
        if state.verifier:
            hunt.hide("PKCE verifier", sealed.vault().open(f"oauth:{state.state_hash}", state.verifier))
    back = consent(next(link for link in away.links.values() if "state=" in link))
    hunt.hide(f"OAuth code from {service}", back["code"])
    hunt.hide(f"OAuth state for {service}", back["state"])
    assert admin.client.get(f"/oauth/{service}/callback", query_string=back).status_code == 302


# -- what goes wrong --------------------------------------------------------------------------------------------------


def _fail(app, hunt: Hunt, firm, admin, mails) -> None:
    """Upstreams that say our secrets back, a mail server that does, a receiver of events, and a mistake of ours."""
    key, of_clio = hunt.secrets["API key"], [name for name in hunt.secrets if name.endswith(" of Ours")]
    told = " ".join(hunt.secrets[name] for name in [*of_clio, "client secret"])
    clio, hours = _ids(app, "Ours", "Hours")
    rule = {
        "by": "email", "place": "ops@example.com", "event_run_failed": "on", "event_issue": "on", "names_records": "on",
        "about_id": "", "digest_at": "08:00", "time_zone": "UTC", "enabled": "on",
    }  # fmt: skip
    _good(admin.send("/settings/notifications", "/settings/notifications/new", rule))
    for status in (500, 422, 403, 200):
        firm.upstreams.clio.script("/*", _saying(status, told))
        firm.upstreams.clockify.script("/*", _saying(status, key))
        firm.read(clio, "users")
        firm.read(hours, "projects")
        firm.upstreams.clio.unscript()
        firm.upstreams.clockify.unscript()
    firm.read(clio, "users")
    firm.upstreams.clio.expire()
    firm.upstreams.clio.script("*token", {"status": 400, "body": {"error": "invalid_grant", "error_description": told}})
    firm.read(clio, "users")
    mails.refuse = {"RCPT": (550, f"not with {hunt.secrets['SMTP password']}")}
    hunt.look("an error page", admin.client.get(f"/mistake?access_token={hunt.secrets['API token']}").data)
    with listening() as hook, app.app_context():
        hook.status = 500
        _good(shown := admin.send(f"/connections/{clio}/events", f"/connections/{clio}/events", {"url": hook.url}))
        hunt.hide("secret of events", re.search(r"whsec_[\w+/=]{20,}", shown.text)[0])
        for _ in range(2):
            notifications.tell()
            notices.send_due(clock.now())
            webhook_messages.find()
            webhook_sending.send_due()
            db.session.remove()
        for headers, body in hook.heard:
            hunt.look("an event told", json.dumps(headers).encode() + body)


def _raise(said: str):
    raise RuntimeError(said)


def _saying(status: int, told: str) -> dict:
    """An answer that says back what it should keep to itself."""
    body = {"error": {"type": told, "message": f"Unusable: {told}"}, "message": told, "data": told}
    headers = {"X-Request-Id": told, "WWW-Authenticate": f"Bearer {told}"}
    return {"status": status, "body": body, "headers": headers, "times": 9}


def _ids(app, *names: str) -> list[int]:
    with app.app_context():
        there = dict(db.session.query(Connection.name, Connection.id).all())
        return [there[name] for name in names]


# -- where somebody could read ----------------------------------------------------------------------------------------


def _look_at_pages(app, hunt: Hunt, has, enter) -> None:
    routes = served(app)
    with app.app_context():
        calls = list(db.session.scalars(text('SELECT id FROM "transaction"')))
        issues, runs, notes = (
            list(db.session.scalars(text(f"SELECT id FROM {name}"))) for name in ("issue", "sync_run", "delivery")
        )
    details = [f"/transactions/{n}?tab={tab}" for n in calls for tab in ("request", "response", "headers")]
    details += [f"/errors/{n}" for n in issues] + [f"/runs/{n}" for n in runs] + [f"/deliveries/{n}" for n in notes]
    for visitor in (enter("admin", "second@example.com"), enter("support")):
        for path in [*(has.path(rule) for (method, _), rule in routes.items() if method == "GET"), *details]:
            answer = visitor.client.get(path)
            hunt.look(f"GET {path}", answer.data)
            hunt.look(f"headers of GET {path}", str(answer.headers))
        token = visitor.open("/settings/profile").csrf
        for path in [p for (m, p), _ in routes.items() if m == "POST" and p.endswith(("/export", "/packet"))]:
            for kind in ("csv", "xlsx"):
                answer = visitor.client.post(has.path(routes["POST", path]), data={"csrf_token": token, "format": kind})
                hunt.look(f"POST {path}", _unpacked(answer.data))
    bearer = {"Authorization": f"Bearer {hunt.secrets['API token']}"}
    for (method, path), rule in routes.items():
        if path.startswith("/api/") and method == "GET":
            hunt.look(f"GET {path}", app.test_client().get(has.path(rule), headers=bearer).data)
    scraped = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {METRICS}"})
    assert scraped.status_code == 200
    hunt.look("/metrics", scraped.data)


def _unpacked(data: bytes) -> bytes:
    """What is within, where it is an archive."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return b"\n".join(archive.read(name) for name in archive.namelist())


COMMANDS = (
    "connections list", "users list", "runs", "transactions", "errors", "tokens list", "mappings list",
    "conflicts list", "config export", "logs report", "check", "backup list", "records 2 contacts",
    "connections test 1", "sync 3", "push", "keys rotate", "purge",
)  # fmt: skip


def _look_at_files(app, hunt: Hunt, admin, folder, has) -> None:
    runner = app.test_cli_runner()
    for command in COMMANDS:
        for arguments in (command.split(), [*command.split(), "--json"]):
            ended = runner.invoke(args=arguments)
            assert ended.exit_code != 2, (arguments, ended.output)
            hunt.look(f"flask {command}", ended.output)
    with app.app_context():
        made = backups.create(by="test")
        room = folder / "room"
        room.mkdir()
        parts = {backups.CONFIG, backups.copies().part}
        backup_file.unpack(backup_files.folder() / made.name, sealed.vault(), room, parts)
        assert {file.name for file in room.iterdir()} == parts
        for table in db.metadata.sorted_tables:
            rows = db.session.execute(text(f'SELECT * FROM "{table.name}"')).all()
            hunt.look(f"table {table.name}", "\n".join(repr(tuple(row)) for row in rows))
        db.session.rollback()
    for file in folder.rglob("*"):
        if file.is_file() and file.name not in ("secret_key", "encryption_keys"):
            hunt.look(f"file {file.relative_to(folder)}", file.read_bytes())
