"""Prefect in the workflow bench: prints tasks a second. It runs in a virtualenv of its own, so nothing is typed.

Its temporary server keeps everything in SQLite; the start of that server is not counted.

    workflow_prefect.py SHAPE NODES FOLDER
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.workflow_shapes import SHAPES

WORKERS = 8


def nothing(i: int) -> int:
    """A task."""
    return i


def warm_up() -> None:
    """A flow that only has the server started."""


def walk(parents: list[list[int]]) -> None:
    """A flow that runs a graph."""
    futures: list[Any] = []
    for i, found in enumerate(parents):
        futures.append(task.submit(i, wait_for=[futures[parent] for parent in found]))
    for future in futures:
        future.result()


def main() -> None:
    """Print the rate."""
    parents = SHAPES[sys.argv[1]](int(sys.argv[2]))
    prefect.flow(warm_up)()
    flow = prefect.flow(task_runner=runners.ThreadPoolTaskRunner(max_workers=WORKERS))(walk)
    began = perf_counter()
    flow(parents)
    print(len(parents) / (perf_counter() - began))


# Prefect reads its settings when it is imported.
os.environ |= {
    "PREFECT_HOME": sys.argv[3],
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
}
prefect, runners = import_module("prefect"), import_module("prefect.task_runners")
task = prefect.task(nothing)

if __name__ == "__main__":
    main()
