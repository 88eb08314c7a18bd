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
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import trio
from attrs import evolve, frozen
from bench.duels import Case, Duel, Goal, choose, compare, parser, report

from bluev_actors.engine.nodes.aggregate import aggregate
from bluev_actors.engine.nodes.lists import filter_, sort, split
from bluev_actors.engine.runtime import open_runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json, JsonObject

ITEMS: Final = 1_000_000
GOAL: Final = Goal(figure=20)
CHUNK: Final = 10


def numbers(count: int) -> list[Json]:
    """Whole numbers without order, so that there is something to sort."""
    return [n * 7919 % count for n in range(count)]


def texts(count: int) -> list[Json]:
    """The same as texts."""
    return list(map(str, numbers(count)))


def fractions(count: int) -> list[Json]:
    """The same as floats, few of which can be added up without rounding."""
    return [n * 7919 % count / 10 for n in range(count)]


def orders(count: int) -> list[Json]:
    """Objects in a hundred groups."""
    return [{"city": n % 100, "price": n * 7919 % count} for n in range(count)]


class LongestStep(trio.abc.Instrument):
    """Notes for how long one task kept all others waiting at most, in seconds, from its start on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """One begins."""
        del task
        self._since = thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """One ends."""
        del task
        self.look()

    def look(self) -> None:
        """Take note of the step that goes on at present."""
        self.seconds = max(self.seconds, thread_time() - self._since)


@contextmanager
def watched() -> Generator[LongestStep]:
    """Watch the steps of this run of Trio, without the collector of garbage."""
    found = LongestStep()
    gc.disable()
    trio.lowlevel.add_instrument(found)
    try:
        yield found
        found.look()
    finally:
        trio.lowlevel.remove_instrument(found)
        gc.enable()


async def longest_step(node_type: NodeType, params: JsonObject, items: list[Json]) -> float:
    """Run a node with a list for its input `items`, and give the longest step of its function, in milliseconds."""
    steps: list[float] = []

    async def measured(**inputs: Json) -> JsonObject:
        with watched() as found:
            outputs = await node_type.function(**inputs)
        steps.append(found.seconds * 1000)
        return dict.fromkeys(outputs)  # What becomes of so large an output is another matter.

    kind = evolve(node_type.kind, name="bench.it")
    it = evolve(node_type, kind=kind, function=measured)
    async with open_runtime(nodes=[it]) as runtime:
        node: JsonObject = {"id": "it", "type": kind.name, "params": {**params, "items": items}}
        run = await runtime.start({"nodes": [node], "connections": []})
        await run.result()
    return max(steps)


def in_one_go(work: Callable[[list[Any]], object], items: list[Json]) -> float:
    """Do it without a pause, and give the milliseconds that it takes."""
    since = thread_time()
    work(items)
    return (thread_time() - since) * 1000


def chunks(items: list[Any]) -> list[list[Any]]:
    """Cut it into chunks."""
    return [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]


def sums(orders: list[Any]) -> dict[str, int]:
    """Add up the prices of each city."""
    found: dict[str, int] = {}
    for order in orders:
        city = str(order["city"])
        found[city] = found.get(city, 0) + order["price"]
    return found


@frozen
class Trial:
    """One thing to do with a list: by a node, and in one go."""

    name: str
    node_type: NodeType
    params: JsonObject
    items: Callable[[int], list[Json]]
    work: Callable[[list[Any]], object]

    def duel(self) -> Duel:
        """The row."""
        return Duel(f"{self.name}, longest step: in one go", f"ours: {self.name}", f"floor: {self.name}", GOAL, "ms")

    def cases(self) -> tuple[Case, Case]:
        """Both sides of it."""
        ours = Case(f"ours: {self.name}", self._in_steps, ITEMS)
        return ours, Case(f"floor: {self.name}", lambda times: in_one_go(self.work, self.items(times)), ITEMS)

    def _in_steps(self, times: int) -> float:
        return trio.run(longest_step, self.node_type, self.params, self.items(times))


TRIALS: Final = (
    Trial("filter", filter_, {"where": "item > 0"}, numbers, lambda items: [item for item in items if item > 0]),
    Trial("sort numbers", sort, {}, numbers, sorted),
    Trial("sort texts", sort, {"reverse": True}, texts, lambda items: sorted(items, reverse=True)),
    Trial("sort by a field", sort, {"field": "price"}, orders, lambda items: sorted(items, key=itemgetter("price"))),
    Trial("split", split, {"size": CHUNK}, numbers, chunks),
    Trial("join", aggregate, {"op": "join", "separator": ","}, texts, ",".join),
    Trial("sum", aggregate, {"op": "sum"}, numbers, sum),
    Trial("sum of floats", aggregate, {"op": "sum"}, fractions, math.fsum),
    Trial("max", aggregate, {"op": "max"}, numbers, max),
    Trial("sum by group", aggregate, {"op": "sum", "field": "price", "by": "city"}, orders, sums),
)
DUELS: Final = tuple(trial.duel() for trial in TRIALS)


def main(arguments: list[str] | None = None) -> int:
    """Print the rows; the exit says whether all goals hold."""
    reader = parser(__doc__)
    options: Any = reader.parse_args(arguments)
    cases = {case.name: case for trial in TRIALS for case in trial.cases()}
    duels = choose(DUELS, cases, options.only)
    if not duels:
        reader.error(f"no row has {options.only!r} in its name")
    return report(compare(duels, cases, options.reps), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
