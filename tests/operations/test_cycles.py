"""W6: both sides edited at random, cycle after cycle: they agree, make no twins, lose nothing, and come to rest."""

from sqlalchemy import select

from integration_console.models import Change, db
from tests.cycles import LINES, run_cycles

from .conftest import connect, sync
from .mapped import cycle, keep_only, make_mapping, pairs, push


def test_two_sides_edited_at_random_agree_after_every_cycle_and_then_rest(session, sandbox):
    keep_only(sandbox.ghl, "contacts", 40)
    keep_only(sandbox.clio, "contacts", 40)
    pair = connect(sandbox, "ghl"), connect(sandbox, "clio")
    for connection in pair:
        sync(connection, kind="full", only=["contacts", "custom_fields"])
    mapping = make_mapping(*pair, LINES, rule="left", write_cap=10_000)
    push(mapping, release_brake=True)
    push(mapping)

    facts = run_cycles(sandbox, pair, mapping, cycles=4, edits=9)

    assert facts.pairs > 30
    assert facts.edits > 30
    assert facts.conflicts > 0
    assert facts.written > 0
    assert (facts.unequal, facts.twins, facts.idle_writes, facts.lost) == (0, 0, 0, 0)


def test_what_a_service_makes_of_a_value_on_saving_comes_to_rest_in_two_writes(session, sandbox):
    """W6: blanks around a name, a telephone number and an address in other spellings, accents written apart."""
    for upstream in (sandbox.ghl, sandbox.clio):
        keep_only(upstream, "contacts", 3)
    keep_only(sandbox.clio, "matters", 1)
    ends = connect(sandbox, "ghl"), connect(sandbox, "clio")
    for connection in ends:
        sync(connection, kind="full", only=["contacts", "custom_fields"])
    mapping = make_mapping(*ends)
    push(mapping)
    cycle(mapping, ends)
    (first, there), (second, here), *_ = pairs(mapping)
    before = len(list(db.session.scalars(select(Change.id))))
    sandbox.ghl.put("contacts", {"id": first, "firstName": "  Jose\u0301 ", "email": "JOSE@Example.ORG"})
    sandbox.clio.put("contacts", {"id": here, "last_name": " O\u2019Brien  ", "phone_numbers": [
        {"name": "Mobile", "number": "(415) 555-0188", "default_number": True},
    ]})  # fmt: skip

    for _ in range(4):
        last = cycle(mapping, ends)

    written = db.session.execute(select(Change.link_id, Change.state).order_by(Change.id).offset(before)).all()
    assert {state for _, state in written} == {"done"}
    assert max([link for link, _ in written].count(link) for link, _ in written) <= 2
    assert (last.changed, last.message) == (0, "Nothing had changed.")
    assert sandbox.clio.record("contacts", there)["first_name"] == "José"
    assert sandbox.ghl.record("contacts", second)["phone"] == "+14155550188"
