"""What every service file promises the engine, whatever its upstream."""

import pytest

from integration_console import services
from integration_console.services.base import Event, Named

ALL = [(service, resource) for service in services.every().values() for resource in service.resources.values()]
NAMES = [f"{service.key}.{resource.key}" for service, resource in ALL]


@pytest.mark.parametrize(("service", "resource"), ALL, ids=NAMES)
def test_owners_are_declared_and_so_read_before_what_is_listed_under_them(service, resource):
    order = list(service.resources)

    assert resource.per is None or order.index(resource.per) < order.index(resource.key)


@pytest.mark.parametrize(("service", "resource"), ALL, ids=NAMES)
def test_no_column_of_a_report_has_two_sources(service, resource):
    columns = [column.name.lower() for column in resource.columns()]

    assert len(columns) == len(set(columns))


@pytest.mark.parametrize(("service", "resource"), ALL, ids=NAMES)
def test_a_record_needs_nothing_but_its_id(service, resource):
    """P5, P6: what an upstream leaves out is not a fault of the record; an id that is missing is."""
    only = resource.validate({resource.id: 7, "of_tomorrow": True})

    assert only[resource.id] in (7, "7")
    assert resource.name_of({resource.id: 7}) == "7"
    with pytest.raises(ValueError, match=resource.id):
        resource.validate({"name": "nobody"})


def test_an_event_is_about_one_id_and_what_came_together_is_several_events():
    """A record's deliveries are found by it."""
    assert Event("1", "invoice.paid", (Named("invoices", "17"), Named("expenses", "17"))).records

    with pytest.raises(ValueError, match="several events"):
        Event("1", "invoice.paid", (Named("invoices", "17"), Named("invoices", "18")))
