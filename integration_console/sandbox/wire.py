"""What goes over the wire: one request as it came in, one answer as it goes out."""

from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from .limits import Room

JSON = "application/json; charset=utf-8"


@dataclass
class Request:
    method: str
    target: str
    headers: Message  # names are looked up in any case
    body: bytes = b""
    params: dict = field(default_factory=dict)
    holder: str | None = None  # whoever the token or key belongs to, once the gate let it in
    room: Room | None = None  # what its limit leaves, once the gate counted it
    day: Room | None = None  # the same for a limit per day, where there is one

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = unquote(parts.path)
        self.query_text = parts.query
        self.query = parse_qs(parts.query, keep_blank_values=True)

    def one(self, name: str, default=None):
        """The last value of a query parameter."""
        return self.query[name][-1] if name in self.query else default

    def whole(self, name: str, default: int) -> int:
        """A query parameter as a whole number, or the default when it is not one."""
        try:
            return int(self.one(name, default))
        except ValueError:
            return default

    def json(self) -> dict:
        """The body as a JSON object; anything else reads as an empty one."""
        try:
            sent = orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError:
            return {}
        return sent if isinstance(sent, dict) else {}

    def form(self) -> dict:
        """The body as a form, or as JSON when it is sent so."""
        if "json" in (self.headers.get("Content-Type") or ""):
            return self.json()
        return {name: values[-1] for name, values in parse_qs(self.body.decode("utf-8", "replace")).items()}


@dataclass
class Answer:
    status: int = 200
    body: object = b""  # bytes and str go out as they are, anything else as JSON
    headers: dict = field(default_factory=dict)
    cut: bool = False  # promise more bytes than are sent, then hang up
    raw: bytes | None = None  # say exactly this and hang up

    def sent_body(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode("utf-8", "surrogatepass")
        self.headers.setdefault("Content-Type", JSON)
        return orjson.dumps(self.body)


@dataclass(frozen=True)
class Seen:
    """One request as the sandbox remembers it."""

    at: float
    method: str
    path: str
    query: str
    status: int


def on(method: str, *paths: str):
    """Mark a method as the answer to these paths; `{name}` stands for one path segment.

    A word without a slash names the attribute that holds the path.
    """

    def mark(function):
        function.answers_to = [*getattr(function, "answers_to", []), *((method, path) for path in paths)]
        return function

    return mark
