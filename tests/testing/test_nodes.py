from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.engine.plugins import load_nodes
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.testing import run_in_virtual_time
from bluev_actors.testing.nodes import NODES

if TYPE_CHECKING:
    from pathlib import Path

    from bluev_actors.workflows.values import Json, JsonObject


def one(type_: str, params: JsonObject, **rest: Json) -> JsonObject:
    """A workflow of one node called `it`."""
    return {"nodes": [{"id": "it", "type": type_, "params": params, **rest}], "connections": []}


async def result_of(document: JsonObject) -> Any:  # noqa: ANN401 - any JSON
    """What the node gives."""
    async with open_runtime(NODES) as runtime:
        run = await runtime.start(document)
        return (await run.result())["it"]


def test_a_daemon_can_load_them() -> None:
    """By the name of the module; and each explains itself."""
    found = load_nodes("bluev_actors.testing.nodes")
    assert [node_type.kind.name for node_type in found] == ["flaky", "crash", "ignore_cancel", "spin", "counter"]
    assert all(node_type.kind.description.endswith(".") for node_type in found)


def test_flaky_comes_through_in_the_end() -> None:
    """After as many attempts as it was told to fail."""

    async def try_it() -> None:
        assert await result_of(one("flaky", {"times": 2}, retry={"max_attempts": 3})) == {"value": 3}

    run_in_virtual_time(try_it)


def test_ignore_cancel_takes_its_time() -> None:
    """A stop waits for it."""

    async def try_it() -> None:
        async with open_runtime(NODES) as runtime:
            run = await runtime.start(one("ignore_cancel", {"seconds": 60}))
            await trio.sleep(1)
            await run.stop()
            await run.when_ended()
            assert 59 < trio.current_time() < 61

    run_in_virtual_time(try_it)


async def test_spin_ends() -> None:
    """When its time is up."""
    assert await result_of(one("spin", {"ms": 1})) == {}


async def test_counter_counts(tmp_path: Path) -> None:
    """Each of its runs is a line in a file."""
    document = one("counter", {"path": str(tmp_path / "lines")})
    assert await result_of(document) == {"count": 1}
    assert await result_of(document) == {"count": 2}
    lines = (tmp_path / "lines").read_text("utf-8").splitlines()
    assert all(line.startswith("run-") and line.endswith("/it 1") for line in lines)


async def test_crash_may_have_crashed_enough() -> None:
    """Told to crash no times, it is a node like any other."""
    assert await result_of(one("crash", {"times": 0})) == {}


def test_crash_kills_its_process() -> None:
    """At once, and no block is left on the way."""
    program = (
        "import trio\n"
        "from bluev_actors import open_runtime\n"
        "from bluev_actors.testing.nodes import NODES\n"
        "async def main():\n"
        "    async with open_runtime(NODES) as runtime:\n"
        "        run = await runtime.start({'nodes': [{'id': 'it', 'type': 'crash'}], 'connections': []})\n"
        "        await run.result()\n"
        "trio.run(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)  # noqa: S603 - our own program
    assert done.returncode == -signal.SIGKILL
