"""Calls are found by whom they named, by keyed hashes: also when their bodies are gone, and never after an erasure."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from integration_console.models import CallTrace, Record, Transaction, db
from integration_console.operations.finding import traces
from integration_console.operations.keeping import erasures, retention
from integration_console.operations.people import users

from ..storage.rows import NOON, connection

MAIL, PHONE = "Zeb.Quackenbush@example.org", "+1 (415) 555-0147"
BODY = {"data": {"id": 4711, "name": "Zebulon Quackenbush", "email": MAIL, "phones": [{"phone_number": PHONE}]}}


@pytest.fixture
def call(app, session, clock):
    """call(...) keeps a call that was made two minutes ago; its number."""

    def call(**values) -> int:
        usual = {
            "service": "clio", "resource": "contacts", "call_key": "k", "attempt": 1, "method": "GET",
            "host": "app.clio.com", "path_template": "/contacts", "url": "https://app.clio.com/api/v4/contacts.json",
            "outcome": "ok", "status": 200, "started_at": clock.now(), "duration_ms": 1, "waited_ms": 0,
            "request_bytes": 0, "response_bytes": 0,
        }  # fmt: skip
        for name in ("request", "response"):
            if said := values.get(f"{name}_body"):
                values[f"{name}_body"] = said if isinstance(said, str) else json.dumps(said)
                values.setdefault(f"{name}_bytes", len(values[f"{name}_body"]))
        row = Transaction(**{**usual, **values})
        session.add(row)
        session.commit()
        clock.advance(minutes=2)
        return row.id

    return call


def found(words: str) -> list[int]:
    return traces.calls_naming(words, 30)


def test_a_call_is_found_by_what_it_named_in_any_way_of_writing_it(call):
    number = call(response_body=BODY)
    other = call(request_body="email=ana%40example.org&amount=5", url="https://api.example/v1/customers/cus_9",
                 path_template="/v1/customers/{id}")  # fmt: skip
    assert traces.follow() == 2
    for words in (MAIL, MAIL.upper(), f"  {MAIL} ", PHONE, "4155550147", "415-555-0147", "4711", "zebulon quackenbush"):
        assert found(words) == [number], words
    for words in ("ana@example.org", "cus_9"):
        assert found(words) == [other], words
    for words in ("Quackenbush", "example.org", "0147", "contacts", ""):
        assert found(words) == [], words


def test_it_is_found_when_its_body_is_gone_and_gone_with_the_call(call, clock):
    number = call(response_body=BODY)
    traces.follow()
    clock.advance(days=31)
    retention.purge()
    assert db.session.get_one(Transaction, number).response_body is None
    assert found(MAIL) == [number]
    clock.advance(days=60)
    retention.purge()
    assert found(MAIL) == []
    assert db.session.query(CallTrace).count() == 0


def test_nothing_of_what_was_named_can_be_read(call, app):
    call(response_body=BODY)
    traces.follow()
    rows = db.session.execute(text("SELECT * FROM call_trace")).all()
    assert len(rows) >= 4
    assert all(isinstance(value, int) for row in rows for value in row)
    before = {row.hash for row in rows}
    app.config["SECRET_KEY"] = "another key of the installation, of another time"
    assert found(MAIL) == []
    assert traces.follow() == 1  # looked into again
    assert found(MAIL) == [1]
    assert not before & set(db.session.scalars(text("SELECT hash FROM call_trace")))


def test_a_page_of_many_names_nobody_and_its_path_does(call):
    many = {"data": [{"id": n, "email": f"p{n}@example.org"} for n in range(100)]}
    number = call(response_body=many, url="https://x.example/lists/L7/members", path_template="/lists/{id}/members")
    large = call(response_body={"email": MAIL, "note": "x" * 20_000})
    traces.follow()
    assert found("p7@example.org") == []
    assert found("L7") == [number]
    assert found(MAIL) == [], large


def test_calls_are_followed_in_order_and_each_once(call, clock, session):
    numbers = [call(response_body={"email": f"p{n}@example.org"}) for n in range(3)]
    fresh = call(response_body={"email": "late@example.org"}, started_at=clock.now())
    clock.advance(minutes=-2)
    assert traces.follow() == 3
    assert (found("p2@example.org"), found("late@example.org")) == ([numbers[2]], [])
    clock.advance(minutes=2)
    assert (traces.follow(), traces.follow()) == (1, 0)
    assert found("late@example.org") == [fresh]


def test_an_erased_person_is_found_no_more(call, session):
    number = connection(session)
    record = Record(
        connection_id=number, resource="contacts", external_id="4711", label="Zebulon Quackenbush", content_hash=b"1",
        data=BODY["data"], first_seen_at=NOON, written_at=NOON,
    )  # fmt: skip
    session.add(record)
    session.commit()
    call(response_body=BODY, connection_id=number)
    traces.follow()
    assert found(MAIL)
    erasures.request([record.id], "Asked for it", by="test")
    assert erasures.work() == 1
    for words in (MAIL, PHONE, "Zebulon Quackenbush"):
        assert found(words) == [], words


def test_support_finds_the_call_in_the_search_and_reads_nothing_of_it(call, app):
    from ..web.conftest import PASSWORD, Browser

    number = call(response_body=BODY)
    traces.follow()
    users.add("support@example.com", "support", PASSWORD, actor="test")
    db.session.commit()
    somebody = Browser(app)
    somebody.sign_in("support@example.com")
    page = somebody.open("/search", query_string={"q": MAIL})
    assert f"/transactions/{number}" in page.html
    assert "Quackenbush</" not in page.html
    assert MAIL not in somebody.open(f"/transactions/{number}?tab=response").html
    assert "/transactions/" not in somebody.open("/search", query_string={"q": "zeb.quackenbush@example.com"}).html
