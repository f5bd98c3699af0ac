"""A mapping between a Clio and a GoHighLevel account with records on both sides, for tests of what people decide."""

from __future__ import annotations

from datetime import timedelta
from hashlib import blake2b

from integration_console import services
from integration_console.models import (
    Conflict,
    Connection,
    DataMapping,
    FieldMapping,
    MappingVersion,
    Record,
    RecordLink,
    db,
)
from integration_console.services.writing import Field, Writing

from ..storage.rows import NOON

LEFT = {"email": "E-mail", "phone": "Phone", "firstName": "First name", "lastName": "Last name"}
RIGHT = {"email": "Primary e-mail", "phone": "Primary phone", "first_name": "First name", "last_name": "Last name"}


class FlatWriting(Writing):
    """A service whose records are flat: what a record says is what can be mapped."""

    def __init__(self, labels: dict[str, str]) -> None:
        self.labels = labels

    def fields(self, resource, custom=()):
        return [Field(name, label) for name, label in self.labels.items()]

    def plain(self, resource, record):
        return {name: record[name] for name in self.labels if name in record}


def flat(monkeypatch) -> None:
    """Let both services show flat records."""
    monkeypatch.setattr(services.by_key("ghl"), "writing", FlatWriting(LEFT), raising=False)
    monkeypatch.setattr(services.by_key("clio"), "writing", FlatWriting(RIGHT), raising=False)


class TwoSides:
    """Rows of a mapping called Contacts: leads on the left, clients on the right."""

    def __init__(self, left_connection: int = 0, right_connection: int = 0) -> None:
        self.left = left_connection or self._connection("ghl", "Our leads")
        self.right = right_connection or self._connection("clio", "Our firm")
        lines = [("email", "email"), ("phone", "phone"), ("firstName,lastName", "first_name,last_name")]
        fields = [FieldMapping(position=n, left=a, right=b) for n, (a, b) in enumerate(lines)]
        version = MappingVersion(
            number=1, state="active", direction="both", changed_at=NOON, fields=fields,
            keys=[{"by": "email", "left": "email", "right": "email"}],
        )  # fmt: skip
        mapping = DataMapping(
            name="Contacts", left_connection_id=self.left, left_resource="contacts", right_connection_id=self.right,
            right_resource="contacts", state="active", active_version=1, created_at=NOON, updated_at=NOON,
            versions=[version],
        )  # fmt: skip
        db.session.add(mapping)
        db.session.commit()
        self.mapping = mapping.id

    @staticmethod
    def _connection(service: str, name: str) -> int:
        row = Connection(key=name, service=service, name=name, status="connected", status_since=NOON, created_at=NOON)
        db.session.add(row)
        db.session.flush()
        return row.id

    def record(self, side: str, external_id: str, **data) -> int:
        """A record; its number."""
        label = (
            f"{data.get('firstName') or data.get('first_name', '')} {data.get('lastName') or data.get('last_name', '')}"
        )
        row = Record(
            connection_id=getattr(self, side), resource="contacts", external_id=external_id,
            label=label.strip() or external_id, data={"id": external_id, **data}, updated_at=NOON,
            content_hash=blake2b(external_id.encode(), digest_size=16).digest(), first_seen_at=NOON, written_at=NOON,
        )  # fmt: skip
        db.session.add(row)
        db.session.commit()
        return row.id

    def lead(self, external_id: str = "g1", name: str = "Ada Lovelace", **data) -> int:
        first, _, last = name.rpartition(" ")
        return self.record("left", external_id, firstName=first, lastName=last, **data)

    def client(self, external_id: str = "c1", name: str = "Ada Lovelace", **data) -> int:
        first, _, last = name.rpartition(" ")
        return self.record("right", external_id, first_name=first, last_name=last, **data)

    def row(self, state: str, left: int | None = None, right: int | None = None, minutes: int = 0, **more) -> int:
        """A row of pairs; its number."""
        at = NOON + timedelta(minutes=minutes)
        facts = {"left_record_id": left, "right_record_id": right, "created_at": at, "updated_at": at, **more}
        link = RecordLink(mapping_id=self.mapping, state=state, **facts)
        db.session.add(link)
        db.session.commit()
        return link.id

    def asks(self, left: int, *rights: int, **more) -> int:
        """A lead that may be any of these clients."""
        candidates = [
            {"record_id": right, "score": 90 - n, "why": "same e-mail ada@example.com"}
            for n, right in enumerate(rights)
        ]
        return self.row("ambiguous", left, candidates=candidates, reason="2 records have the same e-mail.", **more)

    def pair(self, **more) -> int:
        """A lead and a client that are linked."""
        number = db.session.query(Record).count()
        left, right = self.lead(f"g{number}"), self.client(f"c{number}")
        return self.row("linked", left, right, left_hash=b"1", right_hash=b"2", how="the same e-mail", **more)

    def conflict(self, link: int, state: str = "open", winner: str | None = None, **more) -> int:
        """Both sides of a pair changed the phone."""
        facts = {
            "line": "phone|phone", "left_field": "phone", "right_field": "phone", "rule": "ask", "version": 1,
            "held": {"left": "+14155550132", "right": "+14155550199", "base_left": "+14155550100", "base_right": None},
            "left_at": NOON, "right_at": NOON + timedelta(minutes=3), "created_at": NOON + timedelta(minutes=9), **more,
        }  # fmt: skip
        row = Conflict(link_id=link, mapping_id=self.mapping, state=state, winner=winner, **facts)
        db.session.add(row)
        db.session.commit()
        return row.id
