"""Sending a letter through the firm's mail server: one try, encrypted, within seconds.

The server is whom the operator named in SMTP_URL, so it is called as it stands there, loopback included.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from ..errors import InvalidInput, NotAllowed, TryLater
from .redact import Redactor

TIMEOUT_S = 10  # for each step


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False  # from the first byte; else STARTTLS

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine: nothing travels, so nothing has to be encrypted."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def server_of(url: str) -> MailServer:
    """Read "smtp://user:password@mail.example.com:587", or "smtps://" where it is encrypted from the first byte.

    Raises InvalidInput.

    >>> server_of("smtps://console%40firm.example:x@mail.example.com").user, server_of("smtp://localhost").port
    ('console@firm.example', 25)
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise InvalidInput("SMTP_URL is written smtp://user:password@host:587, or smtps://… for TLS from the start.")
    tls = parts.scheme == "smtps"
    usual = 465 if tls else 587 if parts.username else 25
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return MailServer(parts.hostname, port or usual, user, password, tls)


def letter(*, sender: str, to: str, subject: str, text: str, key: str, host: str) -> EmailMessage:
    """A plain letter that programs know as one of a program.

    key: the same for the same letter, so that mail programs show it once should it arrive twice.
    """
    message = EmailMessage()
    # An inbox shows a name; a sender may bring one: "Ruiz & Partner <console@firm.example>".
    message["From"] = sender if "<" in sender else Address("Integration Console", addr_spec=sender)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = " ".join(subject.split())[:200]
    message["Message-ID"] = f"<{key}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def send(server: MailServer, message: EmailMessage) -> None:
    """Hand it over, once.

    Raises TryLater when that may work later, NotAllowed when the server refuses the letter or us for good.
    """
    hide = Redactor((server.password,) if server.password else ())
    try:
        _hand_over(server, message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refused(code, said, hide) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, error.smtp_error, hide) from None
    except ssl.SSLCertVerificationError as error:
        raise NotAllowed(f"The mail server's certificate is not trusted: {error.verify_message}.") from None
    except (OSError, smtplib.SMTPException) as error:
        why = hide.text(str(error))[:200] or type(error).__name__
        raise TryLater(f"The mail server {server.host} could not be reached: {why}.") from None


def _hand_over(server: MailServer, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if server.tls:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    with smtp:
        smtp.ehlo()
        if not server.tls and not server.is_here:
            if not smtp.has_extn("starttls"):
                raise NotAllowed(f"The mail server {server.host} offers no encryption (STARTTLS); nothing was sent.")
            smtp.starttls(context=context)
            smtp.ehlo()
        if server.user:
            smtp.login(server.user, server.password)
        smtp.send_message(message)


def _refused(code: int, said: bytes | str, hide: Redactor) -> TryLater | NotAllowed:
    """4xx: later. 5xx: never like this."""
    words = hide.text(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))
    text = f"The mail server said: {code} {' '.join(words.split())[:300]}"
    return TryLater(text, status=code) if 400 <= code < 500 else NotAllowed(text, status=code)
