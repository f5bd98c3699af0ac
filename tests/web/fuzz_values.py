"""What nobody should type: by kind, so that a finding can be told in words."""

from __future__ import annotations

MARK = "<i data-fuzz>"  # never comes back as it was sent
SUM = ("{{7919*7907}}", "62615533")  # nor is this worked out
HUGE = "x" * 100_000
TEXTS = {
    "nothing": "",
    "spaces": "  \t ",
    "huge": HUGE,
    "many lines": "a\r\n" * 3000,
    "control": "a\x07\x1b[31mb",
    "nul": "a\x00b",
    "lone surrogate": b"a\xed\xa0\x80b",
    "broken utf-8": b"\xff\xfe",
    "right to left": "\u202e\u05d0\u05d1 abc",
    "emoji": "👩‍👩‍👧🏳️‍🌈" * 3,
    "combined": "e\u0301\u0302" * 50,
    "full width": "１２３＝１",
    "line separators": "a\u2028b\u0085c",
    "byte order mark": "\ufeffa",
    "html": f"\"'>{MARK}",
    "script": f"</textarea></script><script>alert(1)</script>{MARK}",
    "address": f"javascript:alert(1)//{MARK}",
    "sql": "' OR 1=1 --",
    "more sql": '"; DROP TABLE "user"; --',
    "like": "%_\\%",
    "template": SUM[0] + "${7*7}#{7*7}",
    "format": "%s%n{0}{a.b}",
    "header": "a\r\nSet-Cookie: fuzz=1",
    "path": "../../../etc/passwd",
    "other host": "//evil.example/x",
    "formula": "=1+1|'cmd'!A1",
    "query": 'name:x from:"a b" -c:( service:',
    "regular expression": "(a+)+$" + "a" * 40 + "!",
    "unknown choice": "no-such-choice",
    "json": '{"a": [1, {"b": null}]}',
    "deep json": "[" * 3000,
    "not json": "{'a'",
    "yes": "true",
    "list": "a,b,,c",
}
NUMBERS = {
    "minus one": "-1",
    "zero": "0",
    "one": "1",
    "three": "3",
    "fraction": "1.5",
    "comma": "1,5",
    "power": "1e400",
    "not a number": "NaN",
    "infinity": "Infinity",
    "32 bits": "2147483648",
    "64 bits": "9223372036854775807",
    "more": "9223372036854775808",
    "twenty digits": "99999999999999999999",
    "five thousand digits": "9" * 5000,
    "arabic digits": "٣٤",
    "superscript": "²",
    "underscore": "1_000",
    "hexadecimal": "0x10",
    "plus": "+7",
    "leading zeros": "0000000000000000000007",
}
TIMES = {
    "no such day": "2026-02-30",
    "year zero": "0000-00-00",
    "first year": "0001-01-01T00:00:00+14:00",
    "last year": "9999-12-31T23:59:59-14:00",
    "gap of summer time": "2026-03-29T02:30",
    "hour 24": "24:00",
    "hour 25": "25:61",
    "no zone": "Mars/Olympus",
    "zone outside": "../../etc/passwd",
    "zone folder": "Europe",
    "wide offset": "2026-01-01T00:00+99:99",
    "week": "2026-W01-1",
    "cron": "99 99 * * *",
    "cron words": "@yearly",
    "never due": "0 0 30 2 *",
}
PLACES = {
    "other list": "2026-11-22T14:00:00+00:00,5",
    "number": "7",
    "base64": "eyJ2IjoxLCJpZCI6OX0=",
    "half": "2026-11-22T14:00:00+00:00,",
    "long ago": "0001-01-01T00:00:00+14:00,7",
    "far": f"0001-01-01,{2**62}",
}
VALUES = {**TEXTS, **NUMBERS, **TIMES, **PLACES}
CURSORS = ("older", "newer", "cursor")
SHAPES = {  # of one field: its name and value -> pairs to send in its place
    "left out": lambda name, value: [],
    "sent twice": lambda name, value: [(name, value), (name, MARK)],
    "sent 300 times": lambda name, value: [(name, value)] * 300,
    "as a list": lambda name, value: [(f"{name}[]", value), (f"{name}[0]", value)],
    "with an unknown one": lambda name, value: [(name, value), (f"{MARK}", "1"), ("role", "admin"), ("id", "1")],
}
_FORM = "application/x-www-form-urlencoded"
BODIES: dict[str, tuple[str, bytes]] = {  # of a whole request: its content type and bytes, behind the form token
    "nothing": (_FORM, b""),
    "json": ("application/json", b'{"name": ["a", {"b": 1}]}'),
    "bytes": (_FORM, bytes(range(256))),
    "many fields": (_FORM, b"&".join(b"f%d=1" % n for n in range(3000))),
    "too large": (_FORM, b"name=" + b"x" * 1_100_000),
    "no parts": ("multipart/form-data", b""),
    "cut part": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"'),
    "file": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="name"; filename="../x"\r\n\r\n\x00\xff\r\n--b--\r\n',
    ),
    "other charset": (f"{_FORM}; charset=utf-7", b"name=+ADw-"),
    "deep": ("application/json", b"[" * 20_000),
    "surrogate": ("application/json", b'{"id": "\\ud800\\u0000"}'),
}
