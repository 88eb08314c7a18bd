"""The checks of connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.workflows.connections import ConnectionChecker
from bluev_actors.workflows.graph import Edge, Node
from bluev_actors.workflows.problems import Findings

if TYPE_CHECKING:
    from bluev_actors.workflows.kinds import NodeKind
    from bluev_actors.workflows.problems import GraphProblem

NODES = [
    Node("noop", "noop"),
    Node("delay", "delay"),
    Node("constant", "constant"),
    Node("echo", "echo"),
    Node("length", "length"),
    Node("half", "half"),
    Node("words", "words"),
    Node("total", "total"),
    Node("merge", "merge"),
    Node("fetch", "fetch", on_error="error_output"),
    Node("strange", "no such type"),
]


def check(kinds: dict[str, NodeKind], *links: str) -> tuple[list[GraphProblem], ConnectionChecker]:
    """Check connections written as `node.output -> node.input`."""
    findings = Findings()
    checker = ConnectionChecker({node.id: node for node in NODES}, kinds, findings)
    for index, link in enumerate(links):
        checker.take(Edge(*link.replace(" -> ", ".").split(".")), f"connections[{index}]")
    return list(findings.errors(None)), checker


@pytest.mark.parametrize(
    "link",
    [
        "constant.value -> echo.value",
        "constant.value -> length.text",
        "fetch.body -> length.text",
        "length.value -> half.value",
        "noop.out -> delay.in",
        "noop.whatever -> delay.anything",
        "fetch.done -> length.after",
        "fetch.status -> length.after",
        "fetch.error -> echo.value",
        "fetch.done -> echo.value",
        "strange.anything -> echo.value",
        "echo.value -> strange.anything",
        "words.words -> echo.value",
        "half.value -> total.in",
    ],
)
def test_what_may_be_connected(kinds: dict[str, NodeKind], link: str) -> None:
    """Types that fit, `done` and `after` everywhere, `error` where it is an output."""
    assert check(kinds, link)[0] == []


@pytest.mark.parametrize(
    ("link", "code", "path", "port"),
    [
        ("nobody.out -> echo.value", "unknown_from_node", "connections[0].from_node", None),
        ("echo.value -> nobody.in", "unknown_to_node", "connections[0].to_node", None),
        ("echo.out -> half.value", "unknown_output", "connections[0].from_output", "out"),
        ("echo.error -> half.value", "unknown_output", "connections[0].from_output", "error"),
        ("noop.out -> echo.in", "unknown_input", "connections[0].to_input", "in"),
        ("noop.out -> fetch.url", "unknown_input", "connections[0].to_input", "url"),
        ("noop.out -> delay.seconds", "unknown_input", "connections[0].to_input", "seconds"),
        ("noop.out -> noop.in", "self_connection", "connections[0]", None),
        ("noop.done -> noop.after", "self_connection", "connections[0]", None),
        ("fetch.body -> half.value", "type_mismatch", "connections[0]", "value"),
        ("half.value -> length.text", "type_mismatch", "connections[0]", "text"),
        ("fetch.done -> length.text", "type_mismatch", "connections[0]", "text"),
        ("fetch.error -> length.text", "type_mismatch", "connections[0]", "text"),
        ("words.words -> length.text", "type_mismatch", "connections[0]", "text"),
        ("words.words -> total.in", "type_mismatch", "connections[0]", "in"),
    ],
)
def test_what_may_not(kinds: dict[str, NodeKind], link: str, code: str, path: str, port: str | None) -> None:
    """One problem each, where it is."""
    [problem], _ = check(kinds, link)
    assert (problem.code, problem.path, problem.port) == (code, path, port)


def test_both_ends_may_be_unknown(kinds: dict[str, NodeKind]) -> None:
    """Both are told."""
    problems, _ = check(kinds, "a.x -> b.y")
    assert [problem.code for problem in problems] == ["unknown_from_node", "unknown_to_node"]


def test_help_is_given(kinds: dict[str, NodeKind]) -> None:
    """What may be meant, or what there is."""
    problems, _ = check(kinds, "fetch.bdy -> length.txt", "fetc.body -> length.text", "noop.out -> delay.seconds")
    output, input_, node, param = problems
    assert output.message == '"fetch" (fetch) has no output "bdy"; did you mean "body"?'
    assert output.details == {"suggestions": ["body"], "known": ["status", "body", "done"]}
    assert input_.message == '"length" (length) has no input "txt"; did you mean "text"?'
    assert node.message == 'there is no node "fetc"; did you mean "fetch"?'
    assert "write `${nodes.ID.OUTPUT}` into it" in param.message


def test_an_error_output_has_to_be_asked_for(kinds: dict[str, NodeKind]) -> None:
    """The message says how."""
    [problem], _ = check(kinds, "echo.error -> half.value")
    assert "unless its on_error is error_output" in problem.message


def test_an_input_takes_one_unless_it_takes_many(kinds: dict[str, NodeKind]) -> None:
    """`after`, ports for many and free names take many."""
    problems, _ = check(kinds, "noop.out -> echo.value", "delay.out -> echo.value", "half.value -> echo.value")
    assert [(problem.code, problem.path) for problem in problems] == [
        ("input_already_connected", "connections[1].to_input"),
        ("input_already_connected", "connections[2].to_input"),
    ]
    many = ["noop.out -> merge.in", "delay.out -> merge.in", "noop.a -> delay.x", "echo.value -> delay.x"]
    assert check(kinds, *many, "noop.out -> echo.after", "delay.out -> echo.after")[0] == []


def test_the_same_connection_twice(kinds: dict[str, NodeKind]) -> None:
    """Is one problem, not two; the same ends with other ports are another connection."""
    problems, _ = check(kinds, "noop.out -> echo.value", "noop.out -> echo.value")
    assert [problem.code for problem in problems] == ["duplicate_connection"]
    assert check(kinds, "noop.a -> delay.in", "noop.b -> delay.in")[0] == []


def test_connected_inputs_are_remembered(kinds: dict[str, NodeKind]) -> None:
    """By node, in their order, without `after`; for the check of what is required."""
    _, checker = check(
        kinds, "noop.a -> delay.y", "noop.b -> delay.x", "noop.done -> delay.after", "half.value -> echo.value"
    )
    assert {node_id: list(names) for node_id, names in checker.inputs.items()} == {
        "delay": ["y", "x"],
        "echo": ["value"],
    }


def test_only_joined_nodes_are_joined(kinds: dict[str, NodeKind]) -> None:
    """What leads nowhere is no edge of the graph; a wrong port still is one."""
    findings = Findings()
    checker = ConnectionChecker({node.id: node for node in NODES}, kinds, findings)
    assert checker.take(Edge("noop", "out", "echo", "nonsense"), "c")
    assert not checker.take(Edge("noop", "out", "nobody", "in"), "c")
    assert not checker.take(Edge("noop", "out", "noop", "in"), "c")
