"""`flask serve` and `flask worker`: the processes."""

from __future__ import annotations

import os
import sys

import click
from flask import current_app

from . import output
from .plainly import Failed, command


@command("worker")
@click.option("--once", is_flag=True, help="Do what is due now, then end.")
def worker(once: bool, as_json: bool) -> None:
    """The clock and the hands: asks for runs that are due and carries them out."""
    from .. import logs
    from ..worker import work

    if not once:
        _become_worker()
    logs.set_up(production=current_app.config["SETTINGS"].APP_ENV == "production")
    done = work(current_app._get_current_object(), once=once)  # type: ignore[attr-defined]
    output.document({"runs": done}) if as_json else click.echo(f"{done} runs done.")


def _become_worker() -> None:
    """The same process, begun again without pages, migrations and commands: it will live for weeks.

    One arena for all its threads: memory that one of them gave back would not be there for another that has its own.
    And no columns of every line of code, for a trace names the line: they are two thirds of a megabyte.
    """
    sys.stdout.flush()
    path = os.pathsep.join(filter(None, (os.path.dirname(current_app.root_path), os.environ.get("PYTHONPATH"))))
    environment = {"MALLOC_ARENA_MAX": "1", "PYTHONNODEBUGRANGES": "1", **os.environ, "PYTHONPATH": path}
    os.execve(sys.executable, [sys.executable, "-m", "integration_console"], environment)  # noqa: S606


@command("serve", any_schema=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 is any free port.")
@click.option("--sandbox", is_flag=True, help="With stand-ins of the services, connected and filled.")
@click.option("--sandbox-if-new", is_flag=True, help="The same, but only while no account and no service is set up.")
@click.option("--sandbox-size", type=click.Choice(("small", "large")), default="small", show_default=True)
@click.option("--sandbox-alive", is_flag=True, help="A few of the sandbox's records change by themselves.")
def serve_all(host: str, port: int, sandbox: bool, sandbox_if_new: bool, sandbox_size: str, sandbox_alive: bool,
          as_json: bool) -> None:  # fmt: skip
    """The web pages and a worker, as processes of their own, until Ctrl-C."""
    from .. import logs, serve, stand_ins

    settings = current_app.config["SETTINGS"]
    if sandbox and settings.APP_ENV == "production":
        raise Failed("The sandbox does not start in production.")
    logs.set_up(production=settings.APP_ENV == "production")
    sandbox = sandbox or (sandbox_if_new and settings.APP_ENV != "production" and not serve.is_set_up())
    wanted = serve.Wanted(host, port, stand_ins.Wanted(sandbox_size, sandbox_alive) if sandbox else None)

    def tell(address: str, code: str | None) -> None:
        if as_json:
            return output.document({"address": address, "setup_code": code})
        click.echo(f"The console is at {address}  (Ctrl-C ends it)")
        if code:
            click.echo(f"Make the first administrator at {address}/setup with the code {code}")

    serve.serve(wanted, settings, tell)


commands = [worker, serve_all]
