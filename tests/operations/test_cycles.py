"""W6: both sides edited at random, cycle after cycle: they agree, make no twins, lose nothing, and come to rest."""

from tests.cycles import LINES, run_cycles

from .conftest import connect, sync
from .mapped import keep_only, make_mapping, push


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
