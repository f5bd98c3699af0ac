"""Lists as files (X13): exactly the filter, safe in a spreadsheet, written down, and not too many."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest

from integration_console.models import AuditEvent, Record, db

from ..cases import together
from .firm import Firm

CALLS = "/transactions/export"


@pytest.fixture
def firm(monkeypatch, fresh_upstreams, app):
    from ..operations.conftest import point_at

    point_at(monkeypatch, fresh_upstreams)
    firm = Firm(app, fresh_upstreams)
    firm.number = firm.connect("clio")
    firm.read(firm.number, "users", "practice_areas")
    return firm


@pytest.fixture
def staff(enter):
    return enter("staff")


def rows_of(answer) -> list[list[str]]:
    text = answer.get_data().decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_file_holds_exactly_what_the_filter_finds(firm, enter):
    staff = enter("staff")
    everything = rows_of(staff.send(CALLS, "/transactions", {"format": "csv"}))
    some = rows_of(staff.send(f"{CALLS}?resource=users", "/transactions", {"format": "csv"}))
    place = everything[0].index("resource")
    assert len(some) > 1
    assert some[1:] == [row for row in everything[1:] if row[place] == "users"]
    book = openpyxl.load_workbook(
        io.BytesIO(staff.send(f"{CALLS}?resource=users", "/transactions", {"format": "xlsx"}).get_data())
    )
    assert [str(c.value) for c in next(book.active.iter_rows(min_row=1, max_row=1))] == some[0]
    assert book.active.max_row == len(some)
    began = book.active.cell(2, some[0].index("started_at") + 1)
    assert (began.is_date, began.number_format) == (True, 'yyyy-mm-dd hh:mm:ss "UTC"')
    exactly = datetime.fromisoformat(some[1][began.column - 1])
    assert abs(exactly - began.value.replace(tzinfo=UTC)) < timedelta(milliseconds=2)


@pytest.mark.one_database
def test_times_in_a_file_of_calls_have_no_more_digits_than_were_measured(firm, staff):
    names, *calls = rows_of(staff.send(CALLS, "/transactions", {"format": "csv"}))
    told = [call[names.index(name)] for call in calls for name in ("duration_ms", "waited_ms")]
    assert told
    assert all(len(one.partition(".")[2]) <= 1 for one in told)


def test_a_wrong_filter_gives_no_file(firm, enter):
    assert enter("staff").send(f"{CALLS}?status=strange", "/transactions", {"format": "csv"}).status_code == 422
    assert enter("admin").send(CALLS, "/transactions", {"format": "exe"}).status_code == 422


@together("text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "＝1"])
def test_what_a_spreadsheet_would_run_is_text(firm, staff, text):
    with firm.app.app_context():
        record = db.session.query(Record).filter_by(resource="users").first()
        record.data = {**record.data, "name": text}
        db.session.commit()
    address = f"/records/{firm.number}/users"
    rows = rows_of(staff.send(f"{address}/export", address, {"format": "csv"}))
    assert f"'{text}" in [row[rows[0].index("name")] for row in rows[1:]]


@together("address", ["/runs", "/errors/log", "/matters", "/transactions"])
def test_every_list_has_its_file(firm, staff, address):
    answer = staff.send(f"{address}/export", address, {"format": "csv"})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert rows_of(answer)[0]


@pytest.mark.one_database
def test_a_files_name_says_what_was_filtered_for_but_nothing_that_was_typed(firm, staff):
    asked = f"{CALLS}?status=2xx&service=clio&q=Ana%20Ruiz"
    name = staff.send(asked, "/transactions", {"format": "csv"}).headers["Content-Disposition"]
    assert name.startswith('attachment; filename="transactions-status-2xx-service-clio-20')
    assert "ruiz" not in name.lower()


def test_who_took_what_is_written_down_and_only_so_often(firm, enter, session):
    """X11, X13"""
    staff = enter("staff")
    for _ in range(10):
        assert staff.send(f"{CALLS}?service=clio", "/transactions", {"format": "csv"}).status_code == 200
    refused = staff.send(CALLS, "/transactions", {"format": "csv"})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 3000
    line = session.query(AuditEvent).filter_by(action="exported").first()
    assert (line.actor, line.target, line.details["filter"]) == ("staff@example.com", "transactions", "service=clio")


def test_support_takes_no_files(firm, enter):
    """X12"""
    support = enter("support")
    assert support.send(CALLS, "/transactions", {"format": "csv"}).status_code == 403
    assert "CSV" not in support.open("/transactions").text


def test_the_audit_log_is_filtered_and_taken_by_administrators(firm, enter):
    admin = enter("admin")
    values = {"name": "Lee LLP", "time_zone": "UTC", "jurisdiction": "", "second_factor": ""}
    admin.send("/settings/firm", "/settings/firm", values)
    assert len(admin.open("/settings/audit?action=settings changed").rows) == 1
    rows = rows_of(admin.send("/settings/audit/export?q=firm.name", "/settings/audit", {"format": "csv"}))
    assert len(rows) == 2
    assert "Lee LLP" in rows[1][rows[0].index("details")]


def test_text_no_database_should_be_asked_for_is_refused_at_its_filter(enter):
    """PostgreSQL's text holds no NUL; a file of the same list broke off while it was sent."""
    admin = enter("admin")
    page = admin.open("/errors/log?resource=a%00b")
    assert page.status == 422
    assert "characters that cannot be seen" in page.text
    assert admin.send("/errors/log/export?resource=a%00b", "/errors/log", {"format": "csv"}).status_code == 422
