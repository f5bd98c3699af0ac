"""The benchmarks: contenders side by side in one run, medians of three. `make bench`, or one of them by name:

    python -m tests.bench [full|warm|recording|memory|budget|many|workers|pages|matching|two_ways|api|deliveries] ...

Everything runs on this machine's loopback, in a bounded number of calls, and stops by itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from ..databases import PostgresClones, SqliteFiles
from .kept import kept
from .million import CALLS

HERE = Path(__file__).resolve().parents[2]


@contextmanager
def fast_server(*arguments: str):
    """The fast stand-in in a process of its own; yields its port."""
    command = [sys.executable, "-m", "tests.bench.fast_server", *arguments]
    process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=10)


@contextmanager
def databases():
    """fresh("sqlite") and fresh("postgresql"): migrated databases, one after the other."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        (home / "s").mkdir()
        sources = {"sqlite": SqliteFiles(home / "s"), "postgresql": PostgresClones(home)}
        turn = iter(range(10_000))

        @contextmanager
        def fresh(kind: str):
            place = home / f"turn{next(turn)}"
            place.mkdir()
            with sources[kind].fresh(place) as url:
                yield url

        try:
            yield fresh
        finally:
            sources["postgresql"].stop()


def contender(
    name: str, port: int, database: str, python: str = sys.executable, module: str = "tests.bench.contenders", **env
) -> dict:
    """Run one contender in a process of its own."""
    command = [python, "-m", module, name, "--port", str(port), "--database", database]
    done = subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, env={**os.environ, **env}, timeout=3600, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def show(title: str, rows: dict[str, dict]) -> None:
    print(f"\n{title}")
    for name, facts in rows.items():
        print(
            f"  {name:<28}"
            + "  ".join(
                f"{k} {v:,.3f}" if isinstance(v, float) else f"{k} {v:,}" for k, v in facts.items() if k != "name"
            )
        )


def middle(runs: list[dict]) -> dict:
    """The median of every figure."""
    return {k: median(r[k] for r in runs) for k in runs[0] if k != "name"}


def full() -> None:
    """A full read of 100,000 matters."""
    with databases() as fresh, fast_server("--records", "100000") as port:
        for kind in ("sqlite", "postgresql"):
            tries: dict[str, list[dict]] = {"ours": [], "plain": [], "bare": []}
            for _ in range(3):
                for name, found in tries.items():
                    with fresh(kind) as url:
                        found.append(contender(name, port, url))
            rows = {name: middle(found) for name, found in tries.items()}
            for facts in rows.values():
                facts["records_per_s"] = facts["records"] / facts["seconds"]
            show(f"Full read, 100,000 matters, {kind}", rows)
            speed = {name: facts["records_per_s"] for name, facts in rows.items()}
            print(
                f"  against plain {speed['ours'] / speed['plain']:.2f}x (aim 1.5), "
                f"against bare {speed['ours'] / speed['bare']:.2f} (aim 0.60)"
            )
            if kind == "sqlite" and (dlt := _dlt()):
                with fresh(kind) as url:
                    facts = contender("dlt", port, url, python=str(dlt), module="tests.bench.dlt_contender")
                print(f"  dlt {facts['seconds']:.1f} s: {facts['seconds'] / rows['ours']['seconds']:.1f}x (aim 4)")


def _dlt() -> Path | None:
    """A Python that has dlt, in a venv of its own:

    `python3 -m venv .venv-dlt && .venv-dlt/bin/pip install 'dlt[sqlalchemy]' psycopg2-binary`.
    """
    python = HERE / ".venv-dlt" / "bin" / "python"
    return python if python.exists() else None


def in_process(script: str, port: int, database: str, **env) -> dict:
    """Run one of tests/bench/inside.py's measurements in a process of its own."""
    return contender(script, port, database, module="tests.bench.inside", **env)


def warm() -> None:
    """A warm worker: 1 % changed, nothing changed."""
    with databases() as fresh, fast_server("--records", "100000") as port:
        for kind in ("sqlite", "postgresql"):
            with fresh(kind) as url:
                facts = in_process("warm", port, url)
            print(
                f"\nWarm worker, {kind}: 1 % changed {facts['changed_s']:.3f} s (aim 0.5), "
                f"nothing changed {facts['nothing_s']:.3f} s (aim 0.1), "
                f"calls {facts['changed_calls']} and {facts['nothing_calls']}"
            )


def recording() -> None:
    """What recording calls costs, on against off."""
    with databases() as fresh:
        for size, records in (("200", "40000"), ("5", "3000")):
            with fast_server("--records", records, "--size", size) as port:
                found: dict[str, list[dict]] = {"1": [], "0": []}
                for _ in range(5):
                    for on, runs in found.items():
                        with fresh("sqlite") as url:
                            runs.append(contender("ours", port, url, BENCH_RECORD=on))
                on, off = middle(found["1"]), middle(found["0"])
                print(
                    f"\nRecording calls, {size} records a page: "
                    f"CPU +{(on['cpu_seconds'] / off['cpu_seconds'] - 1) * 100:.1f} %, "
                    f"time +{(on['seconds'] / off['seconds'] - 1) * 100:.1f} % (aim: 5 % CPU at 200, 12 % time at 5)"
                )


def memory() -> None:
    """The worker's memory at 10,000 and 1,000,000 records."""
    peaks = {}
    with databases() as fresh:
        for records in ("10000", "1000000"):
            with fast_server("--records", records) as port, fresh("sqlite") as url:
                peaks[records] = in_process("memory", port, url)["peak_mb"]
    print(
        f"\nMemory: {peaks['10000']:.0f} MB at 10,000, {peaks['1000000']:.0f} MB at 1,000,000 "
        f"(+{(peaks['1000000'] / peaks['10000'] - 1) * 100:.1f} %; aim 120 MB and 10 %)"
    )


def budget() -> None:
    """How much of an allowed 50 calls per 10 s is used over 60 s, and how many were refused."""

    for window in ("fixed", "sliding"):
        for processes in (1, 2):
            with (
                tempfile.TemporaryDirectory() as folder,
                fast_server("--limit", "50/10", "--window", window, "--latency-ms", "20") as port,
            ):
                command = [
                    sys.executable,
                    "-m",
                    "tests.bench.inside",
                    "budget",
                    "--port",
                    str(port),
                    "--database",
                    folder,
                ]
                hands = [
                    subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True, env={**os.environ})
                    for _ in range(processes)
                ]
                calls = sum(json.loads(hand.communicate(timeout=120)[0].splitlines()[-1])["calls"] for hand in hands)
                refused = _stats(port)["refused"]
            print(
                f"\nBudget, {window} window, {processes} process(es): "
                f"{calls} of 300 calls in 60 s = {calls / 3:.1f} % (aim 98), refused {refused} (aim 0)"
            )


def _stats(port: int) -> dict:
    import urllib3

    return urllib3.request("GET", f"http://127.0.0.1:{port}/stats").json()


def many() -> None:
    """1,000 connections due at once, five calls each at 50 ms, two workers of 100 slots; 10,000 due ones claimed."""
    with databases() as fresh, fast_server("--records", "20", "--latency-ms", "50") as port:
        for kind in ("sqlite", "postgresql"):
            with fresh(kind) as url:
                facts = in_process("many", port, url)
            ideal = 1000 * 5 * 0.05 / 200
            print(
                f"\nMany connections, {kind}: {facts['seconds']:.2f} s for an ideal {ideal:.2f} s = "
                f"{facts['seconds'] / ideal:.2f}x (aim 1.4), runs done {facts['done']}"
            )
            with fresh(kind) as url:
                facts = in_process("claims", port, url)
            print(f"  10,000 due: {facts['claimed']} claimed, {facts['doubled']} doubled, {facts['seconds']:.1f} s")


def workers() -> None:
    """Two workers on two connections against one on one, on PostgreSQL."""
    with databases() as fresh, fast_server("--records", "150000") as port, fresh("postgresql") as url:
        facts = in_process("workers", port, url)
    print(
        f"\nWorkers, postgresql: one reads {facts['1']:,.0f} records/s, two {facts['2']:,.0f} "
        f"= {facts['2'] / facts['1']:.2f}x (aim 1.4)"
    )


def pages() -> None:
    """Every page, with a million calls and half a million records; BENCH_KEEP names a folder that keeps the firm."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, fast_server() as port:
        keep = Path(os.environ.get("BENCH_KEEP", folder))
        for kind in os.environ.get("BENCH_DATABASES", "sqlite,postgresql").split(","):
            with kept(keep, kind, CALLS, lambda url: in_process("fill", port, url)) as url:
                facts = in_process("pages", port, url)
            print(f"\nPages at {CALLS:,} calls, {kind} (what an aim was missed by says so)")
            for name, figures in facts["pages"].items():
                print(f"  {name:<34}" + ", ".join(
                    f"{key} {value:,.1f}" if isinstance(value, float) else f"{key} {value}"
                    for key, value in figures.items()
                ))  # fmt: skip


def matching() -> None:
    """10,000 contacts matched against 10,000."""
    command = [sys.executable, "-m", "tests.bench.matching_time"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=600, check=True)
    facts = json.loads(done.stdout.splitlines()[-1])
    print(
        f"\nMatching 10,000 x 10,000: {facts['seconds']:.1f} s (aim 20), {facts['max_rss_mb']:.0f} MB (aim 300); "
        f"linked {facts['one']:,}, wrongly {facts['wrong']}, asked {facts.get('several', 0):,}, new {facts['none']:,}"
    )


def two_ways() -> None:
    """10,000 pairs: a preview of them all, then 20 cycles of edits on both sides."""
    with databases() as fresh:
        for kind in ("sqlite", "postgresql"):
            with fresh(kind) as url:
                command = [sys.executable, "-m", "tests.bench.two_ways", "--database", url]
                done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=3600, check=False)
            if done.returncode:
                raise SystemExit(done.stderr[-3000:])
            facts = json.loads(done.stdout.splitlines()[-1])
            print(
                f"\nTwo ways, {kind}, {facts['pairs']:,} pairs: preview {facts['preview_s']:.2f} s "
                f"(the first, with matching, {facts['first_preview_s']:.2f} s; aim 5); 20 cycles in "
                f"{facts['cycles_s']:.0f} s: {facts['edits']:,} edits, {facts['written']:,} writes, "
                f"{facts['conflicts']:,} conflicts; unequal {facts['unequal']}, twins {facts['twins']}, "
                f"writes without edits {facts['idle_writes']}, values lost {facts['lost']} (aim 0 each)"
            )


def api() -> None:
    """Reads of the Integrations API with 1,000 connections."""
    with databases() as fresh, fast_server() as port:
        for kind in ("sqlite", "postgresql"):
            with fresh(kind) as url:
                facts = in_process("api", port, url)
            print(f"\nThe API with 1,000 connections, {kind}: p95 (aim 50 ms)")
            for name, milliseconds in facts.items():
                print(f"  {name:<20} {milliseconds:.1f} ms")


def deliveries() -> None:
    """Webhooks: 10 000 in 60 s at the embedded set-up; none lost, each read again."""
    with databases() as fresh:
        for kind in ("sqlite", "postgresql"):
            with fresh(kind) as url, tempfile.TemporaryDirectory(prefix="bench-") as folder:
                command = [sys.executable, "-m", "tests.bench.knocking", url]
                environment = {**os.environ, "INSTANCE_DIR": folder, "FLASK_SKIP_DOTENV": "1"}
                done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, env=environment, check=False)
                if done.returncode:
                    raise SystemExit(f"deliveries failed:\n{done.stderr[-3000:]}")
                print(f"\ndeliveries, {kind} (aims: none lost, median < 50 ms, p99 < 500 ms)")
                for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                    print(f"  {name:<12} {value}")


_EVERY = (full, warm, recording, memory, budget, many, workers, pages, matching, two_ways, api, deliveries)
ALL = {f.__name__: f for f in _EVERY}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or list(ALL):
        began = time.perf_counter()
        ALL[wanted]()
        print(f"  ({wanted}: {time.perf_counter() - began:.0f} s)", flush=True)
