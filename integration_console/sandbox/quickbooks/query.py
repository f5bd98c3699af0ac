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
    tokens = list(_tokens(text))
    statement, place = Statement(), 0

    def word(expected: str = "") -> str:
        nonlocal place
        if place >= len(tokens):
            raise Unreadable("the statement ends too early")
        found = tokens[place]
        place += 1
        if expected and found.upper() != expected:
            raise Unreadable(f"Encountered {found}, expected {expected}")
        return found

    def comes(*names: str) -> bool:
        return place < len(tokens) and tokens[place].upper() in names

    word("SELECT")
    statement.counts = tokens[place : place + 4] != [] and tokens[place].lower() == "count"
    while not comes("FROM"):
        word()
    word("FROM")
    statement.entity = word()
    while comes("WHERE", "AND"):
        word()
        statement.conditions.append(_condition(word, comes))
    if comes("ORDERBY", "ORDER"):
        if word().upper() == "ORDER":
            word("BY")
        statement.order = word()
        statement.down = comes("ASC", "DESC") and word().upper() == "DESC"
    if comes("STARTPOSITION"):
        word()
        statement.start = max(1, int(word()))
    if comes("MAXRESULTS"):
        word()
        statement.most = min(MOST, int(word()))
    if place < len(tokens):
        raise Unreadable(f"Encountered {tokens[place]}")
    return statement


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise Unreadable(f"Lexical error at {at}")
        yield found[1]
        at = found.end()


def _condition(word, comes) -> tuple:
    name, operator = word(), word().upper()
    if operator == "IN":
        word("(")
        values = [_value(word())]
        while comes(","):
            word()
            values.append(_value(word()))
        word(")")
        return name, operator, values
    if operator not in ("=", "<", ">", "<=", ">=", "LIKE"):
        raise Unreadable(f"Encountered {operator}")
    return name, operator, _value(word())


def _value(token: str) -> str:
    if token.startswith("'"):
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token.lower() if token.lower() in ("true", "false") else token


def _found(record: dict, path: str):
    value: object = record
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
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
