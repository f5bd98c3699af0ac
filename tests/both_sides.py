"""The two accounts of a walk as people see them, and what was typed where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OTHER = {"left": "right", "right": "left"}
FIELDS = {
    "first": ("firstName", "first_name"), "last": ("lastName", "last_name"), "email": ("email", "email"),
    "phone": ("phone", "phone"), "city": ("city", "address.city"),
}  # fmt: skip
LISTS = {"email": ("email_addresses", "address"), "phone": ("phone_numbers", "number"), "city": ("addresses", "city")}


@dataclass(frozen=True)
class Typed:
    """What a person wrote into a field last, and when."""

    value: str | None
    moment: int


class Sides:
    """Both accounts."""

    def __init__(self, sandbox, pair: tuple[int, int], mapping: int) -> None:
        self.upstreams = {"left": sandbox.ghl, "right": sandbox.clio}
        self.connections, self.mapping = dict(zip(OTHER, pair, strict=True)), mapping
        self.moment = 0
        self.typed: dict[tuple[str, str, str], Typed] = {}  # side, id, field
        self.ours = {side: set(self.ids(side)) for side in OTHER}  # what a person made
        self.gone: dict[str, dict[str, dict]] = {"left": {}, "right": {}}
        self.count = 0

    def connection(self, side: str) -> int:
        return self.connections[side]

    def ids(self, side: str) -> list[str]:
        upstream = self.upstreams[side]
        shelf = upstream.shelves["contacts"]
        with upstream.lock:
            return [str(shelf.get(number)["id"]) for number in shelf.numbers()]

    def deleted(self, side: str) -> list[str]:
        return list(self.gone[side])

    # -- what people do -----------------------------------------------------------------------------------------------

    def type(self, side: str, number: str, name: str, *, blank: bool = False) -> None:
        self.put(side, number, {name: None if blank else self.token(side, name)})

    def token(self, side: str, name: str) -> str:
        self.count += 1
        word = f"{side[0]}{self.count}{name[0]}"
        if name == "email":
            return f"{word}@example.org"
        return f"+1415555{self.count:04d}" if name == "phone" else word.capitalize()

    def put(self, side: str, number: str | None, values: dict[str, str | None]) -> str:
        upstream = self.upstreams[side]
        before = upstream.record("contacts", number) if number else None
        if side == "left":
            body: dict[str, Any] = {FIELDS[name][0]: value for name, value in values.items()}
            body |= {"id": number} if number else {"type": "lead", "tags": []}
        else:
            body = _as_clio(values, before)
            body |= {"id": int(number)} if number else {"type": "Person"}
        made = str(upstream.put("contacts", body)["id"])
        self.ours[side].add(made)
        for name, value in values.items():
            self.typed[side, made, name] = Typed(value, self.moment)
        return made

    def create(self, side: str, with_: int, *, same: int | None = None) -> str:
        names = [name for place, name in enumerate(FIELDS) if name in ("first", "last") or with_ >> place & 1]
        if same is not None:
            values = {"first": f"Twin{same}f", "last": f"Twin{same}l", "email": f"twin{same}@example.org"}
            values |= {name: self.token(side, name) for name in names if name not in values and name == "city"}
        else:
            values = {name: self.token(side, name) for name in names}
        return self.put(side, None, values)

    def delete(self, side: str, who: int) -> None:
        ids = self.ids(side)
        if len(ids) > 1:
            number = ids[who % len(ids)]
            self.gone[side][number] = dict(self.plain(side, number))
            self.upstreams[side].delete("contacts", number)

    def bring_back(self, side: str, who: int) -> None:
        gone = [one for one in self.gone[side] if one not in self.ids(side)]
        if gone:
            number = gone[who % len(gone)]
            if side == "right":
                self.upstreams[side].put("contacts", {"id": int(number), "type": "Person"})
            self.put(side, number, self.gone[side][number])

    def replace(self, side: str, who: int) -> None:
        """Deleted, and typed anew."""
        ids = self.ids(side)
        if len(ids) > 1:
            number = ids[who % len(ids)]
            values = self.plain(side, number)
            self.delete(side, who)
            if values["first"] or values["last"]:
                self.put(side, None, values)

    def merge(self, side: str, one: int, other: int) -> None:
        ids = self.ids(side)
        kept, goes = (ids[one % len(ids)], ids[other % len(ids)]) if len(ids) > 2 else ("", "")
        if kept != goes:
            mine, theirs = self.plain(side, kept), self.plain(side, goes)
            self.delete(side, other)
            if more := {name: value for name, value in theirs.items() if value and not mine[name]}:
                self.put(side, kept, more)

    # -- what is there ------------------------------------------------------------------------------------------------

    def plain(self, side: str, number: str) -> dict[str, str | None]:
        """What a record says at its service."""
        one = self.upstreams[side].record("contacts", number)
        if side == "left":
            return {name: one.get(left) or None for name, (left, _) in FIELDS.items()}
        found = {"first": one["first_name"] or None, "last": one["last_name"] or None}
        for name, (several, key) in LISTS.items():
            main = next((each for each in one[several] or () if each.get("primary")), {})
            found[name] = main.get(key) or None
        return found


def _as_clio(values: dict[str, str | None], before: dict | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in values.items():
        if name not in LISTS:
            body[FIELDS[name][1]] = value
            continue
        several, key = LISTS[name]
        main = next((one for one in (before or {}).get(several) or () if one.get("primary")), None)
        if main is None:
            body[several] = [{"name": "Work", key: value, "primary": True}] if value else []
        elif value or (name == "city" and main.get("street")):
            body[several] = [{"id": main["id"], key: value}]
        else:
            body[several] = [{"id": main["id"], "_destroy": True}]
    return body
