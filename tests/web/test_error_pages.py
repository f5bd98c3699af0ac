"""What a person is told when something does not work: once, and with a way on."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge, TooManyRequests, UnprocessableEntity

from integration_console.errors import Conflict, Forbidden, NotFound, TryLater, Unavailable

GONE = OperationalError("SELECT 1", {}, Exception("no route to host"))
LOCKED = "The database is busy, restarting or out of reach. Nothing was saved. What you sent can safely be sent again."
SAID = [  # an error and what its page says under the heading
    (NotFound(), "It may have been removed, or the address was cut. Nothing was changed."),
    (Forbidden(), "Nothing was changed. An administrator can do it, or give you another role."),
    (MethodNotAllowed(), "Nothing was changed. Open the page again and use its buttons."),
    (Conflict(), "Nothing was saved. Go back, reload the page, and look at what it says now."),
    (RequestEntityTooLarge(), "Nothing was saved. A form may hold up to 1 MB."),
    (UnprocessableEntity(), "Nothing was changed. Look whether the whole address was copied."),
    (TooManyRequests(), "Nothing was changed. Try again in a moment"),
    (GONE, LOCKED),
    (Unavailable(), LOCKED),
    (Forbidden("Another administrator must."), "Another administrator must. Nothing was changed."),
    (TryLater("Clio is down."), "Clio is down. What you sent can safely be sent again."),
    (NotFound("There is no run 9."), "There is no run 9. It may have been removed, or the address was cut."),
]


@pytest.mark.one_database
def test_a_page_says_what_happened_once(enter, monkeypatch, subtests):
    admin = enter("admin")
    for error, words in SAID:
        with subtests.test(error=repr(error)):

            def fails(*_, error=error, **__):
                raise error

            monkeypatch.setattr("integration_console.web.runs.runs.run_history.browse", fails)
            page = admin.open("/runs")
            assert page.one("div", class_="error-page").text.startswith(f"{page.status} {page.headings[0]} {words}")


@pytest.mark.one_database
def test_a_form_that_expired_says_so_once(enter):
    page = enter("admin").client.post("/settings/firm", data={"csrf_token": "old"})
    assert page.text.count("The form expired") == 2  # the title of the window, and the heading
