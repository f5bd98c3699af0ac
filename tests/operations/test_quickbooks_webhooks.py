"""QuickBooks calls: proved by its verifier token, in both of its forms, and read again rather than trusted."""

import pytest
from sqlalchemy import select

from integration_console.errors import Unproved
from integration_console.models import Delivery, Record, SyncRun, db
from integration_console.operations.accounts import connections, subscriptions
from integration_console.operations.deliveries import deliveries, webhooks

from .conftest import carry_out, connect, sync


@pytest.fixture
def connected(session, sandbox):
    """A company that was read once, with the verifier token of its app."""
    number = connect(sandbox, "quickbooks")
    sync(number, kind="full", only=["customers", "invoices", "expenses"])
    subscriptions.enter_secret(connections.find(number), sandbox.quickbooks.verifier, by="test")
    sandbox.quickbooks.hook_url = "http://127.0.0.1:1/"  # where nobody listens: letters are carried by hand here
    return number


def knocked(connection: int, letter, **changed) -> None:
    headers = {"Content-Type": "application/json", **letter.sign(letter.body), **changed}
    key = connections.find(connection).key
    db.session.remove()  # the door has a transaction of its own, and SQLite one writer
    webhooks.receive("quickbooks", key, webhooks.Knock("here", headers, letter.body))


def letters(sandbox, resource: str, number: int, what: str, form: str = "cloudevents", **more):
    sandbox.quickbooks.hook_form = form
    return next(iter(sandbox.quickbooks.letters(resource, number, what, **more)))


def settle() -> None:
    """Carry out what deliveries ask for."""
    deliveries.dispatch()
    for number in db.session.scalars(select(SyncRun.id).where(SyncRun.state == "queued")).all():
        carry_out(db.session.get_one(SyncRun, number))
    deliveries.dispatch()


def copy(resource: str, external_id: str) -> Record:
    db.session.rollback()
    return db.session.scalars(select(Record).filter_by(resource=resource, external_id=external_id)).one()


@pytest.mark.parametrize("form", ["cloudevents", "legacy"])
def test_a_change_and_a_deletion_are_read_again(connected, sandbox, form):
    sandbox.quickbooks.put("customers", {"Id": "4", "Notes": "called"})
    sandbox.quickbooks.put("bills", {"Id": "6", "PrivateNote": "checked"})
    sandbox.quickbooks.delete("invoices", "5")

    for resource, number, what in (("customers", 4, "updated"), ("bills", 6, "updated"), ("invoices", 5, "deleted")):
        knocked(connected, letters(sandbox, resource, number, what, form))
    settle()

    assert copy("customers", "4").data["Notes"] == "called"
    assert copy("expenses", "Bill:6").data["PrivateNote"] == "checked"
    assert copy("expenses", "Purchase:6").data.get("PrivateNote") is None
    assert copy("invoices", "5").deleted_at is not None


@pytest.mark.parametrize("form", ["cloudevents", "legacy"])
def test_a_customer_who_was_merged_into_another_is_gone(connected, sandbox, form):
    """The event names both, and the change data never tells of the one who went."""
    sandbox.quickbooks.merge("customers", 9, 4)
    sandbox.quickbooks.put("customers", {"Id": "4", "Notes": "two in one"})

    knocked(connected, letters(sandbox, "customers", 4, "merged", form, gone="9"))
    settle()

    assert copy("customers", "4").data["Notes"] == "two in one"
    assert copy("customers", "9").deleted_at is not None


def test_a_repeat_is_kept_once_and_a_forgery_never(connected, sandbox):
    letter = letters(sandbox, "customers", 4, "updated")
    knocked(connected, letter)
    knocked(connected, letter)
    with pytest.raises(Unproved):
        knocked(connected, letter, **{"intuit-signature": "AAAA"})
    other = type(letter)(letter.url, letter.body.replace(b'"4"', b'"5"'), lambda body: letter.sign(letter.body))
    with pytest.raises(Unproved):
        knocked(connected, other)

    assert len(db.session.scalars(select(Delivery)).all()) == 1
