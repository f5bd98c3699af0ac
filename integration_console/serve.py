"""`flask serve`: the web pages, a worker and, when asked for, the sandbox, as processes that end together."""

from __future__ import annotations

import http.client
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from flask import Flask, current_app

from . import clock, services
from .errors import ConsoleError
from .minder import HOME, CannotServe, Child, Minder
from .models import ApiConfig, db

log = structlog.get_logger(__name__)

READY_WITHIN_S = 60
# The same after every start where they are free, so that open pages keep working.
# A newcomer waits for nothing.
SANDBOX_LIMITS = {
    "clio": "2000/60", "ghl": "2000/10", "clockify": "100/1", "slack": "600/60", "stripe": "100/1",
    "quickbooks": "1000/10", "xero": "2000/60",
}  # fmt: skip
_PLACES = ("location_id", "workspace_id", "realm_id", "tenant_id")  # settings that say which account it is

Tell = Callable[[str, str | None], None]  # the address, and the first administrator's code while there is none


@dataclass(frozen=True)
class SandboxWanted:
    """Which stand-ins."""

    size: str = "small"
    alive: bool = False


@dataclass(frozen=True)
class Wanted:
    """What `flask serve` was asked for."""

    host: str
    port: int
    sandbox: SandboxWanted | None = None


@dataclass(frozen=True)
class ToConnect:
    """An account that is connected at start when its service has none yet."""

    service: str
    name: str
    credentials: Mapping[str, Any]
    settings: Mapping[str, str]


def serve(wanted: Wanted, settings, tell: Tell) -> None:
    """Start everything, tell the address, and mind the processes until SIGTERM or Ctrl-C.

    Raises CannotServe with one line when the port is taken or a process does not come up.
    """
    with _listen(wanted.host, wanted.port) as listener, Minder() as minder:
        address = _address(wanted.host, listener.getsockname()[1])
        if "BASE_URL" not in settings.model_fields_set:
            os.environ["BASE_URL"] = address
        code, doors = _prepare(wanted.sandbox, settings, minder)
        minder.start("web", _web_command(wanted.host, listener), pass_fds=(listener.fileno(),))
        minder.start("worker", [sys.executable, "-m", "flask", "--app", str(HOME / "wsgi.py"), "worker"])
        _wait_until_ready(address, minder)
        _tell_where_to_knock(doors)
        tell(address, code)
        minder.mind()


def is_set_up() -> bool:
    """Whether this installation has anything of its own yet: a person, an account, a service's settings."""
    from .operations import connections, users
    from .storage import schema

    settings = current_app.config["SETTINGS"]
    if any({"client_id", "api_key"} & settings.of_service(key).keys() for key in services.every()):
        return True
    if schema.check(db.engine):
        return False
    return bool(connections.every(removed=True) or users.has_anybody() or db.session.query(ApiConfig.id).first())


# -- before the processes start ---------------------------------------------------------------------------------------


def _listen(host: str, port: int) -> socket.socket:
    """The socket the pages are served from. It is ours: a web process that crashed finds it open again."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
        )
    except OSError as error:
        raise CannotServe(f"Port {port} of {host} cannot be used: {error.strerror}. Choose another: --port.") from None


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _prepare(sandbox: SandboxWanted | None, settings, minder: Minder) -> tuple[str | None, list[tuple[str, str]]]:
    """Bring database and accounts into order, as the processes will see them.

    The first administrator's code, and the doors of the sandbox's accounts.
    """
    from .operations import first_administrator

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    to_connect: list[ToConnect] = []
    told: dict[str, dict[str, Any]] = {}
    if sandbox:
        app, to_connect, told = _with_sandbox(sandbox, settings, minder)
    with app.app_context():
        _check_database(migrate=sandbox is not None)
        _connect(to_connect or _of_settings(app.config["SETTINGS"]))
        doors = _doors(told)
        code = first_administrator.setup_code()
        db.session.remove()
        db.engine.dispose()
    return code, doors


def _check_database(*, migrate: bool) -> None:
    from .storage import schema

    if migrate:
        from flask_migrate import upgrade

        upgrade()
    if why := schema.check(db.engine):
        raise CannotServe(why)


def _of_settings(settings) -> list[ToConnect]:
    """The accounts whose keys stand in the environment."""
    found = []
    for key, service in services.every().items():
        told = settings.of_service(key)
        if api_key := told.get("api_key"):
            names = {credential.name for credential in service.credentials if not credential.secret}
            found.append(ToConnect(key, service.label, {"api_key": api_key}, {n: told[n] for n in names if n in told}))
    return found


def _connect(wanted: Iterable[ToConnect], by: str = "the settings") -> None:
    """Connect what is not connected, and ask for a first full run. A key that is refused does not stop the console."""
    from .operations import connections, runs

    there = {connection.service for connection in connections.every(removed=True)}
    for one in wanted:
        if one.service in there:
            continue
        try:
            added = connections.add(
                one.service,
                name=one.name,
                credentials=one.credentials,
                settings=one.settings,
                by=by,
                frequency="manual",
            )
            runs.request(added, kind="full", cause="command", asked_by=by)
            connections.set_schedule(added, "15min", "UTC", by=by)  # from its next slot on: the first run is asked for
        except ConsoleError as error:
            log.warning("An account could not be connected", service=one.service, why=str(error))


# -- the sandbox ------------------------------------------------------------------------------------------------------


def _with_sandbox(wanted: SandboxWanted, settings, minder: Minder) -> tuple[Flask, list[ToConnect], dict]:
    """Start the stand-ins and build the app on them, with a database of its own."""
    from config import load

    from . import create_app

    told = _start_sandbox(wanted, settings.INSTANCE_DIR / "sandbox-sign-ins" / wanted.size, minder)
    os.environ.update(_environment(told))
    if not settings.DATABASE_URL:
        name = "sandbox.db" if wanted.size == "small" else f"sandbox-{wanted.size}.db"
        os.environ["DATABASE_URL"] = f"sqlite:///{settings.INSTANCE_DIR / name}"
    return create_app(load()), _stand_ins(told), told


def _doors(told: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Where there is no API for webhooks: bring the secret from the vendor's settings page, as a person does.

    What is to be entered there: its own address, and ours.
    """
    from .operations import connections, subscriptions

    found = []
    for connection in connections.every():
        facts = told.get(connection.service, {})
        if secret := facts.get("webhook_secret"):
            subscriptions.enter_secret(connection, secret, by="the sandbox")
        if control := facts.get("hook_control"):
            found.append((control, subscriptions.address(connection)))
    return found


def _tell_where_to_knock(doors: Iterable[tuple[str, str]]) -> None:
    """Enter our addresses, now that somebody answers there: vendors ask at once."""
    for control, address in doors:
        host, path = control.removeprefix("http://").split("/", 1)
        there = http.client.HTTPConnection(host, timeout=10)
        there.request("POST", f"/{path}", orjson.dumps({"url": address}), {"Content-Type": "application/json"})
        there.getresponse().read()
        there.close()


def _start_sandbox(wanted: SandboxWanted, tokens: Path, minder: Minder) -> dict[str, dict[str, Any]]:
    """Start the stand-ins; where they are and how to be let in."""
    limits = ",".join(f"{key}={limit}" for key, limit in SANDBOX_LIMITS.items())
    command = [
        sys.executable, "-m", "integration_console.sandbox", "--with-parent", "--usual-ports", "--limits", limits,
        "--size", wanted.size, "--tokens", str(tokens), *(["--alive"] if wanted.alive else []),
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


def _environment(told: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    names = ("api_url", "auth_url", "token_url", "client_id", "client_secret", "webhook_key")
    found = {f"{key}_{name}".upper(): facts[name] for key, facts in told.items() for name in names if name in facts}
    limits = {f"{key.upper()}_LIMITS": limit for key, limit in SANDBOX_LIMITS.items()}
    return {**found, **limits, "SANDBOX": "1", "ALLOW_INSECURE_UPSTREAMS": "1"}


def _stand_ins(told: Mapping[str, Mapping[str, Any]]) -> list[ToConnect]:
    """How each stand-in is connected: by token where it needs consent, else by key."""
    found = []
    for key, facts in told.items():
        credentials = {"api_key": facts["api_key"]} if "api_key" in facts else facts["token"]
        settings = {name: facts[name] for name in _PLACES if name in facts}
        found.append(ToConnect(key, f"{services.by_key(key).label} (sandbox)", credentials, settings))
    return found


# -- the processes ----------------------------------------------------------------------------------------------------


def _web_command(host: str, listener: socket.socket) -> list[str]:
    if sys.platform == "win32":  # no gunicorn there, and no sockets handed on
        port = listener.getsockname()[1]
        listener.close()
        return [sys.executable, "-m", "waitress", f"--listen={host}:{port}", "wsgi:app"]
    return [
        sys.executable, "-m", "gunicorn", "wsgi:app", f"--bind=fd://{listener.fileno()}", "--worker-class=gthread",
        "--threads=8", "--graceful-timeout=5", "--no-control-socket", "--log-level=warning",
    ]  # fmt: skip


def _wait_until_ready(address: str, minder: Minder) -> None:
    host, _, port = address.removeprefix("http://").rpartition(":")
    end = clock.monotonic() + READY_WITHIN_S
    while clock.monotonic() < end:
        minder.must_live()
        try:
            connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=1)
            connection.request("GET", "/healthz")
            connection.getresponse()
            connection.close()
            return
        except (OSError, http.client.HTTPException):
            clock.sleep(0.1)
    raise CannotServe(f"The pages did not answer within {READY_WITHIN_S} seconds.")
