"""Letters outside ASCII are found in either case, on both databases: SQLite by itself takes "É" and "é" for two."""

from datetime import timedelta

import pytest

from integration_console import clock
from integration_console.models import Issue, PracticeAreaRule, Transaction
from integration_console.operations import audit
from integration_console.operations.finding import search
from integration_console.operations.mapping import practice_area_rules
from integration_console.storage import transactions


@pytest.mark.parametrize("words", ["élise", "ÉLISE", "Élise"])
def test_lists_find_a_name_in_either_case(app, session, words):
    now = clock.now()
    issue = {"fingerprint": "f", "kind": "value", "state": "open", "count": 1, "service": "clio"}
    session.add(Issue(**issue, title="Élise is taken", first_seen_at=now, last_seen_at=now))
    session.add(PracticeAreaRule(area="Family", kind="word", text="chez Élise", changed_at=now))
    call = {
        "call_key": "k",
        "service": "clio",
        "method": "GET",
        "host": "h",
        "path_template": "/contacts",
        "attempt": 1,
    }
    call |= {"outcome": "ok", "duration_ms": 1, "waited_ms": 0, "request_bytes": 0, "response_bytes": 0}
    session.add(Transaction(**call, url="https://h/contacts?query=Élise", started_at=now - timedelta(minutes=1)))
    audit.add("user invited", "Élise Moreau", actor="ada@firm.example")
    session.commit()

    assert [one.title for one in search.everywhere(words, by_content=True).issues] == ["Élise is taken"]
    assert [one.text for one in practice_area_rules.listing(text=words)[0]] == ["chez Élise"]
    assert [one.target for one in audit.browse(audit.Wanted(text=words))[0]] == ["Élise Moreau"]
    assert [one.call_key for one in transactions.search(session, transactions.Filters(text=words)).rows] == ["k"]
