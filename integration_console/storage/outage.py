"""How it shows that our own database is away, busy for too long, or restarting."""

from __future__ import annotations

import sqlite3
import sys

from sqlalchemy import exc

from ..errors import Unavailable

_AWAY = (Unavailable, exc.OperationalError, exc.InterfaceError, exc.TimeoutError, sqlite3.OperationalError)


def away() -> tuple[type[Exception], ...]:
    """For `except`: the driver's own errors too, for pages of records are written by the driver itself (see bulk.py).

    PostgreSQL's are there once it was connected to: its driver is five megabytes, and nothing to a worker with SQLite.
    """
    driver = sys.modules.get("psycopg2")
    return (*_AWAY, driver.OperationalError, driver.InterfaceError) if driver else _AWAY
