"""Problems that are somebody's, that sleep until a time or a count, and the notes people write on them."""

from datetime import timedelta

import pytest

from integration_console import clock as house_clock
from integration_console.errors import Conflict, InvalidInput, NotFound
from integration_console.models import AuditEvent, Issue
from integration_console.operations import advice, schedule
from integration_console.operations.people import users
from integration_console.operations.support import issue_list, issue_notes, issues
from integration_console.storage import errors

from ..storage.rows import connection

ADA, BOB = "ada@firm.example", "bob@firm.example"


@pytest.fixture
def happen(session):
    """It fails once more; the number of its problem."""
    firm = connection(session)

    def happen(code="x"):
        number = errors.log_failure(
            session, connection_id=firm, run_id=None, service="clio", resource="matters", kind="upstream",
            message="Clio did not answer.", raw="502", code=code, field=None, now=house_clock.now(),
        )  # fmt: skip
        session.commit()
        session.expire_all()
        return number

    return happen


@pytest.fixture
def people(session):
    for email, role in ((ADA, "admin"), (BOB, "support")):
        users.add(email, role, "violet-harbor-lantern-49", actor="test")


def shown(state, reader=""):
    return [row.issue.id for row in issue_list.listing(state, reader=reader)[0]]


def test_one_that_is_snoozed_until_a_time_comes_back_with_the_clock(session, happen, clock):
    number = happen()
    issues.snooze(number, by=ADA, until=house_clock.now() + timedelta(hours=1))
    happen()
    assert (shown("open"), shown("snoozed")) == ([], [number])

    clock.advance(3601)
    assert (shown("open"), shown("snoozed")) == ([number], [])  # at once, also where no worker runs
    assert issues.wake() == 1
    assert issues.wake() == 0
    session.expire_all()
    issue = session.get(Issue, number)
    assert (issue.state, issue.snoozed_until, issue.regressed_at) == ("open", None, None)
    assert issues.wake in [chore.do for chore in schedule.CHORES]


def test_a_failure_after_the_time_wakes_it_too(session, happen, clock):
    number = happen()
    issues.snooze(number, by=ADA, until=house_clock.now() + timedelta(hours=1))
    clock.advance(3601)
    happen()
    assert session.get(Issue, number).state == "open"


def test_one_that_is_snoozed_for_a_count_comes_back_with_the_last_of_it(session, happen):
    number = happen()
    issues.snooze(number, by=ADA, events=2)
    happen()
    assert session.get(Issue, number).state == "snoozed"
    happen()
    issue = session.get(Issue, number)
    assert (issue.state, issue.count, issue.snoozed_count, issue.state_by) == ("open", 3, None, None)


def test_until_it_gets_worse_means_twice_as_often(session, happen):
    happen(), happen()
    number = happen()
    issues.snooze_until_worse(number, by=ADA)
    for _ in range(2):
        happen()
    assert session.get(Issue, number).state == "snoozed"
    happen()
    assert (session.get(Issue, number).state, session.get(Issue, number).count) == ("open", 6)


def test_what_never_or_at_once_comes_true_is_no_condition(happen):
    number = happen()
    for wrong in (
        {}, {"events": 0}, {"until": house_clock.now()}, {"until": house_clock.now() + timedelta(days=400)},
        {"until": house_clock.now() + timedelta(hours=1), "events": 2},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            issues.snooze(number, by=ADA, **wrong)
    issues.resolve(number, by=ADA)
    with pytest.raises(Conflict):
        issues.snooze(number, by=ADA, events=1)


def test_a_problem_is_given_to_a_person_and_is_among_theirs(session, happen, people):
    number, _other = happen(), happen("y")
    issues.assign(number, ADA.upper(), by=BOB)
    assert (shown("mine", ADA), shown("mine", BOB)) == ([number], [])
    event = session.query(AuditEvent).filter_by(action="issue assigned").one()
    assert (event.actor, event.details) == (BOB, {"before": None, "after": ADA})
    issues.assign(number, "", by=ADA)
    assert shown("mine", ADA) == []
    with pytest.raises(InvalidInput, match="Nobody"):
        issues.assign(number, "eve@firm.example", by=ADA)
    users.disable(users.by_email(BOB), actor=ADA)
    assert BOB not in issues.people()
    with pytest.raises(InvalidInput):
        issues.assign(number, BOB, by=ADA)


def test_who_is_named_in_a_note_is_asked_until_they_read_it_answer_or_it_is_resolved(happen, people):
    number, other = happen(), happen("y")
    issue_notes.add(number, f"@{BOB} please look, @{BOB}.", by=ADA)
    issue_notes.add(other, f"@{BOB}, and @{ADA}", by=ADA)
    assert (issue_notes.open_mentions(BOB), issue_notes.open_mentions(ADA)) == (2, 0)
    assert sorted(shown("mine", BOB)) == sorted([number, other])

    issue_notes.add(number, "Done.", by=BOB)
    assert issue_notes.open_mentions(BOB) == 1
    issues.resolve(other, by=ADA)
    assert issue_notes.open_mentions(BOB) == 0

    issue_notes.add(number, f"Again, @{BOB}", by=ADA)
    issue_notes.mark_read(number, by=BOB)
    assert issue_notes.open_mentions(BOB) == 0
    assert [note.author for note in issues.detail(number).notes] == [ADA, BOB, ADA]


def test_a_note_names_only_people_who_are_here_and_says_something(happen, people):
    number = happen()
    for text in ("", " ", "x" * 4001, "@eve@firm.example look"):
        with pytest.raises(InvalidInput):
            issue_notes.add(number, text, by=ADA)
    with pytest.raises(NotFound):
        issue_notes.add(99, "Hello", by=ADA)
    assert issues.detail(number).notes == []


def test_every_kind_says_its_cause_and_who_must_act():
    assert all(one.cause and one.who in advice.WHO for one in advice.ADVICE.values())
