"""W3, W5, W6, D2: a mapping lives through whatever comes, in any order, and comes to rest with both sides alike."""

import os

import pytest

from tests.life import Life

from .conftest import connect, sync
from .mapped import keep_only

LIVES = int(os.environ.get("LIVES", "20"))
QUICK = (6, 16)  # both see a record made twice where a create that nobody answered is not looked for


@pytest.fixture
def empty(session, sandbox):
    """A location and a firm without contacts, connected and read."""
    for upstream, resource in ((sandbox.ghl, "contacts"), (sandbox.clio, "contacts"), (sandbox.clio, "matters")):
        keep_only(upstream, resource, 0)
    ends = connect(sandbox, "ghl"), connect(sandbox, "clio")
    for connection in ends:
        sync(connection, kind="full", only=["contacts", "custom_fields"])
    return ends


@pytest.mark.postgresql_at_length
@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=() if n in QUICK else pytest.mark.faults) for n in range(1, LIVES + 1)]
)
def test_a_mapping_comes_to_rest_after_whatever_came_and_nothing_is_doubled_or_lost(sandbox, empty, seed):
    life = Life(sandbox, empty, seed)

    life.live(40)
    moved = life.rest()

    assert (moved, life.faults()) == ("", []), life.told
