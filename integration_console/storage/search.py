"""The index behind the search: the telling texts of each record, by every three letters (FTS5, or pg_trgm).

It is filled behind the records by the clock, so that reading a page costs nothing more. On both databases the table is
`search_entry`; SQLite's is a full-text table, PostgreSQL's a plain one with a trigram index.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from . import driver

SHORTEST = 3  # letters that can be searched for
_PUT = {
    "sqlite": "INSERT INTO search_entry (rowid, text) VALUES (:id, :text)",
    "postgresql": "INSERT INTO search_entry (record_id, text) VALUES (:id, :text)",
}
_TAKE = {
    "sqlite": "DELETE FROM search_entry WHERE rowid = :id",
    "postgresql": "DELETE FROM search_entry WHERE record_id = :id",
}
_FIND = {
    "sqlite": "SELECT rowid FROM search_entry WHERE search_entry MATCH :term ORDER BY rowid DESC LIMIT :most",
    "postgresql": r"SELECT record_id FROM search_entry WHERE text ILIKE :term ESCAPE '\' LIMIT :most",
}
_CALLED = "SELECT id FROM record WHERE external_id = :words LIMIT :most"
_NAMED = (
    "WITH found (id) AS ({}) SELECT record.id, record.label, record.external_id, record.deleted_at IS NOT NULL "
    "FROM found JOIN record ON record.id = found.id"
)
_HELD = "SELECT * FROM ({}) AS held UNION ALL SELECT * FROM ({}) AS called"
# FTS5 walks backwards at twice the cost: only where more hold the words than are asked for.
_SOME = {
    "sqlite": "WITH some AS MATERIALIZED (SELECT rowid FROM search_entry WHERE search_entry MATCH :term LIMIT :most), "
    "more (most) AS (SELECT iif(count(*) = :most, :most, 0) FROM some) "
    "SELECT * FROM some WHERE (SELECT most FROM more) = 0 "
    f"UNION ALL SELECT * FROM ({_FIND['sqlite'].replace(':most', '(SELECT most FROM more)')})",
    "postgresql": _FIND["postgresql"],
}


class Named(NamedTuple):
    """What a record is called."""

    id: int
    label: str
    external_id: str
    gone: bool


def put(session: Session, entries: Iterable[tuple[int, str]]) -> None:
    """Index records by our number; "" takes one out. In the caller's transaction."""
    kind = session.get_bind().dialect.name
    rows = [{"id": number, "text": words} for number, words in entries]
    if not rows:
        return
    session.execute(text(_TAKE[kind]), [{"id": row["id"]} for row in rows])
    if filled := [row for row in rows if row["text"]]:
        session.execute(text(_PUT[kind]), filled)


def find(session: Session, words: str, most: int) -> list[int]:
    """Our numbers of records whose texts hold this, upper or lower case; at most so many."""
    kind = session.get_bind().dialect.name
    return list(session.scalars(text(_FIND[kind]), {"term": _term(kind, words), "most": most}))


def find_named(session: Session, words: str, most: int, *, held: str = "") -> list[Named]:
    """What records are called whose id this is, or whose texts hold `held`; of both at most so many.

    One that is both comes twice.
    """
    kind = session.get_bind().dialect.name
    values = {"words": words, "most": most} | ({"term": _term(kind, held)} if held else {})
    found = _HELD.format(_SOME[kind], _CALLED) if held else _CALLED
    return list(map(Named._make, driver.ask(session, _NAMED.format(found), values)))


def _term(kind: str, words: str) -> str:
    return '"' + words.replace('"', '""') + '"' if kind == "sqlite" else pattern(words)


def pattern(words: str) -> str:
    """What LIKE takes to find this anywhere in a text, with a backslash to escape."""
    return "%" + words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
