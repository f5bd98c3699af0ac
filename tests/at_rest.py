"""What must be true of a walk's two accounts once nothing more happens."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from sqlalchemy import select

from integration_console.models import Change, Conflict, Connection, DataMapping, Record, RecordLink, db
from integration_console.models.change import WAITING_STATES
from integration_console.operations.mapping import crossings
from integration_console.services.writing import value_of

from .both_sides import FIELDS, OTHER, Sides

Copies = dict[str, dict[str, Record]]  # side -> upstream id -> our copy


class Rest:
    """Looks at both sides, and remembers what they agreed on when it looked last."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.rested = 0  # the moment of the last look
        self.agreed: dict[tuple[int, str], list] = {}  # pair, field -> the questions about it, where both sides agreed

    def story(self) -> tuple:
        """What would be another if anything had happened: writes, questions, pairs, records, calls that wrote."""
        db.session.rollback()
        rows = db.session.execute(select(Change.id, Change.state, Change.tries).order_by(Change.id)).all()
        asked = db.session.execute(select(Conflict.id, Conflict.state).order_by(Conflict.id)).all()
        links = db.session.execute(select(RecordLink.left_record_id, RecordLink.right_record_id, RecordLink.state)
                                   .where(RecordLink.mapping_id == self.sides.mapping)).all()  # fmt: skip
        there = [{number: self.sides.plain(side, number) for number in self.sides.ids(side)} for side in OTHER]
        wrote = [
            sum(1 for one in list(upstream.requests) if _writes(one)) for upstream in self.sides.upstreams.values()
        ]
        db.session.rollback()
        return rows, asked, sorted(links, key=str), there, wrote

    def look(self) -> None:
        """At rest. Raises AssertionError."""
        db.session.rollback()
        copies = {side: self._copies(side) for side in OTHER}
        links = list(db.session.scalars(select(RecordLink).filter_by(mapping_id=self.sides.mapping)))
        pairs = [link for link in links if link.state == "linked"]
        waits = db.session.scalars(select(Change.id).where(Change.state.in_(WAITING_STATES))).all()
        assert not waits, f"writes {waits} wait still"
        self._copy_is_true(copies)
        self._everybody_is_known(copies, links)
        self._nobody_is_doubled()
        self._nothing_is_lost()
        for pair in pairs:
            self._agree(pair)
            self._the_last_word_holds(pair)
            self._nobody_is_asked_in_vain(pair)
        self.agreed = {
            (pair.id, name): self._questions(pair, name)
            for pair in pairs for name in self._lines() if not self._explained(pair, name)
        }  # fmt: skip
        self.rested = self.sides.moment
        db.session.rollback()

    def _copies(self, side: str) -> dict[str, Record]:
        query = select(Record).filter_by(connection_id=self.sides.connections[side], resource="contacts")
        return {one.external_id: one for one in db.session.scalars(query)}

    def _end(self, side: str):
        row = db.session.get_one(DataMapping, self.sides.mapping)
        connection = db.session.get_one(Connection, self.sides.connections[side])
        return crossings.end(connection, getattr(row, f"{side}_resource"), side=side)

    def _said(self, side: str, record: Record) -> dict[str, Any]:
        plain = self._end(side).plain(record.external_id, record.data)
        told = {name: value_of(plain, names[side == "right"]) for name, names in FIELDS.items()}
        return {name: value if isinstance(value, str) and value else None for name, value in told.items()}

    def _copy_is_true(self, copies: Copies) -> None:
        for side in OTHER:
            here = sorted(number for number, one in copies[side].items() if one.deleted_at is None)
            assert here == sorted(self.sides.ids(side)), f"{side}: the copy holds other records"
            for number in here:
                said, there = self._said(side, copies[side][number]), self.sides.plain(side, number)
                assert said == there, f"{side} {number}: the copy says {said}, the service {there}"

    def _everybody_is_known(self, copies: Copies, links: list[RecordLink]) -> None:
        for side in OTHER:
            rows = {getattr(link, f"{side}_record_id") for link in links}
            for number, one in copies[side].items():
                assert one.deleted_at is not None or one.id in rows, f"{side} {number}: nobody looked at it"

    def _nobody_is_doubled(self) -> None:
        made = list(db.session.scalars(select(Change).filter_by(op="create", state="done").order_by(Change.id)))
        refused = list(db.session.scalars(select(Change).filter_by(op="create", state="dead")))  # a person is told why
        for side in OTHER:
            known = {one.external_id for one in made if one.connection_id == self.sides.connections[side]}
            told = [one.message for one in refused if one.connection_id == self.sides.connections[side]]
            for number in self.sides.ids(side):
                assert number in known or number in self.sides.ours[side] or any(number in said for said in told), (
                    f"{side} {number}: made, and nobody knows by whom"
                )
        origins: dict[str, str] = {}
        live = {(self.sides.connections[side], number) for side in OTHER for number in self.sides.ids(side)}
        for one in made:
            if (one.connection_id, one.external_id) not in live:
                continue
            origin = f"{one.connection_id} {one.options.get('origin')}"
            assert origin not in origins, f"{origin}: {one.external_id} and {origins[origin]} were made of it"
            origins[origin] = str(one.external_id)

    def _agree(self, link: RecordLink) -> None:
        left, right = link.left_record, link.right_record
        assert left.deleted_at is right.deleted_at is None, f"pair {link.id}: one is gone, and it is a pair still"
        said = {"left": self._said("left", left), "right": self._said("right", right)}
        for name in self._lines():
            one, other = said["left"][name], said["right"][name]
            same = folded(name, one) == folded(name, other)
            assert same or self._explained(link, name), (
                f"pair {link.id}, {left.external_id} and {right.external_id}: {name} is {one} and {other}, {link.base}"
            )

    def _nobody_is_asked_in_vain(self, link: RecordLink) -> None:
        """Questions show what both sides say."""
        said = {side: self._said(side, getattr(link, f"{side}_record")) for side in OTHER}
        for one in db.session.scalars(select(Conflict).filter_by(link_id=link.id, state="open")):
            name = next(name for name, names in FIELDS.items() if one.line == "|".join(names))
            now, held = {side: said[side][name] for side in OTHER}, {side: one.held[side] for side in OTHER}
            assert now == held, f"conflict {one.id}: {name} is asked about as {held}, and is {now}"

    def _lines(self) -> list[str]:
        row = db.session.get_one(DataMapping, self.sides.mapping)
        version = next(one for one in row.versions if one.number == row.active_version)
        there = {line.left for line in version.fields if line.direction == "both"}
        return [name for name, (left, _) in FIELDS.items() if left in there]

    def _explained(self, link: RecordLink, name: str) -> bool:
        """Whether a person sees why the two sides differ: they are asked, or a write of it was refused, dropped by
        somebody or taken back."""
        key = "|".join(FIELDS[name])
        asked = select(Conflict.id).filter_by(link_id=link.id, line=key, state="open")
        if db.session.scalar(asked.limit(1)) or link.reason:
            return True
        written = [one for one in db.session.scalars(select(Change).filter_by(link_id=link.id))
                   if set(FIELDS[name]) & set(one.wanted)]  # fmt: skip
        return any(
            one.state == "dead" or self._was_let_be(one) or self._was_taken_back(link, one, name) for one in written
        )

    @staticmethod
    def _was_let_be(change: Change) -> bool:
        return change.state == "dropped" and str(change.message).startswith("Dropped by")

    def _was_taken_back(self, link: RecordLink, change: Change, name: str) -> bool:
        """Whether a person took this value back, and the record it had come from says it still."""
        undone = db.session.get(Change, change.undoes_id) if change.undoes_id else None
        if undone is None:
            return False
        here = next(side for side, number in self.sides.connections.items() if number == change.connection_id)
        came = undone.sources.get(FIELDS[name][here == "right"], {}).get("value")
        said = self._said(OTHER[here], getattr(link, f"{OTHER[here]}_record"))
        return folded(name, came) == folded(name, said[name])

    def _questions(self, link: RecordLink, name: str) -> list:
        query = select(Conflict.id, Conflict.state, Conflict.winner).filter_by(
            link_id=link.id, line="|".join(FIELDS[name])
        )
        return list(map(tuple, db.session.execute(query.order_by(Conflict.id))))

    def _the_last_word_holds(self, link: RecordLink) -> None:
        """What one person typed into a field of a pair that agreed, and nobody at the other side, is there."""
        ids = {"left": link.left_record.external_id, "right": link.right_record.external_id}
        for name in self._lines():
            if self.agreed.get((link.id, name)) != self._questions(link, name) or self._explained(link, name):
                continue
            new = {side: one for side in OTHER
                   if (one := self.sides.typed.get((side, ids[side], name))) and one.moment > self.rested}  # fmt: skip
            if len(new) == 1:
                ((side, typed),) = new.items()
                now = self.sides.plain(side, ids[side])[name]
                assert now == typed.value, f"{side} {ids[side]}: {name} was typed {typed.value} and says {now}"

    def _nothing_is_lost(self) -> None:
        """What a person typed last is where they typed it, or in what the console keeps of it. What they deleted with
        a record is theirs to lose."""
        values = [value for column in (Change.before, Conflict.held) for value in db.session.scalars(select(column))]
        kept = json.dumps(values, ensure_ascii=False)
        live = {side: {number: self.sides.plain(side, number) for number in self.sides.ids(side)} for side in OTHER}
        for (side, number, name), typed in self.sides.typed.items():
            if number in self.sides.gone[side] and number not in live[side]:
                continue
            if typed.value is None or live[side].get(number, {}).get(name) == typed.value:
                continue
            assert f'"{typed.value}"' in kept, f"{side} {number}: {name} was {typed.value}, which is nowhere any more"


def folded(name: str, value: str | None) -> str:
    """A value as both sides mean it, each in its own spelling."""
    if name == "phone":
        return "".join(filter(str.isdigit, value or ""))[-10:]
    text = " ".join(unicodedata.normalize("NFC", value or "").split())
    return text.lower() if name == "email" else text


def _writes(seen) -> bool:
    return seen.method in ("POST", "PUT", "PATCH", "DELETE") and "search" not in seen.path and "oauth" not in seen.path
