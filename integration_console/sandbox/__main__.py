"""python -m integration_console.sandbox: stand-in upstreams for another process to talk to.

Prints one line of JSON when ready and serves until it is told to end.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import orjson

from . import KEYS, STAND_INS, Sandbox


def main() -> int:
    asked = _parser().parse_args()
    if os.environ.get("APP_ENV") == "production":
        print("The sandbox does not start in production.", file=sys.stderr)
        return 1
    over = threading.Event()
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: over.set())
    with Sandbox(
        size=asked.size,
        alive=asked.alive,
        ports=_usual_ports() if asked.usual_ports else asked.ports,
        limits=asked.limits,
        window=asked.window,
        clockify_entities=asked.clockify_entities,
        memory=asked.memory,
    ) as sandbox:
        print(orjson.dumps(sandbox.described()).decode(), flush=True)
        if asked.with_parent:
            threading.Thread(target=_end_with_stdin, args=(over,), daemon=True).start()
        over.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m integration_console.sandbox", description=__doc__)
    parser.add_argument("--size", choices=("small", "large"), default="small")
    parser.add_argument("--alive", action="store_true", help="a few records change by themselves")
    parser.add_argument("--ports", type=_ports, default={}, help="clio=8101,ghl=8102; any that is free where left out")
    parser.add_argument("--usual-ports", action="store_true", help="each at its usual port, where that is free")
    parser.add_argument("--limits", type=_limits, default={}, help="clio=5000/60,ghl=100/10: calls/seconds")
    parser.add_argument("--window", choices=("fixed", "sliding"), default="fixed")
    parser.add_argument("--clockify-entities", action="store_true")
    parser.add_argument("--memory", type=Path, help="a folder: what is changed here is so in the next one, too")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin does")
    return parser


def _ports(text: str) -> dict[str, int]:
    return {key: int(port) for key, port in _by_service(text)}


def _limits(text: str) -> dict[str, tuple[int, float]]:
    limits = {}
    for key, window in _by_service(text):
        calls, _, per_s = window.partition("/")
        limits[key] = (int(calls), float(per_s))
    return limits


def _by_service(text: str) -> list[tuple[str, str]]:
    """The pairs of "clio=1,ghl=2"."""
    pairs = [(key, value) for key, _, value in (part.partition("=") for part in text.split(",") if part)]
    if unknown := {key for key, _ in pairs} - set(KEYS):
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))} here")
    return pairs


def _usual_ports() -> dict[str, int]:
    ports = {}
    for key, stand_in in STAND_INS.items():
        with contextlib.suppress(OSError):  # taken: any other does
            socket.create_server(("127.0.0.1", stand_in.usual_port)).close()
            ports[key] = stand_in.usual_port
    return ports


def _end_with_stdin(over: threading.Event) -> None:
    while os.read(0, 4096):  # not through sys.stdin: its lock would still be held when the interpreter ends
        pass
    over.set()


if __name__ == "__main__":
    sys.exit(main())
