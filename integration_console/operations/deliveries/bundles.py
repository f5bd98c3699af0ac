"""Which deliveries one run reads together: events of one record cost one read, and a run stays short (H5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ... import services
from ...models import Connection, db
from ...services.base import Service
from ...storage import records

RECORDS_A_RUN = 50  # so that a read that was asked for never waits long behind us


@dataclass
class Bundle:
    """What one run is to read, and the deliveries it settles."""

    records: dict[str, list[str]] = field(default_factory=dict)  # resource -> external ids
    owners: dict[str, dict[str, str]] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    homeless: list[int] = field(default_factory=list)  # cannot be read by themselves
    checks: list[int] = field(default_factory=list)  # tell that our access was taken away
    missed: list[int] = field(default_factory=list)  # tell that others were not sent
    size: int = 0


def bundled(connection: Connection, rows: Iterable, busy: set[str]) -> Bundle:
    """Several events of one record cost one read. What failed before is read alone, so that it spoils no other's."""
    service, bundle = services.by_key(connection.service), Bundle()
    known: set[tuple[str, str]] = set()
    held_back = service.webhook.held_back if service.webhook else ()
    for number, named, tries, kind in rows:
        if not named:
            (bundle.missed if kind in held_back else bundle.checks).append(number)
            continue
        wanted = [one for one in named if (one[0], one[1]) not in known]
        if {one[0] for one in named} & busy or (tries and bundle.ids and wanted):
            continue
        if any(_is_homeless(service, connection, *one) for one in wanted):
            bundle.homeless.append(number)
            continue
        if wanted and bundle.size + len(wanted) > RECORDS_A_RUN and bundle.ids:
            continue
        for resource, external_id, owner in wanted:
            known.add((resource, external_id))
            bundle.records.setdefault(resource, []).append(external_id)
            if owner:
                bundle.owners.setdefault(resource, {})[external_id] = owner
        bundle.size += len(wanted)
        bundle.ids.append(number)
        if tries:
            break
    return bundle


def _is_homeless(service: Service, connection: Connection, resource: str, external_id: str, owner: str | None) -> bool:
    """Whether its address names what it is listed under, and nobody knows that."""
    declared = service.resources[resource]
    if owner or "{owner}" not in (declared.one if declared.one is not None else declared.path):
        return False
    found = records.find(db.session(), connection.id, resource, external_id)
    return found is None or not found.owner_id
