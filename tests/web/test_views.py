"""Saved views: one's own and shared ones, on the list they filter."""

from __future__ import annotations

import pytest

from integration_console.web.finding import views


def save(person, query: str, name: str, **more):
    values = {"path": "/transactions", "query": query, "name": name, **more}
    return person.send("/views", f"/transactions?{query}", values)


def test_a_view_is_kept_shown_and_removed(enter):
    staff, other = enter("staff"), enter("support")
    answer = save(staff, "status=5xx&service=clio", "Clio is down")
    assert answer.location.endswith("/transactions?status=5xx&service=clio")
    page = staff.open("/transactions")
    assert page.links["Clio is down"] == "/transactions?status=5xx&service=clio"
    assert "Clio is down" not in other.open("/transactions").text
    assert "Clio is down" not in staff.open("/runs").text
    staff.send("/views/1/removal", "/transactions")
    assert "Clio is down" not in staff.open("/transactions").links


@pytest.mark.one_database
def test_filters_that_cannot_be_used_are_not_offered_to_be_kept(enter):
    staff = enter("staff")
    assert "Save this view" in staff.open("/transactions?status=5xx").text
    assert "Save this view" not in staff.open("/transactions?status=9xx").text


@pytest.mark.one_database
def test_what_everybody_looks_for_is_there_from_the_start(enter):
    support = enter("support")
    for path, given in views.BUILT_IN.items():
        here = support.open(path).links
        for name, query in given:
            assert here[name] == f"{path}?{query}"
            page = support.open(here[name])
            assert (page.status, page.one("a", aria_current="true").text) == (200, name)


def test_a_shared_view_is_everybodys_and_its_makers_or_an_administrators_to_remove(enter):
    staff, support, admin = enter("staff"), enter("support"), enter("admin")
    save(staff, "status=4xx", "Refused ones", shared="on")
    assert "Manage views" in staff.open("/transactions").text
    assert "Manage views" not in support.open("/transactions").text  # nothing of theirs is there
    assert "Refused ones" in support.open("/transactions").text
    assert support.send("/views/1/removal", "/transactions").status_code == 403
    assert admin.send("/views/1/removal", "/transactions").status_code == 302
    assert "Refused ones" not in support.open("/transactions").text


def test_somebody_elses_own_view_does_not_exist_for_others(enter):
    """X12"""
    staff, admin = enter("staff"), enter("admin")
    save(staff, "status=4xx", "Mine")
    assert admin.send("/views/1/removal", "/transactions").status_code == 404


def test_the_same_name_replaces_and_an_empty_filter_or_name_is_refused(enter):
    staff = enter("staff")
    save(staff, "status=4xx", "Mine")
    save(staff, "status=5xx", "Mine")
    assert staff.open("/transactions").links["Mine"] == "/transactions?status=5xx"
    assert "Nothing was saved" in staff.open(save(staff, "", "Empty").location).text
    assert "Nothing was saved" in staff.open(save(staff, "status=4xx", " ").location).text


def test_a_view_leads_nowhere_else(enter):
    values = {"path": "https://evil.example/x", "query": "a=1", "name": "Trap"}
    answer = enter("staff").send("/views", "/transactions?status=4xx", values)
    assert answer.location.startswith("/?")
