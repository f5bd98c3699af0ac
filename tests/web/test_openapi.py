"""The OpenAPI document: true to what is served, complete, and every example of the page works as a shell command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import pytest

from integration_console.models import Connection, Record, db
from integration_console.operations.api import quotas
from integration_console.web.access import ANYONE
from integration_console.web.api.api_models import EXAMPLE

from .serving import consent, served, token_of

SEED, EXAMPLES = 20261127, 10  # for each call: about a minute altogether
FUZZER = str(Path(sys.executable).with_name("schemathesis"))


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").get_json()


@pytest.mark.one_database
def test_it_is_openapi_3_1_and_names_every_route_of_the_api(app, document):
    assert document["openapi"].startswith("3.1.")
    there = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.endpoint != "api_docs.document"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert told == there
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


@pytest.mark.one_database
def test_every_reference_leads_somewhere(document):
    text = json.dumps(document)
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document["components"]["schemas"]


@pytest.mark.one_database
def test_it_tells_nothing_of_the_firm_so_anybody_may_have_it(app, client):
    assert app.view_functions["api_docs.document"].right == ANYONE
    assert client.get("/api/openapi.json").headers["Content-Type"] == "application/json"


@pytest.mark.one_database
def test_a_fuzzer_finds_nothing(app, own_firm, monkeypatch):
    """Every call with hundreds of requests, good and bad: no 5xx, and every answer as the document says.

    Whether an address, a key or a permission is accepted is decided outside the document, so a well-formed one may
    be refused: that one check is left out.
    """
    own_firm.connect("clio")
    own_firm.connect("clockify")
    for kind in quotas.PER_MINUTE:
        monkeypatch.setitem(quotas.PER_MINUTE, kind, 1_000_000)  # limits are another test's
    token = token_of(app, "admin")
    with served(app) as base:
        done = subprocess.run(
            [
                FUZZER, "run", f"{base}/api/openapi.json", "--url", base, "-H", f"Authorization: Bearer {token}",
                "--seed", str(SEED), "--max-examples", str(EXAMPLES),
                "--exclude-checks", "positive_data_acceptance", "--generation-database", "none", "--no-color",
            ],
            capture_output=True, text=True, timeout=280, check=False, cwd="/",
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    cases = int(re.search(r"([\d,]+) generated", done.stdout)[1].replace(",", ""))
    assert cases > 300, done.stdout[-2000:]


# -- the page ---------------------------------------------------------------------------------------------------------


@pytest.mark.one_database
def test_the_page_tells_of_every_call_and_needs_nothing_from_elsewhere(document, enter):
    for role in ("admin", "staff", "support"):
        somebody = enter(role)
        page = somebody.open("/docs/api")
        assert page.status == 200
        for path, methods in document["paths"].items():
            for method in methods:
                assert f"{method.upper()} {path}" in page.text
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", _raw(somebody))
    for word in (
        "connection.settings.webhookUrl", "sync.progress.etaSeconds", "integrations[].icon", "Idempotency-Key",
        "run.finished", "webhook-signature", "retryAfter", "needs_reconnect", "method_not_allowed",
    ):  # fmt: skip
        assert word in page.text


@pytest.mark.one_database
@pytest.mark.settings(API_REDIRECT_URIS="https://app.example.com/connected")
def test_every_example_of_the_page_works_in_a_shell(app, own_firm, enter):
    """Real curl, real HTTP: each example as it stands, in an order in which it makes sense."""
    own_firm.connect("clio")
    own_firm.read(1, "matters", "custom_fields", kind="full")
    shown = re.findall(r'<pre class="plain">(curl .*?)</pre>', _raw(enter("staff")), re.DOTALL)
    examples = {_call_of(text): unescape(text) for text in shown}
    assert len(examples) == sum(len(methods) for methods in _paths(app).values())
    with app.app_context():
        row = db.session.query(Connection).one()
        matter = db.session.query(Record).filter_by(resource="matters").first().id
        known = {"CONNECTION": f"conn_{row.key}"}
        db.session.rollback()
    known["TOKEN"] = token_of(app, "admin")
    with served(app) as base:
        place = {EXAMPLE: known["CONNECTION"], "/17": f"/{matter}"}
        shell = Shell({**os.environ, "BASE": base, **known}, examples, place)
        for call, wanted in ORDER:
            status, body = shell.run(call)
            assert status == wanted, (call, status, body)
            assert body["success"] is (wanted < 400)
            if call == ("GET", "/api/integrations/oauth/clio/authorize"):
                back = consent(body["authUrl"])
                shell.changes |= {"the-code": back["code"], "the-state": back["state"]}
    assert {call for call, _ in ORDER} == set(examples)


ONE, CONSENT = "/api/integrations/connections/$CONNECTION", "/api/integrations/oauth/clio"
ORDER = [
    (("GET", "/api/integrations"), 200), (("GET", "/api/integrations/connections"), 200), (("GET", ONE), 200),
    (("PATCH", ONE), 200), (("POST", f"{ONE}/sync"), 202), (("POST", f"{ONE}/sync"), 409),
    (("GET", f"{ONE}/sync"), 200), (("GET", f"{ONE}/records"), 200),
    (("POST", "/api/integrations/connections"), 201), (("GET", f"{CONSENT}/authorize"), 200),
    (("GET", f"{CONSENT}/callback"), 409), (("POST", f"{CONSENT}/refresh"), 200), (("GET", "/api/matters/17"), 200),
    (("PATCH", "/api/matters/17"), 200), (("DELETE", ONE), 200),
]  # fmt: skip


def _raw(browser) -> str:
    return browser.client.get("/docs/api").text


def _call_of(text: str) -> tuple[str, str]:
    method, path = re.match(r"curl -sS -X (\w+) \S*?\$BASE([^\s?&]*?)(?:\?|&#34;|&quot;|\")", text).groups()
    return method, path


def _paths(app) -> dict:
    return app.test_client().get("/api/openapi.json").get_json()["paths"]


@dataclass
class Shell:
    """Runs an example as a reader would, with what they would put in its place."""

    environment: dict[str, str]
    examples: dict[tuple[str, str], str]
    changes: dict[str, str]

    def run(self, call: tuple[str, str]) -> tuple[int, dict]:
        line = self.examples[call]
        for before, after in self.changes.items():
            line = line.replace(before, after)
        line = line.replace("curl -sS", "curl -sS -w '\n%{http_code}'", 1)
        done = subprocess.run(["sh", "-c", line], env=self.environment, capture_output=True, text=True, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)
