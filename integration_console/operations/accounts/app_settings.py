"""One service's application settings as they stand: the settings page's, else the environment's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import current_app
from sqlalchemy import bindparam, select

from ...errors import InvalidInput
from ...models import ApiConfig, db
from ...services.base import OAuth, Service
from ...transport import auth
from ..sealed import vault

_STORED = select(ApiConfig).where(ApiConfig.service == bindparam("service"))


@dataclass(frozen=True)
class AppSettings:
    """One service's application settings as they stand: the settings page's, else the environment's."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, service: Service) -> AppSettings:
        """Read them. The client secret comes unsealed."""
        values = dict(current_app.config["SETTINGS"].of_service(service.key))
        row = db.session.scalar(_STORED, {"service": service.key})
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
            scopes=tuple((self.get("scopes") or "").split()) or way.scopes,
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
