#!/usr/bin/env python3
"""Measure the engine against a floor of bare Trio, in the same run.

The floor does what any engine of this shape has to: one task for each node with a cancel scope and a time limit, and
two messages to one bounded mailbox that drives the graph. Ours does the rest as well: events, state, validation of
outputs, and one subscriber that gets every event. Both are timed from the start of the run to its end, rounds
interleaved; the figures are medians in nodes a second.

    scripts/bench/workflows.py [--rounds 5] [--nodes 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from itertools import product
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors import node
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.workflows.run_events import RunCompleted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluev_actors.engine.runtime import Runtime

Parents = list[list[int]]

GOAL = 0.3


@node("nothing", outputs={"out": "null"}, free_inputs=True)
async def nothing(**_inputs: object) -> dict[str, None]:
    """Does nothing, as a user's node: in an executor of its own."""
    return {"out": None}


NODE_TYPES = {"noop": "noop, in the run's own task", "nothing": "a user's node, an executor each"}


def chain(n: int) -> Parents:
    """Every node after the one before."""
    return [[i - 1] if i else [] for i in range(n)]


def fan(n: int) -> Parents:
    """One source, `n` leaves, one sink."""
    return [[], *([0] for _ in range(n)), list(range(1, n + 1))]


SHAPES: dict[str, Callable[[int], Parents]] = {"chain": chain, "fan": fan}


def document(parents: Parents, node_type: str) -> dict[str, Any]:
    """The shape as a workflow."""
    return {
        "id": "bench",
        "nodes": [{"id": f"n{i}", "type": node_type} for i in range(len(parents))],
        "connections": [
            {"from_node": f"n{parent}", "from_output": "out", "to_node": f"n{i}", "to_input": "in"}
            for i, found in enumerate(parents)
            for parent in found
        ],
    }


async def floor(parents: Parents) -> float:
    """Seconds for the shape on bare Trio: a scoped task and two messages a node."""
    children: list[list[int]] = [[] for _ in parents]
    for i, found in enumerate(parents):
        for parent in found:
            children[parent].append(i)
    waiting = [len(found) for found in parents]
    state = ["pending"] * len(parents)
    scopes: dict[int, trio.CancelScope] = {}
    send, receive = trio.open_memory_channel[tuple[int, str]](64)

    async def node(i: int) -> None:
        with trio.CancelScope() as scope:
            scopes[i] = scope
            await send.send((i, "running"))
            with trio.move_on_after(60):  # noqa: ASYNC100 - what a time limit costs is the point
                pass
            await send.send((i, "completed"))
        del scopes[i]

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for i, count in enumerate(waiting):
            if not count:
                nursery.start_soon(node, i)
        done = 0
        while done < len(parents):
            i, state[i] = await receive.receive()
            if state[i] == "completed":
                done += 1
                for kid in children[i]:
                    waiting[kid] -= 1
                    if not waiting[kid]:
                        nursery.start_soon(node, kid)
    return time.perf_counter() - began


async def ours(runtime: Runtime, workflow: dict[str, Any]) -> float:
    """Seconds for one run, from its first event to its last, with a reader of all of them."""
    run = await runtime.start(workflow)
    seen = [recorded async for recorded in run.events()]
    wanted = 2 * len(workflow["nodes"]) + 2
    if len(seen) != wanted or not isinstance(seen[-1].event, RunCompleted):
        raise SystemExit(f"the run went wrong: {len(seen)} events of {wanted}, the last is {seen[-1]}")
    runtime.forget(run.run_id)
    return seen[-1].at - seen[0].at


async def measure(rounds: int, nodes: int) -> list[dict[str, object]]:
    """One row for each shape."""
    rows: list[dict[str, object]] = []
    async with open_runtime(nodes=[nothing], now=time.perf_counter) as runtime:
        for (name, shape), (node_type, meaning) in product(SHAPES.items(), NODE_TYPES.items()):
            parents = shape(nodes)
            workflow = document(parents, node_type)
            seconds = [(await floor(parents), await ours(runtime, workflow)) for _ in range(rounds + 1)][1:]
            rows.append(row(f"{name} of {len(parents)}: {meaning}", len(parents), seconds))
    return rows


def row(name: str, nodes: int, seconds: Iterable[tuple[float, float]]) -> dict[str, object]:
    """The medians of the rounds, as rates, and the ratio between them."""
    reference, own = (nodes / statistics.median(times) for times in zip(*seconds, strict=True))
    ratio = own / reference
    return {
        "name": name,
        "ours": round(own),
        "reference": round(reference),
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "holds": ratio >= GOAL,
    }


def main() -> int:
    """Print the rows; the exit says whether all goals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    rows = trio.run(measure, options.rounds, options.nodes)
    for it in rows:
        if options.json:
            print(json.dumps(it))
        else:
            figures = f"{it['ours']:>8} nodes/s, floor {it['reference']:>8}, ratio {it['ratio']}, goal {it['goal']}"
            print(f"{it['name']:48} {figures}")
    return 0 if all(it["holds"] for it in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
