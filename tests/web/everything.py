"""One of everything that has an address, so that a test can knock at every door of the house."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from integration_console import clock
from integration_console.models import (
    AuditEvent,
    Change,
    Connection,
    Delivery,
    Issue,
    LegalHold,
    LimitationProposal,
    LimitationRule,
    NotificationRule,
    PracticeAreaRule,
    Record,
    SavedView,
    SyncRun,
    Transaction,
    WebhookSubscription,
    db,
)
from integration_console.operations.keeping.backup_files import ENDING
from integration_console.operations.people import invitations, tokens, users

from ..operations.two_sides import TwoSides
from .conftest import PASSWORD
from .firm import Firm

WORDS = {
    "service": "clio", "key": "clio", "resource": "contacts", "number": 1, "state": "off",
    "filename": "no-such-file.css", "flow": "ghl_contacts_clio_contacts",
    "kind": "update",
}  # fmt: skip
WHOSE = {  # what `rule_id` and the like name, by how the address begins
    "rule_id": {"/practice-areas": "area_rule", "/limitations": "limitation_rule", "/settings": "notification_rule"},
    "record_id": {"/matters": "matter", "/hours": "hour", "/records": "record"},
    "link_id": {"/matches": "asking", "/mappings": "pair"},
    "name": {"/backups": "backup", "/api/matters": "matter"},
    "token": {"/invitation": "invitation"},
    "connection_id": {"/api": "connection_name", "/connections": "connection"},
}


@dataclass
class Everything:
    """What there is, by the name an address has for it."""

    there: dict[str, object]

    def path(self, rule) -> str:
        """An address that leads to something that is there."""
        return re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda name: str(self.of(name[1], rule.rule)), rule.rule)

    def of(self, name: str, address: str) -> object:
        for beginning, whose in WHOSE.get(name, {}).items():
            if address.startswith(beginning):
                return self.there[whose]
        return WORDS.get(name) or self.there[name.removesuffix("_id")]


def furnish(firm: Firm, **connected: int) -> Everything:
    """One row of everything that has an address, in a house with three connected accounts.

    connected: those that are there already, by service.
    """
    left, right, hours = (connected.get(key) or firm.connect(key) for key in ("ghl", "clio", "clockify"))
    firm.refuse(right, "9001")
    with firm.app.app_context():
        there = {"connection": right, "issue": db.session.query(Issue).one().id}
        sides = TwoSides(left, right)
        there |= {
            "mapping": sides.mapping,
            "asking": sides.asks(sides.lead("g9", email="ada@example.com"), sides.client("c9")),
        }
        there |= {"pair": sides.pair()}
        there |= {"conflict": sides.conflict(there["pair"]), "record": sides.client("c7", email="ada@example.com")}
        there |= {"matter": _record(right, "matters", "7"), "hour": _record(hours, "time_entries", "t1")}
        there |= _rows(right, there) | _people() | _names(right)
        db.session.rollback()
    return Everything(there)


def _record(connection: int, resource: str, external_id: str) -> int:
    """A record as upstreams have them, with what pages look for."""
    now = clock.now()
    data = {
        "id": external_id, "display_number": "00007-Lease", "description": "Lease of Pier Nine", "status": "Open",
        "timeInterval": {"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T13:30:00Z"},
    }  # fmt: skip
    return _kept(Record(
        connection_id=connection, resource=resource, external_id=external_id, label=data["description"], updated_at=now,
        data=data, content_hash=blake2b(external_id.encode(), digest_size=16).digest(), first_seen_at=now,
        written_at=now, starts_at=now if resource == "time_entries" else None,
    ))  # fmt: skip


def _rows(connection: int, there: dict) -> dict[str, object]:
    """Of every other table one row."""
    now, made = clock.now(), {}
    run = SyncRun(connection_id=connection, kind="full", state="queued", cause="person", queued_at=now)
    made["run"] = _kept(run)
    made["transaction"] = _kept(Transaction(
        connection_id=connection, run_id=run.id, service="clio", resource="matters", call_key="k1", attempt=1,
        method="GET", host="app.clio.com", path_template="/matters", url="https://app.clio.com/matters", status=502,
        outcome="retry", duration_ms=3.0, waited_ms=0.0, request_bytes=9, response_bytes=9, started_at=now,
        request_headers="{}", response_headers="{}", request_body="{}", response_body="{}",
    ))  # fmt: skip
    made["change"] = _kept(Change(
        connection_id=connection, resource="contacts", op="update", external_id="c7", record_id=there["record"],
        link_id=there["pair"], mapping_id=there["mapping"], version=1, issue_id=there["issue"], sent_run_id=run.id,
        wanted={"first_name": "Ada"}, idempotency_key="i1", cause="test", state="dead", message="No.", created_at=now,
    ))  # fmt: skip
    made["subscription"] = _kept(WebhookSubscription(
        connection_id=connection, topic="matter", url="https://c.example", state="active", asked_at=now,
    ))  # fmt: skip
    made["delivery"] = _kept(Delivery(
        service="clio", connection_id=connection, event_key="e1", received_at=now, next_try_at=now, call_key="k1",
        body_bytes=9, body_hash="0" * 64, headers={}, body='{"id": 17}', kind="matter.updated", state="dead",
        records=[["matters", "7", None]],
    ))  # fmt: skip
    made["area_rule"] = _kept(PracticeAreaRule(area="Family Law", kind="word", text="custody", changed_at=now))
    made["limitation_rule"] = _kept(LimitationRule(
        name="Two years", practice_area="Personal Injury", period=2, unit="years", from_field="open_date",
        to_field="statute_of_limitations", changed_at=now,
    ))  # fmt: skip
    made["proposal"] = _kept(LimitationProposal(
        record_id=there["matter"], rule_id=made["limitation_rule"], due_on="2027-01-02", state="proposed",
        created_at=now,
    ))  # fmt: skip
    made["notification_rule"] = _kept(NotificationRule(
        kind="email", place="ops@example.com", events=["attention"], since=now, changed_at=now,
    ))  # fmt: skip
    made["hold"] = _kept(LegalHold(connection_id=connection, reason="A suit", placed_by="test", placed_at=now))
    _kept(AuditEvent(at=now, actor="test", action="tried", target="everything"))
    return made


def _people() -> dict[str, object]:
    """Somebody to be changed, with an invitation and a view of theirs."""
    somebody, _ = users.add("somebody@example.com", "staff", PASSWORD, actor="test")
    number = somebody.id
    view = SavedView(user_id=number, path="/runs", name="Mine", query="state=failed", created_at=clock.now())
    token, _ = tokens.issue(somebody, ["read"], name="Reports", actor="test")
    made = {"user": number, "token": token.id, "view": _kept(view)}
    return made | {"invitation": invitations.make(somebody, actor="test").rpartition("/")[2]}


def _names(connection: int) -> dict[str, object]:
    """What is not known by a number."""
    key = db.session.get_one(Connection, connection).key
    return {"connection_key": key, "connection_name": f"conn_{key}", "backup": f"20261127T000000Z-by-hand{ENDING}"}


def _kept(row) -> int:
    db.session.add(row)
    db.session.commit()
    return row.id
