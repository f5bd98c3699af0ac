"""One request on the wire with urllib3, bounded in every direction: time, size, place (P8).

No redirects, no proxies, no retries of urllib3's own. A socket's timeout starts anew with every byte, so a body that
drips would never end; one thread watches all calls of the process and cuts those whose time is up.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

import certifi
import urllib3
from urllib3 import exceptions as wrong
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .. import clock

CONNECT_S = 5
PLACES, MOST_KEPT = 64, 512  # services talked with at a time, and idle connections to each
WATCH_S = 0.1  # how late a call may be cut
_ENCODED = re.compile(r"[\w.~*+&=%-]+", re.ASCII)  # a query as urlencode makes them


class NotSent(Exception):
    """The service could not be reached; it saw nothing of the call."""


class Lost(Exception):
    """The answer did not come, or not whole. The call itself may have arrived."""

    def __init__(self, message: str, *, stale: bool = False, late: bool = False, cut: bool = False) -> None:
        super().__init__(message)
        self.stale = stale  # a kept connection had been closed by the other side
        self.late = late
        self.cut = cut


class TooLong(Exception):
    """The answer is larger than we read."""

    def __init__(self, status: int) -> None:
        super().__init__("too long")
        self.status = status


@dataclass
class Reply:
    """Status, headers and whole body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, deadline_s: float, max_bytes: int,
    address: str = "",
) -> Reply:  # fmt: skip
    """Send one request and read its whole answer.

    address: the IP address to connect to, whatever the host's name leads to by now.
    Raises NotSent, Lost or TooLong.
    """
    watch = _Watch(clock.monotonic() + deadline_s)
    _here.watch = watch
    _watchman.guard(watch)
    try:
        reply = _exchange(method, url, headers, body, deadline_s, max_bytes, address)
    except (wrong.NewConnectionError, wrong.ConnectTimeoutError, wrong.SSLError, wrong.NameResolutionError) as error:
        raise NotSent(str(error)) from None
    except (wrong.HTTPError, OSError) as error:
        if watch.cut or isinstance(error, wrong.ReadTimeoutError):
            raise Lost("time is up", late=True) from None
        stale = watch.reused and not watch.answered
        raise Lost(str(error), stale=stale, cut=watch.answered) from None
    finally:
        _watchman.release(watch)
        _here.watch = None
    if watch.cut:  # without a length a cut body looks like a finished one
        raise Lost("time is up", late=True)
    return reply


def _exchange(method, url, headers, body, deadline_s, max_bytes, address) -> Reply:
    parts = urlsplit(url)
    path, query = parts.path or "/", f"?{parts.query}" if parts.query else ""
    # urllib3 reads an address letter by letter and its path again: the pool is asked for by its place alone, and a
    # list of fields that is encoded already joins the path where the request is written.
    if _ENCODED.fullmatch(parts.query):
        _here.watch.query = query
    else:
        path += query
    if address:
        headers = {"Host": parts.netloc, **headers}
    pool = _pinned(parts, address) if address else _pool(f"{parts.scheme}://{parts.netloc}")
    response = pool.urlopen(
        method, path, body=body, headers=headers, retries=False, redirect=False, preload_content=False,
        decode_content=True, timeout=urllib3.Timeout(connect=min(CONNECT_S, deadline_s), read=deadline_s),
    )  # fmt: skip
    _here.watch.answered = True
    try:
        read = response.read(max_bytes + 1)
        if len(read) > max_bytes:
            raise TooLong(response.status)
        response.release_conn()  # only a body read to its end leaves the connection usable
        return Reply(response.status, response.headers, read)
    except BaseException:
        response.close()
        raise


# -- the deadline ---------------------------------------------------------------------------------------------------


class _Watch:
    """One call under way."""

    __slots__ = ("answered", "cut", "ends", "query", "reused", "sock")

    def __init__(self, ends: float) -> None:
        self.ends, self.query = ends, ""
        self.sock: socket.socket | None = None
        self.cut = self.reused = self.answered = False


class _Watchman:
    """Cuts the connection of every call whose time is up."""

    def __init__(self) -> None:
        self._calls: set[_Watch] = set()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def guard(self, watch: _Watch) -> None:
        with self._lock:
            self._calls.add(watch)
            if self._thread is None:
                self._thread = threading.Thread(target=self._stand, name="call deadlines", daemon=True)
                self._thread.start()
        self._some.set()

    def release(self, watch: _Watch) -> None:
        with self._lock:
            self._calls.discard(watch)

    def _stand(self) -> None:
        while True:
            self._some.wait()
            threading.Event().wait(WATCH_S)  # real time, as the deadlines are
            now = clock.monotonic()
            with self._lock:
                for watch in [each for each in self._calls if each.ends < now and not each.cut]:
                    watch.cut = True
                    _hang_up(watch.sock)
                if not self._calls:
                    self._some.clear()


def _hang_up(sock: socket.socket | None) -> None:
    """Wake whoever reads from it. Below TLS: that layer is in use by the reading thread."""
    try:
        if sock is not None:
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        pass  # it ended by itself meanwhile


# -- connections ----------------------------------------------------------------------------------------------------


class _Watched:
    """A connection that shows its socket to the call it serves."""

    def request(self, method, url, *args, **kwargs):
        watch = getattr(_here, "watch", None)
        if watch is not None:
            watch.sock, watch.reused = self.sock, self.sock is not None  # type: ignore[attr-defined]
            url += watch.query
        return super().request(method, url, *args, **kwargs)  # type: ignore[misc]

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        watch = getattr(_here, "watch", None)
        if watch is not None:
            watch.sock = self.sock  # type: ignore[attr-defined]


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


@lru_cache(PLACES)
def _pool(place: str) -> HTTPConnectionPool:
    """The process's connections to a place, kept alive and shared by its threads.

    Of many places the one that was not called longest is forgotten, but not closed: a call may be on its way there.
    """
    parts = urlsplit(place)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return _PlainPool(host, port, maxsize=MOST_KEPT)
    return _SecurePool(host, port, maxsize=MOST_KEPT, ca_certs=certifi.where(), cert_reqs="CERT_REQUIRED")


def _pinned(parts: SplitResult, address: str) -> HTTPConnectionPool:
    """A connection to one IP address for the host of this address, used once: its certificate must be the host's."""
    if parts.scheme == "http":
        return _PlainPool(address, parts.port or 80, maxsize=1)
    return _SecurePool(
        address, parts.port or 443, maxsize=1, ca_certs=certifi.where(), cert_reqs="CERT_REQUIRED",
        server_hostname=parts.hostname, assert_hostname=parts.hostname,
    )  # fmt: skip


def _start_anew() -> None:
    """A forked process must not talk on its parent's sockets, and has no threads."""
    global _watchman
    _pool.cache_clear()
    _watchman = _Watchman()


_here = threading.local()
_watchman = _Watchman()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it writes whole addresses into the log
