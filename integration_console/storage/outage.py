"""How it shows that our own database is away, busy for too long, or restarting."""

from __future__ import annotations

import sqlite3

import psycopg2
from sqlalchemy import exc

from ..errors import Unavailable

# The driver's own errors too: pages of records are written by the driver itself (see bulk.py).
AWAY = (
    Unavailable, exc.OperationalError, exc.InterfaceError, exc.TimeoutError,
    sqlite3.OperationalError, psycopg2.OperationalError, psycopg2.InterfaceError,
)  # fmt: skip
