"""The data types of the Integrations API and the resources behind them, service by service."""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import InvalidInput
from ...services.base import Service

# The contract's names. A service that is not named here offers all its resources under their own.
NAMES: dict[str, tuple[str, ...]] = {
    "stripe": ("payments", "invoices", "customers", "subscriptions"),
    "slack": ("messages", "channels", "users"),
    "quickbooks": ("invoices", "expenses", "customers", "vendors"),
    "xero": ("invoices", "expenses", "contacts", "bank_transactions"),
    "ghl": ("contacts", "opportunities", "users", "notes", "tasks"),
    "clockify": ("time_entries", "projects", "clients", "users", "tags", "tasks"),
}
# A name that stands for more than the resource of the same name.
BEHIND: dict[tuple[str, str], tuple[str, ...]] = {("stripe", "payments"): ("payments", "charges")}


def names_of(service: Service) -> tuple[str, ...]:
    """The data types a service offers."""
    return tuple(name for name in NAMES.get(service.key, tuple(service.resources)) if _behind(service, name))


def resources_of(service: Service, names: Iterable[str]) -> list[str]:
    """The resources that these data types are read from.

    Raises InvalidInput naming the ones there are.
    """
    known, found = names_of(service), []
    for name in names:
        if name not in known:
            raise InvalidInput(
                f"{service.label} has no data type {name!r}. There are: {', '.join(known)}.", field="dataTypes"
            )
        found += _behind(service, name)
    return list(dict.fromkeys(found))


def names_for(service: Service, resources: Iterable[str]) -> list[str]:
    """The data types that these resources belong to; a resource without one is not told."""
    there = set(resources)
    return [name for name in names_of(service) if there & set(_behind(service, name))]


def _behind(service: Service, name: str) -> list[str]:
    return [key for key in BEHIND.get((service.key, name), (name,)) if key in service.resources]
