"""How Clockify answers: one record, a page of many, or what it says to a request it does not like."""

from ..server import Answer, Request

MOST_PER_PAGE = 5_000


def shown(record: dict | None, what: str) -> Answer:
    """One record, when it is there."""
    return stranger(what) if record is None else Answer(200, record)


def paged(found: list, request: Request, default: int = 50) -> Answer:
    """The page of a list that was asked for. page-size: `default` where none was sent."""
    page, size = max(1, request.whole("page", 1)), request.whole("page-size", default)
    if not 1 <= size <= MOST_PER_PAGE:
        return invalid(
            f"You entered invalid value for field: [page-size]. Value should be between 1 and {MOST_PER_PAGE}"
        )
    start = (page - 1) * size
    return Answer(200, found[start : start + size], {"Last-Page": str(start + size >= len(found)).lower()})


def trouble(status: int, message: str, code: int) -> Answer:
    return Answer(status, {"message": message, "code": code})


def invalid(message: str) -> Answer:
    return trouble(400, message, 501)


def stranger(what: str) -> Answer:
    """Unknown, deleted or somebody else's: Clockify says the same of all three, and never 404."""
    return invalid(f"{what} doesn't belong to Workspace")
