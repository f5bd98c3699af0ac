"""Writing to the stand-in for Clio: what it keeps, in what shape, and what it refuses, as the real one does."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from integration_console.sandbox import Sandbox

from .test_clio import call


@pytest.fixture
def clio():
    with Sandbox() as sandbox:
        yield sandbox.clio


def told(clio, path, method="GET", data=None, **headers):
    """The record in an answer, or the words of a refusal."""
    answer = call(clio, path, method, data, **headers)
    sent = answer.json()
    return sent["data"] if "data" in sent else (answer.status, sent["error"]["message"])


def test_text_is_trimmed_and_spelled_in_one_way_when_it_is_saved(clio):
    sent = {"type": "Person", "first_name": "  Rene\u0301 ", "last_name": "Lee", "title": "  "}
    saved = told(clio, "/contacts?fields=first_name,name,title", "POST", sent)

    assert saved == {"first_name": "Ren\u00e9", "name": "Ren\u00e9 Lee", "title": None}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/matters/7", {"nickname": "x"}),
        ("/matters/7", {"billed": True}),
        ("/contacts/7", {"primary_email_address": "a@x.org"}),
        ("/contacts/7", {"email_addresses": [{"address": "a@x.org", "primary": True}]}),
        ("/activities/2002", {"total": 5}),
    ],
)
def test_attributes_there_are_none_of_are_refused(clio, path, sent):
    before = call(clio, path).headers["ETag"]

    assert told(clio, path, "PATCH", sent)[0] == 400
    assert call(clio, path).headers["ETag"] == before


def test_a_write_with_senseless_fields_changes_nothing(clio):
    assert told(clio, "/matters/7?fields=nonsense", "PATCH", {"location": "Elsewhere"})[0] == 400
    assert clio.record("matters", 7)["location"] != "Elsewhere"


@pytest.mark.parametrize(
    ("path", "sent", "words"),
    [
        ("/contacts/7", {"name": "Ada Lee"}, "At least one of first name or last name must be provided"),
        ("/contacts/7", {"first_name": None, "last_name": " "}, "At least one of first name or last name"),
        ("/matters/7", {"description": ""}, "Description can't be blank"),
        ("/matters/7", {"open_date": "yesterday"}, "Open date is not a valid date"),
        ("/matters/7", {"responsible_attorney": {"id": None}}, "Responsible attorney must exist"),
        ("/matters/7", {"client": None}, "Client must exist"),
        ("/contacts/7", {"email_addresses": [{"id": 999_999, "address": "a@x.org"}]}, "could not be found"),
        ("/activities/2002", {"price": "much"}, "Price is not a number"),
        ("/activities/9", {"note": "Changed"}, "it is on a bill"),
    ],
)
def test_a_change_that_cannot_be_kept_is_refused_in_words(clio, path, sent, words):
    status, message = told(clio, path, "PATCH", sent)

    assert status == 422
    assert words in message


def test_null_means_none_where_a_record_need_not_point_anywhere(clio):
    sent = {"practice_area": {"id": None}, "matter_stage": {"id": None}}

    assert told(clio, "/matters/7?fields=practice_area,matter_stage", "PATCH", sent) == {
        "practice_area": None,
        "matter_stage": None,
    }


def test_addresses_are_merged_by_their_id(clio):
    field = "/contacts/7?fields=addresses{id,street,city,primary}"
    (first,) = told(clio, field)["addresses"]
    added = told(clio, field, "PATCH", {"addresses": [{"id": first["id"], "city": "Reno"}, {"city": "Ely"}]})
    left = told(clio, field, "PATCH", {"addresses": [{"id": first["id"], "_destroy": True}]})

    assert [(one["city"], one["street"], one["primary"]) for one in added["addresses"]] == [
        ("Reno", first["street"], True),
        ("Ely", None, False),
    ]
    assert [(one["city"], one["primary"]) for one in left["addresses"]] == [("Ely", True)]


def test_the_primary_address_stays_primary_when_only_its_text_changes(clio):
    made = told(
        clio, "/contacts?fields=id,email_addresses{id}", "POST",
        {"type": "Company", "name": "Lee", "email_addresses": [{"address": "a@x.org"}, {"address": "b@x.org"}]},
    )  # fmt: skip
    first, second = (one["id"] for one in made["email_addresses"])
    path = f"/contacts/{made['id']}?fields=primary_email_address,secondary_email_address"

    assert told(clio, path, "PATCH", {"email_addresses": [{"id": first, "address": "c@x.org"}]}) == {
        "primary_email_address": "c@x.org", "secondary_email_address": "b@x.org",
    }  # fmt: skip
    assert told(clio, path, "PATCH", {"email_addresses": [{"id": second, "default_email": True}]}) == {
        "primary_email_address": "b@x.org", "secondary_email_address": "c@x.org",
    }  # fmt: skip


def test_a_field_shown_by_default_is_there_with_a_null_id_while_it_is_empty(clio):
    made = told(clio, "/matters?fields=id,custom_field_values{id,value,custom_field}", "POST",
                {"client": {"id": 1}, "description": "x"})  # fmt: skip

    assert [(one["id"], one["value"], one["custom_field"]["id"]) for one in made["custom_field_values"]] == [
        (None, None, 1),
        (None, None, 5),
    ]


def test_a_custom_value_is_made_by_its_definition_and_changed_by_its_own_id(clio):
    path = "/matters/8?fields=custom_field_values{id,value,custom_field}"

    def values(sent):
        shown = told(clio, path, "PATCH", {"custom_field_values": [sent]})["custom_field_values"]
        return {one["custom_field"]["id"]: (one["id"], one["value"]) for one in shown}

    number, value = values({"custom_field": {"id": 1}, "value": "24-CV-1"})[1]
    assert re.fullmatch(r"text_line-\d+", number)
    assert value == "24-CV-1"
    assert values({"id": number, "value": "24-CV-2"})[1] == (number, "24-CV-2")
    assert values({"id": number, "_destroy": True})[1] == (None, None)


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        (3, "31", 31), (3, 32, 32), (4, "10.50", 10.5), (5, "3", 3), (6, "true", True), (7, "12", 12),
        (2, "2026-01-02", "2026-01-02"),
    ],
)  # fmt: skip
def test_custom_values_are_declared_text_and_shown_as_what_they_are(clio, field, value, kept):
    sent = {"custom_field_values": [{"custom_field": {"id": field}, "value": value}]}
    shown = told(clio, "/matters/8?fields=custom_field_values{value,custom_field,picklist_option}", "PATCH", sent)
    values = {one["custom_field"]["id"]: one for one in shown["custom_field_values"]}

    assert values[field]["value"] == kept
    assert values[field]["picklist_option"] == (
        {"id": kept, "option": ("Referral", "Web")[kept - 31]} if field == 3 else None
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (3, "Web"), (3, "39"), (4, "much"), (2, "soon"), (6, "perhaps"), (7, "999999"), (13, "a contact's"),
        (16, "deleted"), (99, "x"),
    ],
)  # fmt: skip
def test_custom_values_that_cannot_be_kept_are_refused(clio, field, value):
    sent = {"custom_field_values": [{"custom_field": {"id": field}, "value": value}]}

    assert told(clio, "/matters/8", "PATCH", sent)[0] == 422


def test_time_that_moves_is_priced_anew_unless_its_price_comes_along(clio):
    sent = {"type": "TimeEntry", "date": "2026-03-02", "quantity": 3600, "user": {"id": 5}, "price": 99.0}
    number = told(clio, "/activities?fields=id", "POST", sent)["id"]
    path = f"/activities/{number}?fields=price,total"

    assert told(clio, path, "PATCH", {"note": "Call"})["price"] == 99.0
    assert told(clio, path, "PATCH", {"matter": {"id": 7}, "price": 99.0})["price"] == 99.0
    assert told(clio, path, "PATCH", {"user": {"id": 3}}) == {"price": 400.0, "total": 400.0}


def test_a_limitation_date_keeps_its_task_and_its_reminders_are_told_in_minutes(clio):
    path = "/matters/8?fields=statute_of_limitations{id,due_at}"
    methods = told(clio, "/users/2?fields=notification_methods{id,type}")["notification_methods"]
    email = next(one["id"] for one in methods if one["type"] == "Email")
    reminder = {"duration_unit": "days", "duration_value": 30, "notification_method": {"id": email}}
    first = told(clio, path, "PATCH", {"statute_of_limitations": {"due_at": "2027-01-31", "reminders": [reminder]}})
    second = told(clio, path, "PATCH", {"statute_of_limitations": {"due_at": "2027-02-28"}})

    number = first["statute_of_limitations"]["id"]
    assert second["statute_of_limitations"] == {"id": number, "due_at": "2027-02-28"}
    task = told(clio, f"/tasks/{number}?fields=statute_of_limitations,reminders{{duration}}")
    assert task == {"statute_of_limitations": True, "reminders": [{"duration": 43_200}]}
    wrong = {"statute_of_limitations": {"reminders": [{**reminder, "notification_method": {"id": 1}}]}}
    assert told(clio, path, "PATCH", wrong)[0] == 422


def test_a_new_matter_makes_its_contact_a_client_that_cannot_be_deleted(clio):
    contact = told(clio, "/contacts?fields=id,is_client", "POST", {"type": "Company", "name": "Lee & Sons"})
    told(clio, "/matters", "POST", {"client": {"id": contact["id"]}, "description": "x"})

    assert contact["is_client"] is False
    assert told(clio, f"/contacts/{contact['id']}?fields=is_client") == {"is_client": True}
    assert told(clio, f"/contacts/{contact['id']}", "DELETE")[0] == 422


def test_a_matter_that_is_closed_says_since_when(clio):
    assert told(clio, "/matters?fields=status,close_date", "POST",
                {"client": {"id": 1}, "description": "x", "status": "closed"}) == {
        "status": "Closed", "close_date": clio.firm.day(0),
    }  # fmt: skip


@pytest.mark.parametrize("resource", ["contacts", "matters", "activities"])
def test_lists_are_narrowed_to_what_was_created_since(clio, resource):
    sent = {
        "contacts": {"type": "Company", "name": "Lee"},
        "matters": {"client": {"id": 1}, "description": "x"},
        "activities": {"type": "TimeEntry", "date": "2026-03-02"},
    }[resource]
    since = urlencode({"created_since": (datetime.now(UTC) - timedelta(seconds=2)).isoformat()})
    clio.put(resource, {"id": 1_100 if resource == "contacts" else 700})  # changed, and not new
    before = told(clio, f"/{resource}?{since}")
    made = told(clio, f"/{resource}?fields=id", "POST", sent)

    assert before == []
    assert [one["id"] for one in told(clio, f"/{resource}?{since}")] == [made["id"]]


def test_a_colleague_in_the_app_is_not_checked(clio):
    clio.put("contacts", {"id": 7, "title": "  Judge "})
    clio.put("activities", {"id": 9, "note": "Changed in the app"})

    assert clio.record("contacts", 7)["title"] == "  Judge "
    assert clio.record("activities", 9)["note"] == "Changed in the app"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"events": ["created", "moved"]}, 422),
        ({"model": "contact", "events": ["matter_opened"]}, 422),
        ({"model": "tasks"}, 422),
        ({"fields": "id,colour"}, 400),
        ({"fields": "id,client{colour}"}, 400),
        ({"fields": ",".join(["id"] * 400)}, 422),
    ],
)
def test_a_hook_names_only_events_and_fields_there_are(clio, sent, status):
    hook = {"url": "https://example.com/", "model": "matter", "fields": "id,etag", **sent}

    assert call(clio, "/webhooks", "POST", hook).status == status
    assert call(clio, "/webhooks?fields=id,colour").status == 400
    assert told(clio, "/webhooks?fields=id,status") == []
