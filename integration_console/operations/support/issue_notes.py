"""Notes people write on problems, and whom they name there: `@grace@firm.example` is told on their Errors page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import func, select, update

from ... import clock
from ...errors import InvalidInput, NotFound
from ...models import Issue, IssueMention, IssueNote, User, db
from .. import audit

LONGEST = 4_000
_MENTION = re.compile(r"(?<![\w.+-])@([\w.+-]+@[\w-]+(?:\.[\w-]+)+)")


def of(issue_id: int) -> Sequence[IssueNote]:
    """What was noted on a problem, the oldest first."""
    return db.session.scalars(select(IssueNote).filter_by(issue_id=issue_id).order_by(IssueNote.id)).all()


def add(issue_id: int, text: str, *, by: str) -> IssueNote:
    """Write a note. Who writes has read what was asked of them there.

    Raises NotFound, or InvalidInput for an empty note and for a mention of somebody who is not here.
    """
    if db.session.get(Issue, issue_id) is None:
        raise NotFound("There is no such issue.")
    if not 0 < len(text.strip()) <= LONGEST:
        raise InvalidInput(f"Write a note of at most {LONGEST:,} characters.", field="text")
    named = dict.fromkeys(active_email(found, field="text") for found in mentions_in(text))
    note = IssueNote(issue_id=issue_id, author=by, text=text.strip(), at=clock.now())
    db.session.add(note)
    db.session.flush()
    db.session.add_all(IssueMention(note_id=note.id, issue_id=issue_id, email=email) for email in named if email != by)
    _read(IssueMention.issue_id == issue_id, IssueMention.email == by)
    audit.add("issue noted", f"issue {issue_id}", actor=by, mentions=list(named))
    db.session.commit()
    return note


def mentions_in(text: str) -> list[str]:
    """The e-mails named in a text.

    >>> mentions_in("@ada@firm.example please; write to bob@firm.example. And @eve@firm.example.")
    ['ada@firm.example', 'eve@firm.example']
    """
    return [found[1] for found in _MENTION.finditer(text)]


def active_email(email: str, *, field: str = "email") -> str:
    """The e-mail as its person has it. Raises InvalidInput when nobody active has it."""
    known = select(User.email).where(func.lower(User.email) == email.strip().lower(), User.active)
    if found := db.session.scalar(known):
        return found
    raise InvalidInput(f"Nobody who may sign in here has the e-mail {email}.", field=field)


def open_mentions(email: str) -> int:
    """How many problems name this person in a note they have not read."""
    query = select(func.count(IssueMention.issue_id.distinct()))
    return db.session.scalar(query.where(IssueMention.email == email, IssueMention.seen_at.is_(None))) or 0


def naming(email: str, issue_ids: Sequence[int]) -> set[int]:
    """Which of these problems name the person in a note they have not read."""
    if not email:
        return set()
    query = select(IssueMention.issue_id).where(IssueMention.email == email, IssueMention.seen_at.is_(None))
    return set(db.session.scalars(query.where(IssueMention.issue_id.in_(issue_ids))))


def mark_read(issue_id: int, *, by: str) -> None:
    """The person has read what was asked of them on this problem."""
    _read(IssueMention.issue_id == issue_id, IssueMention.email == by)
    db.session.commit()


def read_by_all(issue_id: int) -> None:
    """Nobody is asked any more; the caller commits."""
    _read(IssueMention.issue_id == issue_id)


def _read(*which) -> None:
    db.session.execute(update(IssueMention).where(*which, IssueMention.seen_at.is_(None)).values(seen_at=clock.now()))
