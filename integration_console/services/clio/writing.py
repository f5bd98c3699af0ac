"""How Clio is written: contacts, matters and activities, and nothing else.

A change is conditional: it carries the version it was made from, and Clio refuses it when the record has moved on
(412). Where that does not tell all, the record is read and compared first: a deletion carries no version, a limitation
date is a task with a version of its own, and nothing says that time gets a new one when it is put on a bill. There is
no idempotency key: a create whose answer is lost is looked for by `find` and never simply repeated (W3).

Source: the write operations of the OpenAPI document.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from ... import clock
from ...errors import BadAnswer, BadRecord, Missing, NotAllowed, Stale
from ...transport.call import Answer, Call
from ...transport.client import Upstream
from ...transport.paging import NextLink, dig, walk
from ..base import Resource
from ..shapes import UpstreamRecord
from ..writing import Field, Write, Writing, Written
from .bodies import data_of, wanted_of
from .faults import at_fault
from .fields import FIELDS, LIMITATION, REMINDERS, custom_fields, plain_of, with_choices
from .money import Activity
from .records import Contact, Matter

ALL = frozenset(("create", "update", "delete"))
MODELS: dict[str, type[UpstreamRecord]] = {"contacts": Contact, "matters": Matter, "activities": Activity}
ASKED = {key: Resource(f"/{key}", model).field_list() for key, model in MODELS.items()}  # as a read asks
# What makes a new record unmistakable, as far as it was sent.
TOLD_BY = {
    "contacts": ("type", "first_name", "last_name", "name", "email", "phone"),
    "matters": ("client.id", "description"),
    "activities": ("type", "date", "quantity", "note", "matter.id", "user.id"),
}
_FILTERS = {"client.id": "client_id", "matter.id": "matter_id", "user.id": "user_id"}


class ClioWriting(Writing):
    """Contacts, matters and activities are read with all their fields, so every answer to a write is asked for them."""

    writable: ClassVar = {"contacts": ALL, "matters": ALL, "activities": ALL}
    conditional: ClassVar = frozenset(writable)
    inside: ClassVar = {"activities": (("matter.id", "matters"),)}
    held_by: ClassVar = {
        "contacts": (("matters", "client.id"), ("bills", "client.id")),
        "matters": (("activities", "matter.id"), ("line_items", "matter.id")),
    }

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        return [*FIELDS.get(resource, ()), *custom_fields(resource, custom)]

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        return plain_of(resource, record)

    def completed(self, record: Mapping[str, Any], custom: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        return with_choices(record, custom)

    def version_of(self, resource: str, record: Mapping[str, Any]) -> str | None:
        return record.get("etag") or None

    def refusal(self, write: Write) -> str | None:
        current = write.current or {}
        if write.op not in self.writable.get(write.resource, ()):
            return f"The console never writes Clio's {write.resource.replace('_', ' ')}."
        if write.resource == "activities" and any(current.get(one) for one in ("billed", "on_bill", "bill")):
            return "This activity is on a bill, and what is billed is not changed any more."
        if write.resource == "matters" and str(current.get("status")).lower() == "closed" and not write.allow_closed:
            return "This matter is closed, and the mapping leaves closed matters alone."
        if write.op == "delete" and write.resource == "contacts" and current.get("is_client"):
            return "This contact is the client of a matter and is not deleted."
        if write.op == "delete" and write.resource == "matters" and current.get("last_activity_date"):
            return "Work is recorded on this matter, so it is not deleted."
        return None

    def send(self, upstream: Upstream, write: Write) -> Written:
        if write.op not in self.writable.get(write.resource, ()):
            return super().send(upstream, write)  # refuses (W8)
        if write.op == "delete":
            return self._delete(upstream, write)
        wanted = wanted_of(write)
        data = data_of(write, wanted)
        if wanted.get(REMINDERS):
            data["statute_of_limitations"] = _with_reminders(upstream, write, wanted)
        if not data and write.op == "update":
            return Written(write.external_id or "", write.current)  # it is already so (W6)
        if write.op == "update" and (write.resource == "activities" or "statute_of_limitations" in data):
            self._look_first(upstream, write)
        call = _write_call(write, data, self.version_of(write.resource, write.current or {}))
        try:
            answer = upstream.send(call)
        except BadRecord as error:
            error.field = at_fault(write, wanted, error.field, error.raw)
            raise
        record = _record_in(answer)
        return Written(str(record["id"]), record, answer.call_key)

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """New records since then that are the same in all we sent of what tells them apart.

        The list of new records is asked for, not the search: a search index may lag behind. It is the search only
        where nobody knows since when. Activities have no filter by reference, so they are compared.
        """
        params = _search(write)
        if write.op != "create" or params is None:
            return []
        call = Call(
            "GET", f"/{write.resource}", {"fields": ASKED[write.resource], "order": "id(asc)", **params},
            template=f"/{write.resource}", resource=write.resource,
        )  # fmt: skip
        pages = walk(upstream.send, call, NextLink(), items_at="data")
        return list(_alike(write, (item for page in pages for item in page.items)))

    def _delete(self, upstream: Upstream, write: Write) -> Written:
        self._look_first(upstream, write)
        return Written(write.external_id or "", None, upstream.send(_call("DELETE", write)).call_key)

    def _look_first(self, upstream: Upstream, write: Write) -> None:
        """Raises Stale where the record, or the task its limitation date is, is not as it was read; BadRecord where it
        may not be written as it is now."""
        there = _record_in(upstream.send(_call("GET", write, params={"fields": ASKED[write.resource]})))
        known = write.current or {}
        if any(name in known and there.get(name) != known[name] for name in ("etag", "statute_of_limitations")):
            raise Stale("The record has changed at Clio since it was read.")
        if why := self.refusal(_about(write, there)):
            raise BadRecord(why)


# -- calls ------------------------------------------------------------------------------------------------------------


def _call(method: str, write: Write, **more: Any) -> Call:
    """A call about one record."""
    path = f"/{write.resource}/{quote(write.external_id or '', safe='')}"
    return Call(method, path, template=f"/{write.resource}/{{id}}", resource=write.resource, **more)


def _write_call(write: Write, data: Mapping[str, Any], version: str | None) -> Call:
    params = {"fields": ASKED[write.resource]}
    if write.op == "create":
        path = f"/{write.resource}"
        return Call("POST", path, params, json={"data": data}, template=path, resource=write.resource)
    headers = {"If-Match": version} if version else {}
    return _call("PATCH", write, params=params, json={"data": data}, headers=headers)


def _record_in(answer: Answer) -> Mapping[str, Any]:
    """The record in an answer; one without is as good as lost, for nobody knows what it did (W2)."""
    try:
        record = dig(answer.data, "data")
    except BadAnswer as error:
        error.code = "lost"
        raise
    if not isinstance(record, dict) or not record.get("id"):
        raise BadAnswer("Clio's answer holds no record.", status=answer.status, code="lost")
    return record


def _about(write: Write, record: Mapping[str, Any]) -> Write:
    return Write(write.op, write.resource, write.values, write.external_id, record, allow_closed=write.allow_closed)


# -- reminders of a limitation date -----------------------------------------------------------------------------------


def _with_reminders(upstream: Upstream, write: Write, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The limitation date with the reminders it lacks. Those that are there stay, whoever has set them.

    A reminder goes to a person by one of their notification methods: the responsible attorney's e-mail where Clio
    shows it, else that of whoever is signed in.
    """
    current = write.current or {}
    due_at = wanted[LIMITATION] if LIMITATION in wanted else dig(current, "statute_of_limitations.due_at")
    if not due_at:
        raise BadRecord("Reminders need a limitation date.", field=REMINDERS)
    days = _whole_days(wanted[REMINDERS])
    there = _minutes_of(upstream, dig(current, "statute_of_limitations.id"))
    new = [one for one in days if one * 1440 not in there]
    method = {"id": _method(upstream, write)} if new else {}
    reminders = [{"duration_value": one, "duration_unit": "days", "notification_method": method} for one in new]
    return {"due_at": due_at, **({"reminders": reminders} if reminders else {})}


def _whole_days(value: Any) -> list[int]:
    days = value if isinstance(value, list) else [value]
    if any(isinstance(one, bool) or not str(one).isdecimal() for one in days):
        raise BadRecord(f"Reminders are whole days before the limitation date, not {value}", field=REMINDERS)
    return sorted({int(one) for one in days}, reverse=True)


def _minutes_of(upstream: Upstream, task_id: Any) -> set[int]:
    """How long before the date its reminders come; the matter shows the task but not what is in it."""
    if not task_id:
        return set()
    params = {"fields": "id,reminders{id,duration}"}
    call = Call("GET", f"/tasks/{task_id}", params, template="/tasks/{id}", resource="matters")
    try:
        reminders = _record_in(upstream.send(call)).get("reminders") or ()
    except Missing:
        return set()
    return {int(one["duration"]) for one in reminders if one.get("duration") is not None}


def _method(upstream: Upstream, write: Write) -> int:
    """The notification method reminders go out by."""
    lead = write.values.get("responsible_attorney.id") or dig(write.current or {}, "responsible_attorney.id")
    for who, template in ((lead, "/users/{id}"), ("who_am_i", "/users/who_am_i")):
        if not who:
            continue
        params = {"fields": "id,notification_methods{id,type}"}
        call = Call("GET", f"/users/{quote(str(who), safe='')}", params, template=template, resource="matters")
        try:
            methods = _record_in(upstream.send(call)).get("notification_methods") or ()
        except (Missing, NotAllowed):
            continue
        if found := next((one["id"] for one in methods if one.get("type") == "Email"), None):
            return int(found)
    raise BadRecord("Clio knows no e-mail address for reminders. Set one in its notification settings.",
                    field=REMINDERS)  # fmt: skip


# -- looking for what a lost answer may have left ---------------------------------------------------------------------


def _search(write: Write) -> dict[str, str] | None:
    """The narrowest list that must hold it; None when nothing would tell it from others."""
    values = write.values
    params = {query: str(values[name]) for name, query in _FILTERS.items() if values.get(name)}
    if values.get("date") and write.resource == "activities":
        params.update(start_date=str(values["date"]), end_date=str(values["date"]))
    if write.since is not None:
        since = (write.since - clock.APART).isoformat(timespec="seconds")
        params["created_since"] = since.replace("+00:00", "Z")
    elif write.resource == "contacts":
        text = values.get("email") or values.get("phone")
        return {"query": str(text)} if text else None
    return params or None


def _alike(write: Write, records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Those that are the same in all that tells records apart; by reference alone where Clio has kept it."""
    told = {name: write.values[name] for name in TOLD_BY[write.resource] if write.values.get(name) not in (None, "")}
    if told.get("type") == "Person":
        told.pop("name", None)
    reference = write.values.get("reference") if write.resource == "activities" else None
    alike, by_reference = [], []
    for record in records:
        plain = plain_of(write.resource, record)
        if reference and plain.get("reference"):
            by_reference += [record] if _same("reference", reference, plain["reference"]) else []
        elif told and all(
            _same(name, value, plain.get(name)) or _is_hidden(name, record) for name, value in told.items()
        ):
            alike.append(record)
    yield from by_reference or alike


def _is_hidden(name: str, record: Mapping[str, Any]) -> bool:
    """Whether the firm keeps this from the account, so that the rest has to tell."""
    return name == "quantity" and bool(record.get("quantity_redacted"))


def _same(name: str, sent: Any, found: Any) -> bool:
    """Whether this is what was sent, after whatever Clio does to text when it saves it."""
    if isinstance(sent, str) and isinstance(found, str):
        if name == "phone":
            one, other = re.sub(r"\D", "", sent), re.sub(r"\D", "", found)
            return one == other or (min(len(one), len(other)) >= 7 and (one.endswith(other) or other.endswith(one)))
        return _folded(sent) == _folded(found)
    return sent == found


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split()).casefold()


__all__ = ["ClioWriting"]
