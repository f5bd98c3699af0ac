"""python -m integration_console: a worker, without pages, migrations and commands. What `flask worker` becomes."""
# ruff: noqa: E402

import gc
import sys

gc.disable()  # until everything is loaded, see wsgi.py
for unused in ("rich", "greenlet"):  # coloured traces and coroutines, loaded where they are installed: 5 MB for nothing
    sys.modules[unused] = None  # type: ignore[assignment]

from . import cli, create_app

try:
    app = create_app(pages=False)
except Exception as error:
    cli.refuse_to_start(error)
    raise

from .worker import work

work(app)
