"""Random workflows for the crash harness: everything that has a state which a kill could tear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from random import Random

Node: TypeAlias = dict[str, Any]

RETRY = {"max_attempts": 3, "backoff": "fixed", "initial": 0.05}


def random_workflow(dice: Random, workflow_id: str, log: str) -> dict[str, Any]:
    """A graph of some nodes that note their executions in the file `log`, with others between them."""
    count = dice.randint(2, 14)
    nodes = [_node(dice, f"n{i}", log) for i in range(count)]
    connections = [
        {"from_node": f"n{dice.randrange(i)}", "from_output": "done", "to_node": f"n{i}", "to_input": "after"}
        for i in range(1, count)
        if dice.random() < 0.8  # noqa: PLR2004 - most nodes hang on another
    ]
    on_error = dice.choice(["fail_fast", "finish_running", "continue"])
    return {"id": workflow_id, "nodes": nodes, "connections": connections, "settings": {"on_error": on_error}}


def _node(dice: Random, node_id: str, log: str) -> Node:
    makers = [_counter] * 6 + [_delay] * 4 + [_quick] * 3 + [_flaky] * 2 + [_large, _map, _loop, _sub, _signal, _fail]
    return dice.choice(makers)(dice, node_id, log)


def _counter(_dice: Random, node_id: str, log: str) -> Node:
    return {"id": node_id, "type": "counter", "params": {"path": log}}


def _delay(dice: Random, node_id: str, _log: str) -> Node:
    return {"id": node_id, "type": "delay", "params": {"seconds": round(dice.random() * 0.4, 3)}}


def _quick(dice: Random, node_id: str, _log: str) -> Node:
    return {"id": node_id, "type": "constant", "params": {"value": dice.randrange(1000)}}


def _large(dice: Random, node_id: str, _log: str) -> Node:
    return {"id": node_id, "type": "constant", "params": {"value": "x" * dice.randrange(200_000)}}


def _flaky(dice: Random, node_id: str, _log: str) -> Node:
    return {"id": node_id, "type": "flaky", "params": {"times": dice.randint(0, 2)}, "retry": RETRY}


def _fail(_dice: Random, node_id: str, _log: str) -> Node:
    return {"id": node_id, "type": "fail", "on_error": "continue"}


def _signal(_dice: Random, node_id: str, _log: str) -> Node:
    return {"id": node_id, "type": "wait_signal"}


def _map(dice: Random, node_id: str, log: str) -> Node:
    body: Node = {"inputs": {"item": {}, "index": {}}, "nodes": [_counter(dice, "c", log), _delay(dice, "d", log)]}
    items = list(range(dice.randint(0, 5)))
    return {"id": node_id, "type": "map", "params": {"items": items, "workflow": body, "max_concurrency": 2}}


def _loop(dice: Random, node_id: str, log: str) -> Node:
    step = {"id": "s", "type": "expression", "params": {"expr": "inputs.state + 1"}}
    body: Node = {
        "inputs": {"state": {}, "iteration": {}},
        "outputs": {"state": {"node": "s", "output": "value"}},
        "nodes": [_counter(dice, "c", log), step],
    }
    params: Node = {"state": 0, "while": "state < 3", "max_iterations": 5, "workflow": body}
    return {"id": node_id, "type": "loop", "params": params}


def _sub(dice: Random, node_id: str, log: str) -> Node:
    body: Node = {"nodes": [_counter(dice, "c", log), _quick(dice, "q", log)]}
    return {"id": node_id, "type": "sub_workflow", "params": {"workflow": body}}
