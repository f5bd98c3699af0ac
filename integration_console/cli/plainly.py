"""What every command has in common: `--json`, a database that fits, and one plain line when something fails."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from functools import wraps
from types import TracebackType

import click
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError, OperationalError

from config import SettingsError

from ..errors import ConsoleError, InvalidInput
from ..models import db
from ..storage import schema

FAILED, WRONG_USAGE, WITH_PROBLEMS = 1, 2, 3
# The command was well formed, but what it names does not exist, or what came on stdin is wrong: a failure.
_NOT_OF_USAGE = ("password", "api_key", "credentials", "service", "resource", "region")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document; lists as JSON Lines.")


class Failed(click.ClickException):
    """What went wrong, in one line."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = status  # type: ignore[misc]  # read from the instance, declared on the class


def command(name: str, *, group: click.Group | None = None, any_schema: bool = False) -> Callable:
    """Make a function a command of ours.

    any_schema: it also works on a database of another version of the console.
    """

    def decorate(function: Callable) -> click.Command:
        make = group.command if group else click.command
        return make(name, short_help=(function.__doc__ or "").splitlines()[0].rstrip("."))(
            json_option(_plainly(function, any_schema))
        )

    return decorate


def _plainly(function: Callable, any_schema: bool) -> Callable:
    @wraps(function)
    def run(*args, **kwargs):
        _logs_for_a_terminal()
        try:
            if not any_schema:
                must_fit()
            return function(*args, **kwargs)
        except Exception as error:
            failed = in_one_line(error)
            if failed is None:
                raise
            raise failed from None

    return run


def must_fit() -> None:
    """Raise Failed when the database has not the tables this version needs."""
    if why := schema.check(db.engine):
        raise Failed(why)


def in_one_line(error: BaseException) -> Failed | None:
    """An error as a person at a terminal should read it; None when it is a mistake of ours."""
    if isinstance(error, InvalidInput) and error.field not in _NOT_OF_USAGE:
        return Failed(str(error), WRONG_USAGE)
    if isinstance(error, (ConsoleError, SettingsError)):
        return Failed(str(error))
    if isinstance(error, (ArgumentError, NoSuchModuleError)):
        return Failed("DATABASE_URL is not the address of a SQLite or PostgreSQL database.")
    # DatabaseError itself says that a file is damaged or no database; of its other kinds some are mistakes of ours.
    if isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError:
        return Failed(_of_database(str(error.orig)))
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return Failed(f"{error.filename or 'The system'}: {error.strerror or error}")
    return None


def _of_database(said: str) -> str:
    said = said.strip().splitlines()[0] if said.strip() else "no reason given"
    if "readonly" in said or "read-only" in said:
        return f"The database cannot be written ({said}). Nothing was saved."
    if "locked" in said:
        return f"The database is busy ({said}). Nothing was saved; try again."
    if "not a database" in said or "malformed" in said:
        return f"The database file is damaged, or not one of SQLite ({said}). Nothing was saved."
    if "unable to open" in said:
        return f"The database file cannot be opened; its folder must exist and be writable ({said}). Nothing was saved."
    if "full" in said or "disk I/O" in said:
        return f"The database cannot be written, perhaps because the disk is full ({said}). Nothing was saved."
    return f"The database cannot be reached ({said}). Nothing was saved."


def last_word(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What the interpreter says of an error nobody caught; its exit status is 1."""
    if failed := in_one_line(error):
        failed.show()
    else:
        sys.__excepthook__(kind, error, trace)


def who() -> str:
    """Who is at the terminal, for the audit log."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):  # a container's user may have no name
        return "the command line"


def _logs_for_a_terminal() -> None:
    """A command says what happened itself; of the log only mistakes of ours are left. The processes set their own."""
    from .. import logs

    logs.set_up(least="error")
