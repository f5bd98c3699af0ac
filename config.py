"""Every setting once: environment name, unit, default, reason. Values come from the environment or `.env`.

A service's own settings are read by prefix (`CLIO_API_URL`, `GHL_LIMITS`, ...), so a new service needs no line
here; `Settings.of_service("clio")` gives them.
"""

from __future__ import annotations

import os
import re
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal, cast
from urllib.parse import unquote

from dotenv import dotenv_values
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

HERE = Path(__file__).resolve().parent

# What a service may set, as <SERVICE>_<NAME>; the README's table lists these once for all services.
SERVICE_SETTINGS = (
    "API_URL", "AUTH_URL", "TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI", "SCOPES", "REGION", "LIMITS",
    "API_KEY", "LOCATION_ID", "WORKSPACE_ID", "WEBHOOK_KEY",
)  # fmt: skip

LONGEST_DAYS = 36_500  # that anything is kept; a calendar has an end


class SettingsError(ValueError):
    """A setting is missing or wrong; the message is one line that names it."""


class Settings(BaseSettings):
    """All settings of the console."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    APP_ENV: Literal["development", "test", "production"] = "development"
    SECRET_KEY: SecretStr = SecretStr("")  # signs cookies and cursors; made once in development
    ENCRYPTION_KEYS: SecretStr = SecretStr("")  # comma list of Fernet keys, the first one writes
    DATABASE_URL: str = ""  # empty = SQLite in the instance folder
    INSTANCE_DIR: Path = HERE / "instance"  # database, generated keys, pacing files
    BASE_URL: str = "http://127.0.0.1:8000"  # where people reach the console; OAuth redirects are built from it
    API_REDIRECT_URIS: str = ""  # comma list: where programs may have people sent after a consent, exactly so
    PROXIES_IN_FRONT: int = Field(0, ge=0, le=9)  # reverse proxies whose X-Forwarded-For is believed
    ENGINE: Literal["embedded", "procrastinate"] = "embedded"  # who wakes the workers; the second needs PostgreSQL

    TICK_SECONDS: float = Field(10, gt=0, le=3600)  # how often the clock looks for what is due
    WORKER_SLOTS: int = Field(8, ge=1, le=500)  # runs one worker process carries at once
    LEASE_SECONDS: float = Field(30, ge=1, le=86_400)  # a silent worker loses its run after this
    OVERLAP_SECONDS: float = Field(300, ge=0, le=31_536_000)  # an increment starts this much before the last mark
    REFERENCE_SECONDS: float = Field(3600, ge=0, le=31_536_000)  # reference data is not read again sooner
    CALL_DEADLINE_SECONDS: float = Field(60, gt=0, le=3600)  # one upstream call, retries not included
    MAX_ANSWER_MIB: float = Field(20, gt=0, le=1024)  # a larger decoded answer is refused
    OWNERS_AT_ONCE: int = Field(8, ge=1, le=64)  # lists by owner read side by side, within the budget
    BRAKE_RECORDS: int = Field(10, ge=1)  # the brake needs at least this many deletions ...
    BRAKE_PERCENT: float = Field(5, ge=0)  # ... and more than this share of the resource
    BRAKE_ALWAYS: int = Field(500, ge=1)  # or this many in any case
    BRAKE_CREATES: int = Field(200, ge=1)  # a run that would make so many records unannounced is braked likewise

    WEBHOOKS_PER_MINUTE: int = Field(600, ge=1)  # of one connection; more are told to come again later

    RETENTION_TRANSACTIONS_DAYS: int = Field(90, ge=1, le=LONGEST_DAYS)
    RETENTION_BODIES_DAYS: int = Field(30, ge=1, le=LONGEST_DAYS)  # request and response bodies, client data
    RETENTION_RUNS_DAYS: int = Field(365, ge=1, le=LONGEST_DAYS)
    RETENTION_ERRORS_DAYS: int = Field(180, ge=1, le=LONGEST_DAYS)
    RETENTION_DELIVERIES_DAYS: int = Field(30, ge=1, le=LONGEST_DAYS)  # webhooks that were dealt with
    RETENTION_CORRECTIONS_DAYS: int = Field(
        365, ge=1, le=LONGEST_DAYS
    )  # texts whose practice area was answered, client data

    BACKUP_DIR: Path = HERE / "backups"  # machines that share a database share this folder, too
    BACKUP_EVERY_HOURS: float = Field(24, ge=0, le=8784)  # 0: none by itself, and no rehearsals
    BACKUP_BEFORE_MIGRATION: bool = True  # `flask db upgrade` makes one first
    RETENTION_BACKUPS_DAYS: int = Field(14, ge=1, le=LONGEST_DAYS)  # all of the last days ...
    RETENTION_BACKUPS_WEEKS: int = Field(8, ge=1, le=LONGEST_DAYS // 7)  # ... and the last good one of each week
    PG_BIN_DIR: str = ""  # where pg_dump and pg_restore are, when the PATH has none or an older one

    METRICS_TOKEN: SecretStr = SecretStr("")  # a Prometheus server's bearer token; /metrics is off without ...
    METRICS_ADDRESSES: str = ""  # ... this token or a comma list of addresses it may be read from

    SESSION_IDLE_MINUTES: int = Field(60, ge=1, le=525_600)
    SESSION_HOURS: int = Field(12, ge=1, le=8784)
    API_JWKS_URL: str = ""  # keys of the firm's own sign-in provider; empty = its session tokens open nothing
    API_JWT_ISSUER: str = ""  # who those tokens must come from
    API_JWT_AUDIENCE: str = ""  # comma list; a token's `aud` must be one of these, or where it has none its `azp`
    SETUP_CODE: SecretStr = SecretStr("")  # first administrator; empty = made at start and printed

    SMTP_URL: SecretStr = SecretStr("")  # smtp://user:password@host:587, smtps:// for TLS at once; empty = no e-mail
    SMTP_FROM: str = ""  # whom notifications are from; empty = console@ and BASE_URL's host

    ALLOW_INSECURE_UPSTREAMS: bool = False  # tests only: plain-http upstreams and cookies without Secure
    SANDBOX: bool = False  # set by `flask serve --sandbox`: every page says so
    CLOCK_OFFSET_SECONDS: float = 0  # tests only
    RECORD_CALLS: bool = True  # off only to measure what recording costs

    @model_validator(mode="after")
    def _fit_to_start(self) -> Settings:
        """Refuse, in one line, what must not run (D8); make development's own keys."""
        if self.APP_ENV == "production":
            self._refuse_for_production()
        if self.ENGINE == "procrastinate" and not self.database_url.startswith("postgresql"):
            raise SettingsError("ENGINE=procrastinate needs PostgreSQL: set DATABASE_URL.")
        if self.API_JWKS_URL and not (self.API_JWT_ISSUER and self.API_JWT_AUDIENCE.strip(", ")):
            raise SettingsError("API_JWKS_URL needs API_JWT_ISSUER and API_JWT_AUDIENCE beside it.")
        self.INSTANCE_DIR, self.BACKUP_DIR = self.INSTANCE_DIR.resolve(), self.BACKUP_DIR.resolve()
        for name, make in (("SECRET_KEY", _random_key), ("ENCRYPTION_KEYS", _fernet_key)):
            if not getattr(self, name).get_secret_value():
                setattr(self, name, SecretStr(self._kept(name.lower(), make)))
        return self

    def _refuse_for_production(self) -> None:
        if os.environ.get("FLASK_DEBUG", "").lower() not in ("", "0", "false", "no"):
            raise SettingsError("FLASK_DEBUG lets visitors run code; production refuses to start with it.")
        for name in ("ALLOW_INSECURE_UPSTREAMS", "SANDBOX", "CLOCK_OFFSET_SECONDS"):
            if getattr(self, name):
                raise SettingsError(f"{name} is for tests and trying out; production refuses to start with it.")
        for name, shortest in (("SECRET_KEY", 32), ("ENCRYPTION_KEYS", 44)):
            if len(getattr(self, name).get_secret_value()) < shortest:
                raise SettingsError(f"{name} must be set to at least {shortest} characters in production.")
        if not self.BASE_URL.startswith("https://"):
            raise SettingsError("BASE_URL must be an https address in production.")

    def _kept(self, name: str, make) -> str:
        """A secret made once and kept in the instance folder, readable by its owner only."""
        file = self.INSTANCE_DIR / name
        if not file.exists():
            self.INSTANCE_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = file.with_suffix(f".{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(make())
            try:
                os.link(draft, file)  # the first process to get here decides; the others read its value
            except FileExistsError:
                pass
            draft.unlink()
        return file.read_text().strip()

    @property
    def database_url(self) -> str:
        """The address for SQLAlchemy, with its driver named.

        SQLAlchemy 2.1 reads `postgresql://` as psycopg 3 and refuses `postgres://`; both mean psycopg2 here.
        """
        url = self.DATABASE_URL or f"sqlite:///{self.INSTANCE_DIR / 'console.db'}"
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", url)

    @cached_property
    def _everything(self) -> dict[str, str | None]:
        return self._environment()

    def _environment(self) -> dict[str, str | None]:
        file = cast("str | None", self.model_config.get("env_file"))  # one file; its type allows a list of them
        return {**(dotenv_values(file) if file else {}), **os.environ}

    def of_service(self, key: str) -> dict[str, str]:
        """A service's own settings by lower-case name: {"api_url": ..., "limits": ...}; unset ones are absent."""
        found = {name.lower(): self._everything.get(f"{key.upper()}_{name}") for name in SERVICE_SETTINGS}
        return {name: value for name, value in found.items() if value}

    def limits_set(self) -> dict[str, str]:
        """Every limit of a service that is set: {"GHL_LIMITS": "100/10"}. Settles nothing."""
        return {name: value for name, value in self._environment().items() if name.endswith("_LIMITS") and value}

    def every_secret(self) -> list[str]:
        """Every secret of these settings, so that no log line tells one."""
        own = [value.get_secret_value() for value in dict(self).values() if isinstance(value, SecretStr)]
        parts = [part.strip() for text in own for part in text.split(",")]
        passwords = [unquote(url.rpartition("@")[0].rpartition(":")[2]) for url in (*own, self.database_url)]
        theirs = [value for name, value in self._environment().items() if name.endswith(("_CLIENT_SECRET", "_API_KEY"))]
        return [secret for secret in (*own, *parts, *passwords, *theirs) if secret]


def _random_key() -> str:
    return secrets.token_urlsafe(48)


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def load(**overrides) -> Settings:
    """Read the settings; keyword arguments win over the environment.

    Raises SettingsError with one line when a value is missing or wrong.
    """
    from pydantic import ValidationError

    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(str(cause) if cause else f"{where}: {first['msg']}") from None
