"""LangGraph in the workflow bench: prints nodes a second. It runs in a virtualenv of its own, so nothing is typed.

Plain functions and `invoke`, which are quicker here than async ones and `ainvoke`. With a saver on SQLite durability is
`sync`, the only one that promises what our journal does; `async` was no quicker.

    workflow_langgraph.py SHAPE NODES FOLDER memory|sqlite
"""

from __future__ import annotations

import operator
import sqlite3
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, TypedDict

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.workflow_shapes import SHAPES, Parents, leaves_of

langgraph = import_module("langgraph.graph")


class Count(TypedDict):
    """The state of a run: how many nodes there were."""

    nodes: Annotated[int, operator.add]


def nothing(_: Count) -> Count:
    """Count one node."""
    return {"nodes": 1}


def graph_of(parents: Parents) -> Any:  # noqa: ANN401 - not installed where types are checked
    """The shape as a graph of states."""
    graph = langgraph.StateGraph(Count)
    for i, found in enumerate(parents):
        graph.add_node(f"n{i}", nothing)
        names = [f"n{parent}" for parent in found]
        if len(names) > 1:
            graph.add_edge(names, f"n{i}")
        else:
            graph.add_edge(names[0] if names else langgraph.START, f"n{i}")
    for i in leaves_of(parents):
        graph.add_edge(f"n{i}", langgraph.END)
    return graph


def rate(parents: Parents, saver: Any) -> float:  # noqa: ANN401 - not installed where types are checked
    """Nodes a second, once the graph is compiled."""
    app = graph_of(parents).compile(checkpointer=saver)
    config = {"recursion_limit": len(parents) + 10, "configurable": {"thread_id": "bench"}}
    durability = {} if saver is None else {"durability": "sync"}
    began = perf_counter()
    end = app.invoke({"nodes": 0}, config, **durability)
    took = perf_counter() - began
    if end["nodes"] != len(parents):
        raise SystemExit(f"{end['nodes']} nodes of {len(parents)}")
    return len(parents) / took


def main() -> None:
    """Print the rate."""
    shape, nodes, folder, where = sys.argv[1:]
    saver = None
    if where == "sqlite":
        database = sqlite3.connect(Path(folder) / "langgraph.db", check_same_thread=False)
        saver = import_module("langgraph.checkpoint.sqlite").SqliteSaver(database)
        saver.setup()
    print(rate(SHAPES[shape](int(nodes)), saver))


if __name__ == "__main__":
    main()
