"""DBOS in the workflow bench: prints steps a second. It runs in a virtualenv of its own, so nothing is typed.

Its system database is SQLite, as in its quick start. `gather` runs the steps of a layer at the same time, as the graph
allows; `row` runs all steps one after another, which is quicker where they do nothing.

    workflow_dbos.py SHAPE NODES FOLDER gather|row
"""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.workflow_shapes import SHAPES, layers_of

DBOS = import_module("dbos").DBOS


def nothing(i: int) -> int:
    """A step."""
    return i


async def nothing_async(i: int) -> int:
    """A step, as a coroutine."""
    return i


def in_a_row(steps: int) -> None:
    """Run all steps one after another."""
    for i in range(steps):
        step(i)


async def in_layers(layers: list[list[int]]) -> None:
    """Run the steps of each layer at the same time."""
    for layer in layers:
        await asyncio.gather(*(async_step(i) for i in layer))


step, async_step = DBOS.step()(nothing), DBOS.step()(nothing_async)
row, gather = DBOS.workflow()(in_a_row), DBOS.workflow()(in_layers)


def main() -> None:
    """Print the rate."""
    shape, nodes, folder, how = sys.argv[1:]
    parents = SHAPES[shape](int(nodes))
    logging.getLogger("dbos").setLevel(logging.ERROR)
    database = f"sqlite:///{Path(folder) / 'dbos.sqlite'}"
    DBOS(
        config={
            "name": "bench",
            "system_database_url": database,
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    began = perf_counter()
    if how == "row":
        row(len(parents))
    else:
        asyncio.run(gather(layers_of(parents)))
    print(len(parents) / (perf_counter() - began))
    DBOS.destroy()


if __name__ == "__main__":
    main()
