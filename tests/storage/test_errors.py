"""Bad records are kept aside with their reason, and alike failures make one issue."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console.models import DeadLetter, ErrorLog, Issue
from integration_console.storage import errors
from integration_console.sync.reading.sifting import Refused

from .rows import NOON, connection, run

LATER = NOON + timedelta(hours=1)


def refused(external_id="17", reason="The field name is empty.", field="name", payload=b'{"id": 17}'):
    return Refused(external_id, field, reason, payload, None)


@pytest.fixture
def refuse(session, firm):
    def refuse(*records, now=NOON):
        errors.keep_dead_letters(
            session, connection_id=firm, resource="contacts", run_id=run(session, firm), service="clio", label="Clio",
            refused=records, now=now,
        )  # fmt: skip
        session.commit()

    return refuse


@pytest.fixture
def fail(session, firm):
    def fail(now=NOON, **changes):
        facts = {
            "connection_id": firm, "run_id": None, "service": "clio", "resource": "matters", "kind": "upstream",
            "message": "The service did not answer.", "raw": "timeout", "code": "TryLater", "field": None,
        }  # fmt: skip
        return errors.log_failure(session, now=now, **{**facts, **changes})

    return fail


def one(session, table):
    session.expire_all()
    return session.scalars(select(table)).one()


def test_a_refused_record_is_kept_as_it_came_with_its_reason(session, firm, refuse):
    """P5"""
    refuse(refused(payload=b'{"id": 17, "name": ""}'))

    letter = one(session, DeadLetter)
    assert (letter.identity, letter.external_id, letter.field, letter.tries) == ("17", "17", "name", 1)
    assert (letter.reason, letter.payload) == ("The field name is empty.", '{"id": 17, "name": ""}')
    assert errors.open_identities(session, firm, ["contacts", "matters"]) == {"contacts": {"17"}, "matters": set()}
    assert one(session, Issue).title == "Clio contacts: Name cannot be used"
    assert one(session, ErrorLog).issue_id == letter.issue_id


def test_the_same_refusal_again_is_a_try_not_a_new_failure(session, refuse):
    refuse(refused())
    refuse(refused(), now=LATER)

    letter = one(session, DeadLetter)
    assert (letter.tries, letter.first_seen_at, letter.last_seen_at) == (2, NOON, LATER)
    assert one(session, Issue).count == 1


def test_alike_refusals_are_one_issue_and_a_new_reason_is_a_new_failure(session, refuse):
    refuse(refused("1"), refused("2"), refused("2"))
    refuse(refused("1", reason="The field name is too long."), now=LATER)

    assert (one(session, Issue).count, one(session, Issue).last_seen_at) == (3, LATER)


def test_records_without_an_id_are_told_apart_by_what_they_hold(session, refuse):
    refuse(refused(None, payload=b"1"), refused(None, payload=b"2"), refused(None, payload=b"2"))
    refuse(refused(None, payload=b"1"))

    assert sorted(letter.tries for letter in session.scalars(select(DeadLetter))) == [1, 2]


def test_when_the_last_record_passes_its_issue_is_resolved_and_coming_back_it_says_so(session, firm, refuse):
    """P5"""
    refuse(refused("1"), refused("2"))
    facts = {"connection_id": firm, "resource": "contacts", "now": LATER}

    errors.resolve_dead_letters(session, **facts, identities={"1"})
    assert one(session, Issue).state == "open"
    errors.resolve_dead_letters(session, **facts, identities={"2", "unknown"})
    assert (one(session, Issue).state, one(session, Issue).state_by) == ("resolved", "the console")
    assert errors.open_identities(session, firm, ["contacts"]) == {"contacts": set()}

    refuse(refused("2"), now=LATER + timedelta(hours=1))
    issue = one(session, Issue)
    assert (issue.state, issue.regressed_at, issue.count) == ("open", LATER + timedelta(hours=1), 3)


def test_text_unfit_for_a_column_is_cleaned_not_refused(session, refuse):
    refuse(refused("i\0" * 150, reason="no\0good", field="f" * 300, payload=b'"\0\xff"'))

    letter = one(session, DeadLetter)
    assert (len(letter.external_id), letter.reason, len(letter.field)) == (200, "no\ufffdgood", 200)


def test_alike_failures_are_counted_and_unlike_ones_kept_apart(session, fail):
    same = [fail(), fail(now=LATER), fail(message="Other words for it.")]
    unlike = [fail(kind="ours"), fail(resource="bills"), fail(code="E1"), fail(field="x"), fail(service="ghl")]

    assert len(set(same)) == 1
    assert len({*same, *unlike}) == 6
    assert session.get(Issue, same[0]).count == 3


def test_two_accounts_with_the_same_trouble_are_two_issues(session, fail):
    assert fail() != fail(connection_id=connection(session, "Other firm"))


def test_an_acknowledged_issue_stays_so_while_it_goes_on(session, fail):
    number = fail()
    session.get(Issue, number).state = "acknowledged"
    session.commit()

    fail(now=LATER)

    assert (one(session, Issue).state, one(session, Issue).regressed_at) == ("acknowledged", None)
