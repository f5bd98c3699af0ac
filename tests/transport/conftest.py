"""A small upstream on a real socket that does what it is told, and an Upstream that calls it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest

from integration_console.transport.call import Attempt
from integration_console.transport.client import Upstream
from integration_console.transport.limits import Budget, Limit

SECRET = "canary-Zq7/secret+value"


def reply(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """The bytes of a whole answer; header names are written with _ for -."""
    lines = [f"HTTP/1.1 {status} X"]
    headers = {"Content_Type": "application/json", "Content_Length": str(len(body))} | headers
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Script:
    """Answers requests in order, the last one for ever. An answer is bytes, or does as it likes with the socket."""

    def __init__(self) -> None:
        self.answers: list[bytes | Callable[[socket.socket], None]] = [reply()]
        self.requests: list[bytes] = []
        self.by: Callable[[bytes], bytes] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def says(self, *answers) -> None:
        self.answers = list(answers)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone would leave the waiting accept() alive
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            while request := _whole_request(connection):
                self.requests.append(request)
                if self.by:
                    answer = self.by(request)
                else:
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                try:
                    if not isinstance(answer, bytes):
                        answer(connection)
                        return
                    connection.sendall(answer)
                except OSError:
                    return


def _whole_request(connection: socket.socket) -> bytes:
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += connection.recv(65536)
    except OSError:
        return b""
    return head + b"\r\n\r\n" + body


class Harbor:
    """An imaginary service."""

    key, label = "harbor", "Harbor"


@pytest.fixture
def server():
    script = Script()
    yield script
    script.close()


@pytest.fixture
def attempts() -> list[Attempt]:
    return []


@pytest.fixture
def upstream(server, attempts):
    """upstream(**changes) makes an Upstream that calls the server, quick to try again."""

    def make(**changes) -> Upstream:
        usual = {
            "service": Harbor(), "base_url": server.url + "/api", "settings": {},
            "budget": Budget("a", (Limit(1000, 10),)),
            "authorize": lambda: {"Authorization": f"Bearer {SECRET}"}, "record": attempts.append,
            "secrets": lambda: (SECRET,), "insecure": True, "backoff_s": (0.01, 0.02), "deadline_s": 5,
        }  # fmt: skip
        return Upstream(**{**usual, **changes})

    return make


__all__ = ["SECRET", "Harbor", "Script", "reply"]
