"""Every service declares what a person with its manual can check: source and date, limits, a label, a way in."""

from datetime import date

import pytest

from integration_console import sandbox, services

EVERY = list(services.every().values())


@pytest.mark.parametrize("service", EVERY, ids=lambda service: service.key)
def test_a_service_declares_who_it_is_and_where_that_is_written(service):
    assert service.key.isidentifier()
    assert service.key.islower()
    assert service.label
    assert service.description
    assert service.category
    assert service.source.startswith("https://")
    assert isinstance(service.source_read, date)
    assert service.base_url.startswith(("https://", "{"))


@pytest.mark.parametrize("service", EVERY, ids=lambda service: service.key)
def test_a_service_declares_how_fast_we_may_go_and_how_we_get_in(service):
    assert service.limits
    assert service.ways


@pytest.mark.parametrize("service", EVERY, ids=lambda service: service.key)
def test_every_resource_has_a_name_for_people_and_columns_for_reports(service):
    assert service.resources
    for key, resource in service.resources.items():
        assert resource.key == key
        assert resource.label
        assert resource.columns()
        assert len(f"{service.key}_{key}") <= 63  # the longest name PostgreSQL gives a view
        assert resource.per is None or resource.per in service.resources


def test_a_service_is_found_by_its_key_and_no_two_share_one():
    assert len({service.key for service in EVERY}) == len(EVERY)
    assert all(services.by_key(service.key) is service for service in EVERY)


def test_every_service_has_a_stand_in_at_a_port_of_its_own():
    assert set(sandbox.KEYS) == set(services.every())
    assert len({stand_in.usual_port for stand_in in sandbox.STAND_INS.values()}) == len(sandbox.KEYS)
