from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.outside.outside import Outside
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import NodeTypeError
from bluev_actors.workflows.run_events import NodeCompleted, NodeFailed

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.values import Json, JsonObject

KINDS = {node_type.kind.name: node_type for node_type in BUILT_INS}
EXAMPLES: dict[str, JsonObject] = {it["id"]: it for node_type in BUILT_INS for it in node_type.kind.examples}
OUTSIDE = sorted(name for name, node_type in KINDS.items() if node_type.kind.outside)
SERVED = {it["id"] for it in KINDS["http_request"].kind.examples}
"""Examples that need a server; the tests of their kind run them."""
REAL = {it["id"] for name in OUTSIDE for it in KINDS[name].kind.examples} - SERVED
"""Those that work with files, threads and processes, for which no virtual time flies."""
RESULTS: dict[str, JsonObject] = {
    "noop_example": {"both": {"note": "waits for left, hands right on", "right": 2, "out": None}},
    "constant_example": {"answer": {"value": 42}},
    "echo_example": {"say": {"value": "hello"}},
    "expression_example": {"sum": {"value": 5}},
    "transform_example": {"line": {"value": {"where": "Oslo", "total": 120}}},
    "template_example": {"greeting": {"text": "Hello Ada and Grace!"}},
    "select_example": {"cities": {"value": ["Bergen"]}},
    "filter_example": {"dear": {"items": [{"price": 99}, {"price": 45}]}},
    "sort_example": {
        "latest": {"items": [{"n": 1, "at": 7}, {"n": 2, "at": 3}, {"n": 3, "at": 1}]},
        "odd_first": {"items": [{"n": 1, "at": 7}, {"n": 3, "at": 1}, {"n": 2, "at": 3}]},
    },
    "split_example": {"pages": {"chunks": [["a", "b"], ["c", "d"], ["e"]]}},
    "aggregate_example": {"turnover": {"value": {"Oslo": 30, "Bergen": 5}}},
    "join_example": {"both": {"value": "a, b"}},
    "csv_parse_example": {
        "cities": {"rows": [{"city": "Oslo", "degrees": "4"}, {"city": "Bergen, Vestland", "degrees": "7"}]}
    },
    "csv_format_example": {"cities": {"text": 'city,degrees\nOslo,4\n"Bergen, Vestland",\n'}},
    "json_parse_example": {"order": {"value": {"city": "Oslo", "price": 40}}},
    "json_format_example": {"line": {"text": '{"b":[1,null],"a":"ø"}'}},
    "branch_example": {"answer": {"value": "come in"}},
    "switch_example": {"advice": {"value": "a jacket will do"}},
    "merge_example": {"degrees": {"value": {"oslo": 4, "bergen": 7}}},
    "delay_example": {"breathe": {"out": None}},
    "wait_signal_example": {"answer": {"value": "nobody said yes"}},
    "fail_example": {},
    "assert_example": {"enough": {"stock": 3, "out": None}},
    "log_example": {"tell": {"out": None}},
    "emit_event_example": {"tell": {"data": {"order": 17}}},
    "python_example": {"lines": {"value": ["to be or", "not to be"]}},
    "python_process_example": {"mean": {"value": 3.0}},
    "map_example": {"each": {"results": [{"greeting": "Hello Oslo"}, {"greeting": "Hello Bergen"}]}},
    "cross_example": {
        "each": {
            "results": [
                {"pair": {"value": f"{city} {day}"}} for city in ("Oslo", "Bergen") for day in ("today", "tomorrow")
            ]
        }
    },
    "loop_example": {"double": {"state": 128, "iterations": 7}},
    "sub_workflow_example": {"shout": {"out": None}},
    "subprocess_example": {"sort": {"stdout": "pear\napple\n", "stderr": "", "code": 0}},
    "subprocess_codes_example": {"verdict": {"value": False}},
    "file_read_example": {"shout": {"value": "the fjord!"}},
    "file_write_example": {"write": {"path": "greetings/ada.txt"}},
    "sql_query_example": {"large": {"rows": [{"city": "Rome"}], "changes": 0}},
    "sql_write_example": {"count": {"rows": [{"cities": 1}], "changes": 0}},
}


def test_an_example_is_a_document() -> None:
    """The short hand stands for the JSON that a user would write."""
    assert example(
        "greet", {"a": step("constant", {"value": 1}), "b": step("noop")}, "a.value -> b.in", tags=["x"]
    ) == {
        "id": "greet",
        "tags": ["x"],
        "nodes": [
            {"id": "a", "type": "constant", "params": {"value": 1}},
            {"id": "b", "type": "noop", "params": {}},
        ],
        "connections": [{"from_node": "a", "from_output": "value", "to_node": "b", "to_input": "in"}],
    }


@pytest.mark.parametrize("arrow", ["", "a -> b", "a.x->b.y", "a.x -> b"])
def test_a_crooked_arrow_is_refused(arrow: str) -> None:
    """An arrow that is not one is a slip in our own code."""
    with pytest.raises(ValueError, match="an arrow looks like"):
        example("greet", {}, arrow)


@pytest.mark.parametrize("node_type", BUILT_INS, ids=KINDS)
def test_every_kind_explains_itself(node_type: NodeType) -> None:
    """A palette has a sentence for every kind, port and param, and an example that shows the kind."""
    kind = node_type.kind
    told = [kind.description, *(port.description for port in (*kind.inputs, *kind.outputs))]
    told += [param.description for param in kind.params]
    assert all(sentence.endswith(".") for sentence in told)
    assert kind.name in [node["type"] for it in kind.examples for node in it["nodes"]]
    assert kind.source == "built-in"


def test_the_names_are_those_of_the_contract() -> None:
    """Workflows that are written somewhere go on working; more names may come."""
    fixed = {"noop", "delay", "constant", "echo", "fail", "expression", "template"}
    fixed |= {"branch", "switch", "merge", "map", "loop", "sub_workflow", "filter", "aggregate", "log", "wait_signal"}
    fixed |= {"http_request", "subprocess", "python", "file_read", "file_write", "csv_parse", "json_parse", "sql_query"}
    assert fixed <= KINDS.keys()


def test_what_touches_the_outside() -> None:
    """What can reach beyond the daemon is off until the operator allows it."""
    assert OUTSIDE == ["file_read", "file_write", "http_request", "python", "sql_query", "subprocess"]


async def check_example(name: str, outside: Outside | None = None) -> None:
    """It is accepted without a word, and comes to what a reader would expect."""
    async with open_runtime(allow=OUTSIDE, outside=outside) as runtime:
        verdict = await runtime.validate(EXAMPLES[name])
        assert (verdict.errors, verdict.warnings) == ((), ())
        run = await runtime.start(EXAMPLES[name])
        assert await run.result() == RESULTS[name]


@pytest.mark.parametrize("name", sorted(RESULTS.keys() - REAL))
async def test_the_examples_run(name: str, autojump_clock: MockClock) -> None:
    """Most need nothing, and no time."""
    await check_example(name)
    assert autojump_clock.current_time() < 100


@pytest.mark.parametrize("name", sorted(REAL))
async def test_the_examples_of_the_outside_run(name: str, tmp_path: Path, running_clock: MockClock) -> None:
    """Some need a folder with a file, and all a clock that waits for threads and processes."""
    (tmp_path / "cities").mkdir()
    (tmp_path / "cities/oslo.txt").write_text("the fjord", "utf-8")
    await check_example(name, Outside(files_root=tmp_path))
    assert running_clock.rate == 1.0


@pytest.mark.parametrize("name", sorted(SERVED))
async def test_the_other_examples_are_valid(name: str) -> None:
    """They are accepted without a word."""
    async with open_runtime(allow=OUTSIDE) as runtime:
        verdict = await runtime.validate(EXAMPLES[name])
    assert (verdict.errors, verdict.warnings) == ((), ())


def test_every_example_has_its_result() -> None:
    """A new example needs its line in the table above."""
    assert EXAMPLES.keys() - SERVED == RESULTS.keys()


async def outputs_of(document: JsonObject, **inputs: Json) -> dict[str, Json]:
    """Run a workflow and give the outputs or the error of each node that ended."""
    async with open_runtime() as runtime:
        run = await runtime.start(document, inputs)
        ended = [it.event async for it in run.events() if isinstance(it.event, NodeCompleted | NodeFailed)]
    return {it.node_id: it.outputs if isinstance(it, NodeCompleted) else it.error.message for it in ended}


async def test_a_branch_goes_the_other_way_too() -> None:
    """The way that is not taken is skipped, and the merge takes the other."""
    outputs = await outputs_of(EXAMPLES["branch_example"], age=10)
    assert outputs["answer"] == {"value": "come back later"}
    assert "yes" not in outputs


async def test_noop_in_a_run() -> None:
    """Connected outputs are null, several connections to one name are a list, and `in` goes no further."""
    document = example(
        "wires",
        {
            "a": step("constant", {"value": 1}),
            "b": step("constant", {"value": 2}),
            "wire": step("noop", {"note": "x"}),
            "end": step("noop"),
        },
        "a.value -> wire.both",
        "b.value -> wire.both",
        "b.value -> wire.in",
        "wire.both -> end.both",
        "wire.nothing -> end.nothing",
        "wire.out -> end.in",
        "wire.done -> end.done_too",
    )
    outputs = await outputs_of(document)
    assert outputs["wire"] == {"both": [1, 2], "note": "x", "out": None, "nothing": None}
    assert outputs["end"] == {"both": [1, 2], "nothing": None, "done_too": None, "out": None}


async def test_a_chain_doubles_nothing() -> None:
    """Values do not grow along a chain of noops, even where ways part and meet again."""
    nodes = {"start": step("constant", {"value": "x" * 100})} | {f"n{i}": step("noop") for i in range(40)}
    arrows = ["start.value -> n0.in", "start.value -> n0.in2"]
    arrows += [f"n{i}.out -> n{i + 1}.{name}" for i in range(39) for name in ("in", "again")]
    outputs = await outputs_of(example("chain", nodes, *arrows))
    assert outputs["n39"] == {"again": None, "out": None}


async def test_merge_knows_its_sources() -> None:
    """An object by node id names the nodes whose values arrived, and leaves skipped ones out."""
    document = example(
        "sources",
        {
            "way": step("branch", {"condition": "true", "value": 1}),
            "yes": step("echo"),
            "no": step("echo"),
            "other": step("constant", {"value": 2}),
            "merged": step("merge", {"mode": "object"}),
        },
        "way.true -> yes.value",
        "way.false -> no.value",
        "no.value -> merged.in",
        "yes.value -> merged.in",
        "other.value -> merged.in",
    )
    assert (await outputs_of(document))["merged"] == {"value": {"yes": 1, "other": 2}}


async def test_fail_in_a_run() -> None:
    """The message reaches clients as it is, with what it names filled in."""
    document = example(
        "failing",
        {"it": step("fail", {"message": "no such city: ${inputs.city}"}, on_error="continue")},
        inputs={"city": {"type": "string"}},
    )
    assert await outputs_of(document, city="Oslo") == {"it": "no such city: Oslo"}


async def test_python_needs_its_allowance() -> None:
    """Without a word of the operator a workflow cannot call what is installed beside the daemon."""
    async with open_runtime() as runtime:
        verdict = await runtime.validate(EXAMPLES["python_example"])
    assert [problem.code for problem in verdict.errors] == ["node_type_disabled"]


async def test_an_allowance_that_allows_nothing_is_refused() -> None:
    """To allow what needs no allowance is a slip that is told."""
    with pytest.raises(NodeTypeError, match="'noop' touches nothing outside"):
        async with open_runtime(allow=["noop"]):
            raise AssertionError
