"""The pages of a Clio list: by a token where it is in its usual order, else by an offset that ends somewhere."""

import base64
from itertools import islice
from urllib.parse import parse_qsl, urlencode

from ..firm import seconds
from ..server import Request, Upstream
from .filters import UNORDERED, filters_of, sort_key

MOST_PER_PAGE = 200
FURTHEST_OFFSET = 10_000
COUNTED_UP_TO = 20_000  # filtered lists of larger resources go without meta.records: counting takes seconds


class ClioLists(Upstream):
    def page_of(self, resource: str, request: Request) -> tuple[list[int], dict]:
        """The numbers on the page asked for, and the `meta` that leads to the next. Raises ValueError."""
        limit = self._limit(request)
        order = request.one("order")
        if order is not None and resource in UNORDERED:
            raise ValueError("order is not a parameter of this endpoint")
        if resource == "notes" and request.one("type") not in ("Matter", "Contact"):
            raise ValueError("type is required and must be Matter or Contact")
        accepts = filters_of(resource, request)
        if order in (None, "id(asc)") and "offset" not in request.query:
            return self._cursor_page(resource, request, accepts, limit)
        return self._offset_page(resource, request, accepts, limit, order or "id(asc)")

    def _limit(self, request: Request) -> int:
        try:
            limit = int(request.one("limit", MOST_PER_PAGE))
        except ValueError:
            limit = 0
        if not 1 <= limit <= MOST_PER_PAGE:
            raise ValueError(f"limit must be between 1 and {MOST_PER_PAGE}")
        return limit

    def _cursor_page(self, resource, request, accepts, limit) -> tuple[list[int], dict]:
        after = _number_in(request.one("page_token")) if request.one("page_token") else 0
        found = list(islice(self._candidates(resource, request, accepts, after), limit + 1))
        meta: dict = {"paging": {}}
        if len(found) > limit:
            meta["paging"]["next"] = self._url(request, page_token=_token_for(found[limit - 1]))
        return found[:limit], self._counted(meta, resource, request, accepts)

    def _offset_page(self, resource, request, accepts, limit, order) -> tuple[list[int], dict]:
        offset = request.whole("offset", 0)
        if offset < 0 or offset + limit > FURTHEST_OFFSET:
            raise ValueError(f"offset cannot go beyond {FURTHEST_OFFSET} records")
        key, is_down = sort_key(self, resource, order)
        numbers = sorted(self._candidates(resource, request, accepts), key=key, reverse=is_down)
        paging = {}
        if offset:
            paging["previous"] = self._url(request, offset=max(0, offset - limit))
        if offset + limit < min(len(numbers), FURTHEST_OFFSET):
            paging["next"] = self._url(request, offset=offset + limit)
        return numbers[offset : offset + limit], {"paging": paging, "records": len(numbers)}

    def _candidates(self, resource, request, accepts, after: int = 0):
        """Numbers of the records that pass every filter, smallest first."""
        shelf, since = self.shelves[resource], request.one("updated_since")
        numbers = shelf.changed_since(seconds(since), after) if since else shelf.numbers(after)
        if ids := request.query.get("ids[]"):
            wanted = sorted({int(one) for one in ids if int(one) > after})
            numbers = [number for number in wanted if shelf.get(number)]
        if not accepts:
            return iter(numbers)
        return (number for number in numbers if all(accept(self.get(resource, number)) for accept in accepts))

    def _counted(self, meta, resource, request, accepts) -> dict:
        is_whole = not accepts and not request.query.keys() & {"ids[]", "updated_since"}
        if is_whole:
            meta["records"] = len(self.shelves[resource])
        elif self.shelves[resource].count <= COUNTED_UP_TO:
            meta["records"] = sum(1 for _ in self._candidates(resource, request, accepts))
        return meta

    def _url(self, request: Request, **changed) -> str:
        sent = parse_qsl(request.query_text, keep_blank_values=True)
        kept = [pair for pair in sent if pair[0] not in changed]
        return f"{self.url}{request.path}?{urlencode([*kept, *changed.items()])}"


def _token_for(number: int) -> str:
    return base64.urlsafe_b64encode(f"after:{number}".encode()).decode()


def _number_in(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).removeprefix(b"after:"))
    except ValueError:
        raise ValueError("page_token is not valid") from None
