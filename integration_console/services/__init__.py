"""Finds every service file here. `by_key("clio")` is the whole interface, `every()` lists them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..errors import InvalidInput
from .base import Resource, Service


@cache
def every() -> dict[str, Service]:
    """All services by key, in the order of their labels."""
    found = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__)]
    services = [module.SERVICE for module in found if hasattr(module, "SERVICE")]
    return {service.key: service for service in sorted(services, key=lambda s: s.label)}


def by_key(key: str) -> Service:
    """The service of that name.

    Raises InvalidInput naming the ones there are.
    """
    if key not in every():
        raise InvalidInput(f"There is no service {key!r}. There are: {', '.join(every())}.", field="service")
    return every()[key]


def resource_of(service: Service, key: str) -> Resource:
    """The resource of that name.

    Raises InvalidInput naming the ones there are.
    """
    if key not in service.resources:
        raise InvalidInput(
            f"{service.label} has no resource {key!r}. There are: {', '.join(service.resources)}.", field="resource"
        )
    return service.resources[key]
