"""What values refer to, told by name."""

from __future__ import annotations

import pytest

from integration_console.operations.finding.named import Named
from integration_console.services.writing import Field

from .two_sides import TwoSides

pytestmark = pytest.mark.one_database

CLIENT, AMOUNT = Field("client.id", "Client", "ref", of="contacts"), Field("estimate", "Estimate", "number")


def test_a_value_that_refers_to_a_record_we_hold_is_told_with_its_name(session):
    two = TwoSides()
    two.client("31", "Ana Ruiz")
    told = {
        ("right", CLIENT, "31"): "Ana Ruiz (31)",
        ("right", CLIENT, 31): "Ana Ruiz (31)",
        ("left", CLIENT, "31"): "31",  # the other account's 31 is somebody else
        ("right", CLIENT, "32"): "32",
        ("right", AMOUNT, 31): 31,
        ("right", None, "31"): "31",
        ("right", CLIENT, None): None,
    }
    places = [(getattr(two, side), field, value) for side, field, value in told]
    named = Named(places)
    assert [named(*place) for place in places] == list(told.values())
