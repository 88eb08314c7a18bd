"""Tests of `protocol/references.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.protocol.references import (
    PREVIEW_LENGTH,
    address_of,
    shorten_declared,
    shorten_outputs,
    shorten_results,
)
from bluev_actors.testing.strategies import ids, json_objects
from bluev_actors.workflows.graph import WorkflowOutput

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


def size(value: Json) -> int:
    """Bytes of JSON."""
    return len(orjson.dumps(value))


_OUTPUTS = st.dictionaries(st.text(max_size=5), st.text(max_size=400) | json_objects(), max_size=6)


@given(_OUTPUTS, st.integers(0, 1_000))
def test_outputs_fit_as_far_as_references_help(outputs: JsonObject, limit: int) -> None:
    """What is under the limit stays as it is; above, the largest go until it fits or nothing more can be saved."""
    shown, names = shorten_outputs(outputs, limit, "r", "n")
    if size(outputs) <= limit:
        assert (shown, names) == (outputs, ())
    assert list(shown) == list(outputs)
    assert set(names) == {name for name in outputs if shown[name] is not outputs[name]}
    kept = [size(outputs[name]) for name in outputs if name not in names]
    assert size(shown) <= limit or all(each < 250 for each in kept)


@given(_OUTPUTS, st.integers(0, 1_000))
def test_a_reference_tells_what_it_stands_for(outputs: JsonObject, limit: int) -> None:
    """Where, how large, and how it begins; and it is never larger than its value."""
    shown, names = shorten_outputs(outputs, limit, "r", "n")
    for name in names:
        reference = shown[name]
        assert reference["$ref"] == address_of("r", "n", name)
        assert reference["bytes"] == size(outputs[name]) > size(reference)
        assert len(reference["preview"]) <= PREVIEW_LENGTH


def test_the_largest_go_first_and_no_more_than_needed() -> None:
    """A small value stays readable beside a large one."""
    outputs = {"small": "s" * 300, "large": "l" * 3_000, "larger": "m" * 4_000}
    shown, names = shorten_outputs(outputs, 4_000, "r", "n")
    assert names == ("larger",)
    assert shown["small"] == outputs["small"]
    assert shown["large"] == outputs["large"]
    assert shorten_outputs(outputs, 1_000, "r", "n")[1] == ("large", "larger")


@pytest.mark.parametrize(("more", "names"), [(0, ()), (1, ("value",))])
def test_the_limit_and_one_past_it(more: int, names: tuple[str, ...]) -> None:
    """The limit itself still fits."""
    outputs = {"value": "x" * (1_000 - size({"value": ""}) + more)}
    assert shorten_outputs(outputs, 1_000, "r", "n")[1] == names


def test_a_crowd_of_small_values_stays() -> None:
    """Replacing each by a longer reference would make it worse."""
    outputs = {f"o{i}": i for i in range(1_000)}
    assert shorten_outputs(outputs, 100, "r", "n") == (outputs, ())


@pytest.mark.parametrize(
    ("value", "preview"),
    [
        ("a" * 1_000, "a" * (PREVIEW_LENGTH - 3) + "..."),
        ([1] * 1_000, "[" + "1," * 38 + "..."),
        ({"k": "\N{SNOWMAN}" * 1_000}, '{"k":"' + "\N{SNOWMAN}" * 71 + "..."),
    ],
)
def test_a_preview_is_how_the_value_begins(value: Json, preview: str) -> None:
    """Text as it is, anything else as JSON, cut between characters."""
    shown, _ = shorten_outputs({"value": value}, 500, "r", "n")
    assert shown["value"]["preview"] == preview


@pytest.mark.parametrize("value", ["a" * PREVIEW_LENGTH, "\N{GRINNING FACE}" * PREVIEW_LENGTH, [1] * 30])
def test_what_its_preview_would_show_whole_is_no_reference(value: Json) -> None:
    """It could only grow, however many bytes its characters have."""
    assert shorten_outputs({"value": value}, 10, "r", "n") == ({"value": value}, ())


@given(ids(), ids(), st.text(min_size=1, max_size=20))
def test_an_address_has_its_parts(run_id: str, node_id: str, output: str) -> None:
    """Whatever characters ids have, the address can be taken apart again."""
    parts = address_of(run_id, node_id, output).split("/")
    assert [unquote(part) for part in parts] == [*("", "api", "runs", run_id, "nodes", node_id, "outputs", output)]


# --- results ----------------------------------------------------------------------------------------------


@given(st.dictionaries(ids(), _OUTPUTS, max_size=4), st.integers(0, 2_000))
def test_results_keep_their_shape(results: JsonObject, limit: int) -> None:
    """Nodes and outputs stay in their places, whether values or references."""
    shown, names = shorten_results(results, limit, "r")
    assert {node: list(outputs) for node, outputs in shown.items()} == {
        node: list(outputs) for node, outputs in results.items()
    }
    changed = [
        f"{node}.{name}" for node in results for name in results[node] if shown[node][name] is not results[node][name]
    ]
    assert list(names) == changed


def test_results_are_named_by_node_and_output() -> None:
    """And fetched at their node."""
    results = {"a": {"x": "v" * 2_000, "y": 1}, "b": {"x": "w" * 100}, "c": {}}
    shown, names = shorten_results(results, 1_000, "r")
    assert names == ("a.x",)
    assert shown["a"]["x"]["$ref"] == "/api/runs/r/nodes/a/outputs/x"
    assert (shown["a"]["y"], shown["b"], shown["c"]) == (1, results["b"], {})


def test_small_results_are_the_same_object() -> None:
    """Nothing is copied when nothing has to change."""
    results: JsonObject = {"a": {"x": 1}}
    assert shorten_results(results, 1_000, "r")[0] is results


# --- declared outputs -------------------------------------------------------------------------------------


def test_declared_outputs_are_fetched_at_their_node() -> None:
    """The workflow knows which node gave them; what it does not know stays in full."""
    declared = {"report": WorkflowOutput(node="render", output="text")}
    shown, names = shorten_declared({"report": "r" * 500, "other": "o" * 900}, 1_000, "r", declared)
    assert names == ("report",)
    assert shown["report"]["$ref"] == "/api/runs/r/nodes/render/outputs/text"
    assert set(shown["report"]) == {"$ref", "bytes", "preview"}
    assert shown["other"] == "o" * 900
