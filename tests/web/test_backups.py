"""The page of backups: is there a good one, ask for more, and what is held back after a restore.

Of one database where the page shows files, and whose they are: what is in them is tests/operations' on both.
"""

import pytest

from integration_console import clock
from integration_console.models import AuditEvent, db
from integration_console.operations import outbound
from integration_console.operations.keeping import backup_clock, backup_files, backups
from integration_console.storage import outbound as gate

from ..cases import together


@pytest.fixture
def admin(enter):
    return enter("admin")


@pytest.fixture
def made(app, admin):
    with app.app_context():
        return backups.create(by="test")


def hold(app) -> None:
    with app.app_context(), db.engine.begin() as connection:
        at = clock.now().isoformat()
        gate.pause(connection, {"at": at, "backup_at": at, "backup": "x.backup", "by": "Ada"})


@pytest.mark.one_database
def test_it_says_whether_there_is_a_good_one(app, admin):
    empty = admin.open("/backups")
    assert "None yet" in empty.text

    with app.app_context():
        made = backups.create(by="test")
    page = admin.open("/backups")
    assert made.name in page.text
    assert "Verified" in page.row(1)
    assert f"flask backup restore {made.name} --dry-run" in page.text
    assert page.one("a", data_key="s", aria_current="page").text == "Settings"
    assert "Last good backup: none yet" not in admin.open("/settings/system").text


@pytest.mark.one_database
@pytest.mark.settings(SANDBOX=True)
def test_a_command_of_the_sandbox_reaches_the_sandbox(app, admin, tmp_path):
    """As it stood, it went for the firm's own settings and database."""
    left = app.config["SETTINGS"].INSTANCE_DIR / "sandbox.env"
    left.write_text("SANDBOX='1'\n")

    assert f"flask -e {left} backup restore NAME --dry-run" in admin.open("/backups").text


@pytest.mark.one_database
def test_one_that_cannot_be_read_hides_no_other(app, admin, made):
    """A link to nowhere, and a file of another's that is not ours to open."""
    with app.app_context():
        folder = backup_files.folder()
    (folder / "20260101T000000Z-daily.backup").symlink_to(folder / "elsewhere")
    (folder / "20260102T000000Z-daily.backup").mkdir()

    page = admin.open("/backups")
    assert made.name in page.text
    assert "It cannot be read: Is a directory." in page.text
    assert "Last good backup: none yet" not in admin.open("/settings/system").text


@pytest.mark.one_database
def test_a_folder_that_cannot_be_used_is_said_and_closes_no_other_page(app, admin, settings):
    settings.BACKUP_DIR.write_text("a file, where the folder should be")

    refused = admin.client.get("/backups")
    assert refused.status_code == 409
    assert "cannot be used" in refused.text
    assert "No good backup yet" in admin.open("/settings/").text
    assert "none yet" in admin.open("/settings/system").text


@pytest.mark.settings(BACKUP_EVERY_HOURS=24)
def test_what_cannot_be_backed_up_is_an_open_problem_until_it_can(app, admin, settings):
    """A firm that looks at its dashboard and not at the page of backups must learn of it, too."""

    def turn() -> None:
        backup_clock._failed_at.clear()  # an hour later, by the clock that nobody sets
        with app.app_context():
            backup_clock.due(), backup_clock.settle()

    settings.BACKUP_DIR.write_text("a file, where the folder should be")
    turn(), turn()
    problems = admin.open("/errors")
    assert "The database could not be backed up" in problems.row(1)
    assert len(problems.rows) == 1
    told = admin.open("/errors/1")
    assert "Not a directory" in told.text or "File exists" in told.text
    assert "all that came since the last good backup is lost with it" in told.text
    assert "The console, Backups" in told.text
    assert admin.client.get("/errors/log?issue=1").status_code == 200

    settings.BACKUP_DIR.unlink()
    turn()
    assert "The database could not be backed up" not in admin.open("/errors").text
    assert "Verified" in admin.open("/backups").row(1)


def test_what_is_asked_for_is_done_by_the_worker(app, admin, made):
    assert admin.send("/backups", "/backups").status_code == 302
    admin.send(f"/backups/{made.name}/rehearsal", "/backups")
    assert "asked for by admin@example.com" in admin.open("/backups").text
    assert "No worker is running" in admin.open("/backups").text

    with app.app_context():
        for _ in range(3):
            backup_clock.due()
            backup_clock.settle()

    page = admin.open("/backups")
    assert "asked for by" not in page.text
    assert "Restored well" in page.text
    with app.app_context():
        assert len(backup_files.every()) == 2


@pytest.mark.one_database
def test_a_download_is_sealed_and_remembered(app, admin, made):
    answer = admin.send(f"/backups/{made.name}/download", "/backups")

    assert answer.data == made.file.read_bytes()
    assert answer.data.startswith(b"integration-console backup")
    with app.app_context():
        assert db.session.query(AuditEvent).filter_by(action="backup downloaded", target=made.name).count() == 1


@pytest.mark.one_database
def test_deleting_wants_the_name_and_never_takes_the_last_good_one(app, admin, made):
    url = f"/backups/{made.name}/removal"
    assert admin.send(url, "/backups", {"confirm": "yes"}).status_code == 422
    admin.send(url, "/backups", {"confirm": made.name})
    assert "last good backup" in admin.open("/backups").text
    assert made.file.exists()

    with app.app_context():
        backups.create(by="test")
    admin.send(url, "/backups", {"confirm": made.name})
    assert not made.file.exists()


@pytest.mark.one_database
@together("name", ["..%2fsecret_key", "x.backup", "20260101T000000Z-daily.backup"])
def test_only_backups_are_given_out(admin, name):
    assert admin.send(f"/backups/{name}/download", "/backups").status_code == 404


@pytest.mark.one_database
@together("role", ["staff", "support"])
def test_only_administrators(app, admin, made, enter, role):
    other = enter(role)

    assert other.open("/backups").status == 403
    for action in ("download", "removal", "verification", "rehearsal"):
        assert other.send(f"/backups/{made.name}/{action}", "/").status_code == 403
    assert other.send("/backups/resumption", "/").status_code == 403


@pytest.mark.one_database
@pytest.mark.settings(BACKUP_EVERY_HOURS=24)
def test_how_often_is_said_as_people_say_it(admin):
    assert "every 24 hours, and before every upgrade" in admin.open("/backups").text


@pytest.mark.one_database
def test_every_page_says_that_nothing_is_sent_until_somebody_resumes(app, admin, enter):
    support = enter("support")
    assert "Nothing is sent" not in admin.open("/").text
    hold(app)

    assert "Nothing is sent." in support.open("/").text
    assert "An administrator looks through it" in support.open("/runs").text
    assert "Look through what waits" in admin.open("/").text
    assert "every mapped account was read" in admin.open("/backups").text

    admin.send("/backups/resumption", "/backups", {"anyway": ""})
    assert "Nothing is sent" not in admin.open("/").text
    with app.app_context():
        assert not outbound.is_held()
