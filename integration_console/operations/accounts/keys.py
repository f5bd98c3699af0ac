"""The credentials of one account in use, and their renewal: once for all processes (K1-K4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock, get_ident, local
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ... import clock
from ...errors import NeedsPerson, TryLater, UpstreamError
from ...models import Connection, db
from ...services.base import ApiKey, OAuth, Service
from ...storage import leases
from ...storage.transactions import Recorder
from ...transport import auth
from ...transport.tokens import TokenEndpoint
from ..holds import process_name
from ..sealed import kept, vault
from .app_settings import AppSettings

REFRESH_LEASE_S = 25  # longer than a token endpoint may take


class Keys:
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
        self._stored = Lock()  # what was read before a renewal must not replace what came after it
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
        way = self._way()
        status, body = self.token_endpoint(str(way.revoke_url))(*auth.revocation(way, self.us, self.credentials))
        if status >= 300:
            raise UpstreamError(f"It answered with status {status}.", status=status)
        if said := refused_in(body):  # some refuse with status 200
            raise UpstreamError(f"It said {said}.", status=status)

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
        query = select(Connection.credentials, Connection.status, Connection.status_reason)
        with self._stored:
            with Session(self.engine) as session:
                row = session.execute(query.where(Connection.id == self.connection_id)).one()
            if not row.credentials:
                raise NeedsPerson("The connection was removed.")
            if row.status == "needs_reconnect":  # no further tries until a person acts (K3)
                raise NeedsPerson(row.status_reason or "The connection needs to be reconnected first.")
            self.credentials = orjson.loads(self._opened(row.credentials))
        return row.credentials

    def _ask_for_tokens(self, sealed: str) -> None:
        """Refresh and commit the whole answer before anything of it is used (K2)."""
        way = self._way()
        try:
            tokens = auth.refresh(
                self.token_endpoint(way.token_url), way, self.us, self.credentials["refresh_token"],
                access_token=str(self.credentials.get("access_token") or ""), service=self.service.label,
            )  # fmt: skip
        except NeedsPerson as error:
            reason = {"status": "needs_reconnect", "status_reason": str(error), "status_since": clock.now()}
            if error.code not in way.spent_codes or self._store(sealed, reason):
                raise
            self._reread()  # a person was quicker: theirs count (K3)
            return
        renewed = {**self.credentials, **kept(tokens)}
        values = {
            "credentials": self.vault.seal(f"connection:{self.connection_id}", orjson.dumps(renewed).decode()),
            "expires_at": tokens.expires_at, "renewed_at": clock.now(),
        }  # fmt: skip
        with self._stored:
            if self._store(sealed, values):
                self.credentials = renewed
                return
        self._reread()

    def _store(self, sealed: str, values: Mapping[str, Any]) -> bool:
        """Write to the connection, unless a person reconnected or removed it since we read its credentials.

        The same ones sealed anew, as by `flask keys rotate`, are still those: an answer is never dropped for that.
        """
        mine = Connection.id == self.connection_id
        with Session(self.engine) as session, session.begin():
            there = session.scalar(select(Connection.credentials).where(mine).with_for_update())
            if not there or (there != sealed and self._opened(there) != self._opened(sealed)):
                return False
            session.execute(update(Connection).where(mine).values(**values))
            return True

    def _opened(self, sealed: str) -> str:
        return self.vault.open(f"connection:{self.connection_id}", sealed)


def refused_in(body: bytes) -> str:
    """The error in an answer that came with a good status; empty when there is none."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(data, dict) or not (data.get("error") or data.get("ok") is False):
        return ""
    return str(data.get("error") or "no")[:100]
