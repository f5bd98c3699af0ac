"""What hangs on the calls and records of the large firm: errors, webhooks, writes, pairs, conflicts, the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from .loader import Loader
from .million import RUNS, SERVICES, connection_of_run, dice, key, size, some

ISSUES, ERRORS, LETTERS, DELIVERIES, AUDIT, WRITES, PAIRS, CONFLICTS, NOTICES = (
    400, 100_000, 20_000, 100_000, 100_000, 100_000, 60_000, 5_000, 20_000
)  # fmt: skip
MAPPING = 1


def beside(loader: Loader, now, sizes: dict) -> None:
    """All of it."""
    from integration_console import models

    loader.fill(models.Checkpoint, _checkpoints(now, sizes))
    loader.fill(models.Issue, _issues(now))
    rows = {
        models.ErrorLog: _errors(now), models.DeadLetter: _letters(now), models.Delivery: _deliveries(now, sizes),
        models.AuditEvent: _audit(now),
    }  # fmt: skip
    _mapping()
    rows |= {
        models.RecordLink: _pairs(now, sizes), models.Change: _writes(now, sizes), models.Conflict: _conflicts(now),
    }  # fmt: skip
    for model, told in rows.items():
        with loader.without_indexes(model):
            loader.fill(model, told)
    loader.fill(models.LimitationRule, [_rule(now)])
    loader.fill(models.LimitationProposal, _proposals(now, sizes))
    loader.fill(models.Heartbeat, [{"owner": "bench:1", "started_at": now, "seen_at": now + timedelta(days=30)}])
    loader.fill(models.NotificationRule, [_telling(now)])
    loader.fill(models.Notice, _notices(now))
    loader.fill(models.WebhookMessage, _messages(now))


def _checkpoints(now, sizes: dict) -> Iterator[dict]:
    for (connection, resource), (_, count) in sizes.items():
        yield {
            "connection_id": connection, "resource": resource, "last_read_at": now, "last_complete_at": now,
            "record_count": count, "high_water": now,
        }  # fmt: skip


def _issues(now) -> Iterator[dict]:
    for n in range(1, some(ISSUES) + 1):
        state = "open" if n % 7 == 1 else ("resolved", "acknowledged", "resolved", "snoozed")[n % 4]
        yield {
            "id": n, "fingerprint": key("issue", n) * 2, "kind": ("value", "upstream", "rate limit", "missing")[n % 4],
            "title": f"Clio matters: the field custom_{n} cannot be used", "service": SERVICES[n % 3],
            "connection_id": n % 3 + 1, "resource": ("matters", "contacts", "time_entries")[n % 3],
            "first_seen_at": now - timedelta(days=90), "last_seen_at": now - timedelta(hours=n), "count": 250,
            "state": state, "assignee": "bench@example.com" if n % 31 == 1 else None,
        }  # fmt: skip


def _errors(now) -> Iterator[dict]:
    every = some(ERRORS)
    for n in range(1, every + 1):
        issue = dice("of", n) % some(ISSUES) + 1
        yield {
            "id": n, "issue_id": issue, "connection_id": issue % 3 + 1, "run_id": n * some(RUNS) // every,
            "transaction_key": key("call", n * 10), "resource": ("matters", "contacts", "time_entries")[issue % 3],
            "external_id": str(n % 40_000), "kind": ("value", "upstream", "rate limit", "missing")[issue % 4],
            "message": "The field open_date holds 31.02.2026, which is no date.", "raw_message": '{"id": 17}' * 20,
            "fingerprint": key("issue", issue) * 2, "created_at": now - timedelta(days=90) * ((every - n) / every),
        }  # fmt: skip


def _letters(now) -> Iterator[dict]:
    for n in range(1, some(LETTERS) + 1):
        issue = dice("letter", n) % some(ISSUES) + 1
        yield {
            "connection_id": issue % 3 + 1, "issue_id": issue, "run_id": n % some(RUNS) + 1,
            "resource": ("matters", "contacts", "time_entries")[issue % 3], "identity": f"r{n}",
            "external_id": f"r{n}", "field": "open_date", "reason": "It holds 31.02.2026, which is no date.",
            "payload": '{"id": 9001, "open_date": "31.02.2026", "description": "Lease dispute"}' * 8,
            "first_seen_at": now - timedelta(days=80), "last_seen_at": now - timedelta(days=1),
            "resolved_at": None if n % 7 == 1 else now,
        }  # fmt: skip


def _deliveries(now, sizes: dict) -> Iterator[dict]:
    every = some(DELIVERIES)
    for n in range(1, every + 1):
        connection = (1, 1, 2)[n % 3]
        resource = ("matters", "contacts")[connection - 1]
        state = "dead" if n % 331 == 1 else "ignored" if n % 17 == 0 else "done"
        yield {
            "id": n, "service": SERVICES[connection - 1], "connection_id": connection, "event_key": key("event", n),
            "kind": ("matter.updated", "ContactUpdate")[connection - 1],
            "records": [[resource, str(dice("named", n) % sizes[connection, resource][1] + 1), None]],
            "received_at": now - timedelta(days=30) * ((every - n) / every), "state": state, "tries": 1,
            "next_try_at": now, "outcome": "Read again. Of the run's records: 1 changed.",
            "run_id": n * some(RUNS) // every or 1, "call_key": key("call", n * 10), "body_bytes": 4_000,
            "body_hash": key("body", n) * 2, "headers": {"content-type": "application/json"},
            "body": '{"meta": {"event": "updated"}, "data": {"id": 17, "status": "Open", "note": "x"}}' * 50,
        }  # fmt: skip


def _audit(now) -> Iterator[dict]:
    every = some(AUDIT)
    actions = ("signed in", "signed in", "signed out", "exported", "issue acknowledged", "run asked for",
               "pair decided", "setting changed")  # fmt: skip
    for n in range(1, every + 1):
        yield {
            "id": n, "at": now - timedelta(days=700) * ((every - n) / every), "actor": f"person{n % 40}@example.com",
            "action": actions[dice("did", n) % len(actions)], "target": f"issue {n % 400}",
            "details": {"before": "open", "after": "acknowledged"}, "address": "10.0.0.7",
        }  # fmt: skip


# -- both sides -------------------------------------------------------------------------------------------------------


def _mapping() -> None:
    from integration_console.models import db

    from ..operations.mapped import make_mapping

    made = [make_mapping(2, 1) for _ in range(size.most or 1)]
    assert made[0] == MAPPING
    db.session.remove()


def _pairs(now, sizes: dict) -> Iterator[dict]:
    (left, many), (right, others) = sizes[2, "contacts"], sizes[1, "contacts"]
    for n in range(min(some(PAIRS), many, others)):
        state = "ambiguous" if n % 120 == 1 else "waiting" if n % 90 == 2 else "aside" if n % 200 == 9 else "linked"
        alone, asked = state != "linked", state == "ambiguous"
        yield {
            "id": n + 1, "mapping_id": MAPPING, "left_record_id": left + n,
            "right_record_id": None if alone else right + n, "state": state,
            "base": {} if alone else {"email|email": ["ada@example.com", "ada@example.com"]}, "version": 1,
            "how": "the same e-mail address", "created_at": now - timedelta(days=200),
            "updated_at": now - timedelta(days=2),
            "candidates": [{"record_id": right + n, "score": 80, "why": "the same name"}] if asked else [],
        }  # fmt: skip


def _writes(now, sizes: dict) -> Iterator[dict]:
    every, pairs = some(WRITES), some(PAIRS)
    right, _ = sizes[1, "contacts"]
    for n in range(1, every + 1):
        pair, state = dice("pair", n) % pairs, "dead" if n % 499 == 1 else "dropped" if n % 97 == 0 else "done"
        yield {
            "id": n, "connection_id": 1, "resource": "contacts", "op": "create" if n % 9 == 0 else "update",
            "external_id": str(pair + 1), "record_id": right + pair, "link_id": pair + 1, "mapping_id": MAPPING,
            "version": 1, "run_id": n * some(RUNS) // every or 1, "sent_run_id": n * some(RUNS) // every or 1,
            "issue_id": n % some(ISSUES) + 1 if state == "dead" else None, "wanted": {"email": f"new{n}@example.com"},
            "before": {"email": f"old{n}@example.com"}, "after": {"email": f"new{n}@example.com"},
            "idempotency_key": key("write", n), "cause": "mapping Contacts, version 1", "state": state, "tries": 1,
            "message": "Clio refused it." if state == "dead" else None, "call_key": key("call", n * 10),
            "created_at": now - timedelta(days=30), "sent_at": now - timedelta(days=30),
            "done_at": now - timedelta(days=30),
        }  # fmt: skip


def _conflicts(now) -> Iterator[dict]:
    for n in range(1, some(CONFLICTS) + 1):
        yield {
            "id": n, "link_id": (n * 7 - 7) % some(PAIRS) + 1, "mapping_id": MAPPING, "version": 1,
            "run_id": n % some(RUNS) + 1, "line": f"email|email{n}", "left_field": "email", "right_field": "email",
            "held": {"left": "a@example.com", "right": "b@example.com"}, "rule": "ask",
            "winner": None if n % 30 == 1 else "left", "state": "open" if n % 30 == 1 else "settled",
            "created_at": now - timedelta(days=20),
        }  # fmt: skip


# -- the rest ---------------------------------------------------------------------------------------------------------


def _rule(now) -> dict:
    return {
        "id": 1, "name": "California, personal injury: 2 years", "practice_area": "Personal Injury", "period": 2,
        "unit": "years", "from_field": "open_date", "to_field": "statute_of_limitations", "changed_at": now,
    }  # fmt: skip


def _proposals(now, sizes: dict) -> Iterator[dict]:
    first, _ = sizes[1, "matters"]
    for n in range(some(300)):
        day = (now + timedelta(days=n)).date().isoformat()
        yield {"record_id": first + n, "rule_id": 1, "due_on": day, "state": "proposed", "created_at": now}


def _telling(now) -> dict:
    return {"id": 1, "kind": "email", "place": "office@example.com", "events": ["run_failed"], "since": now,
            "changed_at": now}  # fmt: skip


def _notices(now) -> Iterator[dict]:
    for n in range(1, some(NOTICES) + 1):
        yield {
            "rule_id": 1, "event": "run_failed", "key": f"run {n}", "connection_id": connection_of_run(n),
            "title": "A read failed", "text": "Clio did not answer in time.", "path": f"/runs/{n}", "state": "sent",
            "next_try_at": now, "created_at": now - timedelta(minutes=n), "sent_at": now,
        }  # fmt: skip


def _messages(now) -> Iterator[dict]:
    for n in range(1, some(20_000) + 1):
        yield {
            "connection_id": 1, "key": f"msg_{key('message', n)}", "type": "run.finished", "event": f"run.finished:{n}",
            "body": '{"type": "run.finished"}', "state": "done", "due_at": now, "created_at": now,
        }  # fmt: skip
