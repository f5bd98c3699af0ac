"""Processes for tests of what several of them do at once.

Each is forked from one that has imported what they need: starting it anew takes seconds of the machine each time.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

NEEDED = ("tests.operations.test_accounts", "tests.transport.test_limits")


def processes() -> ForkServerContext:
    """What makes them: Process, Barrier, Event. They have the environment of the first one: hand them what changed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(NEEDED))
    return context
