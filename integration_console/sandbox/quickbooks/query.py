"""QuickBooks' query language, as much of it as applications use: an entity, conditions with AND, an order, a page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..firm import seconds

TOKEN = re.compile(r"\s*('(?:\\.|[^'\\])*'|<=|>=|!=|[=<>(),*]|[\w.\-]+)")
WORDS = ("SELECT", "FROM", "WHERE", "AND", "ORDERBY", "ORDER", "BY", "STARTPOSITION", "MAXRESULTS", "IN", "LIKE")
MOST, USUAL = 1000, 100


class Unreadable(ValueError):
    """The statement is none."""


@dataclass
class Statement:
    entity: str = ""
    counts: bool = False
    conditions: list = field(default_factory=list)  # (field, operator, value or list of values)
    order: str = ""
    down: bool = False
    start: int = 1
    most: int = USUAL

    @property
    def names_active(self) -> bool:
        return any(name == "Active" for name, _, _ in self.conditions)

    @property
    def is_plain(self) -> bool:
        """Everything there is, in the order of ids."""
        wanted = [one for one in self.conditions if one != ("Active", "IN", ["true", "false"])]
        return not wanted and self.order in ("", "Id") and not self.down

    @property
    def changed_since(self) -> float | None:
        for name, operator, value in self.conditions:
            if name == "MetaData.LastUpdatedTime" and operator in (">", ">="):
                return seconds(value)
        return None

    def fits(self, record: dict) -> bool:
        return all(_holds(_found(record, name), operator, value) for name, operator, value in self.conditions)

    def key(self, record: dict):
        value = _found(record, self.order)
        return (value is None, int(value) if self.order == "Id" else value if value is not None else 0)


def read(text: str) -> Statement:
    """Raises Unreadable."""
    words, statement = _Words(text), Statement()
    words.take("SELECT")
    statement.counts = words.comes("COUNT")
    while not words.comes("FROM"):
        words.take()
    words.take("FROM")
    statement.entity = words.take()
    while words.took("WHERE", "AND"):
        statement.conditions.append(_condition(words))
    if words.comes("ORDERBY", "ORDER"):
        if words.take().upper() == "ORDER":
            words.take("BY")
        statement.order = words.take()
        statement.down = words.comes("ASC", "DESC") and words.take().upper() == "DESC"
    if words.took("STARTPOSITION"):
        statement.start = max(1, int(words.take()))
    if words.took("MAXRESULTS"):
        statement.most = min(MOST, int(words.take()))
    words.end()
    return statement


class _Words:
    """The words of a statement, taken one after the other."""

    def __init__(self, text: str) -> None:
        self._left = list(_tokens(text))

    def take(self, expected: str = "") -> str:
        if not self._left:
            raise Unreadable("the statement ends too early")
        found = self._left.pop(0)
        if expected and found.upper() != expected:
            raise Unreadable(f"Encountered {found}, expected {expected}")
        return found

    def comes(self, *names: str) -> bool:
        return bool(self._left) and self._left[0].upper() in names

    def took(self, *names: str) -> bool:
        """Take the next word if it is one of these."""
        return self.comes(*names) and bool(self._left.pop(0))

    def end(self) -> None:
        if self._left:
            raise Unreadable(f"Encountered {self._left[0]}")


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Unreadable(f"Lexical error at {at}")
        yield found[1]
        at = found.end()


def _condition(words: _Words) -> tuple:
    name, operator = words.take(), words.take().upper()
    if operator == "IN":
        words.take("(")
        values = [_value(words.take())]
        while words.took(","):
            values.append(_value(words.take()))
        words.take(")")
        return name, operator, values
    if operator not in ("=", "<", ">", "<=", ">=", "LIKE"):
        raise Unreadable(f"Encountered {operator}")
    return name, operator, _value(words.take())


def _value(token: str) -> str:
    if token.startswith("'"):
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token.lower() if token.lower() in ("true", "false") else token


def _found(record: dict, path: str):
    value: object = record
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if path.endswith("Ref") and isinstance(value, dict):
        return value.get("value")  # a reference is compared by its id
    return value


def _holds(found, operator: str, wanted) -> bool:
    if operator == "IN":
        return any(_holds(found, "=", one) for one in wanted)
    if found is None:
        return False
    if operator == "LIKE":
        pattern = ".*".join(re.escape(part) for part in wanted.split("%"))
        return re.fullmatch(pattern, str(found), re.IGNORECASE | re.DOTALL) is not None
    one, other = _comparable(found, wanted)
    if operator == "=":
        return one == other
    return {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]


def _comparable(found, wanted: str) -> tuple:
    if isinstance(found, bool):
        return str(found).lower(), wanted
    if isinstance(found, int | float):
        return float(found), float(wanted)
    if re.match(r"\d{4}-\d\d-\d\dT", str(found)):
        return seconds(found), seconds(wanted)
    if str(found).isdecimal() and wanted.isdecimal():
        return int(found), int(wanted)
    return str(found).casefold(), wanted.casefold()
