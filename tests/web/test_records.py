"""Records: found, paged, opened, and masked for those who may not see what is in them."""

from __future__ import annotations

import pytest

from integration_console import clock
from integration_console.models import Record, db
from integration_console.operations.finding import search


@pytest.fixture
def admin(enter):
    return enter("admin")


@pytest.fixture
def clio(firm):
    """A connection whose matters and some reference data were read."""
    number = firm.connect(name="Ruiz")
    firm.read(number, "matters", "users", kind="full")
    return number


def first(firm, resource="matters") -> Record:
    with firm.app.app_context():
        return db.session.query(Record).filter_by(resource=resource).order_by(Record.id).first()


def shown(page) -> set[str]:
    """The names of the columns that are on."""
    return {box.attrs["value"] for box in page.all("input", name="columns") if "checked" in box.attrs}


@pytest.mark.one_database
def test_every_resource_shows_its_size_and_age(admin, clio):
    page = admin.open("/records")
    assert "Matters 900" in " ".join(page.rows)
    assert "Contacts 0 never never" in page.rows
    assert "Bank accounts Trust, read only 0 never never" in page.rows


@pytest.mark.postgresql_at_length
def test_walking_older_and_newer_meets_every_record_once(admin, clio):
    address = f"/records/{clio}/matters"
    seen, page = [], admin.open(address)
    while True:
        seen += [href for href in page.links.values() if href.startswith("/records/") and href.count("/") == 2]
        if "Older" not in page.links:
            break
        page = admin.open(page.links["Older"])
    assert len(seen) == len(set(seen)) == 900
    assert "Newer" in page.links


def test_a_record_is_found_by_part_of_its_name_or_its_whole_id(admin, firm, clio):
    record = first(firm)
    (row,) = admin.open(f"/records/{clio}/matters?q={record.label.upper()[:12]}").rows
    assert row.startswith(record.label)
    with firm.app.app_context():
        record = db.session.query(Record).filter_by(resource="users").order_by(Record.id.desc()).first()
    (row,) = admin.open(f"/records/{clio}/users?q={record.external_id}").rows
    assert row.startswith(record.label)
    assert "Nothing that matches." in admin.open(f"/records/{clio}/matters?q=%25_%25nobody").text


@pytest.mark.parametrize("indexed", [False, True])
def test_a_name_is_found_in_either_case_of_any_letter(admin, app, clio, clock, indexed):
    with app.app_context():
        record = db.session.query(Record).filter_by(connection_id=clio, resource="matters").first()
        record.label = "00001-ÅNGSTRÖM/100%_Müller"
        db.session.commit()
    if indexed:
        clock.advance(60)
        with app.app_context():
            search.follow()
    for words in ("ångström", "MÜLLER", "100%25_m"):
        assert len(admin.open(f"/records/{clio}/matters?q={words}").rows) == 1, words
        assert len(admin.open(f"/matters?q={words}").rows) == 1, words
    assert "Nothing that matches." in admin.open(f"/records/{clio}/matters?q=100_").text


@pytest.mark.one_database
def test_the_usual_columns_tell_how_to_reach_people(admin, firm):
    """A name stands in the first column; an address that could stand in for it is still worth its own."""
    clio, ghl = firm.connect(name="Ruiz"), firm.connect("ghl")

    assert {"primary_email_address", "primary_phone_number"} <= shown(admin.open(f"/records/{clio}/contacts"))
    assert {"email", "phone"} <= shown(admin.open(f"/records/{ghl}/contacts"))


@pytest.mark.one_database
def test_columns_are_chosen_in_the_address_and_unknown_ones_are_explained(admin, clio):
    page = admin.open(f"/records/{clio}/matters?columns=billing_method&columns=open_date")
    heads = [th.text for th in page.all("th", scope="col")]
    assert heads == ["Name", "Billing method", "Open date", "Changed there"]
    page = admin.open(f"/records/{clio}/matters?columns=secret_sauce")
    assert page.status == 422
    assert "There is no column 'secret_sauce' here." in page.text


@pytest.mark.one_database
def test_what_is_gone_is_shown_only_when_asked_for(admin, firm, clio):
    record = first(firm)
    with firm.app.app_context():
        db.session.get_one(Record, record.id).deleted_at = clock.now()
        db.session.commit()
    assert len(admin.open(f"/records/{clio}/matters?gone=yes").rows) == 1
    assert "This is the last form we saw." in admin.open(f"/records/{record.id}").text


@pytest.mark.one_database
def test_a_filtered_list_says_how_many_match_where_counting_is_cheap(admin, firm, clio):
    address = f"/records/{clio}/matters"
    with firm.app.app_context():
        gone = db.session.query(Record).filter_by(resource="matters").limit(60).all()
        for record in gone:
            record.deleted_at = record.written_at
        db.session.commit()
    assert admin.open(f"{address}?gone=yes").one("p", class_="matches").text == "60 match"
    assert admin.open(address).all("p", class_="matches") == []
    assert admin.open(f"{address}?q=a").all("p", class_="matches") == []  # too short for the index


def test_a_record_leads_to_the_records_it_names_its_run_and_its_calls(admin, firm, clio):
    page = admin.open(f"/records/{first(firm).id}")
    assert page.links["Luis Camarena"].startswith("/records/")  # the responsible attorney, a user we hold
    assert page.links["Run 1"] == "/runs/1"
    assert any("GET /matters" in row for row in page.rows)


@pytest.mark.one_database
def test_what_a_service_tells_in_seconds_since_1970_is_shown_as_a_moment(admin, firm):
    firm.read(firm.connect("slack"), "channels", "users", kind="full")
    for resource, column in (("channels", "created"), ("users", "updated")):
        record = first(firm, resource)
        page = admin.open(f"/records/{record.id}")
        told = clock.parse(page.html.partition(f">{column.capitalize()}<")[2].partition('datetime="')[2][:24])
        assert int(told.timestamp()) == record.data[column]


@pytest.mark.one_database
def test_the_firms_own_fields_are_shown_by_their_names(enter, firm, clio):
    """What the firm made itself, as people call it and read it; support sees none of it."""
    told = (
        (900011, "checkbox", "Minor", True),
        (900012, "text_line", "Judge", "Itokazu"),
        (900013, "text_line", "X", None),
    )
    values = [
        {"id": f"{kind}-{number}", "field_name": name, "value": value, "custom_field": {"id": number},
         "field_type": kind}
        for number, kind, name, value in told
    ]  # fmt: skip
    firm.read(clio, "custom_fields", kind="full")
    record = first(firm)
    with firm.app.app_context():
        definition = db.session.query(Record).filter_by(resource="custom_fields").first()
        definition.data = {
            **definition.data, "id": 900011, "name": "Is a minor", "parent_type": "Matter", "field_type": "checkbox",
        }  # fmt: skip
        row = db.session.get_one(Record, record.id)
        several = [{"primary": True, "who": {"id": 1, "name": "Ana"}}]
        row.data = {**row.data, "custom_field_values": values, "relationships": several}
        db.session.commit()
    page = enter("admin").open(f"/records/{record.id}")
    shown = page.text.partition("As it came, whole")[0]
    assert "Is a minor yes" in shown
    assert "Custom field 900012 Itokazu" in shown  # its definition was not read
    assert "900013" not in shown
    assert "True" not in shown
    assert "{" not in shown
    assert "Itokazu" not in enter("support").open(f"/records/{record.id}").html


@pytest.mark.one_database
def test_what_came_from_outside_is_text_and_never_markup(admin, firm, clio):
    """X9"""
    record = first(firm)
    with firm.app.app_context():
        row = db.session.get_one(Record, record.id)
        row.label, row.data = "<script>alert(1)</script>", {**row.data, "description": "<img src=x onerror=alert(1)>"}
        db.session.commit()
    for address in (f"/records/{record.id}", f"/records/{clio}/matters?q={record.external_id}"):
        html = admin.open(address).html
        assert "<script>alert" not in html
        assert "<img" not in html


@pytest.mark.one_database
def test_support_sees_that_a_record_is_there_and_not_what_is_in_it(enter, firm, clio):
    """X12"""
    support, record = enter("support"), first(firm)
    page = support.open(f"/records/{record.id}")
    assert record.label not in page.html
    assert str(record.data["client"]["name"]) not in page.html
    assert "••••••" in page.text
    page = support.open(f"/records/{clio}/matters")
    assert len(page.rows) == 50
    assert str(record.data["client"]["name"]) not in page.html
    assert support.open(f"/records/{clio}/matters?q=Tanaka").status == 422  # its results would tell


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/records/999999", "/records/1/unicorns", "/records/77/matters"])
def test_what_is_not_there_is_a_page_that_does_not_exist(admin, clio, path):
    assert admin.open(path).status == 404


@pytest.mark.one_database
def test_a_removed_connection_keeps_its_records_readable(admin, firm, clio):
    record = first(firm)
    firm.change(clio, status="removed", credentials=None)
    assert admin.open(f"/records/{record.id}").status == 200
    assert len(admin.open(f"/records/{clio}/matters").rows) == 50
