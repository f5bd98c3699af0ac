"""Several rows of a list at once: asked with their number, done to each, and told what became of each."""

from __future__ import annotations

import pytest

from integration_console import clock
from integration_console.models import AuditEvent, Change, Conflict, Delivery, Issue, RecordLink, db
from integration_console.operations import several
from integration_console.operations.support import issues

from ..html_page import Page
from ..operations.two_sides import TwoSides, flat
from .test_deliveries import delivered
from .test_errors import fail


def ask(browser, path: str, **query) -> object:
    """The question of an act, as the bar of its list asks it."""
    return browser.open(path, query_string=query)


def send(browser, page, path: str, **fields):
    """Send the form of a question; the answer."""
    rows = next(tag for tag in page.all("input") if tag.attrs.get("name") == "rows").attrs["value"]
    return browser.client.post(path, data={"csrf_token": page.csrf, "rows": rows, **fields})


@pytest.fixture
def problems(firm):
    """Three problems of one account; their numbers."""
    account = firm.connect()
    return [fail(firm, account, code=str(n), message=f"Failure {n}.") for n in range(3)]


def test_ticked_problems_are_asked_about_with_their_number_and_then_resolved(app, enter, problems):
    staff = enter("staff")
    page = staff.open("/errors")
    assert [tag.attrs["aria-label"] for tag in page.all("input", name="row")] == [
        f"Tick Failure {n}." for n in (2, 1, 0)
    ]
    assert "All 3" in page.one("form", id="several").text

    path = "/errors/several/resolve"
    page = ask(staff, path, row=problems[:2])
    assert page.headings == ["Resolve: 2 problems"]
    assert ("Failure 0." in page.links, "Failure 2." in page.links) == (True, False)
    answer = send(staff, page, path)

    assert answer.location == "/errors"
    page = staff.open("/errors")
    assert "2 problems are resolved." in page.text
    assert len(page.rows) == 1
    with app.app_context():
        told = [event.target for event in db.session.query(AuditEvent).filter_by(action="issue resolved")]
        assert sorted(told) == [f"issue {number}" for number in problems[:2]]


def test_all_that_match_are_those_that_were_counted(app, enter, firm, problems):
    admin, path = enter("admin"), "/errors/several/acknowledge"
    page = ask(admin, path, all="yes", state="open", row=problems[0])
    assert page.headings == ["Acknowledge: 3 problems"]
    fail(firm, 1, code="later", message="Came after the question.")

    assert send(admin, page, f"{path}?state=open").location == "/errors?state=open"

    page = admin.open("/errors")
    assert "3 problems are acknowledged." in page.text
    assert len(page.rows) == 1
    assert "Came after the question." in page.row(1)


@pytest.mark.one_database
def test_more_than_are_done_at_once_are_said_to_be_more(monkeypatch, enter, problems):
    monkeypatch.setattr(several, "MOST", 2)
    monkeypatch.setattr("integration_console.web.several.MOST", 2)
    page = ask(enter("staff"), "/errors/several/resolve", all="yes")
    assert page.headings == ["Resolve: 2 problems"]
    assert "3 match. These are the first 2; the others are done by asking once more." in page.text


@pytest.mark.one_database
def test_what_was_decided_meanwhile_is_skipped_and_the_reason_told(app, enter, problems):
    staff, path = enter("staff"), "/errors/several/acknowledge"
    page = ask(staff, path, row=problems)
    with app.app_context():
        issues.resolve(problems[0], by="ada@example.com")

    page = Page(send(staff, page, path))

    assert page.headings == ["2 problems are acknowledged"]
    assert "1 problem was left as it was." in page.text
    assert page.row(1) == "Failure 0. Skipped The issue was resolved already by ada@example.com."
    assert page.row(2).endswith("Done")


@pytest.mark.one_database
def test_nothing_ticked_or_a_wrong_word_changes_nothing(app, enter, problems):
    staff = enter("staff")
    page = ask(staff, "/errors/several/snooze")
    assert page.headings == ["Snooze: nothing is ticked"]
    assert page.links["Back to the list"] == "/errors"
    assert ask(staff, "/errors/several/snooze", all="yes", state="weird").status == 422

    page = ask(staff, "/errors/several/snooze", row=problems)
    answer = Page(send(staff, page, "/errors/several/snooze", **{"for": "events", "events": "0"}))
    assert (answer.status, "Write a number from 1 to 1,000,000." in answer.text) == (422, True)
    page = ask(staff, "/errors/several/assign", row=problems)
    answer = Page(send(staff, page, "/errors/several/assign", email="nobody@example.com"))
    assert answer.status == 422
    with app.app_context():
        assert {(one.state, one.assignee) for one in db.session.query(Issue)} == {("open", None)}


@pytest.mark.one_database
def test_support_looks_after_several_but_closes_none(enter, problems):
    """X12"""
    support = enter("support")
    page = support.open("/errors")
    labels = [button.text for button in page.one("form", id="several").all("button")]
    assert labels == [f"{word} what is ticked" for word in ("Acknowledge", "Assign", "Snooze")]
    assert ask(support, "/errors/several/resolve", row=problems).status == 403
    page = ask(support, "/errors/several/assign", row=problems)
    send(support, page, "/errors/several/assign", email="support@example.com")
    assert "3 problems are assigned." in support.open("/errors").text
    assert len(support.open("/errors?state=mine").rows) == 3
    for path in ("/matches", "/conflicts", "/writes", "/deliveries"):
        assert support.open(path).all("form", id="several") == []


# -- what waits between two sides ------------------------------------------------------------------------------------


@pytest.fixture
def rows(app, monkeypatch):
    """Makes rows of a mapping with records on both sides: rows(lambda two: two.pair())."""
    flat(monkeypatch)
    with app.app_context():
        two = TwoSides()
        db.session.remove()

    def make(of):
        with app.app_context():
            made = of(two)
            db.session.remove()
            return made

    return make


def told(app, column) -> dict[int, object]:
    """One column of every row of its table, by number."""
    with app.app_context():
        return dict(db.session.query(column.class_.id, column).order_by(column.class_.id).all())


def test_who_has_one_candidate_is_paired_and_who_has_two_is_left(app, enter, rows):
    clients = rows(lambda two: [two.client(f"c{n}", email="ada@example.com") for n in range(3)])
    one = rows(lambda two: two.asks(two.lead("g1", "Ada Lovelace"), clients[0]))
    torn = rows(lambda two: two.asks(two.lead("g2", "Grace Hopper"), *clients[1:], minutes=5))
    staff, path = enter("staff"), "/matches/several/same"

    page = Page(send(staff, ask(staff, path, all="yes"), path))

    assert page.headings == ["1 record is paired now, and compared in a moment"]
    assert page.row(1) == "Grace Hopper Skipped It has 2 candidates. Choose one on its page."
    assert told(app, RecordLink.state) == {one: "linked", torn: "ambiguous"}

    path = "/matches/several/different"
    send(staff, ask(staff, path, row=torn), path)
    assert "1 record is different from every candidate." in staff.open("/matches").text


def test_conflicts_are_settled_by_side_or_by_time(app, enter, rows):
    numbers = [rows(lambda two: two.conflict(two.pair())) for _ in range(2)]
    untold = rows(lambda two: two.conflict(two.pair(), left_at=None))
    staff, path = enter("staff"), "/conflicts/several/newer"
    assert "Tick Phone of Ada Lovelace" in staff.open("/conflicts").html

    page = Page(send(staff, ask(staff, path, all="yes"), path))
    assert page.headings == ["2 conflicts are settled"]
    assert "It is not known which value is newer." in page.row(1)
    send(staff, ask(staff, "/conflicts/several/left", row=untold), "/conflicts/several/left")

    assert told(app, Conflict.winner) == {numbers[0]: "right", numbers[1]: "right", untold: "left"}


def test_a_conflict_whose_values_changed_since_it_was_ticked_or_asked_about_is_left_and_they_are_told(app, enter, rows):
    ticked, unticked, same = (rows(lambda two: two.conflict(two.pair())) for _ in range(3))
    staff, path = enter("staff"), "/conflicts/several/left"

    def ticks() -> list[str]:
        return [tag.attrs["value"] for tag in staff.open("/conflicts").all("input") if tag.attrs.get("name") == "row"]

    def renewed(number: int, value: str):
        with app.app_context():
            row = db.session.get_one(Conflict, number)
            row.held = row.held | {"left": value}
            db.session.commit()

    shown = ticks()
    renewed(ticked, "+14155550777")
    question = ask(staff, path, row=shown, all="yes")
    renewed(unticked, "+14155550888")
    page = Page(send(staff, question, path))

    assert page.headings == ["1 conflict is settled"]
    assert "The values changed meanwhile. Now: Our leads +14155550888, Our firm +14155550199." in page.row(1)
    assert "Our leads +14155550777" in page.row(2)
    assert told(app, Conflict.winner) == {ticked: None, unticked: None, same: "left"}
    send(staff, ask(staff, path, row=ticks()), path)
    assert set(told(app, Conflict.winner).values()) == {"left"}


@pytest.mark.one_database
def test_a_side_is_called_by_its_account_and_not_chosen_over_several(app, enter, rows):
    here = rows(lambda two: two.conflict(two.pair()))
    staff, path = enter("staff"), "/conflicts/several/right"
    assert "Value of Our firm" in staff.open("/conflicts").one("form", id="several").text
    assert ask(staff, path, row=here).headings == ["Value of Our firm: 1 conflict"]

    def elsewhere(two):
        other = TwoSides(two.left, two._connection("clio", "Their firm"))
        return other.conflict(other.pair())

    there = rows(elsewhere)
    bar = staff.open("/conflicts").one("form", id="several").text
    assert "Value of Our leads" in bar
    assert "Second value" in bar
    page = ask(staff, path, row=[here, there])
    assert "is another account's in some of these rows: Our firm, Their firm." in page.text
    assert page.links["Newer value instead"] == f"/conflicts/several/newer?row={here}&row={there}"
    assert send(staff, page, path).status_code == 422
    assert set(told(app, Conflict.winner).values()) == {None}


def test_refused_writes_are_sent_again_the_newest_of_each_pair(app, enter, rows):
    link = rows(lambda two: two.pair())
    older, newer, other = (rows(lambda two, n=n, of=of: refused(two, n, of)) for n, of in enumerate((link, link, None)))
    staff, path = enter("staff"), "/writes/several/retry"
    assert "All 3" in staff.open("/writes").one("form", id="several").text

    page = Page(send(staff, ask(staff, path, all="yes", state="refused"), path))

    assert page.headings == ["2 refused writes are sent again in a moment"]
    assert "An older wish must not go over it." in page.row(1)
    assert told(app, Change.state) == {older: "dead", newer: "pending", other: "pending"}
    send(staff, ask(staff, "/writes/several/drop", row=older), "/writes/several/drop")
    assert "1 refused write is dropped." in staff.open("/writes").text


def refused(two: TwoSides, number: int, link: int | None) -> int:
    change = Change(
        connection_id=two.right, resource="contacts", op="update", external_id="c1", link_id=link, version=1,
        mapping_id=two.mapping, wanted={"phone": "1"}, idempotency_key=f"i{number}", cause="test", state="dead",
        message="No.", created_at=clock.now(),
    )  # fmt: skip
    db.session.add(change)
    db.session.commit()
    return change.id


def test_deliveries_that_were_set_aside_are_read_again(app, enter, rows):
    kinds = (("dead", "matter.updated"), ("dead", "bill.created"), ("done", "matter.made"))
    for state, kind in kinds:
        rows(lambda two, state=state, kind=kind: delivered(two.right, kind, state=state, kind=kind))
    staff, path = enter("staff"), "/deliveries/several/replay"
    assert len(staff.open("/deliveries").all("input", name="row")) == 2

    send(staff, ask(staff, path, all="yes", kind="matter."), path)

    assert "1 delivery that was set aside is read again in a moment." in staff.open("/deliveries").text
    assert list(told(app, Delivery.state).values()) == ["waiting", "dead", "done"]
