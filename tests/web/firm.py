"""A firm whose accounts are connected and read, for tests of the pages that show them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import event

from integration_console import clock
from integration_console.models import Connection, Heartbeat, RunPart, SyncRun, db
from integration_console.storage import errors

from ..operations import conftest as accounts


@dataclass
class Refusal:
    """A record that cannot be kept."""

    external_id: str
    field: str = "open_date"
    reason: str = "The field open_date holds 31.02.2026, which is no date."
    payload: bytes = b'{"id": 9001, "open_date": "31.02.2026", "description": "<script>alert(1)</script>"}'


class Firm:
    """Accounts at the sandbox and what happened with them."""

    def __init__(self, app, upstreams) -> None:
        self.app, self.upstreams = app, upstreams

    def connect(self, key: str = "clio", name: str = "") -> int:
        with self.app.app_context():
            return accounts.connect(self.upstreams, key, name or f"Our {key}")

    def read(self, connection: int, *only: str, **options) -> int:
        """Carry out a run, as a worker would; its number."""
        with self.app.app_context():
            return accounts.sync(connection, only=only, **options).id

    def ask(self, connection: int, *only: str, **options) -> int:
        """Ask for a run that nobody works on yet."""
        with self.app.app_context():
            return accounts.ask(connection, only=only, **options).id

    def past_run(
        self, connection: int, ended: str = "done", message: str = "", *, kind: str = "full", options=None, **part
    ) -> int:
        """A run that ended just now, with one part."""
        with self.app.app_context():
            now = clock.now()
            facts = {"resource": "matters", "state": "done", "live": False, "mode": "full", "complete": True} | part
            run = SyncRun(
                connection_id=connection, kind=kind, state=ended, cause="schedule", queued_at=now, started_at=now,
                ended_at=now, attempts=1, message=message, options=options or {},
                parts=[RunPart(connection_id=connection, **facts)],
            )  # fmt: skip
            db.session.add(run)
            db.session.commit()
            return run.id

    def live_run(self, connection: int, state: str, **values) -> None:
        """A run that is under way, or waits."""
        with self.app.app_context():
            facts = {"kind": "incremental", "cause": "schedule", "queued_at": clock.now(), "options": {}} | values
            db.session.add(SyncRun(connection_id=connection, state=state, **facts))
            db.session.commit()

    def refuse(self, connection: int, *external_ids: str, service: str = "clio", resource: str = "matters") -> None:
        """Some records came and could not be kept."""
        with self.app.app_context():
            errors.keep_dead_letters(
                db.session(), connection_id=connection, resource=resource, run_id=None, service=service, label="Clio",
                refused=[Refusal(external_id) for external_id in external_ids], now=clock.now(),
            )  # fmt: skip
            db.session.commit()

    def failure(self, run: int, connection: int, message: str, kind: str = "upstream") -> None:
        """A failure of a run, as it was written down."""
        with self.app.app_context():
            errors.log_failure(
                db.session(), connection_id=connection, run_id=run, service="clio", resource="matters", kind=kind,
                message=message, raw="", code="x", field=None, now=clock.now(), external_id="7",
            )  # fmt: skip
            db.session.commit()

    def change(self, connection: int, **values) -> None:
        """Set columns of a connection."""
        with self.app.app_context():
            row = db.session.get_one(Connection, connection)
            for name, value in values.items():
                setattr(row, name, value)
            db.session.commit()

    def worker(self) -> None:
        """A worker that was heard just now."""
        with self.app.app_context():
            now = clock.now()
            db.session.add(Heartbeat(owner="host:1", started_at=now, seen_at=now, chores={}))
            db.session.commit()

    @contextmanager
    def statements(self):
        """Every SQL statement sent meanwhile."""
        with self.app.app_context():
            engine = db.engine
        heard = Heard()
        event.listen(engine, "before_cursor_execute", heard)
        try:
            yield heard.statements
        finally:
            event.remove(engine, "before_cursor_execute", heard)


@dataclass
class Heard:
    """Keeps what an engine is told."""

    statements: list[str] = field(default_factory=list)

    def __call__(self, _connection, _cursor, statement, *_more) -> None:
        self.statements.append(statement)
