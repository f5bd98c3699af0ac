"""What the firm set on the settings pages. A value nobody set is the one of the environment."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, g, has_app_context
from sqlalchemy import select

from .. import clock
from ..errors import InvalidInput
from ..models import Setting, db
from . import audit

RETENTION = {
    "transactions": "API calls",
    "bodies": "Request and response bodies",
    "runs": "Runs",
    "errors": "Errors",
    "deliveries": "Webhook deliveries",
    "corrections": "Practice area answers",
}
LONGEST_DAYS = 3650
_FIRM = ("name", "time_zone", "jurisdiction", "second_factor", "redirect_uris")
NAMES = (*(f"firm.{name}" for name in _FIRM), *(f"retention.{table}" for table in RETENTION))


def get(name: str) -> str:
    """A setting as text: "firm.name", "firm.jurisdiction", "retention.runs" (days). Read once a request."""
    return _all().get(name) or _default(name)


def days_kept(table: str) -> int:
    """How many days rows of a table are kept."""
    return int(get(f"retention.{table}"))


def save(values: dict[str, str], *, actor: str) -> list[str]:
    """Set several settings at once; an empty value goes back to the default. Returns the names that changed.

    Raises InvalidInput naming the field that cannot be used; then nothing is saved.
    """
    wanted = {name: check(name, value) for name, value in values.items()}
    before = {name: get(name) for name in wanted}
    changed = [name for name, value in wanted.items() if _put(name, value, actor)]
    if changed:
        audit.add("settings changed", ", ".join(changed), actor=actor,
                  **audit.changes(before, {name: wanted[name] or _default(name) for name in changed}))  # fmt: skip
    db.session.commit()
    g.pop("firm_settings", None)
    return changed


def check(name: str, value: str) -> str:
    """The value cleaned, or InvalidInput."""
    value = value.strip()
    if name not in NAMES:
        raise InvalidInput("There is no such setting.", field=name)
    if name == "firm.time_zone" and value and value not in clock.zones():
        raise InvalidInput("Choose a time zone of the list, such as Europe/Berlin.", field=name)
    if name == "firm.name" and (len(value) > 200 or not value.isprintable()):
        raise InvalidInput("The name may have at most 200 characters, and none that cannot be seen.", field=name)
    if name == "firm.second_factor" and value not in ("", "admins", "everyone"):
        raise InvalidInput("Choose nobody, administrators or everyone.", field=name)
    if name == "firm.jurisdiction" and (len(value) > 100 or not value.isprintable()):
        raise InvalidInput("The jurisdiction may have at most 100 characters.", field=name)
    if name == "firm.redirect_uris":
        return _addresses(value)
    if name.startswith("retention.") and value and not _is_days(value):
        raise InvalidInput(f"Enter whole days from 1 to {LONGEST_DAYS:,}.", field=name)
    return value


def _addresses(value: str) -> str:
    """Whole addresses, one a line, compared character for character when a program names one."""
    plain = () if current_app.config["SETTINGS"].APP_ENV == "production" else ("http",)
    found = value.replace(",", " ").split()
    for address in found:
        try:
            parts = urlsplit(address)
            fine = parts.scheme in ("https", *plain) and parts.hostname and not parts.username and (parts.port or 1)
        except ValueError:
            fine = False
        if not fine or "#" in address or not address.isprintable() or len(address) > 1000:
            raise InvalidInput(
                f"{address[:100]} cannot be used: enter whole https addresses without a name, password or #.",
                field="firm.redirect_uris",
            )
    return "\n".join(dict.fromkeys(found))


def _is_days(value: str) -> bool:
    return value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= LONGEST_DAYS


def _default(name: str) -> str:
    if name == "firm.time_zone":
        return "UTC"
    if name == "firm.redirect_uris":
        return current_app.config["SETTINGS"].API_REDIRECT_URIS
    if name.startswith("retention."):
        kind = name.removeprefix("retention.").upper()
        return str(getattr(current_app.config["SETTINGS"], f"RETENTION_{kind}_DAYS"))
    return ""


def _all() -> dict[str, str]:
    if not has_app_context():
        return {}
    if "firm_settings" not in g:
        g.firm_settings = {row.name: row.value for row in db.session.connection().execute(_EVERY)}
    return g.firm_settings


_EVERY = select(Setting.name, Setting.value)


def remember(every: dict[str, str]) -> None:
    """All there are, by name, where they were read with something else in this request."""
    g.firm_settings = every


def _put(name: str, value: str, actor: str) -> bool:
    """Write one value; whether that changed anything."""
    row = db.session.get(Setting, name)
    if (row.value if row else "") == value:
        return False
    if row is None:
        row = Setting(name=name)
        db.session.add(row)
    row.value, row.updated_by, row.updated_at = value, actor, clock.now()
    return True
