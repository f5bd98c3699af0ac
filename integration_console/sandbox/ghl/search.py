"""Searching HighLevel's contacts and opportunities, quirks included."""

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..firm import seconds
from ..server import Answer, Request, Upstream, on
from .records import number_of

MOST_CONTACTS, MOST_OPPORTUNITIES = 500, 100
LAST_BY_PAGE = 10_000
CONTACT_BODY = {"locationId", "pageLimit", "page", "searchAfter", "filters", "sort", "query"}
OPPORTUNITY_BODY = {"locationId", "query", "limit", "page", "searchAfter", "additionalDetails", "filters", "sort"}
COMPARED = {
    "gte": lambda one, other: one >= other,
    "gt": lambda one, other: one > other,
    "lte": lambda one, other: one <= other,
    "lt": lambda one, other: one < other,
}


class GhlSearch(Upstream):
    @on("POST", "/contacts/search")
    def contact_search(self, request: Request) -> Answer:
        asked = request.json()
        if wrong := _wrong_in(asked, CONTACT_BODY, "pageLimit", MOST_CONTACTS):
            return _unprocessable(wrong)
        if "searchAfter" in asked and "page" in asked:
            return _unprocessable(["page and searchAfter cannot be used together"])
        limit, page = asked["pageLimit"], int(asked.get("page") or 1)
        if page * limit > LAST_BY_PAGE and not asked.get("searchAfter"):
            return _unprocessable([f"page reaches the first {LAST_BY_PAGE} records only, use searchAfter"])
        try:
            numbers, sorted_at = self._sorted_contacts(asked.get("sort") or [])
            accept = _group(asked.get("filters") or [], "AND")
        except (KeyError, TypeError, ValueError) as error:
            return _unprocessable([f"invalid filter or sort: {error}"])
        found = self._found(numbers, accept, asked.get("query"))
        after = asked.get("searchAfter")
        shown = _after(found, sorted_at, after) if after else found[(page - 1) * limit :]
        contacts = [self._as_found(number, sorted_at) for number in shown[:limit]]
        return Answer(200, {"contacts": contacts, "total": len(found)})

    def _sorted_contacts(self, sort: list):
        """Numbers in the order asked for, and what gives the sort value of one of them."""
        first = sort[0] if sort else {"field": "dateAdded"}
        field, direction = first["field"], first.get("direction", "desc")
        if direction not in ("asc", "desc"):
            raise ValueError(direction)
        shelf = self.shelves["contacts"]
        values: dict[str, Callable] = {
            "dateUpdated": lambda number: int(shelf.changed_at(number) * 1000),
            "dateAdded": lambda number: self._added_at("contacts", "dateAdded", number),
        }
        value = values.get(field) or (lambda number: str(shelf.get(number).get(field) or "").casefold())
        numbers = shelf.ordered(field, lambda number: (value(number), number))
        return (numbers, value) if direction == "asc" else (numbers[::-1], _Downwards(value))

    def _found(self, numbers: list[int], accept, query) -> list[int]:
        if accept is None and not query:
            return numbers
        wanted = str(query or "").casefold()
        if query:
            numbers = [number for number in numbers if self._says(number, wanted)]
        return [number for number in numbers if accept is None or accept(self.existing("contacts", number))]

    def _says(self, number: int, wanted: str) -> bool:
        contact = self.shelves["contacts"].get(number)
        fields = ("name", "email", "phone", "companyName")
        return any(wanted in str(contact.get(field) or "").casefold() for field in fields)

    def _as_found(self, number: int, value) -> dict:
        """A contact as search shows it: renamed here and there, and null where GET leaves a field out."""
        contact = dict(self.existing("contacts", number))
        name = contact.pop("name")
        contact.update(
            address=contact.pop("address1"),
            contactName=name,
            dateOfBirth=_millis(contact["dateOfBirth"]) if contact["dateOfBirth"] else None,
            firstNameLowerCase=(contact["firstName"] or "").lower() or None,
            lastNameLowerCase=(contact["lastName"] or "").lower() or None,
            searchAfter=[value(number), contact["id"]],
        )
        return contact

    # Opportunities

    @on("GET", "/opportunities/search")
    def opportunity_list(self, request: Request) -> Answer:
        if request.one("location_id") is None:
            return _unprocessable(["location_id should not be empty"])
        limit, page = request.whole("limit", 20), max(1, request.whole("page", 1))
        if not 1 <= limit <= MOST_OPPORTUNITIES:
            return _unprocessable([f"limit must not be greater than {MOST_OPPORTUNITIES}"])
        found = self._opportunities(request.one("order", "added_desc"))
        if request.query.keys() - {"location_id", "limit", "page", "order", "startAfter", "startAfterId"}:
            found = [number for number in found if _fits(self.existing("opportunities", number), request)]
        start = (page - 1) * limit
        if last := request.one("startAfterId"):
            start = _place_after(last, found)
            page = start // limit + 1
        shown = self._shown_opportunities(found[start : start + limit])
        return Answer(
            200, {"opportunities": shown, "meta": _meta(found, shown, start, page, limit), "aggregations": {}}
        )

    @on("POST", "/opportunities/search")
    def opportunity_search(self, request: Request) -> Answer:
        asked = request.json()
        if wrong := _wrong_in({"limit": 20, **asked}, OPPORTUNITY_BODY, "limit", MOST_OPPORTUNITIES):
            return _unprocessable(wrong)
        limit, page = asked.get("limit", 20), max(1, int(asked.get("page") or 1))
        query = asked.get("query") or ""
        found = self._opportunities("added_desc")
        if query:
            found = [number for number in found if self._is_called(number, query.casefold())]
        after = asked.get("searchAfter")
        start = _place_after(after[-1], found) if after else (page - 1) * limit
        shown = self._shown_opportunities(found[start : start + limit])
        shown = [{**one, "sort": [_millis(one["createdAt"]), one["id"]]} for one in shown]
        return Answer(200, {"opportunities": shown, "total": len(found), "aggregations": {}})

    @on("GET", "/opportunities/{opportunity}")
    def opportunity(self, request: Request) -> Answer:
        found = self.get("opportunities", request.params["opportunity"])
        if found is None:
            return Answer(400, {"statusCode": 400, "message": "The opportunity id is invalid.", "error": "Bad Request"})
        return Answer(200, {"opportunity": self.with_contact(found)})

    def _opportunities(self, order: str) -> list[int]:
        """Numbers by the time the opportunities were added, youngest first unless told otherwise."""
        shelf = self.shelves["opportunities"]
        numbers = shelf.ordered(
            "createdAt", lambda number: (self._added_at("opportunities", "createdAt", number), number)
        )
        return numbers if order == "added_asc" else numbers[::-1]

    def _added_at(self, resource: str, field: str, number: int) -> int:
        """Milliseconds; a record nobody touched need not be made to know when it was."""
        shelf = self.shelves[resource]
        if number in shelf.edited:
            return _millis(shelf.get(number)[field])
        return int(self.firm.made_at(number, shelf.count) * 1000)

    def _shown_opportunities(self, numbers: list[int]) -> list[dict]:
        return [self.with_contact(self.existing("opportunities", number)) for number in numbers]

    def _is_called(self, number: int, wanted: str) -> bool:
        return wanted in self.shelves["opportunities"].get(number)["name"].casefold()

    def with_contact(self, opportunity: dict) -> dict:
        contact = self.get("contacts", number_of("contacts", opportunity["contactId"])) or {}
        told = {name: contact.get(name) for name in ("id", "name", "companyName", "email", "phone", "tags")}
        return {**opportunity, "contact": told if contact else None}


class _Downwards:
    """Marks a sort value as counted from the largest to the smallest."""

    def __init__(self, value) -> None:
        self.value = value

    def __call__(self, number: int):
        return self.value(number)


def _after(numbers: list[int], value, after: list) -> list[int]:
    """What comes behind the record a caller stopped at, wherever that record is now."""
    mark = (after[0], number_of("contacts", after[1]))
    if isinstance(value, _Downwards):
        upwards = numbers[::-1]
        place = next((place for place, number in enumerate(upwards) if (value(number), number) >= mark), len(upwards))
        return upwards[:place][::-1]
    return numbers[bisect_right(numbers, mark, key=lambda number: (value(number), number)) :]


def _place_after(name: str, numbers: list[int]) -> int:
    number = number_of("opportunities", name)
    return numbers.index(number) + 1 if number in numbers else len(numbers)


def _wrong_in(asked: dict, known: set, limit_name: str, most: int) -> list[str]:
    wrong = [f"property {name} should not exist" for name in asked if name not in known]
    if not asked.get("locationId"):
        wrong.append("locationId should not be empty")
    limit = asked.get(limit_name)
    if not isinstance(limit, int) or not 1 <= limit <= most:
        wrong.append(f"{limit_name} must be a number between 1 and {most}")
    return wrong


def _group(filters: list, word: str):
    """All of these filters (AND) or any of them (OR) as one yes-or-no question; None when there are none."""
    if not filters:
        return None
    accepts = [_group(one["filters"], one["group"]) if "group" in one else _filter(one) for one in filters]
    together = any if word == "OR" else all
    return lambda contact: together(accept(contact) for accept in accepts if accept)


def _filter(one: dict):
    wanted: Any = one.get("value")
    field, sign = one["field"], one["operator"]
    if len(str(wanted)) > 75 and not isinstance(wanted, dict):
        raise ValueError("value is longer than 75 characters")
    if sign == "range":
        bounds = [(COMPARED[name], _moment(bound)) for name, bound in wanted.items()]
        return lambda contact: all(compare(_moment(_value(contact, field)), bound) for compare, bound in bounds)
    signs = {
        "eq": lambda value: _same(value, wanted),
        "not_eq": lambda value: not _same(value, wanted),
        "contains": lambda value: _contains(value, wanted),
        "not_contains": lambda value: not _contains(value, wanted),
        "exists": lambda value: value not in (None, "", []),
        "not_exists": lambda value: value in (None, "", []),
    }
    accept = signs[sign]
    return lambda contact: accept(_value(contact, field))


def _value(contact: dict, field: str):
    if field.startswith("customFields."):
        wanted = field.removeprefix("customFields.")
        return next((one["value"] for one in contact["customFields"] if one["id"] == wanted), None)
    return contact.get({"address": "address1", "contactName": "name"}.get(field, field))


def _same(value, wanted) -> bool:
    if isinstance(value, list):
        return set(map(str, wanted if isinstance(wanted, list) else [wanted])) <= set(map(str, value))
    return str(value).casefold() == str(wanted).casefold()


def _contains(value, wanted) -> bool:
    return str(wanted).casefold() in str(value or "").casefold()


def _moment(value) -> float:
    """A time in milliseconds, however it was written."""
    if isinstance(value, (int, float)):
        return float(value)
    return seconds(value) * 1000 if value else 0.0


def _millis(text: str) -> int:
    return int(seconds(text) * 1000)


def _fits(one: dict, request: Request) -> bool:
    same = {
        "pipeline_id": "pipelineId",
        "pipeline_stage_id": "pipelineStageId",
        "contact_id": "contactId",
        "assigned_to": "assignedTo",
        "id": "id",
    }
    if any(request.one(name) not in (None, one[field]) for name, field in same.items()):
        return False
    if request.one("status", "all") not in ("all", one["status"]):
        return False
    if (query := request.one("q")) and query.casefold() not in one["name"].casefold():
        return False
    added = one["createdAt"][:10]
    return _american(request.one("date"), "0000") <= added <= _american(request.one("endDate"), "9999")


def _american(text: str | None, default: str) -> str:
    try:
        return datetime.strptime(text, "%m-%d-%Y").replace(tzinfo=UTC).date().isoformat() if text else default
    except ValueError:
        return default


def _meta(found: list, shown: list, start: int, page: int, limit: int) -> dict:
    has_more = start + limit < len(found)
    last = shown[-1] if shown else None
    after = (_millis(last["createdAt"]), last["id"]) if last else (None, None)
    # The vendor's own example shows a scheme and a host no caller can reach: follow startAfter instead.
    url = f"http://internal.example.com/opportunities/search?page={page + 1}" if has_more else None
    return {
        "total": len(found),
        "nextPageUrl": url,
        "startAfter": after[0],
        "startAfterId": after[1],
        "currentPage": page,
        "nextPage": page + 1 if has_more else None,
        "prevPage": page - 1 if page > 1 else None,
    }


def _unprocessable(messages: list[str]) -> Answer:
    return Answer(422, {"statusCode": 422, "message": messages, "error": "Unprocessable Entity"})
