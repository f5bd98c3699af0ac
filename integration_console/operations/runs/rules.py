"""The firm's limits for reading and writing, from the settings."""

from __future__ import annotations

from flask import current_app

from ...sync.reading.plan import Rules


def rules() -> Rules:
    """As config.py has them now."""
    settings = current_app.config["SETTINGS"]
    return Rules(
        settings.OVERLAP_SECONDS, settings.REFERENCE_SECONDS, settings.OWNERS_AT_ONCE,
        settings.BRAKE_RECORDS, settings.BRAKE_PERCENT, settings.BRAKE_ALWAYS, settings.BRAKE_CREATES,
    )  # fmt: skip
