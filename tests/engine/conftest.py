"""A runtime in virtual time that notices tasks left behind, and graphs in short hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

import pytest
import trio

from bluev_actors.engine.limits import RuntimeLimits
from bluev_actors.engine.runtime import open_runtime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from contextlib import AbstractAsyncContextManager

    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.engine.runtime import Runtime

EPOCH: Final = 1_800_000_000.0
"""Wall time when Trio's clock reads 0."""
FOREVER: Final = 1e8
"""Virtual seconds after which a test hangs: with nothing left to do, the clock jumps there at once."""


class OpenBench(Protocol):
    """Opens a runtime whose wall clock is Trio's; after it no task may be left."""

    def __call__(self, *nodes: NodeType, limits: RuntimeLimits = ...) -> AbstractAsyncContextManager[Runtime]: ...


@asynccontextmanager
async def _bench(*nodes: NodeType, limits: RuntimeLimits = RuntimeLimits()) -> AsyncGenerator[Runtime]:
    before = living_tasks()
    with trio.fail_after(FOREVER):
        async with open_runtime(nodes, now=wall_time, limits=limits) as runtime:
            yield runtime
            left = [handle for handle in runtime.list_runs() if not handle.state.ended]
            if not left:
                await trio.testing.wait_all_tasks_blocked()
                runs = next(it for it in runtime.system.tree().children if it.path == "/runs")
                assert [it.path for it in runs.children] == []
    assert living_tasks() == before


def wall_time() -> float:
    """Wall time, in step with Trio's clock."""
    return EPOCH + trio.current_time()


def living_tasks() -> int:
    """How many tasks there are below the one that runs the test."""
    return sum(1 for _ in _below(trio.lowlevel.current_task()))


def _below(task: trio.lowlevel.Task) -> Iterable[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _below(child)


@pytest.fixture
def bench() -> OpenBench:
    """Open a runtime in virtual time: `async with bench(my_node) as runtime`."""
    return _bench
