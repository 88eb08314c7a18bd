"""The checks of single nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.workflows.compiler import Names
from bluev_actors.workflows.graph import Node
from bluev_actors.workflows.node_checks import NodeChecker
from bluev_actors.workflows.problems import Findings

if TYPE_CHECKING:
    from collections.abc import Collection

    from bluev_actors.workflows.kinds import NodeKind


class Bench:
    """A checker and what it noted."""

    def __init__(self, kinds: dict[str, NodeKind]) -> None:
        self.findings = Findings()
        names = Names(inputs=["city"], nodes=["a", "b"])
        self.checker = NodeChecker(kinds, self.findings, names, disabled=["fetch", "ghost"], secrets=["KNOWN"])

    def take(self, node: Node, connected: Collection[str] = ()) -> list[tuple[str, str]]:
        """Code and path of each error so far."""
        self.checker.take(node, "nodes[0]", connected)
        return [(problem.code, problem.path) for problem in self.findings.errors(None)]


@pytest.fixture
def bench(kinds: dict[str, NodeKind]) -> Bench:
    """A fresh one."""
    return Bench(kinds)


def test_a_right_node_is_compiled(bench: Bench) -> None:
    """And noted under its id."""
    assert bench.take(Node("a", "delay", {"seconds": 1})) == []
    assert bench.checker.params["a"].evaluate({}) == {"seconds": 1}


def test_an_unknown_type_comes_with_help(bench: Bench) -> None:
    """Nothing else is known of such a node."""
    assert bench.take(Node("a", "dellay", {"seconds": "x"})) == [("unknown_node_type", "nodes[0].type")]
    [problem] = bench.findings.errors(None)
    assert problem.message == 'there is no node type "dellay"; did you mean "delay"?'
    assert problem.details is not None
    assert problem.details["suggestions"][0] == "delay"
    assert problem.node_id == "a"
    assert "a" not in bench.checker.params


def test_a_type_that_is_off_is_told_with_the_switch(bench: Bench) -> None:
    """Its params are checked all the same; one that is not even installed is only off."""
    errors = bench.take(Node("a", "fetch", {"url": 5}))
    assert errors == [("node_type_disabled", "nodes[0].type"), ("invalid_param", "nodes[0].params.url")]
    assert "--allow fetch" in bench.findings.errors(None)[0].message
    assert bench.take(Node("b", "ghost")).count(("node_type_disabled", "nodes[0].type")) == 2


def test_versions_have_to_agree(bench: Bench) -> None:
    """The one that is here, or none."""
    assert bench.take(Node("a", "words", type_version=2), ["text"]) == []
    assert bench.take(Node("a", "words"), ["text"]) == []
    assert bench.take(Node("a", "words", type_version=1), ["text"]) == [
        ("node_type_version_unsupported", "nodes[0].type_version")
    ]


def test_required_inputs_come_from_somewhere(bench: Bench) -> None:
    """A connection, a param or a default."""
    assert bench.take(Node("a", "length"), ["text"]) == []
    assert bench.take(Node("a", "length", {"text": "hi"})) == []
    assert bench.take(Node("a", "branch", {"condition": "true"})) == []
    assert bench.take(Node("a", "merge"), ["in"]) == []
    assert bench.take(Node("a", "length")) == [("required_input_missing", "nodes[0]")]
    [problem] = bench.findings.errors(None)
    assert (problem.port, problem.node_id) == ("text", "a")


def test_every_node_without_params_is_told(bench: Bench) -> None:
    """Those of the same kind share what is compiled, not what is wrong."""
    for node_id in ("a", "b"):
        bench.take(Node(node_id, "fetch"))
    missing = [it.node_id for it in bench.findings.errors(None) if it.code == "missing_param"]
    assert missing == ["a", "b"]


def test_nodes_without_params_are_compiled_once(bench: Bench) -> None:
    """A hundred thousand of them share one."""
    bench.take(Node("a", "noop"))
    bench.take(Node("b", "noop"))
    assert bench.checker.params["a"] is bench.checker.params["b"]


def test_formulas_name_the_inputs_of_their_node(bench: Bench) -> None:
    """Connected ones, those given as params, declared ones; not its settings, not `after`."""
    expression = Node("a", "expression", {"expr": "left + right + 1", "right": 2})
    assert bench.take(expression, ["left", "after"]) == []
    assert bench.take(Node("a", "branch", {"condition": "value > 1 && inputs.city == 'Oslo'"})) == []
    assert bench.take(Node("a", "filter", {"where": "item.size > 1 && size(items) > 0", "items": []})) == []
    bench.take(Node("a", "expression", {"expr": "expr"}))
    assert (
        bench.take(Node("a", "expression", {"expr": "after"}), ["after"])
        == [("unknown_expression_name", "nodes[0].params.expr")] * 2
    )
    message = bench.findings.errors(None)[0].message
    assert message == 'there is no "expr" here; there is: "inputs", "nodes", "params", "run"'


def test_secrets_are_followed(bench: Bench) -> None:
    """A lost one is an error, a plain one a warning."""
    params = {"seconds": 1, "a": {"$secret": "KNOWN"}, "b": {"$secret": "LOST"}, "password": "hunter2"}
    assert bench.take(Node("a", "delay", params)) == [("unknown_secret", "nodes[0].params.b")]
    [warning] = bench.findings.warnings(None)
    assert (warning.code, warning.path, warning.node_id) == (
        "secret_in_plain_param",
        "nodes[0].params.password",
        "a",
    )
