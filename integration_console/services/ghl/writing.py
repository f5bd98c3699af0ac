"""HighLevel, written: contacts and opportunities.

Source: https://marketplace.gohighlevel.com/docs (API Version 2021-07-28), "Update Contact", "Add Tags", "Update
Opportunity"; what a PUT takes beyond that: GitHub GoHighLevel/highlevel-api-docs, issue 314 (2026-07-28)

A PUT changes what it names and keeps the rest, except for tags, which it replaces: those go their own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from ... import clock
from ...errors import BadAnswer, BadRecord, Missing, UpstreamError
from ...transport.call import Answer, Call
from ...transport.client import Upstream
from ..base import dig
from ..writing import CUSTOM, Field, Write, Writing, Written, by_name, value_of
from .fields import FIELDS, custom_fields, plain
from .records import as_by_id

CONTACTS, CONTACT, TAGS = "/contacts/", "/contacts/{id}", "/contacts/{id}/tags"
OPPORTUNITY = "/opportunities/{id}"
DUPLICATE, SEARCH = "/contacts/search/duplicate", "/contacts/search"

# How a field is emptied. Texts the documents do not call nullable take an empty one; a value is worth nothing at least.
NULLABLE = frozenset((
    "firstName", "lastName", "companyName", "email", "phone", "address1", "city", "state", "website", "timezone",
    "source", "dateOfBirth",
))  # fmt: skip
EMPTY: Mapping[str, Any] = {"dnd": False, "monetaryValue": 0}
NEVER_EMPTY = frozenset(("name", "status", "pipelineId", "pipelineStageId"))  # of an opportunity
LONGEST_FILTER = 75  # characters of a value the contact search takes

NAMED = {"stage": "pipelineStageId", "pipeline": "pipelineId", "user": "assignedTo"}  # word in a refusal -> our field

TWINS = {
    "email": "GoHighLevel has a contact with this e-mail address already.",
    "phone": "GoHighLevel has a contact with this telephone number already.",
    None: "GoHighLevel has a contact with this e-mail address or telephone number already.",
}


class GHLWriting(Writing):
    """Contacts are made and changed, opportunities changed only. A contact is deleted to undo our making it."""

    writable: ClassVar = {
        "contacts": frozenset(("create", "update", "delete")),
        "opportunities": frozenset(("update",)),
    }

    def fields(self, resource: str, custom: Sequence[Mapping[str, Any]] = ()) -> list[Field]:
        """The fields every location has, then those this one made itself."""
        return [*FIELDS.get(resource, ()), *custom_fields(resource, custom)]

    def plain(self, resource: str, record: Mapping[str, Any]) -> dict[str, Any]:
        """As it is sent, but for dates, which come in three shapes and leave in one: "1990-09-25"."""
        return plain(resource, record)

    def send(self, upstream: Upstream, write: Write) -> Written:
        """What is as wanted already is not sent; where nothing is left, there is no call."""
        if write.op not in self.writable.get(write.resource, ()):
            return super().send(upstream, write)
        if write.op == "create":
            return self._create(upstream, write)
        if write.op == "delete":
            return _delete(upstream, write)
        return self._change_contact(upstream, write) if write.resource == "contacts" else self._change(upstream, write)

    def find(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """Contacts made since by this e-mail address or telephone number; by their name where they have neither.

        The search lags behind by seconds; the look-up for duplicates, of e-mail addresses and numbers, does not.
        """
        if write.op != "create" or write.resource != "contacts":
            return []
        found = {contact["id"]: contact for contact in [*_duplicates(upstream, write), *_searched(upstream, write)]}
        return [contact for contact in found.values() if _is_since(contact, write)]

    # -- one write ----------------------------------------------------------------------------------------------------

    def _create(self, upstream: Upstream, write: Write) -> Written:
        """Tags may go with a contact that has none yet."""
        values = {name: value for name, value in write.values.items() if value not in (None, "", [])}
        body = {"locationId": upstream.settings["location_id"], **self._body(write, values)}
        if "tags" in values:
            body["tags"] = list(values["tags"])
        begun = write.since or clock.now()
        try:
            answer = _sent(upstream, Call("POST", CONTACTS, json=body, template=CONTACTS, resource="contacts"))
        except BadRecord as error:
            made = self._made_all_the_same(upstream, replace(write, since=begun)) if error.status == 422 else []
            if len(made) != 1:
                raise
            return Written(str(made[0]["id"]), made[0], error.call_key)
        contact = _shown(answer, "contact")
        kept = {name: value for name, value in body.items() if name != "customFields"}
        return Written(str(contact["id"]), {**kept, **contact}, answer.call_key)  # it answers without the time zone

    def _made_all_the_same(self, upstream: Upstream, write: Write) -> list[Mapping[str, Any]]:
        """HighLevel is known to refuse a contact with 422 and to make it: whoever sends it again has two."""
        try:
            return self.find(upstream, write)
        except UpstreamError:
            return []

    def _change_contact(self, upstream: Upstream, write: Write) -> Written:
        """Everything but tags in one PUT, then the tags that are new and those that are to go."""
        values, record, call_key = self._differing(write), write.current, ""
        if body := self._body(write, values):
            answer = _sent(upstream, _call("PUT", CONTACT, write, body))
            record, call_key = _shown(answer, "contact"), answer.call_key
        if "tags" in values:
            if record is None:
                record = _shown(upstream.send(_call("GET", CONTACT, write)), "contact")
            known = (write.current or record).get("tags", record.get("tags"))  # as of when `values` were made
            for answer in _retag(upstream, write, known or [], values["tags"] or []):
                record, call_key = {**record, "tags": dig(answer.data, "tags") or []}, answer.call_key
        return Written(str(write.external_id), record, call_key)

    def _change(self, upstream: Upstream, write: Write) -> Written:
        body = self._body(write, self._differing(write))
        if not body:
            return Written(str(write.external_id), write.current)
        answer = _sent(upstream, _call("PUT", OPPORTUNITY, write, body))
        return Written(str(write.external_id), _shown(answer, "opportunity"), answer.call_key)

    def _differing(self, write: Write) -> dict[str, Any]:
        """The values that are not there already, as far as the record told (W6)."""
        there = {} if write.current is None else self.plain(write.resource, write.current)
        wanted = {name: None if value in ("", []) else value for name, value in write.values.items()}
        return {name: value for name, value in wanted.items() if value_of(there, name) != value}

    def _body(self, write: Write, values: Mapping[str, Any]) -> dict[str, Any]:
        """Plain values as HighLevel takes them, without tags.

        Raises BadRecord for a field that cannot be written, or not emptied.
        """
        known = by_name(self.fields(write.resource, write.custom))
        body: dict[str, Any] = {}
        for name, value in values.items():
            field = known.get(name) or _unlisted(write, name)
            if not field.writable:
                raise BadRecord(f"{field.label} cannot be written at GoHighLevel.", field=name)
            if name.startswith(CUSTOM):
                value = ([] if field.type == "list" else "") if value is None else value
                own = {"id": name.removeprefix(CUSTOM), "field_value": value}
                body.setdefault("customFields", []).append(own)
            elif name != "tags":
                body[name] = _emptied(write.resource, field) if value is None else value
        return body


def _unlisted(write: Write, name: str) -> Field:
    """A custom field where nobody handed over the definitions; anything else is not there to be written."""
    if name.startswith(CUSTOM) and not write.custom:
        return Field(name, name)
    raise BadRecord("GoHighLevel does not have this field, or no longer.", field=name)


def _emptied(resource: str, field: Field) -> Any:
    if resource == "opportunities" and field.name in NEVER_EMPTY:
        raise BadRecord(f"{field.label} of an opportunity cannot be empty at GoHighLevel.", field=field.name)
    nullable = field.name in NULLABLE or (resource, field.name) == ("contacts", "assignedTo")
    return EMPTY.get(field.name, None if nullable else "")


def _delete(upstream: Upstream, write: Write) -> Written:
    """Gone is gone, whoever was first."""
    try:
        call_key = upstream.send(_call("DELETE", CONTACT, write)).call_key
    except Missing:
        call_key = ""
    return Written(str(write.external_id), None, call_key)


def _retag(upstream: Upstream, write: Write, there: Sequence[str], wanted: Sequence[str]) -> list[Answer]:
    """Only the difference travels, so that a tag somebody adds meanwhile stays. HighLevel keeps tags in lower case."""
    has, wants = {_fold(tag) for tag in there}, {_fold(tag) for tag in wanted}
    changes = (
        ("POST", [tag for tag in wanted if _fold(tag) not in has]),
        ("DELETE", [tag for tag in there if _fold(tag) not in wants]),
    )
    return [_sent(upstream, _call(method, TAGS, write, {"tags": tags})) for method, tags in changes if tags]


def _fold(tag: str) -> str:
    return str(tag).strip().lower()


# -- calls ------------------------------------------------------------------------------------------------------------


def _call(method: str, template: str, write: Write, body: Mapping[str, Any] | None = None) -> Call:
    path = template.format(id=quote(str(write.external_id), safe=""))
    return Call(method, path, json=body, template=template, resource=write.resource)


def _sent(upstream: Upstream, call: Call) -> Answer:
    """Send it; a refusal names our field, and a twin in words for people.

    A strange id answers as a missing record does, whether it is the record's or one that we wrote into a field.

    Raises BadRecord and what Upstream.send raises.
    """
    try:
        return upstream.send(call)
    except BadRecord as error:
        if error.code == "duplicate":
            told = TWINS.get(error.field, TWINS[None])
            raise BadRecord(told, field=error.field, status=error.status, raw=error.raw, code=error.code) from None
        error.field = _our_name(error.field, call.json)
        raise
    except Missing as error:
        said = error.raw.lower()
        names = [name for word, name in NAMED.items() if word in said and name in (call.json or {})]
        if not names:
            raise
        told = "GoHighLevel does not have what this field names."
        raise BadRecord(told, field=names[0], status=error.status, raw=error.raw, code=error.code) from None


def _our_name(at_fault: str | None, body: Any) -> str | None:
    """customFields.0.field_value is the first custom field we sent; every other name is ours as well."""
    first, *rest = (at_fault or "").split(".")
    own = body.get("customFields", []) if isinstance(body, dict) else []
    if first == "customFields" and rest and rest[0].isdigit() and int(rest[0]) < len(own):
        return CUSTOM + own[int(rest[0])]["id"]
    return first or None


def _shown(answer: Answer, what: str) -> dict[str, Any]:
    """The record in an answer: without it, the write is not known to be done (W2)."""
    record = dig(answer.data, what)
    if not isinstance(record, dict) or not record.get("id"):
        raise BadAnswer(f"GoHighLevel did not show the {what} as it is now.")
    return record


# -- what a lost answer may have left ---------------------------------------------------------------------------------


def _duplicates(upstream: Upstream, write: Write) -> list[dict]:
    found = []
    for asked, name in (("email", "email"), ("number", "phone")):
        if value := write.values.get(name):
            params = {"locationId": upstream.settings["location_id"], asked: str(value).strip()}
            call = Call("GET", DUPLICATE, params, template=DUPLICATE, resource="contacts")
            found.append(dig(upstream.send(call).data, "contact"))
    return [contact for contact in found if isinstance(contact, dict) and contact.get("id")]


def _searched(upstream: Upstream, write: Write) -> list[dict]:
    """By e-mail address or number, whichever; else by the words of the name, of those made since."""
    values = write.values
    either = [
        {"field": name, "operator": "eq", "value": _fold(values[name])}
        for name in ("email", "phone")
        if values.get(name) and len(values[name]) <= LONGEST_FILTER
    ]
    names = {name: values[name] for name in ("firstName", "lastName", "companyName") if values.get(name)}
    asked: dict[str, Any] = {"locationId": upstream.settings["location_id"], "pageLimit": 100}
    if either:
        asked["filters"] = [{"group": "OR", "filters": either}]
    elif names and write.since and not (values.get("email") or values.get("phone")):
        since = (write.since - clock.APART).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        asked["filters"] = [{"field": "dateAdded", "operator": "range", "value": {"gte": since}}]
    else:
        return []
    call = Call("POST", SEARCH, json=asked, template=SEARCH, resource="contacts", safe=True)
    found = dig(upstream.send(call).data, "contacts") or ()
    contacts = [as_by_id(one) for one in found if isinstance(one, dict) and one.get("id")]
    return contacts if either else [one for one in contacts if _is_called(one, names)]


def _is_called(contact: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    return all(str(contact.get(name) or "").casefold() == str(value).casefold() for name, value in names.items())


def _is_since(contact: Mapping[str, Any], write: Write) -> bool:
    added = clock.parse(contact.get("dateAdded"))
    return added is None or write.since is None or added >= write.since - clock.APART
