"""The nouns: one file each. Importing this package makes every table known."""

from .api import CallCount, PendingConnection, RepeatableCall
from .base import Base, db, reading
from .change import Change
from .connection import ApiConfig, Connection, OAuthState
from .error import DeadLetter, ErrorLog, Issue
from .link import Conflict, RecordLink
from .mapping import DataMapping, FieldMapping, MappingVersion, UnmatchedValue
from .practice import LimitationProposal, LimitationRule, PracticeAreaCorrection, PracticeAreaRule
from .record import Record
from .run import Checkpoint, RunPart, SeenPage, SyncRun
from .setting import AuditEvent, Heartbeat, Lease, Setting
from .throttle import Throttle
from .transaction import Transaction
from .user import ApiToken, User, UserSession
from .webhook_out import WebhookMessage, WebhookTarget

__all__ = [
    "ApiConfig", "ApiToken", "AuditEvent", "Base", "CallCount", "Change", "Checkpoint", "Conflict", "Connection",
    "DataMapping", "DeadLetter", "ErrorLog", "FieldMapping", "Heartbeat", "Issue", "Lease", "LimitationProposal",
    "LimitationRule", "MappingVersion", "OAuthState", "PendingConnection", "PracticeAreaCorrection", "PracticeAreaRule",
    "Record", "RecordLink", "RepeatableCall", "RunPart", "SeenPage", "Setting", "SyncRun", "Throttle", "Transaction",
    "UnmatchedValue", "User", "UserSession", "WebhookMessage", "WebhookTarget", "db", "reading",
]  # fmt: skip
