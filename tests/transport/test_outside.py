"""Addresses that people give us: where they may lead, and that the call goes where we looked (X3)."""

from __future__ import annotations

import socket

import pytest

from integration_console.transport import outside, wire

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2002:a00:1::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[::127.0.0.1]", "[ff02::1]",
    "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_nothing_of_a_private_network_is_called_however_it_is_written(host):
    with pytest.raises(outside.Refused):
        outside.look(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/", "https://93.184.216.34:8443/", "https://93.184.216.34:80/", "https://a@93.184.216.34/",
        "https://a:b@93.184.216.34/", "ftp://93.184.216.34/", "file:///etc/passwd", "gopher://93.184.216.34/", "//x/y",
        "https://", "https:///x", "", "x", "https://93.184.216.34/a b", "https://93.184.216.34/#x", "https://exämple.com/",
        "https://93.184.216.34\\@127.0.0.1/", "https://93.184.216.34:/", "https://nothing.invalid/",
        "javascript:alert(1)",
        "https://93.184.216.34/" + "x" * 2000, "https://93.184.216.34:99999/", "https://[::1",
        "https://93.184.216.34/\r\nx",
    ],
)  # fmt: skip
def test_only_plain_https_addresses_are_taken(url):
    with pytest.raises(outside.Refused):
        outside.look(url)


def test_an_address_that_anybody_can_reach_is_fine():
    assert outside.look("https://93.184.216.34/hook?a=b").address == "93.184.216.34"
    assert outside.look("https://93.184.216.34:443/hook").address == "93.184.216.34"


def test_one_private_address_of_several_is_too_many(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(outside.Refused):
        outside.look("https://two.example.com/")


def test_the_test_setting_opens_this_machine_and_nothing_else():
    assert outside.look("http://127.0.0.1:9/hook", insecure=True).address == "127.0.0.1"
    for host in ("10.0.0.1", "169.254.169.254", "[fc00::1]"):
        with pytest.raises(outside.Refused):
            outside.look(f"http://{host}/", insecure=True)


def test_the_call_goes_to_the_address_that_was_looked_at_and_names_the_host(httpserver, monkeypatch):
    """A name that leads elsewhere a moment later leads nowhere."""
    httpserver.expect_request("/hook", headers={"Host": f"hook.example.com:{httpserver.port}"}).respond_with_data("ok")
    place = outside.Place(f"http://hook.example.com:{httpserver.port}/hook?x=1", "127.0.0.1")
    asked = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: (asked.append(host), real(host, *a, **k))[1])
    assert outside.request("POST", place, {}, b"{}").body == b"ok"
    assert set(asked) <= {"127.0.0.1"}


def test_a_redirect_is_not_followed_and_too_much_is_not_read(httpserver):
    httpserver.expect_request("/away").respond_with_data("", 302, {"Location": "http://10.0.0.1/"})
    httpserver.expect_request("/much").respond_with_data("x" * 70_000)
    there = lambda path: outside.look(httpserver.url_for(path).replace("localhost", "127.0.0.1"), insecure=True)  # noqa: E731
    assert outside.request("GET", there("/away"), {}).status == 302
    with pytest.raises(wire.TooLong):
        outside.request("GET", there("/much"), {})
