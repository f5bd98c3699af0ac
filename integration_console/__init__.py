"""The Integration Console: connects a law firm's accounts, carries records between them, remembers every call."""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from flask import Flask

from . import clock

__version__ = "0.1.0"
LONGEST_STATEMENT_S = 300  # also a migration's; a stuck statement must not hold its locks for ever
HOME = Path(__file__).resolve().parent.parent


def create_app(settings=None, *, pages: bool = True) -> Flask:
    """Build the application: one line a step.

    settings: config.Settings; read from the environment when None.
    pages: without them, and without what migrates tables, for a worker, which needs neither.
    """
    import config

    from . import logs  # not above: a worker first says what it does not need, and this page is read before

    settings = settings or config.load()
    app = Flask(
        __name__,
        template_folder=HOME / "templates",
        static_folder=HOME / "static",
        instance_path=str(settings.INSTANCE_DIR),
    )
    app.config["SETTINGS"] = settings
    app.config["SECRET_KEY"] = settings.SECRET_KEY.get_secret_value()
    clock.set_offset(settings.CLOCK_OFFSET_SECONDS)
    logs.set_up(production=settings.APP_ENV == "production")
    logs.know(*settings.every_secret(), always=True)
    _refuse_what_is_no_limit(settings)
    _set_up_database(app, settings)
    if pages:
        _set_up_migrations(app)
        _set_up_web(app)
        _set_up_commands(app)
    return app


def _refuse_what_is_no_limit(settings) -> None:
    """Raise SettingsError naming it: the dashboard asks for every account's limits, and so does every call (D8)."""
    from config import SettingsError

    from .transport.limits import parse_limits

    limits = settings.limits_set()
    for service in iter_modules([str(HOME / "integration_console" / "services")]):
        name = f"{service.name.upper()}_LIMITS"
        try:
            parse_limits(limits.get(name, "1/1"))
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None


def _set_up_database(app: Flask, settings) -> None:
    from .models import db

    settings.INSTANCE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # SQLite makes its files for all to read
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    # No call to an upstream is made within a transaction, so a hundred runs need only a few connections; but those of
    # SQLite that wait for their turn to write have one each, and whoever has the turn must still find one to read by.
    postgresql = settings.database_url.startswith("postgresql")
    pool: dict[str, Any] = {
        "pool_size": 8 if postgresql else 8 + settings.WORKER_SLOTS,
        "max_overflow": 16,
        "pool_timeout": 30,
        "pool_use_lifo": True,  # the one used last has its statements and its pages at hand
        "pool_pre_ping": postgresql,
    }
    if postgresql and "options=" not in settings.database_url:
        pool["connect_args"] = {"options": f"-c statement_timeout={LONGEST_STATEMENT_S}s"}  # (D5)
    if settings.database_url.startswith("sqlite"):
        # Each connection would keep 128 statements ready, 0.8 MB in a worker; a run asks the same few for every page.
        pool["connect_args"] = {"cached_statements": 40}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = pool
    db.init_app(app)


def _set_up_migrations(app: Flask) -> None:
    from flask_migrate import Migrate

    from .models import db

    Migrate(app, db, directory=str(HOME / "migrations"), render_as_batch=True)


def _set_up_web(app: Flask) -> None:
    from . import web

    web.set_up(app)
    if proxies := app.config["SETTINGS"].PROXIES_IN_FRONT:
        from werkzeug.middleware.proxy_fix import ProxyFix

        # Only whose address it is; host and scheme come from BASE_URL.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=0)  # type: ignore[method-assign]


def _set_up_commands(app: Flask) -> None:
    from . import cli

    cli.set_up(app)
