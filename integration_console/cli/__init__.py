"""The same operations for a terminal. Scripts depend on it: names, JSON keys and exit statuses do not change.

A module here has `commands`, a list of what it adds to `flask`. Every command takes `--json`, ends with 0 (done),
1 (failed, one line on stderr), 2 (wrong usage) or 3 (done with problems).
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pkgutil import iter_modules

from flask import Flask


def set_up(app: Flask) -> None:
    """Register every command."""
    for info in iter_modules(__path__):
        for command in getattr(import_module(f"{__name__}.{info.name}"), "commands", ()):
            app.cli.add_command(command)
    if os.environ.get("FLASK_RUN_FROM_CLI"):
        from .plainly import last_word

        sys.excepthook = last_word  # for `flask db`, which is not ours to wrap


def refuse_to_start(error: Exception) -> None:
    """End this process with one line when its settings, its disk or its database do not let the app start (D8).

    Returns when the error is a mistake of ours, whose trace is needed.
    """
    from .plainly import in_one_line

    if (failed := in_one_line(error)) is None:
        return
    print(f"Error: {failed.message}", file=sys.stderr)
    # With any other status than 4, gunicorn would start the next worker, for ever.
    raise SystemExit(1 if os.environ.get("FLASK_RUN_FROM_CLI") else 4) from None
