"""PostgreSQL copied out with pg_dump and put back within one transaction of our own.

pg_restore turns the copy into SQL; we carry that out ourselves, so that dropping the old tables, filling the new ones
and what belongs to a restore commit together, and a process that dies half-way leaves the database as it was.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from ..errors import BackupRefused
from . import views
from .copies import LOCK_WITHIN_S
from .sealed_file import DAMAGED

ONE_AT_A_TIME = 7_202_611_220  # the migrations' own lock: nobody migrates while a copy is put back
_COPY = re.compile(rb"^COPY \S+ \(.*\) FROM stdin;$")
_IN_SCHEMA = re.compile(rb"^CREATE (SCHEMA|EXTENSION .* WITH SCHEMA) (.*);$")
_REHEARSAL = "_rehearsal_"
_OTHERS = text(
    """SELECT '"' || replace(nspname, '"', '""') || '"' FROM pg_namespace
    WHERE nspname <> current_schema() AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')"""
)
_CLEAR = """
DO $$ DECLARE one record; BEGIN
FOR one IN
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                        ELSE 'TABLE' END AS kind, format('%I.%I', nspname, relname) AS name
    FROM pg_class JOIN pg_namespace space ON space.oid = relnamespace
    WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'e')
    ORDER BY relkind = 'S'  -- one that belongs to a column goes with its table, and not before it
LOOP EXECUTE format('DROP %s IF EXISTS %s CASCADE', one.kind, one.name); END LOOP;
FOR one IN
    SELECT oid::regprocedure::text AS name FROM pg_proc
    WHERE pronamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')
LOOP EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name); END LOOP;
FOR one IN
    SELECT format('%I.%I', nspname, typname) AS name FROM pg_type JOIN pg_namespace space ON space.oid = typnamespace
    WHERE nspname = current_schema()
      AND (typtype IN ('e', 'd', 'r')
           OR typtype = 'c' AND (SELECT relkind FROM pg_class WHERE pg_class.oid = typrelid) = 'c')
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_type.oid AND d.deptype = 'e')
LOOP EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', one.name); END LOOP;
END $$
"""


class PostgresCopies:
    """A dump in pg_dump's own format, uncompressed: the whole backup is packed."""

    part = "database.dump"

    def __init__(self, url: URL, bin_dir: str = "") -> None:
        self.url, self.bin_dir = url, bin_dir

    def version(self) -> str:
        """Compared first: an older pg_dump refuses a newer server (G15)."""
        with self._connected() as connection:
            server = str(connection.scalar(text("SHOW server_version")))
        ours = int(re.findall(r"\d+", self._run("pg_dump", "--version"))[0])
        if ours < int(server.partition(".")[0]):
            raise BackupRefused(
                f"pg_dump is of version {ours} and the server of {server}: an older one cannot copy it. "
                "Install the server's client programs, or name their folder in PG_BIN_DIR."
            )
        return f"PostgreSQL {server}"

    @contextmanager
    def take(self, target: Path) -> Iterator[Connection]:
        """pg_dump and the connection share one snapshot. What others keep in schemas of their own is not ours to copy,
        nor to put back over what they have by then."""
        with self._connected() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
            others = [f"--exclude-schema={name}" for name in connection.scalars(_OTHERS)]
            self._run(
                "pg_dump", "--format=custom", "--compress=0", "--no-owner", "--no-privileges", f"--file={target}",
                "--no-publications", "--no-subscriptions", *others,
                f"--snapshot={snapshot}", f"--dbname={self._address()}",
            )  # fmt: skip
            yield connection

    def check(self, copy: Path) -> None:
        """Read all of it, as if it were restored, without a server."""
        try:
            self._run("pg_restore", "--file=/dev/null", str(copy))
        except BackupRefused as error:
            raise BackupRefused(f"The database in this backup cannot be read. {error}") from None

    @contextmanager
    def scratch(self, copy: Path) -> Iterator[Connection]:
        """A database beside the real one. The role needs the right CREATEDB."""
        name = f"{self.url.database}{_REHEARSAL}{secrets.token_hex(4)}"
        self._without_transaction(*self._left_behind(), f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            beside = PostgresCopies(self.url.set(database=name), self.bin_dir)
            with beside._connected() as connection:
                beside._load(connection, copy)
                yield connection
        finally:
            self._without_transaction(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def put_back(self, copy: Path, finish: Callable[[Connection], None]) -> None:
        with self._connected() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WITHIN_S}s'"))
            cursor, rights = connection.connection.cursor(), views.granted(connection)
            try:
                cursor.execute(_CLEAR)
            except cursor.connection.OperationalError as error:
                if "lock timeout" not in str(error):
                    raise
                raise BackupRefused(
                    "Somebody else has the database open. Stop web and workers, and try again. Nothing was changed."
                ) from None
            try:
                self._load(connection, copy)
            except cursor.connection.OperationalError as error:  # as on a full disk
                said = str(error).strip().splitlines()[0]
                raise BackupRefused(f"The database could not be written: {said}. Nothing was changed.") from error
            views.grant(connection, rights)
            finish(connection)
            connection.commit()

    # -- filling ------------------------------------------------------------------------------------------------------

    def _load(self, connection: Connection, copy: Path) -> None:
        """Carry the copy's SQL out on a connection, in its transaction."""
        cursor = connection.connection.cursor()
        asked = [self._program("pg_restore"), "--file=-", "--no-owner", "--no-privileges", str(copy)]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as restoring:  # noqa: S603
            assert restoring.stdout is not None
            assert restoring.stderr is not None
            try:
                _carry_out(cursor, restoring.stdout)
            except BaseException:
                restoring.kill()
                raise
            said = restoring.stderr.read().decode(errors="replace").strip()
        if restoring.returncode:
            raise BackupRefused(f"{DAMAGED} ({said.splitlines()[-1] if said else 'no reason given'})")
        cursor.execute("RESET search_path")

    # -- reaching it --------------------------------------------------------------------------------------------------

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        engine = create_engine(self.url, poolclass=NullPool)  # a copy may take longer than a page's statement may
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def _without_transaction(self, *statements: str) -> None:
        engine = create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
        except ProgrammingError as error:
            raise BackupRefused(
                f"A scratch database could not be made ({str(error.orig).strip().splitlines()[0]}). "
                "Give the console's role the right CREATEDB."
            ) from None
        finally:
            engine.dispose()

    def _left_behind(self) -> list[str]:
        """Scratch databases of rehearsals that were killed."""
        with self._connected() as connection:
            query = text("SELECT datname FROM pg_database WHERE starts_with(datname, :begin)")
            names = connection.scalars(query, {"begin": f"{self.url.database}{_REHEARSAL}"}).all()
        return [f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names]

    def _address(self) -> str:
        """As PostgreSQL's programs take it. The password goes by the environment: other users see arguments."""
        plain = self.url.set(drivername="postgresql", password=None)
        return plain.render_as_string(hide_password=False)

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=self.bin_dir or None)
        if found is None:
            where = f"in {self.bin_dir}" if self.bin_dir else "on the PATH"
            raise BackupRefused(
                f"{name} was not found {where}. Install PostgreSQL's client programs, or set PG_BIN_DIR."
            )
        return found

    def _run(self, name: str, *arguments: str) -> str:
        password = {"PGPASSWORD": self.url.password} if self.url.password else {}
        ended = subprocess.run(  # noqa: S603
            [self._program(name), *arguments],
            capture_output=True, text=True, check=False, env={**os.environ, **password}, errors="replace",
        )  # fmt: skip
        if ended.returncode:
            said = ended.stderr.strip().splitlines() or ["no reason given"]
            raise BackupRefused(f"{name} failed: {said[-1]}")
        return ended.stdout


def _carry_out(cursor: Any, sql: IO[bytes]) -> None:
    """Statements as they come, in one go up to the next COPY; then its rows."""
    newest = cursor.connection.server_version >= 170_000
    gathered: list[bytes] = []
    for line in sql:
        if line.startswith(b"COMMENT ON EXTENSION "):  # is for the one who made the extension
            continue
        if line.startswith((b"--", b"\\restrict ", b"\\unrestrict ")):  # remarks, and words to psql
            continue
        if line == b"SET transaction_timeout = 0;\n" and not newest:
            continue
        if named := _IN_SCHEMA.match(line):  # also of an extension: one of others' may hold what an index of ours needs
            gathered.append(_schema(named[2]))
            line = b"" if named[1] == b"SCHEMA" else line
        if not _COPY.match(line.rstrip(b"\n")):
            gathered.append(line)
            continue
        _execute(cursor, gathered)
        cursor.copy_expert(line.decode(), _Rows(sql))
    _execute(cursor, gathered)


def _schema(name: bytes) -> bytes:
    """Makes one that is not there; IF NOT EXISTS asks for the right to make it even where it is."""
    text = name.replace(b"'", b"''")
    return b"DO $$ BEGIN IF to_regnamespace('%b') IS NULL THEN CREATE SCHEMA %b; END IF; END $$;\n" % (text, name)


def _execute(cursor: Any, gathered: list[bytes]) -> None:
    if statements := b"".join(gathered).strip():
        try:
            cursor.execute(statements.decode())
        except cursor.connection.ProgrammingError as error:
            raise BackupRefused(f"The copy does not fit this server: {str(error).strip().splitlines()[0]}") from error
    gathered.clear()


class _Rows:
    """The lines of one COPY as psycopg2 reads them: a few at a time, up to the line that ends it."""

    def __init__(self, sql: IO[bytes]) -> None:
        self._sql, self._ended, self._held = sql, False, b""

    def read(self, size: int = -1) -> bytes:
        while len(self._held) < size and not self._ended:
            line = self._sql.readline()
            self._ended = line in (b"\\.\n", b"")
            if not line:
                raise BackupRefused(DAMAGED)
            self._held += b"" if self._ended else line
        given, self._held = self._held[:size], self._held[size:]
        return given
