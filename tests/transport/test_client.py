"""One call: how often it is tried, how long it may take, what its answer means."""

import gzip
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from integration_console import clock
from integration_console.errors import (
    BadAnswer,
    BadRecord,
    Cancelled,
    InvalidInput,
    Missing,
    NeedsPerson,
    NotAllowed,
    Parked,
    RateLimited,
    TryLater,
)
from integration_console.transport import wire
from integration_console.transport.call import Call
from integration_console.transport.limits import Budget, Limit
from tests.transport.conftest import SECRET, Script, reply

READ = Call("GET", "/matters", {"limit": 200})
WRITE = Call("POST", "/matters", json={"name": "Ada"})


def test_an_answer_comes_back_whole_with_its_data(server, upstream):
    server.says(reply(body=b'{"data": [1, 2]}', X_Request_Id="r-1"))

    answer = upstream().send(READ)

    assert (answer.status, answer.data, answer.headers["x-request-id"]) == (200, {"data": [1, 2]}, "r-1")
    assert server.requests[0].startswith(b"GET /api/matters?limit=200 HTTP/1.1")
    assert f"Authorization: Bearer {SECRET}".encode() in server.requests[0]


def test_parameters_arrive_as_they_were_given(server, upstream):
    given = {"fields": "id,client{id,name}", "name": "Ünal & Söhne = 100 %", "page_token": "a+b/c=="}
    upstream().send(Call("GET", "/matters", params={**given, "none": None, "ids": [1, 2]}))

    target = server.requests[0].split(b" ")[1].decode()
    assert parse_qsl(urlsplit(target).query) == [*given.items(), ("ids", "1"), ("ids", "2")]
    assert "{" not in target


def test_an_address_written_by_hand_is_encoded_on_its_way(server):
    wire.request("GET", f"{server.url}/hook?to=Zoë|x&done=%2F", {}, None, deadline_s=5, max_bytes=1000)
    assert server.requests[0].startswith(b"GET /hook?to=Zo%C3%AB%7Cx&done=%2F HTTP/1.1")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_a_read_is_tried_five_times_before_it_is_given_up(server, upstream, status):
    """P9"""
    server.says(reply(status, Retry_After="0"))

    with pytest.raises(TryLater) as failure:
        upstream().send(READ)

    assert len(server.requests) == 5
    assert failure.value.status == status


def test_a_read_goes_on_as_soon_as_the_service_is_well_again(server, upstream, attempts):
    server.says(reply(503), reply(502), reply(body=b"[1]"))

    assert upstream().send(READ).data == [1]
    assert [attempt.outcome for attempt in attempts] == ["retry", "retry", "ok"]
    assert len({attempt.call_key for attempt in attempts}) == 1


def test_the_keys_of_calls_grow_with_time_and_are_all_different(upstream, attempts):
    """Their index is written at its end then, not somewhere else for each call."""
    calls = upstream()
    for _ in range(3):
        calls.send(READ)
        clock.sleep(0.002)

    keys = [attempt.call_key for attempt in attempts]
    assert keys == sorted(set(keys))
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("status", [500, 503, 408])
def test_a_write_is_not_repeated_when_its_answer_says_nothing_certain(server, upstream, status):
    server.says(reply(status))

    with pytest.raises(TryLater):
        upstream().send(WRITE)

    assert len(server.requests) == 1


def test_a_write_whose_answer_was_lost_is_not_repeated(server, upstream):
    server.says(lambda connection: connection.close())

    with pytest.raises(TryLater) as failure:
        upstream().send(WRITE)

    assert (len(server.requests), failure.value.code) == (1, "lost")


def test_a_write_is_repeated_after_a_rate_limit_and_when_it_never_left(server, upstream):
    server.says(reply(429, Retry_After="0"), reply(201))
    assert upstream().send(WRITE).status == 201

    gone = Script()
    gone.close()
    calls = upstream(base_url=gone.url)
    with pytest.raises(TryLater, match="Harbor could not be reached"):
        calls.send(WRITE)
    assert calls.calls == 5


def test_a_search_by_post_is_repeated_when_it_is_marked_safe(server, upstream):
    server.says(lambda connection: connection.close(), reply(body=b"[]"))

    assert upstream().send(Call("POST", "/search", json={}, safe=True)).data == []


def test_retry_after_is_honoured_in_seconds_and_as_a_date(server, upstream):
    """P9: no call leaves before the time named."""
    for form, at_least in (("seconds", 1.0), ("date", 0.9)):
        date = format_datetime(clock.now() + timedelta(seconds=2), usegmt=True)  # whole seconds: 1 to 2 from now
        server.says(reply(429, Retry_After=date if form == "date" else "1"), reply())
        calls = upstream()
        began = time.monotonic()
        calls.send(READ)
        assert time.monotonic() - began >= at_least
        assert calls.waited_ms >= at_least * 1000


@pytest.mark.parametrize("odd", ["soon", "-5", "1e9", "99999999", "Thu, 01 Jan 1970 00:00:00 GMT", ""])
def test_an_odd_retry_after_means_our_own_backoff(server, upstream, odd):
    """P9"""
    server.says(reply(429, Retry_After=odd), reply())

    assert upstream(budget=Budget("a", (Limit(1000, 0.1),))).send(READ).status == 200


def test_a_wait_longer_than_our_patience_parks_the_call_until_then(server, upstream):
    """P9"""
    server.says(reply(429, Retry_After="120"))

    with pytest.raises(Parked) as parked:
        upstream().send(READ)

    assert 119 < (parked.value.until - clock.now()).total_seconds() < 125
    assert len(server.requests) == 1


def test_a_parked_account_is_not_called_by_anybody_else(server, upstream):
    budget = Budget("a", (Limit(1000, 10),))
    server.says(reply(429, Retry_After="120"))
    for _ in range(2):
        with pytest.raises(Parked):
            upstream(budget=budget).send(READ)

    assert len(server.requests) == 1


def test_a_cut_body_is_read_again_and_in_the_end_refused(server, upstream):
    """P8"""
    cut = reply(body=b'{"data": [1, 2, 3]}')[:-4]

    def send_cut(connection):
        connection.sendall(cut)

    server.says(send_cut, reply(body=b"[7]"))
    assert upstream().send(READ).data == [7]

    server.says(send_cut)
    with pytest.raises(BadAnswer, match="cut off"):
        upstream().send(READ)


@pytest.mark.parametrize("where", ["body", "chunks", "header", "nothing"])
def test_a_dripping_answer_ends_at_the_deadline(server, upstream, where):
    """P8: every byte starts a socket's timeout anew, so only a wall clock ends this."""

    def drip(connection: socket.socket):
        start = {
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
            "chunks": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
            "header": b"HTTP/1.1 200 OK\r\nX-Slow: ",
            "nothing": b"",
        }[where]
        connection.sendall(start)
        for _ in range(60):
            time.sleep(0.1)
            if where != "nothing":
                connection.sendall(b"1")

    server.says(drip)
    began = time.monotonic()
    with pytest.raises(TryLater, match=r"did not answer within 0\.5 seconds"):
        upstream(deadline_s=0.5, attempts=1).send(READ)

    assert time.monotonic() - began < 3


def test_a_decoded_answer_larger_than_allowed_is_refused(server, upstream):
    """P8: twenty thousand bytes on the wire would be twenty million in memory."""
    server.says(reply(body=gzip.compress(b"0" * 20_000_000), Content_Encoding="gzip"))

    with pytest.raises(BadAnswer, match="more than 1 MiB"):
        upstream(max_bytes=1 << 20).send(READ)
    assert len(server.requests) == 1


def test_a_compressed_answer_is_read(server, upstream):
    server.says(reply(body=gzip.compress(b'{"a": 1}'), Content_Encoding="gzip"))

    assert upstream().send(READ).data == {"a": 1}


def test_a_text_that_was_cut_in_the_middle_of_an_emoji_spoils_no_page(server, upstream):
    """P5: half of one can be spelled in JSON, and is no character."""
    server.says(
        reply(body=rb'["Ana \ud83d", "\uDE00!", "\ud83d\ude00", "\\ud83d", "\ud83d\ud83d\ude00\u00e9"]'),
        reply(body=rb'["\u0000", "\\u0000"]'),
    )

    assert upstream().send(READ).data == ["Ana \ufffd", "\ufffd!", "\U0001f600", r"\ud83d", "\ufffd\U0001f600é"]
    assert upstream().send(READ).data == ["\ufffd", r"\u0000"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"[" * 5000 + b"]" * 5000, "nested|could not be read"),
        (b"[" * 70 + b"]" * 70, "nested"),
        (b"<!DOCTYPE html><p>down", "web page"),
        (b"", "empty"),
        (b'{"a": NaN}', "not JSON"),
    ],
)
def test_what_is_not_usable_json_is_refused(server, upstream, body, sentence):
    """P5, P8"""
    server.says(reply(body=body))

    with pytest.raises(BadAnswer, match=sentence):
        _ = upstream().send(READ).data


def test_redirects_are_not_followed(server, upstream):
    """X3"""
    elsewhere = Script()
    server.says(reply(302, Location=elsewhere.url + "/steal"))

    with pytest.raises(BadAnswer, match="pointed to another address"):
        upstream().send(READ)

    assert elsewhere.requests == []
    elsewhere.close()


def test_an_address_outside_the_connection_is_never_called(server, upstream):
    """X3: a `next` link may name any host."""
    elsewhere = Script()
    calls = upstream()
    port = elsewhere.url.rsplit(":", 1)[1]
    for path in (
        elsewhere.url + "/x", f"//127.0.0.1:{port}/x", f"http://x@127.0.0.1:{port}/", "/../admin", "/a/%2e%2e/b",
        "/a\\..\\b", "/a?b=1", "/a#b", "/a b", "file:///etc/passwd",
    ):  # fmt: skip
        with pytest.raises(BadAnswer):
            calls.send(Call("GET", path))

    assert elsewhere.requests == server.requests == []
    elsewhere.close()


def test_another_origin_is_called_when_it_was_named_beforehand(server, upstream):
    reports = Script()
    calls = upstream(extra_origins=(reports.url,))

    assert calls.send(Call("GET", reports.url + "/v1/summary")).status == 200
    reports.close()


@pytest.mark.parametrize("base", ["http://api.harbor.example", "https://u:p@harbor.example", "ftp://x", "https://a b"])
def test_a_base_address_must_be_https_and_plain(upstream, base):
    """X3"""
    with pytest.raises(InvalidInput):
        upstream(base_url=base, insecure=False)


def test_a_401_renews_the_credentials_once_and_repeats_the_call(server, upstream, attempts):
    """K4"""
    tokens = ["old-token-1", "new-token-2"]
    server.by = lambda request: reply(200 if b"new-token-2" in request else 401)

    calls = upstream(authorize=lambda: {"Authorization": f"Bearer {tokens[0]}"}, refresh=lambda: tokens.pop(0))

    assert calls.send(WRITE).status == 200
    assert [attempt.outcome for attempt in attempts] == ["refresh", "ok"]


def test_a_second_401_needs_a_person(server, upstream):
    """K4"""
    renewed = []
    server.says(reply(401))

    with pytest.raises(NeedsPerson, match="Please reconnect"):
        upstream(refresh=lambda: renewed.append(1)).send(READ)

    assert (len(renewed), len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, BadRecord), (422, BadRecord), (403, NotAllowed), (404, Missing), (410, Missing), (418, BadAnswer)],
)
def test_an_error_is_named_for_what_to_do_next_and_keeps_the_upstreams_words(server, upstream, status, error):
    server.says(reply(status, b'{"error": {"message": "Name is too long"}}'))

    calls = upstream(explain=lambda answer: (answer.data["error"]["message"], "too_long", "name"))
    with pytest.raises(error) as failure:
        calls.send(READ)

    assert "Name is too long" in str(failure.value)
    assert (failure.value.raw, failure.value.code, failure.value.status) == ("Name is too long", "too_long", status)
    assert getattr(failure.value, "field", "name") == "name"
    assert len(server.requests) == 1


def test_a_service_may_say_what_an_answer_means(server, upstream):
    server.says(reply(200, b'{"ok": false}'))

    with pytest.raises(NeedsPerson):
        upstream(decide=lambda answer: None if answer.data["ok"] else "needs a person").send(READ)


def test_an_error_body_in_an_unheard_of_shape_is_still_its_status(server, upstream):
    server.says(reply(404, b"<html>nothing here</html>"))

    with pytest.raises(Missing):
        upstream(explain=lambda answer: answer.data["error"]["message"]).send(READ)


def test_a_kept_connection_that_was_closed_is_replaced_at_once(server, upstream, attempts):
    def answer_and_drop(connection):
        connection.sendall(reply(body=b"[1]"))
        _wait_for_request(connection)  # the next call comes in, and finds the door shut

    server.says(answer_and_drop, reply(body=b"[2]"))
    calls = upstream(backoff_s=(30, 30))  # would be noticed

    assert [calls.send(READ).data, calls.send(READ).data] == [[1], [2]]
    assert [attempt.outcome for attempt in attempts] == ["ok", "retry", "ok"]


def test_a_waiting_call_ends_when_it_is_told_to_stop(server, upstream):
    stop = []
    budget = Budget("a", (Limit(1000, 10),))
    budget.slow_down(clock.now() + timedelta(seconds=30))

    def should_stop():
        stop.append(1)
        return len(stop) > 2

    with pytest.raises(Cancelled):
        upstream(budget=budget, should_stop=should_stop).send(READ)
    assert server.requests == []


def test_credentials_that_cannot_be_sent_need_a_person_and_are_not_shown(upstream):
    bad = "two\r\nlines-secret"
    with pytest.raises(NeedsPerson) as failure:
        upstream(authorize=lambda: {"X-Key": bad}).send(READ)
    assert bad not in str(failure.value)


def test_an_account_over_its_limit_is_rate_limited_in_the_end(server, upstream):
    server.says(reply(429))

    with pytest.raises(RateLimited) as failure:
        upstream(attempts=2, budget=Budget("a", (Limit(1000, 0.05),))).send(READ)

    assert failure.value.wait_s > 0


def test_the_clock_of_an_attempt_is_the_houses_own(server, upstream, attempts):
    """S3"""
    clock.set_offset(-86_400 * 365)
    try:
        upstream().send(READ)
    finally:
        clock.set_offset(0)
    assert attempts[0].started_at < datetime.now(UTC) - timedelta(days=364)


def _wait_for_request(connection: socket.socket) -> None:
    while b"\r\n\r\n" not in connection.recv(65536):
        pass
