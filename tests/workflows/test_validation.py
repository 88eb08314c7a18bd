"""A document in, a workflow or everything that is wrong with it out."""

from __future__ import annotations

import math
import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.testing.documents import chain, step, workflow
from bluev_actors.testing.strategies import json_objects, json_values, mutated, workflow_documents
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.graph import Edge, Node, RetryPolicy, Settings, WorkflowInput, WorkflowOutput
from bluev_actors.workflows.problems import PROBLEM_CODES, WARNING_CODES
from bluev_actors.workflows.validation import GraphLimits, Verdict, parse_workflow
from bluev_actors.workflows.values import MAX_DEPTH

if TYPE_CHECKING:
    from types import FrameType

    from bluev_actors.workflows.kinds import NodeKind
    from bluev_actors.workflows.values import Json, JsonObject

KNOWN: Final = "known"

RIGHT: JsonObject = {
    "id": "report",
    "schema": 1,
    "name": "Report",
    "description": "",
    "tags": ["a"],
    "metadata": {"zoom": 1.5},
    "inputs": {"city": {"type": "string", "default": "Oslo"}, "days": {"type": "int"}},
    "outputs": {"text": {"node": "render", "output": "text"}},
    "settings": {"timeout": 600, "max_concurrency": 8, "on_error": "finish_running", "retry": {"max_attempts": 2}},
    "nodes": [
        {
            "id": "fetch",
            "type": "fetch",
            "params": {"url": "https://x/${inputs.city}", "headers": {"authorization": {"$secret": KNOWN}}},
            "position": {"x": 0, "y": 0},
            "on_error": "error_output",
        },
        {"id": "count", "type": "length"},
        {"id": "sum", "type": "expression", "params": {"expr": "n + extra + inputs.days", "extra": 1}},
        {"id": "render", "type": "template", "params": {"text": "{{ total }} {{ nodes.fetch.status }}"}},
        {"id": "sorry", "type": "echo", "trigger_rule": "any_failed"},
    ],
    "connections": [
        {"from_node": "fetch", "from_output": "body", "to_node": "count", "to_input": "text"},
        {"from_node": "count", "from_output": "value", "to_node": "sum", "to_input": "n"},
        {"from_node": "sum", "from_output": "value", "to_node": "render", "to_input": "total"},
        {"from_node": "fetch", "from_output": "error", "to_node": "sorry", "to_input": "value"},
        {"from_node": "render", "from_output": "done", "to_node": "sorry", "to_input": "after"},
    ],
}


@pytest.fixture
def right() -> JsonObject:
    """A document without fault, to spoil."""
    return deepcopy(RIGHT)


def parse(document: object, kinds: dict[str, NodeKind], **more: Any) -> Verdict:  # noqa: ANN401 - as `parse_workflow`
    """Parse with the input that the right document wants."""
    return parse_workflow(document, kinds, inputs=more.pop("inputs", {"days": 3}), secrets=[KNOWN], **more)


def errors(document: object, kinds: dict[str, NodeKind], **more: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as above
    """Code and path of each error."""
    return [(problem.code, problem.path) for problem in parse(document, kinds, **more).errors]


# --- what is accepted -------------------------------------------------------------------------------------


def test_a_right_document_is_a_workflow(kinds: dict[str, NodeKind], right: JsonObject) -> None:
    """All of it, without a warning."""
    verdict = parse(right, kinds)
    assert verdict.errors == verdict.warnings == ()
    assert verdict.inputs == {"city": "Oslo", "days": 3}
    made = verdict.workflow
    assert made is not None
    assert made.id == "report"
    assert [node.id for node in made.nodes] == ["fetch", "count", "sum", "render", "sorry"]
    assert made.edges[0] == Edge("fetch", "body", "count", "text")
    assert made.inputs["city"] == WorkflowInput("string", False, "Oslo")
    assert made.outputs == {"text": WorkflowOutput("render", "text")}
    assert made.settings == Settings(600, 8, "finish_running", retry=RetryPolicy(2))
    assert made.document is right


def test_params_are_compiled_with_it(kinds: dict[str, NodeKind], right: JsonObject) -> None:
    """Every node has them, ready to be evaluated."""
    params = parse(right, kinds).params
    assert set(params) == {"fetch", "count", "sum", "render", "sorry"}
    scope = {"inputs": {"city": "Oslo", "days": 3}, "nodes": {"fetch": {"status": 200}}, "run": {}}
    assert params["fetch"].evaluate(scope)["url"] == "https://x/Oslo"
    assert params["sum"].compute("expr", {**scope, "n": 5, "extra": 1}) == 9
    assert params["render"].node_refs == {"fetch"}
    assert params["render"].compute("text", {**scope, "total": 9}) == "9 200"


def test_the_least_that_is_enough(kinds: dict[str, NodeKind]) -> None:
    """One node; the server makes an id."""
    made = parse({"nodes": [{"id": "a", "type": "noop"}]}, kinds, inputs=None).workflow
    assert made is not None
    assert (made.id, made.nodes, made.edges) == ("", (Node("a", "noop"),), ())


def test_a_recorded_graph_is_accepted(kinds: dict[str, NodeKind]) -> None:
    """Fork and join of `delay`s, with labels and metadata, as a front end exports them: no warning."""
    forks = [f"cpuhog_0000000{number}" for number in range(2, 10)]
    document = {
        "id": "helloworld-forkjoin-10.delay",
        "nodes": [
            {"id": node_id, "type": "delay", "params": {"seconds": 0.163}, "label": "cpuhog"}
            for node_id in ["cpuhog_00000001", *forks, "cpuhog_00000010"]
        ],
        "connections": [
            {"from_node": source, "from_output": "out", "to_node": target, "to_input": "in"}
            for fork in forks
            for source, target in (("cpuhog_00000001", fork), (fork, "cpuhog_00000010"))
        ],
        "metadata": {"nodes": 10, "acyclic": True, "critical_path_s": 0.5, "source": "somewhere"},
    }
    verdict = parse(document, kinds, inputs={})
    assert verdict.workflow is not None
    assert verdict.warnings == ()


@given(workflow_documents())
def test_right_documents_are_accepted(kinds: dict[str, NodeKind], document: JsonObject) -> None:
    """And what is accepted can be walked to its end."""
    verdict = parse(document, kinds, inputs={})
    assert verdict.errors == ()
    assert verdict.workflow is not None
    frontier = Frontier(verdict.workflow, kinds)
    steps = frontier.open()
    while steps:
        node, reason = steps.pop()
        assert reason is None
        steps += frontier.settle(node.id, ("out", "value", "done"), "branch")
    assert frontier.unsettled == 0


# --- what is not ------------------------------------------------------------------------------------------


@given(json_values() | json_objects())
def test_any_json_has_a_verdict(kinds: dict[str, NodeKind], document: Json) -> None:
    """Never an exception; a workflow or errors, never both and never neither."""
    check_verdict(parse(document, kinds, inputs={}), document)


@given(st.data())
def test_any_change_has_a_verdict(kinds: dict[str, NodeKind], data: st.DataObject) -> None:
    """The same for documents that are nearly right."""
    document = data.draw(mutated(RIGHT))
    check_verdict(parse(document, kinds), document)


@given(workflow_documents(), st.data())
def test_a_change_of_any_document_has_a_verdict(
    kinds: dict[str, NodeKind], document: JsonObject, data: st.DataObject
) -> None:
    """Of every shape."""
    changed = data.draw(mutated(document))
    check_verdict(parse(changed, kinds, inputs={}), changed)


def check_verdict(verdict: Verdict, document: Json) -> None:
    """What holds for every verdict."""
    assert (verdict.workflow is None) is bool(verdict.errors)
    assert {problem.code for problem in (*verdict.errors, *verdict.warnings)} <= set(PROBLEM_CODES)
    assert {problem.code for problem in verdict.warnings} <= WARNING_CODES
    assert all(len(problem.message) < 2000 for problem in verdict.errors)
    told = [problem.as_json() for problem in (*verdict.errors, *verdict.warnings)]
    assert orjson.loads(orjson.dumps(told)) == told
    if verdict.workflow is not None:
        assert set(verdict.params) == set(verdict.workflow.by_id)
        assert verdict.workflow.document == document


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (None, "not_an_object"),
        ([], "not_an_object"),
        ("{}", "not_an_object"),
        ({"nodes": math.nan}, "not_json"),
        ({"nodes": [{"id": "\ud800"}]}, "not_json"),
        ({"id": 2**64}, "not_json"),
        ({1: 2}, "not_json"),
        ({"nodes": {"a"}}, "not_json"),
    ],
)
def test_what_cannot_be_looked_at(kinds: dict[str, NodeKind], document: object, code: str) -> None:
    """One problem, at the root, and nothing more."""
    assert errors(document, kinds) == [(code, "")]


def test_the_depth_limit_is_exact(kinds: dict[str, NodeKind]) -> None:
    """Of the whole document, by default and by setting."""

    def nested(depth: int) -> JsonObject:
        value: Json = 1
        for _ in range(depth - 4):
            value = [value]
        return {"nodes": [{"id": "a", "type": "noop", "params": {"deep": value}}]}

    assert errors(nested(MAX_DEPTH), kinds, inputs={}) == []
    assert errors(nested(MAX_DEPTH + 1), kinds) == [("nesting_too_deep", "")]
    assert errors(nested(10), kinds, inputs={}, limits=GraphLimits(depth=10)) == []
    assert errors(nested(11), kinds, limits=GraphLimits(depth=10)) == [("nesting_too_deep", "")]


def test_the_size_limits_are_exact(kinds: dict[str, NodeKind]) -> None:
    """Too large a graph is not looked into any further."""
    nodes = [{"id": str(number), "type": "noop"} for number in range(4)]
    links = [f"{a}.out -> {b}.in" for a, b in ((0, 1), (0, 2), (1, 3))]
    document = workflow("w", *nodes, links=links)
    assert errors(document, kinds, inputs={}, limits=GraphLimits(nodes=4, connections=3)) == []
    assert errors(document, kinds, limits=GraphLimits(nodes=3, connections=3)) == [("too_many_nodes", "nodes")]
    limits = GraphLimits(nodes=3, connections=2)
    assert errors(document, kinds, limits=limits) == [
        ("too_many_nodes", "nodes"),
        ("too_many_connections", "connections"),
    ]


def test_all_that_is_wrong_is_told_at_once(kinds: dict[str, NodeKind], right: JsonObject) -> None:
    """In the order of the document."""
    right["settings"]["grace"] = "5"
    right["inputs"]["days"]["type"] = "integer"
    right["outputs"]["text"]["output"] = "txt"
    right["nodes"][0]["params"]["method"] = "PUT"
    right["nodes"][1]["type"] = "lenght"
    right["nodes"][2]["params"]["expr"] = "n +"
    right["nodes"][4]["retry"] = {"attempts": 1}
    right["connections"][2]["to_node"] = "rendre"
    right["connections"].append(right["connections"][0])
    assert errors(right, kinds) == [
        ("invalid_field_type", "inputs.days.type"),
        ("workflow_output_unresolved", "outputs.text"),
        ("invalid_timeout", "settings.grace"),
        ("param_not_in_choices", "nodes[0].params.method"),
        ("unknown_node_type", "nodes[1].type"),
        ("invalid_expression", "nodes[2].params.expr"),
        ("unknown_expression_name", "nodes[3].params.text"),
        ("unknown_field", "nodes[4].retry.attempts"),
        ("unknown_to_node", "connections[2].to_node"),
        ("duplicate_connection", "connections[5]"),
    ]


def test_a_workflow_has_nodes(kinds: dict[str, NodeKind]) -> None:
    """An empty list, no list, and something else."""
    assert errors({"nodes": []}, kinds, inputs={}) == [("empty_workflow", "nodes")]
    assert errors({}, kinds, inputs={}) == [("missing_field", "nodes")]
    assert errors({"nodes": 5}, kinds, inputs={}) == [("invalid_field_type", "nodes")]


def test_ids_are_unique(kinds: dict[str, NodeKind]) -> None:
    """The second is told; the first is the one that connections mean."""
    document = workflow("w", step("a", "noop"), step("a", "length", text=5), step("b", "noop"), links=["a.out -> b.in"])
    assert errors(document, kinds, inputs={}) == [
        ("duplicate_node_id", "nodes[1].id"),
        ("invalid_param", "nodes[1].params.text"),
    ]


def test_given_values_are_checked(kinds: dict[str, NodeKind], right: JsonObject) -> None:
    """None at all is the same as an empty object."""
    assert errors(right, kinds, inputs=None) == [("missing_workflow_input", "inputs.days")]
    assert errors(right, kinds, inputs={"days": "3", "hours": 1}) == [
        ("invalid_field_type", "inputs.days"),
        ("unknown_workflow_input", "inputs.hours"),
    ]


def test_types_that_are_off_are_told(kinds: dict[str, NodeKind], right: JsonObject) -> None:
    """By name."""
    assert errors(right, kinds, disabled=["fetch"]) == [("node_type_disabled", "nodes[0].type")]


# --- circles and order ------------------------------------------------------------------------------------


def test_a_circle_is_told_from_its_first_node(kinds: dict[str, NodeKind]) -> None:
    """As a list of ids, in order, for programs; as a sentence for people."""
    nodes = [step(node_id, "noop") for node_id in "abcd"]
    document = workflow("w", *nodes, links=["a.out -> b.in", "c.out -> b.in", "b.out -> d.in", "d.out -> c.in"])
    [problem] = parse(document, kinds, inputs={}).errors
    assert (problem.code, problem.path, problem.node_id) == ("cycle_detected", "nodes[1]", "b")
    assert problem.details == {"cycle": ["b", "d", "c"]}
    assert problem.message == 'these nodes wait for each other: "b" -> "d" -> "c" -> "b"'


def test_a_long_circle_has_a_short_sentence(kinds: dict[str, NodeKind]) -> None:
    """The whole of it is in the details."""
    ids = [str(number) for number in range(50)]
    links = [f"{a}.out -> {b}.in" for a, b in zip(ids, [*ids[1:], ids[0]], strict=True)]
    [problem] = parse(workflow("w", *(step(it, "noop") for it in ids), links=links), kinds, inputs={}).errors
    assert problem.details == {"cycle": ids}
    assert '"7" -> "..." -> "0"' in problem.message


def test_order_makes_circles_too(kinds: dict[str, NodeKind]) -> None:
    """`done` to `after` is waiting like any other."""
    document = workflow("w", step("a", "noop"), step("b", "noop"), links=["a.done -> b.after", "b.done -> a.after"])
    assert errors(document, kinds, inputs={}) == [("cycle_detected", "nodes[0]")]


def test_an_expression_may_name_what_comes_before(kinds: dict[str, NodeKind]) -> None:
    """However far: a node that may end later is an error, for its outputs would be there by chance."""
    reader = step("c", "template", text="{{ nodes.a.out }}")
    near = workflow("w", step("a", "noop"), step("b", "noop"), reader, links=["a.out -> b.in", "b.done -> c.after"])
    assert errors(near, kinds, inputs={}) == []
    apart = workflow("w", step("a", "noop"), step("b", "noop"), reader, links=["b.done -> c.after"])
    [problem] = parse(apart, kinds, inputs={}).errors
    assert (problem.code, problem.path, problem.node_id) == ("unknown_expression_name", "nodes[2].params", "c")
    assert 'names "a", which may end after it' in problem.message


def test_a_node_cannot_name_itself(kinds: dict[str, NodeKind]) -> None:
    """It has no outputs yet."""
    document = workflow("w", step("a", "template", text="{{ nodes.a.text }}"))
    assert errors(document, kinds, inputs={}) == [("unknown_expression_name", "nodes[0].params")]


# --- warnings ---------------------------------------------------------------------------------------------


def test_waiting_for_a_disabled_node_is_noticed(kinds: dict[str, NodeKind]) -> None:
    """Unless the one who waits is disabled too."""
    document = workflow(
        "w", step("a", "noop"), step("b", "noop"), step("c", "noop"), links=["a.out -> b.in", "a.out -> c.in"]
    )
    document["nodes"][0]["disabled"] = document["nodes"][2]["disabled"] = True
    verdict = parse(document, kinds, inputs={})
    assert verdict.workflow is not None
    [warning] = verdict.warnings
    assert (warning.code, warning.path, warning.node_id) == ("disabled_dependency", "connections[0]", "b")


def test_what_has_no_effect_is_said(kinds: dict[str, NodeKind]) -> None:
    """In the order of the document, beside an accepted workflow."""
    document: JsonObject = {
        "workflows": {"inner": {}},
        "nodes": [{"id": "a", "type": "noop", "timout": 3}],
    }
    verdict = parse(document, kinds, inputs={})
    assert verdict.workflow is not None
    assert [(warning.code, warning.path) for warning in verdict.warnings] == [
        ("unknown_field", "nodes[0].timout"),
    ]


def test_warnings_come_with_errors(kinds: dict[str, NodeKind]) -> None:
    """Whoever mends the one sees the other."""
    verdict = parse({"nodes": [{"id": "a", "type": "nop", "parms": 1}]}, kinds, inputs={})
    assert [problem.code for problem in verdict.errors] == ["unknown_node_type"]
    assert [problem.code for problem in verdict.warnings] == ["unknown_field"]
    assert verdict.params == verdict.inputs == {}


# --- size -------------------------------------------------------------------------------------------------


def test_there_is_an_end_to_the_list(kinds: dict[str, NodeKind]) -> None:
    """A document of nothing but errors tells the first thousand and how many more there are."""
    document = workflow("w", *(step(str(number), f"type {number}") for number in range(3000)))
    listed = parse(document, kinds, inputs={}).errors
    assert len(listed) == 1001
    assert (listed[999].path, listed[1000].code) == ("nodes[999].type", "more_problems")
    assert "2000 more" in listed[1000].message
    few = parse(document, kinds, inputs={}, limits=GraphLimits(problems=2)).errors
    assert [problem.path for problem in few] == ["nodes[0].type", "nodes[1].type", ""]


def as_chain(count: int) -> JsonObject:
    """One after the other."""
    return chain("w", *(step(str(number), "noop") for number in range(count)))


def as_fan(count: int) -> JsonObject:
    """All after the first, and the last after all."""
    links = [f"0.out -> {number}.in" for number in range(1, count)]
    links += [f"{number}.out -> last.in" for number in range(1, count)]
    return workflow("w", *(step(str(number), "noop") for number in range(count)), step("last", "noop"), links=links)


def as_circles(count: int) -> JsonObject:
    """Every two in a circle, all of which lead to a long tail."""
    links = [f"{number}.out -> {number ^ 1}.in" for number in range(count - count % 2)]
    links += ["0.out -> t0.in", *(f"t{number}.out -> t{number + 1}.in" for number in range(count - 1))]
    nodes = [step(f"{prefix}{number}", "noop") for prefix in ("", "t") for number in range(count)]
    return workflow("w", *nodes, links=links)


def as_readers(count: int) -> JsonObject:
    """Each names the one before it and a text of its own."""
    nodes = [step("0", "noop")]
    nodes += [step(str(it), "expression", expr=f"nodes['{it - 1}'].out == {it}") for it in range(1, count)]
    return workflow("w", *nodes, links=[f"{it}.done -> {it + 1}.after" for it in range(count - 1)])


def as_nonsense(count: int) -> JsonObject:
    """Nothing is right."""
    document = workflow("w", *(step(f"n{it}", f"t{it}", x="${") for it in range(count)))
    document["connections"] = [{"from_node": f"a{it}", "to_node": f"b{it}", "to_imput": 5} for it in range(count)]
    return document


def calls(document: JsonObject, kinds: dict[str, NodeKind]) -> int:
    """How many functions are called to parse it."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(count)
    try:
        parse_workflow(document, kinds)
    finally:
        sys.setprofile(previous)
    return counted


@pytest.mark.parametrize("shape", [as_chain, as_fan, as_circles, as_readers, as_nonsense])
def test_ten_times_the_nodes_are_ten_times_the_work(kinds: dict[str, NodeKind], shape: Any) -> None:  # noqa: ANN401 - a function of this file
    """Whatever the shape of the graph, and however much is wrong with it."""
    parse_workflow(shape(2), kinds)
    small, large = calls(shape(200), kinds), calls(shape(2000), kinds)
    assert large < 11 * small


def test_the_limits_are_plain_data() -> None:
    """With the contract's figures."""
    limits = GraphLimits()
    assert (limits.nodes, limits.connections, limits.depth) == (100_000, 1_000_000, 64)
    assert evolve(limits, nodes=5).nodes == 5
