#!/usr/bin/env python3
"""Measure for how long the node types that take long lists keep everybody else waiting.

Each works on 1,000,000 items in a run of its own. Its figure is the longest step between two checkpoints, in
milliseconds of the loop's own thread, so that a busy machine changes little; the collector of garbage is off, for what
it takes is not the node's. The reference does the same in one go.

    scripts/bench/turns.py [--reps 5] [--only sort] [--json]
"""

from __future__ import annotations

import gc
import math
import sys
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import trio
from attrs import evolve
from bench.duels import Case, Duel, Goal, choose, compare, parser, report

from bluev_actors.engine.node_types import NodeType
from bluev_actors.engine.nodes.aggregate import aggregate
from bluev_actors.engine.nodes.lists import filter_, sort, split
from bluev_actors.engine.runtime import open_runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import Json, JsonObject

ITEMS: Final = 1_000_000
GOAL: Final = Goal(figure=20)
CHUNK: Final = 10


def numbers(count: int) -> list[Json]:
    """Whole numbers without order, so that there is something to sort."""
    return [n * 7919 % count for n in range(count)]


def texts(count: int) -> list[Json]:
    """The same as texts."""
    return [str(n) for n in numbers(count)]


def orders(count: int) -> list[Json]:
    """Objects in a hundred groups."""
    return [{"city": n % 100, "price": n} for n in numbers(count)]


class LongestStep(trio.abc.Instrument):
    """Notes how long a task kept all others waiting at most, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """It begins."""
        del task
        self._since = thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """It ends."""
        del task
        self.seconds = max(self.seconds, thread_time() - self._since)


async def longest_step(node_type: NodeType, params: JsonObject, items: list[Json]) -> float:
    """Run a node with a list for its input `items`, and give the longest step of its function, in milliseconds."""
    found = LongestStep()

    async def measured(**inputs: Any) -> Any:  # noqa: ANN401 - as the function that is measured
        found.__init__()
        trio.lowlevel.add_instrument(found)
        outputs = await node_type.function(**inputs)
        found.after_task_step(trio.lowlevel.current_task())
        trio.lowlevel.remove_instrument(found)
        return outputs

    kind = evolve(node_type.kind, name="bench.it")
    it = evolve(node_type, kind=kind, function=measured)
    async with open_runtime(nodes=[it]) as runtime:
        document = {"nodes": [{"id": "it", "type": kind.name, "params": {**params, "items": items}}], "connections": []}
        await (await runtime.start(document)).result()
    return found.seconds * 1000
