"""The real `flask` command in a process of its own, with its own folder and database, against the sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    status: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]

    def failed(self, *words: str, status: int = 1) -> bool:
        """Whether it ended with this status and one plain line that has these words."""
        line = self.err.strip()
        assert (self.status, len(line.splitlines())) == (status, 1), (self.status, self.out, self.err)
        assert "Traceback" not in line
        for word in words:
            assert word in line, line
        return True


class Forking:
    """A process that has imported everything and forks for each command: a second's wait less a time."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.cli.forking"]
        self.process = subprocess.Popen(command, cwd=HOME, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def run(self, folder: Path, arguments: list[str], environment: dict[str, str], stdin: str) -> Ended:
        files = {name: folder / f"command.{name}" for name in ("stdin", "stdout", "stderr")}
        files["stdin"].write_text(stdin)
        request = {"arguments": arguments, "environment": environment, "folder": str(folder)}
        self.process.stdin.write(json.dumps({**request, **{name: str(file) for name, file in files.items()}}) + "\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        return Ended(status, files["stdout"].read_text(), files["stderr"].read_text())

    def stop(self) -> None:
        self.process.communicate()


class Console:
    """One installation: console(...) runs a command, starting(...) leaves one running."""

    def __init__(self, forking: Forking, folder: Path, database: str | None, environment: dict[str, str]) -> None:
        self.forking, self.folder = forking, folder
        own = {"INSTANCE_DIR": str(folder), "FLASK_APP": str(HOME / "wsgi.py"), "FLASK_SKIP_DOTENV": "1"}
        self.environment = {**os.environ, **own, **environment} | ({"DATABASE_URL": database} if database else {})
        self.started: list[subprocess.Popen] = []

    def __call__(self, *arguments: object, stdin: str = "", **environment: str) -> Ended:
        return self.forking.run(self.folder, list(map(str, arguments)), {**self.environment, **environment}, stdin)

    def starting(self, *arguments: object, program: tuple[str, ...] = ("flask",), **environment: str):
        command = [sys.executable, "-m", *program, *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(
            command, cwd=self.folder, text=True, env={**self.environment, **environment}, **pipes
        )
        self.started.append(process)
        return process

    def json(self, *arguments: object, **more: str):
        """The one JSON document of a command that must work."""
        ended = self(*arguments, "--json", **more)
        assert ended.status == 0, (ended.status, ended.err)
        return ended.json()

    def lines(self, *arguments: object) -> list[dict]:
        """The JSON Lines of a command that must work."""
        ended = self(*arguments, "--json")
        assert ended.status == 0, (ended.status, ended.err)
        return ended.lines()

    def connect(self, service: str, credentials: dict, *, name: str = "", **settings: str) -> int:
        """Connect an account that is read only when asked; its id."""
        how, stdin = ("--api-key-stdin", credentials.get("api_key", ""))
        if "access_token" in credentials:
            how, stdin = "--token-stdin", json.dumps(credentials)
        pairs = [word for pair in settings.items() for word in ("--setting", "=".join(pair))]
        ended = self(
            "connections", "add", service, "--name", name or service, how, *pairs, "--schedule", "manual", stdin=stdin
        )
        assert ended.status == 0, ended.err
        return int(ended.out.splitlines()[-1])


@pytest.fixture(scope="session")
def forking(_nothing_of_the_developer):
    forking = Forking()
    yield forking
    forking.stop()


@pytest.fixture
def installed(database, tmp_path, forking):
    """Makes a console on this test's database, with the addresses of these upstreams."""
    consoles = []

    def install(upstreams=None, url: str | None = database, **environment: str) -> Console:
        console = Console(forking, tmp_path, url, {**(addresses(upstreams) if upstreams else {}), **environment})
        consoles.append(console)
        return console

    yield install
    for console in consoles:
        for process in console.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def console(installed, upstreams):
    """A console beside the shared sandbox, for tests that only read from it."""
    return installed(upstreams)


def addresses(upstreams) -> dict[str, str]:
    """The environment that leads to a sandbox."""
    names = ("api_url", "auth_url", "token_url", "client_id", "client_secret")
    told = {
        f"{key}_{name}".upper(): facts[name]
        for key, facts in upstreams.described().items()
        for name in names
        if name in facts
    }
    limits = {f"{key.upper()}_LIMITS": "1000000/60" for key in upstreams.upstreams}
    return {**told, **limits, "ALLOW_INSECURE_UPSTREAMS": "1"}


def clockify(console: Console, upstreams) -> int:
    return console.connect("clockify", {"api_key": upstreams.clockify.api_key})


def clio(console: Console, upstreams) -> int:
    return console.connect("clio", upstreams.clio.token_answer())


def wait_for(condition, what: str, seconds: float = 40):
    """The first true answer of a condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def end(process: subprocess.Popen, sent: signal.Signals, within_s: float = 15) -> Ended:
    """Send a signal and take what the process leaves."""
    process.send_signal(sent)
    out, err = process.communicate(timeout=within_s)
    return Ended(process.returncode, out, err)
