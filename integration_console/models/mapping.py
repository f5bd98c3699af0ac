"""What pairs with what: mappings, their versions, and the fields that travel."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, PrimaryKey
from .connection import Connection

MAPPING_STATES = ("draft", "active", "paused")  # draft: never switched on
VERSION_STATES = ("draft", "active", "retired", "aside")  # aside: a draft whose place another took
DIRECTIONS = ("both", "to_right", "to_left")
RULES = ("left", "right", "newest", "ask")  # who wins when both sides changed the same field
BLANKS = ("keep", "clear", "default")  # what an emptied source field does to the other side


class DataMapping(Base):
    """A resource of one connection paired with a resource of another."""

    __tablename__ = "data_mapping"

    id: Mapped[PrimaryKey]
    flow: Mapped[str | None] = mapped_column(String(60))  # the ready mapping it was made from; see sync/flows/
    name: Mapped[str] = mapped_column(String(200))
    left_connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), index=True)
    left_resource: Mapped[str] = mapped_column(String(60))
    right_connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), index=True)
    right_resource: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(20), default="draft")
    state_by: Mapped[str | None] = mapped_column(String(320))
    state_at: Mapped[datetime | None]
    state_reason: Mapped[str | None] = mapped_column(Text)
    active_version: Mapped[int | None]  # the version runs use
    first_run: Mapped[dict | None]  # the preview's counts, which the first run after activation keeps to
    created_by: Mapped[str | None] = mapped_column(String(320))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    left_connection: Mapped[Connection] = relationship(foreign_keys=[left_connection_id])
    right_connection: Mapped[Connection] = relationship(foreign_keys=[right_connection_id])
    versions: Mapped[list[MappingVersion]] = relationship(
        order_by="MappingVersion.number", back_populates="mapping", cascade="all, delete-orphan"
    )


class MappingVersion(Base):
    """One version of a mapping. Only a draft may still change; a run uses one version throughout and names it."""

    __tablename__ = "mapping_version"
    __table_args__ = (
        UniqueConstraint("mapping_id", "number"),
        Index(
            "uq_mapping_version_draft", "mapping_id", unique=True,
            sqlite_where=text("state = 'draft'"), postgresql_where=text("state = 'draft'"),
        ),
    )  # fmt: skip

    id: Mapped[PrimaryKey]
    mapping_id: Mapped[int] = mapped_column(ForeignKey("data_mapping.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(20), default="draft")
    direction: Mapped[str] = mapped_column(String(10))
    rule: Mapped[str] = mapped_column(String(10), default="ask")  # for fields without a winner of their own
    keys: Mapped[list] = mapped_column(default=list)  # match keys in order; see sync/matching/
    filters: Mapped[list] = mapped_column(default=list)  # which records take part; see sync/mapping/
    options: Mapped[dict] = mapped_column(default=dict)  # creates_right, deletes_right ...; see sync/mapping/
    note: Mapped[str] = mapped_column(Text, default="")
    preview: Mapped[dict | None]  # what the last preview of this version counted, and when
    changed_by: Mapped[str | None] = mapped_column(String(320))
    changed_at: Mapped[datetime]
    activated_by: Mapped[str | None] = mapped_column(String(320))
    activated_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(String(320))  # the second admin, where money is mapped
    approved_at: Mapped[datetime | None]

    mapping: Mapped[DataMapping] = relationship(back_populates="versions")
    fields: Mapped[list[FieldMapping]] = relationship(
        order_by="FieldMapping.position", back_populates="version", cascade="all, delete-orphan"
    )


class FieldMapping(Base):
    """One line of a mapping: which field goes where, through which transform."""

    __tablename__ = "field_mapping"
    __table_args__ = (UniqueConstraint("version_id", "position"),)

    id: Mapped[PrimaryKey]
    version_id: Mapped[int] = mapped_column(ForeignKey("mapping_version.id", ondelete="CASCADE"))
    position: Mapped[int]
    left: Mapped[str] = mapped_column(String(300))  # a field's name, or several with commas between
    right: Mapped[str] = mapped_column(String(300))
    direction: Mapped[str] = mapped_column(String(10), default="both")
    transform: Mapped[str] = mapped_column(String(40), default="copy")  # by name; see sync/transforms/
    options: Mapped[dict] = mapped_column(default=dict)
    required: Mapped[bool] = mapped_column(default=False)
    winner: Mapped[str | None] = mapped_column(String(10))  # one of RULES; None: as the mapping says
    blank: Mapped[str] = mapped_column(String(10), default="clear")
    note: Mapped[str] = mapped_column(Text, default="")

    version: Mapped[MappingVersion] = relationship(back_populates="fields")


class PreviewPage(Base):
    """A page of what a preview counted: which records or pairs, by kind and in the order they were looked at."""

    __tablename__ = "preview_page"
    __table_args__ = (UniqueConstraint("version_id", "kind", "place"),)

    id: Mapped[PrimaryKey]
    version_id: Mapped[int] = mapped_column(ForeignKey("mapping_version.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))  # one of COUNTED in sync/carrying/tally.py
    place: Mapped[int]  # 0 is the first page
    rows: Mapped[list] = mapped_column(default=list)  # as operations/mapping/previews.py keeps them
    kept_at: Mapped[datetime]


class UnmatchedValue(Base):
    """A value that a value map or a lookup did not know, so that an admin can add it."""

    __tablename__ = "unmatched_value"
    __table_args__ = (UniqueConstraint("mapping_id", "field", "value"),)

    id: Mapped[PrimaryKey]
    mapping_id: Mapped[int] = mapped_column(ForeignKey("data_mapping.id", ondelete="CASCADE"))
    field: Mapped[str] = mapped_column(String(300))  # the line's source field
    value: Mapped[str] = mapped_column(String(300))
    count: Mapped[int] = mapped_column(default=1)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
