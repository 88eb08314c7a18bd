from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.flow import branch, merge, switch
from bluev_actors.errors import InvalidWorkflowError, Permanent

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


# --- switch -----------------------------------------------------------------------------------------------

WEATHER: Json = [{"name": "frost", "when": "value < 0"}, {"name": "mild", "when": "value < 20"}]


@pytest.mark.parametrize(("value", "taken"), [(-5, "frost"), (0, "mild"), (19, "mild"), (20, "default")])
async def test_switch_takes_the_first_case_that_holds(attempt: type[Attempt], value: int, taken: str) -> None:
    """Of several that hold the first, of none the default; the taken output carries the value."""
    assert await attempt(switch, {"cases": WEATHER}, {"value": value}).run() == {taken: value}


async def test_switch_looks_no_further(attempt: type[Attempt]) -> None:
    """A case may lean on what those before it rule out."""
    cases: Json = [{"name": "none", "when": "value == null"}, {"name": "some", "when": "value.size() > 0"}]
    assert await attempt(switch, {"cases": cases}, {"value": None}).run() == {"none": None}


async def test_switch_wants_true_or_false(attempt: type[Attempt]) -> None:
    """A case that is neither is told by its name."""
    cases: Json = [{"name": "no", "when": "false"}, {"name": "odd", "when": "value"}]
    with pytest.raises(Permanent, match="the case 'odd' is of type int, it has to be true or false") as caught:
        await attempt(switch, {"cases": cases}, {"value": 1}).run()
    assert caught.value.code == "invalid_condition"


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        ([], "there has to be a case"),
        ([{"when": "true"}], "the name of a case is a text, not None"),
        ([{"name": "", "when": "true"}], "the name of a case is a text, not ''"),
        ([{"name": 1, "when": "true"}], "the name of a case is a text, not 1"),
        ([{"name": "default", "when": "true"}], "no case can be named 'default'"),
        ([{"name": "done", "when": "true"}], "no case can be named 'done'"),
        ([{"name": "a", "when": "true"}, {"name": "a", "when": "false"}], "two cases are named 'a'"),
        ([{"name": "a", "when": "true", "if": 1}], "nothing reads 'if'"),
        ([{"name": "a"}], "the text of an expression is wanted"),
        (["a"], "an object with an expression 'when' is wanted"),
    ],
)
async def test_crooked_cases_are_refused(attempt: type[Attempt], cases: Json, words: str) -> None:
    """Before the run, each with what would be right."""
    with pytest.raises(InvalidWorkflowError) as caught:
        attempt(switch, {"cases": cases})
    assert any(words in problem.message for problem in caught.value.problems)


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
