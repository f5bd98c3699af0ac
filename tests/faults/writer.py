"""One process that reads one account whole, again and again: python -m tests.faults.writer CONNECTION SECONDS

Prints how its runs ended, {"done": 12}, as one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter

from integration_console import create_app
from integration_console.cli.carrying import Wish, carry
from integration_console.errors import Conflict
from integration_console.models import db
from integration_console.operations.accounts import connections
from integration_console.operations.runs import runs


def main(connection_id: int, seconds: float) -> None:
    ended: Counter[str] = Counter()
    with create_app().app_context():
        ends = time.monotonic() + seconds
        while not ended or time.monotonic() < ends:
            try:
                run = runs.find(carry(Wish(connections.find(connection_id), "full", (), ()), lambda _run: None))
                ended[run.state] += 1
                if run.state != "done":
                    print(run.state, run.message, file=sys.stderr)
            except Conflict:  # the worker beside it reads the account: its schedule came round, or a webhook
                time.sleep(0.1)
            db.session.remove()
    print(json.dumps(ended))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
