"""Writes in plain words, for every page that lists them."""

from __future__ import annotations

from ..models.change import WAITING_STATES

STATES = {
    "waiting": ("Waiting", ("pending", "sending", "retry")), "uncertain": ("Uncertain", ("uncertain",)),
    "refused": ("Refused", ("dead",)), "done": ("Done", ("done",)), "dropped": ("Dropped", ("dropped",)),
    "open": ("Not ended", (*WAITING_STATES, "dead")),
}  # fmt: skip
WORD_OF = {state: label for label, states in list(STATES.values())[:-1] for state in states}
STATUS = {"done": "ok", "dead": "failed", "uncertain": "attention", "dropped": "never", "sending": "running"}
OPS = {"create": "Make", "update": "Change", "delete": "Delete"}
