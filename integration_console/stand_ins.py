"""The sandbox beside `flask serve`: its stand-ins started and connected, and told where to knock, also later on."""

from __future__ import annotations

import http.client
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from . import services
from .errors import ConsoleError
from .minder import CannotServe, Child, Minder
from .models import db, reading

log = structlog.get_logger(__name__)

READY_WITHIN_S = 60
# A newcomer waits for nothing.
SANDBOX_LIMITS = {
    "clio": "2000/60", "ghl": "2000/10", "clockify": "100/1", "slack": "600/60", "stripe": "100/1",
    "quickbooks": "1000/10", "xero": "2000/60",
}  # fmt: skip
_PLACES = ("location_id", "workspace_id", "realm_id", "tenant_id")  # settings that say which account it is

Told = Mapping[str, Mapping[str, Any]]  # service -> what its stand-in says of itself


@dataclass(frozen=True)
class Wanted:
    """Which stand-ins."""

    size: str = "small"
    alive: bool = False


@dataclass(frozen=True)
class ToConnect:
    """An account that is connected at start when its service has none yet."""

    service: str
    name: str
    credentials: Mapping[str, Any]
    settings: Mapping[str, str]


def start(wanted: Wanted, settings, minder: Minder) -> tuple[Flask, list[ToConnect], Told]:
    """Start the stand-ins and build the app on them, with a database of its own."""
    from config import load

    from . import create_app

    name = "sandbox" if wanted.size == "small" else f"sandbox-{wanted.size}"
    database, memory = settings.INSTANCE_DIR / f"{name}.db", settings.INSTANCE_DIR / f"{name}-memory"
    if not (settings.DATABASE_URL or database.exists()):  # a console that knows nothing meets the firm as it was
        shutil.rmtree(memory, ignore_errors=True)
    told = _start_sandbox(wanted, memory, minder)
    environment = _environment(told) | {"BASE_URL": os.environ.get("BASE_URL", settings.BASE_URL)}
    environment["INSTANCE_DIR"] = str(settings.INSTANCE_DIR)  # its keys open what they sealed, wherever a command runs
    if not settings.DATABASE_URL:
        environment["DATABASE_URL"] = f"sqlite:///{database}"
        environment["BACKUP_DIR"] = str(settings.INSTANCE_DIR / f"{name}-backups")  # not among the real ones
    os.environ.update(environment)
    _keep_for_commands(environment, settings.INSTANCE_DIR / f"{name}.env")
    return create_app(load()), _stand_ins(told), told


def _keep_for_commands(environment: Mapping[str, str], file: Path) -> None:
    """What other processes need to reach the same console: `flask -e instance/sandbox.env ...`."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()))


def _start_sandbox(wanted: Wanted, memory: Path, minder: Minder) -> dict[str, dict[str, Any]]:
    """Where they are and how to be let in: at the same places after every start where those are free."""
    limits = ",".join(f"{key}={limit}" for key, limit in SANDBOX_LIMITS.items())
    command = [
        sys.executable, "-m", "integration_console.sandbox", "--with-parent", "--usual-ports", "--limits", limits,
        "--size", wanted.size, "--memory", str(memory), *(["--alive"] if wanted.alive else []),
    ]  # fmt: skip
    child = minder.start("sandbox", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, ends_last=True)
    told = _first_line(child)
    there = ",".join(f"{key}={urlsplit(facts['api_url']).port}" for key, facts in told.items())
    child.command = [f"--ports={there}" if part == "--usual-ports" else part for part in command]  # after a crash too
    return told


def _first_line(child: Child) -> dict:
    out = child.process.stdout
    if out is None or not select.select([out], [], [], READY_WITHIN_S)[0]:
        raise CannotServe("The sandbox did not start.")
    try:
        return orjson.loads(out.readline())
    except ValueError:
        raise CannotServe("The sandbox did not start.") from None


def _environment(told: Told) -> dict[str, str]:
    names = ("api_url", "auth_url", "token_url", "client_id", "client_secret", "webhook_key")
    found = {f"{key}_{name}".upper(): facts[name] for key, facts in told.items() for name in names if name in facts}
    limits = {f"{key.upper()}_LIMITS": limit for key, limit in SANDBOX_LIMITS.items()}
    return {**found, **limits, "SANDBOX": "1", "ALLOW_INSECURE_UPSTREAMS": "1"}


def _stand_ins(told: Told) -> list[ToConnect]:
    """How each stand-in is connected: by token where it needs consent, else by key."""
    found = []
    for key, facts in told.items():
        credentials = {"api_key": facts["api_key"]} if "api_key" in facts else facts["token"]
        settings = {name: facts[name] for name in _PLACES if name in facts}
        found.append(ToConnect(key, f"{services.by_key(key).label} (sandbox)", credentials, settings))
    return found


class Doors:
    """Where there is no API for webhooks: what a person enters on the vendor's settings page, entered for them."""

    def __init__(self, app: Flask, told: Told) -> None:
        self.app, self.told = app, told
        self._open: set[int] = set()  # connections that are knocked at

    def open(self) -> None:
        """Bring each new connection its secret, and the stand-in our address: vendors ask there at once.

        Called again and again while the pages are served, for a connection may be made at any time.
        """
        if not self.told:
            return
        try:
            with self.app.app_context():
                self._open_new()
        except (
            ConsoleError,
            SQLAlchemyError,
            OSError,
            http.client.HTTPException,
        ) as error:  # the next turn tries again
            log.warning("A stand-in could not be told where to knock", why=str(error))

    def _open_new(self) -> None:
        from .operations.accounts import connections, subscriptions

        with reading():
            new = [one.id for one in connections.every() if one.id not in self._open]
            db.session.rollback()
        for number in new:
            connection = connections.find(number)
            facts = self.told.get(connection.service, {})
            if secret := facts.get("webhook_secret"):
                subscriptions.enter_secret(connection, secret, by="the sandbox")
            if control := facts.get("hook_control"):
                _tell(control, subscriptions.address(connection))
            self._open.add(number)


def _tell(control: str, address: str) -> None:
    """Enter our address at a stand-in."""
    host, path = control.removeprefix("http://").split("/", 1)
    there = http.client.HTTPConnection(host, timeout=10)
    there.request("POST", f"/{path}", orjson.dumps({"url": address}), {"Content-Type": "application/json"})
    there.getresponse().read()
    there.close()
