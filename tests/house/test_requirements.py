"""What we stand on is pinned to the last package, and what we answer shows nothing of it (X16)."""

import subprocess
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .imports import HOME


def pinned(*files: str) -> dict[str, Requirement]:
    lines = [line.split("#")[0].strip() for file in files for line in (HOME / file).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    return {canonicalize_name(one.name): one for one in found}


def closure(wanted: list[Requirement]) -> set[str]:
    """Every package that installing these brings on this machine."""
    found, left = set(), [(one, extra) for one in wanted for extra in ("", *one.extras)]
    while left:
        one, extra = left.pop()
        name = canonicalize_name(one.name)
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                left += [(needed, inner) for inner in ("", *needed.extras)]
    return {name for name, _ in found}


def test_what_is_pinned_is_what_is_asked_about_for_known_weaknesses():
    """X16: all of it, as it stands there, and nothing that an installer would choose today."""
    told = {"cwd": HOME, "capture_output": True, "text": True, "check": True, "timeout": 60}
    asked = subprocess.run(["make", "--dry-run", "--always-make", "audit"], **told)
    (line,) = [one for one in asked.stdout.replace("\\\n", " ").splitlines() if "/pip-audit " in one]

    assert {"requirements.txt", "constraints.txt"} <= set(line.split())
    assert {"--disable-pip", "--no-deps"} <= set(line.split())


def test_every_package_that_is_installed_for_us_is_pinned():
    ours = pinned("requirements.txt")
    all_of_them = pinned("requirements.txt", "constraints.txt")

    assert {str(one) for one in all_of_them.values() if [each.operator for each in one.specifier] != ["=="]} == set()
    assert closure(list(ours.values())) - set(all_of_them) == set()


@pytest.mark.one_database
def test_a_request_is_not_echoed_no_folder_listed_and_no_version_told(app, client):
    app.config["TESTING"] = False
    assert not app.debug
    for path in ("/", "/sign-in", "/api/integrations", "/static/css/console.css", "/healthz"):
        answer = client.open(path, method="TRACE", headers={"X-Canary": "canary-7"})
        assert (answer.status_code, b"canary-7" in answer.data) == (405, False), path
    for folder in ("/static/", "/static/css/", "/static/vendor/", "/icons/"):
        assert client.get(folder).status_code == 404, folder
    for path in ("/sign-in", "/nothing", "/api/integrations", "/metrics"):
        told = str(client.get(path).headers).lower()
        assert not any(name in told for name in ("werkzeug", "flask", "python", "x-powered-by")), path
