"""The search finds everything by a name, an address, a number or an id; a record's life tells what happened to it."""

from __future__ import annotations

import json

import pytest

from integration_console import clock
from integration_console.models import Change, Record, Transaction, db
from integration_console.operations.finding import search, traces

from ..cases import together
from .test_deliveries import delivered
from .test_transactions import add_calls
from .two_sides import contacts

NAME, MAIL, PHONE = "Zebulon Quackenbush", "zeb.quackenbush@example.org", "+1 (415) 555-0147"


@pytest.fixture
def firm(own_firm):
    return own_firm


@pytest.fixture
def sides(firm, clock):
    """Two accounts that agree, and a person whom both know, indexed."""
    sides = contacts(firm)
    sides.run()
    first, last = NAME.split()
    sides.person = firm.upstreams.ghl.put(
        "contacts", {"firstName": first, "lastName": last, "email": MAIL, "phone": PHONE}
    )["id"]
    sides.run()
    firm.read(sides.right, "contacts")
    clock.advance(60)
    index(firm)
    return sides


@pytest.fixture
def staff(enter):
    return enter("staff")


def index(firm) -> int:
    with firm.app.app_context():
        done = search.follow()
        db.session.remove()
        return done


@together("words", ["quackenbush", "Zebulon Q", MAIL.upper(), "zeb.quack", "4155550147", "(415) 555-0147"])
def test_a_person_is_found_on_both_sides_by_any_part_of_them(sides, staff, words):
    page = staff.open(f"/search?q={words.replace('+', '%2B')}")
    assert len([row for row in page.rows if NAME in row]) == 2
    assert "Our ghl" in page.text
    assert "Our clio" in page.text


def test_who_is_called_so_comes_before_who_only_mentions_it(sides, firm, staff, clock):
    for first, last in (("Zebulon", "Quackenbush-Ito"), ("Estate of Zebulon", "Quackenbush")):
        firm.upstreams.ghl.put("contacts", {"firstName": first, "lastName": last, "email": f"{last}@example.net"})
    firm.read(sides.left, "contacts")
    clock.advance(60)
    index(firm)
    rows = [row for row in staff.open(f"/search?q={NAME}").rows if NAME in row]
    assert [row.startswith(NAME) for row in rows] == [True, True, True, False]
    assert ["Ito" in row for row in rows] == [False, False, True, False]


def test_an_id_finds_its_record_and_who_may_not_look_in_finds_by_nothing_else(sides, enter):
    """X12"""
    support = enter("support")
    assert "Nothing belongs" in support.open(f"/search?q={MAIL}").text
    page = support.open(f"/search?q={sides.person}")
    assert len(page.rows) == 1
    assert NAME not in page.text


def test_what_changed_is_found_by_its_new_name_only(sides, firm, enter, clock):
    firm.upstreams.ghl.put("contacts", {"id": sides.person, "lastName": "Featherstonehaugh"})
    sides.run()
    clock.advance(60)
    assert index(firm) > 0
    assert index(firm) == 0  # nothing is looked at twice
    staff = enter("staff")
    assert "Featherstonehaugh" in staff.open("/search?q=featherstone").text
    with firm.app.app_context():
        assert db.session.query(Record).filter(Record.label.contains("Quackenbush")).count() == 0


@pytest.mark.parametrize("named", [search.MOST_NAMED, 0])
def test_a_list_is_searched_by_the_index_and_what_it_has_not_seen_is_found_too(sides, firm, staff, monkeypatch, named):
    """Where the index names too many, every name is looked at."""
    monkeypatch.setattr(search, "MOST_NAMED", named)
    address = f"/records/{sides.right}/contacts?q="
    assert [NAME in row for row in staff.open(f"{address}quackenbush").rows] == [True]
    with firm.app.app_context():
        record = db.session.query(Record).filter_by(connection_id=sides.right, label=NAME).one()
        record.label, record.written_at = "Ada Newly", clock.now()
        db.session.commit()
    assert len(staff.open(f"{address}newly").rows) == 1
    assert staff.open(f"{address}quackenbush").rows == []


def test_numbers_find_runs_and_calls(sides, firm, enter):
    staff = enter("staff")
    with firm.app.app_context():
        call = db.session.query(Transaction).first()
        number, key = call.id, call.call_key
    assert f"/transactions/{number}" in staff.open(f"/search?q={number}").html
    assert f"/transactions/{number}" in staff.open(f"/search?q={key}").html
    with firm.app.app_context():
        db.session.get_one(Transaction, number).outcome = "refused"
        db.session.commit()
    assert staff.open(f"/search?q={key}").row(1).endswith("Refused")  # in the words of its own page
    assert "/runs/1" in staff.open("/search?q=1").html
    for theirs in ("req_AbCdEfGhIjKl", "0f8fad5b-d9cb-469f-a165-70867728950e", "Root=1-67a5b2c0"):
        with firm.app.app_context():
            db.session.get_one(Transaction, number).upstream_request_id = theirs
            db.session.commit()
        assert f"/transactions/{number}" in staff.open(f"/search?q={theirs}").html, theirs


def test_a_problem_is_found_by_its_words(sides, firm, enter):
    firm.refuse(sides.right, "9001")
    staff = enter("staff")
    page = staff.open("/search?q=cannot be used")
    assert page.status == 200
    assert "/errors/" in staff.open("/search?q=9001").html


@together("words", ["%", "'", '"', '"x" OR "y"', "a*", "*", "_%_", "NEAR(a b)", "\\", "“", "ab", "x" * 200])
def test_no_words_break_it(sides, staff, words):
    from urllib.parse import quote

    assert staff.open(f"/search?q={quote(words)}").status == 200


def test_a_life_tells_what_the_console_wrote_and_where_it_came_from(sides, firm, enter, clock):
    with firm.app.app_context():
        made = db.session.query(Record).filter_by(connection_id=sides.right).order_by(Record.id.desc()).first().id
        db.session.rollback()
    staff = enter("staff")
    page = staff.open(f"/records/{made}/life")
    assert page.status == 200
    clock.advance(minutes=2)
    with firm.app.app_context():
        record = db.session.get_one(Record, made)
        number, named = record.connection_id, f"contacts:{record.external_id}"
    firm.read(number, records=[named])
    clock.advance(minutes=2)
    with firm.app.app_context():
        traces.follow()
        db.session.query(Change).filter_by(record_id=made).update({"message": "It says: all right"})
        db.session.commit()
    page = staff.open(f"/records/{made}/life")
    assert "Made by the console. It says: all right. " in page.text
    assert "Call Our clio" in page.text
    assert "GET /contacts/" in page.text
    for words in ("Made by the console", "First read", "Paired", "Our ghl", "Our clio", "Quackenbush", "See the call"):
        assert words in page.text, words
    with firm.app.app_context():
        for key, there in (("ours", record.external_id), ("another", f"{record.external_id}1")):
            delivered(number, key, kind=f"contact.{key}", records=[["contacts", there, None]])
    page = staff.open(f"/records/{made}/life")
    assert "A webhook came: contact.ours" in page.text
    assert "contact.another" not in page.text
    masked = enter("support").open(f"/records/{made}/life")
    assert "Quackenbush" not in masked.html
    assert MAIL not in masked.html


def test_a_life_has_no_call_that_named_its_number_for_something_else(firm, enter, clock):
    """An address within another record may have the number of this one."""
    number = firm.connect()
    firm.read(number, "users", kind="full")
    with firm.app.app_context():
        one = db.session.query(Record).filter_by(resource="users").first()
        record, theirs = one.id, int(one.external_id)
    clock.advance(minutes=2)
    asked = {"connection_id": number, "resource": "users", "path_template": "/users", "url": "https://x/v4/users"}
    another = json.dumps({"data": [{"id": 77, "default_address": {"id": theirs}}], "meta": {"id": 1}})
    itself = json.dumps({"data": [{"id": 77}, {"id": theirs, "default_address": {"id": 5}}]})
    (other,) = add_calls(firm, **asked, response_body=another)
    (listed,) = add_calls(firm, **asked, response_body=itself)
    own = asked | {"path_template": "/users/{id}", "url": f"https://x/v4/users/{theirs}.json", "response_body": None}
    (read,) = add_calls(firm, **own)
    clock.advance(minutes=2)
    with firm.app.app_context():
        assert traces.follow() >= 3
        assert {other, listed, read} <= set(traces.calls_naming(str(theirs), 30))

    shown = enter("staff").open(f"/records/{record}/life").html

    assert [f'"/transactions/{one}"' in shown for one in (other, listed, read)] == [False, True, True]
