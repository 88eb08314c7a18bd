"""Ours in the workflow bench: whole runs on a runtime, in memory or on a disk, with a reader that gets every event."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

import trio
import trio.testing
from bench.actor_meters import in_a_fresh_process, resident
from bench.duels import Case, on_trio
from bench.workflow_shapes import SHAPES, Document, delays_of, document, layered, longest_path

from bluev_actors import node
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.workflows.run_events import NodeCompleted, NodeStarted, RunCompleted, RunStatusChanged

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.run_events import Recorded

PATIENCE: Final = 300.0
"""Seconds after which a case is taken for stuck."""
SECOND: Final = 1.0
"""What a delay waits that is paused, in seconds."""
HELD: Final = 0.3
"""Seconds before, and of, that pause."""
ENDS: Final = ("pausing", "running")
"""The states that it begins and ends with."""


@node("nothing", outputs={"out": "null"}, free_inputs=True)
async def nothing(**_inputs: object) -> dict[str, None]:
    """Does nothing, as a user's node: in an executor of its own."""
    return {"out": None}


@asynccontextmanager
async def open_engine(folder: Path | None) -> AsyncGenerator[Runtime]:
    """A fresh runtime: durable below `folder`, or in memory. Its clock is the one that figures are taken by."""
    with trio.fail_after(PATIENCE):
        if folder is None:
            async with open_runtime(nodes=[nothing], now=perf_counter) as runtime:
                yield runtime
        else:
            with TemporaryDirectory(dir=folder) as scratch:
                async with open_runtime(nodes=[nothing], now=perf_counter, data_dir=scratch, sync="full") as runtime:
                    yield runtime


async def seconds(runtime: Runtime, workflow: Document) -> float:
    """How long one run takes, from its acceptance until its reader has the last event."""
    run = await runtime.start(workflow)
    count, last = 0, None
    async for recorded in run.events():
        count, last = count + 1, recorded.event
    took = perf_counter() - run.desk.record.accepted_at
    wanted = 2 * len(workflow["nodes"]) + 2
    if count != wanted or not isinstance(last, RunCompleted):
        raise SystemExit(f"the run went wrong: {count} events of {wanted}, the last is {last}")
    return took


async def rate(shape: str, node_type: str, folder: Path | None, times: int) -> float:
    """Nodes a second."""
    workflow = document(SHAPES[shape](times), node_type)
    async with open_engine(folder) as runtime:
        return len(workflow["nodes"]) / await seconds(runtime, workflow)


async def stretch(workflow: Document, folder: Path | None, _times: int) -> float:
    """How many times as long as its longest path a graph of delays takes."""
    async with open_engine(folder) as runtime:
        return await seconds(runtime, workflow) / longest_path(*delays_of(workflow))


async def memory(folder: Path | None, times: int) -> float:
    """Bytes for each node, when the run has ended and is still held; its document is not counted."""
    workflow = document(layered(times), "nothing")
    async with open_engine(folder) as runtime:
        await seconds(runtime, document(layered(1), "nothing"))
        before = resident()
        await seconds(runtime, workflow)
        return (resident() - before) / times


@asynccontextmanager
async def _many_delays(folder: Path | None, times: int, wait: float) -> AsyncGenerator[tuple[RunHandle, int]]:
    """A run with many delays in flight, and how many tasks there were without it."""
    workflow = document([[] for _ in range(times)], "delay", {"seconds": wait})
    async with open_engine(folder) as runtime:
        await trio.testing.wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        run = await runtime.start(workflow)
        started = 0
        async for recorded in run.events():
            started += isinstance(recorded.event, NodeStarted)
            if started == times:
                break
        await trio.testing.wait_all_tasks_blocked()
        yield run, tasks


async def _stopping(folder: Path | None, times: int) -> tuple[float, float]:
    """Milliseconds until a stop is answered, and until no task of the run is left."""
    async with _many_delays(folder, times, 60.0) as (run, tasks):
        began = perf_counter()
        await run.stop()
        told = perf_counter() - began
        while trio.lowlevel.current_statistics().tasks_living > tasks:
            await trio.lowlevel.checkpoint()
        return told * 1000, (perf_counter() - began) * 1000


async def stop_told(folder: Path | None, times: int) -> float:
    """Milliseconds until a stop is answered."""
    return (await _stopping(folder, times))[0]


async def stop_gone(folder: Path | None, times: int) -> float:
    """Milliseconds until no task of a stopped run is left."""
    return (await _stopping(folder, times))[1]


async def off_after_pause(folder: Path | None, times: int) -> float:
    """The most that any of many delays ends beside its time after a pause, in milliseconds."""
    async with _many_delays(folder, times, SECOND) as (run, _):
        await trio.sleep(HELD)
        await run.pause()
        await trio.sleep(HELD)
        await run.resume()
        return off([it async for it in run.events()]) * 1000


def off(events: Sequence[Recorded]) -> float:
    """The most that a node ended beside its first start, plus its second, plus the time that the run stood."""
    paused, resumed = (it.at for it in events if isinstance(it.event, RunStatusChanged) and it.event.status in ENDS)
    starts = {it.event.node_id: it.at for it in reversed(events) if isinstance(it.event, NodeStarted)}
    ends = {it.event.node_id: it.at for it in events if isinstance(it.event, NodeCompleted)}
    return max(abs(end - starts[node_id] - SECOND - (resumed - paused)) for node_id, end in ends.items())


def cases(folder: Path, graphs: dict[str, Document]) -> list[Case]:
    """Ours; those that store something do so below `folder`."""
    return [
        *_in("memory", None),
        *_in("durable", folder),
        Case("ours: layered, nothing, memory, small", on_trio(partial(rate, "layered", "nothing", None)), 1_000),
        Case("ours: layered, nothing, memory, large", on_trio(partial(rate, "layered", "nothing", None)), 100_000),
        Case("ours: memory", in_a_fresh_process(partial(memory, None)), 10_000, once=True),
        Case("ours: memory, durable", in_a_fresh_process(partial(memory, folder)), 10_000, once=True),
        *(Case(f"ours: {name}", on_trio(partial(stretch, it, folder)), 1) for name, it in graphs.items()),
    ]


def _in(where: str, folder: Path | None) -> list[Case]:
    """What is measured in memory and on a disk."""
    return [
        *(
            Case(f"ours: {shape}, {kind}, {where}", on_trio(partial(rate, shape, kind, folder)), times)
            for shape, times in (("chain", 1_000), ("fan", 1_000), ("layered", 10_000))
            for kind in ("noop", "nothing")
        ),
        Case(f"ours: stop, told, {where}", on_trio(partial(stop_told, folder)), 1_000),
        Case(f"ours: stop, gone, {where}", on_trio(partial(stop_gone, folder)), 1_000),
        Case(f"ours: off after a pause, {where}", on_trio(partial(off_after_pause, folder)), 1_000),
    ]
