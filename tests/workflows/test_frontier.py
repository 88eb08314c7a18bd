"""Which nodes may start: the counting walk, held against one that looks at everything each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.frontier import Frontier, Step, fires
from bluev_actors.workflows.graph import Edge, Node, TriggerRule, Workflow
from bluev_actors.workflows.kinds import NodeKind

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES: Final[list[TriggerRule]] = ["all_success", "all_done", "one_success", "any_failed", "none_failed"]
KINDS: Final = {"noop": NodeKind("noop"), "join": NodeKind("join", trigger_rule="none_failed")}
OUTCOMES: Final = ["completed", "branch", "failed", "error_output", "cancelled"]
FAILED: Final = "upstream_failed"


def told(steps: list[Step]) -> list[str]:
    """Steps as text: the nodes that start, and those that do not with the reason."""
    return [node.id if reason is None else f"{node.id}: {reason}" for node, reason in steps]


def produced(outcome: str) -> tuple[tuple[str, ...], str]:
    """What a node of this outcome gave, and why the rest will never come."""
    return {
        "completed": (("out", "other", "done"), "branch"),
        "branch": (("out", "done"), "branch"),
        "failed": ((), "failed"),
        "error_output": (("error",), "failed"),
        "cancelled": ((), "fail_fast"),
    }[outcome]


@st.composite
def graphs(draw: st.DrawFn) -> Workflow:
    """Any graph without circles, with any rules, in any order of its document."""
    count = draw(st.integers(1, 9))
    nodes = [
        Node(
            str(number),
            draw(st.sampled_from(sorted(KINDS))),
            trigger_rule=draw(st.none() | st.sampled_from(RULES)),
            disabled=draw(st.integers(0, 5)) == 0,
        )
        for number in range(count)
    ]
    pairs = [(a, b) for b in range(count) for a in range(b)]
    outputs = st.sampled_from(["out", "other", "done", "error"])
    edges = [
        Edge(str(a), draw(outputs), str(b), "in")
        for a, b in (draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else [])
    ]
    return Workflow("w", tuple(draw(st.permutations(nodes))), tuple(edges))


def naive(workflow: Workflow, outcomes: dict[str, str]) -> dict[str, str]:
    """What becomes of each node: `start`, or the reason of its skip. Looks at all edges of a node at once."""
    fate: dict[str, str] = {}
    waiting = list(workflow.nodes)
    while waiting:
        for node in list(waiting):
            edges = workflow.incoming[node.id]
            if all(edge.from_node in fate for edge in edges):
                fate[node.id] = _fate(node, edges, fate, outcomes)
                waiting.remove(node)
    return fate


def _fate(node: Node, edges: Sequence[Edge], fate: dict[str, str], outcomes: dict[str, str]) -> str:
    arrived = 0
    causes: list[str] = []
    for edge in edges:
        gave, cause = (
            produced(outcomes[edge.from_node]) if fate[edge.from_node] == "start" else ((), fate[edge.from_node])
        )
        if edge.from_output in gave:
            arrived += 1
        else:
            causes.append(FAILED if cause in ("failed", "fail_fast", FAILED) else cause)
    if node.disabled:
        return "disabled"
    rule = node.trigger_rule or KINDS[node.type].trigger_rule
    holds = {
        "all_success": not causes,
        "all_done": True,
        "one_success": arrived > 0,
        "any_failed": FAILED in causes,
        "none_failed": FAILED not in causes and (arrived > 0 or not causes),
    }[rule]
    if holds:
        return "start"
    return FAILED if FAILED in causes else causes[0] if causes else "trigger_rule"


@given(graphs(), st.data())
def test_every_node_is_decided_once_and_rightly(workflow: Workflow, data: st.DataObject) -> None:
    """Whatever ends first, each node starts or is skipped exactly once, as looking at the whole would say."""
    outcomes = {node.id: data.draw(st.sampled_from(OUTCOMES)) for node in workflow.nodes}
    frontier = Frontier(workflow, KINDS)
    steps: list[Step] = list(frontier.open())
    running = [node.id for node, reason in steps if reason is None]
    while running:
        node_id = running.pop(data.draw(st.integers(0, len(running) - 1)))
        new = frontier.settle(node_id, *produced(outcomes[node_id]))
        running += [node.id for node, reason in new if reason is None]
        steps += new
    decided = {node.id: reason or "start" for node, reason in steps}
    assert len(steps) == len(decided) == len(workflow.nodes)
    assert frontier.unsettled == 0
    expected = naive(workflow, outcomes)
    assert {k: v == "start" for k, v in decided.items()} == {k: v == "start" for k, v in expected.items()}
    assert {k for k, v in decided.items() if v == FAILED} == {k for k, v in expected.items() if v == FAILED}


@given(graphs())
def test_nothing_starts_before_what_it_waits_for(workflow: Workflow) -> None:
    """At no time is a node started whose sources have not all ended."""
    frontier = Frontier(workflow, KINDS)
    ended: set[str] = set()
    steps = list(frontier.open())
    while steps:
        node, reason = steps.pop(0)
        skipped = {later.id for later, why in steps if why is not None}
        assert {edge.from_node for edge in workflow.incoming[node.id]} <= ended | skipped
        ended.add(node.id)
        if reason is None:
            steps += frontier.settle(node.id, *produced("completed"))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # one arrived | one arrived, one not taken | none taken | one arrived, one failed | all failed | no edges
        ("all_success", [True, False, False, False, False, True]),
        ("all_done", [True, True, True, True, True, True]),
        ("one_success", [True, True, False, True, False, False]),
        ("any_failed", [False, False, False, True, True, False]),
        ("none_failed", [True, True, False, False, False, True]),
    ],
)
def test_the_rules_as_a_table(rule: TriggerRule, expected: list[bool]) -> None:
    """Each rule in each situation."""
    situations = [
        (1, False, False),
        (1, False, True),
        (0, False, True),
        (1, True, True),
        (0, True, True),
        (0, False, False),
    ]
    assert [fires(rule, arrived, failed=failed, dead=dead) for arrived, failed, dead in situations] == expected


def test_a_node_without_a_rule_has_its_kinds() -> None:
    """A join goes on with what arrived; a plain node does not."""
    edges = (Edge("a", "out", "b", "in"), Edge("a", "other", "b", "in"), Edge("a", "other", "c", "in"))
    workflow = Workflow("w", (Node("a", "noop"), Node("b", "join"), Node("c", "noop")), edges)
    frontier = Frontier(workflow, KINDS)
    assert told(frontier.open()) == ["a"]
    assert told(frontier.settle("a", ("out", "done"), "branch")) == ["b", "c: branch"]


def test_skips_run_down_the_graph() -> None:
    """What follows from a skip follows at once, with the reason."""
    nodes = (Node("a", "noop"), Node("b", "noop"), Node("c", "noop"), Node("d", "noop", trigger_rule="any_failed"))
    edges = (Edge("a", "out", "b", "in"), Edge("b", "out", "c", "in"), Edge("c", "done", "d", "after"))
    frontier = Frontier(Workflow("w", nodes, edges), KINDS)
    frontier.open()
    assert told(frontier.settle("a", (), "failed")) == [f"b: {FAILED}", f"c: {FAILED}", "d"]


def test_a_disabled_node_is_skipped_when_its_turn_comes() -> None:
    """Even one that nothing leads to, and with it those that need it."""
    nodes = (Node("a", "noop", disabled=True), Node("b", "noop"), Node("c", "noop", trigger_rule="all_done"))
    edges = (Edge("a", "out", "b", "in"), Edge("a", "out", "c", "in"))
    steps = Frontier(Workflow("w", nodes, edges), KINDS).open()
    assert told(steps) == ["a: disabled", "b: disabled", "c"]


def test_a_rule_may_skip_what_nothing_leads_to() -> None:
    """A node for failures with nothing that could fail before it has the rule itself as its reason."""
    workflow = Workflow("w", (Node("a", "noop", trigger_rule="any_failed"),))
    assert told(Frontier(workflow, KINDS).open()) == ["a: trigger_rule"]


class _CountingKinds(dict[str, NodeKind]):
    """A catalogue that counts how often it is asked."""

    asked = 0

    def __getitem__(self, name: str) -> NodeKind:
        self.asked += 1
        return super().__getitem__(name)


@pytest.mark.parametrize("count", [10, 1000])
def test_a_long_chain_is_walked_once(count: int) -> None:
    """Each settling decides exactly one node: a chain costs a step a node, however long it is, and no recursion."""
    nodes = tuple(Node(str(number), "noop") for number in range(count))
    edges = tuple(Edge(str(number), "out", str(number + 1), "in") for number in range(count - 1))
    kinds = _CountingKinds(KINDS)
    frontier = Frontier(Workflow("w", nodes, edges), kinds)
    steps = frontier.open()
    for number in range(count):
        assert told(steps) == [str(number)]
        steps = frontier.settle(str(number), ("out", "done"), "branch")
    assert frontier.unsettled == 0
    assert kinds.asked == count


def test_a_skip_down_a_long_chain_is_no_recursion() -> None:
    """Ten thousand skips in one call."""
    nodes = tuple(Node(str(number), "noop") for number in range(10_000))
    edges = tuple(Edge(str(number), "out", str(number + 1), "in") for number in range(9_999))
    frontier = Frontier(Workflow("w", nodes, edges), KINDS)
    frontier.open()
    assert len(frontier.settle("0", (), "failed")) == 9_999
