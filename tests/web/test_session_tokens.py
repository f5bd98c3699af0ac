"""Session tokens of the firm's own sign-in provider: checked against keys it serves, and never taken otherwise."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from integration_console.operations.people import session_tokens, users

from ..cases import together

PASSWORD = "violet-harbor-lantern-49"
ISSUER, OURS = "https://sign-in.example.com", "https://console.example.com"


class Provider:
    """A sign-in provider: its keys behind real HTTP, and the tokens it gives out."""

    def __init__(self) -> None:
        self.keys = {"rsa-1": rsa.generate_private_key(65537, 2048), "ec-1": ec.generate_private_key(ec.SECP256R1())}
        self.served, self.fetched, self.status = list(self.keys), 0, 200
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.fetched += 1
                body = json.dumps({"keys": [provider.public(name) for name in provider.served]}).encode()
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/.well-known/jwks.json"

    def public(self, name: str) -> dict:
        key = self.keys[name].public_key()
        kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
        return {**json.loads(kind.to_jwk(key)), "kid": name, "use": "sig"}

    def token(self, now: float, key: str = "rsa-1", algorithm: str = "", header: dict | None = None, **claims) -> str:
        usual = {"iss": ISSUER, "aud": OURS, "email": "ana@example.com", "sub": "user_1", "exp": now + 60, "nbf": now}
        told = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        algorithm = algorithm or ("RS256" if key.startswith("rsa") else "ES256")
        return jwt.encode(told, self.keys[key], algorithm, {"kid": key, **(header or {})})


@pytest.fixture
def provider():
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def app(app, provider):
    """With the provider set up, and Ana, who is of the staff."""
    settings = app.config["SETTINGS"]
    settings.API_JWKS_URL, settings.API_JWT_ISSUER, settings.API_JWT_AUDIENCE = provider.url, ISSUER, f"other, {OURS}"
    with app.app_context():
        users.add("first@example.com", "admin", PASSWORD, actor="test")
        users.add("ana@example.com", "staff", PASSWORD, actor="test")
    return app


@pytest.fixture
def ask(app, client, clock):
    """What a call with this token is answered."""

    def ask(token: str, path: str = "/api/integrations", method: str = "GET") -> int:
        body = {"json": {}} if method == "POST" else {}
        return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **body).status_code

    return ask


@pytest.fixture
def now(clock):
    return lambda: clock.now().timestamp()


@pytest.mark.parametrize("key", ["rsa-1", "ec-1"])
def test_a_persons_token_opens_what_their_role_opens(ask, provider, now, key):
    token = provider.token(now(), key)
    assert ask(token) == 200
    assert ask(token, "/api/integrations/connections", "POST") == 403  # of the staff


def test_a_new_role_and_a_disabled_account_count_at_once(app, ask, provider, now):
    token = provider.token(now(), email="  ANA@example.com ")
    with app.app_context():
        users.set_role(users.by_email("ana@example.com"), "admin", actor="test")
    assert ask(token, "/api/integrations/connections", "POST") == 400
    with app.app_context():
        users.disable(users.by_email("ana@example.com"), actor="test")
    assert ask(token) == 401


@pytest.mark.one_database
@together(
    "change",
    [
        {"iss": "https://evil.example.com"}, {"iss": None}, {"aud": "somebody else"}, {"aud": None},
        {"aud": "somebody else", "azp": OURS}, {"exp": None}, {"email": None}, {"email": "nobody@example.com"},
        {"email": ["ana@example.com"]}, {"email_verified": False}, {"email_verified": "false"}, {"exp": "soon"},
        {"header": {"kid": "unknown"}}, {"header": {"kid": "ec-1"}}, {"algorithm": "RS512"}, {"algorithm": "PS256"},
    ],
)  # fmt: skip
def test_a_token_that_is_not_quite_right_opens_nothing(ask, provider, now, change):
    assert ask(provider.token(now())) == 200
    try:
        token = provider.token(now(), **change)
    except TypeError:  # the library itself refuses to make such a token
        return
    assert ask(token) == 401


@pytest.mark.one_database
def test_forged_tokens_open_nothing(ask, provider, now):
    head, body, signature = provider.token(now()).split(".")
    public = provider.keys["rsa-1"].public_key()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": ISSUER, "aud": OURS, "email": "ana@example.com", "exp": now() + 60}
    plain = jwt.encode(claims, None, "none", {"kid": "rsa-1"})
    import hmac
    from base64 import urlsafe_b64encode as b64

    signed = (
        b64(json.dumps({"alg": "HS256", "kid": "rsa-1", "typ": "JWT"}).encode()).rstrip(b"=") + b"." + body.encode()
    )
    confused = (signed + b"." + b64(hmac.digest(pem, signed, "sha256")).rstrip(b"=")).decode()
    for token in (
        plain,
        confused,
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "a.b.c",
        "..",
        "x" * 9000,
    ):
        assert ask(token) == 401, token[:40]


@pytest.mark.one_database
def test_a_minutes_leeway_and_no_more(ask, provider, now):
    for change, status in (
        ({"exp": now() - 50}, 200), ({"exp": now() - 70}, 401), ({"nbf": now() + 50}, 200), ({"nbf": now() + 70}, 401),
    ):  # fmt: skip
        assert ask(provider.token(now(), **change)) == status, change


@pytest.mark.one_database
def test_without_an_audience_the_party_it_was_made_for_counts(ask, provider, now):
    assert ask(provider.token(now(), aud=None, azp=OURS)) == 200
    assert ask(provider.token(now(), aud=["x", OURS])) == 200
    assert ask(provider.token(now(), aud=None, azp="https://evil.example.com")) == 401


@pytest.mark.one_database
def test_keys_are_fetched_once_and_an_unknown_one_is_looked_for_once(ask, provider, now, clock):
    for _ in range(3):
        assert ask(provider.token(now())) == 200
    assert provider.fetched == 1
    provider.keys["rsa-2"] = rsa.generate_private_key(65537, 2048)
    clock.advance(session_tokens.AGAIN_S + 1)
    for _ in range(5):
        assert ask(provider.token(now(), "rsa-2")) == 401
    assert provider.fetched == 2
    provider.served.append("rsa-2")
    clock.advance(session_tokens.AGAIN_S + 1)
    assert ask(provider.token(now(), "rsa-2")) == 200
    assert provider.fetched == 3


@pytest.mark.one_database
def test_known_keys_outlive_a_provider_that_is_down_and_then_the_answer_is_to_come_back_later(
    ask, provider, now, clock
):
    assert ask(provider.token(now())) == 200
    provider.status = 500
    clock.advance(hours=2)
    assert ask(provider.token(now())) == 200
    clock.advance(hours=23)
    assert ask(provider.token(now())) == 503


@pytest.mark.one_database
def test_small_and_foreign_keys_are_not_taken():
    small = rsa.generate_private_key(65537, 1024).public_key()
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    jwks = [
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(small)), "kid": "1"},
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(other)), "kid": "2"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "3"}, {"kty": "RSA", "kid": "4"}, "x", None,
    ]  # fmt: skip
    assert session_tokens._usable({"keys": jwks}) == {}


@pytest.mark.one_database
def test_unset_means_off(app, ask, provider, now):
    app.config["SETTINGS"].API_JWKS_URL = ""
    assert ask(provider.token(now())) == 401
    assert provider.fetched == 0
