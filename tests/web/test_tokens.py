"""The settings page of API tokens: made and shown once, listed, revoked; for administrators."""

from datetime import timedelta

import pytest

from integration_console.operations.people import tokens

from ..html_page import Page


@pytest.fixture
def admin(enter):
    return enter("admin")


def made(admin, **values) -> str:
    answer = admin.send(
        "/settings/tokens",
        "/settings/tokens",
        {"name": "Reports", "owner": "1", "scope": "read", "days": "30", **values},
    )
    assert answer.status_code == 200, answer.text
    return Page(answer).one("code", class_="secret-once").text


def test_a_token_is_shown_once_and_then_only_its_end(app, admin):
    text = made(admin)
    with app.app_context():
        assert tokens.holder(text).email == "admin@example.com"
    page = admin.open("/settings/tokens")
    assert text not in page.html
    assert f"…{text[-4:]}" in page.row(1)
    assert "Reports admin@example.com read" in page.row(1)


def test_a_token_is_revoked_at_once(app, admin):
    text = made(admin)
    admin.send("/settings/tokens/1/revocation", "/settings/tokens")
    with app.app_context():
        assert tokens.holder(text) is None
    assert "Revoked" in admin.open("/settings/tokens").row(1)


@pytest.mark.parametrize("overlap", ["yes", ""])
def test_a_token_is_rotated_at_once_or_with_a_week_to_change_over(app, admin, overlap):
    old = made(admin)
    answer = Page(admin.send("/settings/tokens/1/rotation", "/settings/tokens", {"overlap": overlap}))
    new = answer.one("code", class_="secret-once").text
    assert ("The old one works until" in answer.text) is bool(overlap)
    with app.app_context():
        assert tokens.holder(new).token_name == tokens.find(1).name == "Reports"
        assert (tokens.holder(old) is not None) is bool(overlap)
        first, second = tokens.find(1), tokens.find(2)
        assert first.expires_at - first.created_at <= timedelta(days=7, minutes=1) or not overlap
        assert second.expires_at - second.created_at == timedelta(days=30)
        tokens.revoke(second, actor="test")
    admin.send("/settings/tokens/2/rotation", "/settings/tokens")
    assert "This token is revoked. Make a new one instead." in admin.open("/settings/tokens").text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("field", "value"),
    [("owner", "77"), ("scope", "admin"), ("days", "0"), ("days", "soon"), ("name", "x" * 201), ("name", " ")],
)
def test_what_cannot_be_used_is_said_at_its_field(admin, field, value):
    values = {"name": "Reports", "owner": "1", "scope": "read", "days": "30", field: value}
    answer = admin.send("/settings/tokens", "/settings/tokens", values)
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text


@pytest.mark.one_database
@pytest.mark.parametrize("role", ["staff", "support"])
def test_tokens_are_for_administrators(enter, role):
    """X12"""
    somebody = enter(role)
    assert somebody.open("/settings/tokens").status == 403
    assert somebody.send("/settings/tokens", "/settings/profile", {"owner": "1"}).status_code == 403
