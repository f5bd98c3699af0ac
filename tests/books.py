"""A firm's bills and the invoices made of them, at random: what people, services and crashes do to money in any order,
and what must be so once it rests."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal

from sqlalchemy import select, update

from integration_console.errors import ConsoleError
from integration_console.models import Change, Conflict, DataMapping, Issue, RecordLink, SyncRun, db
from integration_console.models.change import WAITING_STATES
from integration_console.operations.runs import outbox, pushes, undo
from integration_console.operations.support import refused_writes

from . import dying
from .operations.conftest import carry_out, sync

BY = "ada@firm.example"
OUT = ("awaiting_payment", "paid")
PRICES = ("100", "0.01", "33.33", "0.1", "19.99", "250.5", "1234567.89", "-12.34", "0.005", "0")
OFTEN = {
    "make": 3, "make_and_issue": 6, "issue": 8, "edit": 16, "both": 24, "paid_there": 8, "paid_here": 8, "read_one": 8,
    "trouble": 8, "carry": 6, "taken_back": 4, "reopened": 4, "told_by_webhook": 4, "edited_there": 4,
    "over_there": 4, "crash": 3, "retry": 4, "unpaid_here": 3, "other_client": 2, "deleted": 2, "close": 2,
    "taxed": 2, "for_trust": 1, "renumbered": 2, "take_back": 1, "drop": 1, "credited_here": 3, "deleted_there": 1,
}  # fmt: skip


class Books:
    """One mapping of bills to invoices, and whatever may happen to the money.

    told: what happened, for whoever has to find out why it went wrong.
    """

    def __init__(
        self, clio, there, ends: dict[str, int], mapping: int, clients: tuple[int, ...], seed: int,
        bills: int = 4,
    ) -> None:  # fmt: skip
        self.clio, self.there, self.ends, self.mapping, self.clients = clio, there, ends, mapping, clients
        self.dice, self.told = random.Random(seed), [f"seed {seed}"]
        self.numbers = 0
        self.dropped = self.taken = False
        self.sent: dict[int, set[str]] = defaultdict(set)  # bill -> states it was in when something was sent for it
        left_out = {name for name in ("take_back", "drop", "deleted_there") if self.dice.random() < 0.6}
        self.often = {name: often for name, often in OFTEN.items() if name not in left_out}
        for _ in range(bills):
            self._issue(self.make())
        if bills:
            self.both()

    def live(self, steps: int) -> None:
        """So many things happen, one after the other."""
        for name in self.dice.choices(list(self.often), list(self.often.values()), k=steps):
            self._do(getattr(self, name))

    def rest(self) -> str:
        """The trouble ends, and all is read and carried until nothing moves. What the last run still wrote; "" when
        nothing."""
        self.clio.unscript()
        self.there.upstream.unscript()
        self.there.close("")
        moved = ""
        for turn in range(6):
            db.session.execute(update(Change).values(retry_at=None))
            db.session.commit()
            pushes.due()
            self._carry_queued()
            self._do(self.retry)
            self._read("full" if turn in (0, 3) else "incremental")
            moved = self.carry()
            if turn > 1 and not moved:
                break
        return moved

    def issue_for(self, price: str, tax: float = 0.0) -> int:
        """A bill of one line is made and sent; its number."""
        bill = self._new()
        self._line(bill, price=price)
        self._sum_up(bill, tax)
        self._issue(bill)
        return bill

    def change(self, bill: int, price: str | None = None, **values) -> None:
        """Its only line costs this by now, and this is so of the bill."""
        if price is not None:
            self._line(bill, self._lines(bill)[0]["id"], price=price)
            self._sum_up(bill)
        self._put(bill, **values)

    def bills(self) -> list[int]:
        return list(self.clio.shelves["bills"].numbers())

    # -- what the firm does in Clio -----------------------------------------------------------------------------------

    def make(self) -> int:
        bill = self._new()
        for _ in range(self.dice.choice((1, 1, 2, 3, 25))):
            self._line(bill)
        self._sum_up(bill)
        return bill

    def _new(self) -> int:
        self.numbers += 1
        return self.clio.put("bills", {
            "number": f"B-{7000 + self.numbers}", "state": "draft", "kind": "revenue_kind", "type": "MatterBill",
            "client": {"id": self.dice.choice(self.clients)}, "currency": {"id": 1, "code": "USD", "sign": "$"},
            "subject": "Work", "total": 0.0, "paid": 0.0, "balance": 0.0, "due": 0.0, "credits_issued": 0.0,
        })["id"]  # fmt: skip

    def make_and_issue(self) -> None:
        self._issue(self.make())

    def issue(self) -> None:
        if bill := self._one("draft", "awaiting_approval"):
            if self._bill(bill)["state"] == "draft" and self.dice.random() < 0.3:
                self._put(bill, state="awaiting_approval")
                return
            self._issue(bill)

    def _issue(self, bill: int) -> None:
        self._put(bill, state="awaiting_payment", issued_at="2026-05-29", due_at="2026-06-28")

    def edit(self) -> None:
        """Lines come, go and change; a bill's text and days do too."""
        if not (bill := self._one("draft", "awaiting_approval", "awaiting_payment")):
            return
        lines = self._lines(bill)
        match self.dice.choice(("more", "less", "price", "price", "written off", "words", "days", "subject")):
            case "more":
                self._line(bill)
            case "less" if lines:
                self.clio.delete("line_items", self.dice.choice(lines)["id"])
            case "price" if lines:
                self._line(bill, self.dice.choice(lines)["id"])
            case "written off":
                for line in lines:
                    self.clio.put("line_items", {"id": line["id"], "total": 0.0, "sub_total": 0.0, "price": 0.0})
            case "words" if lines:
                self.clio.put("line_items", {"id": self.dice.choice(lines)["id"], "description": self._words()})
            case "days":
                self._put(bill, due_at=f"2026-07-{self.dice.randint(1, 28):02d}")
            case _:
                self._put(bill, subject=self._words())
        self._sum_up(bill)

    def taxed(self) -> None:
        """Tax or a discount is put on, or taken off again."""
        if bill := self._one("awaiting_payment"):
            self._sum_up(bill, more=self.dice.choice((0.0, 8.25, -10.0)))

    def paid_here(self) -> None:
        """All of it, a part, or too much."""
        if bill := self._one("awaiting_payment"):
            total, paid = (Decimal(str(self._bill(bill)[name])) for name in ("total", "paid"))
            more = self.dice.choice((total - paid, Decimal("0.01"), (total / 3).quantize(Decimal("0.01")), total + 5))
            self._balance(bill, paid=float(max(paid + more, Decimal(0))))

    def unpaid_here(self) -> None:
        """A payment is deleted, or refunded."""
        if bill := self._one("paid", "awaiting_payment"):
            self._balance(bill, paid=0.0)

    def credited_here(self) -> None:
        if bill := self._one("awaiting_payment"):
            self._balance(bill, credits_issued=self.dice.choice((1.0, self._bill(bill)["total"])))

    def taken_back(self) -> None:
        if bill := self._one(*OUT):
            self._put(bill, state="void")

    def reopened(self) -> None:
        """An issued bill is a draft once more, to be worked on."""
        if bill := self._one("awaiting_payment"):
            self._put(bill, state=self.dice.choice(("draft", "awaiting_approval")))

    def deleted(self) -> None:
        if bill := self._one("draft", "awaiting_approval", *OUT, "void"):
            for line in self._lines(bill):
                self.clio.delete("line_items", line["id"])
            self.clio.delete("bills", bill)
            self.told.append(f"bill {bill} deleted")

    def other_client(self) -> None:
        if bill := self._one("draft", "awaiting_approval", "awaiting_payment"):
            self._put(bill, client={"id": self.dice.choice(self.clients)})

    def renumbered(self) -> None:
        if bill := self._one("draft", "awaiting_approval", "awaiting_payment"):
            self._put(bill, number=f"B-{self._bill(bill)['number'][2:6]}-{self.dice.randint(1, 9)}")

    def for_trust(self) -> None:
        if bill := self._one("draft", "awaiting_payment"):
            self._put(bill, kind=self.dice.choice(("trust_kind", "revenue_kind")))

    # -- what the bookkeeper does -------------------------------------------------------------------------------------

    def paid_there(self) -> None:
        if number := self._invoice():
            self._noted(f"paid there {number}", self.there.pay, number, self.dice.choice((None, 0.01, 5)))

    def over_there(self) -> None:
        if number := self._invoice():
            self._noted(f"voided there {number}", self.there.void, number)

    def deleted_there(self) -> None:
        if number := self._invoice():
            self._noted(f"deleted there {number}", self.there.delete, number)

    def edited_there(self) -> None:
        """A line costs more there, or has other words."""
        if number := self._invoice():
            self._noted(f"edited there {number}", self.there.edit, number, self.dice.choice((0, 7.5)), self._words())

    def close(self) -> None:
        self._noted("books closed or opened", self.there.close, self.dice.choice(("", "2026-05-31")))

    # -- what services do to us ---------------------------------------------------------------------------------------

    def trouble(self) -> None:
        """The next writes are refused, lost on their way back, told to wait, or meet an upstream that is down."""
        answer = self.dice.choice((
            {"status": 500, "body": {}, "times": self.dice.choice((1, 6))},
            {"cut": True}, {"cut": True, "through": True}, {"cut": True, "through": True, "times": 6},
            {"status": 429, "body": {}, "headers": {"Retry-After": "0"}},
        ))  # fmt: skip
        path, method = self.dice.choice(self.there.writes)
        self.told.append(f"trouble: {method} {path} {answer}")
        self.there.upstream.script(path, {"method": method, **answer})

    def crash(self) -> None:
        """The worker dies in the middle of a write, and another takes its run over."""
        if dying.in_a_write(self.dice, dying.ANYWHERE, self.carry):
            self.told.append("crashed")

    # -- what the console does ----------------------------------------------------------------------------------------

    def read_one(self) -> None:
        self._sync(*self.dice.choice(
            (("clio", ["bills"]), ("clio", ["line_items"]), ("clio", ["bills", "line_items"]), ("there", ["invoices"]))
        ))  # fmt: skip

    def told_by_webhook(self) -> None:
        """Late, twice, or of what is gone already."""
        bills = [str(one) for one in self.clio.shelves["bills"].numbers()]
        if bills:
            bill = self.dice.choice(bills)
            for _ in range(self.dice.choice((1, 2))):
                sync(self.ends["clio"], records=[f"bills:{bill}"])

    def carry(self) -> str:
        """Carry the mapping once; what it wrote, in words."""
        run = carry_out(pushes.request(db.session.get_one(DataMapping, self.mapping), release_brake=True))
        (part,) = run.parts
        self.told.append(f"run {run.id} {run.state}: {run.message}")
        moved = (part.new, part.changed, part.deleted, part.conflicts)
        db.session.rollback()
        return f"run {run.id}: {moved}" if any(moved) else ""

    def both(self) -> None:
        self._read("incremental")
        self.carry()

    # -- what people do at the console --------------------------------------------------------------------------------

    def retry(self) -> None:
        for number in self._rows(Change, state="dead"):
            self._do(lambda number=number: refused_writes.send_soon(
                [outbox.retry(db.session.get_one(Change, number), by=BY)], by=BY
            ))  # fmt: skip
            self._carry_queued()

    def drop(self) -> None:
        for number in self._rows(Change, state="dead")[:1]:
            self.dropped = True
            outbox.drop(db.session.get_one(Change, number), by=BY)

    def take_back(self) -> None:
        if runs := self._rows(SyncRun, kind="push")[-3:]:
            self.taken = True
            undo.undo(db.session.get_one(SyncRun, self.dice.choice(runs)), by=BY)
            self._carry_queued()

    # -- what must be so ----------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What must not be, once it rests."""
        return [*self._each_bill(), *self._each_invoice(), *self._left_waiting()]

    def _each_bill(self) -> Iterator[str]:
        halves = self._halves()
        everyone = [self._bill(number) for number in self.clio.shelves["bills"].numbers()]
        for bill in everyone:
            stands = [one for one in self.there.invoices() if one["id"] in halves.get(str(bill["id"]), ())]
            stands = [one for one in stands if not one["over"]]
            wanted = bill["state"] == "awaiting_payment" and bill["kind"] != "trust_kind"
            said = f"{bill['number']} ({bill['id']}, {bill['state']}, {bill['total']}) has {stands}"
            if len(stands) > 1:
                yield f"twice: {said}"
            elif (
                (wanted and not stands) or (stands and bill["state"] not in OUT)
                or (stands and stands[0]["total"] != Decimal(str(bill["total"])))
            ) and not self._is_told(bill["id"]):  # fmt: skip
                yield f"untold: {said}"

    def _each_invoice(self) -> Iterator[str]:
        numbers = Counter(one["number"] for one in self.there.invoices() if not one["over"])
        yield from (f"{number} {count} times" for number, count in numbers.items() if count > 1)
        known = {number for some in self._halves().values() for number in some}
        for one in self.there.invoices():
            if one["id"] not in known and not one["over"] and not (self.taken or self.dropped):
                yield f"nothing is known of {one}"

    def _left_waiting(self) -> Iterator[str]:
        for number in self._rows(Change):
            change = db.session.get_one(Change, number)
            if change.state in WAITING_STATES:
                yield f"{change.op} {number} of {change.external_id} {change.state}: {change.message}"

    def _halves(self) -> dict[str, set[str]]:
        """Bill -> ids of what was made of it, or is paired with it."""
        found = defaultdict(set)
        for link in self._links():
            if link.left_record is not None and link.right_record is not None:
                found[link.left_record.external_id].add(link.right_record.external_id)
        db.session.rollback()
        return found

    def _links(self) -> list[RecordLink]:
        db.session.rollback()
        return list(db.session.scalars(select(RecordLink).filter_by(mapping_id=self.mapping)))

    def _is_told(self, bill: int) -> bool:
        """Whether a person is told, by a problem that is open, that this one does not agree."""
        links = [one for one in self._links() if one.left_record and one.left_record.external_id == str(bill)]
        numbers = [one.id for one in links]
        asked = db.session.scalars(select(Conflict.id).where(Conflict.link_id.in_(numbers), Conflict.state == "open"))
        dead = db.session.scalars(select(Change).where(Change.link_id.in_(numbers), Change.state == "dead")).all()
        opened = {one.id: one for one in db.session.scalars(select(Issue).where(Issue.state == "open"))}
        by_hand = self.dropped or self.taken or any(one.state in ("cut", "different", "ambiguous") for one in links)
        apart = any(one.kind == "apart" for one in opened.values())
        reason = [one.reason for one in links if one.reason and one.state in ("linked", "gone", "aside", "paused")]
        return bool(
            list(asked) or any(one.issue_id in opened and one.message for one in dead) or by_hand
            or (reason and apart)
        )  # fmt: skip

    # -- means --------------------------------------------------------------------------------------------------------

    def _do(self, step: Callable, *given) -> None:
        """What the console refuses, it says; anything else is a fault."""
        self.told.append(step.__name__)
        try:
            step(*given)
        except ConsoleError as refusal:
            self.told.append(f"refused: {refusal}")
            db.session.rollback()

    def _noted(self, said: str, step: Callable, *given) -> None:
        self.told.append(said)
        step(*given)

    def _sync(self, end: str, only: list[str], kind: str = "incremental") -> None:
        sync(self.ends[end], kind=kind, only=only)

    def _read(self, kind: str) -> None:
        self._sync("clio", ["bills", "line_items"], kind)
        self._sync("there", ["invoices"], kind)

    def _carry_queued(self) -> None:
        for number in self._rows(SyncRun, state="queued"):
            carry_out(db.session.get_one(SyncRun, number))

    def _rows(self, rows, **of) -> list[int]:
        db.session.rollback()
        db.session.expire_all()
        return list(db.session.scalars(select(rows.id).filter_by(**of).order_by(rows.id)))

    def _bill(self, number: int) -> dict:
        return self.clio.record("bills", number)

    def _one(self, *states: str) -> int | None:
        numbers = [one for one in self.clio.shelves["bills"].numbers() if self._bill(one)["state"] in states]
        return self.dice.choice(numbers) if numbers else None

    def _lines(self, bill: int) -> list[dict]:
        shelf = self.clio.shelves["line_items"]
        return [one for number in shelf.numbers() if (one := shelf.get(number))["bill"]["id"] == bill]

    def _invoice(self) -> str | None:
        stands = [one["id"] for one in self.there.invoices() if not one["over"]]
        return self.dice.choice(stands) if stands else None

    def _words(self) -> str:
        return f"Work {self.dice.randint(1, 6)}"

    def _line(self, bill: int, number: int | None = None, price: str | None = None) -> None:
        quantity = self.dice.choice(("1", "1", "0.33", "1.5", "3")) if price is None else "1"
        price = price or self.dice.choice(PRICES)
        total = float((Decimal(price) * Decimal(quantity)).quantize(Decimal("0.01"), "ROUND_HALF_UP"))
        self.clio.put("line_items", {
            **({"id": number} if number else {"description": self._words()}), "bill": {"id": bill}, "kind": "Service",
            "price": float(price), "quantity": float(quantity), "total": total, "sub_total": total, "tax": 0.0,
            "type": "ActivityLineItem",
        })  # fmt: skip

    def _sum_up(self, bill: int, more: float = 0.0) -> None:
        total = sum((Decimal(str(line["total"])) for line in self._lines(bill)), Decimal(str(more)))
        self._put(bill, total=float(total))
        self._balance(bill)

    def _balance(self, bill: int, **values: float) -> None:
        there = {**self._bill(bill), **values}
        left = round(there["total"] - there["paid"] - there["credits_issued"], 2)
        state = there["state"]
        if state in OUT:
            state = "paid" if left <= 0 < there["total"] else "awaiting_payment"
        self._put(bill, **values, balance=left, due=left, state=state)

    def _put(self, bill: int, **values) -> None:
        self.told.append(f"bill {bill}: {values}")
        self.clio.put("bills", {"id": bill, **values})
