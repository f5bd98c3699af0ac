"""Log lines: one event a line on stderr, as JSON in production, without secrets and without anybody's variables."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from .transport.redact import Redactor

_redactor = Redactor()


def set_up(*, production: bool = False, least: str = "info") -> None:
    """Decide how log lines look, from which level on. Called once a process; the last call counts."""
    shown = structlog.processors.JSONRenderer() if production else _for_people()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[least.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _for_people() -> structlog.dev.ConsoleRenderer:
    # Not the formatter it would choose: that one prints local variables, and with them keys and clients.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: _redactor.text(value) if isinstance(value, str) else value for name, value in event.items()}
