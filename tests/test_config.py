"""Settings no console could live with are refused at the start, in one line that names them (D8)."""

from __future__ import annotations

import pytest

import config
from integration_console import create_app


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TICK_SECONDS", "inf"), ("TICK_SECONDS", "0"), ("TICK_SECONDS", "nan"), ("LEASE_SECONDS", "1e300"),
        ("OVERLAP_SECONDS", "-1"), ("OVERLAP_SECONDS", "inf"), ("BACKUP_EVERY_HOURS", "inf"),
        ("RETENTION_RUNS_DAYS", "1000000000"), ("RETENTION_BACKUPS_WEEKS", "9999999"), ("SESSION_HOURS", "1e9"),
        ("SESSION_IDLE_MINUTES", "999999999999"), ("WORKER_SLOTS", "many"), ("MAX_ANSWER_MIB", "inf"),
    ],
)  # fmt: skip
def test_a_number_no_calendar_or_clock_reaches_is_refused(monkeypatch, name, value):
    """With a billion days nothing was ever removed, and an endless tick asked for nothing: neither was told."""
    monkeypatch.setenv(name, value)

    with pytest.raises(config.SettingsError, match=f"^{name}: [^\n]+$"):
        config.load(APP_ENV="test")


def test_limits_that_are_none_are_refused_before_a_page_needs_them(monkeypatch, tmp_path):
    monkeypatch.setenv("GHL_LIMITS", "many")

    with pytest.raises(config.SettingsError, match=r"^GHL_LIMITS: 'many' is no limit"):
        create_app(config.load(APP_ENV="test", INSTANCE_DIR=tmp_path))


def test_nobody_else_of_the_machine_reads_what_lies_in_the_instance_folder(tmp_path):
    """SQLite makes the database itself readable for all."""
    home = tmp_path / "instance"
    create_app(config.load(APP_ENV="test", INSTANCE_DIR=home))
    assert home.stat().st_mode & 0o077 == 0
