"""Settings are in the README, errors say what they mean, examples are true, and nothing is called utils."""

import doctest
import re
import subprocess
from importlib import import_module
from importlib.metadata import packages_distributions

import config
from integration_console import errors

from .imports import HOME, imports, modules, room

TOP = {
    "integration_console", "templates", "static", "migrations", "tests", "backups", "docs", "wsgi.py", "config.py",
    "requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml", "package.json",
    "package-lock.json", "Makefile", "README.md", "CHANGELOG.md", ".env.example", ".gitignore", ".ci", "LICENSE",
    "Dockerfile", "compose.yaml", ".dockerignore",
}  # fmt: skip
NO_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


# Run by name or found by name, never imported; the last four the house was asked to stand on.
UNSEEN = {"gunicorn", "psycopg2-binary", "waitress", "tzdata", "jinja2", "pytest", "requests", "requests-oauthlib"}


def kept_files() -> list[str]:
    """Every file that belongs to the project, committed or about to be."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(asked, cwd=HOME, capture_output=True, text=True, check=True).stdout.splitlines()


def test_every_setting_is_in_the_readmes_table():
    rows = [line for line in (HOME / "README.md").read_text().splitlines() if line.startswith("|")]
    told = set(re.findall(r"`([A-Z<>_]+)[^`]*`", "\n".join(rows)))
    wanted = {*config.Settings.model_fields, *(f"<SERVICE>_{name}" for name in config.SERVICE_SETTINGS)}

    assert not wanted - told, f"the README's table does not name {sorted(wanted - told)}"


def test_every_setting_is_in_the_example_and_its_defaults_are_the_ones_in_force(tmp_path):
    lines = (HOME / ".env.example").read_text().splitlines()
    told = dict(line.removeprefix("# ").partition("#")[0].strip().split("=", 1) for line in lines if "=" in line)
    wanted = {*config.Settings.model_fields}
    services = {name.partition("_")[2] for name in told if name.startswith(("CLIO_", "GHL_", "CLOCKIFY_", "XERO_"))}

    assert not wanted - told.keys()
    assert set(config.SERVICE_SETTINGS) == services
    for name in wanted - {
        "APP_ENV",
        "SECRET_KEY",
        "ENCRYPTION_KEYS",
        "BASE_URL",
        "DATABASE_URL",
        "INSTANCE_DIR",
        "BACKUP_DIR",
    }:
        default = config.Settings.model_fields[name].default
        assert config.load(INSTANCE_DIR=tmp_path, **{name: told[name]}).model_dump()[name] == default, name


def test_every_library_we_stand_on_is_used():
    lines = [line for line in (HOME / "requirements.txt").read_text().splitlines() if "==" in line]
    named = {re.split(r"[=\[]", line)[0].lower() for line in lines}
    used = {name.partition(".")[0] for module in modules() for name in imports(module)}
    for beside in (HOME / "config.py", HOME / "migrations/env.py"):
        used |= set(re.findall(r"^from (\w+)", beside.read_text(), re.M))
    installed = packages_distributions()  # once: it reads the list of files of every library there is
    libraries = {one.lower().replace("_", "-") for name in used for one in installed.get(name, ())}

    assert not named - libraries - UNSEEN


def test_every_error_says_what_it_means_to_a_person():
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.ConsoleError):
            said = vars(error).get("__doc__") or ""
            assert said.strip().splitlines()[0].endswith("."), f"{error.__name__} has no sentence for a person"


def test_every_error_is_in_the_tree_at_the_top_of_its_file():
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.ConsoleError):
            assert re.search(rf"\b{name}\b", errors.__doc__ or ""), f"{name} is not in the tree"


def test_no_file_is_called_by_what_it_is_not():
    found = {file for file in kept_files() if NO_NAMES & {part.partition(".")[0].lower() for part in file.split("/")}}

    assert not {file for file in found if not file.startswith("static/vendor/")}


def test_the_top_level_holds_what_it_should_and_nothing_else():
    assert {file.partition("/")[0] for file in kept_files()} <= TOP


def test_every_example_in_a_docstring_is_true():
    tried = 0
    for module in modules():
        if room(module) != "sandbox" and not module.endswith("__main__"):
            here = import_module(module)
            if ">>>" in modules()[module].read_text():  # looking through the others takes seconds
                assert doctest.testmod(here).failed == 0, module
                tried += 1

    assert tried > 40


def test_every_module_says_what_it_is_for():
    assert not [module for module, file in modules().items() if not file.read_text().lstrip().startswith('"""')]
