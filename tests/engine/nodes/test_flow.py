from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.flow import branch, fail, merge
from bluev_actors.errors import NodeError, Permanent

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

# --- branch -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "taken"), [(18, "true"), (17, "false")])
async def test_branch_takes_one_way(attempt: type[Attempt], value: int, taken: str) -> None:
    """Only the output that is taken is there, and it carries the value."""
    assert await attempt(branch, {"condition": "value >= 18"}, {"value": value}).run() == {taken: value}


async def test_branch_needs_no_value(attempt: type[Attempt]) -> None:
    """A branch on the workflow's inputs alone carries null."""
    assert await attempt(branch, {"condition": "inputs.city == 'Oslo'"}).run() == {"true": None}


@pytest.mark.parametrize("condition", ["null", "0", "1", "'true'", "[]", "{}"])
async def test_branch_wants_true_or_false(attempt: type[Attempt], condition: str) -> None:
    """Nothing is taken for true or false that is not; trying again would not help."""
    with pytest.raises(Permanent, match="it has to be true or false") as caught:
        await attempt(branch, {"condition": condition}).run()
    assert caught.value.code == "invalid_condition"


# --- merge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "expected"), [("first", 1), ("list", [1, None]), ("object", {"left": 1, "right": None})]
)
async def test_merge_modes(attempt: type[Attempt], mode: str, expected: Json) -> None:
    """What arrived comes out as the first, as a list, or by the ids of the nodes it came from."""
    node = attempt(merge, {"mode": mode}, {"in": [1, None]}, sources=("left", "right"))
    assert await node.run() == {"value": expected}


async def test_merge_takes_the_first_unless_told_otherwise(attempt: type[Attempt]) -> None:
    """After a branch, one way has a value, and that is the usual case."""
    assert await attempt(merge, inputs={"in": [None]}).run() == {"value": None}


@pytest.mark.parametrize(("mode", "expected"), [("list", []), ("object", {})])
@pytest.mark.parametrize("inputs", [{}, {"in": []}])
async def test_merge_of_nothing(attempt: type[Attempt], mode: str, expected: Json, inputs: dict[str, Json]) -> None:
    """When only order arrived, there is nothing to list."""
    assert await attempt(merge, {"mode": mode}, inputs).run() == {"value": expected}


async def test_merge_has_no_first_of_nothing(attempt: type[Attempt]) -> None:
    """A first value that is not there cannot be made up."""
    with pytest.raises(Permanent, match="nothing arrived") as caught:
        await attempt(merge, inputs={"in": []}).run()
    assert caught.value.code == "missing_input"


async def test_merge_by_source_loses_nothing(attempt: type[Attempt]) -> None:
    """Two values of one node would be one key; that is told, not decided."""
    node = attempt(merge, {"mode": "object"}, {"in": [1, 2, 3]}, sources=("a", "b", "b"))
    with pytest.raises(Permanent, match="one value a node, b gave more"):
        await node.run()


async def test_merge_by_source_needs_sources(attempt: type[Attempt]) -> None:
    """Values written as a param come from no node."""
    with pytest.raises(Permanent, match="needs values from connections"):
        await attempt(merge, {"mode": "object"}, {"in": [1]}).run()


def test_merge_runs_after_skipped_branches() -> None:
    """A skipped way does not skip the merge."""
    assert merge.kind.trigger_rule == "none_failed"
    assert not merge.kind.free_inputs


# --- fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "inputs", "text"),
    [
        ({}, {}, "the workflow says so"),
        ({"message": "no such city"}, {"x": 1}, "no such city"),
        ({"message": "no such city"}, {"message": {"why": 1}}, '{"why":1}'),
    ],
)
async def test_fail_says_why(
    attempt: type[Attempt], params: dict[str, Json], inputs: dict[str, Json], text: str
) -> None:
    """It fails with its message, or with what is connected in its place."""
    with pytest.raises(NodeError) as caught:
        await attempt(fail, params, inputs).run()
    assert str(caught.value) == text
    assert caught.value.code == "fail"


async def test_fail_may_be_retried(attempt: type[Attempt]) -> None:
    """Whether it is tried again is for the retry policy to say."""
    with pytest.raises(NodeError) as caught:
        await attempt(fail).run()
    assert caught.value.retryable


def test_fail_promises_no_output() -> None:
    """Any output may be connected, and none is ever given."""
    assert fail.kind.outputs == ()
    assert fail.kind.free_outputs
