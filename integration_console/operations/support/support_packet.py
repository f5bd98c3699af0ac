"""One file that tells whoever helps from outside what happened: facts, calls and states, never a secret.

What may hold a client's data (bodies, values, what an upstream said of a record) is left out for a reader who may not
see the contents of records. Everything is redacted once more on its way out (X2).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import func, select

from ... import __version__, clock, services
from ...errors import ConsoleError, NotFound
from ...models import (
    Change,
    Connection,
    DataMapping,
    ErrorLog,
    Issue,
    RecordLink,
    SyncRun,
    Transaction,
    WebhookSubscription,
    db,
)
from ...models.error import SPEAKS_OF_VALUES
from ...storage import source, transactions
from ...transport.named_secrets import is_secret
from ...transport.redact import Redactor
from .. import advice, audit
from ..accounts import hook_secrets
from ..accounts.app_settings import AppSettings
from ..advice import WHO
from ..runs import run_history, runs
from ..sealed import unseal
from . import issues

MOST = 50  # calls, failures and writes of each packet
LATELY = timedelta(hours=1)
GOOD_STATES = ("done", "done_with_problems")
_ABOUT_IT = """What a console of integrations knows of one problem, for whoever helps to solve it.

packet.json    what it is about, what to do, the connection, the service's answers in the last hour, the last good
               run, mappings and pairs
calls.json     the API calls, redacted
failures.json  what failed, in words
writes.json    the writes it is about

Credentials are never stored in clear and are not in here. {bodies}
"""


@dataclass
class _Subject:
    """What a packet is about."""

    kind: str
    number: int
    connection_ids: set[int] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)  # of error
    facts: dict[str, Any] = field(default_factory=dict)
    calls: Sequence[Transaction] = ()
    failures: Sequence[ErrorLog] = ()
    changes: Sequence[Change] = ()


def of_issue(issue_id: int, *, contents: bool, by: str) -> bytes:
    """The packet of a problem. contents: whether the reader may see what is in records. Raises NotFound."""
    detail = issues.detail(issue_id)
    issue: Issue = detail.issue
    keys = [error.transaction_key for error in detail.errors if error.transaction_key]
    changes = db.session.scalars(select(Change).filter_by(issue_id=issue_id).order_by(Change.id.desc()).limit(MOST))
    written = list(changes)
    names = (
        "id", "kind", "title", "service", "connection_id", "resource", "field", "first_seen_at", "last_seen_at",
        "count", "state", "regressed_at",
    )  # fmt: skip
    return _packed(
        _Subject(
            "issue", issue_id, _some(issue.connection_id), {issue.kind},
            {**_facts(issue, names), "records_waiting": detail.affected, "writes_waiting": detail.refused},
            _calls([*keys, *(one.call_key for one in written if one.call_key)]), detail.errors, written,
        ), contents=contents, by=by,
    )  # fmt: skip


def of_run(run_id: int, *, contents: bool, by: str) -> bytes:
    """The packet of a run. Raises NotFound."""
    run = runs.find(run_id)
    failures = select(ErrorLog).filter_by(run_id=run_id).order_by(ErrorLog.id.desc()).limit(MOST)
    calls = (
        select(Transaction)
        .filter_by(run_id=run_id)
        .order_by(Transaction.outcome == "ok", Transaction.started_at.desc(), Transaction.id.desc())
    )  # what failed first: of a long run most went well
    changes = select(Change).filter_by(sent_run_id=run_id).order_by(Change.state == "done", Change.id.desc())
    found = list(db.session.scalars(failures))
    return _packed(
        _Subject(
            "run", run_id, {run.connection_id}, {error.kind for error in found},
            {"summary": run_history.summary(run).splitlines(), "message": run.message},
            list(db.session.scalars(calls.limit(MOST))), found, list(db.session.scalars(changes.limit(MOST))),
        ), contents=contents, by=by,
    )  # fmt: skip


def of_call(transaction_id: int, *, contents: bool, by: str) -> bytes:
    """The packet of a call, with its other attempts. Raises NotFound."""
    call = transactions.get(db.session(), transaction_id)
    if call is None:
        raise NotFound("There is no such call. It may be older than what is kept.")
    failures = list(db.session.scalars(select(ErrorLog).where(ErrorLog.transaction_key == call.call_key).limit(MOST)))
    changes = select(Change).where(Change.connection_id == call.connection_id, Change.call_key == call.call_key)
    return _packed(
        _Subject(
            "call", transaction_id, _some(call.connection_id), {error.kind for error in failures},
            {"call_key": call.call_key, "outcome": call.outcome}, transactions.attempts(db.session(), call.call_key),
            failures, list(db.session.scalars(changes.limit(MOST))),
        ), contents=contents, by=by,
    )  # fmt: skip


def _some(number: int | None) -> set[int]:
    return set() if number is None else {number}


def _calls(keys: Iterable[str]) -> list[Transaction]:
    query = select(Transaction).where(Transaction.call_key.in_(set(keys)))
    return list(db.session.scalars(query.order_by(Transaction.started_at.desc()).limit(MOST)))


# -- what is in it ---------------------------------------------------------------------------------------------------


def _packed(subject: _Subject, *, contents: bool, by: str) -> bytes:
    connections = [db.session.get_one(Connection, number) for number in sorted(subject.connection_ids)]
    of_writes = subject.kind == "issue" and bool(subject.changes)
    files: dict[str, Any] = {
        "packet.json": {
            "about": {subject.kind: subject.number, **subject.facts},
            "made_at": clock.now(), "console": {"version": __version__, "commit": source.commit()},
            "bodies": "included, redacted" if contents else "left out: the reader may not see the contents of records",
            "advice": [_advice(kind, writes=of_writes) for kind in sorted(subject.kinds)],
            "connections": [_connection(one) for one in connections],
            "mappings": _mappings(subject), "pairs": _pairs(subject, contents),
        },
        "calls.json": [_call(call, contents) for call in subject.calls],
        "failures.json": [_failure(error, contents) for error in subject.failures],
        "writes.json": [_write(change, contents) for change in subject.changes],
    }  # fmt: skip
    hide = Redactor(secrets_of(connections))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        left_out = "Bodies and values of records are left out."
        bodies = "Bodies and values are: they hold names and data of clients." if contents else left_out
        archive.writestr("README.txt", _ABOUT_IT.format(bodies=bodies))
        for name, facts in files.items():
            archive.writestr(name, hide.text(json.dumps(_clean(facts, hide), indent=2, ensure_ascii=False)))
    audit.add("support packet made", f"{subject.kind} {subject.number}", actor=by, contents=contents)
    db.session.commit()
    return packed.getvalue()


def _clean(facts: Any, hide: Redactor) -> Any:
    """Every text of it redacted by itself: inside a body a secret stands plainly, in the file escaped."""
    if isinstance(facts, dict):
        return {str(name): _clean(value, hide) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_clean(value, hide) for value in facts]
    if isinstance(facts, datetime):
        return facts.isoformat()
    if isinstance(facts, float):
        return round(facts, 3)  # of milliseconds: what comes after was never measured
    return facts if facts is None or isinstance(facts, bool | int) else hide.text(str(facts))


def secrets_of(connections: Iterable[Connection]) -> list[str]:
    """Every secret we hold that could stand in what is told of these connections."""
    settings = current_app.config["SETTINGS"]
    found = [str(current_app.config["SECRET_KEY"]), *settings.ENCRYPTION_KEYS.get_secret_value().split(",")]
    for connection in connections:
        # No credentials any more, or no key opens them: then none of them could have been sent lately.
        with suppress(ConsoleError):
            found += [str(value) for name, value in unseal(connection).items() if is_secret(name.encode())]
        with suppress(ConsoleError):
            found += [AppSettings.of(services.by_key(connection.service)).get("client_secret") or ""]
        hooks = db.session.scalars(select(WebhookSubscription).filter_by(connection_id=connection.id))
        found += [secret for hook in hooks if (secret := hook_secrets.secret_of(hook))]
    return [secret.strip() for secret in found if secret.strip()]


def _facts(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _advice(kind: str, *, writes: bool) -> dict[str, str]:
    said = advice.of(kind, writes=writes)
    return {
        "kind": kind, "cause": said.cause, "who_must_act": WHO[said.who], "what_happened": said.happened,
        "was_anything_lost": said.lost, "suggested_fix": said.next,
    }  # fmt: skip


def _connection(connection: Connection) -> dict[str, Any]:
    names = (
        "id", "service", "name", "status", "status_reason", "status_since", "scopes", "frequency", "expires_at",
        "last_sync_at", "not_before", "budget",
    )  # fmt: skip
    good = (
        select(SyncRun).where(SyncRun.connection_id == connection.id, SyncRun.state.in_(GOOD_STATES))
        .order_by(SyncRun.id.desc()).limit(1)
    )  # fmt: skip
    last = db.session.scalar(good)
    return {
        **_facts(connection, names), "last_good_run": run_history.summary(last).splitlines() if last else None,
        "answers_in_the_last_hour": _answers(connection.id),
    }  # fmt: skip


def _answers(connection_id: int) -> dict[str, int]:
    """How often the service answered with which status; "no answer" where none came."""
    query = (
        select(Transaction.status, func.count()).group_by(Transaction.status)
        .where(Transaction.connection_id == connection_id, Transaction.started_at >= clock.now() - LATELY)
    )  # fmt: skip
    return {str(status or "no answer"): count for status, count in db.session.execute(query)}


def _mappings(subject: _Subject) -> list[dict[str, Any]]:
    """The mappings that were at work: of the run or the writes, or those that carry the resource of the problem."""
    numbers = {change.mapping_id for change in subject.changes if change.mapping_id}
    if subject.kind == "run":
        numbers |= _some(runs.find(subject.number).mapping_id)
    query = select(DataMapping).where(DataMapping.id.in_(numbers))
    if subject.kind == "issue" and not numbers:
        here = next(iter(subject.connection_ids), None), subject.facts["resource"]
        query = select(DataMapping).where(
            ((DataMapping.left_connection_id == here[0]) & (DataMapping.left_resource == here[1]))
            | ((DataMapping.right_connection_id == here[0]) & (DataMapping.right_resource == here[1]))
        )
    names = ("id", "name", "state", "active_version", "left_resource", "right_resource", "updated_at")
    return [_facts(one, names) for one in db.session.scalars(query.order_by(DataMapping.id).limit(MOST))]


def _pairs(subject: _Subject, contents: bool) -> list[dict[str, Any]]:
    numbers = {change.link_id for change in subject.changes if change.link_id}
    query = select(RecordLink).where(RecordLink.id.in_(numbers)).order_by(RecordLink.id)
    names = ("id", "mapping_id", "left_record_id", "right_record_id", "state", "version", "updated_at")
    seen = ("reason",) if contents else ()  # it quotes values and names records
    return [_facts(one, (*names, *seen)) for one in db.session.scalars(query)]


def _call(call: Transaction, contents: bool) -> dict[str, Any]:
    names = (
        "id", "call_key", "attempt", "service", "connection_id", "run_id", "resource", "direction", "method", "host",
        "path_template", "status", "outcome", "started_at", "duration_ms", "waited_ms", "request_bytes",
        "response_bytes", "upstream_request_id", "request_headers", "response_headers",
    )  # fmt: skip
    seen = _facts(call, ("url", "error", "request_body", "response_body", "body_cut")) if contents else {}
    return {**_facts(call, names), **seen}


def _failure(error: ErrorLog, contents: bool) -> dict[str, Any]:
    names = ("id", "issue_id", "run_id", "resource", "external_id", "kind", "created_at", "transaction_key")
    seen = ("message", "raw_message") if contents else () if error.kind in SPEAKS_OF_VALUES else ("message",)
    return _facts(error, (*names, *seen))


def _write(change: Change, contents: bool) -> dict[str, Any]:
    names = (
        "id", "connection_id", "resource", "op", "external_id", "link_id", "mapping_id", "version", "run_id",
        "sent_run_id", "undoes_id", "edits_id", "cause", "state", "tries", "retry_at", "error_kind", "error_field",
        "call_key", "created_at", "sent_at", "done_at",
    )  # fmt: skip
    seen = _facts(change, ("wanted", "before", "after", "message")) if contents else {"fields": sorted(change.wanted)}
    return {**_facts(change, names), **seen}
