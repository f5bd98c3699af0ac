"""An office on an ordinary day behind one server: accounts read and carried, one to be reconnected, an open problem.

Made once for a module whose tests look, or put back what they change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import config
from integration_console import clock, create_app
from integration_console.models import Change, Connection, Heartbeat, Record, RecordLink, SyncRun, db
from integration_console.models.run import LIVE_STATES
from integration_console.operations.accounts import connections
from integration_console.operations.finding import search
from integration_console.operations.health import tally
from integration_console.operations.keeping import backups
from integration_console.operations.mapping import flows, mappings, versions
from integration_console.operations.people import users
from integration_console.sandbox import KEYS, Sandbox

from ..conftest import GENEROUS
from ..once import quick_hashes
from ..operations.conftest import point_at
from ..web.firm import Firm
from ..web.two_sides import TwoSides, contacts
from .conftest import PASSWORD, Live, served

ROLES = ("admin", "staff", "support")


@dataclass
class Office(Live):
    """The console as its people reach it. Everybody is called by their role and has PASSWORD."""

    upstreams: Sandbox
    sides: TwoSides
    clio: int
    draft: int  # a mapping that was never switched on
    broken: int  # the connection that lost its sign-in
    failed_run: int
    client: str  # somebody who is there on both sides
    written: str  # somebody whom the console wrote

    def as_before(self) -> None:
        """Take back what the next test would meet: runs asked for, pauses, drafts; and a worker was heard."""
        with self.app.app_context():
            db.session.query(SyncRun).filter(SyncRun.state.in_(LIVE_STATES)).delete()
            db.session.query(Connection).filter_by(status="paused").update({"status": "connected"})
            db.session.query(Heartbeat).update({"seen_at": clock.now()})
            db.session.commit()
            mapping = mappings.find(self.sides.mapping)
            if mappings.latest(mapping).state == "draft":
                versions.discard(mapping, by="test")
            db.session.remove()


@pytest.fixture(scope="module")
def office(sqlite_files, tmp_path_factory):
    """The office, for the tests of one module."""
    home = tmp_path_factory.mktemp("office")
    with sqlite_files.fresh(home) as url, opened(home, url) as office:
        yield office


@contextmanager
def opened(home: Path, url: str) -> Iterator[Office]:
    """The office, on this fresh database."""
    with pytest.MonkeyPatch.context() as patch, Sandbox(limits=dict.fromkeys(KEYS, GENEROUS)) as upstreams:
        quick_hashes(patch)
        point_at(patch, upstreams)
        app = create_app(config.load(
            APP_ENV="test", ALLOW_INSECURE_UPSTREAMS=True, INSTANCE_DIR=home, DATABASE_URL=url,
            BACKUP_DIR=home / "kept",
        ))  # fmt: skip
        app.config["TESTING"] = True
        firm = Firm(app, upstreams)
        for role in ROLES:
            with app.app_context():
                users.add(f"{role}@example.com", role, PASSWORD, role.capitalize(), actor="test")
        facts = _furnished(firm)
        with served(app) as address:
            yield Office(address, app, upstreams=upstreams, **facts)


def _furnished(firm: Firm) -> dict:
    sides = contacts(firm)
    firm.change(sides.left, name="Harbor leads", frequency="hourly", next_due_at=clock.now() + timedelta(minutes=20))
    firm.change(sides.right, name="Harbor Law", frequency="hourly", next_due_at=clock.now() + timedelta(minutes=40))
    sides.run()
    with firm.app.app_context():
        ends = connections.find(sides.left), connections.find(sides.right)
        draft = flows.create("ghl_contacts_clio_contacts", *ends, by="staff@example.com").id
    firm.read(sides.right, "matters", "users", kind="full")
    broken = firm.connect("stripe", "Harbor payments")
    reason = "Stripe no longer accepts the key."
    firm.change(broken, status="needs_reconnect", status_since=clock.now(), status_reason=reason)
    firm.refuse(sides.right, "9001", "9002")
    failed = firm.past_run(sides.right, "done_with_problems", "2 records wait under Errors.", refused=2)
    firm.worker()
    with firm.app.app_context():
        backups.create(by="admin@example.com")
        clock.set_offset(60)  # what was read is settled, so that the search may index it
        search.follow()
        clock.set_offset(0)
        db.session.remove()
        tally.follow()
        db.session.remove()
    link, change = sides.agreeing()[0], sides.changes(state="done")[0]
    with firm.app.app_context():
        client = db.session.get_one(RecordLink, link).right_record.label
        written = db.session.get_one(Record, db.session.get_one(Change, change).record_id).label
        db.session.remove()
    return {
        "sides": sides, "clio": sides.right, "draft": draft, "broken": broken, "failed_run": failed, "client": client,
        "written": written,
    }  # fmt: skip
