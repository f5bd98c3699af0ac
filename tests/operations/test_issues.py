"""What a person sees of an issue and may do with it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from integration_console.errors import Conflict, InvalidInput, NotFound
from integration_console.models import AuditEvent, DeadLetter, Issue
from integration_console.models.error import KINDS
from integration_console.operations import advice
from integration_console.operations.support import issue_list, issues
from integration_console.storage import errors
from integration_console.sync.reading.sifting import Refused

from ..storage.rows import NOON, connection


@pytest.fixture
def firm(session):
    return connection(session)


@pytest.fixture
def refuse(session, firm):
    def refuse(*ids, field="name", minutes=0):
        errors.keep_dead_letters(
            session, connection_id=firm, resource="contacts", run_id=None, service="clio", label="Clio",
            refused=[Refused(i, field, f"The field {field} is empty.", b"{}", None) for i in ids],
            now=NOON + timedelta(minutes=minutes),
        )  # fmt: skip
        session.commit()
        return session.scalars(select(Issue.id).filter_by(field=field)).one()

    return refuse


def test_issues_are_listed_by_state_last_seen_first_page_by_page(refuse):
    numbers = [refuse(str(n), field=f"f{n}", minutes=n // 2) for n in range(5)]

    first, place = issue_list.listing(limit=3)
    second, end = issue_list.listing(after=place, limit=3)

    assert [row.issue.id for row in first + second] == numbers[::-1]
    assert end is None
    assert issue_list.listing("resolved") == ([], None)
    with pytest.raises(InvalidInput, match="open, snoozed, acknowledged, resolved"):
        issue_list.listing("lost")


def test_an_issue_says_what_it_means_and_whom_it_touches(refuse):
    number = refuse("1", "2", "3")

    found = issues.detail(number)

    assert (found.affected, [letter.identity for letter in found.letters]) == (3, ["3", "2", "1"])
    assert found.errors[0].message == "The field name is empty."
    assert issue_list.listing()[0][0].affected == 3


def test_every_kind_of_error_has_words_for_people():
    assert set(advice.ADVICE) == set(KINDS)


def test_acknowledging_resolving_and_reopening_are_kept_with_who_did_it(session, refuse):
    number = refuse("1")

    issues.acknowledge(number, by="ada@firm.example")
    issues.acknowledge(number, by="ada@firm.example")  # a double click is no second event
    issues.resolve(number, by="grace@firm.example")
    with pytest.raises(Conflict, match=r"grace@firm\.example"):
        issues.acknowledge(number, by="ada@firm.example")
    issues.reopen(number, by="ada@firm.example")

    assert session.get(Issue, number).state == "open"
    assert [(event.action, event.actor) for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))] == [
        ("issue acknowledged", "ada@firm.example"),
        ("issue resolved", "grace@firm.example"),
        ("issue open", "ada@firm.example"),
    ]


def test_resolving_closes_the_waiting_records_and_a_new_refusal_opens_both(session, refuse):
    """P5"""
    number = refuse("1", "2")
    issues.resolve(number, by="ada@firm.example")
    assert issues.detail(number).affected == 0

    refuse("2", minutes=9)

    session.expire_all()
    issue = session.get(Issue, number)
    assert (issue.state, issue.regressed_at, issue.state_by) == ("open", NOON + timedelta(minutes=9), None)
    assert session.scalars(select(DeadLetter.identity).where(DeadLetter.resolved_at.is_(None))).all() == ["2"]


def test_an_issue_nobody_has_is_not_found(session):
    for ask in (issues.detail, lambda n: issues.resolve(n, by="x"), lambda n: issues.reopen(n, by="x")):
        with pytest.raises(NotFound):
            ask(99)
