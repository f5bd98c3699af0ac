"""A location and a firm with a few contacts each, read, and a mapping between them, for tests of its pages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from integration_console.models import Change, Conflict, DataMapping, Record, RecordLink, db
from integration_console.operations.mapping import flows, mappings

from ..operations import mapped
from .firm import Firm


@dataclass
class TwoSides:
    """The accounts, their records, and the mapping's number."""

    firm: Firm
    left: int  # GoHighLevel
    right: int  # Clio
    mapping: int

    def run(self, **options) -> mapped.Carried:
        """Read both sides and carry the mapping once."""
        with self.firm.app.app_context():
            mapped.read((self.left, self.right))
            return mapped.push(self.mapping, **options)

    def document(self, number: int | None = None) -> dict:
        """A version as its document has it."""
        with self.firm.app.app_context():
            return mappings.document(self.row(), number).to_json()

    def row(self) -> DataMapping:
        return db.session.get_one(DataMapping, self.mapping)

    def ids(self, model, **of) -> list[int]:
        """Numbers of rows, the oldest first."""
        with self.firm.app.app_context():
            return list(db.session.scalars(select(model.id).filter_by(**of).order_by(model.id)))

    def links(self, **of) -> list[int]:
        return self.ids(RecordLink, mapping_id=self.mapping, **of)

    def conflicts(self) -> list[int]:
        return self.ids(Conflict)

    def changes(self, **of) -> list[int]:
        return self.ids(Change, **of)

    def records(self, connection: int) -> list[int]:
        return self.ids(Record, connection_id=connection, resource="contacts")

    def agreeing(self) -> tuple[int, str, int]:
        """A pair about which nobody must decide: its number, and its upstream ids."""
        with self.firm.app.app_context():
            asked = select(Conflict.link_id)
            query = select(RecordLink).filter_by(mapping_id=self.mapping, state="linked")
            link = db.session.scalars(query.where(RecordLink.id.not_in(asked)).order_by(RecordLink.id)).first()
            return link.id, link.left_record.external_id, int(link.right_record.external_id)

    def pair(self) -> tuple[str, int]:
        """Upstream ids of one linked pair: GoHighLevel's, Clio's."""
        with self.firm.app.app_context():
            return mapped.pairs(self.mapping)[0]


def contacts(firm: Firm, *, active: bool = True, most: int = 8) -> TwoSides:
    """Both accounts with a few contacts, and a mapping of them: one that is on, or the ready one as a draft."""
    for upstream in (firm.upstreams.ghl, firm.upstreams.clio):
        mapped.keep_only(upstream, "contacts", most)
    mapped.keep_only(firm.upstreams.clio, "matters", 1)
    left, right = firm.connect("ghl"), firm.connect("clio")
    for connection in (left, right):
        firm.read(connection, "contacts", "custom_fields", kind="full")
    with firm.app.app_context():
        number = mapped.make_mapping(left, right) if active else _ready(left, right)
    return TwoSides(firm, left, right, number)


def _ready(left: int, right: int) -> int:
    from integration_console.operations.accounts import connections

    ends = connections.find(left), connections.find(right)
    return flows.create("ghl_contacts_clio_contacts", *ends, by="staff@example.com").id
