"""Copy the browser files pinned in package.json into static/vendor. Run after `npm install`: `make vendor`.

The copies are committed, each with its licence and hash, so the console needs neither npm nor a CDN.
"""

from __future__ import annotations

import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
MODULES, VENDOR = HOME / "node_modules", HOME / "static" / "vendor"

FILES = {
    "bootstrap": ("dist/css/bootstrap.min.css", "dist/js/bootstrap.bundle.min.js", "LICENSE"),
    "htmx.org": ("dist/htmx.min.js", "LICENSE"),
    "bootstrap-icons": ("LICENSE",),
}
# The icons we use; the whole font would weigh 148 kB.
ICONS = (
    "activity", "archive", "arrow-down-left", "arrow-left-right", "arrow-repeat", "arrow-up-right",
    "box-arrow-right", "box-arrow-up-right", "building", "calendar-event", "check-circle-fill", "check-lg",
    "chevron-down", "chevron-left", "chevron-right", "circle", "circle-half", "clock", "clock-history",
    "cloud-download", "copy", "cpu", "dash-circle", "database", "download", "exclamation-octagon-fill",
    "exclamation-triangle-fill", "exclamation-triangle", "eye", "funnel", "gear", "hourglass-split", "info-circle",
    "journal-text", "key", "keyboard", "lightning-charge", "list", "list-ul", "moon-stars", "pause-circle-fill",
    "pencil", "people", "person-circle", "play-fill", "plug", "plus-lg", "question-circle", "search", "shield-lock",
    "speedometer2", "stop-fill", "sun", "table", "trash", "x-circle-fill", "x-lg",
)  # fmt: skip


def main() -> None:
    """Copy, join, and write down what was taken."""
    rows = []
    for package, paths in FILES.items():
        about = json.loads((MODULES / package / "package.json").read_text())
        for path in paths:
            target = VENDOR / package / Path(path).name
            _write(target, (MODULES / package / path).read_bytes())
            rows.append((package, about["version"], about["license"], target))
    sprite = VENDOR / "bootstrap-icons" / "icons.svg"
    _write(sprite, _sprite().encode())
    rows.append(("bootstrap-icons", rows[-1][1], rows[-1][2], sprite))
    (VENDOR / "VERSIONS.md").write_text(_versions(rows))


def _write(target: Path, content: bytes) -> None:
    """The file, and beside it the compressed copy that browsers are sent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    text = re.sub(rb"\n?(//|/\*)# sourceMappingURL=.*?(\*/)?\s*$", b"\n", content)  # the maps are not shipped
    target.write_bytes(text)
    if target.name != "LICENSE":
        target.with_name(target.name + ".gz").write_bytes(gzip.compress(text, 9, mtime=0))


def _sprite() -> str:
    """All icons as symbols of one file, each named as in Bootstrap Icons."""
    symbols = []
    for name in sorted(ICONS):
        svg = (MODULES / "bootstrap-icons" / "icons" / f"{name}.svg").read_text()
        inner = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL).group(1)  # type: ignore[union-attr]
        symbols.append(f'<symbol id="{name}" viewBox="0 0 16 16">{" ".join(inner.split())}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def _versions(rows: list[tuple]) -> str:
    lines = [
        "# Browser files of others", "", "Written by `make vendor` from package.json; a test compares the hashes.", "",
        "| Package | Version | Licence | File | sha256 |", "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for package, version, licence, target in rows:
        digest = sha256(target.read_bytes()).hexdigest()
        lines.append(f"| {package} | {version} | {licence} | {target.relative_to(VENDOR)} | {digest} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
