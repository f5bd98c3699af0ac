"""Saved views: a list's filter under a name, one's own or shared with everybody; and the columns a person chose."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from ... import clock
from ...errors import Conflict, Forbidden, InvalidInput, NotFound
from ...models import SavedView, db
from .. import audit

MOST = 30  # of one person for one list
_COLUMNS = "#columns"  # behind a list's address: no request leads there, so this is the view of no list
_LONGEST_NAME, _LONGEST_QUERY = 60, 2000


def of(path: str, user_id: int) -> list[SavedView]:
    """This person's views of a list, and the shared ones, by name."""
    mine = or_(SavedView.user_id == user_id, SavedView.shared)
    return list(db.session.scalars(select(SavedView).where(SavedView.path == path, mine).order_by(SavedView.name)))


def columns(path: str, user_id: int) -> list[str]:
    """The columns this person chose for a list; empty when they never did."""
    chosen = db.session.scalar(select(SavedView.query).filter_by(user_id=user_id, path=path + _COLUMNS))
    return chosen.split(",") if chosen else []


def choose_columns(path: str, names: list[str], *, user_id: int) -> None:
    """Keep the columns this person wants to see of a list; none are the usual ones."""
    found = db.session.scalar(select(SavedView).filter_by(user_id=user_id, path=path + _COLUMNS))
    if names:
        row = found or SavedView(user_id=user_id, path=path + _COLUMNS, name="", created_at=clock.now())
        row.query = ",".join(names)
        db.session.add(row)
    elif found:
        db.session.delete(found)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("The columns were chosen at the same moment elsewhere.") from None


def save(path: str, query: str, name: str, *, shared: bool, user_id: int, actor: str) -> SavedView:
    """Keep a filter; one's own view of that name is replaced.

    Raises InvalidInput for a name that is empty or too long, or an address that is none of ours.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        raise InvalidInput(f"Give the view a name of 1 to {_LONGEST_NAME} characters.", field="name")
    query = urlencode(parse_qsl(query))
    if not query or len(query) > _LONGEST_QUERY:
        raise InvalidInput("Filter the list first: a view is a filter with a name.", field="query")
    found = db.session.scalar(select(SavedView).filter_by(user_id=user_id, path=path, name=name))
    if found is None and len(of(path, user_id)) >= MOST:
        raise InvalidInput(f"This list has {MOST} views already. Remove one first.", field="name")
    view = found or SavedView(user_id=user_id, path=path, name=name, created_at=clock.now())
    view.query, view.shared = query, shared
    db.session.add(view)
    if shared:
        audit.add("view shared", name, actor=actor, list=path, filter=query)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("This view was saved at the same moment elsewhere.") from None
    return view


def remove(view_id: int, *, user_id: int, role: str, actor: str) -> SavedView:
    """Forget a view: one's own, or as an administrator a shared one. Raises NotFound, Forbidden."""
    view = db.session.get(SavedView, view_id)
    if view is None or (view.user_id != user_id and not view.shared):
        raise NotFound("There is no such view.")
    if view.user_id != user_id and role != "admin":
        raise Forbidden("Only who made this view, or an administrator, removes it.")
    if view.shared:
        audit.add("shared view removed", view.name, actor=actor, list=view.path)
    db.session.delete(view)
    db.session.commit()
    return view
