"""The scopes the sandbox's HighLevel demands, and those we name for our calls, against the published documents."""

import pytest

from integration_console.sandbox import Sandbox
from integration_console.sandbox.ghl.scopes import scope_for
from integration_console.services.base import Call
from integration_console.services.ghl.scopes import scope_of

from .documents import document

APPS = ("contacts", "opportunities", "users", "locations", "calendars")
SEARCHES = ("/contacts/search", "/opportunities/search", "/locations/{}/tasks/search")


@pytest.fixture(scope="module")
def served():
    with Sandbox() as sandbox:
        yield [(method, pattern) for method, pattern, function in sandbox.ghl._routes]


@pytest.mark.parametrize("app", APPS)
def test_every_call_takes_the_scope_its_document_says(app, served):
    compared = 0
    for path, operations in document(f"ghl/apps/{app}.json").paths.items():
        for method, operation in operations.items():
            scopes = {scope for way in operation.get("security", ()) for each in way.values() for scope in each}
            plain = path.replace("{}", "x")
            if not scopes or not any(m == method.upper() and p.fullmatch(plain) for m, p in served):
                continue
            assert {scope_for(method.upper(), plain)} == scopes, f"{method} {path}"
            if not plain.endswith("tasks/search"):  # not called by us
                call = Call(method.upper(), plain, safe=path in SEARCHES or None)
                assert {scope_of(call)} == scopes, f"{method} {path}"
            compared += 1
    assert compared
