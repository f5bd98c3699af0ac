"""python -m integration_console: a worker, without pages, migrations and commands. What `flask worker` becomes."""
# ruff: noqa: E402

import gc
import sys

gc.disable()  # until everything is loaded, see wsgi.py
sys.modules["rich"] = None  # type: ignore[assignment]  # structlog would load it for coloured traces: 4 MB for nothing

from . import cli, create_app

try:
    app = create_app(pages=False)
except Exception as error:
    cli.refuse_to_start(error)
    raise

from .worker import work

work(app)
