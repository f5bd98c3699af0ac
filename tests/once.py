"""What thousands of apps and databases in one process need only once, and where such a process keeps its files.

An app of every test is built and asked as in production; that its templates and addresses have been compiled
before for another test is all it can gain from it.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable
from copy import copy
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar

from argon2 import PasswordHasher
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from jinja2 import BytecodeCache
from sqlalchemy.orm import Mapper
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from integration_console.operations.people import passwords
from integration_console.sandbox.shelf import Shelf
from integration_console.storage import source

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
    """An address that was compiled for an earlier app."""

    compiled: ClassVar[dict[tuple, dict[str, Any]]] = {}
    makes = ("_parts", "_trace", "_converters", "arguments")

    def compile(self) -> None:
        converters = tuple(sorted((name, id(kind)) for name, kind in self.map.converters.items()))
        known = (self.rule, self.subdomain, self.host, repr(self.defaults), self.merge_slashes, converters)
        if known not in self.compiled:
            super().compile()
            made = {name: copy(getattr(self, name)) for name in self.makes}
            self.compiled[known] = made | {name: getattr(self, name).__func__ for name in ("_build", "_build_unknown")}
            return
        for name, value in self.compiled[known].items():
            setattr(self, name, copy(value) if name in self.makes else value.__get__(self, None))


class Statements(LRUCache):
    """SQL as it was compiled for an earlier engine of the same kind."""

    def get(self, key, default=None):
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key, compiled) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


def _packed_once() -> Callable[[Path], None]:
    """The console's source as a zip file, made for the first backup; it does not change while tests run."""
    pack, kept = source.pack, []

    def packed(target: Path) -> None:
        if not kept:
            pack(target)
            kept.append(target.read_bytes())
        target.write_bytes(kept[0])

    return packed


def _made_once() -> Callable[..., None]:
    """Records of stand-ins, made for the first firm of a kind: a number always makes the same, which all only read."""
    begin, made = Shelf.__init__, {}

    def begun(self, count: int, make: Callable, **clock) -> None:
        begin(self, count, make, **clock)
        if firm := getattr(records := getattr(make, "__self__", None), "firm", None):
            which = type(records), getattr(records, "tenant", 1), make.__name__, count
            self._make = made.setdefault((*which, firm.seed, firm.is_large, firm.today), self._make)

    return begun


def remember() -> None:
    """From now on every app of this process uses what was made for the one before."""
    source.pack = _packed_once()
    Shelf.__init__ = _made_once()
    Flask.url_rule_class = Address
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Templates()}
    # What mappers insert and update is compiled apart.
    Mapper._compiled_cache = property(lambda mapper: mapper.__dict__.setdefault("_compiled_once", Statements(500)))
    statements, make = Statements(3000), SQLAlchemy._make_engine

    def make_engine(self, *args):
        engine = make(self, *args)
        engine.update_execution_options(compiled_cache=statements)
        return engine

    SQLAlchemy._make_engine = make_engine


def settle() -> None:
    """What is there when the first test begins is no garbage: modules, and thousands of collected tests.

    Looked through again for every few apps, it costs more than what the tests themselves do. They leave much behind,
    so that the collector is called less often than usual, but called.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 10)
    gc.enable()


def quick_hashes(monkeypatch) -> None:
    """Passwords of a test in which signing in is only the way to something: argon2id too, at a 500th of the work."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
