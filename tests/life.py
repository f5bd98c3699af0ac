"""A mapping's life at random: what people, services and crashes do in any order, and what must be so once it rests."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

from sqlalchemy import select, update

from integration_console.errors import ConsoleError
from integration_console.models import Change, Conflict, DataMapping, Record, RecordLink, SyncRun, db
from integration_console.models.change import WAITING_STATES
from integration_console.operations.mapping import conflicts, mappings, matches, previews
from integration_console.operations.runs import outbox, pushes, undo
from integration_console.operations.support import refused_writes
from integration_console.services import by_key
from integration_console.sync.mapping import MappingDocument

from . import dying
from .operations.conftest import carry_out, sync
from .operations.mapped import make_mapping

BY, ANOTHER = "ada@firm.example", "bob@firm.example"
SIDES = ("ghl", "clio")
NAMES = {"firstName": "first_name", "lastName": "last_name", "email": "email", "phone": "phone", "city": "address.city"}
LISTS = {
    "email": ("email_addresses", "address", "default_email"), "phone": ("phone_numbers", "number", "default_number"),
    "city": ("addresses", "city", "primary"),
}  # fmt: skip
WRITES = {
    "ghl": (("/contacts/", "POST"), ("/contacts/*", "PUT"), ("/contacts/*", "DELETE")),
    "clio": (("/contacts", "POST"), ("/contacts/*", "PATCH"), ("/contacts/*", "DELETE")),
}
STAYS_REFUSED = (  # and rightly so: there is nobody in these lives who would make room for it
    "no such record", "client of a matter", "already", "No second one is made", "Link the right one",
)  # fmt: skip
OFTEN = {
    "edit": 30, "both": 16, "trouble": 16, "make": 8, "read_one": 7, "carry": 6, "decide": 5, "crash": 5,
    "make_twin": 4, "delete": 4, "take_back": 4, "retry": 4, "match": 4, "change_mapping": 4,
    "flip": 2, "drop": 2, "cut": 2, "pair": 2, "pause": 2,
}  # fmt: skip


class Life:
    """One mapping of contacts between a location and a firm, and whatever may happen to it.

    told: what happened, for whoever has to find out why it went wrong.
    """

    def __init__(self, sandbox, ends: tuple[int, int], seed: int) -> None:
        self.upstreams = {"ghl": sandbox.ghl, "clio": sandbox.clio}
        self.ends, self.dice, self.words, self.told = ends, random.Random(seed), 0, [f"seed {seed}"]
        self.made: Counter[str] = Counter()  # side -> records that people made
        self.dropped = False  # also a create, perhaps, that had gone through unheard
        self.may_differ = False  # something was taken back, dropped, or left out of the mapping
        deletes = self.dice.random() < 0.5
        self.mapping = make_mapping(
            *ends, rule=self.dice.choice(("ask", "left", "right")), write_cap=10_000, brake_creates=1_000,
            deletes_left=deletes, deletes_right=deletes,
        )  # fmt: skip
        left_out = {name for name in ("take_back", "drop", "change_mapping") if self.dice.random() < 0.5}
        left_out |= set() if deletes else {"delete"}
        self.often = {name: often for name, often in OFTEN.items() if name not in left_out}
        for number in range(6):
            self._make(SIDES[number % 2], self._value("email"))
        self.both()

    def live(self, steps: int) -> None:
        """So many things happen, one after the other."""
        for name in self.dice.choices(list(self.often), list(self.often.values()), k=steps):
            self._do(getattr(self, name))

    def rest(self) -> str:
        """The trouble ends, people decide what they are asked, and all is read and carried until nothing moves.

        What the last run still wrote, in words; "" when nothing.
        """
        for upstream in self.upstreams.values():
            upstream.unscript()
        if self._mapping().state != "active":
            mappings.resume(self._mapping(), by=BY)
        for turn in range(8):
            db.session.execute(update(Change).values(retry_at=None))
            db.session.commit()
            pushes.due()
            self._carry_queued()
            for step in (self.decide, self.retry, self.match):
                self._do(step)
            self._read("full" if turn in (0, 3) else "incremental")
            moved = self.carry()
            if turn > 2 and not moved and not self._numbers(Conflict, state="open"):
                break
        return moved

    # -- what people do at the services -------------------------------------------------------------------------------

    def edit(self) -> None:
        side, name = self.dice.choice(SIDES), self.dice.choice(list(NAMES))
        blank = name in ("email", "phone", "city") and self.dice.random() < 0.2
        self._put(side, self._one(side), name, None if blank else self._value(name))

    def make(self) -> None:
        self._make(self.dice.choice(SIDES), self._value("email"))

    def make_twin(self) -> None:
        """Somebody makes a person by hand who is at the other side already."""
        here, there = self.dice.sample(SIDES, 2)
        if mail := self._plain(here, self._one(here))["email"]:
            self._make(there, mail)

    def delete(self) -> None:
        side = self.dice.choice(SIDES)
        if len(self._all(side)) > 3:
            self.upstreams[side].delete("contacts", self._one(side))

    # -- what services do to us ---------------------------------------------------------------------------------------

    def trouble(self) -> None:
        """The next writes are refused, lost on their way back, told to wait, or meet an upstream that is down."""
        side = self.dice.choice(SIDES)
        answer = self.dice.choice((
            {"status": 422, "body": {"error": {"type": "Invalid", "message": "No"}, "message": "No"}},
            {"status": 503, "body": {}, "times": self.dice.choice((1, 6))},
            {"cut": True},
            {"cut": True, "through": True},  # it is done, and nobody hears of it
            {"status": 429, "body": {}, "headers": {"Retry-After": "0"}},
        ))  # fmt: skip
        path, method = self.dice.choice(WRITES[side])
        self.upstreams[side].script(path, {"method": method, **answer})

    def crash(self) -> None:
        """The worker dies in the middle of a write, and another takes its run over."""
        if dying.in_a_write(self.dice, dying.BEFORE_IT_IS_DONE, self.carry):
            self.told.append("crashed")

    # -- what the console does ----------------------------------------------------------------------------------------

    def read_one(self) -> None:
        sync(self.dice.choice(self.ends), kind="incremental", only=["contacts"])

    def carry(self) -> str:
        """Carry the mapping once; what it wrote, in words."""
        run = carry_out(pushes.request(self._mapping(), release_brake=True))
        (part,) = run.parts
        self.told.append(f"run {run.id} {run.state}: {run.message}")
        moved = (part.new, part.changed, part.deleted, part.refused, part.conflicts)
        db.session.rollback()
        return f"run {run.id}: {moved}" if any(moved) else ""

    def both(self) -> None:
        self._read("incremental")
        self.carry()

    # -- what people do at the console --------------------------------------------------------------------------------

    def decide(self) -> None:
        for number in self._numbers(Conflict, state="open"):
            self._do(conflicts.settle, number, self.dice.choice(("left", "right")), by=BY)

    def flip(self) -> None:
        if settled := self._numbers(Conflict, state="settled"):
            conflicts.flip(self.dice.choice(settled), by=BY)

    def take_back(self) -> None:
        run = self.dice.choice(self._numbers(SyncRun, kind="push")[-3:])
        self.may_differ = True
        undo.undo(db.session.get_one(SyncRun, run), by=BY)
        self._carry_queued()

    def retry(self) -> None:
        for number in self._numbers(Change, state="dead"):
            self._do(lambda number=number: refused_writes.send_soon([outbox.retry(self._change(number), by=BY)], by=BY))
            self._carry_queued()

    def drop(self) -> None:
        for number in self._numbers(Change, state="dead")[:1]:
            self.may_differ = self.dropped = True
            outbox.drop(self._change(number), by=BY)

    def match(self) -> None:
        for number in self._numbers(RecordLink, state="ambiguous"):
            one = self.dice.choice(db.session.get_one(RecordLink, number).candidates)["record_id"]
            ways = (matches.same, one), (matches.different, one), (matches.different, None), (matches.later,)
            way, *of = self.dice.choice(ways)
            self._do(way, number, *of, by=BY)

    def cut(self) -> None:
        if linked := self._numbers(RecordLink, state="linked"):
            matches.cut(self.dice.choice(linked), by=BY, why="They are two people.")

    def pair(self) -> None:
        of = [self._numbers(Record, connection_id=end, resource="contacts", deleted_at=None) for end in self.ends]
        matches.link_by_hand(self.mapping, *map(self.dice.choice, of), by=BY)

    def change_mapping(self) -> None:
        """A line goes one way, or goes, or comes back; another rule; blanks carried or not."""
        wanted = mappings.document(self._mapping()).model_dump(mode="json", by_alias=True)
        line = self.dice.choice([one for one in wanted["lines"] if one["right"] in NAMES.values()])
        match self.dice.choice(("way", "gone", "blank", "rule")):
            case "way":
                line["direction"] = self.dice.choice(("both", "to_right", "to_left"))
            case "gone" if len(wanted["lines"]) > 3:
                wanted["lines"].remove(line)
            case "blank":
                line["blank"] = self.dice.choice(("keep", "clear"))
            case _:
                wanted["rule"] = self.dice.choice(("ask", "left", "right"))
        self.may_differ = True
        mappings.replace(self._mapping(), MappingDocument.model_validate(wanted), by=BY)
        if draft := mappings.draft_of(self._mapping()):
            previews.preview(self._mapping(), draft)
            mappings.activate(self._mapping(), by=ANOTHER)

    def pause(self) -> None:
        if self._mapping().state == "active":
            mappings.pause(self._mapping(), by=BY)
        else:
            mappings.resume(self._mapping(), by=BY)

    # -- what must be so ----------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What must not be, once it rests."""
        return [*self._left_waiting(), *self._apart(), *self._alone(), *self._made_twice()]

    def _left_waiting(self) -> Iterator[str]:
        for number in self._numbers(Change):
            change = self._change(number)
            refused = change.state == "dead" and not any(words in str(change.message) for words in STAYS_REFUSED)
            if refused or change.state in WAITING_STATES:
                yield f"{change.op} of {change.external_id} {change.state}: {change.wanted} {change.message}"

    def _apart(self) -> Iterator[str]:
        """Pairs whose halves do not say the same."""
        refused = {self._change(number).link_id for number in self._numbers(Change, state="dead")}
        for number in self._numbers(RecordLink, state="linked"):
            link = db.session.get_one(RecordLink, number)
            ids = [link.left_record.external_id, link.right_record.external_id]
            if missing := [one for side, one in zip(SIDES, ids, strict=True) if one not in self._all(side)]:
                yield f"{missing} of the pair {ids} is gone"
            elif not self.may_differ and number not in refused:
                left, right = map(self._plain, SIDES, ids)
                for name, other in NAMES.items():
                    if _folded(name, left[name]) != _folded(name, right[other]):
                        yield f"{name} of {ids}: {left[name]!r} and {right[other]!r}"

    def _alone(self) -> Iterator[str]:
        """Records that the mapping says nothing of."""
        known: set[str] = set()
        for number in self._numbers(RecordLink):
            link = db.session.get_one(RecordLink, number)
            others = [db.session.get_one(Record, one["record_id"]) for one in link.candidates]
            known |= {one.external_id for one in (link.left_record, link.right_record, *others) if one is not None}
        for side in SIDES:
            yield from (f"nothing is said of {one} at {side}" for one in self._all(side) if one not in known)

    def _made_twice(self) -> Iterator[str]:
        """Records that neither people made nor a write of ours says it made."""
        for side, end in zip(SIDES, self.ends, strict=True):
            there = len(self.upstreams[side].shelves["contacts"].added_at)
            ours, unclear = (
                len(self._numbers(Change, connection_id=end, op="create", state=one)) for one in ("done", "dead")
            )
            if not 0 <= there - self.made[side] - ours <= unclear and not self.dropped:
                yield f"{there} new records at {side}: people made {self.made[side]}, the console {ours}"

    # -- means --------------------------------------------------------------------------------------------------------

    def _do(self, step: Callable, *given, **named) -> None:
        """What the console refuses, it says; anything else is a fault."""
        self.told.append(" ".join(map(str, (step.__name__, *given))))
        try:
            step(*given, **named)
        except ConsoleError as refusal:
            self.told.append(f"refused: {refusal}")
            db.session.rollback()

    def _read(self, kind: str) -> None:
        for end in self.ends:
            sync(end, kind=kind, only=["contacts"])

    def _carry_queued(self) -> None:
        for number in self._numbers(SyncRun, state="queued"):
            carry_out(db.session.get_one(SyncRun, number))

    def _numbers(self, rows, **of) -> list[int]:
        db.session.rollback()
        db.session.expire_all()
        return list(db.session.scalars(select(rows.id).filter_by(**of).order_by(rows.id)))

    def _mapping(self) -> DataMapping:
        return db.session.get_one(DataMapping, self.mapping)

    def _change(self, number: int) -> Change:
        return db.session.get_one(Change, number)

    def _all(self, side: str) -> list[str]:
        upstream = self.upstreams[side]
        return [str(upstream.record("contacts", one)["id"]) for one in upstream.shelves["contacts"].numbers()]

    def _one(self, side: str) -> str:
        return self.dice.choice(self._all(side))

    def _plain(self, side: str, one: str) -> dict:
        return by_key(side).writing.plain("contacts", self.upstreams[side].record("contacts", one))

    def _value(self, name: str) -> str:
        self.words += 1
        word = self.dice.choice((f"Word{self.words}", f"Word{self.words}", "Ann", " ann ", "Zoë"))
        return {"email": f"mail{self.words}@x.example", "phone": f"+1415555{self.words:04d}"}.get(name, word)

    def _make(self, side: str, mail: str) -> None:
        self.made[side] += 1
        first = self._value("firstName")
        if side == "ghl":
            new = {"firstName": first, "lastName": "New", "email": mail}
        else:
            new = {"type": "Person", "first_name": first, "last_name": "New", "phone_numbers": [], "addresses": []}
            new["email_addresses"] = [{"name": "Work", "address": mail, "default_email": True}]
        self.told.append(f"{first}, {mail} is new at {side}")
        self.upstreams[side].put("contacts", new)

    def _put(self, side: str, one: str, name: str, value: str | None) -> None:
        self.told.append(f"{name} of {one} at {side}: {value!r}")
        values: dict = {name: value} if side == "ghl" else {NAMES[name]: value}
        if side == "clio" and name in LISTS:
            several, field, main = LISTS[name]
            gone = [
                {"id": each["id"], "_destroy": True} for each in self.upstreams[side].record("contacts", one)[several]
            ]
            values = {several: [*gone, *([{"name": "Work", field: value, main: True}] if value else [])]}
        self.upstreams[side].put("contacts", {"id": self.upstreams[side].record("contacts", one)["id"], **values})


def _folded(name: str, value: str | None) -> str:
    """A value as either side keeps it: each trims and spells in its own way."""
    text = " ".join((value or "").split())
    return "".join(filter(str.isdigit, text))[-10:] if name == "phone" else text
