"""Over ten thousand pairs of contacts between two accounts at the sandbox: a preview of them all, then cycles of edits.

    python -m tests.bench.two_ways --database URL [--contacts 12100] [--cycles 20] [--edits 100]

Prints one line of JSON. The sandbox lives in this process too, so that its own work is part of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time

from .contenders import measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--contacts", type=int, default=12_100, help="of each side; about five of six become pairs")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--edits", type=int, default=100)
    told = parser.parse_args()
    print(json.dumps(run(told.database, told.contacts, told.cycles, told.edits)))


def run(database: str, contacts: int, cycles: int, edits: int) -> dict:
    """Read both sides, preview, carry once, then the cycles."""
    import config
    from integration_console import create_app
    from integration_console.minder import settle_memory
    from integration_console.models import DataMapping, db
    from integration_console.operations.mapping import previews
    from integration_console.sandbox import Sandbox
    from integration_console.sandbox.clio import people as clio_people
    from integration_console.sandbox.ghl import records as ghl_records

    from ..cycles import LINES, run_cycles
    from ..operations.conftest import connect, sync
    from ..operations.mapped import make_mapping, push

    for counts in (clio_people.COUNTS, ghl_records.COUNTS):
        counts["contacts"] = (contacts, contacts)
    generous = dict.fromkeys(("clio", "ghl", "clockify"), (1_000_000, 60.0))
    with Sandbox(limits=generous) as sandbox:
        for key, facts in sandbox.described().items():
            os.environ[f"{key}_LIMITS".upper()] = "1000000/60"
            for name in ("api_url", "auth_url", "token_url", "client_id", "client_secret"):
                if name in facts:
                    os.environ[f"{key}_{name}".upper()] = facts[name]
        basics = {"APP_ENV": "test", "ALLOW_INSECURE_UPSTREAMS": True, "DATABASE_URL": database}
        settle_memory()
        app = create_app(config.load(**basics, INSTANCE_DIR=tempfile.mkdtemp(prefix="bench-")), pages=False)
        with app.app_context():
            ends = connect(sandbox, "ghl"), connect(sandbox, "clio")
            for connection in ends:
                sync(connection, kind="full", only=["contacts", "custom_fields"])
            mapping = make_mapping(*ends, LINES, rule="left", write_cap=100_000, creates_left=False)
            first: dict = {}
            _preview(mapping, db, DataMapping, previews, first)
            push(mapping, release_brake=True)
            again: dict = {}
            _preview(mapping, db, DataMapping, previews, again)
            began = time.perf_counter()
            facts = run_cycles(sandbox, ends, mapping, cycles=cycles, edits=edits)
            return {
                "first_preview_s": first["seconds"], "preview_s": again["seconds"], "pairs": facts.pairs,
                "cycles_s": time.perf_counter() - began, "edits": facts.edits, "written": facts.written,
                "conflicts": facts.conflicts, "unequal": facts.unequal, "twins": facts.twins,
                "idle_writes": facts.idle_writes, "lost": facts.lost,
            }  # fmt: skip


def _preview(mapping: int, db, DataMapping, previews, facts: dict) -> None:
    row = db.session.get_one(DataMapping, mapping)
    version = row.versions[0]
    with measured(facts):
        previews.preview(row, version)


if __name__ == "__main__":
    main()
