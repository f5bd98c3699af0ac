"""The nouns: one file each. Importing this package makes every table known."""

from .api import CallCount, PendingConnection, RepeatableCall
from .base import Base, db, holds, is_like, reading
from .change import Change
from .connection import ApiConfig, Connection, OAuthState
from .delivery import Delivery, WebhookSubscription
from .error import DeadLetter, ErrorLog, Issue, IssueMention, IssueNote
from .link import Conflict, RecordLink
from .mapping import DataMapping, FieldMapping, MappingVersion, PreviewPage, UnmatchedValue
from .notification import ConnectionStanding, Notice, NotificationRule
from .practice import LimitationProposal, LimitationRule, PracticeAreaCorrection, PracticeAreaRule
from .privacy import Erasure, LegalHold
from .record import Record
from .run import Checkpoint, RunPart, SeenPage, SyncRun
from .setting import AuditEvent, Heartbeat, Lease, Setting
from .throttle import Throttle
from .transaction import CallTrace, Transaction
from .user import ApiToken, Invitation, RecoveryCode, SecondFactor, User, UserSession
from .view import SavedView
from .webhook_out import WebhookMessage, WebhookTarget

__all__ = [
    "ApiConfig", "ApiToken", "AuditEvent", "Base", "CallCount", "CallTrace", "Change", "Checkpoint", "Conflict",
    "Connection", "ConnectionStanding", "DataMapping", "DeadLetter", "Delivery", "Erasure", "ErrorLog",
    "FieldMapping", "Heartbeat", "Invitation", "Issue", "IssueMention", "IssueNote", "Lease", "LegalHold",
    "LimitationProposal", "LimitationRule", "MappingVersion", "Notice", "NotificationRule", "OAuthState",
    "PendingConnection", "PracticeAreaCorrection", "PracticeAreaRule", "PreviewPage", "Record", "RecordLink",
    "RecoveryCode", "RepeatableCall", "RunPart", "SavedView", "SecondFactor", "SeenPage", "Setting", "SyncRun",
    "Throttle", "Transaction", "UnmatchedValue", "User", "UserSession",
    "WebhookMessage", "WebhookSubscription", "WebhookTarget", "db", "holds", "is_like", "reading",
]  # fmt: skip
