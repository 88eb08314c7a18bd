"""`map`, `loop` and `sub_workflow` as a user has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from bluev_actors.engine.nodes.bodies import Scattered
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.errors import InvalidWorkflowError

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject
    from tests.engine.conftest import OpenBench

SQUARE: JsonObject = example(
    "square",
    {"square": step("expression", {"expr": "inputs.item * inputs.item"})},
    inputs={"item": {"type": "int"}},
    outputs={"square": {"node": "square", "output": "value"}},
)
GROW: JsonObject = example(
    "grow",
    {"grow": step("expression", {"expr": "inputs.state + inputs.by"})},
    inputs={"state": {}, "by": {"default": 1}},
    outputs={"state": {"node": "grow", "output": "value"}},
)


async def run(bench: OpenBench, type_: str, params: JsonObject, **document: Any) -> tuple[str, Any]:  # noqa: ANN401 - JSON
    """The outputs of a single node, or the code of its failure."""
    async with bench() as runtime:
        handle = await runtime.start(example("w", {"it": step(type_, params)}, **document))
        await handle.when_ended()
        error = handle.state.error
        return ("failed", error.code) if error else ("completed", handle.state.node("it").outputs)


async def test_a_map_squares(bench: OpenBench) -> None:
    """One result for each item, in order; of no items there are none."""
    params = {"workflow": SQUARE, "items": [3, 1, 2], "max_concurrency": 2}
    assert await run(bench, "map", params) == ("completed", {"results": [{"square": 9}, {"square": 1}, {"square": 4}]})
    assert await run(bench, "map", {"workflow": SQUARE, "items": []}) == ("completed", {"results": []})


@pytest.mark.parametrize(
    ("policy", "results"),
    [
        ("collect", [{"square": 1}, {"error": {"code": "invalid_input"}}]),
        ("drop", [{"square": 1}]),
    ],
)
async def test_items_that_fail(bench: OpenBench, policy: str, results: list[Any]) -> None:
    """They stand among the results, or are left out."""
    status, outputs = await run(bench, "map", {"workflow": SQUARE, "items": [1, "x"], "on_item_error": policy})
    for result in outputs["results"]:
        result.get("error", {}).pop("message", None)
    assert (status, outputs["results"]) == ("completed", results)


async def test_an_item_that_fails_fails_the_map(bench: OpenBench) -> None:
    """With the item's own code."""
    assert await run(bench, "map", {"workflow": SQUARE, "items": [1, "x"]}) == ("failed", "invalid_input")


async def test_several_lists(bench: OpenBench) -> None:
    """Side by side they have to be of one length; crossed the last changes fastest."""
    body = example("b", {"j": step("expression", {"expr": "inputs.a + inputs.b"})}, inputs={"a": {}, "b": {}})
    params: JsonObject = {"workflow": body, "scatter": ["a", "b"], "a": [10, 20], "b": [1, 2]}

    async def values(**more: Any) -> list[Any]:  # noqa: ANN401 - JSON
        _, outputs = await run(bench, "map", {**params, **more})
        return [result["j"]["value"] for result in outputs["results"]]

    assert await values() == [11, 22]
    assert await values(mode="cross") == [11, 12, 21, 22]
    assert await run(bench, "map", {**params, "b": [1]}) == ("failed", "invalid_input")
    assert await run(bench, "map", {**params, "mode": "cross", "a": [0] * 400, "b": [0] * 400}) == (
        "failed",
        "too_many_items",
    )


def test_items_are_made_when_asked_for() -> None:
    """Each combination once."""
    items = Scattered({"a": [1, 2], "b": ["x", "y", "z"]}, {"c": 0}, crossed=True)
    assert len(items) == 6
    assert items[4] == {"a": 2, "b": "y", "c": 0, "index": 4}
    assert [(it["a"], it["b"]) for it in items[1:3]] == [(1, "y"), (1, "z")]


@pytest.mark.parametrize(
    ("params", "end"),
    [
        ({"count": 3}, ("completed", {"state": 3, "iterations": 3})),
        ({"count": 0}, ("completed", {"state": 0, "iterations": 0})),
        ({"while": "state < 5", "max_iterations": 9, "by": 2}, ("completed", {"state": 6, "iterations": 3})),
        ({"while": "iteration < 2", "max_iterations": 2}, ("completed", {"state": 2, "iterations": 2})),
        ({"while": "true", "max_iterations": 2}, ("failed", "max_iterations")),
        ({"while": "1", "max_iterations": 2}, ("failed", "invalid_condition")),
        ({"count": 5, "while": "state < 2"}, ("completed", {"state": 2, "iterations": 2})),
    ],
)
async def test_a_loop_ends(bench: OpenBench, params: JsonObject, end: tuple[str, Any]) -> None:
    """By its count, by its condition, or by its limit."""
    assert await run(bench, "loop", {"workflow": "grow", "state": 0, **params}, workflows={"grow": GROW}) == end


@pytest.mark.parametrize(
    ("outputs", "state"),
    [
        ({"only": {"node": "n", "output": "value"}}, 7),
        ({"x": {"node": "n", "output": "value"}, "y": {"node": "n", "output": "value"}}, {"x": 7, "y": 7}),
        ({}, {"value": 7}),
    ],
)
async def test_what_the_next_state_is(bench: OpenBench, outputs: JsonObject, state: Any) -> None:  # noqa: ANN401 - JSON
    """The body's only output, or all of them by name."""
    body = example("b", {"n": step("constant", {"value": 7})}, outputs=outputs)
    _, given = await run(bench, "loop", {"workflow": body, "count": 1})
    assert given["state"] == state


async def test_a_loop_may_wait_between_iterations(bench: OpenBench) -> None:
    """Not before the first, nor after the last."""
    async with bench() as runtime:
        params = {"workflow": GROW, "state": 0, "count": 3, "delay": 10}
        handle = await runtime.start(example("w", {"it": step("loop", params)}))
        began = trio.current_time()
        await handle.when_ended()
        assert trio.current_time() - began == pytest.approx(20, abs=1)


async def test_a_sub_workflow_has_the_ports_of_its_body(bench: OpenBench) -> None:
    """Defaults included; what the body does not declare is refused before anything runs."""
    params = {"workflow": "grow", "state": 4}
    assert await run(bench, "sub_workflow", params, workflows={"grow": GROW}) == ("completed", {"state": 5})
    with pytest.raises(InvalidWorkflowError) as refused:
        await run(bench, "sub_workflow", {**params, "stat": 1}, workflows={"grow": GROW})
    assert [it.code for it in refused.value.problems] == ["subworkflow_interface_mismatch"]
