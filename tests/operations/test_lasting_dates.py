"""A firm that keeps its limitation dates in a field of its own has them kept as Clio's own are."""

from __future__ import annotations

import pytest

from integration_console import clock
from integration_console.models import DataMapping, LimitationRule, db
from integration_console.operations.mapping import mappings

from .conftest import connect, sync
from .mapped import keep_only, make_mapping, push

DAY, DUE = "2027-03-04", 2  # Clio's field "Date of loss", of matters
TOLD = "{} stays where it is when the other side's is emptied."


@pytest.fixture
def firm(session, sandbox):
    """A lead and a matter of one name, the day in the field of each."""
    keep_only(sandbox.ghl, "contacts", 1)
    keep_only(sandbox.clio, "contacts", 1)
    keep_only(sandbox.clio, "matters", 1)
    (lead,), (matter,) = sandbox.ghl.shelves["contacts"].numbers(), sandbox.clio.shelves["matters"].numbers()
    values = [{"custom_field": {"id": DUE}, "value": DAY}]
    sandbox.clio.put("matters", {"id": matter, "description": "Ada", "status": "Open", "custom_field_values": values})
    sandbox.ghl.put("contacts", {"id": lead, "firstName": "Ada"})
    fill(sandbox, DAY)
    return connect(sandbox, "ghl"), connect(sandbox, "clio")


def fill(sandbox, day: str) -> None:
    (lead,) = sandbox.ghl.shelves["contacts"].numbers()
    told = [{"id": sandbox.ghl.record("custom_fields", 2)["id"], "value": day}]
    sandbox.ghl.put("contacts", {"id": lead, "customFields": told})


def mapped(sandbox, firm, **blank) -> int:
    """Their days carried both ways, and agreed."""
    read(firm)
    own = f"custom:{sandbox.ghl.record('custom_fields', 2)['id']}"
    lines = [(own, f"custom:{DUE}", "both", "date", blank)]
    keys = [{"by": "field", "left": "firstName", "right": "description"}]
    number = make_mapping(
        *firm, lines, kinds=("contacts", "matters"), keys=keys, creates_right=False, creates_left=False
    )
    assert push(number).state == "done"
    return number


def read(firm) -> None:
    for connection, kind in zip(firm, ("contacts", "matters"), strict=True):
        sync(connection, kind="full", only=[kind, "custom_fields"])


def day_at_clio(sandbox) -> str | None:
    (matter,) = sandbox.clio.shelves["matters"].numbers()
    values = sandbox.clio.record("matters", matter)["custom_field_values"]
    return next((one["value"] for one in values if one["custom_field"]["id"] == DUE), None)


def emptied(sandbox, firm, number: int) -> str | None:
    """What is left of the day at Clio when the lead's is emptied."""
    assert day_at_clio(sandbox) == DAY
    fill(sandbox, "")
    read(firm)
    push(number)
    return day_at_clio(sandbox)


def told(number: int) -> list[str]:
    return [one.message for one in mappings.check(db.session.get_one(DataMapping, number))]


def test_a_date_in_a_field_that_is_called_a_limitation_date_is_never_emptied(sandbox, firm):
    sandbox.clio.put("custom_fields", {"id": DUE, "name": "Statute of Limitations"})
    number = mapped(sandbox, firm)

    assert TOLD.format("Statute of Limitations") in told(number)
    assert emptied(sandbox, firm, number) == DAY
    fill(sandbox, "2027-05-06")
    read(firm)
    push(number)
    assert day_at_clio(sandbox) == "2027-05-06"


def test_nor_is_one_in_a_field_a_limitation_rule_writes_to_whatever_it_is_called(sandbox, firm):
    rule = LimitationRule(
        name="Injury", practice_area="Injury", jurisdiction="", period=2, unit="years", from_field="open_date",
        to_field=f"custom:{DUE}", mode="propose", source="", enabled=False, changed_by="ana", changed_at=clock.now(),
    )  # fmt: skip
    db.session.add(rule)
    db.session.commit()
    number = mapped(sandbox, firm)

    assert TOLD.format("Date of loss") in told(number)
    assert emptied(sandbox, firm, number) == DAY


def test_any_other_date_is_emptied_with_its_partner(sandbox, firm):
    number = mapped(sandbox, firm)

    assert TOLD.format("Date of loss") not in told(number)
    assert emptied(sandbox, firm, number) is None
