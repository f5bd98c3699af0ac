"""What thousands of apps and databases in one process need only once, and where such a process keeps its files.

An app of every test is built and asked as in production; that its templates and addresses have been compiled
before for another test is all it can gain from it.
"""

from __future__ import annotations

import os
import shutil
from types import CodeType
from typing import Any, ClassVar

from flask import Flask
from jinja2 import BytecodeCache
from werkzeug.routing import Rule

MEMORY = "/dev/shm"
ROOM = 2 << 30  # bytes that must be free there: databases of several processes, and what tests write


def fast_folder() -> str:
    """A folder in memory where there is room for it, else the temporary one.

    Tests make and drop a database each; on a disk that costs up to half a second, whatever fsync says.
    """
    if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return "/tmp"


class Templates(BytecodeCache):
    """Compiled templates, by name and by the digest of their source."""

    def __init__(self) -> None:
        self.compiled: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket) -> None:
        bucket.code = self.compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket) -> None:
        self.compiled[bucket.key, bucket.checksum] = bucket.code


class Address(Rule):
    """An address whose builder was compiled for an earlier app."""

    builders: ClassVar[dict[tuple, Any]] = {}

    def _compile_builder(self, append_unknown: bool = True):
        known = (self.rule, self.subdomain, self.host, repr(self.defaults), append_unknown)
        if known not in self.builders:
            self.builders[known] = super()._compile_builder(append_unknown)
        return self.builders[known]


def remember(templates: Templates = Templates()) -> None:  # noqa: B008 - one for all apps is the point
    """From now on every app of this process uses what was compiled for the one before."""
    Flask.url_rule_class = Address
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": templates}
