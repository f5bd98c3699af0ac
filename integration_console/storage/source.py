"""The console's own source: which release this is, and a copy of it beside the data it wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

HOME = Path(__file__).resolve().parents[2]
# By name, never "all that lies here": beside it may lie a database, keys, or what somebody put there.
_FOLDERS = ("integration_console", "templates", "static", "migrations", "docs", "tests")
_FILES = (
    "wsgi.py", "config.py", "requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml",
    "package.json", "package-lock.json", "Makefile", "README.md", "CHANGELOG.md", ".env.example", "LICENSE",
)  # fmt: skip


@cache
def commit() -> str:
    """The commit that runs, with a "+" when files were changed since; "" where it is no checkout."""
    if not (HOME / ".git").exists():
        return ""
    told = _git("rev-parse", "--short=12", "HEAD")
    return f"{told}+" if told and _git("status", "--porcelain", "--untracked-files=no") else told


def _git(*arguments: str) -> str:
    try:
        asked = subprocess.run(  # noqa: S603
            ["git", "-C", str(HOME), *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""


def pack(target: Path) -> None:
    """Put the source into a zip file."""
    with ZipFile(target, "w", ZIP_DEFLATED) as packed:
        for file in _files():
            packed.write(file, file.relative_to(HOME))


def _files() -> Iterator[Path]:
    yield from (HOME / name for name in _FILES if (HOME / name).is_file())
    for folder in _FOLDERS:
        for file in sorted((HOME / folder).rglob("*")):
            hidden = any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(HOME).parts)
            if file.is_file() and not file.is_symlink() and not hidden and file.suffix != ".pyc":
                yield file
