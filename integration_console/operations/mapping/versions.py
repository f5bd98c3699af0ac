"""A mapping's versions: the draft that may change, what each changed, and an old one brought back."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from ... import clock, services
from ...errors import ChangedMeanwhile, Conflict, Forbidden, InvalidInput, NotFound
from ...models import DataMapping, FieldMapping, MappingVersion, Record, db
from ...models.change import OPERATIONS
from ...services.writing import CUSTOM, Field
from ...sync import mapping as engine
from ...sync.mapping import Mapping, MappingDocument, Side
from .. import audit, limitation_fields

MAKER = "the console"  # who made a draft that nobody has touched yet
NEWS = timedelta(days=14)  # what an activation announced is made within so long, or is asked about
MOST_TOLD = 50  # sentences about one change that the audit log keeps


@dataclass(frozen=True)
class Past:
    """One version, and what it changed of the one before; nothing for the first."""

    version: MappingVersion
    changes: list[str]
    same_as: int | None  # the number of an older one that says the same, as after it was restored


def latest(mapping: DataMapping) -> MappingVersion:
    """The draft, else the version that was made last."""
    return mapping.versions[-1]


def draft_of(mapping: DataMapping) -> MappingVersion | None:
    """The version that may still change; none when the latest was switched on already."""
    return next((version for version in mapping.versions if version.state == "draft"), None)


def numbered(mapping: DataMapping, number: int | None) -> MappingVersion:
    """The version of that number; the latest when none is named. Raises NotFound."""
    if number is None:
        return latest(mapping)
    for version in mapping.versions:
        if version.number == number:
            return version
    raise NotFound(f"{mapping.name} has no version {number}.")


def document(mapping: DataMapping, number: int | None = None) -> MappingDocument:
    """A version as a document: the latest when none is named."""
    return engine.document_of(mapping, numbered(mapping, number))


def compare(mapping: DataMapping, wanted: MappingDocument) -> list[str]:
    """What a document would change of the latest version, in sentences."""
    return engine.diff(document(mapping), wanted, _words(mapping))


def _words(mapping: DataMapping) -> engine.Words:
    """Sides and fields by what its pages call them: people know no field `custom:13`.

    Where an account calls two fields alike, their names tell them apart, and where both sides are called alike, they
    are the left and the right one.
    """
    left, right = sides(mapping)
    known = {"left": _called(left), "right": _called(right)}

    def called(side: str, names: str) -> str:
        return ", ".join(known[side].get(name, name) for name in names.split(","))

    return engine.Words({"left": left.label, "right": right.label} if left.label != right.label else None, called)


def _called(side: Side) -> dict[str, str]:
    fields = fields_of(side)
    alike = Counter(one.label for one in fields)
    return {
        one.name: one.label if alike[one.label] == 1 else f"{one.label} {one.name.removeprefix(CUSTOM)}"
        for one in fields
    }


def in_words(mapping: DataMapping, text: str) -> str:
    """A text that was kept before their labels were known, with what the accounts call their own fields today."""
    words = _words(mapping)

    def word(found: re.Match[str]) -> str:
        named = {words.fields(side, found[0]) for side in ("left", "right")} - {found[0]}
        return named.pop() if len(named) == 1 else found[0]

    return re.sub(rf"{CUSTOM}[\w-]+", word, text)


def fields_of(side: Side) -> list[Field]:
    """What of this resource can be mapped today, the account's own fields among it."""
    query = select(Record.data).where(
        Record.connection_id == side.connection_id, Record.resource == "custom_fields", Record.deleted_at.is_(None)
    )
    custom = db.session.scalars(query.order_by(Record.id)).all()
    fields = services.by_key(side.service).writing.fields(side.resource, custom)
    dates = limitation_fields.targets() if custom and (side.service, side.resource) == limitation_fields.OF else ()
    return [dataclasses.replace(one, lasting=True) if one.name in dates else one for one in fields]


def in_engine(mapping: DataMapping, version: MappingVersion) -> Mapping:
    """A version as the engine uses it."""
    return engine.of(mapping, version, fields_of)


def history(mapping: DataMapping) -> list[Past]:
    """Every version with what it changed, the newest first."""
    documents = [engine.document_of(mapping, version) for version in mapping.versions]
    words = _words(mapping)
    changes = [[], *(engine.diff(old, new, words) for old, new in pairwise(documents))]
    same: list[int | None] = []
    for place, said in enumerate(documents):
        older = zip(mapping.versions[: max(0, place - 1)], documents, strict=False)
        same.append(next((version.number for version, old in older if old == said), None))
    return [Past(*one) for one in zip(mapping.versions, changes, same, strict=True)][::-1]


def told_by(preview: dict) -> dict[str, int]:
    """The writes a preview told of, by what they do: a pair both of whose sides change is two of them.

    What waits for another record is made in the same run, once that one is there.
    """
    sends = preview.get("sends", {}).values()
    told = {op: sum(side[op] for side in sends) for op in OPERATIONS}
    return told | {"create": told["create"] + preview.get("counts", {}).get("wait", 0)}


def announced(mapping: DataMapping, number: int) -> int:
    """How many records the preview of a version said it would make; 0 once that was too long ago to be meant."""
    version = numbered(mapping, number)
    is_news = version.activated_at is not None and version.activated_at > clock.now() - NEWS
    return told_by(version.preview)["create"] if is_news and version.preview else 0


def with_lines(versions: Iterable[MappingVersion]) -> set[int]:
    """Those of these versions that have a line, by number."""
    numbers = [version.id for version in versions]
    return set(db.session.scalars(_WITH_LINES, {"versions": numbers})) if numbers else set()


_WITH_LINES = select(FieldMapping.version_id).where(FieldMapping.version_id.in_(bindparam("versions", expanding=True)))


# -- changing ---------------------------------------------------------------------------------------------------------


def edit(mapping: DataMapping, *, by: str, seen_at: datetime | None = None, **parts: Any) -> MappingVersion:
    """Change parts of the draft: name, direction, rule, keys, filters, options, lines, note, as a document has them.

    When the latest version was switched on already, a new draft is made of it. Any change takes the draft's preview
    and approval back. seen_at: `changed_at` of the version the person was looking at.
    Raises InvalidInput naming the place, ChangedMeanwhile when somebody else changed it, Forbidden for trust money.
    """
    was = document(mapping)
    must_be_as_seen(mapping, seen_at)
    return _become(mapping, was.changed(**parts), by=by, action="changed")


def must_be_as_seen(mapping: DataMapping, seen_at: datetime | None) -> None:
    """Raise ChangedMeanwhile where the latest version is not the one a person was looking at; None: nobody was."""
    if seen_at is not None and latest(mapping).changed_at != seen_at:
        who = latest(mapping).changed_by
        raise ChangedMeanwhile(f"{who} changed {mapping.name} meanwhile. Look at it again first.")


def replace(mapping: DataMapping, wanted: MappingDocument, *, by: str, action: str = "imported") -> MappingVersion:
    """Make the draft what a document says; nothing happens when that is what it says already.

    The draft somebody had begun is put aside: it stays as a version, and can be restored.
    """
    return _become(mapping, wanted, by=by, action=action, aside=True)


def _become(
    mapping: DataMapping, wanted: MappingDocument, *, by: str, action: str, aside: bool = False
) -> MappingVersion:
    was = document(mapping)
    for side in ("left", "right"):
        if getattr(was, side) != getattr(wanted, side):
            end = getattr(was, side)
            raise InvalidInput(f"The {side} side of {mapping.name} is {end.service} {end.resource}.", field=side)
    wanted = wanted.changed(flow=mapping.flow)
    if wanted == was:
        return latest(mapping)
    refuse_trust(wanted, *sides(mapping), by=by)
    changes = compare(mapping, wanted)
    draft = draft_of(mapping)
    if draft is not None and aside and _is_work(mapping, draft):
        draft.state, draft = "aside", None
        db.session.flush()  # there is room for one draft only
    draft = draft or _new_draft(mapping)
    mapping.name = wanted.name
    write(draft, wanted, by=by)
    mapping.updated_at = clock.now()
    audit.add(
        f"mapping {action}", mapping.name, actor=by, mapping=mapping.id, version=draft.number,
        changes=changes[:MOST_TOLD],
    )  # fmt: skip
    db.session.commit()
    return draft


def _is_work(mapping: DataMapping, draft: MappingVersion) -> bool:
    """Whether something would be lost with a draft: a person made it, and no other version says the same."""
    said = engine.document_of(mapping, draft)
    others = (other for other in mapping.versions if other is not draft)
    return draft.changed_by != MAKER and all(engine.document_of(mapping, other) != said for other in others)


def put_aside(mapping: DataMapping) -> MappingVersion | None:
    """The version whose place the draft took while it was a draft itself; none when there was no such one."""
    before = mapping.versions[-2:-1] if draft_of(mapping) else []
    return next((version for version in before if version.state == "aside"), None)


def restore(mapping: DataMapping, number: int, *, by: str) -> MappingVersion:
    """Make an old version's content the draft; as `replace`. What is switched on stays on until that is activated."""
    return replace(mapping, document(mapping, number).changed(name=mapping.name), by=by, action="restored")


def discard(mapping: DataMapping, *, by: str) -> None:
    """Throw the draft away; the one put aside for it is the draft again.

    Raises Conflict when there is none, or nothing but the draft.
    """
    draft = draft_of(mapping)
    if draft is None or len(mapping.versions) == 1:
        raise Conflict(f"{mapping.name} has no draft that could be thrown away.")
    before = put_aside(mapping)
    mapping.versions.remove(draft)
    db.session.flush()  # there is room for one draft only
    if before is not None:
        before.state = "draft"
    mapping.updated_at = clock.now()
    audit.add("mapping draft discarded", mapping.name, actor=by, mapping=mapping.id, version=draft.number)
    db.session.commit()


def sides(mapping: DataMapping) -> tuple[Side, Side]:
    """Its left and right side, as the engine knows them."""
    return (
        Side(mapping.left_connection_id, mapping.left_connection.service, mapping.left_resource),
        Side(mapping.right_connection_id, mapping.right_connection.service, mapping.right_resource),
    )


def refuse_trust(wanted: MappingDocument, left: Side, right: Side, *, by: str) -> None:
    """Raise Forbidden when it would write clients' trust money, for whoever asks, and note that they did (W8)."""
    if refusal := engine.trust_refusal(engine.of_document(wanted, left, right)):
        db.session.rollback()
        audit.add("mapping refused", wanted.name, actor=by, reason=refusal)
        db.session.commit()
        raise Forbidden(f"{refusal} Nothing was saved.")


def write(version: MappingVersion, wanted: MappingDocument, *, by: str) -> None:
    """Fill a draft's row from a document; its preview and approval were for something else. Nothing is committed."""
    stored = wanted.to_json()
    for name in ("direction", "rule", "keys", "filters", "options", "note"):
        setattr(version, name, stored[name])
    version.preview = version.approved_by = version.approved_at = None
    version.changed_by, version.changed_at = by, clock.now()
    version.fields.clear()
    db.session.flush()  # the old lines' places must be free before the new ones take them
    version.fields = [FieldMapping(position=place, **line) for place, line in enumerate(stored["lines"])]
    db.session.flush()


def _new_draft(mapping: DataMapping) -> MappingVersion:
    draft = MappingVersion(number=latest(mapping).number + 1, state="draft", direction="both", changed_at=clock.now())
    mapping.versions.append(draft)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("Somebody else has just begun a draft. Look at it again first.") from None
    return draft
