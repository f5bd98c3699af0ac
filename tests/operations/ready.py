"""Ready mappings at the sandbox, put to use as an administrator does, and what they have linked."""

from __future__ import annotations

from sqlalchemy import func, select

from integration_console.models import DataMapping, RecordLink, db
from integration_console.operations.mapping import mappings, previews


def mapping_of(flow: str) -> DataMapping:
    """The one mapping that came from a ready one."""
    return db.session.scalars(select(DataMapping).filter_by(flow=flow)).one()


def switched_on(flow: str, *, approved_by: str = "") -> int:
    """Preview it, have it approved where that is asked for, activate it; its number."""
    mapping = mapping_of(flow)
    previews.preview(mapping, mappings.draft_of(mapping))
    if approved_by:
        mappings.approve(mapping_of(flow), by=approved_by)
    mappings.activate(mapping_of(flow), by="ada@firm")
    return mapping_of(flow).id


def links(mapping: int) -> dict[str, int]:
    """How many of its links are in which state."""
    rows = db.session.execute(
        select(RecordLink.state, func.count()).where(RecordLink.mapping_id == mapping).group_by(RecordLink.state)
    ).all()
    db.session.rollback()
    return dict(rows)


def partner(mapping: int, left: str) -> str | None:
    """The right side's id of what is linked with that record."""
    rows = db.session.scalars(select(RecordLink).filter_by(mapping_id=mapping, state="linked")).all()
    found = [row.right_record.external_id for row in rows if row.left_record.external_id == left]
    db.session.rollback()
    return found[0] if found else None
