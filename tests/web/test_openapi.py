"""The OpenAPI document: true to what is served, complete, and every example of the page works as a shell command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration_console.operations import quotas
from integration_console.web.access import ANYONE

from .serving import served, token_of

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
