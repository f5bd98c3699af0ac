"""The API page: a reading call is tried with one's own token, and the page suits everybody."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from ..web.serving import token_of


def test_a_call_is_tried_with_ones_own_token(live, tab):
    token = token_of(live.app, "staff", "read")
    tab.sign_in(live.user())
    page = tab.open("/docs/api")
    trying = page.locator("#try")  # a role or a label is looked for among the page's thousands of elements else
    trying.get_by_role("textbox", name="Token").fill(token)
    page.locator("[data-try-path^='/api/integrations/connections?']").click()
    trying.get_by_role("button", name="Call", exact=True).click()
    answer = trying.get_by_label("Answer")
    answer.get_by_text("200 OK").wait_for()
    expect(answer).to_contain_text('"connections": []')

    trying.get_by_role("textbox", name="Token").fill("ic_wrong")
    trying.get_by_role("button", name="Call", exact=True).click()
    answer.get_by_text("Authentication required").wait_for()
    trying.get_by_role("combobox", name="Address").fill("https://elsewhere.example/api/integrations")
    trying.get_by_role("button", name="Call", exact=True).click()
    answer.get_by_text("The address begins with /api/.").wait_for()
    expect(page).not_to_have_url(re.compile("ic_"))
    tab.said.clear()  # the browser notes the status 401


def test_the_page_is_fit_for_everybody(live, tab):
    tab.sign_in(live.user())
    assert tab.faults_of(["/docs/api"], quoting="/docs/api") == []
