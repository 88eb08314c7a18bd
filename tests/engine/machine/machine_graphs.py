"""Random graphs of all control kinds, in which what comes out does not depend on when things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from bluev_actors.engine.nodes import BUILT_INS
from machine_nodes import GRACE, Ledger, node_types

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.workflows.values import JsonObject

ANSWER: Final = "yes"
"""What every signal brings, and what a node that waits for one falls back on."""
KEY: Final = "k"
SLOTS: Final = 1
"""Nodes with the key that may be at work at one time, of all runs."""
SECONDS: Final = st.sampled_from([0, 0.5, 2, 3.5])

OUTPUTS: Final = {"branch": "true", "wait_signal": "payload", "map": "results", "loop": "state", "merge": "value"}
"""The output of each type that carries data; `out` of the others."""
INPUTS: Final = {"work": "given", "stubborn": "given", "cleaner": "given", "merge": "in", "noop": "in", "delay": "in"}
"""The input of each type that takes many; the others are only told to come after."""

_INSIDE: Final[JsonObject] = {"id": "in", "type": "work", "params": {"seconds": 1}}


def _worker(draw: st.DrawFn, kind: str) -> JsonObject:
    attempts = draw(st.integers(1, 3))
    return {
        "type": kind,
        "params": {"seconds": draw(SECONDS), "fails": draw(st.sampled_from([0, 0, 0, 1, 2]))},
        "retry": {"max_attempts": attempts, "initial": draw(st.sampled_from([0, 1.5])), "backoff": "fixed"},
        "on_error": draw(st.sampled_from(["fail", "continue", "continue"])),
    }


def _map(draw: st.DrawFn, _kind: str) -> JsonObject:
    body: JsonObject = {
        "inputs": {"item": {"type": "any"}},
        "nodes": [{**_INSIDE, "params": {"seconds": "${inputs.item}"}}],
        "outputs": {"it": {"node": "in", "output": "out"}},
    }
    items = draw(st.lists(SECONDS, max_size=4))
    return {"type": "map", "params": {"items": items, "workflow": body, "max_concurrency": draw(st.integers(1, 3))}}


def _loop(draw: st.DrawFn, _kind: str) -> JsonObject:
    body: JsonObject = {
        "inputs": {"state": {"type": "any"}},
        "nodes": [{**_INSIDE, "params": {"given": ["${inputs.state}"], "seconds": draw(SECONDS)}}],
        "outputs": {"state": {"node": "in", "output": "out"}},
    }
    count = draw(st.integers(0, 3))
    return {"type": "loop", "params": {"state": 0, "count": count, "max_iterations": 5, "workflow": body}}


def _sub(draw: st.DrawFn, _kind: str) -> JsonObject:
    inner = [{**_INSIDE, "id": name, "params": {"seconds": draw(SECONDS)}} for name in ("a", "b")]
    edges = [{"from_node": "a", "from_output": "out", "to_node": "b", "to_input": "given"}]
    body: JsonObject = {"nodes": inner, "connections": edges, "outputs": {"out": {"node": "b", "output": "out"}}}
    return {"type": "sub_workflow", "params": {"workflow": body}}


def _simple(draw: st.DrawFn, kind: str) -> JsonObject:
    params: dict[str, JsonObject] = {
        "delay": {"seconds": draw(SECONDS)},
        "branch": {"condition": draw(st.sampled_from(["true", "false"]))},
        "wait_signal": {"timeout": draw(st.sampled_from([1, 4])), "default": ANSWER},
        "merge": {"mode": "list"},
    }
    return {"type": kind, "params": params.get(kind, {})}


MAKERS: Final[dict[str, Callable[[st.DrawFn, str], JsonObject]]] = {
    "work": _worker,
    "stubborn": _worker,
    "cleaner": _worker,
    "noop": _simple,
    "delay": _simple,
    "branch": _simple,
    "merge": _simple,
    "wait_signal": _simple,
    "map": _map,
    "loop": _loop,
    "sub_workflow": _sub,
}


def _edge(draw: st.DrawFn, source: JsonObject, target: JsonObject) -> JsonObject:
    port = INPUTS.get(target["type"], "after")
    output = "done" if port == "after" else OUTPUTS.get(source["type"], "out")
    if source["type"] == "branch":
        output = draw(st.sampled_from(["true", "false"]))
    return {"from_node": source["id"], "from_output": output, "to_node": target["id"], "to_input": port}


KNOWN: Final = tuple(kind for kind in MAKERS if kind in {it.kind.name for it in (*BUILT_INS, *node_types(Ledger()))})


@st.composite
def documents(draw: st.DrawFn, kinds: tuple[str, ...] = KNOWN, *, rivals: bool = False) -> JsonObject:
    """A workflow of up to five nodes, each after some of those before it; rivals all want the same slot."""
    nodes: list[JsonObject] = []
    connections: list[JsonObject] = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(kinds))
        node: JsonObject = {"id": f"n{number}", **MAKERS[kind](draw, kind)}
        if (rivals or draw(st.booleans())) and kind != "wait_signal":
            node["concurrency_key"] = KEY
        sources = draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else set[int]()
        connections += [_edge(draw, nodes[source], node) for source in sorted(sources)]
        if kind == "merge" and not any(it["to_node"] == node["id"] for it in connections):
            node["type"], node["params"] = "noop", {}
        nodes.append(node)
    settings: JsonObject = {
        "grace": GRACE,
        "on_error": draw(st.sampled_from(["fail_fast", "finish_running", "continue"])),
        "concurrency": {KEY: SLOTS},
    }
    if limit := draw(st.sampled_from([None, 1, 2])):
        settings["max_concurrency"] = limit
    return {"nodes": nodes, "connections": connections, "settings": settings}
