"""`flask practice-areas`: what a text is about, and the rules that tell it."""

import pytest

pytestmark = pytest.mark.one_database


def test_a_text_is_told_its_area(console):
    ended = console("practice-areas", "try", "I want a divorce and custody of my children")
    assert ended.status == 0
    assert ended.out.startswith("Family (")
    assert "“divorce”, “custody” and “children”" in ended.out

    told = console.json("practice-areas", "try", "I want a divorce and custody of my children")
    assert (told["area"], told["likeliest"], told["firm_area"]) == ("Family", "Family", None)
    assert 0.65 <= told["confidence"] <= 1
    assert told["scores"]["Family"] == told["confidence"]

    unsure = console.json("practice-areas", "try", "Please call me")
    assert (unsure["area"], unsure["rule_ids"]) == (None, [])
    assert console("practice-areas", "try", "-", stdin="my landlord wants to evict me").out.startswith(
        "Landlord-Tenant"
    )


def test_a_text_that_is_none_is_wrong_usage(console):
    assert console("practice-areas", "try", " ").failed("client", status=2)
    assert console("practice-areas", "try", "x" * 5001).failed("5,000", status=2)
    assert console("practice-areas", "try").status == 2


def test_the_rules_are_listed_once_the_worker_put_them_in_place(console):
    assert "The worker puts" in console("practice-areas", "rules").out
    assert console.lines("practice-areas", "rules") == []

    console("worker", "--once")

    every = console.lines("practice-areas", "rules")
    family = console.lines("practice-areas", "rules", "--area", "Family")
    assert len(every) > len(family) > 20
    assert {"id", "area", "kind", "text", "weight", "enabled", "shipped", "right_count", "wrong_count"} <= every[
        0
    ].keys()
    assert len(console("practice-areas", "rules", "--limit", "3").out.splitlines()) == 5
    assert console.json("practice-areas", "try", "I want a divorce and custody")["rule_ids"]
