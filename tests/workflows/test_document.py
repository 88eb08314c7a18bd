"""How the objects of a document are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from bluev_actors.testing.strategies import json_objects, json_values
from bluev_actors.workflows.document import DocumentReader
from bluev_actors.workflows.graph import Edge, Node, Rate, RetryPolicy, Settings, WorkflowInput, WorkflowOutput
from bluev_actors.workflows.problems import Findings

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


class Bench:
    """A reader and what it noted."""

    def __init__(self) -> None:
        self.findings = Findings()
        self.reader = DocumentReader(self.findings)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Code and path of each error, in the order of finding."""
        return [(it.code, it.path) for it in self.findings.errors(None)]

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Code and path of each warning."""
        return [(it.code, it.path) for it in self.findings.warnings(None)]


# --- nodes ------------------------------------------------------------------------------------------------


def test_a_node_in_full() -> None:
    """Every field that does something."""
    bench = Bench()
    raw = {
        "id": "a",
        "type": "fetch",
        "type_version": 2,
        "params": {"url": "x"},
        "label": "Fetch",
        "disabled": True,
        "timeout": 1,
        "total_timeout": 2.5,
        "retry": {"max_attempts": 3, "retry_on": ["timeout"], "never_on": ["permanent"], "jitter": "full"},
        "on_error": "continue",
        "trigger_rule": "all_done",
        "pause_mode": "drain",
    }
    policy = RetryPolicy(3, retry_on=("timeout",), never_on=("permanent",), jitter="full")
    expected = Node("a", "fetch", {"url": "x"}, 2, "Fetch", True, 1, 2.5, policy, "continue", "all_done", "drain")
    assert bench.reader.read_node(raw, "nodes[0]") == expected
    assert bench.errors == bench.warnings == []


def test_null_means_not_set() -> None:
    """Front ends send it for empty fields; what is required has to be there."""
    bench = Bench()
    raw = {"id": "a", "type": "noop", "timeout": None, "retry": None, "label": None, "params": None}
    assert bench.reader.read_node(raw, "nodes[0]") == Node("a", "noop")
    assert bench.reader.read_node({"id": None, "type": "noop"}, "nodes[1]") is None
    assert bench.errors == [("invalid_node_id", "nodes[1].id")]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (5, [("invalid_field_type", "n")]),
        ([], [("invalid_field_type", "n")]),
        ({}, [("missing_field", "n.id"), ("missing_field", "n.type")]),
        ({"id": "a/b", "type": 5}, [("invalid_node_id", "n.id"), ("invalid_field_type", "n.type")]),
        ({"id": "a", "type": "x", "timeout": -1}, [("invalid_timeout", "n.timeout")]),
        ({"id": "a", "type": "x", "trigger_rule": "some"}, [("invalid_trigger_rule", "n.trigger_rule")]),
        ({"id": "a", "type": "x", "params": []}, [("invalid_field_type", "n.params")]),
        ({"id": "a", "type": "x", "retry": 3}, [("invalid_field_type", "n.retry")]),
        ({"id": "a", "type": "x", "retry": {"max_attempts": 0}}, [("invalid_retry_policy", "n.retry.max_attempts")]),
        ({"id": "a", "type": "x", "retry": {"tries": 2}}, [("unknown_field", "n.retry.tries")]),
    ],
)
def test_what_is_wrong_with_a_node(raw: Json, expected: list[tuple[str, str]]) -> None:
    """Each field for itself, with its own code."""
    bench = Bench()
    bench.reader.read_node(raw, "n")
    assert bench.errors == expected


def test_a_message_says_what_would_be_right() -> None:
    """And shows what was there; choices are told to programs too."""
    bench = Bench()
    bench.reader.read_node({"id": "a", "type": "x", "on_error": "stop"}, "nodes[0]")
    [problem] = bench.findings.errors(None)
    assert problem.message == "'on_error' of a node has to be one of fail, continue, error_output, not \"stop\""
    assert problem.details == {"choices": ["fail", "continue", "error_output"]}
    assert problem.node_id == "a"


def test_a_node_may_name_a_limit_and_ask_for_the_cache() -> None:
    """Both are read as they stand."""
    bench = Bench()
    raw = {"id": "a", "type": "x", "concurrency_key": "api", "cache": "by_inputs"}
    assert bench.reader.read_node(raw, "n") == Node("a", "x", concurrency_key="api", cache="by_inputs")
    assert bench.reader.read_node({"id": "a", "type": "x", "cache": "never"}, "m") == Node("a", "x")
    assert bench.warnings == []


def test_limits_by_key() -> None:
    """How many at one time, and how often; what is no such thing is named with its key."""
    bench = Bench()
    raw = {"concurrency": {"api": 2, "b": 0}, "rates": {"api": {"limit": 5, "period": 1.5}, "c": 3, "d": {"limit": 1}}}
    settings = bench.reader.read_settings(raw)
    assert (settings.concurrency, settings.rates) == ({"api": 2}, {"api": Rate(5, 1.5)})
    assert [(code, path) for code, path in bench.errors] == [
        ("invalid_field_type", "settings.concurrency.b"),
        ("invalid_field_type", "settings.rates.c"),
        ("missing_field", "settings.rates.d.period"),
    ]


# --- unknown fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["position", "metadata", "notes", "x", "colour", "my_own_key", "a" * 1000])
def test_what_front_ends_keep_is_kept_silently(name: str) -> None:
    """Anything that is no slip of ours is theirs."""
    bench = Bench()
    assert bench.reader.read_node({"id": "a", "type": "x", name: {"anything": 1}}, "n") == Node("a", "x")
    assert bench.errors == bench.warnings == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [("parms", "params"), ("timout", "timeout"), ("on_eror", "on_error"), ("triger_rule", "trigger_rule")],
)
def test_a_slip_is_noticed(name: str, meant: str) -> None:
    """A key that nearly is one of ours is not silently ignored."""
    bench = Bench()
    bench.reader.read_node({"id": "a", "type": "x", name: 1}, "n")
    [warning] = bench.findings.warnings(None)
    assert (warning.code, warning.path, warning.details) == ("unknown_field", f"n.{name}", {"suggestions": [meant]})


def test_slips_are_looked_up_once_and_not_for_ever() -> None:
    """A hundred thousand nodes with the same key cost one look, and with different keys not many."""
    bench = Bench()
    for number in range(3000):
        bench.reader.read_node({"id": "a", "type": "x", f"key {number}": 1, "parms": 1}, "n")
    assert len(bench.reader._slips) == 1000  # pyright: ignore[reportPrivateUsage] # the bound is what is tested
    assert len(bench.findings.warnings(None)) == 1001


# --- the rest ---------------------------------------------------------------------------------------------


def test_settings_are_strict() -> None:
    """What nothing reads there is an error: a limit that is misspelt is no limit."""
    bench = Bench()
    raw: JsonObject = {"timeout": 5, "max_concurency": 2, "retry": {"factor": 3}, "grace": 0}
    assert bench.reader.read_settings(raw) == Settings(timeout=5, retry=RetryPolicy(factor=3), grace=0)
    assert bench.errors == [("unknown_field", "settings.max_concurency")]


def test_edges_are_four_texts() -> None:
    """With whatever a front end keeps beside them."""
    bench = Bench()
    ends = {"from_node": "a", "from_output": "out", "to_node": "b", "to_input": "in"}
    assert bench.reader.read_edge(ends, "c") == Edge("a", "out", "b", "in")
    assert bench.reader.read_edge({"to_input": "in", "id": "edge-1", **ends}, "c") == Edge("a", "out", "b", "in")
    assert bench.errors == bench.warnings == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a -> b", [("invalid_field_type", "c")]),
        (
            {"from_node": "a", "from_output": "out", "to_node": 5, "to_input": None},
            [("invalid_field_type", "c.to_node"), ("invalid_field_type", "c.to_input")],
        ),
        (
            {"from_node": "a", "from_output": "out", "to_node": "b", "from": "x"},
            [("missing_field", "c.to_input")],
        ),
    ],
)
def test_what_is_wrong_with_an_edge(raw: Json, expected: list[tuple[str, str]]) -> None:
    """Half a connection is none."""
    bench = Bench()
    assert bench.reader.read_edge(raw, "c") is None
    assert bench.errors == expected


def test_an_input_with_a_default_need_not_be_given() -> None:
    """Unless it says so; null is a default."""
    bench = Bench()
    assert bench.reader.read_input({}, "i") == WorkflowInput("any", True)
    assert bench.reader.read_input({"type": "int", "default": 5}, "i") == WorkflowInput("int", False, 5)
    assert bench.reader.read_input({"default": None}, "i") == WorkflowInput("any", False, None)
    assert bench.reader.read_input({"default": 1, "required": True}, "i") == WorkflowInput("any", True, 1)
    assert bench.errors == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("string", [("invalid_field_type", "i")]),
        ({"type": "str"}, [("invalid_field_type", "i.type")]),
        ({"type": "int", "default": "5"}, [("invalid_field_type", "i.default")]),
    ],
)
def test_what_is_wrong_with_an_input(raw: Json, expected: list[tuple[str, str]]) -> None:
    """Its default has to be of its type."""
    bench = Bench()
    bench.reader.read_input(raw, "i")
    assert bench.errors == expected


def test_outputs_name_a_node_and_its_output() -> None:
    """Both."""
    bench = Bench()
    assert bench.reader.read_output({"node": "a", "output": "out"}, "o") == WorkflowOutput("a", "out")
    assert bench.reader.read_output({"node": "a"}, "o") is None
    assert bench.reader.read_output(None, "o") is None
    assert bench.errors == [("invalid_field_type", "o"), ("missing_field", "o.output")]


def test_inner_workflows_are_read_as_they_stand() -> None:
    """Who looks for a body looks into them."""
    bench = Bench()
    assert bench.reader.read_workflow({"nodes": [], "workflows": {"inner": {}}})["workflows"] == {"inner": {}}
    assert bench.warnings == []


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, [("missing_field", "nodes")]),
        ({"nodes": {}}, [("invalid_field_type", "nodes")]),
        ({"nodes": [], "schema": 2}, [("schema_version_unsupported", "schema")]),
        ({"nodes": [], "id": ""}, [("invalid_workflow_id", "id")]),
        ({"nodes": [], "id": 5}, [("invalid_workflow_id", "id")]),
        ({"nodes": [], "connections": {}}, [("invalid_field_type", "connections")]),
    ],
)
def test_what_is_wrong_with_the_whole(raw: JsonObject, expected: list[tuple[str, str]]) -> None:
    """Only nodes are required: one node needs no connections, and the server makes ids."""
    bench = Bench()
    bench.reader.read_workflow(raw)
    assert bench.errors == expected


@given(json_values())
def test_any_value_is_read_or_refused(raw: Json) -> None:
    """Whatever stands where a node, an edge, an input or an output should."""
    bench = Bench()
    read = [
        bench.reader.read_node(raw, "a"),
        bench.reader.read_edge(raw, "b"),
        bench.reader.read_output(raw, "c"),
    ]
    bench.reader.read_input(raw, "d")
    assert read == [None] * 3
    assert len(bench.errors) >= 3


@given(json_objects())
def test_any_object_is_read_or_refused(raw: JsonObject) -> None:
    """The same where the whole or its settings should stand."""
    bench = Bench()
    bench.reader.read_workflow(raw)
    assert isinstance(bench.reader.read_settings(raw), Settings)
