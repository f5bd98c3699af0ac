"""The pages to measure at size, each with the plain SQL that the bare contender runs in its stead."""

from __future__ import annotations

from dataclasses import dataclass

_CALL = (
    "SELECT id, started_at, service, connection_id, run_id, resource, method, path_template, status, outcome, "
    'duration_ms FROM "transaction"'
)
_CALLS_DOWN = "ORDER BY started_at DESC, id DESC LIMIT 51"
_DOWN = "ORDER BY id DESC LIMIT 51"
_RECORD = (
    "SELECT id, connection_id, resource, external_id, label, updated_at, first_seen_at, deleted_at, data FROM record"
)
_OF_RESOURCE = "WHERE connection_id = 1 AND resource = '{}' AND deleted_at IS NULL"
_DELIVERY = "SELECT id, service, connection_id, kind, records, received_at, state, tries, outcome, run_id FROM delivery"
_AUDIT = "SELECT id, at, actor, action, target, details, address FROM audit_event"
_PAIR = "SELECT * FROM record_link WHERE mapping_id = 1"
_ISSUE = "SELECT * FROM issue WHERE state = '{}' ORDER BY last_seen_at DESC, id DESC LIMIT 51"
_WORDS = {
    "a name": "Lovelace", "a whole name": "Yara Marchetti", "an e-mail": "yara.marchetti", "a phone": "+15105550777",
    "a matter number": "00777-", "nothing": "xyzzyplugh",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """One page. bare: what it cannot do without; none where only the time counts."""

    name: str
    path: str
    bare: str | None = None
    most_ms: float = 0.0  # a figure of its own; 0: what ux.md says of every page


def places(facts: dict) -> list[Place]:
    """All of them. facts: numbers of rows in the middle, and signed positions."""
    every = _calls, _records, _matters, _searches, _others, _single, _nothing_new
    return [place for some in every for place in some(facts)]


def _indexed(facts: dict, word: str, of: str = "") -> str:
    """The bare query of the search's index, with the records it leads to."""
    key, fits = "rowid", f"search_entry MATCH '\"{word}\"'"
    if not facts["sqlite"]:
        key, fits = "record_id", f"text ILIKE '%{word}%'"
    return f"{_RECORD} JOIN search_entry ON search_entry.{key} = record.id WHERE {fits} {of} LIMIT 31"


def _calls(facts: dict) -> list[Place]:
    def by(name: str, query: str, where: str) -> Place:
        return Place(f"calls: {name}", f"/transactions?{query}", f"{_CALL} WHERE {where} {_CALLS_DOWN}")

    unusual = "(status IS NULL OR status <> 200)"  # as the index has it: SQLite must be told that it may use it
    middle = f"WHERE started_at < '{facts['middle']}'"
    return [
        Place("calls: newest 50", "/transactions", f"{_CALL} {_CALLS_DOWN}"),
        Place("calls: half way down", f"/transactions?cursor={facts['cursor']}", f"{_CALL} {middle} {_CALLS_DOWN}"),
        by("status 429", "status=429", f"status = 429 AND {unusual}"),
        by("status 200", "status=200", "status = 200"),
        by("status 4xx", "status=4xx", "status BETWEEN 400 AND 499"),
        by("no answer", "status=none", "status IS NULL"),
        by("connection", "connection=2", "connection_id = 2"),
        by("service", "service=xero", "service = 'xero'"),
        by("service and status", "service=xero&status=429", f"service = 'xero' AND status = 429 AND {unusual}"),
        by("outcome", "outcome=refused", "outcome = 'refused' AND outcome <> 'ok'"),
        by("run", f"run={facts['run']}", f"run_id = {facts['run']}"),
        by("resource", "resource=bills", "resource = 'bills'"),
        by("method", "method=POST", "method = 'POST'"),
        by("text that is there", "q=bills", "path_template LIKE '%bills%'"),
        Place("calls: text that is nowhere", "/transactions?q=xyzzyplugh"),
        Place("calls: text, one service", "/transactions?q=xyzzyplugh+service:clio"),
        by("24 hours", "range=24h", f"started_at >= '{facts['day']}'"),
    ]


def _records(facts: dict) -> list[Place]:
    live = _OF_RESOURCE.format("contacts")
    named = f"label LIKE '%{{}}%' {_DOWN}"
    return [
        Place("records", "/records", "SELECT * FROM checkpoint"),
        Place("records: contacts", "/records/1/contacts", f"{_RECORD} {live} {_DOWN}"),
        Place("records: half way down", f"/records/1/contacts?older={facts['contact']}",
              f"{_RECORD} {live} AND id < {facts['contact']} {_DOWN}"),
        Place("records: activities", "/records/1/activities",
              f"{_RECORD} {_OF_RESOURCE.format('activities')} {_DOWN}"),
        Place("records: gone", "/records/1/contacts?gone=yes",
              f"{_RECORD} WHERE connection_id = 1 AND resource = 'contacts' AND deleted_at IS NOT NULL {_DOWN}"),
        Place("records: usual name", "/records/1/contacts?q=Lovelace",
              f"{_RECORD} {live} AND {named.format('Lovelace')}"),
        Place("records: rare name", "/records/1/contacts?q=Langenau",
              _indexed(facts, "Langenau", "AND connection_id = 1 AND resource = 'contacts'")),
        Place("records: no such name", "/records/1/contacts?q=xyzzyplugh", _indexed(facts, "xyzzyplugh")),
        Place("records: an id", "/records/1/contacts?q=777"),
        Place("records: rare, activities", "/records/1/activities?q=xyzzyplugh", _indexed(facts, "xyzzyplugh")),
        Place("hours", "/hours",
              f"{_RECORD} WHERE connection_id = 3 AND resource = 'time_entries' AND deleted_at IS NULL "
              "AND starts_at IS NOT NULL ORDER BY starts_at DESC, id DESC LIMIT 51"),
        Place("hours: faults", "/hours?fault=doubled"),
        Place("hours: a matter", "/hours?matter=00777-Nobody"),
    ]  # fmt: skip


def _matters(facts: dict) -> list[Place]:
    live = f"{_RECORD} {_OF_RESOURCE.format('matters')}"
    return [
        Place("matters", "/matters", f"{live} {_DOWN}"),
        Place("matters: status", "/matters?status=pending", f"{live} AND lower(data ->> 'status') = 'pending' {_DOWN}"),
        Place("matters: area", "/matters?area=Immigration"),
        Place("matters: no such area", "/matters?area=Maritime"),
        Place("matters: text", "/matters?q=Whitfield"),
        Place("matters: no such text", "/matters?q=xyzzyplugh", _indexed(facts, "xyzzyplugh")),
        Place("limitations", "/limitations"),
        Place("limitations: without", "/limitations/without"),
        Place("limitations: proposals", "/limitations/proposals"),
        Place("limitations: rules", "/limitations/rules"),
        Place("practice areas", "/practice-areas"),
    ]


def _searches(facts: dict) -> list[Place]:
    words = [
        Place(f"search: {name}", f"/search?q={word.replace('+', '%2B')}", _indexed(facts, word))
        for name, word in _WORDS.items()
    ]
    return [
        *words,
        Place("search: an upstream id", f"/search?q={facts['external']}"),
        Place("search: a call's key", f"/search?q={facts['key']}"),
        Place("search: their call number", f"/search?q={facts['theirs']}"),
        Place("search: a number", "/search?q=777"),
        Place("search: a refused record", "/search?q=r777"),
        Place("search: two letters", "/search?q=ab"),
    ]


def _others(facts: dict) -> list[Place]:
    return [
        Place("dashboard", "/", None, 20.0),
        Place("connections", "/connections", "SELECT * FROM connection"),
        Place("runs", "/runs", f"SELECT * FROM sync_run {_DOWN}"),
        Place("runs: half way down", "/runs?older=10000", f"SELECT * FROM sync_run WHERE id < 10000 {_DOWN}"),
        Place("runs: failed", "/runs?state=failed", f"SELECT * FROM sync_run WHERE state = 'failed' {_DOWN}"),
        Place("runs: a mapping", "/runs?mapping=1"),
        Place("runs: an unused cause", "/runs?cause=undo"),
        Place("errors", "/errors", _ISSUE.format("open")),
        Place("errors: resolved", "/errors?state=resolved", _ISSUE.format("resolved")),
        Place("errors: mine", "/errors?state=mine"),
        Place("errors: log", "/errors/log", f"SELECT * FROM error_log {_DOWN}"),
        Place("errors: log, connection", "/errors/log?connection=2",
              f"SELECT * FROM error_log WHERE connection_id = 2 {_DOWN}"),
        Place("errors: log, unused kind", "/errors/log?kind=permission"),
        Place("errors: log, 24 hours", "/errors/log?range=24h"),
        Place("writes", "/writes", f"SELECT * FROM change {_DOWN}"),
        Place("writes: refused", "/writes?state=refused", f"SELECT * FROM change WHERE state = 'dead' {_DOWN}"),
        Place("deliveries", "/deliveries", f"{_DELIVERY} {_DOWN}"),
        Place("deliveries: half way down", "/deliveries?older=50000", f"{_DELIVERY} WHERE id < 50000 {_DOWN}"),
        Place("deliveries: set aside", "/deliveries?state=dead", f"{_DELIVERY} WHERE state = 'dead' {_DOWN}"),
        Place("deliveries: no such kind", "/deliveries?kind=xyzzy"),
        Place("deliveries: a quiet service", "/deliveries?service=xero"),
        Place("mappings", "/mappings", "SELECT * FROM data_mapping"),
        Place("mapping", "/mappings/1"),
        Place("mapping: pairs", "/mappings/1/pairs", f"{_PAIR} {_DOWN}"),
        Place("mapping: history", "/mappings/1/history"),
        Place("matches", "/matches", f"{_PAIR} AND state = 'ambiguous' ORDER BY id LIMIT 51"),
        Place("matches: linked", "/matches?state=linked", f"{_PAIR} AND state = 'linked' {_DOWN}"),
        Place("conflicts", "/conflicts", f"SELECT * FROM conflict WHERE state = 'open' {_DOWN}"),
        Place("audit", "/settings/audit", f"{_AUDIT} {_DOWN}"),
        Place("audit: half way down", "/settings/audit?older=50000", f"{_AUDIT} WHERE id < 50000 {_DOWN}"),
        Place("audit: text", "/settings/audit?q=issue+77"),
        Place("audit: no such text", "/settings/audit?q=xyzzyplugh"),
        *(Place(f"settings: {name}", f"/settings/{name}") for name in (
            "firm", "notifications", "people", "privacy", "profile", "retention", "services", "system", "tokens",
        )),
        Place("settings: status", "/settings/system/status"), Place("settings", "/settings/"),
        Place("backups", "/backups"), Place("api page", "/docs/api"),
    ]  # fmt: skip


def _nothing_new(facts: dict) -> list[Place]:
    """Live parts that say already what there is: asked for every five seconds by every open page (204)."""
    run = facts["run"]
    return [
        Place("nothing new: calls", f"/transactions/newer?cursor={facts['top']}&seen=0", None, 10.0),
        Place("nothing new: runs", f"/runs/newer?newer={facts['last_run']}&seen=0", None, 10.0),
        Place("nothing new: a run", f"/runs/{run}/live?seen={facts['stamp']}", None, 10.0),
    ]


def _single(facts: dict) -> list[Place]:
    call, contact, run = facts["call"], facts["contact"], facts["run"]
    return [
        Place("a call", f"/transactions/{call}", f'SELECT * FROM "transaction" WHERE id = {call}'),
        Place("a record", f"/records/{contact}", f"{_RECORD} WHERE id = {contact}"),
        Place("a record's life", f"/records/{contact}/life", f"{_RECORD} WHERE id = {contact}"),
        Place("a matter", f"/matters/{facts['matter']}", f"{_RECORD} WHERE id = {facts['matter']}"),
        Place("an hour", f"/hours/{facts['entry']}", f"{_RECORD} WHERE id = {facts['entry']}"),
        Place("a run", f"/runs/{run}", f"SELECT * FROM sync_run WHERE id = {run}"),
        Place("a run: live part", f"/runs/{run}/live?seen=older", f"SELECT * FROM sync_run WHERE id = {run}"),
        Place("a run: writes", f"/runs/{run}/writes", f"SELECT * FROM change WHERE sent_run_id = {run} {_DOWN}"),
        Place("a run: undo", f"/runs/{run}/undo"),
        Place("a problem", "/errors/2", "SELECT * FROM issue WHERE id = 2"),
        Place("a delivery", "/deliveries/1", "SELECT * FROM delivery WHERE id = 1"),
        Place("a connection", "/connections/1", "SELECT * FROM connection WHERE id = 1"),
        Place("a connection: timeline", "/connections/1/timeline"),
        Place("a connection: settings", "/connections/1/settings"),
        Place("a connection: webhooks", "/connections/1/webhooks"),
        Place("a connection: events", "/connections/1/events"),
        Place("a connection: new run", "/connections/1/runs/new"),
        Place("a pair", f"/mappings/1/pairs/{facts['pair']}", f"SELECT * FROM record_link WHERE id = {facts['pair']}"),
        Place("a match", f"/matches/{facts['waiting']}", f"SELECT * FROM record_link WHERE id = {facts['waiting']}"),
        Place("a conflict", "/conflicts/1", "SELECT * FROM conflict WHERE id = 1"),
    ]
