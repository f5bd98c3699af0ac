"""A mail server on loopback that takes letters, or refuses them, as it is told."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage


class MailServer(socketserver.ThreadingTCPServer):
    """letters: what came, parsed. refuse: {"RCPT": (550, "no such user")} answers that command so.

    tls: a context; then STARTTLS is offered. users: name -> password; then a sign-in is asked for.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[EmailMessage] = []
        self.refuse: dict[str, tuple[int, str]] = {}
        self.commands: list[str] = []  # their names
        self.tls: ssl.SSLContext | None = None
        self.users: dict[str, str] = {}
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Session(socketserver.BaseRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.file, self.secure = self.request.makefile("rb"), False
        self.say(220, "ready")
        while line := self.file.readline():
            words = line.decode("ascii", "replace").strip()
            name = words.partition(" ")[0].upper()
            self.server.commands.append(name)
            if name in self.server.refuse:
                self.say(*self.server.refuse[name])
            elif not getattr(self, f"on_{name.lower()}", self.unknown)(words):
                return

    def say(self, code: int, text: str, *more: str) -> bool:
        lines = [text, *more]
        for at, one in enumerate(lines):
            self.request.sendall(f"{code}{' ' if at == len(lines) - 1 else '-'}{one}\r\n".encode())
        return True

    def unknown(self, words: str) -> bool:
        return self.say(502, "unknown")

    def on_ehlo(self, words: str) -> bool:
        offers = ["AUTH PLAIN"] if self.server.users else []
        return self.say(250, "here", *(["STARTTLS"] if self.server.tls and not self.secure else []), *offers)

    def on_starttls(self, words: str) -> bool:
        self.say(220, "go")
        assert self.server.tls
        try:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, OSError):
            return False
        self.file, self.secure = self.request.makefile("rb"), True
        return True

    def on_auth(self, words: str) -> bool:
        _, name, password = base64.b64decode(words.split()[2]).decode().split("\0")
        good = self.server.users.get(name) == password
        return self.say(235, "welcome") if good else self.say(535, f"bad password {password} for {name}")

    def on_mail(self, words: str) -> bool:
        return self.say(250, "fine")

    on_rcpt = on_rset = on_noop = on_mail

    def on_data(self, words: str) -> bool:
        self.say(354, "go on")
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        self.server.letters.append(message_from_bytes(b"".join(lines), policy=policy.default))
        return self.say(250, "taken")

    def on_quit(self, words: str) -> bool:
        self.say(221, "bye")
        return False


def silent_port() -> tuple[socket.socket, int]:
    """A port that is open and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]
