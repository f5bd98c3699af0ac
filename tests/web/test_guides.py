"""The set-up guides: each service has one where it is connected, and it says what the service's declaration says."""

from __future__ import annotations

import pytest

from integration_console import services
from integration_console.services.base import OAuth

pytestmark = pytest.mark.one_database


def test_each_guide_is_linked_where_its_service_is_connected_and_names_what_to_enter(enter):
    admin = enter("admin")
    for key, service in services.every().items():
        link = admin.open(f"/connections/new/{key}").links[
            f"How to set {service.label} up, and what to do when it does not work"
        ]
        page = admin.open(link)
        guide = page.text
        assert any(heading.text.startswith("When ") for heading in page.all("h2")), key  # it fails
        for way in service.ways:
            if isinstance(way, OAuth):
                assert f"http://127.0.0.1:8000/oauth/{key}/callback" in guide, key
                missing = [scope for scope in way.scopes + way.optional_scopes if scope not in guide]
                assert not missing, (key, missing)


def test_a_guide_names_the_redirect_address_in_force(enter, monkeypatch):
    monkeypatch.setenv("SLACK_REDIRECT_URI", "https://console.example.com/oauth/slack/callback")
    page = enter("admin").open("/connections/new/slack/guide")
    assert "https://console.example.com/oauth/slack/callback" in page.text
    assert "http://127.0.0.1:8000/oauth/slack" not in page.text


def test_a_guide_begins_with_its_contents_and_each_line_leads_to_its_part(enter):
    page = enter("admin").open("/connections/new/clio/guide")
    lines = {text: to for text, to in page.links.items() if to.startswith("#part-")}
    parts = [heading for heading in page.all("h2") if heading.attrs.get("id", "").startswith("part-")]
    assert lines == {heading.text: f"#{heading.attrs['id']}" for heading in parts}
    assert "Webhooks" in lines
