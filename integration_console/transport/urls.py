"""Where a call may go: the connection's own origins, https, and nothing that climbs out of its path (X3)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from ..errors import BadAnswer, InvalidInput

Origin = tuple[str, str, int]  # scheme, host, port

_PORTS = {"https": 443, "http": 80}
_UNFIT = re.compile(r"[\x00-\x20\x7f\\?#]")


def origin(url: str) -> Origin:
    """Scheme, host and port of an address.

    Raises InvalidInput when it is no http(s) address, or carries a user name.

    >>> origin("https://API.harbor.example/v2")
    ('https', 'api.harbor.example', 443)
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise InvalidInput("The address must begin with https:// and name a host.") from None
    if not parts.hostname or "@" in parts.netloc or not parts.netloc.isascii():
        raise InvalidInput("The address must name a host, and nothing but a host, before its path.")
    return parts.scheme, parts.hostname, port


def leads_away(link: str, homes: Collection[Origin]) -> bool:
    """Whether a link names another origin than these; one without a host stays where it was found.

    >>> leads_away("https://evil.example/x?page=2", {("https", "api.harbor.example", 443)})
    True
    """
    try:
        return bool(urlsplit(link).netloc) and origin(link) not in homes
    except (InvalidInput, ValueError):
        return True


def homes_of(service: Any) -> set[Origin]:
    """The origins a service's own declaration names: of every region, where it has several."""
    declared = [getattr(service, "base_url", ""), *getattr(service, "regions", {}).values()]
    return {origin(url) for url in declared if url.startswith("https://")}


class Address:
    """A connection's base address and the other origins it may call."""

    def __init__(self, base_url: str, extra_origins: Iterable[str] = (), *, insecure: bool = False) -> None:
        base_url = base_url.rstrip("/")
        if _UNFIT.search(base_url):
            raise InvalidInput("The address must not hold spaces, ? or #.")
        self.base_url, self.host = base_url, urlsplit(base_url).hostname or ""
        self.origins = {origin(url) for url in (base_url, *extra_origins)}
        if not insecure and any(scheme != "https" for scheme, _, _ in self.origins):
            raise InvalidInput("The address must begin with https://.")
        self._place = lru_cache(64)(self._looked_at)  # the path of a list is the same on every page

    def of(self, path: str, params: Mapping[str, Any] | None = None) -> str:
        """The whole address of a call; a path that is an address itself must lie in one of our origins.

        Raises BadAnswer when the call would leave them.
        """
        url, found = self._place(path), query(params or {})
        return f"{url}?{found}" if found else url

    def _looked_at(self, path: str) -> str:
        url = path if "://" in path else self.base_url + "/" + path.removeprefix("/")
        try:
            parts = urlsplit(url)
            away = origin(url) not in self.origins
        except (InvalidInput, ValueError):
            away = True
        if away:
            raise BadAnswer("The next address lies at another host than the one connected; it was not called.")
        if path.startswith("//") or _UNFIT.search(path) or _climbs(parts):
            raise BadAnswer("The address of this call is not one the service has; it was not called.")
        return url


def query(params: Mapping[str, Any]) -> str:
    """Parameters as they are sent: None is left out, a list is repeated, true and false are written small."""
    found = (
        _parameter(name, _plain(each))
        for name, value in params.items()
        if value is not None
        for each in (value if isinstance(value, list | tuple) else (value,))
    )
    return "&".join(found)


def _climbs(parts: SplitResult) -> bool:
    return any(unquote(step) in (".", "..") for step in parts.path.split("/"))


@lru_cache(256)  # the long ones, a list of fields above all, are the same on every page
def _parameter(name: str, value: str) -> str:
    return urlencode({name: value})


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
