"""Slack, read from the sandbox: cursors, channels one after the other, and failures that come with status 200."""

from __future__ import annotations

import pytest

from integration_console import clock, services
from integration_console.errors import (
    BadAnswer,
    BadRecord,
    Missing,
    NeedsPerson,
    NotAllowed,
    RateLimited,
    TryLater,
    WrongAccount,
)
from integration_console.services.base import Reading, replace
from integration_console.transport.limits import Budget, Limit

SLACK = services.by_key("slack")
GENERAL = "C0SBX000001"
OUTSIDE = "C0SBX000008"


def said(connected, text: str, channel: str = GENERAL, **more) -> dict:
    return connected.sandbox.put("messages", {"channel": channel, "text": text, **more})


def walked(connected, **reading) -> tuple[list[dict], dict, str]:
    """Every message of one walk, what it remembers, and what it notes."""
    pages = list(connected.pages("messages", **reading))
    return [item for page in pages for item in page.items], dict(pages[-1].remember), pages[-1].note


# -- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["channels", "users"])
def test_a_list_is_read_whole(slack, resource):
    """Private channels only where a setting says that the token may: the sandbox has one."""
    records = slack.records(resource)

    hidden = {"channels": 1, "users": 0}[resource]
    assert len({record["id"] for record in records}) == len(records) == slack.sandbox.ledger()[resource] - hidden


def test_private_channels_are_read_where_the_token_may(slack):
    slack.upstream.settings = {"private_channels": "yes"}

    assert len(slack.records("channels")) == slack.sandbox.ledger()["channels"]


def test_an_empty_page_is_not_the_end(fresh_slack):
    """P4: Slack cuts pages before it leaves out what was not asked for."""
    empty = {"ok": True, "channels": [], "response_metadata": {"next_cursor": "Y2hhbm5lbDow"}}
    fresh_slack.sandbox.script("/conversations.list", {"body": empty})

    assert len(fresh_slack.records("channels")) == 13


def test_a_place_slack_has_forgotten_begins_the_list_anew(fresh_slack):
    """P4: a walk that was cut off goes on with a cursor that may have ended since."""
    cursor = {"split": 0, "next": "Zm9yZ290dGVu"}

    assert len(fresh_slack.records("users", cursor=cursor)) == fresh_slack.sandbox.ledger()["users"]


def test_people_who_left_are_told_apart(slack):
    assert [user["name"] for user in slack.records("users") if user["deleted"]] == ["harold.finch", "nina.sorel"]


def test_a_person_goes_by_the_name_they_show(slack):
    names = {SLACK.users.name_of(user) for user in slack.records("users")}

    assert {"margaret.ashby", "Daniel Okoye"} <= names  # the second shows none


# -- messages ---------------------------------------------------------------------------------------------------------


def test_every_message_of_every_channel_the_app_is_in_is_read_with_its_threads(slack):
    items, _, _ = walked(slack)

    shelf = slack.sandbox.shelves["messages"]
    everywhere = [shelf.get(number) for number in shelf.numbers()]
    inside = {one["id"] for one in slack.records("channels") if one["is_member"]}
    wanted = {f"{one['channel']}:{one['ts']}" for one in everywhere if one["channel"] in inside}
    assert {item["id"] for item in items} == wanted
    assert len(items) == len(wanted)


def test_a_channel_the_app_is_not_in_is_skipped_with_the_reason(slack):
    """No failure: and no call is spent on being refused."""
    before = slack.calls()
    items, _, note = walked(slack)

    assert OUTSIDE not in {item["channel"] for item in items}
    assert note.startswith("4 channels were not read, as the app is not in there: #estate-planning, #it-help")
    assert all(f"channel={OUTSIDE}" not in seen.query for seen in slack.asked(before))


@pytest.mark.parametrize("error", ["not_in_channel", "channel_not_found", "is_archived"])
def test_a_channel_that_closes_while_we_read_stops_no_other(fresh_slack, error):
    fresh_slack.sandbox.script("/conversations.history", {"body": {"ok": False, "error": error}})

    items, _, note = walked(fresh_slack)

    assert items
    assert GENERAL not in {item["channel"] for item in items}
    assert "#general" in note


def test_a_missing_permission_stops_the_messages_and_says_which(fresh_slack):
    fresh_slack.sandbox.scopes[fresh_slack.sandbox.api_key].discard("channels:history")

    with pytest.raises(NotAllowed, match="no permission channels:history") as refused:
        walked(fresh_slack)
    assert refused.value.code == "missing_scope"


def test_an_increment_asks_for_what_came_after_the_last_one_seen(fresh_slack):
    _, marks, _ = walked(fresh_slack)
    new = said(fresh_slack, "The judge agrees.")
    before = fresh_slack.calls()

    items, later, _ = walked(fresh_slack, full=False, state=marks)

    assert [item["text"] for item in items] == ["The judge agrees."]
    assert later == {**marks, f"ts {GENERAL}": new["ts"]}
    assert len(fresh_slack.asked(before)) == 1 + 8  # the channels, and one call for each we are in


def test_a_channel_met_for_the_first_time_is_read_from_its_beginning(fresh_slack):
    _, marks, _ = walked(fresh_slack)
    fresh_slack.sandbox.put("channels", {"id": OUTSIDE, "is_member": True})

    items, _, _ = walked(fresh_slack, full=False, state=marks)

    assert len(items) > 50
    assert {item["channel"] for item in items} == {OUTSIDE}


def test_a_new_thread_comes_with_its_answers(fresh_slack):
    _, marks, _ = walked(fresh_slack)
    parent = said(fresh_slack, "Who drives to Oakland?")
    said(fresh_slack, "I do.", thread_ts=parent["ts"])

    items, _, _ = walked(fresh_slack, full=False, state=marks)

    assert [item["text"] for item in items] == ["Who drives to Oakland?", "I do."]


def test_a_walk_goes_on_where_it_was_cut_off(slack):
    """P4: and what it remembers at the end is what the whole walk saw."""
    whole, marks, _ = walked(slack)
    first, second, third, *_ = slack.pages("messages")
    before = slack.calls()

    rest, later, _ = walked(slack, cursor=third.cursor)

    assert [*first.items, *second.items, *third.items, *rest] == whole
    assert later == marks
    assert all(f"channel={third.cursor['channel']}" not in seen.query for seen in slack.asked(before))


def test_two_messages_of_one_second_are_two(slack):
    """A ts is a name, not a number: a float would lose its last digits."""
    first, second = (services.slack.records.as_ours("C1", {"ts": f"1512085950.{n}"}) for n in ("000216", "000217"))

    assert first["id"] != second["id"]
    assert services.slack.records.newest_of([first, second], "1512085950.000215") == "1512085950.000217"


def test_the_answers_can_be_left_out(slack):
    slack.upstream.settings = {"threads": "no"}
    before = slack.calls()

    walked(slack)

    assert not [seen for seen in slack.asked(before) if seen.path.endswith(".replies")]


def test_an_app_of_the_slow_kind_asks_for_fifteen_and_once_a_minute(fresh_slack):
    """Since 2025-05-29 for apps sold outside of the Marketplace."""
    fresh_slack.upstream.settings = {"app": "distributed"}
    before = fresh_slack.calls()

    next(fresh_slack.pages("messages"))

    assert "limit=15" in fresh_slack.asked(before)[-1].query
    assert SLACK.limits_apart({"app": "distributed"})["/conversations.history"] == (Limit(1, 60),)
    assert SLACK.limits_apart({})["/conversations.history"] == (Limit(50, 60),)


# -- one record -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["channels", "users", "messages"])
def test_one_record_is_read_as_the_list_has_it(slack, resource):
    record = slack.records(resource)[3]

    assert slack.one(resource, record["id"]) == record


def test_an_answer_within_a_thread_is_found(slack):
    items, _, _ = walked(slack)
    answer = next(item for item in items if item.get("thread_ts", item["ts"]) != item["ts"])

    assert slack.one("messages", answer["id"]) == answer


@pytest.mark.parametrize(
    ("resource", "name"), [("channels", "C000"), ("users", "U000"), ("messages", f"{GENERAL}:1512085950.000216")]
)
def test_what_is_not_there_is_missing(slack, resource, name):
    with pytest.raises(Missing):
        slack.one(resource, name)


# -- who, and how fast ------------------------------------------------------------------------------------------------


def test_the_workspace_is_named_with_the_permissions_granted(slack):
    account = SLACK.account(slack.upstream)

    assert (account.id, account.name) == ("T0SBXFIRM", "Ashby & Okoye LLP")
    assert account.settings == {"team_id": "T0SBXFIRM"}
    assert {"channels:history", "chat:write"} <= set(account.scopes)


def test_a_token_of_another_workspace_is_refused(slack):
    slack.upstream.settings = {"team_id": "T0ELSEWHERE"}

    with pytest.raises(WrongAccount, match="T0SBXFIRM, not to T0ELSEWHERE"):
        SLACK.account(slack.upstream)


def test_each_method_has_a_budget_of_its_own(fresh_slack):
    """One method's 429 keeps only that method waiting."""
    apart = Budget("slack-users", (Limit(20, 60),))
    fresh_slack.upstream._apart = {"/users.list": apart}
    slow = {"status": 429, "headers": {"Retry-After": "1"}, "body": {"ok": False, "error": "ratelimited"}}
    fresh_slack.sandbox.script("/users.list", slow)

    began = clock.monotonic()
    assert fresh_slack.records("users")

    assert clock.monotonic() - began >= 1
    assert apart.state()["windows"][0]["used"] == 2
    assert fresh_slack.upstream.budget.state()["windows"][0]["used"] == 0
    assert fresh_slack.upstream.budget.state()["until"] is None


# -- failures ---------------------------------------------------------------------------------------------------------

FAILURES = {
    "invalid_auth": NeedsPerson,
    "not_authed": NeedsPerson,
    "account_inactive": NeedsPerson,
    "token_revoked": NeedsPerson,
    "token_expired": NeedsPerson,  # nothing to renew it with
    "missing_scope": NotAllowed,
    "not_in_channel": NotAllowed,
    "user_not_found": Missing,
    "rate_limited": RateLimited,
    "internal_error": TryLater,
    "team_added_to_org": TryLater,
    "invalid_limit": BadAnswer,
    "something_new": BadRecord,
}


@pytest.mark.parametrize(("error", "kind"), FAILURES.items(), ids=FAILURES)
def test_not_ok_is_a_failure_although_the_status_is_200(fresh_slack, error, kind):
    fresh_slack.upstream._attempts, fresh_slack.upstream._backoff_s = 2, (0.01, 0.02)
    fresh_slack.sandbox.script("/users.list", {"body": {"ok": False, "error": error}, "times": 9})

    with pytest.raises(kind, match=error) as refused:
        fresh_slack.records("users")
    assert refused.value.code == error
    assert type(refused.value) is kind


def test_a_token_that_was_taken_back_needs_a_person(fresh_slack):
    fresh_slack.sandbox.revoke()

    with pytest.raises(NeedsPerson, match=r"taken back in Slack \(token_revoked\)"):
        SLACK.account(fresh_slack.upstream)


# -- posting ----------------------------------------------------------------------------------------------------------


def test_what_is_posted_stands_in_the_channel(fresh_slack):
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Clio* needs a person"}}]
    ts = SLACK.post(fresh_slack.upstream, GENERAL, "Clio needs a person", blocks)

    (kept,) = fresh_slack.sandbox.posted()
    assert (kept["ts"], kept["text"], kept["blocks"]) == (ts, "Clio needs a person", blocks)
    assert fresh_slack.one("messages", f"{GENERAL}:{ts}")["text"] == "Clio needs a person"


def test_a_post_whose_answer_was_lost_is_not_repeated(fresh_slack):
    """W3: Slack has no key that would keep it from standing there twice."""
    fresh_slack.sandbox.script("/chat.postMessage", {"body": {"ok": False, "error": "internal_error"}})
    before = fresh_slack.calls()

    with pytest.raises(TryLater):
        SLACK.post(fresh_slack.upstream, GENERAL, "Once")
    assert fresh_slack.calls() - before == 1


def test_a_read_from_a_full_walk_never_carries_a_mark():
    reading = Reading(full=True, now=clock.now(), owner=GENERAL, state={f"ts {GENERAL}": "1.2"})

    assert "oldest" not in SLACK.list_call(SLACK.messages, reading, {}).params
    assert SLACK.list_call(SLACK.messages, replace(reading, full=False), {}).params["oldest"] == "1.2"
