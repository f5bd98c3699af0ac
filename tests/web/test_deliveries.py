"""The pages of webhooks: a connection's hooks, the deliveries, one delivery, reading it again."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from integration_console import clock as house_clock
from integration_console.models import Delivery, Record, WebhookSubscription, db
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.accounts.hook_secrets import set_secret
from integration_console.operations.deliveries import tending
from integration_console.storage import deliveries as kept

from ..operations.conftest import connect, point_at, sync

pytestmark = pytest.mark.one_database


@pytest.fixture
def sandbox(monkeypatch, fresh_upstreams):
    point_at(monkeypatch, fresh_upstreams)
    return fresh_upstreams


def delivered(connection_id: int, key: str, **facts) -> int:
    now = house_clock.now()
    row = Delivery(
        service="clio", connection_id=connection_id, event_key=key, received_at=now, next_try_at=now, call_key="c",
        body_bytes=9, body_hash="0" * 64,
        headers={}, body='{"id": 17}',
        **{"kind": "matter.updated", "records": [["matters", "17", None]], **facts},
    )  # fmt: skip
    db.session.add(row)
    db.session.commit()
    return row.id


def test_the_tab_registers_shows_and_gives_up_hooks(app, enter, sandbox):
    admin = enter("admin")
    with app.app_context():
        number = connect(sandbox, "clockify", "Hours")
    tab = f"/connections/{number}/webhooks"
    assert "No webhook is registered yet" in admin.open(tab).text
    assert f"/webhooks/clockify/{_key(app, number)}" in admin.open(tab).text

    admin.send(tab, tab)
    assert "New time entry Being made" in admin.open(tab).row(1)
    with app.app_context():
        tending.tend()
    assert "New time entry Active" in admin.open(tab).row(1)
    assert "10 of the 10 its plan allows" in admin.open(f"/connections/{number}").text
    assert len(sandbox.clockify.hooks) == 10

    admin.send(f"{tab}/1/rotation", tab)
    admin.send(f"{tab}/1/renewal", tab)
    assert "Active" in admin.open(tab).row(1)
    admin.send(f"{tab}/removal", tab)
    with app.app_context():
        tending.tend()
    assert "No webhook is registered yet" in admin.open(tab).text
    assert not sandbox.clockify.hooks


def test_others_see_the_tab_but_change_nothing(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "clockify", "Hours")
    tab = f"/connections/{number}/webhooks"
    staff = enter("staff")

    assert "Register webhooks" not in staff.open(tab).text
    assert staff.send(tab, "/settings/profile").status_code == 403


def test_where_both_ways_are_open_the_secret_is_only_for_the_one_by_hand(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "stripe", "Payments")
    page = enter("admin").open(f"/connections/{number}/webhooks")
    assert "Only for an endpoint made by hand" in page.text
    assert "with the address above, and bring" in page.text
    assert "every delivery is refused" not in page.text


def test_where_hooks_are_made_by_hand_the_page_says_how(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "ghl", "Sales")

    admin, tab = enter("admin"), f"/connections/{number}/webhooks"
    page = admin.open(tab)

    assert "In the HighLevel marketplace" in page.text
    assert "There is no secret to enter" in page.text
    assert "Last delivery: none yet" in page.text
    with app.app_context():
        delivered(number, "k")
    assert re.search(r"Last delivery: (just now|\d+ s ago)", admin.open(tab).text)
    assert "Register" not in page.text.replace("Registered", "")


def test_a_secret_is_sealed_rolled_and_never_shown(app, enter, sandbox, monkeypatch):
    from dataclasses import replace

    from integration_console import services

    clio = services.by_key("clio")
    monkeypatch.setattr(type(clio), "webhook", replace(clio.webhook, secret="Signing secret", registrar=None))
    with app.app_context():
        number = connect(sandbox, "clio", "Clio")
    admin, tab = enter("admin"), f"/connections/{number}/webhooks"
    assert "every delivery is refused" in admin.open(tab).text

    assert "8 characters" in admin.send(f"{tab}/secret", tab, {"secret": "short"}).text
    for secret in ("first-signing-secret", "second-signing-secret"):
        admin.send(f"{tab}/secret", tab, {"secret": secret})
        assert secret not in admin.open(tab).html
    with app.app_context():
        (row,) = subscriptions.of(connections.find(number))
        assert "signing" not in row.secret + row.old_secret
        assert row.old_until > house_clock.now() + timedelta(hours=23)


def _key(app, number: int) -> str:
    with app.app_context():
        return connections.find(number).key


def test_deliveries_are_listed_filtered_and_paged_by_address(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "clio", "Clio")
        for at in range(kept.PAGE + 2):
            delivered(number, f"k{at}")
        delivered(number, "dead", state="dead", tries=5, outcome="It was refused.", kind="contact.updated")
    staff = enter("staff")

    page = staff.open("/deliveries")
    assert len(page.rows) == kept.PAGE
    assert "contact.updated" in page.row(1)
    older = staff.open(page.links["Older"])
    assert len(older.rows) == 3
    assert "It was refused." in staff.open("/deliveries?state=dead").row(1)
    assert len(staff.open("/deliveries?kind=contact.").rows) == 1
    assert len(staff.open("/deliveries?kind=matter&state=done").rows) == 0
    assert "No delivery matches" in staff.open("/deliveries?kind=%25").text
    assert "No delivery matches" in staff.open("/deliveries?service=ghl").text
    assert staff.client.get("/deliveries?state=odd").status_code == 422


def test_one_delivery_is_shown_and_read_again(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "clio", "Clio")
        one = delivered(number, "dead", state="dead", tries=5, outcome="It was refused.")
    staff = enter("staff")

    page = staff.open(f"/deliveries/{one}")
    assert "Set aside after 5 tries" in page.text
    assert '"id": 17' in page.text
    staff.send(f"/deliveries/{one}/replay", f"/deliveries/{one}")
    assert "Waiting" in staff.open("/deliveries").row(1)
    assert "It was refused." not in staff.open("/deliveries").text
    assert staff.send(f"/deliveries/{one}/replay", f"/deliveries/{one}").status_code == 409
    assert staff.client.get("/deliveries/999").status_code == 404


def test_a_delivery_leads_to_our_copies_of_what_it_names(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "clio", "Clio")
        sync(number, only=["users"])
        held = db.session.query(Record).filter_by(resource="users").first()
        copy, name = held.id, held.external_id
        one = delivered(number, "two", records=[["users", name, None], ["users", "999999", None]])
    page = enter("staff").open(f"/deliveries/{one}")
    assert page.links[name] == f"/records/{copy}"
    assert "999999 no copy is held" in page.text


def test_one_set_aside_without_a_word_why_says_no_more_than_that(app, enter, sandbox):
    with app.app_context():
        one = delivered(connect(sandbox, "clio", "Clio"), "dead", state="dead", tries=5)

    assert "Set aside after 5 tries. Nothing else was held up" in enter("staff").open(f"/deliveries/{one}").text


def test_support_sees_that_there_is_a_body_and_not_what_is_in_it(app, enter, sandbox):
    with app.app_context():
        one = delivered(connect(sandbox, "clio", "Clio"), "k", state="done")
    support = enter("support")

    page = support.open(f"/deliveries/{one}")

    assert '"id": 17' not in page.text
    assert support.send(f"/deliveries/{one}/replay", "/settings/profile").status_code == 403


def test_everything_set_aside_is_read_again_at_once(app, enter, sandbox):
    with app.app_context():
        number = connect(sandbox, "clio", "Clio")
        for at in range(3):
            delivered(number, f"k{at}", state="dead", tries=5)
    staff = enter("staff")

    staff.send("/deliveries/replay", "/deliveries")

    assert "No delivery matches" in staff.open("/deliveries?state=dead").text
    assert len(staff.open("/deliveries?state=waiting").rows) == 3


def test_a_new_key_seals_webhook_secrets_too(app, sandbox):
    from integration_console.operations.keeping import rotation

    with app.app_context():
        number = connect(sandbox, "clio", "Clio")
        row = WebhookSubscription(connection_id=number, topic="", url="x", state="active", asked_at=house_clock.now())
        db.session.add(row)
        db.session.flush()
        set_secret(row, "first-signing-secret")
        set_secret(row, "second-signing-secret", old_until=house_clock.now())
        db.session.commit()
        done = rotation.rotate("Ana")

    assert (done["webhooks"], done["earlier webhook secrets"]) == (1, 1)
