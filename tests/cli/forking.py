"""Runs `flask` commands as processes of their own without importing everything for each: it imports once, then forks.

Every command still builds its app, from what was compiled once for the first; the source that a backup holds is packed
and named once.

One request a line on stdin: {"arguments", "environment", "folder", "stdin", "stdout", "stderr"}; the answer is the
exit status.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages


def main() -> None:
    _import_everything()
    _compile_everything()
    gc.freeze()  # or each command looks through what all of them share, and thereby copies it
    print("ready", flush=True)
    while line := sys.stdin.readline():
        if not (child := os.fork()):
            _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _import_everything() -> None:
    from integration_console import cli, operations, services, web

    for package in (cli, operations, web):
        for info in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(info.name)
    services.every()
    for name in (
        "flask.cli",
        "flask_migrate.cli",
        "alembic.script",
        "rich.table",
        "integration_console.worker",
        "config",
    ):
        import_module(name)


def _compile_everything() -> None:
    """Build one app and pack the source, so that both are there for the commands."""
    import config
    from integration_console import create_app
    from integration_console.storage import source
    from tests.once import remember

    remember()
    with tempfile.TemporaryDirectory() as folder:
        create_app(config.load(APP_ENV="test", INSTANCE_DIR=folder, DATABASE_URL=f"sqlite:///{folder}/x.db"))
        source.pack(Path(folder) / "source.zip")
        source.commit()


def _become(wanted: dict) -> None:
    """Be the process that was asked for, to its end."""
    from flask.cli import main as flask

    for number, mode in enumerate(("r", "w", "w")):
        name = ("stdin", "stdout", "stderr")[number]
        with open(wanted[name], mode) as file:
            os.dup2(file.fileno(), number)
        setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    sys.argv = ["flask", *wanted["arguments"]]
    os._exit(_status_of(flask))


def _status_of(program) -> int:
    try:
        program()
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    main()
