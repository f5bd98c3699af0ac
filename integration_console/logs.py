"""Log lines: one event a line on stderr, as JSON in production, without secrets and without anybody's variables."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from threading import Lock
from typing import Any

import structlog

from .transport.redact import Redactor

LATEST = 300  # secrets known by their value: what this process held last is what a mistake of it could tell

_shapes = Redactor()
_always: tuple[str, ...] = ()
_lately: dict[str, None] = {}  # the latest at the end
_known: Redactor | None = None  # made when a line asks for it
_lock = Lock()


def know(*secrets: str, always: bool = False) -> None:
    """Keep these values out of every warning and error from now on, whatever stands around them.

    always: those of the installation, in place of earlier ones; others are let go when many newer ones were told.
    """
    global _always, _known
    with _lock:
        if always:
            _always = secrets
        for secret in () if always else secrets:
            _lately.pop(secret, None)
            _lately[secret] = None
        while len(_lately) > LATEST:
            del _lately[next(iter(_lately))]
        _known = None


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
    root = logging.getLogger()
    root.handlers = [*(one for one in root.handlers if not isinstance(one, _Theirs)), _Theirs(logging.WARNING)]


class _Theirs(logging.Handler):
    """What libraries say through Python's own logging, from warnings on, in lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            said = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a mistake in their line is no mistake of ours
            said = str(record.msg)
        structlog.get_logger().log(record.levelno, said, logger=record.name, exc_info=record.exc_info or None)


def _for_people() -> structlog.dev.ConsoleRenderer:
    # Not the formatter it would choose: that one prints local variables, and with them keys and clients.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _redact(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Without secrets. What went well says only what we wrote ourselves; a failure may repeat anything we held."""
    redactor = _shapes if method in ("debug", "info") else _all_known()
    return {name: redactor.text(value) if isinstance(value, str) else value for name, value in event.items()}


def _all_known() -> Redactor:
    global _known
    with _lock:
        _known = _known or Redactor([*_always, *_lately])
        return _known
