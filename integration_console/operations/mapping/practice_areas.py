"""What a text is about by the rules as they stand, and what people said about the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask
from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session, scoped_session

from ... import clock
from ...errors import InvalidInput
from ...models import Connection, PracticeAreaCorrection, PracticeAreaRule, Record, db
from ...sync.practice_areas import THRESHOLD, Detected, Rule, Rules, detect, firm_area
from ...sync.practice_areas import rules as shipped
from .. import audit
from .practice_area_rules import names

LONGEST_TEXT = 5_000  # characters of a text to try
MOST_REMEMBERED = 4  # databases in one process, as tests have them

_Version = tuple[Any, ...]
_compiled: dict[str, tuple[_Version, Rules]] = {}


def detector(
    of: Session | scoped_session | Flask | None = None, threshold: float = THRESHOLD
) -> Callable[[str], Detected]:
    """What says of a text which practice area it is about, by the rules as they stand now.

    of: a session or an app; the present one when left out. Ask for it once a run: one cheap query.
    """
    if isinstance(of, Flask):
        with of.app_context():
            rules = current_rules(db.session())
    else:
        rules = current_rules(of or db.session())
    return lambda text: detect(text, rules, threshold)


def current_rules(session: Session | scoped_session) -> Rules:
    """The rules that are switched on, ready to look for; those that come with the console while the table is empty."""
    version = _version(session)
    if not version[0]:
        return shipped.compiled()
    where = str(session.get_bind().engine.url)
    known = _compiled.get(where)
    if known is None or known[0] != version:
        if where not in _compiled and len(_compiled) >= MOST_REMEMBERED:
            _compiled.clear()
        known = _compiled[where] = (version, _compile(session))
    return known[1]


def _version(session: Session | scoped_session) -> _Version:
    """Something that is another after every change of the rules; being right or wrong is no change."""
    row = PracticeAreaRule
    on = func.sum(case((row.enabled, 1), else_=0))
    return tuple(session.execute(select(func.count(), func.max(row.id), on, func.max(row.changed_at))).one())


def _compile(session: Session | scoped_session) -> Rules:
    row = PracticeAreaRule
    columns = select(row.area, row.kind, row.text, row.weight, row.id).where(row.enabled).order_by(row.id)
    rules = (Rule(area, kind, text, weight, id) for area, kind, text, weight, id in session.execute(columns))
    return Rules(rules, shipped.never_corrected())


def try_text(text: str) -> Detected:
    """What a text is about. Raises InvalidInput when there is none, or too much of it."""
    if not text.strip():
        raise InvalidInput("Write or paste what the client says.", field="text")
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"This may have at most {LONGEST_TEXT:,} characters.", field="text")
    return detector()(text)


def firm_name(area: str) -> str | None:
    """What the firm's own Clio list calls an area; None when it has none that is clearly the same."""
    accounts = select(Connection.id).where(Connection.service == "clio", Connection.status != "removed")
    query = select(Record.label).where(
        Record.connection_id.in_(db.session.scalars(accounts).all()),  # so that the index is used
        Record.resource == "practice_areas",
        Record.deleted_at.is_(None),
    )
    return firm_area(area, sorted({label for label in db.session.scalars(query) if label}))


def correct(text: str, corrected: str, *, by: str) -> PracticeAreaCorrection:
    """Keep what a person says a text is about; "" is none of the areas. The rules that had spoken are counted.

    Raises InvalidInput for no text and for an area there is not.
    """
    detected = try_text(text)
    if corrected and corrected not in names():
        raise InvalidInput("Choose an area of the list.", field="corrected")
    if detected.rule_ids:
        row = PracticeAreaRule
        right = detected.area == corrected
        count = {"right_count": row.right_count + 1} if right else {"wrong_count": row.wrong_count + 1}
        db.session.execute(update(row).where(row.id.in_(detected.rule_ids)).values(**count))
    kept = PracticeAreaCorrection(
        text=text, detected=detected.area, corrected=corrected, rule_ids=list(detected.rule_ids), by=by, at=clock.now()
    )
    db.session.add(kept)
    # Not the text: it may be a client's story, and the audit log is kept for good.
    audit.add("practice area corrected", corrected or "none", actor=by, detected=detected.area or "not sure")
    db.session.commit()
    return kept


def corrections(limit: int = 10) -> Sequence[PracticeAreaCorrection]:
    """What people said last, the newest first."""
    newest = select(PracticeAreaCorrection).order_by(PracticeAreaCorrection.id.desc())
    return db.session.scalars(newest.limit(limit)).all()
