"""The front door: build the app from its settings and hand it to the WSGI server. `flask` finds it by itself."""
# ruff: noqa: E402

import gc

gc.disable()  # until everything is loaded: none of it is garbage, and looking for some is a seventh of the start

from integration_console import cli, create_app
from integration_console.minder import settle_memory

try:
    app = create_app()
except Exception as error:
    cli.refuse_to_start(error)  # in one line, when it is not a mistake of ours
    raise
settle_memory()
