"""`flask serve`: the web pages, a worker and, when asked for, the sandbox, as processes that end together."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from flask import Flask, current_app

from . import clock, services, stand_ins
from .errors import ConsoleError
from .minder import HOME, CannotServe, Minder
from .models import ApiConfig, db, reading

log = structlog.get_logger(__name__)

READY_WITHIN_S = 60

Tell = Callable[[str, str | None], None]  # the address, and the first administrator's code while there is none


@dataclass(frozen=True)
class Wanted:
    """What `flask serve` was asked for."""

    host: str
    port: int
    sandbox: stand_ins.Wanted | None = None


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
        doors.open()
        tell(address, code)
        minder.mind(beside=doors.open)


def is_set_up() -> bool:
    """Whether this installation has anything of its own yet: a person, an account, a service's settings."""
    from .operations.accounts import connections
    from .operations.people import users
    from .storage import schema

    settings = current_app.config["SETTINGS"]
    if any({"client_id", "api_key"} & settings.of_service(key).keys() for key in services.every()):
        return True
    try:
        with reading():
            if schema.check(db.engine):
                return False
            return bool(
                connections.every(removed=True) or users.has_anybody() or db.session.query(ApiConfig.id).first()
            )
    finally:  # the sandbox has a database of its own: nobody would ever end what was begun in this one
        db.session.remove()
        db.engine.dispose()


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


def _prepare(sandbox: stand_ins.Wanted | None, settings, minder: Minder) -> tuple[str | None, stand_ins.Doors]:
    """Bring database and accounts into order, as the processes will see them.

    The first administrator's code, and the doors of the sandbox's accounts.
    """
    from .operations.people import first_administrator

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    to_connect: list[stand_ins.ToConnect] = []
    told: stand_ins.Told = {}
    if sandbox:
        app, to_connect, told = stand_ins.start(sandbox, settings, minder)
    with app.app_context():
        _check_database(migrate=sandbox is not None)
        _connect(to_connect or _of_settings(app.config["SETTINGS"]))
        doors = stand_ins.Doors(app, told)
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


def _of_settings(settings) -> list[stand_ins.ToConnect]:
    """The accounts whose keys stand in the environment."""
    found = []
    for key, service in services.every().items():
        told = settings.of_service(key)
        if api_key := told.get("api_key"):
            names = {credential.name for credential in service.credentials if not credential.secret}
            settings_of = {name: told[name] for name in names if name in told}
            found.append(stand_ins.ToConnect(key, service.label, {"api_key": api_key}, settings_of))
    return found


def _connect(wanted: Iterable[stand_ins.ToConnect], by: str = "the settings") -> None:
    """Connect what is not connected, and ask for a first full run. A key that is refused does not stop the console."""
    from .operations.accounts import connections
    from .operations.runs import runs

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
