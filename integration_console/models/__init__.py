"""The nouns: one file each. Importing this package makes every table known."""

from .base import Base, db, reading
from .connection import ApiConfig, Connection, OAuthState
from .error import DeadLetter, ErrorLog, Issue
from .record import Record
from .run import Checkpoint, RunPart, SeenPage, SyncRun
from .setting import AuditEvent, Heartbeat, Lease, Setting
from .throttle import Throttle
from .transaction import Transaction
from .user import User, UserSession

__all__ = [
    "ApiConfig", "AuditEvent", "Base", "Checkpoint", "Connection", "DeadLetter", "ErrorLog", "Heartbeat", "Issue",
    "Lease", "OAuthState", "Record", "RunPart", "SeenPage", "Setting", "SyncRun", "Throttle", "Transaction", "User",
    "UserSession", "db", "reading",
]  # fmt: skip
