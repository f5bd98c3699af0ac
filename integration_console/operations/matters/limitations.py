"""Limitation dates: worked out by rules for open matters that have none, then set by a person or by the rule itself.

A date that is there is never overwritten: before each write the matter is read afresh, and the write is conditional
on what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog
from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from ... import clock
from ...errors import Conflict, ConsoleError, NeedsPerson, NotFound, TryLater
from ...models import Change, Connection, LimitationProposal, LimitationRule, Record, db, reading
from .. import audit, limitation_fields
from ..limitation_fields import STATUTE
from . import due_dates, limitation_rules, matter_list, matters
from .limitation_rules import fitting, is_open, limitation_of, work_out
from .matter_fields import LIMITATION

log = structlog.get_logger(__name__)

BATCH = 500  # matters looked at in one go
SETS_AT_ONCE = 20  # dates one look sets by itself: each takes two calls of the account's budget
ROUND_S = 20.0  # ... and none once that is over: where Clio answers slowly the clock's other chores wait for us
BY_ITSELF = "the console"


@dataclass(frozen=True)
class Shown:
    """A proposal with what it is about."""

    proposal: LimitationProposal
    rule: LimitationRule
    record: Record

    @property
    def due_on(self) -> date:
        """The day that is proposed."""
        return date.fromisoformat(self.proposal.due_on)

    @property
    def place(self) -> due_dates.Place:
        """Where it stands in the list by date."""
        return due_dates.Place(self.proposal.due_on, self.proposal.id)


# -- working out ------------------------------------------------------------------------------------------------------


def propose(session: Session, records: Iterable[Record], rules: Sequence[LimitationRule] | None = None) -> int:
    """Propose dates for those of these matters that are open and have none; how many are new or moved.

    What a person dismissed is not proposed again. Nothing is committed here.
    """
    rules = limitation_rules.every(enabled=True) if rules is None else rules
    fields = limitation_fields.targets()
    wanted = {
        (record.id, rule.id): due.isoformat()
        for record in records
        if record.deleted_at is None and is_open(record.data) and limitation_of(record.data, fields) is None
        for rule in fitting(rules, record.data)
        if (due := work_out(rule, record.data))
    }
    if not wanted:
        return 0
    known = session.scalars(select(LimitationProposal).where(LimitationProposal.record_id.in_({r for r, _ in wanted})))
    there, new = {(one.record_id, one.rule_id): one for one in known}, 0
    for (record_id, rule_id), due_on in wanted.items():
        row = there.get((record_id, rule_id))
        if row is None or (row.state == "proposed" and row.due_on != due_on):
            row = row or LimitationProposal(
                record_id=record_id, rule_id=rule_id, state="proposed", created_at=clock.now()
            )
            row.due_on, new = due_on, new + 1
            session.add(row)
    return new


def work_out_all() -> int:
    """Propose dates for every open matter without one, and set those whose rule says so; how many are new."""
    rules = limitation_rules.every(enabled=True)
    _drop_what_is_moot(rules)
    new = 0
    for numbers in _without(rules):
        batch = db.session.scalars(select(Record).where(Record.id.in_(numbers))).all()
        try:
            new += propose(db.session(), batch, rules)
            db.session.commit()
        except IntegrityError:  # somebody else works them out at the same moment
            db.session.rollback()
    _set_by_rule()
    return new


def _without(rules: Sequence[LimitationRule]) -> Iterator[list[int]]:
    """Our numbers of the open matters that have no limitation date, in batches; nothing is open between them."""
    if not rules:
        return
    last: int | None = 0
    fields = limitation_fields.targets()
    while last is not None:
        with reading():
            rows, last = matter_list.without_batch(last, BATCH, fields, lambda data: fitting(rules, data))
            db.session.rollback()
        if rows:
            yield rows


def _drop_what_is_moot(rules: Sequence[LimitationRule]) -> None:
    """Forget proposals whose matter has a date by now, is closed or gone with its account or without it, or whose rule
    no longer fits.
    """
    fields, used = limitation_fields.targets(), {rule.id: rule for rule in rules}
    accounts = matter_list.accounts_of(None)
    for shown in _every_waiting():
        data, rule = shown.record.data, used.get(shown.rule.id)
        fits = rule is not None and rule in fitting(rules, data) and work_out(rule, data) is not None
        is_there = shown.record.deleted_at is None and shown.record.connection_id in accounts
        if not fits or not is_there or not is_open(data) or limitation_of(data, fields):
            db.session.delete(shown.proposal)
    db.session.commit()


def _set_by_rule() -> None:
    """Set what rules of that mode have proposed; an account that does not answer waits for the next look."""
    silent: set[int] = set()
    left, ends = SETS_AT_ONCE, clock.monotonic() + ROUND_S
    for number, connection_id in _to_set():
        if connection_id in silent:
            continue
        if not left or clock.monotonic() > ends:
            break
        try:
            _set(_find(number), by=BY_ITSELF)
            left -= 1
        except (NeedsPerson, TryLater) as error:
            silent.add(connection_id)
            log.info("A limitation date waits for its account", connection=connection_id, why=str(error))
        except ConsoleError as error:  # it stays proposed: a person decides
            left -= 1
            log.info("A limitation date could not be set", proposal=number, why=str(error))
        db.session.rollback()


def _to_set() -> list[tuple[int, int]]:
    """Proposals a rule sets by itself, with their connection: where only one rule speaks and Clio did not refuse it."""
    other, others = aliased(LimitationProposal), aliased(LimitationRule)
    speaks = select(other.id).join(others, others.id == other.rule_id).where(
        other.record_id == LimitationProposal.record_id, others.to_field == LimitationRule.to_field,
        other.id != LimitationProposal.id,
    )  # fmt: skip
    refused = select(Change.id).where(
        Change.record_id == LimitationProposal.record_id, Change.state.in_(("dead", "uncertain")),
        Change.cause == _cause(LimitationRule.name),
    )  # fmt: skip
    query = (
        _waiting(LimitationProposal.id, Record.connection_id)
        .join(Connection, Connection.id == Record.connection_id)
        .where(Connection.status == "connected", LimitationRule.mode == "set", ~speaks.exists(), ~refused.exists())
    )
    with reading():
        found = [(number, connection_id) for number, connection_id in db.session.execute(query)]
        db.session.rollback()
    return found


# -- deciding ---------------------------------------------------------------------------------------------------------


def waiting(after: due_dates.Place | None = None, limit: int | None = None) -> list[Shown]:
    """The proposals a person has to decide about, the earliest date first, after a place."""
    query = _waiting(LimitationProposal, LimitationRule, Record).limit(limit)
    if after:
        query = query.where(tuple_(LimitationProposal.due_on, LimitationProposal.id) > tuple_(*map(literal, after)))
    return [Shown(*row) for row in db.session.execute(query)]


def _every_waiting() -> Iterator[Shown]:
    """All of them, a page at a time: a first look at a large firm may find one for each of its matters."""
    page = waiting(limit=BATCH)
    while page:
        yield from page
        page = waiting(page[-1].place, BATCH)


def _waiting(*columns: Any) -> Select:
    """Of the proposals that wait, the earliest date first."""
    return (
        select(*columns)
        .select_from(LimitationProposal)
        .join(LimitationRule, LimitationRule.id == LimitationProposal.rule_id)
        .join(Record, Record.id == LimitationProposal.record_id)
        .where(LimitationProposal.state == "proposed")
        .order_by(LimitationProposal.due_on, LimitationProposal.id)
    )


def of_record(record: Record) -> list[Shown]:
    """What was proposed for one matter, whatever became of it."""
    query = (
        select(LimitationProposal, LimitationRule)
        .join(LimitationRule, LimitationRule.id == LimitationProposal.rule_id)
        .where(LimitationProposal.record_id == record.id)
        .order_by(LimitationProposal.id)
    )
    return [Shown(proposal, rule, record) for proposal, rule in db.session.execute(query)]


def accept(proposal_id: int, *, by: str) -> Record:
    """Set a proposed date in Clio.

    Raises NotFound, Conflict when it was decided already, the matter has a date by now or the rule gives it another,
    what Clio said.
    """
    record = _set(_find(proposal_id), by=by)
    audit.add("limitation date accepted", record.label, actor=by)
    db.session.commit()
    return record


def dismiss(proposal_id: int, *, by: str) -> None:
    """Say that a proposed date is not right; this rule proposes none for this matter again."""
    shown = _find(proposal_id)
    _decide(shown.proposal, "dismissed", by)
    audit.add("limitation date dismissed", shown.record.label, actor=by, rule=shown.rule.name)
    db.session.commit()


def _find(proposal_id: int) -> Shown:
    proposal = db.session.get(LimitationProposal, proposal_id)
    if proposal is None:
        raise NotFound("There is no such proposal.")
    if proposal.state != "proposed":
        raise Conflict("This proposal was decided already.")
    return Shown(
        proposal, db.session.get_one(LimitationRule, proposal.rule_id), db.session.get_one(Record, proposal.record_id)
    )


def _set(shown: Shown, *, by: str) -> Record:
    """Write the date, if the matter as Clio has it this moment has none and the rule gives it that one."""
    number, cause, due_on = shown.proposal.id, _cause(shown.rule.name), shown.due_on
    field = LIMITATION if shown.rule.to_field == STATUTE else shown.rule.to_field
    record = matters.refresh(shown.record)
    if there := limitation_of(record.data, {*limitation_fields.targets(), shown.rule.to_field} - {STATUTE}):
        _forget(number)
        raise Conflict(f"This matter has a limitation date by now, {there:%-d %b %Y}. Nothing was overwritten.")
    if not is_open(record.data):
        _forget(number)
        raise Conflict("This matter was closed in the meantime. Nothing was written.")
    _must_still_give(shown.rule, record, number, due_on)
    record = matters.change(record, {field: due_on.isoformat()}, by=by, cause=cause)
    _decide(db.session.get_one(LimitationProposal, number), "set", by)
    db.session.commit()
    return record


def _must_still_give(rule: LimitationRule, record: Record, number: int, due_on: date) -> None:
    """Raises Conflict where the rule or what the matter says has changed since this date was worked out."""
    fits = rule in fitting(limitation_rules.every(enabled=True), record.data)
    now = work_out(rule, record.data) if fits else None
    if now is None:
        _forget(number)
        raise Conflict("The rule gives this matter no limitation date any more. Nothing was written.")
    if now != due_on:
        db.session.get_one(LimitationProposal, number).due_on = now.isoformat()
        db.session.commit()
        raise Conflict(f"The rule gives this matter another date by now, {now:%-d %b %Y}. Nothing was written.")


def _cause(rule: Any) -> Any:
    """Why a date was written: the name of its rule, a text or a column of texts, in words."""
    return "limitation rule “" + rule + "”"


def _forget(number: int) -> None:
    """There is nothing to decide any more."""
    if moot := db.session.get(LimitationProposal, number):
        db.session.delete(moot)
    db.session.commit()


def _decide(proposal: LimitationProposal, state: str, by: str) -> None:
    proposal.state, proposal.decided_by, proposal.decided_at = state, by, clock.now()
