"""The floors of the workflow bench: the same graphs on bare Trio, with no engine around them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

import trio
import trio.testing
from bench.actor_meters import in_a_fresh_process, resident
from bench.duels import Case, on_trio
from bench.workflow_shapes import SHAPES, Document, Parents, chain, children_of, delays_of, layered, longest_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Body = Callable[[int], Awaitable[None]]

ROW = (
    '{"type":"node_completed","node_id":"n%d","attempt":1,"outputs":{"out":null},"cached":false,"at":1780000000.123456}'
)
"""What the durable floor stores of each step: about what an event is."""
SECOND: Final = 1.0
"""What a sleeper sleeps, in seconds."""


async def nothing(_: int) -> None:
    """What a node does where only the engine is measured."""


async def walk(parents: Parents, body: Body) -> list[str]:
    """Run a graph: each node is a task with a cancel scope and a time limit, and sends two messages to one mailbox."""
    children, waiting = children_of(parents), [len(found) for found in parents]
    state = ["pending"] * len(parents)
    scopes: dict[int, trio.CancelScope] = {}
    send, receive = trio.open_memory_channel[tuple[int, str]](64)

    async def node(i: int) -> None:
        with trio.CancelScope() as scope:
            scopes[i] = scope
            await send.send((i, "running"))
            with trio.move_on_after(60):
                await body(i)
            await send.send((i, "completed"))
        del scopes[i]

    async with trio.open_nursery() as nursery:
        for i, count in enumerate(waiting):
            if not count:
                nursery.start_soon(node, i)
        left = len(parents)
        while left:
            i, state[i] = await receive.receive()
            if state[i] == "completed":
                left -= 1
                for child in children[i]:
                    waiting[child] -= 1
                    if not waiting[child]:
                        nursery.start_soon(node, child)
    return state


async def rate(shape: str, times: int) -> float:
    """Nodes a second."""
    parents = SHAPES[shape](times)
    began = perf_counter()
    await walk(parents, nothing)
    return len(parents) / (perf_counter() - began)


async def committed_chain(folder: Path, times: int) -> float:
    """Steps a second of a loop that commits a row in a worker thread after each."""
    with TemporaryDirectory(dir=folder) as scratch, closing(_database(Path(scratch) / "steps.db")) as database:

        def commit(i: int) -> None:
            database.execute("BEGIN")
            database.execute("INSERT INTO step (body) VALUES (?)", (ROW % i,))
            database.execute("COMMIT")

        began = perf_counter()
        for i in range(len(chain(times))):
            await nothing(i)
            await trio.to_thread.run_sync(commit, i)
        return times / (perf_counter() - began)


def _database(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, body TEXT)")
    return database


async def memory(times: int) -> float:
    """Bytes for each node, when all have run."""
    parents = layered(times)
    before = resident()
    state = await walk(parents, nothing)
    return (resident() - before) / len(state)


async def stretch(workflow: Document, _times: int) -> float:
    """How many times as long as its longest path a graph of delays takes."""
    parents, seconds = delays_of(workflow)

    async def wait(i: int) -> None:
        await trio.sleep(seconds[i])

    began = perf_counter()
    await walk(parents, wait)
    return (perf_counter() - began) / longest_path(parents, seconds)


async def _sleep(seconds: float, scopes: list[trio.CancelScope]) -> None:
    with trio.CancelScope() as scope:
        scopes.append(scope)
        await trio.sleep(seconds)


async def _cancelling(times: int) -> tuple[float, float]:
    """Seconds to cancel every one of many sleeping tasks, and until all are gone."""
    scopes: list[trio.CancelScope] = []
    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(_sleep, 60, scopes)
        await trio.testing.wait_all_tasks_blocked()
        began = perf_counter()
        for scope in scopes:
            scope.cancel()
        told = perf_counter() - began
    return told, perf_counter() - began


async def stop_told(times: int) -> float:
    """Milliseconds to cancel many sleeping tasks one by one."""
    return (await _cancelling(times))[0] * 1000


async def stop_gone(times: int) -> float:
    """Milliseconds until they are gone."""
    return (await _cancelling(times))[1] * 1000


async def oversleep(times: int) -> float:
    """The most that any of many tasks which sleep for a second is late, in milliseconds."""
    ends: list[float] = []

    async def sleeper(until: float) -> None:
        await trio.sleep_until(until)
        ends.append(trio.current_time())

    due = trio.current_time() + SECOND
    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(sleeper, due)
    return (max(ends) - due) * 1000


def cases(folder: Path, graphs: dict[str, Document]) -> list[Case]:
    """The floors; those that store something do so in `folder`."""
    return [
        Case("floor: chain", on_trio(partial(rate, "chain")), 1_000),
        Case("floor: fan", on_trio(partial(rate, "fan")), 1_000),
        Case("floor: layered", on_trio(partial(rate, "layered")), 10_000),
        Case("floor: chain, durable", on_trio(partial(committed_chain, folder)), 1_000),
        Case("floor: memory", in_a_fresh_process(memory), 10_000, once=True),
        Case("floor: stop, told", on_trio(stop_told), 1_000),
        Case("floor: stop, gone", on_trio(stop_gone), 1_000),
        Case("floor: oversleep", on_trio(oversleep), 1_000),
        *(Case(f"floor: {name}", on_trio(partial(stretch, it)), 1) for name, it in graphs.items()),
    ]
