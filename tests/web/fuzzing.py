"""Every field of every page, filled with what nobody should type.

The fields are found as a person finds them: in the forms and links of the pages. Whatever is sent, the answer is never
our own failure, says nothing back as HTML, comes within seconds, and a refusal leaves every table as it was.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from flask import request
from werkzeug.exceptions import HTTPException

from integration_console.web import filters, forms

from ..html_page import Page, Tag
from .conftest import PASSWORD
from .fuzz_values import BODIES, CURSORS, SHAPES, VALUES


@dataclass
class Door:
    """One address with the fields it takes."""

    method: str
    rule: str
    path: str
    fields: dict[str, list[str]] = field(default_factory=dict)  # as nobody touched them
    filters: set[str] = field(default_factory=set)  # of a list, in the address; also where it is taken as a file


@dataclass(frozen=True)
class Knock:
    """One request: a field of a door, and the value it is sent with."""

    door: Door
    name: str  # of the field; "?name" is of the address, "<name>" a part of it, "" the whole body
    kind: str

    def __str__(self) -> str:
        return f"{self.door.method} {self.door.rule}, {self.name or 'body'}: {self.kind}"


# -- what there is to fill in -----------------------------------------------------------------------------------------

LED_TO_BY_NO_LINK = (  # from the pages of a furnished house
    "/connections/new/clockify", "/connections/1/reconnect", "/connections/3/reconnect", "/connections/3/webhooks",
    "/settings/privacy?q=Ada", "/practice-areas?text=custody", "/settings/notifications/new",
)  # fmt: skip
TAKEN_BY_NO_FORM = {
    "/oauth/<service>/callback": ("state", "code", "error", "iss", "realmId"), "/oauth/<service>/account": ("state",),
    "/runs/<int:run_id>/live": ("seen",), "/runs/newer": ("seen",), "/transactions/newer": ("seen",),
    "/deliveries/newer": ("seen",), "/errors/log/newer": ("seen",), "/writes/newer": ("seen",),
    "/settings/audit/newer": ("seen",), "/connections/<int:connection_id>/events/newer": ("seen",),
    "/search": ("q",), "/settings/privacy": ("q",), "/sign-in": ("next",),
    "/limitations/rules/new": ("area",), "/mappings/<int:mapping_id>/lines/new": ("left", "right", "add"),
}  # fmt: skip

FILLED = {  # what a person would type where a form comes empty, so that one bad field is not hidden behind another
    "email": "new@example.com", "password": "amber-kettle-orchard-52", "new_password": "amber-kettle-orchard-52",
    "old_password": PASSWORD, "name": "Some name", "why": "Case 17", "reason": "Case 17", "practice_area": "Family Law",
    "area": "Family Law", "period": "2", "text": "custody", "weight": "2", "url": "https://hooks.example/x",
    "kind": "email", "place": "ops@example.com", "time_zone": "UTC", "digest_at": "08:00", "quiet_from": "22:00",
    "quiet_to": "06:00", "until": "2027-01-01T08:00", "record": "2", "api_key": "k" * 40, "confirm": "erase",
    "path": "/runs", "query": "state=failed", "corrected": "Family Law", "state": "failed", "limits": "50/60",
    "cron": "0 8 * * *", "code": "123456", "q": "Ada", "note": "As agreed", "source": "Code 335.1",
}  # fmt: skip


class Listening:
    """Hears which fields a view takes, while requests are answered."""

    def __init__(self, monkeypatch) -> None:
        self.fields: dict[str, set[str]] = {}  # endpoint -> of its form
        self.filters: dict[str, set[str]] = {}  # of its list
        sent, made = forms.sent, filters.Asked.__init__

        def hear_form(*allowed, raw=()):
            self.fields.setdefault(request.endpoint, set()).update(allowed, raw)
            return sent(*allowed, raw=raw)

        def hear_list(asked, labels):
            self.filters.setdefault(request.endpoint, set()).update(labels, filters.TIMES, CURSORS)
            return made(asked, labels)

        monkeypatch.setattr(forms, "sent", hear_form)
        monkeypatch.setattr(filters.Asked, "__init__", hear_list)


def doors(app, client, has, heard: Listening, token: str) -> list[Door]:
    """Every address, with the fields that the forms and links of all pages have for it, and those its view asks for."""
    rules = [(method, rule) for rule in app.url_map.iter_rules() for method in sorted(rule.methods & {"GET", "POST"})]
    ours = [(method, rule) for method, rule in rules if not rule.rule.startswith(("/api/", "/static/"))]
    found = {(method, rule.rule): Door(method, rule.rule, has.path(rule)) for method, rule in ours}
    addresses = app.url_map.bind("localhost")
    pages = [door.path for door in found.values() if door.method == "GET" and not door.rule.startswith("/sign-")]
    for path in [*pages, *LED_TO_BY_NO_LINK]:
        for method, target, fields in _asked_for(Page(client.get(path, follow_redirects=True)), path):
            try:
                rule, _ = addresses.match(target, method, return_rule=True)
            except HTTPException:
                continue
            if there := found.get((method, rule.rule)):
                there.path = there.path if there.fields else target
                there.fields = {**fields, **there.fields}
    for method, rule in ours:
        door, last = found[method, rule.rule], rule.rule == "/sign-out"
        if method == "POST" and not last:
            client.post(door.path, data={"csrf_token": token})
        names = {*heard.fields.get(rule.endpoint, ()), *TAKEN_BY_NO_FORM.get(rule.rule, ())}
        door.filters = heard.filters.get(rule.endpoint, set())
        names |= door.filters if method == "GET" else set()
        door.fields = {**{name: [] for name in sorted(names)}, **door.fields}
        door.fields.pop("csrf_token", None)
        if method == "POST":
            door.fields = {name: _filled(name, values) for name, values in door.fields.items()}
    return list(found.values())


def _filled(name: str, values: list[str]) -> list[str]:
    return values if any(values) or name not in FILLED else [FILLED[name]]


def _asked_for(page: Page, path: str) -> Iterator[tuple[str, str, dict[str, list[str]]]]:
    """Method, address and fields of every form and link of a page."""
    for form in page.all("form"):
        fields: dict[str, list[str]] = {}
        for one in form.walk():
            if name := one.attrs.get("name"):
                fields.setdefault(name, []).extend(_value(one))
        yield form.attrs.get("method", "get").upper(), urlsplit(form.attrs.get("action") or path).path, fields
    for link in page.all("a"):
        parts = urlsplit(link.attrs.get("href", ""))
        if parts.query and not parts.netloc:
            yield "GET", parts.path or path, {name: [value] for name, value in parse_qsl(parts.query)}


def _value(control: Tag) -> list[str]:
    """What a control sends when nobody touches it."""
    if control.name == "textarea":
        return ["".join(map(str, control.children))]
    if control.name == "select":
        options = control.all("option")
        chosen = [one for one in options if "selected" in one.attrs] or options[:1]
        return [one.attrs.get("value", one.text) for one in chosen]
    if control.attrs.get("type") in ("checkbox", "radio") and "checked" not in control.attrs:
        return []
    return [control.attrs.get("value", "")]


def knocks(found: list[Door]) -> list[Knock]:
    """Every field of every door with every value; fields that one piece of code reads share the values in turn."""
    told = [Knock(door, "", kind) for door in found for kind in BODIES]
    alike: dict[tuple[str, str, str], list[tuple[Door, str]]] = {}
    for door in found:
        filters = [f"?{name}" for name in sorted(door.filters)] if door.method == "POST" else []
        for name in (*door.fields, *filters, *re.findall(r"<[^<>]+>", door.rule)):
            alike.setdefault(_read_as(door, name), []).append((door, name))
    for fields in alike.values():
        for place, (door, name) in enumerate(fields):
            kinds = list(VALUES) if name[0] in "?<" else [*VALUES, *SHAPES]
            told += [Knock(door, name, kind) for kind in kinds[place :: len(fields)]]
    return told


def _read_as(door: Door, name: str) -> tuple[str, str, str]:
    """The same for the lines of a form, but for their number, and for the filters of what is done with several rows."""
    rule = re.sub(r"/several/.*", "/several", door.rule) if name.lstrip("?") in door.filters else door.rule
    return door.method, rule, re.sub(r"-\d+(?=-|$)", "-#", name)


def some(told: list[Knock], number: int, seed: int) -> list[Knock]:
    """As many of them, the same for the same seed, and of every field at least one as long as there is room."""
    chance = random.Random(seed)
    mixed = sorted(told, key=lambda _: chance.random())
    first = list({(id(knock.door), knock.name): knock for knock in mixed}.values())
    chosen = {id(knock) for knock in [*first, *mixed][:number]}
    return [knock for knock in told if id(knock) in chosen]
