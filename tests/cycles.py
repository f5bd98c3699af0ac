"""Two sides edited at random, cycle after cycle, and what must be true after each: for a test and a benchmark."""

from __future__ import annotations

import json
import random
import re
import unicodedata
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from integration_console.models import Change, Conflict, Record, RecordLink, db

from .operations.mapped import cycle, of_clio, of_ghl, push

FIELDS = {"first": ("firstName", "first_name"), "last": ("lastName", "last_name")}
LINES = (
    *((left, right, "both", "copy", {}) for left, right in FIELDS.values()),
    ("email", "email", "both", "email", {}),
    ("firstName,lastName,companyName", "type", "to_right", "person_or_company", {"only_create": True}),
)
TOKEN = re.compile(r"\b[LR]\d+x\d+\b")


@dataclass
class Facts:
    """What the cycles showed."""

    pairs: int = 0
    edits: int = 0
    conflicts: int = 0
    written: int = 0
    unequal: int = 0  # pairs whose mapped fields differ after a cycle
    twins: int = 0  # records more than there should be
    idle_writes: int = 0  # writes in a cycle without edits
    lost: int = 0  # edited values that are nowhere any more
    tokens: set[str] = field(default_factory=set)


def run_cycles(sandbox, connections, mapping: int, *, cycles: int, edits: int, seed: int = 7) -> Facts:
    """Edit both sides at random, carry, check; a cycle without edits follows each."""
    dice, facts = random.Random(seed), Facts()
    people = _pairs(mapping)
    facts.pairs = len(people)
    counts = (sandbox.ghl.ledger()["contacts"], sandbox.clio.ledger()["contacts"])
    for number in range(cycles):
        _edit(sandbox, dice, people, number, edits, facts)
        facts.written += cycle(mapping, connections, release_brake=True).changed
        facts.unequal += sum(_differ(sandbox, *pair) for pair in people)
        facts.twins += abs(sandbox.ghl.ledger()["contacts"] - counts[0])
        facts.twins += abs(sandbox.clio.ledger()["contacts"] - counts[1])
        facts.lost += len(facts.tokens - _found(sandbox, people))
        facts.idle_writes += push(mapping).changed + cycle(mapping, connections).changed
    facts.conflicts = db.session.scalar(select(func.count()).select_from(Conflict)) or 0
    db.session.rollback()
    return facts


def _pairs(mapping: int) -> list[tuple[str, int]]:
    left, right = aliased(Record), aliased(Record)
    query = select(left.external_id, right.external_id).select_from(RecordLink)
    query = query.join(left, left.id == RecordLink.left_record_id).join(right, right.id == RecordLink.right_record_id)
    query = query.where(RecordLink.mapping_id == mapping, RecordLink.state == "linked").order_by(RecordLink.id)
    query = query.where(right.data["type"].as_string() == "Person")  # a company keeps no first and last name
    found = [(one, int(other)) for one, other in db.session.execute(query)]
    db.session.rollback()
    return found


def _edit(sandbox, dice: random.Random, people, number: int, edits: int, facts: Facts) -> None:
    """So many edits on each side; now and then of the same person, and of the same field."""
    latest: dict[tuple, str] = {}  # what somebody overwrites with a later edit of the same field is theirs to lose
    for place in range(edits):
        left, right = dice.choice(people)
        for side in dice.choice((("L",), ("R",), ("L", "R"))):
            token, name = f"{side}{number}x{place}", dice.choice(list(FIELDS))
            facts.tokens.discard(latest.get((side, left, name), ""))
            facts.tokens.add(token)
            latest[side, left, name] = token
            facts.edits += 1
            if side == "L":
                sandbox.ghl.put("contacts", {"id": left, FIELDS[name][0]: token})
            else:
                sandbox.clio.put("contacts", {"id": right, FIELDS[name][1]: token})


def _differ(sandbox, left: str, right: int) -> bool:
    one, other = of_ghl(sandbox.ghl, left), of_clio(sandbox.clio, right)
    return any(_folded(one[name]) != _folded(other[name]) for name in FIELDS)


def _folded(value: str | None) -> str:
    """A name as either side keeps it: both trim blanks on saving, each in its own way."""
    return " ".join(unicodedata.normalize("NFC", value or "").split())


def _found(sandbox, people) -> set[str]:
    """Every edited value that is on a side, or in what the console keeps of it."""
    texts = [str(of_ghl(sandbox.ghl, left)) + str(of_clio(sandbox.clio, right)) for left, right in people]
    for column in (Change.before, Change.wanted, Conflict.held):
        texts += [json.dumps(value) for value in db.session.scalars(select(column))]
    db.session.rollback()
    return {token for text in texts for token in TOKEN.findall(text)}
