"""Two accounts in which everything happens in any order, and what must be true once nothing more happens.

A walk is a list of steps, and a step a name with a few numbers: what they mean is decided where the walk stands. So any
steps may be left out of a list, and one that fails is cut down to the few it takes: half of them, a quarter, and so on.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from sqlalchemy import func, select, update

from integration_console import clock
from integration_console.errors import ConsoleError
from integration_console.models import Change, Conflict, Connection, DataMapping, RecordLink, SyncRun, db
from integration_console.operations import holds
from integration_console.operations.accounts import connections
from integration_console.operations.mapping import conflicts, mappings, matches, previews
from integration_console.operations.runs import outbox, pushes, runs, undo

from .at_rest import Rest
from .both_sides import FIELDS, OTHER, Sides
from .operations.mapped import CONTACTS

BY = "ada@firm.example"
Step = tuple[str, int, int, int]
EVERY = {  # step -> how often it comes
    "edit": 24, "blank": 5, "create": 6, "twin": 2, "delete": 3, "bring_back": 2, "replace": 1, "merge": 1,
    "read": 14, "told": 6, "push": 14, "cycle": 8, "wait": 4, "fault": 8, "decide": 8, "flip": 2, "match": 3, "cut": 1,
    "meanwhile": 12, "retry": 2, "drop": 1, "pause": 1, "resume": 2, "switch": 1, "undo": 4, "rule": 1, "line": 2,
    "deletes": 2, "settle": 5,
}  # fmt: skip
LOST = {"through": True, "cut": True}  # done, and nobody hears of it
FAULTS = (
    LOST, LOST, {**LOST, "times": 4}, {"cut": True}, {"status": 500, "body": "no"}, {"status": 404, "body": {}},
    {"status": 503, "body": "no", "times": 3}, {"status": 422, "body": {"error": {"type": "Invalid", "message": "No"}}},
    {"status": 429, "headers": {"Retry-After": "1"}}, {"status": 429, "headers": {"Retry-After": "200"}},
)  # fmt: skip
CALLS = (
    ("clio", "/contacts", "POST"), ("clio", "/contacts", "POST"), ("clio", "/contacts/*", "PATCH"),
    ("clio", "/contacts*", "GET"), ("clio", "/contacts/*", "DELETE"), ("ghl", "/contacts/", "POST"),
    ("ghl", "/contacts/*", "PUT"), ("ghl", "/contacts/*", "GET"), ("ghl", "/contacts/search", "POST"),
    ("ghl", "/contacts/*", "DELETE"),
)  # fmt: skip
SETTLED_IN, ROUND_S = 9, 4000.0  # rounds, seconds


def steps(seed: int, count: int) -> list[Step]:
    """A walk."""
    dice = random.Random(seed)
    names = dice.choices(list(EVERY), list(EVERY.values()), k=count)
    return [(name, *(dice.randrange(10**6) for _ in range(3))) for name in names]


class Walk:
    """Takes steps, and looks at what came of them."""

    def __init__(self, sandbox, pair: tuple[int, int], mapping: int, clock) -> None:
        self.sandbox, self.pair, self.mapping, self.clock = sandbox, pair, mapping, clock
        self.sides = Sides(sandbox, pair, mapping)
        self.rest = Rest(self.sides)
        self.armed: list[list] = []  # [calls to come before it, what happens then, after the call]
        for upstream in (sandbox.ghl, sandbox.clio):
            upstream.answer = self._watched(upstream.answer)

    def take(self, walk: list[Step]) -> None:
        """Go all of it, and come to rest at its end."""
        for name, *numbers in walk:
            self.sides.moment += 1
            try:
                getattr(self, f"_{name}")(*numbers)
            except ConsoleError:  # a person is told that it cannot be done now
                db.session.rollback()
            finally:
                db.session.remove()
        self._settle(0, 0, 0)

    # -- people at the services -------------------------------------------------------------------------------------

    def _edit(self, side: int, who: int, what: int) -> None:
        self._type(side, who, what, blank=False)

    def _blank(self, side: int, who: int, what: int) -> None:
        self._type(side, who, what, blank=True)

    def _type(self, side: int, who: int, what: int, *, blank: bool) -> None:
        """Rather of few records and few fields, so that people are in each other's way."""
        whose = _one(list(OTHER), side)
        ids = self.sides.ids(whose)[: 2 if who % 2 else None]
        if (number := _one(ids, who // 2)) is not None:
            self.sides.type(whose, number, _one(list(FIELDS)[: 1 + what % 5], what // 5), blank=blank)

    def _create(self, side: int, with_: int, _: int) -> None:
        self.sides.create(_one(list(OTHER), side), with_)

    def _twin(self, which: int, with_: int, _: int) -> None:
        """The same person, entered by hand at both."""
        for side in OTHER:
            self.sides.create(side, with_ | 1, same=which)

    def _delete(self, side: int, who: int, _: int) -> None:
        self.sides.delete(_one(list(OTHER), side), who)

    def _bring_back(self, side: int, who: int, _: int) -> None:
        self.sides.bring_back(_one(list(OTHER), side), who)

    def _replace(self, side: int, who: int, _: int) -> None:
        self.sides.replace(_one(list(OTHER), side), who)

    def _merge(self, side: int, one: int, other: int) -> None:
        self.sides.merge(_one(list(OTHER), side), one, other)

    def _meanwhile(self, what: int, side: int, who: int) -> None:
        """Something a person does while the console is at work: before one of the calls to come, or after it."""
        name = _one(("edit", "edit", "edit", "blank", "delete", "create"), what)
        self.armed.append([who % 7, lambda: getattr(self, f"_{name}")(side, who, what), who // 7 % 2])

    def _watched(self, answer: Callable) -> Callable:
        """Where a service checks no versions, nobody can close the moment between our look at a record and our write:
        there nothing happens."""

        def watched(request):
            if "contacts" not in request.path:
                return answer(request)
            for one in self.armed:
                one[0] -= 1
            self._act(late=False, now=request.method not in ("PUT", "DELETE"))
            answered = answer(request)
            self._act(late=True, now=request.method != "GET")
            return answered

        return watched

    def _act(self, *, late: bool, now: bool) -> None:
        due = [one for one in self.armed if now and one[0] < 0 and bool(one[2]) is late]
        self.armed = [one for one in self.armed if one not in due]
        for _, act, _ in due:
            act()

    def _fault(self, where: int, what: int, after: int) -> None:
        service, path, method = _one(CALLS, where)
        answer = {**_one(FAULTS, what), "method": method, "after": after % 3}
        getattr(self.sandbox, service).script(path, answer)

    # -- the console --------------------------------------------------------------------------------------------------

    def _read(self, side: int, kind: int, _: int) -> None:
        self._run(_one(self.pair, side), kind=_one(("full", "incremental", "incremental"), kind), only=["contacts"])

    def _told(self, side: int, who: int, _: int) -> None:
        """What a webhook has done: one record is read by itself."""
        whose = _one(list(OTHER), side)
        number = _one([*self.sides.ids(whose), *self.sides.deleted(whose)], who)
        if number is not None:
            self._run(self.sides.connection(whose), records=[f"contacts:{number}"])

    def _push(self, release: int, _: int, __: int) -> None:
        self._carry(release_brake=release % 4 == 0)

    def _cycle(self, *_: int) -> None:
        for number in self.pair:
            self._run(number, only=["contacts"])
        self._carry(release_brake=True)

    def _wait(self, how_long: int, _: int, __: int) -> None:
        self.clock.advance(_one((20, 400, 4000, 100_000), how_long))
        self._work()

    def _decide(self, which: int, who: int, _: int) -> None:
        asked = list(db.session.scalars(select(Conflict.id).filter_by(state="open").order_by(Conflict.id)))
        if (number := _one(asked, which)) is not None:
            conflicts.settle(number, _one(list(OTHER), who), by=BY)

    def _flip(self, which: int, _: int, __: int) -> None:
        query = select(Conflict.id).where(Conflict.state != "open").order_by(Conflict.id.desc()).limit(5)
        if (number := _one(list(db.session.scalars(query)), which)) is not None:
            conflicts.flip(number, by=BY)

    def _match(self, which: int, how: int, candidate: int) -> None:
        query = select(RecordLink).filter_by(state="ambiguous").order_by(RecordLink.id)
        if (link := _one(list(db.session.scalars(query)), which)) is not None:
            number = _one([one["record_id"] for one in link.candidates], candidate)
            (matches.same if how % 3 else matches.different)(link.id, number, by=BY)

    def _cut(self, which: int, _: int, __: int) -> None:
        query = select(RecordLink.id).filter_by(state="linked").order_by(RecordLink.id)
        if (number := _one(list(db.session.scalars(query)), which)) is not None:
            matches.cut(number, by=BY, why="They are cousins.")

    def _retry(self, which: int, _: int, __: int) -> None:
        if (change := self._refused(which)) is not None:
            outbox.retry(change, by=BY)

    def _drop(self, which: int, _: int, __: int) -> None:
        if (change := self._refused(which)) is not None:
            outbox.drop(change, by=BY)

    def _refused(self, which: int) -> Change | None:
        return _one(list(db.session.scalars(select(Change).filter_by(state="dead").order_by(Change.id))), which)

    def _pause(self, which: int, _: int, __: int) -> None:
        connections.pause(connections.find(_one(self.pair, which)), by=BY)

    def _resume(self, which: int, _: int, __: int) -> None:
        connections.resume(connections.find(_one(self.pair, which)), by=BY)

    def _switch(self, *_: int) -> None:
        row = self._row()
        (mappings.pause if row.state == "active" else mappings.resume)(row, by=BY)

    def _undo(self, which: int, later: int, _: int) -> None:
        query = select(SyncRun).where(SyncRun.mapping_id == self.mapping).order_by(SyncRun.id.desc()).limit(6)
        if (run := _one(list(db.session.scalars(query)), which)) is not None:
            undo.undo(run, by=BY)
            if later % 2:
                self._work()

    # -- the mapping --------------------------------------------------------------------------------------------------

    def _rule(self, which: int, _: int, __: int) -> None:
        self._become(rule=_one(("ask", "left", "right", "newest"), which))

    def _line(self, which: int, _: int, __: int) -> None:
        """A line is taken out, or comes back."""
        lines = mappings.document(self._row()).to_json()["lines"]
        left, right, _, transform, _ = _one([one for one in CONTACTS if one[0] in ("email", "phone", "city")], which)
        rest = [one for one in lines if one["left"] != left]
        if len(rest) == len(lines):
            rest.append({"left": left, "right": right, "direction": "both", "transform": transform})
        self._become(lines=rest)

    def _deletes(self, which: int, _: int, __: int) -> None:
        options = dict(mappings.document(self._row()).to_json()["options"])
        side = _one(list(OTHER), which)
        options[f"deletes_{side}"] = not options.get(f"deletes_{side}")
        self._become(options=options)

    def _become(self, **parts) -> None:
        mappings.edit(self._row(), by=BY, **parts)
        row = self._row()
        if (draft := mappings.draft_of(row)) is None:
            return  # it says so already
        previews.preview(row, draft)
        mappings.activate(self._row(), by=BY)

    def _row(self) -> DataMapping:
        return db.session.get_one(DataMapping, self.mapping)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def _run(self, connection: int, **options) -> None:
        self._work(run_id=runs.request(connections.find(connection), **options).id)

    def _carry(self, **options) -> None:
        self._work(run_id=pushes.request(self._row(), **options).id)

    def _work(self, **of) -> None:
        """Claim and execute as a worker does, until nothing is due."""
        self._let_time_pass()
        db.session.remove()
        while taken := holds.claim(db.engine, owner="test:1", lease_s=30, **of):
            for hold in taken:
                runs.execute(hold, foreground=True)
                db.session.remove()

    @staticmethod
    def _let_time_pass() -> None:
        """PostgreSQL waits by its own clock, which nobody moves here."""
        if db.engine.dialect.name == "postgresql":
            for until in (SyncRun.retry_at, Connection.not_before):
                passed = until <= clock.now()
                db.session.execute(update(until.class_).where(passed).values({until: func.clock_timestamp()}))
            db.session.commit()

    # -- rest ---------------------------------------------------------------------------------------------------------

    def _settle(self, *_: int) -> None:
        """Everything is let go on, nobody types, and after a few rounds nothing happens any more."""
        for upstream in (self.sandbox.ghl, self.sandbox.clio):
            upstream.unscript()
        self.armed.clear()
        for number in self.pair:
            if connections.find(number).status == "paused":
                connections.resume(connections.find(number), by=BY)
        if self._row().state == "paused":
            mappings.resume(self._row(), by=BY)
        before = None
        for _ in range(SETTLED_IN):
            self._round()
            now = self.rest.story()
            if now == before:
                break
            before = now
        else:
            raise AssertionError("it does not come to rest")
        self.rest.look()

    def _round(self) -> None:
        self.clock.advance(ROUND_S)
        self._work()
        for number in self.pair:
            self._run(number, kind="full", only=["contacts"])
        self._carry(release_brake=True)
        pushes.due()
        self._work()


def _one(of, number: int):
    """One of several, whichever number is drawn; None of none."""
    return of[number % len(of)] if of else None
