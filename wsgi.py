"""The front door: build the app from its settings and hand it to the WSGI server. `flask` finds it by itself."""

from integration_console import create_app

app = create_app()
