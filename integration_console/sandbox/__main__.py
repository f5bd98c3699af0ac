"""python -m integration_console.sandbox: stand-in upstreams for another process to talk to.

Prints one line of JSON when ready and serves until it is told to end.
"""

import argparse
import os
import signal
import sys
import threading

import orjson

from . import KEYS, PORTS, Sandbox


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
        ports=asked.ports,
        limits=asked.limits,
        window=asked.window,
        clockify_entities=asked.clockify_entities,
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
    parser.add_argument("--ports", type=_ports, default=PORTS, help=f"{','.join(KEYS)}; 0 is any free port")
    parser.add_argument("--limits", type=_limits, default={}, help="clio=5000/60,ghl=100/10: calls/seconds")
    parser.add_argument("--window", choices=("fixed", "sliding"), default="fixed")
    parser.add_argument("--clockify-entities", action="store_true")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin does")
    return parser


def _ports(text: str) -> tuple[int, ...]:
    ports = tuple(int(port) for port in text.split(","))
    if len(ports) != len(KEYS):
        raise argparse.ArgumentTypeError(f"{len(KEYS)} ports, as 8101,8102,8103 and so on")
    return ports


def _limits(text: str) -> dict[str, tuple[int, float]]:
    limits = {}
    for part in filter(None, text.split(",")):
        key, _, window = part.partition("=")
        calls, _, per_s = window.partition("/")
        if key not in KEYS:
            raise argparse.ArgumentTypeError(f"there is no {key} here")
        limits[key] = (int(calls), float(per_s))
    return limits


def _end_with_stdin(over: threading.Event) -> None:
    while os.read(0, 4096):  # not through sys.stdin: its lock would still be held when the interpreter ends
        pass
    over.set()


if __name__ == "__main__":
    sys.exit(main())
