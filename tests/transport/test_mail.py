"""Letters go out encrypted or not at all, once, and a refusal says whether trying again makes sense."""

from __future__ import annotations

import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integration_console import clock
from integration_console.errors import InvalidInput, NotAllowed, TryLater
from integration_console.transport import mail

from ..mail_server import silent_port

ELSEWHERE = "127.1"  # this machine, written so that nobody takes it for that


@pytest.fixture
def own_certificate(tmp_path):
    """A certificate for 127.1 that nobody has signed, and the file that makes it trusted."""
    key, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ELSEWHERE)])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(ELSEWHERE)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = tmp_path / "certificate.pem"
    file.write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()) + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, file


def letter(**more):
    usual = {"sender": "console@firm.example", "to": "ana@firm.example", "subject": "A run failed", "text": "Clio"}
    return mail.letter(**{**usual, "key": "notice-1", "host": "firm.example", **more})


def test_a_letter_arrives_as_it_was_written(mails):
    mail.send(mail.server_of(mails.url), letter(text="Zoë & 王 — what now?"))

    (came,) = mails.letters
    assert (came["To"], came["Subject"]) == ("ana@firm.example", "A run failed")
    assert came["From"] == "Integration Console <console@firm.example>"
    assert came.get_content().strip() == "Zoë & 王 — what now?"
    assert came["Auto-Submitted"] == "auto-generated"
    assert came["Message-ID"] == "<notice-1@firm.example>"


def test_a_line_break_in_a_subject_adds_no_header(mails):
    mail.send(mail.server_of(mails.url), letter(subject="Failed\r\nBcc: all@firm.example"))

    assert mails.letters[0]["Subject"] == "Failed Bcc: all@firm.example"
    assert mails.letters[0]["Bcc"] is None


def test_a_sign_in_is_made_where_one_is_named(mails):
    mails.users = {"console@firm.example": "pa/ss word"}
    mail.send(mail.server_of(f"smtp://console%40firm.example:pa%2Fss%20word@127.0.0.1:{mails.port}"), letter())

    assert mails.letters
    assert "AUTH" in mails.commands


def test_a_refused_password_is_never_repeated(mails):
    mails.users = {"console": "right-one-987"}

    with pytest.raises(NotAllowed, match="535") as refused:
        mail.send(mail.server_of(f"smtp://console:wrong-one-123@127.0.0.1:{mails.port}"), letter())
    assert "wrong-one-123" not in str(refused.value)
    assert not mails.letters


@pytest.mark.parametrize(
    ("command", "code", "kind"),
    [("RCPT", 550, NotAllowed), ("RCPT", 450, TryLater), ("MAIL", 421, TryLater), ("DATA", 554, NotAllowed)],
)
def test_a_refusal_says_whether_to_try_again(mails, command, code, kind):
    mails.refuse = {command: (code, "because")}

    with pytest.raises(kind, match=f"{code} because"):
        mail.send(mail.server_of(mails.url), letter())


def test_nothing_leaves_this_machine_in_the_clear(mails):
    with pytest.raises(NotAllowed, match="offers no encryption"):
        mail.send(mail.server_of(f"smtp://{ELSEWHERE}:{mails.port}"), letter())
    assert "EHLO" in mails.commands
    assert "MAIL" not in mails.commands


def test_a_certificate_nobody_signed_is_not_trusted(mails, own_certificate):
    mails.tls = own_certificate[0]

    with pytest.raises(NotAllowed, match="not trusted"):
        mail.send(mail.server_of(f"smtp://{ELSEWHERE}:{mails.port}"), letter())
    assert not mails.letters


def test_a_letter_goes_out_encrypted(mails, own_certificate, monkeypatch):
    mails.tls, file = own_certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    mail.send(mail.server_of(f"smtp://{ELSEWHERE}:{mails.port}"), letter())

    assert mails.letters
    assert mails.commands.index("STARTTLS") < mails.commands.index("MAIL")


def test_a_server_that_is_silent_or_gone_is_tried_later(mails, monkeypatch):
    monkeypatch.setattr(mail, "TIMEOUT_S", 0.2)
    listener, port = silent_port()
    with listener, pytest.raises(TryLater, match="could not be reached"):
        mail.send(mail.server_of(f"smtp://127.0.0.1:{port}"), letter())
    with pytest.raises(TryLater, match="could not be reached"):
        mail.send(mail.server_of(f"smtp://127.0.0.1:{port}"), letter())


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:port"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InvalidInput, match="SMTP_URL"):
        mail.server_of(url)
