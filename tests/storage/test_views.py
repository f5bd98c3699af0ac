"""Reports read tables: every resource has a view with typed columns, on both databases."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pytest
from flask_migrate import upgrade
from sqlalchemy import inspect, text

from integration_console import services
from integration_console.models import db
from integration_console.services.shapes import Minor
from integration_console.storage import records, views

from .rows import NOON, connection, incoming


@dataclass(frozen=True)
class Field:
    name: str
    path: tuple[str, ...]
    type: str
    unix: bool = False
    minor: Minor | None = None


def field(name, kind, *path, **more):
    return Field(name, path or (name,), kind, **more)


@pytest.fixture
def show(session, firm):
    """What the view of these fields shows of one record."""

    def show(record, *fields):
        session.execute(text("DELETE FROM record"))
        records.keep_page(
            session, connection_id=firm, resource="odd_things", run_id=None, rows=[incoming(1, **record)], now=NOON
        )
        views.create(session.connection(), [("clio", "odd_things", fields)])
        row = session.execute(text("SELECT * FROM clio_odd_things")).one()._mapping
        session.execute(text("DROP VIEW clio_odd_things"))
        return row

    return show


def test_every_resource_of_every_service_has_its_view(session):
    declared = {f"{s.key}_{r.key}" for s in services.every().values() for r in s.resources.values()}

    assert declared <= set(inspect(db.engine).get_view_names())
    assert set(views.names(session.connection())) == declared
    for name in declared:
        assert session.execute(text(f'SELECT * FROM "{name}"')).all() == []


def test_upgrading_makes_the_views_anew_and_leaves_a_firms_own(session):
    session.execute(text("CREATE VIEW our_report AS SELECT id FROM connection"))
    views.create(session.connection(), [("gone", "things", [field("a", "text")])])
    session.execute(text("DROP VIEW clio_matters"))
    session.commit()

    upgrade()

    found = set(inspect(db.engine).get_view_names())
    assert {"our_report", "clio_matters"} <= found
    assert "gone_things" not in found


def rights(session, view):
    grants = "SELECT grantee FROM information_schema.role_table_grants WHERE table_name = :view AND grantee <> grantor"
    return sorted(session.execute(text(grants), {"view": view}).scalars())


@pytest.mark.one_database("postgresql")
def test_who_may_read_a_view_may_after_an_upgrade(session):
    """Every upgrade took the rights of a report's reader away, and said nothing."""
    session.execute(text("GRANT SELECT ON clio_matters TO PUBLIC, pg_monitor"))
    session.commit()

    upgrade()

    assert rights(session, "clio_matters") == ["PUBLIC", "pg_monitor"]
    assert rights(session, "clio_contacts") == []


def test_a_view_shows_typed_columns_of_live_records_of_its_service(session, firm):
    other = connection(session, "Location", service="ghl")
    for owner in (firm, other):
        rows = [incoming(n, display_number=f"00{n}-Ada", client={"id": 7, "name": "Ada"}) for n in range(3)]
        records.keep_page(session, connection_id=owner, resource="matters", run_id=None, rows=rows, now=NOON)
    records.mark_deleted(session, records.ids_of(session, firm, "matters", ["0"]), run_id=None, now=NOON)

    rows = session.execute(text("SELECT * FROM clio_matters ORDER BY record_id")).mappings().all()

    assert [(row["external_id"], row["connection_id"], row["display_number"]) for row in rows] == [
        ("1", firm, "001-Ada"), ("2", firm, "002-Ada"),
    ]  # fmt: skip
    assert (rows[0]["client_id"], rows[0]["client_name"]) == (7, "Ada")
    assert list(rows[0])[:3] == ["record_id", "connection_id", "external_id"]
    assert list(rows[0])[-1] == "updated_at"


def test_each_type_comes_as_itself(show):
    row = show(
        {"t": "Ada", "i": 42, "n": 1.5, "m": 1234.5, "b": True, "d": "2026-03-02", "at": "2026-03-02T14:30:00+02:00",
         "j": [{"a": 1}]},
        field("t", "text"), field("i", "integer"), field("n", "number"), field("m", "money"), field("b", "boolean"),
        field("d", "date"), field("at", "time"), field("j", "json"),
    )  # fmt: skip

    assert (row["t"], row["i"], float(row["n"]), Decimal(str(row["m"]))) == ("Ada", 42, 1.5, Decimal("1234.5"))
    assert bool(row["b"]) is True
    assert str(row["d"]) == "2026-03-02"
    at = row["at"] if isinstance(row["at"], datetime) else datetime.fromisoformat(row["at"])
    assert (at.hour, at.minute) == (12, 30)
    assert row["j"] in ([{"a": 1}], '[{"a":1}]')
    assert isinstance(row["d"], date | str)


SMALL = Minor(zero=("JPY",), three=("KWD",))


@pytest.mark.parametrize(
    ("currency", "amount", "wanted"),
    [("usd", 1999, "19.99"), ("JPY", 500, "500"), ("kwd", 12345, "12.345"), ("usd", -5, "-0.05"), (None, 500, None),
     ("usd", "x", None)],
)  # fmt: skip
def test_money_in_the_smallest_unit_comes_in_whole_ones(show, currency, amount, wanted):
    row = show({"a": amount, "currency": currency}, field("a", "money", minor=SMALL))

    assert (row["a"] if row["a"] is None else Decimal(str(row["a"]))) == (wanted and Decimal(wanted))


def test_seconds_since_1970_come_as_a_moment(show):
    row = show({"at": 1_772_461_800, "far": 10**17}, field("at", "time", unix=True), field("far", "time", unix=True))

    at = row["at"] if isinstance(row["at"], datetime) else datetime.fromisoformat(row["at"])
    assert (at.year, at.month, at.day, at.hour, at.minute) == (2026, 3, 2, 14, 30)
    assert row["far"] is None


CASES = [
    ("integer", "42", 42), ("integer", -7.0, -7), ("integer", "x", None), ("integer", 1.5, None),
    ("integer", True, None), ("integer", "", None), ("integer", [1], None), ("integer", 10**17, 10**17),
    ("money", "12.50", Decimal("12.5")), ("money", "-3", -3), ("money", "12,50", None), ("money", "1-2", None),
    ("money", "abc", None), ("money", {"a": 1}, None), ("money", 0.1, Decimal("0.1")), ("money", "", None),
    ("boolean", "yes", None), ("boolean", 1, None), ("boolean", False, False),
    ("date", "2026-02-31", None), ("date", "2026-03-02T23:00:00Z", "2026-03-02"), ("date", "soon", None),
    ("date", 20260302, None), ("date", "now", None),
    ("time", "2026-02-31T10:00:00Z", None), ("time", "today", None), ("time", 5, None),
    ("time", "2026-13-01", None),
    ("text", 5, "5"), ("text", True, "true"), ("text", None, None), ("text", "it's \\ \"odd\"", "it's \\ \"odd\""),
    ("json", None, None), ("integer", None, None), ("date", None, None),
]  # fmt: skip


def test_a_value_that_does_not_fit_is_null_and_never_an_error(show):
    fields = [field(f"x{n}", kind) for n, (kind, _, _) in enumerate(CASES)]

    row = show({f"x{n}": value for n, (_, value, _) in enumerate(CASES)}, *fields)

    found = [(kind, value, _comparable(row[f"x{n}"], shown)) for n, (kind, value, shown) in enumerate(CASES)]
    assert found == CASES


def _comparable(found, shown):
    """SQLite hands money over as float and dates as text."""
    if isinstance(shown, Decimal):
        return Decimal(str(found))
    return str(found) if isinstance(found, date) else found


def test_a_missing_field_or_parent_is_null(show):
    row = show({"client": None}, field("client_name", "text", "client", "name"), field("nowhere", "money"))

    assert (row["client_name"], row["nowhere"]) == (None, None)


def test_names_are_made_fit_and_no_two_are_alike():
    fields = [
        field("dateAdded", "time"), field("external_id", "text"), field("updated_at", "time"),
        field("client_ID", "text"), field("client_id", "text"),
        field("x" * 80, "text"), field("record_id", "text"), field("contactId", "text"),
    ]  # fmt: skip

    names = [name for name, _ in views.column_names(fields)]

    assert names == [
        "date_added", "external_id_2", "client_id", "client_id_2", "x" * 60, "record_id_2", "contact_id",
    ]  # fmt: skip


def test_odd_names_do_not_break_out_of_the_view(show):
    row = show({'it\'s "a" field': "fine"}, field('it\'s "a" field', "text", 'it\'s "a" field'))

    assert row['it\'s "a" field'] in ("fine", None)  # SQLite's paths know no quote within a name
