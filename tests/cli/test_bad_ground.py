"""A console that cannot start says why in one line and leaves everything as it was (D8, S2)."""

import pytest

pytestmark = pytest.mark.one_database


def test_a_database_without_tables_asks_for_the_upgrade(installed, tmp_path):
    console = installed(url=f"sqlite:///{tmp_path}/empty.db")

    assert console("users", "list").failed("flask db upgrade")
    assert console("serve", "--port", "0").failed("flask db upgrade")
    told = console.json("db", "upgrade")
    assert (told["before"], told["schema"]) == (None, console.json("db", "upgrade")["before"])
    assert console("db", "upgrade").out == f"The tables are at schema {told['schema']}, as before.\n"
    assert console("db", "upgrade", "nope").status == 1
    assert console("users", "list", "--json").out == ""


def test_a_check_before_the_first_upgrade_names_the_schema_and_nothing_else(installed, tmp_path):
    told = {
        line["name"]: line["message"]
        for line in installed(url=f"sqlite:///{tmp_path}/empty.db")("check", "--json").lines()
    }

    assert (told["database"], "flask db upgrade" in told["schema"]) == ("ok", True)


def test_a_file_that_is_no_database_is_one_line_and_stays_as_it_is(installed, tmp_path):
    file = tmp_path / "letter.db"
    file.write_text("Dear Ana, " * 500)
    console = installed(url=f"sqlite:///{file}")

    for command in (("users", "list"), ("db", "upgrade"), ("serve", "--port", "0"), ("worker", "--once")):
        assert console(*command).failed("damaged, or not one of SQLite")
    assert console("check").status == 3
    assert file.read_text() == "Dear Ana, " * 500


def test_a_folder_that_is_not_there_is_one_line(installed, tmp_path):
    assert installed(url=f"sqlite:///{tmp_path}/nowhere/x.db")("users", "list").failed("cannot be opened", "folder")


def test_an_unreachable_database_is_one_line(installed):
    console = installed(url="postgresql://nobody@127.0.0.1:1/none")

    assert console("users", "list").failed("database cannot be reached")
    assert console("db", "upgrade").failed("database cannot be reached")
    assert console("check").status == 3


def test_a_database_that_cannot_be_written_is_one_line(installed, database, upstreams):
    file = database.removeprefix("sqlite:///")
    console = installed(upstreams, url=f"sqlite:///file:{file}?mode=ro&uri=true")

    assert console("users", "add", "a@example.com", "--role", "admin").failed("cannot be written", "Nothing was saved")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("INSTANCE_DIR", "/proc/nowhere", "/proc/nowhere"),
        ("DATABASE_URL", "::::", "DATABASE_URL"),
        ("DATABASE_URL", "oracle9://x/y", "DATABASE_URL"),
        ("TICK_SECONDS", "never", "TICK_SECONDS"),
        ("APP_ENV", "production", "SECRET_KEY"),
        ("ENCRYPTION_KEYS", "not-a-key", "ENCRYPTION_KEYS"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line(installed, setting, value, said):
    console = installed()

    ended = console("check" if setting == "ENCRYPTION_KEYS" else "users", "list", **{setting: value})

    if setting != "ENCRYPTION_KEYS":
        assert ended.failed(said)
    assert "Traceback" not in ended.err


def test_production_does_not_start_in_debug_mode_or_with_another_clock(installed):
    """D8"""
    safe = {"SECRET_KEY": "s" * 40, "ENCRYPTION_KEYS": "k" * 43 + "=", "BASE_URL": "https://console.example"}

    assert installed(APP_ENV="production", **safe)("users", "list", FLASK_DEBUG="1").failed("FLASK_DEBUG")
    assert installed(APP_ENV="production", **safe)("users", "list", CLOCK_OFFSET_SECONDS="5").failed("CLOCK_OFFSET")
    assert installed(APP_ENV="production", **safe)("users", "list", FLASK_DEBUG="0").status == 0


def test_a_production_web_server_stops_with_one_line_of_ours(installed):
    console = installed(APP_ENV="production", PYTHONPATH=".")
    process = console.starting(
        "wsgi:app", "--bind=127.0.0.1:0", "--no-control-socket", "--log-level=critical", program=("gunicorn",),
        PYTHONPATH=console.environment["FLASK_APP"].removesuffix("/wsgi.py"),
    )  # fmt: skip

    _, err = process.communicate(timeout=30)

    assert process.returncode == 4
    assert err.strip().splitlines()[0] == "Error: SECRET_KEY must be set to at least 32 characters in production."


def test_the_sandbox_does_not_start_in_production(installed):
    safe = {"SECRET_KEY": "s" * 40, "ENCRYPTION_KEYS": "k" * 43 + "=", "BASE_URL": "https://console.example"}

    assert installed(APP_ENV="production", **safe)("serve", "--sandbox", "--port", "0").failed("production")
