"""Finds every service file here. `by_key("clio")` is the whole interface, `every()` lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..errors import InvalidInput
from .base import Resource, Service


class _Services(Mapping[str, Service]):
    """One is loaded when it is asked for, all of them to be listed: a worker carries those it has accounts at."""

    def __init__(self) -> None:
        self._files = frozenset(file.name for file in iter_modules(__path__))

    def __getitem__(self, key: str) -> Service:
        service = getattr(import_module(f"{__name__}.{key}"), "SERVICE", None) if key in self._files else None
        if service is None:
            raise KeyError(key)
        return service

    def __iter__(self) -> Iterator[str]:
        found = [service for file in self._files if (service := self.get(file))]
        return (service.key for service in sorted(found, key=lambda service: service.label))

    def __len__(self) -> int:
        return len(list(iter(self)))


@cache
def every() -> Mapping[str, Service]:
    """All services by key, in the order of their labels."""
    return _Services()


def by_key(key: str) -> Service:
    """The service of that name.

    Raises InvalidInput naming the ones there are.
    """
    if (service := every().get(key)) is None:
        raise InvalidInput(f"There is no service {key!r}. There are: {', '.join(every())}.", field="service")
    return service


def resource_of(service: Service, key: str) -> Resource:
    """The resource of that name.

    Raises InvalidInput naming the ones there are.
    """
    if key not in service.resources:
        raise InvalidInput(
            f"{service.label} has no resource {key!r}. There are: {', '.join(service.resources)}.", field="resource"
        )
    return service.resources[key]
