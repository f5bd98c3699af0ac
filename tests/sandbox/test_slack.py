"""The Slack stand-in, driven by Slack's own client: what it understands is not only our belief."""

from __future__ import annotations

import pytest
import urllib3
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth import AuthorizeUrlGenerator

from integration_console.sandbox import Sandbox

BACK = "http://127.0.0.1:1/oauth/slack/callback"
http = urllib3.PoolManager()


@pytest.fixture
def slack(fresh_upstreams):
    return fresh_upstreams.slack


@pytest.fixture
def client(slack):
    return at(slack, slack.api_key)


def at(slack, token: str | None = None) -> WebClient:
    return WebClient(token=token, base_url=f"{slack.api_url}/")


def consent(slack, decision: str = "approve") -> str:
    """Go to the page and press a button; where the browser is sent."""
    address = AuthorizeUrlGenerator(
        client_id=slack.client_id, scopes=["channels:read", "chat:write"], redirect_uri=BACK,
        authorization_url=slack.auth_url,
    ).generate("s1")  # fmt: skip
    page = http.request("GET", address).data.decode()
    assert "allow access?" in page
    fields = {"client_id": slack.client_id, "redirect_uri": BACK, "state": "s1", "scope": "channels:read,chat:write"}
    answer = http.request(
        "POST", slack.auth_url, fields={**fields, "decision": decision}, encode_multipart=False, redirect=False
    )
    return answer.headers["Location"]


def exchanged(slack, **more) -> dict:
    code = consent(slack).partition("code=")[2].partition("&")[0]
    sent = {"client_id": slack.client_id, "client_secret": slack.client_secret, "code": code, "redirect_uri": BACK}
    return at(slack).oauth_v2_access(**{**sent, **more}).data


def test_the_token_says_whose_it_is(client):
    told = client.auth_test()

    assert (told["ok"], told["team_id"], told["team"]) == (True, "T0SBXFIRM", "Ashby & Okoye LLP")
    assert "channels:history" in told.headers["X-OAuth-Scopes"]


def test_lists_are_walked_by_cursor(client):
    channels = [one["name"] for page in client.conversations_list(limit=3) for one in page["channels"]]
    people = [one["id"] for page in client.users_list(limit=4) for one in page["members"]]

    assert len(channels) == 13
    assert len(set(people)) == len(people) == 15


def test_archived_channels_are_left_out_after_the_page_was_cut(client):
    pages = [page["channels"] for page in client.conversations_list(limit=1, exclude_archived=True)]

    assert [] in pages
    assert len([one for page in pages for one in page]) == 11


def test_a_history_is_newest_first_without_the_answers(client):
    found, more = [], []
    for page in client.conversations_history(channel="C0SBX000001", limit=10):  # one object, refilled for each page
        found += [one["ts"] for one in page["messages"]]
        more.append(page["has_more"])

    assert found == sorted(set(found), reverse=True)
    assert more == [True] * (len(more) - 1) + [False]
    assert len(more) > 3


def test_a_thread_is_read_from_its_beginning(client):
    history = client.conversations_history(channel="C0SBX000001", limit=100)["messages"]
    parent = next(one for one in history if one.get("reply_count"))
    thread = client.conversations_replies(channel="C0SBX000001", ts=parent["ts"])["messages"]

    assert thread[0]["ts"] == parent["ts"]
    assert len(thread) == 1 + parent["reply_count"]
    assert parent["latest_reply"] == thread[-1]["ts"]


def test_what_is_posted_is_kept_and_read_again(client, slack):
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*A run failed*"}}]
    sent = client.chat_postMessage(channel="C0SBX000006", text="A run failed", blocks=blocks)

    (read,) = client.conversations_history(
        channel="C0SBX000006", oldest=sent["ts"], latest=sent["ts"], inclusive=True, limit=1
    )["messages"]
    assert (read["text"], read["blocks"]) == ("A run failed", blocks)
    assert [one["text"] for one in slack.posted()] == ["A run failed"]


def test_an_increment_holds_what_came_after(client, slack):
    last = client.conversations_history(channel="C0SBX000001", limit=1)["messages"][0]
    slack.put("messages", {"channel": "C0SBX000001", "text": "Now"})

    found = client.conversations_history(channel="C0SBX000001", oldest=last["ts"])["messages"]

    assert [one["text"] for one in found] == ["Now"]


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: c.conversations_history(channel="C0SBX000008"), "not_in_channel"),
        (lambda c: c.conversations_history(channel="C0NOWHERE"), "channel_not_found"),
        (lambda c: c.conversations_list(cursor="!"), "invalid_cursor"),
        (lambda c: c.chat_postMessage(channel="C0SBX000013", text="x"), "is_archived"),
        (lambda c: c.chat_postMessage(channel="C0SBX000001", text="x" * 40_001), "msg_too_long"),
        (lambda c: c.chat_postMessage(channel="C0SBX000001", text="x", blocks=[section("x")] * 51), "invalid_blocks"),
        (lambda c: c.chat_postMessage(channel="C0SBX000001", text="x", blocks=[section("x" * 3001)]), "invalid_blocks"),
        (lambda c: c.users_info(user="U0NOBODY"), "user_not_found"),
        (lambda c: c.reminders_list(), "unknown_method"),
    ],
)
def test_a_failure_has_status_200_and_a_word(client, call, error):
    with pytest.raises(SlackApiError) as refused:
        call(client)
    assert refused.value.response.status_code == 200
    assert refused.value.response["error"] == error


def test_a_token_without_the_permission_is_told_which_is_missing(client, slack):
    slack.scopes[slack.api_key].discard("channels:history")

    with pytest.raises(SlackApiError) as refused:
        client.conversations_history(channel="C0SBX000001")
    assert refused.value.response["needed"] == "channels:history"


def test_each_method_has_its_tier():
    with Sandbox() as sandbox:
        client = at(sandbox.slack, sandbox.slack.api_key)
        for _ in range(20):
            client.users_list()
        with pytest.raises(SlackApiError) as refused:
            client.users_list()
        assert client.conversations_list()["ok"]
    assert refused.value.response.status_code == 429
    assert 0 < int(refused.value.response.headers["Retry-After"]) <= 60


def test_an_app_of_the_slow_kind_gets_fifteen_messages_a_minute(client, slack):
    slack.is_distributed = True

    assert len(client.conversations_history(channel="C0SBX000001", limit=200)["messages"]) == 15
    with pytest.raises(SlackApiError) as refused:
        client.conversations_history(channel="C0SBX000001")
    assert refused.value.response.status_code == 429


# -- signing in -------------------------------------------------------------------------------------------------------


def test_consent_brings_a_token_with_the_permissions_asked_for(slack):
    told = exchanged(slack)

    assert (told["team"]["id"], told["token_type"], told["scope"]) == ("T0SBXFIRM", "bot", "channels:read,chat:write")
    assert "expires_in" not in told
    assert at(slack, told["access_token"]).conversations_list()["ok"]


def test_refusing_leads_back_without_a_code(slack):
    assert consent(slack, "refuse") == f"{BACK}?error=access_denied&state=s1"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code": "x"}, "invalid_code"),
        ({"client_secret": "x"}, "bad_client_secret"),
        ({"redirect_uri": "http://127.0.0.1:2/"}, "bad_redirect_uri"),
    ],
)
def test_what_is_wrong_with_an_exchange_is_said(slack, wrong, error):
    with pytest.raises(SlackApiError) as refused:
        exchanged(slack, **wrong)
    assert refused.value.response["error"] == error


def test_with_rotation_every_refresh_token_works_once(slack):
    slack.rotates = True
    told = exchanged(slack)
    us = {"client_id": slack.client_id, "client_secret": slack.client_secret}
    new = at(slack).oauth_v2_access(**us, grant_type="refresh_token", refresh_token=told["refresh_token"])

    assert told["expires_in"] == 43_200
    assert new["access_token"] != told["access_token"]
    with pytest.raises(SlackApiError) as refused:
        at(slack).oauth_v2_access(**us, grant_type="refresh_token", refresh_token=told["refresh_token"])
    assert refused.value.response["error"] == "invalid_refresh_token"


def test_a_token_can_be_given_back(client):
    assert client.auth_revoke(test=True)["revoked"] is False
    assert client.auth_revoke()["revoked"] is True
    with pytest.raises(SlackApiError) as refused:
        client.auth_test()
    assert refused.value.response["error"] == "token_revoked"
