"""The HTTP server a stand-in sits behind, on loopback: it takes a request off the wire and puts the answer on it."""

import contextlib
import socket
import sys
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from .wire import Answer, Request, Seen


class Answering(Protocol):
    """What stands behind it."""

    requests: deque[Seen]

    def answer(self, request: Request) -> Answer:
        """What is sent back."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address, upstream: Answering) -> None:
        self.upstream = upstream
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request, client_address) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        """A caller that hangs up is no error of ours; anything else is, and is told to the terminal."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End the connections callers keep open, as a host that goes down does."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server_version, sys_version = "sandbox", ""

    def _answer(self) -> None:
        upstream = self.server.upstream
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        answer = upstream.answer(request)
        if not request.path.startswith("/__sandbox__/"):
            upstream.requests.append(Seen(time.time(), self.command, request.path, request.query_text, answer.status))
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer

    def _send(self, answer: Answer) -> None:
        body = answer.sent_body()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, str(value))
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body) + (64 if answer.cut else 0)))
        if answer.cut:
            body, self.close_connection = body[: len(body) // 2 + 1], True
        self.end_headers()
        if answer.status not in (204, 304) and self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format, *args) -> None:
        """Say nothing: the sandbox's requests are read from `requests`, not from the terminal."""
