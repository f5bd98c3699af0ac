"""What came to a list since it was shown is counted above it, with its filters, and told once."""

from __future__ import annotations

from itertools import count

import pytest

from integration_console import clock
from integration_console.models import AuditEvent, Change, WebhookMessage, db

from .test_deliveries import delivered

pytestmark = pytest.mark.one_database
serial = count(1)


@pytest.fixture
def admin(enter):
    return enter("admin")


@pytest.fixture
def number(firm):
    """A connection that tells events."""
    number = firm.connect()
    with firm.app.app_context():
        _message(number)
    return number


@pytest.fixture
def lists(firm, number):
    """Each list with a filter that all of its rows pass, and what adds a row."""
    run = firm.past_run(number)
    return {
        f"/runs?connection={number}": lambda: firm.past_run(number),
        f"/deliveries?connection={number}": lambda: delivered(number, f"event {next(serial)}"),
        f"/errors/log?run={run}": lambda: firm.failure(run, number, "Clio did not answer."),
        f"/errors/log?run={run}&kind=upstream": lambda: firm.failure(run, number, "Clio did not answer."),
        f"/writes?connection={number}&state=waiting": lambda: _write(number),
        "/settings/audit?action=noted": lambda: _line(),
        f"/connections/{number}/events": lambda: _message(number),
    }


def _write(number: int) -> None:
    key, now = f"write {next(serial)}", clock.now()
    _add(Change(connection_id=number, resource="matters", op="create", idempotency_key=key, created_at=now))


def _line() -> None:
    _add(AuditEvent(at=clock.now(), actor="ada@example.com", action="noted", target="", details={}, address=""))


def _message(number: int) -> None:
    now, one = clock.now(), next(serial)
    _add(
        WebhookMessage(
            connection_id=number, key=f"msg_{one}", type="run.finished", event=f"run.finished:{one}", body="{}",
            state="pending", tries=0, due_at=now, created_at=now,
        )
    )  # fmt: skip


def _add(row) -> None:
    db.session.add(row)
    db.session.commit()


def test_what_came_since_is_counted_with_the_same_filters_and_said_once(app, admin, lists):
    for shown, add in lists.items():
        part = admin.open(shown).one("div", class_="newer").attrs["hx-get"]
        assert admin.part(f"{part}&seen=0").status == 204, shown
        for _ in range(2):
            with app.app_context():
                add()
        told = admin.part(f"{part}&seen=0")
        assert told.links == {"2 new, show": shown}
        assert admin.part(f"{part}&seen=2").status == 204, shown


def test_rows_that_the_filters_leave_out_are_not_counted(app, admin, lists, number):
    for shown, without in (
        (f"/deliveries?connection={number}", "kind=contact."),
        (f"/writes?connection={number}&state=waiting", "op=delete"),
        ("/settings/audit?action=noted", "q=grace"),
    ):
        part = admin.open(f"{shown}&{without}").one("div", class_="newer").attrs["hx-get"]
        with app.app_context():
            lists[shown]()
        assert admin.part(f"{part}&seen=0").status == 204, shown


def test_an_address_that_names_no_row_tells_nothing(admin, number):
    for path in ("/runs", "/deliveries", "/errors/log", "/writes", "/settings/audit", f"/connections/{number}/events"):
        for made_up in ("", "?newer=-1", "?newer=x", "?newer=1&colour=red"):
            assert admin.part(f"{path}/newer{made_up}").status == 204


def test_a_part_that_is_opened_by_hand_leads_to_its_list(admin, lists):
    for shown in lists:
        part = admin.open(shown).one("div", class_="newer").attrs["hx-get"]
        assert admin.client.get(f"{part}&seen=0").location == shown
        assert admin.client.get(part.partition("?")[0]).location == shown.partition("?")[0]
