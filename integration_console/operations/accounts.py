"""Opening an account: its credentials unsealed, its budget found, its tokens renewed once for everybody (K1-K5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from threading import get_ident, local
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock, services
from ..errors import InvalidInput, NeedsPerson, TryLater, UpstreamError
from ..models import ApiConfig, Connection, db
from ..services.base import ApiKey, Limit, OAuth, Service, Upstream
from ..storage import leases
from ..storage.transactions import Recorder
from ..storage.vault import Vault
from ..transport import auth
from ..transport.limits import Budget, parse_limits
from ..transport.pacing import open_store
from ..transport.tokens import TokenEndpoint
from .holds import process_name

REFRESH_LEASE_S = 25  # longer than a token endpoint may take


@dataclass(frozen=True)
class AppSettings:
    """One service's application settings as they stand: the settings page's, else the environment's."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, service: Service) -> AppSettings:
        """Read them. The client secret comes unsealed."""
        values = dict(current_app.config["SETTINGS"].of_service(service.key))
        row = db.session.scalar(select(ApiConfig).filter_by(service=service.key))
        for name in ("client_id", "api_url", "auth_url", "token_url", "redirect_uri", "region", "limits"):
            if row is not None and getattr(row, name):
                values[name] = getattr(row, name)
        if row is not None and row.client_secret:
            values["client_secret"] = vault().open(f"api_config:{service.key}", row.client_secret)
        return cls(values)

    def get(self, name: str) -> str | None:
        """One of them; None when it is not set."""
        return self.values.get(name)

    def base_url(self, service: Service, settings: Mapping[str, str]) -> str:
        """The address that calls are joined to."""
        return (self.get("api_url") or service.base_url.format_map(self._places(service, settings))).rstrip("/")

    def way(self, service: Service, settings: Mapping[str, str]) -> OAuth:
        """The service's OAuth with its addresses filled in. Raises InvalidInput when it has none."""
        way = next((way for way in service.ways if isinstance(way, OAuth)), None)
        if way is None:
            raise InvalidInput(f"{service.label} is connected with a key, not by consent.", field="service")
        places = self._places(service, settings)
        return replace(
            way,
            authorize_url=self.get("auth_url") or way.authorize_url.format_map(places),
            token_url=self.get("token_url") or way.token_url.format_map(places),
            revoke_url=self._revoke_url(way, places),
        )

    def _revoke_url(self, way: OAuth, places: Mapping[str, str]) -> str | None:
        """Beside the token address: a test's token address must never lead to the vendor's own revocation."""
        if not way.revoke_url:
            return None
        if told := self.get("token_url"):
            return told.rsplit("/", 1)[0] + "/" + way.revoke_url.rsplit("/", 1)[1]
        return way.revoke_url.format_map(places)

    def client(self, service: Service) -> auth.Client:
        """Who we are to the service."""
        base = current_app.config["SETTINGS"].BASE_URL.rstrip("/")
        comes_back_to = self.get("redirect_uri") or f"{base}/oauth/{service.key}/callback"
        return auth.Client(self.get("client_id") or "", self.get("client_secret") or "", comes_back_to)

    def _places(self, service: Service, settings: Mapping[str, str]) -> dict[str, str]:
        if not service.regions:
            return {}
        region = settings.get("region") or self.get("region") or next(iter(service.regions))
        if region not in service.regions:
            raise InvalidInput(
                f"{service.label} has no region {region!r}. There are: {', '.join(service.regions)}.", field="region"
            )
        return {"region_host": service.regions[region]}


@dataclass
class Opened:
    """An account ready to be called."""

    service: Service
    upstream: Upstream
    recorder: Recorder
    budget: Budget
    connection_id: int | None
    can_revoke: bool
    revoke: Callable[[], None]


def vault() -> Vault:
    """The vault of this installation."""
    return _vault(current_app.config["SETTINGS"].ENCRYPTION_KEYS.get_secret_value())


_vault = cache(Vault)


def seal(connection: Connection, credentials: Mapping[str, Any]) -> None:
    """Store credentials sealed, in the caller's transaction."""
    connection.credentials = vault().seal(f"connection:{connection.id}", orjson.dumps(dict(credentials)).decode())
    connection.expires_at = clock.parse(credentials.get("expires_at"))
    connection.renewed_at = clock.now()


def unseal(connection: Connection) -> dict[str, Any]:
    """The credentials. Raises NeedsPerson when there are none."""
    if not connection.credentials:
        raise NeedsPerson(f"{connection.name} has no credentials any more. Reconnect it.")
    return orjson.loads(vault().open(f"connection:{connection.id}", connection.credentials))


def limits_of(connection: Connection) -> tuple[Limit, ...]:
    """How fast this account may be called, as declared or set; the upstream's headers may say otherwise later."""
    service = services.by_key(connection.service)
    told = AppSettings.of(service).get("limits")
    return parse_limits(told) if told else service.limits_for(connection.settings)


def open_account(
    connection: Connection, *, run_id: int | None = None, should_stop: Callable[[], bool] = lambda: False
) -> Opened:
    """Make a connection's account callable, with fresh tokens.

    Raises NeedsPerson when its tokens cannot be renewed, TryLater when the token endpoint does not answer.
    """
    service = services.by_key(connection.service)
    keys = _Keys(service, connection.id, unseal(connection), connection.settings, run_id)
    # Tokens and keys are counted where the vendor counts them: by account where it says so, else by connection.
    key = f"{service.key}:{connection.account_id if service.budget_by_account else connection.id}"
    opened = _open(service, keys, connection.settings, key, limits_of(connection), should_stop)
    opened.upstream.account_id = connection.account_id
    db.session.rollback()  # a look holds SQLite's writer lock: nothing is held while we wait for an upstream (D5)
    keys.renew_if_due()
    return opened


def open_trial(service: Service, credentials: dict[str, Any], settings: Mapping[str, str]) -> Opened:
    """The same for credentials nobody has stored yet."""
    told = AppSettings.of(service).get("limits")
    limits = parse_limits(told) if told else service.limits_for(settings)
    opened = _open(service, _Keys(service, None, credentials, settings), settings, f"{service.key}:trial", limits)
    db.session.rollback()
    return opened


def _open(
    service: Service, keys: _Keys, settings: Mapping[str, str], budget_key: str, limits: tuple[Limit, ...],
    should_stop: Callable[[], bool] = lambda: False,
) -> Opened:  # fmt: skip
    config = current_app.config["SETTINGS"]
    budget = Budget(budget_key, limits, open_store(config.database_url, config.INSTANCE_DIR / "limits"))
    upstream = Upstream(
        service=service, base_url=keys.app.base_url(service, settings), settings=settings, authorize=keys.headers,
        budget=budget, record=keys.recorder if config.RECORD_CALLS else None,
        refresh=keys.renew if keys.renewable else None, secrets=keys.secrets, deadline_s=config.CALL_DEADLINE_SECONDS,
        max_bytes=int(config.MAX_ANSWER_MIB * 1024 * 1024), insecure=keys.insecure, should_stop=should_stop,
    )  # fmt: skip
    return Opened(service, upstream, keys.recorder, budget, keys.connection_id, keys.revocable, keys.revoke)


def budget_seen(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the upstream's headers last said, as the pages' column keeps it; empty when nothing is known."""
    return {**orjson.loads(orjson.dumps(dict(state))), "at": clock.now().isoformat()} if state else {}


class _Keys:
    """The credentials of one account in use, and their renewal."""

    def __init__(
        self, service: Service, connection_id: int | None, credentials: dict, settings: Mapping[str, str],
        run_id: int | None = None,
    ) -> None:  # fmt: skip
        self.service, self.connection_id = service, connection_id
        self.credentials, self.settings = credentials, settings
        self.engine, self.vault, self.app = db.engine, vault(), AppSettings.of(service)
        self.insecure = current_app.config["SETTINGS"].ALLOW_INSECURE_UPSTREAMS
        self.recorder = Recorder(connection_id, run_id, service.key)
        self._here = local()  # each thread's own: the token it used last
        self.us = self.app.client(service)  # now: tokens are also renewed in threads that know of no application

    @property
    def renewable(self) -> bool:
        """Whether there is something to renew with."""
        return bool(self.connection_id and self.credentials.get("refresh_token"))

    @property
    def revocable(self) -> bool:
        """Whether the service takes tokens back by a call."""
        return "access_token" in self.credentials and bool(self._way().revoke_url)

    def headers(self) -> dict[str, str]:
        """What lets a call in."""
        if token := self.credentials.get("access_token"):
            self._here.used = token
            return {"Authorization": f"Bearer {token}"}
        way = next(way for way in self.service.ways if isinstance(way, ApiKey))
        return {way.header: way.prefix + self.credentials[way.credential]}

    def secrets(self) -> list[str]:
        """Every value that must not be seen in a log."""
        names = ("access_token", "refresh_token", "api_key", "id_token")
        return [str(self.credentials[n]) for n in names if self.credentials.get(n)] + [
            s for s in (self.app.get("client_secret"),) if s
        ]

    def _way(self) -> OAuth:
        return self.app.way(self.service, self.settings)

    def revoke(self) -> None:
        """Have the service take the tokens back. Raises UpstreamError when it does not."""
        status, _ = self.token_endpoint(str(self._way().revoke_url))("", self.headers())
        if status >= 300:
            raise UpstreamError(f"It answered with status {status}.", status=status)

    def token_endpoint(self, url: str) -> TokenEndpoint:
        """Where tokens are asked for; its bodies are never recorded."""
        return TokenEndpoint(
            service=self.service, url=url, record=self.recorder, secrets=self.secrets(), insecure=self.insecure
        )

    def renew_if_due(self) -> None:
        """Renew tokens that end soon, before they do (K4)."""
        expires, obtained = (clock.parse(self.credentials.get(n)) for n in ("expires_at", "obtained_at"))
        if self.renewable and expires and auth.refresh_due(expires, obtained, clock.now()):
            self.renew()

    def renew(self) -> None:
        """Renew the tokens, once for all processes: whoever holds the lease asks, the others take what it got (K1).

        Raises NeedsPerson when the service refuses, TryLater when it does not answer.
        """
        spent = getattr(self._here, "used", self.credentials.get("access_token"))
        deadline = clock.monotonic() + REFRESH_LEASE_S + 5
        while clock.monotonic() < deadline:
            with self._turn() as ours:
                sealed = self._reread()
                if self.credentials.get("access_token") != spent:
                    return
                if ours:
                    self._ask_for_tokens(sealed)
                    return
            clock.sleep(0.1)
        raise TryLater(f"{self.service.label}: the sign-in is being renewed by another process that does not finish.")

    @contextmanager
    def _turn(self) -> Iterator[bool]:
        """Whether it is ours to ask for new tokens; nobody else asks while inside."""
        # Two threads are two askers, also where they share these keys.
        name, me = f"refresh:{self.connection_id}", f"{process_name()}:{get_ident()}"
        with Session(self.engine) as session, session.begin():
            ours = leases.take(session, name, me, REFRESH_LEASE_S) is not None
        try:
            yield ours
        finally:
            if ours:
                with Session(self.engine) as session, session.begin():
                    leases.release(session, name, me)

    def _reread(self) -> str:
        """Take over the credentials as they are stored now; sealed, they tell later whether they are still those."""
        with Session(self.engine) as session:
            row = session.execute(
                select(Connection.credentials, Connection.status, Connection.status_reason).where(
                    Connection.id == self.connection_id
                )
            ).one()
        if not row.credentials:
            raise NeedsPerson("The connection was removed.")
        if row.status == "needs_reconnect":  # no further tries until a person acts (K3)
            raise NeedsPerson(row.status_reason or "The connection needs to be reconnected first.")
        self.credentials = orjson.loads(self.vault.open(f"connection:{self.connection_id}", row.credentials))
        return row.credentials

    def _ask_for_tokens(self, sealed: str) -> None:
        """Refresh and commit the whole answer before anything of it is used (K2)."""
        way = self._way()
        try:
            tokens = auth.refresh(
                self.token_endpoint(way.token_url), way, self.us, self.credentials["refresh_token"]
            )  # fmt: skip
        except NeedsPerson as error:
            reason = {"status": "needs_reconnect", "status_reason": str(error), "status_since": clock.now()}
            if error.code != "invalid_grant" or self._store(sealed, reason):
                raise
            self._reread()  # a person was quicker: theirs count (K3)
            return
        renewed = {**self.credentials, **kept(tokens)}
        values = {
            "credentials": self.vault.seal(f"connection:{self.connection_id}", orjson.dumps(renewed).decode()),
            "expires_at": tokens.expires_at, "renewed_at": clock.now(),
        }  # fmt: skip
        if self._store(sealed, values):
            self.credentials = renewed
        else:
            self._reread()

    def _store(self, sealed: str, values: Mapping[str, Any]) -> bool:
        """Write to the connection, unless a person reconnected or removed it since we read its credentials."""
        ours = (Connection.id == self.connection_id, Connection.credentials == sealed)
        with Session(self.engine) as session, session.begin():
            return bool(session.execute(update(Connection).where(*ours).values(**values)).rowcount)  # type: ignore[attr-defined]


def kept(tokens: auth.Tokens) -> dict[str, Any]:
    """Tokens as they are sealed: plain JSON values, times as text."""
    return {
        "access_token": tokens.access_token, "refresh_token": tokens.refresh_token, "scopes": list(tokens.scopes),
        "expires_at": tokens.expires_at.isoformat() if tokens.expires_at else None,
        "obtained_at": clock.now().isoformat(), **tokens.extra,
    }  # fmt: skip


def kept_answer(given: Mapping[str, Any]) -> dict[str, Any]:
    """A token answer as a service gave it, or tokens kept before, as they are sealed.

    Raises InvalidInput when it holds no usable token.
    """
    try:
        if given.get("expires_at") or "obtained_at" in given:
            _ = auth.read_answer(given), clock.parse(given.get("expires_at")), clock.parse(given.get("obtained_at"))
            return dict(given)
        return kept(auth.read_answer(given))
    except (UpstreamError, ValueError, TypeError) as error:
        raise InvalidInput(f"This is no token answer: {error}", field="credentials") from None
