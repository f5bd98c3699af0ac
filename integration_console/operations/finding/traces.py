"""Whom a call was about, found without reading it: keyed hashes of the addresses and numbers it named.

Bodies are hidden from some and removed after some weeks; an exact e-mail address, telephone number, name or id still
finds its calls. Nobody can turn a hash back or try addresses without the installation's key. Filled behind the calls
by the clock, so that making one costs nothing more.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

import orjson
from flask import current_app
from sqlalchemy import bindparam, case, delete, insert, select

from ... import clock
from ...models import CallTrace, Setting, Transaction, db, reading
from ...services.resource import Resource
from ...storage import driver
from ...transport.paging import dig
from . import telling, turns

LARGEST = 16_384  # bytes of a body that is looked into
MOST_NAMED = 40  # a page of a list names hundreds and helps to find nobody; its records know the run that read them
LOT = 500  # calls in one transaction
HELD = 50  # of them in memory at once, with their bodies
SETTLED_AFTER = timedelta(seconds=90)  # a call that began before is committed by then, and so are those of before it
_MARK = "traces.followed_to"
_MAIL = re.compile(r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")
_ID = re.compile(r"(?:^|_)id$|Id$|ID$")
_OWN_ID = re.compile(r"_?id|Id|[A-Z]\w*ID")  # of the record it stands in; "contactId" is another one's


_NEWEST = (  # of each hash by itself, so that the index has the newest in order
    "SELECT * FROM (SELECT hash, transaction_id FROM call_trace WHERE hash = :hash{0} "
    "ORDER BY transaction_id DESC LIMIT :most) AS of{0}"
)
_EITHER: Any = (bindparam("hash"), bindparam("other_hash"))  # a telephone number has two forms
NAMING = select(CallTrace.transaction_id).where(CallTrace.hash.in_(_EITHER))


def asked_by(words: str) -> dict[str, int | None]:
    """What NAMING takes to find the calls that named exactly this."""
    found: list[int | None] = [*_hashes([words])] or [None]
    return {"hash": found[0], "other_hash": found[-1]}


def calls_naming(words: str, most: int) -> list[int]:
    """Numbers of calls that named exactly this, the newest first."""
    return calls_naming_each([words], most)[0]


def calls_naming_each(texts: Sequence[str], most: int) -> list[list[int]]:
    """The same for several texts, in one question."""
    hashes = [_hashes([one]) for one in texts]
    every = list(set().union(*hashes))
    if not every:
        return [[] for _ in texts]
    asked = {f"hash{place}": one for place, one in enumerate(every)} | {"most": most}
    rows = driver.ask(db.session(), " UNION ALL ".join(map(_NEWEST.format, range(len(every)))), asked)
    return [sorted({call for one, call in rows if one in mine}, reverse=True)[:most] for mine in hashes]


def answered_with(text: str | None, kind: Resource) -> set[str]:
    """The ids of the records an answer holds, without those of what is inside them; none where it is cut or gone."""
    try:
        body = orjson.loads(text or "null")
    except orjson.JSONDecodeError:
        return set()
    places = (dig(body, at) for at in (kind.items_at, kind.item_at) if at)
    return set(_own_ids(next((there for there in places if there is not None), body)))


def _own_ids(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _own_ids(inner)
    elif isinstance(value, dict):
        own = [str(inner) for key, inner in value.items() if _OWN_ID.fullmatch(key) and isinstance(inner, str | int)]
        yield from own
        for inner in () if own else value.values():
            yield from _own_ids(inner)


def forget(terms: Iterable[str]) -> None:
    """Let no call be found by these any more, in the caller's transaction."""
    hashes = sorted(_hashes(terms))
    for at in range(0, len(hashes), LOT):
        db.session.execute(delete(CallTrace).where(CallTrace.hash.in_(hashes[at : at + LOT])))


# -- filling ----------------------------------------------------------------------------------------------------------


def follow() -> int:
    """Look into the calls made since the last time, for some seconds; how many those were."""
    return turns.one(_one_lot, LOT)


def _one_lot() -> int:
    with reading():  # looking into bodies takes its time, and holds up no writer
        mark = _mark()
        last, rows = _looked_into(mark)
        db.session.rollback()
    if not last:
        return 0
    if not mark:  # the first time, or with another key
        db.session.execute(delete(CallTrace))
    if rows:
        db.session.execute(insert(CallTrace), rows)
    _move_mark(last)
    db.session.commit()
    return last - mark


def _looked_into(mark: int) -> tuple[int, list[dict[str, int]]]:
    """The last of the next calls, and what each of them named; 0 when there is none yet."""
    settled, last, rows = clock.now() - SETTLED_AFTER, 0, []
    bodies = [
        case((size <= LARGEST, body), else_=None)
        for size, body in (
            (Transaction.request_bytes, Transaction.request_body),
            (Transaction.response_bytes, Transaction.response_body),
        )
    ]
    columns = (Transaction.id, Transaction.started_at, Transaction.url, Transaction.path_template, *bodies)
    query = select(*columns).where(Transaction.id > mark).order_by(Transaction.id).limit(LOT)
    with db.session.execute(query.execution_options(yield_per=HELD)) as calls:
        for number, started_at, url, template, *texts in calls:
            if started_at > settled:
                break  # and not what lies behind it either: nothing is left out
            named = {*in_address(url, template), *_in_bodies(texts)}
            rows += [{"hash": one, "transaction_id": number} for one in _hashes(named)]
            last = number
    return last, rows


def in_address(url: str, template: str, name: str = "{") -> Iterator[str]:
    """What stands in the address where its template has a name; the template begins behind the service's own base.

    name: only where the template has this one, as "{id}".
    """
    parts = urlsplit(url).path.removesuffix(".json").split("/")
    for place, part in zip(reversed(template.removesuffix(".json").split("/")), reversed(parts), strict=False):
        if name in place:
            yield unquote(part)


def _in_bodies(texts: Iterable[str | None]) -> list[str]:
    found: dict[str, None] = {}
    for text in filter(None, texts):
        for one in _in_body(text):
            found[one] = None
            if len(found) > MOST_NAMED:
                return []
    return list(found)


def _in_body(text: str) -> Iterator[str]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:  # a form, or cut
        yield from _MAIL.findall(unquote_plus(text))
        return
    yield from _named(body)


def _named(value: Any, name: str = "") -> Iterator[str]:
    """Ids, and texts that tell who or what something is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if _ID.search(key) and isinstance(inner, str | int) and not isinstance(inner, bool):
                yield str(inner)
            else:
                yield from _named(inner, f"{name}.{key}".lower())
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, name)
    elif isinstance(value, str) and telling.is_telling(name, value):
        yield value


# -- hashes -----------------------------------------------------------------------------------------------------------


def _hashes(texts: Iterable[str]) -> set[int]:
    key = _key()
    return {_hash(key, form) for text in texts for form in _forms(text)}


def _forms(text: str) -> Iterator[str]:
    """A text as it is compared: letters of either size, and telephone numbers with or without their country."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if folded:
        yield folded[:300]
    digits = telling.digits_of(folded)
    if len(digits) >= 7 and not any(letter.isalpha() for letter in folded):
        yield "telephone " + digits[-10:]


def _hash(key: bytes, form: str) -> int:
    return int.from_bytes(hmac.digest(key, form.encode("utf-8", "replace"), "sha256")[:8], "big", signed=True)


def _key() -> bytes:
    return hmac.digest(str(current_app.config["SECRET_KEY"]).encode(), b"traces of calls", "sha256")


def _mark() -> int:
    """The last call looked into. With another key all of them are looked into again."""
    row = db.session.get(Setting, _MARK, populate_existing=True)
    number, _, key = (row.value if row else "").partition(" ")
    return int(number) if key == _key_name() else 0


def _move_mark(number: int) -> None:
    row = db.session.get(Setting, _MARK) or Setting(name=_MARK, value="", updated_at=clock.now())
    row.value, row.updated_at = f"{number} {_key_name()}", clock.now()
    db.session.add(row)


def _key_name() -> str:
    """Tells this key from another, and nothing more of it."""
    return hmac.digest(_key(), b"name", "sha256").hex()[:12]
