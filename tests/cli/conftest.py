"""The command line as a user has it: typed words in, text and exit code out, and a daemon to talk to."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import pairwise
from subprocess import PIPE
from typing import TYPE_CHECKING

import orjson
import pytest
import trio
from click.testing import CliRunner

from bluev_actors.cli.main import cli
from bluev_actors.client.rest import Rest
from bluev_actors.daemon.config import Settings
from bluev_actors.daemon.server import Ready, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from click.testing import Result

    from bluev_actors.workflows.values import Json, JsonObject


@pytest.fixture(autouse=True, scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A state folder that is not the user's, for whatever forgets to say where runs are kept."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("state")
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture
def type_in() -> Callable[..., Result]:
    """Type a command; what was raised by a bug is raised here too."""

    def run(*words: object, text: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(cli, [str(word) for word in words], input=text, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def launch() -> Generator[Callable[..., subprocess.Popen[str]]]:
    """Run a command as a process of its own, both outputs in pipes; it does not outlive the test."""
    launched: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bluev_actors", *map(str, words)]
        process = subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True)  # noqa: S603 - our own command
        launched.append(process)
        return process

    yield start
    for process in launched:
        process.kill()
        process.communicate()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Json], str]:
    """Write a document to a file; returns its path."""

    def file(document: Json) -> str:
        path = tmp_path / "workflow.json"
        path.write_bytes(orjson.dumps(document))
        return str(path)

    return file


class Documents:
    """Workflows for all occasions."""

    def chain(self, *nodes: JsonObject, **more: Json) -> JsonObject:
        """Nodes in a row, each after the one before."""
        ids = [node["id"] for node in nodes]
        after = [{"from_node": a, "from_output": "done", "to_node": b, "to_input": "after"} for a, b in pairwise(ids)]
        return {"id": "chain", "nodes": list(nodes), "connections": after, **more}

    def hello(self, **more: Json) -> JsonObject:
        """One constant."""
        return self.chain({"id": "a", "type": "constant", "params": {"value": 2}}, **more)

    def failing(self, **more: Json) -> JsonObject:
        """One node that fails."""
        return self.chain({"id": "a", "type": "fail", "params": {"message": "it broke"}}, **more)

    def waiting(self, seconds: float = 60, **more: Json) -> JsonObject:
        """One node that takes its time, and one that waits for it."""
        wait = {"id": "wait", "type": "delay", "params": {"seconds": seconds}}
        return self.chain(wait, {"id": "then", "type": "noop"}, **more)


@pytest.fixture
def documents() -> Documents:
    """Makes workflows."""
    return Documents()


@pytest.fixture(scope="session")
def daemon() -> Generator[str]:
    """A daemon on a free port, in a thread of its own; returns its address."""
    ready: list[Ready] = []
    up = threading.Event()
    leave: list[Callable[[], None]] = []

    async def live() -> None:
        over, token = trio.Event(), trio.lowlevel.current_trio_token()
        leave.append(lambda: trio.from_thread.run_sync(over.set, trio_token=token))

        def on_ready(it: Ready) -> None:
            ready.append(it)
            up.set()

        await serve(Settings(port=0, drain_timeout=0.0), on_ready, until=over.wait)

    thread = threading.Thread(target=trio.run, args=(live,))
    thread.start()
    assert up.wait(10)
    yield f"http://{ready[0].host}:{ready[0].port}"
    leave[0]()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def rest(daemon: str) -> Generator[Rest]:
    """What to look behind the commands with."""
    with Rest(daemon) as rest:
        yield rest
