"""Nothing secret is stored, and what is not secret stays readable (X2)."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_console.errors import NeedsPerson
from integration_console.transport.call import Call
from integration_console.transport.redact import KEPT_BYTES, Redactor
from tests.transport.conftest import SECRET, reply

NONE_KNOWN = Redactor()


@pytest.mark.parametrize(
    "wrap",
    [
        str, quote, quote_plus, lambda s: quote(s, safe="").lower().replace("zq", "Zq"),
        lambda s: json.dumps({"note": s}), lambda s: json.dumps({"note": s}).replace("/", "\\/"),
        lambda s: base64.b64encode(s.encode()).decode(), lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
        lambda s: base64.b64encode(f"ab:{s}:tail".encode()).decode(),
        lambda s: base64.urlsafe_b64encode(f"a{s}".encode()).decode(), lambda s: f"plain words {s} and more",
    ],
)  # fmt: skip
def test_a_value_we_hold_is_found_in_whatever_form(wrap):
    shown = Redactor([SECRET]).text(wrap(SECRET))

    assert "[redacted]" in shown
    for piece in (SECRET, SECRET[:8], "secret+value", "secret%2"):
        assert piece not in shown


@given(st.text(min_size=8, max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_any_known_value_is_gone_from_any_json(secret, before, after):
    body = json.dumps({"note": before + secret + after}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    shown, _ = Redactor([secret]).body(body)

    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in shown.replace("[redacted]", "\x01")


LONG_TEXTS = st.lists(
    st.sampled_from([
        SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), '{"access_token": "abc", "id": 1}',
        "a=1&client_secret=ab%20c&b=2", "got Bearer abc.def-123 back", "key sk_live_abcdef123, whsec_abcdef123, x",
        "https://user:pass@host/x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1 ", "pit-12345678-ab", "xoxb-123-abc ",
        '{"card": {"number": "4242", "x": ["}"]}}',
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
        'Authorization: Basic abcdefgh def\n', '{"code": "abcdefgh12345"}', "code_verifier=abc&", "xapp-1-abcdefg ",
        '{"cvv": "123", "pwd": "a", "signature": "b", "cookie": "c", "cvc": 1}',
        "\u043a\u043b\u044e\u0447 \u2126", "\ud800",
    ])
    | st.integers(1, 3000).map("Ana \u00e9 ".__mul__)
    | st.text(max_size=40),
    max_size=25,
)  # fmt: skip


@given(LONG_TEXTS, st.integers(0, 4096))
def test_looking_only_where_a_word_is_finds_what_looking_everywhere_finds(pieces, shift):
    body = (" " * shift + "".join(pieces)).encode("utf-8", "surrogatepass")
    quick, thorough = Redactor([SECRET]), Redactor([SECRET])
    thorough._question = None

    assert quick.body(body) == thorough.body(body)


def test_the_longest_value_goes_first():
    assert Redactor(["secret-1", "secret-1-and-more"]).text("secret-1-and-more") == "[redacted]"


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ('{"access_token": "abc", "id": 1}', '{"access_token": "[redacted]", "id": 1}'),
        ('{"accessToken":"a\\"b","id":1}', '{"accessToken":"[redacted]","id":1}'),
        ('{"password": 12345, "token": null}', '{"password": "[redacted]", "token": null}'),
        ('{"card": {"number": "4242", "x": ["}"]}, "id": 1}', '{"card": "[redacted]", "id": 1}'),
        (
            '{"body": "{\\"api_key\\": \\"xyz\\", \\"a\\": 1}"}',
            '{"body": "{\\"api_key\\": \\"[redacted]\\", \\"a\\": 1}"}',
        ),
        ("a=1&client_secret=ab%20c&b=2", "a=1&client_secret=[redacted]&b=2"),
        ("to=https%3A%2F%2Fx%3Ftoken%3Dabc%26b%3D1", "to=https%3A%2F%2Fx%3Ftoken%3D[redacted]%26b%3D1"),
        ("{'refresh_token': 'abc'}", "{'refresh_token': '[redacted]'}"),
        ("<Token>abc</Token>", "<Token>[redacted]</Token>"),
        ("Authorization: Basic abc def", "Authorization: [redacted]"),
        ("X-Api-Key: abc123def", "X-Api-Key: [redacted]"),
        ("got Bearer abc.def-123 back", "got Bearer [redacted] back"),
        ("https://user:pass@host/x", "https://[redacted]@host/x"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1 end", "[redacted] end"),
        ("key sk_live_abcdef123, pit-12345678-ab, xoxb-123-abc", "key [redacted], [redacted], [redacted]"),
        ("whsec_02fguIrMVY+/ab== and ic_" + "0af9" * 16 + ".", "[redacted] and [redacted]."),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY----- x", "[redacted] x"),
        ('{"code": "abcdefgh12345"}', '{"code": "[redacted]"}'),
        ("code=abcdefgh12345&state=x", "code=[redacted]&state=x"),
    ],
)
def test_secrets_are_known_by_their_name_and_by_their_shape(given_text, shown):
    assert NONE_KNOWN.text(given_text) == shown


@pytest.mark.parametrize(
    "text",
    [
        '{"code": "USD", "code": 4003, "zip_code": "123456789", "author": "Ada", "keyboard": "qwerty"}',
        "https://app.clio.com/api/v4/matters.json?page_token=BAh7BjoLbGltaXRp&limit=200",
        '{"nextPageToken": "abc", "SyncToken": "2", "token_type": "bearer", "expires_in": 3}',
        '{"message":"Invalid token: access token is invalid"}',
        '{"description": "Signature of the client", "key_dates": [1], "primary_key": 5, "task": "Bring card"}',
        '{"email": "ada@example.com", "url": "https://example.com/@ada"}',
        'Bearer realm="x", error="invalid_token"',
    ],
)
def test_what_is_no_secret_stays_readable(text):
    assert NONE_KNOWN.text(text) == text


def test_a_body_is_cut_and_a_secret_across_the_cut_shows_no_half():
    for start in range(KEPT_BYTES - 24, KEPT_BYTES, 5):
        text, cut = Redactor([SECRET]).body(b"x" * start + SECRET.encode() + b"y" * 100)
        assert cut
        assert "canary"[:3] not in text
        named, _ = NONE_KNOWN.body(b" " * (start - 20) + b'{"refresh_token": "' + b"canary" * 2000 + b'"}')
        assert "canary" not in named
        assert len(named) <= KEPT_BYTES + 20


def test_what_postgresql_cannot_store_is_replaced():
    text, _ = NONE_KNOWN.body(b'{"a": "' + b"x" * 2000 + b'\x00\xff\xed\xa0\x80"}')

    assert "\x00" not in text
    text.encode()


@pytest.mark.parametrize("sign", [b"\x00", "\u00e9".encode()])
def test_a_long_body_is_kept_alike_with_and_without_a_strange_sign(sign):
    plain = b'{"note": "' + b"lease in Long Street, " * 4000 + b'"}'
    strange = plain[:2000] + sign + plain[2000 + len(sign) :]
    instead = sign.decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")

    assert NONE_KNOWN.body(plain) == (plain[:KEPT_BYTES].decode(), True)
    kept = plain[:2000].decode() + instead + plain[2000 + len(sign) : KEPT_BYTES].decode()
    assert NONE_KNOWN.body(strange) == (kept, True)


@given(st.integers(0, 4_000), st.integers(60, 4_000))
def test_a_long_token_is_hidden_wherever_it_lies_in_a_long_body(place, length):
    """Its first characters tell that it is there; it is gone to its last."""
    token = "Zq9" + "".join(f"{number:x}" for number in range(length))
    shown, _ = Redactor([token]).body(b"x" * (KEPT_BYTES - place) + token.encode() + b"y" * KEPT_BYTES)

    assert "[redacted]" in shown or not place
    assert token[:6] not in shown
    assert token[-6:] not in shown


def test_bytes_that_are_no_text_are_not_kept():
    assert NONE_KNOWN.body(b"\x89PNG\x00\x00", "image/png") == ("(6 bytes that are not text)", False)


def test_headers_are_kept_by_an_allow_list():
    kept = NONE_KNOWN.headers(
        {
            "Authorization": "x",
            "Set-Cookie": "y",
            "X-Strange": "z",
            "X-RateLimit-Limit": "50",
            "Content-Type": "text/plain",
        }
    )
    assert kept == {"X-RateLimit-Limit": "50", "Content-Type": "text/plain"}


def test_no_canary_reaches_the_record_from_any_place(server, upstream, attempts):
    """Request and answer, addresses, headers, error texts: every attempt, also the failed ones."""
    leak = f'{{"message": "no such key {SECRET}", "token": "{SECRET}", "echo": "{quote(SECRET, safe="")}"}}'.encode()
    server.says(reply(500, leak, X_Request_Id=SECRET, Location=f"https://x/?key={SECRET}"), reply(401, leak))

    calls = upstream(explain=lambda answer: (answer.data["message"], SECRET, None))
    with pytest.raises(NeedsPerson) as failure:
        calls.send(
            Call(
                "POST", f"/find/{quote(SECRET, safe='')}", {"q": SECRET, "api_key": "k"}, json={"q": SECRET}, safe=True
            )
        )

    everything = repr(attempts) + str(failure.value) + failure.value.raw + failure.value.code
    assert len(attempts) == 2
    assert "canary" not in everything
    assert attempts[0].error
    assert attempts[0].response_body.count("[redacted]") == 3
    assert "Authorization" not in attempts[0].request_headers


def test_a_failed_network_is_recorded_too(server, upstream, attempts):
    server.says(lambda connection: connection.close())
    with pytest.raises(Exception, match="broke"):
        upstream(attempts=2).send(Call("GET", "/x", template="/x", resource="things"))

    assert [(each.status, each.outcome, each.resource) for each in attempts] == [(None, "retry", "things")] * len(
        attempts
    )
    assert [each.attempt for each in attempts] == [1, 2]
