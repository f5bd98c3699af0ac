"""Mappings between accounts at the sandbox, and the people who edit on both sides of them."""

from dataclasses import dataclass

from sqlalchemy import select

from integration_console import clock
from integration_console.models import Change, DataMapping, FieldMapping, MappingVersion, RecordLink, db
from integration_console.operations.runs import pushes

from .conftest import carry_out, connect, sync


@dataclass(frozen=True)
class Carried:
    """What came of one run."""

    id: int
    state: str
    message: str
    new: int
    changed: int
    deleted: int
    refused: int
    conflicts: int
    ambiguous: int


CONTACTS = (
    ("firstName", "first_name", "both", "copy", {}),
    ("lastName", "last_name", "both", "copy", {}),
    ("email", "email", "both", "email", {}),
    ("phone", "phone", "both", "phone", {}),
    ("city", "address.city", "both", "copy", {}),
    ("firstName,lastName,companyName", "type", "to_right", "person_or_company", {"only_create": True}),
)
KEYS = ({"by": "email", "left": "email", "right": "email"}, {"by": "phone", "left": "phone", "right": "phone"})


def small_pair(sandbox, most: int) -> tuple[int, int]:
    """A location and a firm with a few contacts each, read once."""
    keep_only(sandbox.ghl, "contacts", most)
    keep_only(sandbox.clio, "contacts", most)
    keep_only(sandbox.clio, "matters", 1)
    left, right = connect(sandbox, "ghl"), connect(sandbox, "clio")
    for connection in (left, right):
        sync(connection, kind="full", only=["contacts", "custom_fields"])
    return left, right


def make_mapping(
    left: int, right: int, lines=CONTACTS, *, kinds=("contacts", "contacts"), keys=KEYS, rule="ask", direction="both",
    filters=(), **options,
) -> int:  # fmt: skip
    """An active mapping with one version; its number."""
    now = clock.now()
    fields = [
        FieldMapping(position=n, left=one, right=other, direction=way, transform=name, options=more)
        for n, (one, other, way, name, more) in enumerate(lines)
    ]
    version = MappingVersion(
        number=1, state="active", direction=direction, rule=rule, keys=list(keys), filters=list(filters),
        options={"creates_right": True, "creates_left": True, **options}, changed_at=now, fields=fields,
    )  # fmt: skip
    mapping = DataMapping(
        name="Contacts", left_connection_id=left, left_resource=kinds[0], right_connection_id=right,
        right_resource=kinds[1], state="active", active_version=1, created_at=now, updated_at=now, versions=[version],
    )  # fmt: skip
    db.session.add(mapping)
    db.session.commit()
    return mapping.id


def make_agreed(left: int, right: int) -> int:
    """A mapping of contacts, both ways, carried once: every pair agrees; its number."""
    number = make_mapping(left, right)
    run = push(number)
    assert run.state == "done", run.message
    return number


def push(mapping: int, **options) -> Carried:
    """Carry a mapping once."""
    run = carry_out(pushes.request(db.session.get_one(DataMapping, mapping), **options))
    (part,) = run.parts
    told = Carried(
        run.id, run.state, run.message, part.new, part.changed, part.deleted, part.refused, part.conflicts,
        part.ambiguous,
    )  # fmt: skip
    db.session.rollback()
    return told


def read(connections) -> None:
    """Read both sides' changes."""
    for connection in connections:
        sync(connection, kind="incremental", only=["contacts"])


def cycle(mapping: int, connections, **options) -> Carried:
    """Read both sides, carry."""
    read(connections)
    return push(mapping, **options)


def pairs(mapping: int) -> list[tuple[str, int]]:
    """Upstream ids of the linked pairs, (GHL's, Clio's)."""
    rows = db.session.scalars(
        select(RecordLink).filter_by(mapping_id=mapping, state="linked").order_by(RecordLink.id)
    ).all()
    found = [(row.left_record.external_id, int(row.right_record.external_id)) for row in rows]
    db.session.rollback()
    return found


def of_ghl(upstream, number) -> dict:
    """What a GHL contact says, in the words both sides are compared by."""
    one = upstream.record("contacts", number)
    return {
        name: one.get(field) or None for name, field in (("first", "firstName"), ("last", "lastName"), ("city", "city"))
    }


def of_clio(upstream, number) -> dict:
    """The same of a Clio contact."""
    one = upstream.record("contacts", number)
    address = next((each for each in one["addresses"] if each.get("primary")), (one["addresses"] or [{}])[0])
    return {"first": one["first_name"] or None, "last": one["last_name"] or None, "city": address.get("city") or None}


def keep_only(upstream, resource: str, most: int) -> None:
    """Delete all but the first few records of a resource, as if the others had never been: nobody is told."""
    shelf = upstream.shelves[resource]
    told, shelf.told = shelf.told, lambda number, what: None
    for number in list(shelf.numbers())[most:]:
        shelf.delete(number)
    shelf.told = told


def writes(upstream, since: int = 0) -> list:
    """The calls that changed something."""
    return [
        one for one in list(upstream.requests)[since:]
        if one.method in ("POST", "PUT", "PATCH", "DELETE") and "search" not in one.path
    ]  # fmt: skip


def changes(**of) -> list[Change]:
    """The writes there are of these, the oldest first, as they stand now."""
    db.session.rollback()
    return list(db.session.scalars(select(Change).filter_by(**of).order_by(Change.id)))
