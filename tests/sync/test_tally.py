"""What a preview counts as a write."""

from integration_console.sync.carrying.steps import Step
from integration_console.sync.carrying.tally import Tally
from integration_console.sync.carrying.verdict import Intent, Verdict


def verdict(*sides: str) -> Verdict:
    return Verdict(**{f"to_{side}": Intent(values={"city": "Oslo"}) for side in sides})


def test_a_pair_whose_both_sides_change_is_one_update_and_two_writes():
    tally = Tally()
    tally.add(
        [Step("update", verdict=verdict("left", "right")), Step("create", side="right", verdict=verdict("right"))]
    )
    assert (tally.counts["update"], tally.writes) == (1, {"left": 1, "right": 2})
    assert tally.sends["right"] == {"create": 1, "update": 1, "delete": 0}


def test_what_waits_or_is_refused_is_no_write_yet():
    tally = Tally()
    tally.add([Step(kind, side="right", verdict=verdict("right")) for kind in ("wait", "refused", "ambiguous")])
    assert tally.writes == {"left": 0, "right": 0}
