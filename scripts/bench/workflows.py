#!/usr/bin/env python3
"""Measure the engine against bare Trio and, with `--peers`, against LangGraph, DBOS and Prefect, in the same run.

The floor does what any engine of this shape has to: one task for each node with a cancel scope and a time limit, and
two messages to one bounded mailbox that drives the graph. Ours does the rest as well: events, state, validation of
outputs, and one reader that gets every event. It is timed from the acceptance of a run until that reader has the last
event; the peers are timed from the call that runs a graph which they have compiled. What is durable is in SQLite with
synchronous=FULL, for ours, the floor and the peers below one folder. Every case is run once a repetition, one after the
other, and a row compares the medians of two of them. Memory is measured once, in a fresh process.

    scripts/bench/workflows.py [--reps 5] [--only layered] [--json] [--peers] [--graphs FOLDER] [--dir FOLDER]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import workflow_floors, workflow_ours, workflow_peers
from bench.duels import Case, Duel, Goal, choose, compare, parser, report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.workflow_shapes import Document

MEMORY, DURABLE = "ours: layered, nothing, memory", "ours: layered, nothing, durable"
DELAYS = "1,000 delays"

DUELS = (
    Duel("layered, memory, executor each: Trio", MEMORY, "floor: layered", Goal(ratio=0.45)),
    Duel("layered, memory, noop: Trio", "ours: layered, noop, memory", "floor: layered", Goal(ratio=1)),
    Duel("layered, memory, executor each: LangGraph", MEMORY, "langgraph: layered, memory", Goal(ratio=3)),
    Duel("layered, durable, executor each: ours in memory", DURABLE, MEMORY, Goal(ratio=0.7)),
    Duel("layered, durable, executor each: LangGraph, SQLite", DURABLE, "langgraph: layered, durable", Goal(ratio=8)),
    Duel("layered, durable, executor each: DBOS, SQLite", DURABLE, "dbos: layered, durable", Goal(ratio=30)),
    Duel("layered, durable, executor each: Prefect", DURABLE, "prefect: layered, durable", Goal(ratio=150)),
    Duel("layered, durable, noop: ours in memory", "ours: layered, noop, durable", "ours: layered, noop, memory"),
    Duel("fan, memory, executor each: Trio", "ours: fan, nothing, memory", "floor: fan"),
    Duel("fan, memory, noop: Trio", "ours: fan, noop, memory", "floor: fan"),
    Duel(
        "fan, durable, executor each: ours in memory",
        "ours: fan, nothing, durable",
        "ours: fan, nothing, memory",
        Goal(ratio=0.7),
    ),
    Duel("fan, durable, noop: ours in memory", "ours: fan, noop, durable", "ours: fan, noop, memory"),
    Duel("chain, memory, executor each: Trio", "ours: chain, nothing, memory", "floor: chain"),
    Duel("chain, memory, noop: Trio", "ours: chain, noop, memory", "floor: chain"),
    Duel(
        "chain, durable, executor each: Trio, commit each",
        "ours: chain, nothing, durable",
        "floor: chain, durable",
        Goal(ratio=0.6),
    ),
    Duel(
        "chain, durable, noop: Trio, commit each", "ours: chain, noop, durable", "floor: chain, durable", Goal(ratio=4)
    ),
    Duel("chain, durable, executor each: DBOS in a row", "ours: chain, nothing, durable", "dbos: chain, durable"),
    Duel("layered of 100,000: of 1,000", f"{MEMORY}, large", f"{MEMORY}, small", Goal(ratio=1 / 1.3)),
    Duel("memory of a node: Trio", "ours: memory", "floor: memory", Goal(figure=3072), "B"),
    Duel("memory of a node, durable: Trio", "ours: memory, durable", "floor: memory", Goal(figure=3072), "B"),
    *(
        Duel(f"{DELAYS}, {where}, {what}", f"ours: {case}, {where}", f"floor: {floor}", Goal(figure=most), "ms")
        for where in ("memory", "durable")
        for what, case, floor, most in (
            ("stop is answered: Trio cancels", "stop, told", "stop, told", 20),
            ("stopped and gone: Trio", "stop, gone", "stop, gone", 100),
            ("off after a pause: Trio sleeps", "off after a pause", "oversleep", 50),
        )
    ),
)


def duels_of(graphs: Iterable[str]) -> list[Duel]:
    """A row for each recorded graph: how many times as long as its longest path it takes."""
    return [
        Duel(f"{name}, durable: Trio", f"ours: {name}", f"floor: {name}", Goal(figure=1.05), "x") for name in graphs
    ]


def graphs_in(folder: Path | None) -> dict[str, Document]:
    """The recorded graphs of a folder, by name."""
    found = sorted(folder.glob("*.json")) if folder is not None else []
    return {path.name.removesuffix(".json").removesuffix(".delay"): json.loads(path.read_bytes()) for path in found}


def cases(folder: Path, graphs: dict[str, Document], *, peers: bool) -> dict[str, Case]:
    """Every case there is, by name."""
    found = [*workflow_ours.cases(folder, graphs), *workflow_floors.cases(folder, graphs)]
    if peers:
        here = workflow_peers.install(workflow_peers.PEERS, workflow_peers.VENV)
        found += workflow_peers.cases(here, folder)
    return {case.name: case for case in found}


def main(arguments: list[str] | None = None) -> int:
    """Print the rows; the exit says whether all goals hold."""
    reader = parser(__doc__)
    reader.add_argument("--peers", action="store_true", help="against LangGraph, DBOS and Prefect; installs them first")
    reader.add_argument("--graphs", type=Path, metavar="FOLDER", help="recorded graphs of delays, as JSON")
    reader.add_argument("--dir", type=Path, default=Path(gettempdir()), metavar="FOLDER", help="where runs are stored")
    options: Any = reader.parse_args(arguments)
    graphs = graphs_in(options.graphs)
    here = cases(options.dir, graphs, peers=options.peers)
    duels = choose([*DUELS, *duels_of(graphs)], here, options.only)
    if not duels:
        reader.error(f"no row has {options.only!r} in its name")
    return report(compare(duels, here, options.reps), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
