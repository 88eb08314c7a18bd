from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.errors import RefusedError
from bluev_actors.workflows.options import Rerun
from bluev_actors.workflows.rerun import reusable
from bluev_actors.workflows.run_state import NodeState, RunState
from bluev_actors.workflows.trusted import trusted_workflow

if TYPE_CHECKING:
    from bluev_actors.workflows.run_events import NodeStatus
    from bluev_actors.workflows.values import JsonObject

CHAIN: JsonObject = {
    "nodes": [{"id": name, "type": "noop"} for name in ("a", "b", "c", "aside")],
    "connections": [
        {"from_node": "a", "from_output": "out", "to_node": "b", "to_input": "in"},
        {"from_node": "b", "from_output": "out", "to_node": "c", "to_input": "in"},
    ],
}


def state_of(**statuses: Any) -> RunState:  # noqa: ANN401 - statuses; literals do not go through `**`
    """An ended run whose nodes ended so; each completed one gave its name."""
    state = RunState("run-1", "w", status="failed")
    for node_id, status in statuses.items():
        state.nodes[node_id] = NodeState(status, outputs={"out": node_id} if status == "completed" else None)
    return state


ALL = state_of(a="completed", b="completed", c="completed", aside="completed")


def reused(
    new: JsonObject = CHAIN,
    state: RunState = ALL,
    *,
    old: JsonObject = CHAIN,
    inputs: tuple[JsonObject, JsonObject] = ({}, {}),
    **rerun: Any,  # noqa: ANN401 - the fields of `Rerun`
) -> set[str]:
    """The nodes that are taken over."""
    before, after = trusted_workflow(old, "w"), trusted_workflow(new, "w")
    found = reusable(before, state, inputs[0], after, inputs[1], Rerun(from_run="run-1", **rerun))
    assert all(outputs == {"out": node_id} for node_id, outputs in found.items())
    return set(found)


def changed(node_id: str, **change: Any) -> JsonObject:  # noqa: ANN401 - keys of a node
    """The chain with a node changed."""
    document = deepcopy(CHAIN)
    next(node for node in document["nodes"] if node["id"] == node_id).update(change)
    return document


def test_what_failed_and_what_follows() -> None:
    """What completed stays; what failed, and what it kept from running, runs again."""
    assert reused(state=state_of(a="completed", b="failed", c="skipped", aside="completed")) == {"a", "aside"}


@pytest.mark.parametrize("status", ["failed", "cancelled", "skipped", "paused", "running"])
def test_only_records_of_completed_nodes(status: NodeStatus) -> None:
    """Nothing but a completed node has anything to take over."""
    assert reused(state=state_of(a=status)) == set()


def test_everything_below_what_runs_again_is_reset() -> None:
    """A completed node after one that had failed and was passed over runs again."""
    assert reused(state=state_of(a="failed", b="completed", c="completed")) == set()


def test_what_a_branch_skipped_is_skipped_again() -> None:
    """A join after a branch need not run again because one way had not been taken."""
    assert reused(state=state_of(a="completed", b="skipped", c="completed")) == {"a", "c"}


@pytest.mark.parametrize("mode", ["failed", "stale"])
def test_changed(mode: str) -> None:
    """A node that is defined otherwise runs again, with all that follows."""
    assert reused(changed("b", params={"x": 1}), mode=mode) == {"a", "aside"}


def test_only_looks_changed() -> None:
    """A node that was moved on the screen, or is to be tried more often, stays."""
    assert reused(changed("b", label="B", retry={"max_attempts": 9}), mode="stale") == {"a", "b", "c", "aside"}


def test_from_nodes() -> None:
    """The named ones run again though nothing was wrong with them, and what follows too."""
    assert reused(mode="from_nodes", nodes=("b", "aside")) == {"a"}


def test_nodes_that_are_gone_or_new() -> None:
    """A new node runs; one that is gone is missed by those it led to."""
    without = {"nodes": [{"id": it, "type": "noop"} for it in ("b", "aside", "new")], "connections": []}
    assert reused(without, mode="stale") == {"aside"}


def test_disabled_now() -> None:
    """A node that was switched off is not taken over."""
    assert reused(changed("b", disabled=True)) == {"a", "aside"}


def test_inputs() -> None:
    """Of the nodes, those that name an input that is another one now run again."""
    document = changed("b", params={"x": "${inputs.city}"})
    assert reused(document, old=document, inputs=({"city": 1, "n": 1}, {"city": 1, "n": 2})) == {"a", "b", "c", "aside"}
    assert reused(document, old=document, inputs=({"city": 1}, {"city": 2})) == {"a", "aside"}


def test_order() -> None:
    """Outputs come in the order in which a run would have given them."""
    workflow = trusted_workflow(CHAIN, "w")
    found = list(reusable(workflow, ALL, {}, workflow, {}, Rerun(from_run="run-1")))
    assert found.index("a") < found.index("b") < found.index("c")


def test_a_body_as_a_whole() -> None:
    """A container is taken over without the nodes inside it, or not at all."""
    body = {"nodes": [{"id": "x", "type": "noop"}]}
    document = {"nodes": [{"id": "each", "type": "map", "params": {"workflow": body}}]}
    state = state_of(each="completed", **{"each[0]/x": "completed"})
    assert reused(document, state, old=document) == {"each"}
    state = state_of(each="failed", **{"each[0]/x": "completed"})
    assert reused(document, state, old=document) == set()


def test_a_run_that_goes_on() -> None:
    """What a live run will yet do is not known."""
    state = RunState("run-1", "w", status="paused")
    with pytest.raises(RefusedError, match="run-1 has not ended") as caught:
        reused(state=state)
    assert caught.value.code == "invalid_state"


@pytest.mark.parametrize("name", ["bb", "each[0]/x"])
def test_unknown_node(name: str) -> None:
    """A node to begin with that the new workflow has not is named, with what may be meant."""
    with pytest.raises(RefusedError, match=r"has no node .* to begin with; (did you mean \"b\"|there is)") as caught:
        reused(mode="from_nodes", nodes=("a", name))
    assert caught.value.code == "not_found"


def test_no_node_to_begin_with() -> None:
    """Nothing to begin with is a slip, and said so."""
    with pytest.raises(RefusedError, match="needs `nodes`") as caught:
        reused(mode="from_nodes")
    assert caught.value.code == "bad_message"


# --- against the plain definition ---------------------------------------------------------------------------

STATUSES = st.sampled_from(["completed", "completed", "completed", "skipped", "failed"])


@st.composite
def graphs(draw: st.DrawFn) -> JsonObject:
    """A small graph whose connections lead from lower to higher numbers."""
    count = draw(st.integers(1, 6))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    return {
        "nodes": [
            {
                "id": f"n{number}",
                "type": "noop",
                "params": {"x": draw(st.sampled_from([1, "${inputs.a}", "${inputs}"]))},
            }
            for number in range(count)
        ],
        "connections": [
            {
                "from_node": f"n{a}",
                "from_output": "out",
                "to_node": f"n{b}",
                "to_input": draw(st.sampled_from(["in", "x"])),
            }
            for a, b in (draw(st.lists(pairs, max_size=8)) if count > 1 else [])
        ],
    }


@st.composite
def edits(draw: st.DrawFn, document: JsonObject) -> JsonObject:
    """The same graph with a few things changed."""
    found = deepcopy(document)
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["param", "node", "edge", "extra"]))
        if kind == "param":
            draw(st.sampled_from(found["nodes"]))["params"] = {"x": draw(st.sampled_from([1, 2, "${inputs.b}"]))}
        elif kind == "node" and len(found["nodes"]) > 1:
            gone = found["nodes"].pop(draw(st.integers(0, len(found["nodes"]) - 1)))["id"]
            found["connections"] = [it for it in found["connections"] if gone not in (it["from_node"], it["to_node"])]
        elif kind == "edge" and found["connections"]:
            found["connections"].pop(draw(st.integers(0, len(found["connections"]) - 1)))
        elif kind == "extra":
            found["nodes"].append({"id": f"extra{len(found['nodes'])}", "type": "noop", "params": {"x": 1}})
    return found


class Plain:
    """The definition, said as plainly as it can be: look at everything, all the way up, every time."""

    def __init__(self, old: JsonObject, state: RunState, new: JsonObject, again: set[str]) -> None:
        self.old, self.state, self.new, self.again = old, state, new, again
        self.inputs: tuple[JsonObject, JsonObject] = ({}, {})

    def stands(self, node_id: str) -> bool:
        """Whether nothing about a node, or what leads to it, gives a reason to run it again."""
        same = self._definition(self.old, node_id, 0) == self._definition(self.new, node_id, 1)
        ended = self.state.node(node_id).status in ("completed", "skipped")
        sources = [it["from_node"] for it in self.new["connections"] if it["to_node"] == node_id]
        return same and ended and node_id not in self.again and all(map(self.stands, sources))

    def _definition(self, document: JsonObject, node_id: str, side: int) -> object:
        params = [node["params"]["x"] for node in document["nodes"] if node["id"] == node_id]
        inputs = self.inputs[side]
        seen = [inputs if it == "${inputs}" else inputs[it[9:-1]] for it in params if isinstance(it, str)]
        edges = [it for it in document["connections"] if it["to_node"] == node_id]
        return params, seen, {port: [it for it in edges if it["to_input"] == port] for port in ("in", "x")}


@given(data=st.data(), old=graphs())
def test_against_the_plain_definition(data: st.DataObject, old: JsonObject) -> None:
    """Hashes say what looking at everything says."""
    new = data.draw(edits(old))
    state = state_of(**{node["id"]: data.draw(STATUSES) for node in old["nodes"]})
    values = st.fixed_dictionaries({"a": st.integers(0, 1), "b": st.integers(0, 1)})
    inputs = (data.draw(values), data.draw(values))
    again = data.draw(st.sets(st.sampled_from([node["id"] for node in new["nodes"]]), max_size=1))
    plain = Plain(old, state, new, again)
    plain.inputs = inputs
    rerun: JsonObject = {"mode": "from_nodes", "nodes": tuple(again)} if again else {"mode": "stale"}
    expected = {
        node["id"] for node in new["nodes"] if state.node(node["id"]).status == "completed" and plain.stands(node["id"])
    }
    assert reused(new, state, old=old, inputs=inputs, **rerun) == expected
