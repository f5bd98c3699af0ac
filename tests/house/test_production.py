"""The README, the production page, the Dockerfile and the compose file speak of what is there."""

import re

import yaml
from click import Group

from .imports import HOME

DOCUMENT = (HOME / "docs" / "production.md").read_text()
DOCKERFILE = (HOME / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((HOME / "compose.yaml").read_text())


def commands(group: Group, prefix: str = "") -> set[str]:
    found = set()
    for name, command in group.commands.items():
        found |= commands(command, f"{prefix}{name} ") if isinstance(command, Group) else {prefix + name}
    return found


def test_every_command_it_tells_is_one_of_ours(sqlite_app):
    ours = commands(sqlite_app.cli)
    told = set(re.findall(r"\bflask ((?:[a-z]+ )?[a-z]+)", DOCUMENT + DOCKERFILE))
    told |= {words.removeprefix("flask ") for one in COMPOSE["services"].values() if (words := one.get("command"))}
    unknown = {words for words in told if words not in ours and words.split()[0] not in ours}
    assert "db upgrade" in told
    assert not unknown


def test_the_readme_tells_every_command(sqlite_app):
    """A row is a group: `flask users add EMAIL` · `users list`, or only `list`."""
    rows = [line for line in (HOME / "README.md").read_text().splitlines() if line.startswith("| `flask ")]
    told = {(row.split()[2].strip("`"), word) for row in rows for word in re.findall(r"[\w-]+", row)}
    ours = {tuple(name.split()) for name in commands(sqlite_app.cli) if not name.startswith("db ")}

    assert not {name for name in ours if (name[0], name[-1]) not in told}


def test_the_image_holds_every_part_that_runs():
    copied = {name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M) for name in line.split()}
    assert {"integration_console", "templates", "static", "migrations", "wsgi.py", "config.py"} <= copied
    assert all((HOME / name).exists() for name in copied)


def test_compose_migrates_before_anything_starts_and_wakes_its_workers_by_the_queue():
    services = COMPOSE["services"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["environment"]["ENGINE"] == "procrastinate"
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_what_has_to_wait_for_its_database_is_started_again_for_as_long_as_that_takes():
    """systemd gives a unit up after five ends within ten seconds, and each of ours may end within two (D8)."""
    units = re.findall(r"```ini\n(\[Unit\].+?)```", DOCUMENT, re.DOTALL)
    assert len(units) == 2
    for unit in units:
        first, service = unit.split("[Service]")
        assert "StartLimitIntervalSec=0\n" in first
        assert "Restart=always\nRestartSec=2\n" in service
