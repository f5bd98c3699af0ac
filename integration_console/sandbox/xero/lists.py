"""Xero's lists: filters, order, pages, and what changed since."""

import re
from datetime import UTC, datetime

CONDITION = re.compile(r'\s*([\w.]+)\s*==\s*(?:"((?:[^"\\]|\\.)*)"|(true|false))\s*')
SUMMARY_CONTACT = ("ContactID", "Name")
MOST_PAGE = 1000


class BadQuery(ValueError):
    """A filter or order Xero cannot read."""


def condition(text: str | None):
    """A `where` as a function of a record. Raises BadQuery."""
    wanted = []
    for part in re.split(r"\s+(?:AND|&&)\s+", text or ""):
        if not part.strip():
            continue
        found = CONDITION.fullmatch(part)
        if not found:
            raise BadQuery(f"No property or operator like that: {part}")
        value = re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3] == "true"
        wanted.append((found[1], value))
    return lambda record: all(_same(_dig(record, name), value) for name, value in wanted)


def sorter(text: str | None, known: tuple[str, ...]):
    """An `order` as a key and whether it runs backwards. Raises BadQuery."""
    name, _, way = (text or known[0]).strip().partition(" ")
    if name not in known or way.upper() not in ("", "ASC", "DESC"):
        raise BadQuery(f"No property like that to order by: {text}")
    return (lambda record: (str(_dig(record, name) or ""), str(record[known[0]]))), way.upper() == "DESC"


def since(text: str | None) -> float | None:
    """If-Modified-Since as seconds; anything in another form is no condition at all."""
    try:
        moment = datetime.fromisoformat((text or "").strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return float(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def fits_lists(record: dict, request) -> bool:
    """IDs, InvoiceNumbers, ContactIDs, Statuses: lists with commas."""
    id_name = "InvoiceID" if "InvoiceID" in record else "ContactID" if "ContactID" in record else "BankTransactionID"
    for param, held in (
        ("IDs", record.get(id_name)),
        ("InvoiceNumbers", record.get("InvoiceNumber")),
        ("ContactIDs", record.get("Contact", {}).get("ContactID")),
        ("Statuses", record.get("Status")),
    ):
        asked = request.one(param)
        if asked and not (param == "ContactIDs" and id_name == "ContactID") and str(held) not in asked.split(","):
            return False
    return True


def page_of(records: list, request) -> tuple[list, dict | None]:
    """One page and what is told about it; everything, and nothing told, where no page is asked for."""
    if request.one("page") is None:
        return records, None
    size = min(max(request.whole("pageSize", 100), 1), MOST_PAGE)
    page = max(request.whole("page", 1), 1)
    shown = records[(page - 1) * size : page * size]
    return shown, {"page": page, "pageSize": size, "pageCount": -(-len(records) // size), "itemCount": len(records)}


def summary(record: dict) -> dict:
    """A document as lists without pages show it: no lines, and of the contact who it is."""
    contact = {name: record["Contact"][name] for name in SUMMARY_CONTACT if name in record["Contact"]}
    return {**record, "LineItems": [], "Contact": contact}


def priced(record: dict, request) -> dict:
    """A document with its prices as they are told or taken: to the cent, or to four places where that is asked for."""
    places = 4 if request.one("unitdp") == "4" else 2
    lines = record.get("LineItems")
    if not isinstance(lines, list):
        return record
    return {**record, "LineItems": [
        {**line, "UnitAmount": round(float(line["UnitAmount"]) + 1e-9, places)} if "UnitAmount" in line else line
        for line in lines
    ]}  # fmt: skip


def _dig(record, path: str):
    for step in path.split("."):
        record = record.get(step) if isinstance(record, dict) else None
    return record


def _same(held, wanted) -> bool:
    return held is wanted if isinstance(wanted, bool) else str(held or "").casefold() == str(wanted).casefold()
