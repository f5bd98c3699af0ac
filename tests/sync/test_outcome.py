"""How a run ended, in words that a person reads on the first screen."""

from __future__ import annotations

from collections import Counter

import pytest

from integration_console.models import RunPart
from integration_console.sync.outcome import carried, sum_up
from integration_console.sync.sending.ending import Sent

SAID = "Clockify refused the call (status 400). It says: Client with this name already exists"


@pytest.mark.parametrize(
    ("sent", "counts", "said"),
    [
        (
            Sent(done=27, created=27, dead=1, messages=[SAID]), {"ambiguous": 1},
            f"27 made, 0 changed, 0 deleted. 1 could not be carried: {SAID}. 1 record waits for a person to match.",
        ),
        (
            Sent(waiting=1), {"ambiguous": 1200, "paused": 1},
            "0 made, 0 changed, 0 deleted. 1 pair was paused: it does not come to rest. 1 write waits for another try. "
            "1,200 records wait for a person to match.",
        ),
        (
            Sent(waiting=2), {"paused": 2, "owed": 1},
            "0 made, 0 changed, 0 deleted. 1 bill or invoice stands whose other half was deleted: look at both sides. "
            "2 pairs were paused: they do not come to rest. 2 writes wait for another try.",
        ),
        (
            Sent(waiting=3, held=["A legal hold keeps this data: Doe."] * 2), {},
            "0 made, 0 changed, 0 deleted. 1 write waits for another try. 2 deletions wait. A legal hold keeps this "
            "data: Doe.",
        ),
    ],
)  # fmt: skip
def test_what_a_mapping_left_undone_is_said_in_whole_sentences(sent, counts, said):
    ending = carried(Counter(counts), sent)
    assert (ending.state, ending.message) == ("done_with_problems", said)


def test_sides_that_wait_for_a_person_or_another_record_are_not_said_to_agree():
    said = carried(Counter(seen=9, asked=1), Sent(), 2).message
    assert said == (
        "0 made, 0 changed, 0 deleted. Both sides changed 1 field: a person is asked. "
        "2 records wait for another one that is not there yet."
    )
    assert carried(Counter(seen=9), Sent(), 0).message == "Both sides agreed already."


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (1, "1 record could not be kept and waits under Errors."),
        (1200, "1,200 records could not be kept and wait under Errors."),
    ],
)  # fmt: skip
def test_one_record_that_was_not_kept_is_one(refused, said):
    assert sum_up([RunPart(state="done", resource="contacts", refused=refused, complete=True)]).message == said


def test_what_was_not_read_is_called_as_people_call_it():
    parts = [
        RunPart(state="done", resource="contacts", complete=True),
        RunPart(state="failed", resource="time_entries", message="It is down."),
    ]
    assert sum_up(parts).message == "Everything was read except time entries. It is down."
