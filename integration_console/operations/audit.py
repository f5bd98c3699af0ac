"""What people did, kept for those who ask later."""

from __future__ import annotations

from flask import has_request_context, request

from .. import clock
from ..models import AuditEvent, db


def add(action: str, target: str = "", *, actor: str, **details) -> None:
    """Add one event to the caller's transaction."""
    address = (request.remote_addr or "") if has_request_context() else ""
    db.session.add(
        AuditEvent(at=clock.now(), actor=actor, action=action, target=target[:200], details=details, address=address)
    )
