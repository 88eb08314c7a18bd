from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes.refusal import assert_, fail
from bluev_actors.errors import ExpressionError, NodeError, Permanent

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json
    from tests.engine.nodes.conftest import Attempt

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


# --- assert -----------------------------------------------------------------------------------------------


async def test_assert_hands_its_inputs_on(attempt: type[Attempt]) -> None:
    """An assertion put between two nodes changes nothing for them."""
    node = attempt(assert_, {"condition": "stock >= 1"}, {"stock": 1, "in": [2]}, connected=("next",))
    assert await node.run() == {"stock": 1, "next": None, "out": None}


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "the condition does not hold"),
        ({"message": "nothing is left in ${inputs.city}"}, "nothing is left in Oslo"),
    ],
)
async def test_assert_says_why(attempt: type[Attempt], params: dict[str, Json], text: str) -> None:
    """It fails with its message, for good: another attempt would find the same."""
    with pytest.raises(Permanent) as caught:
        await attempt(assert_, {"condition": "stock >= 1", **params}, {"stock": 0}).run()
    assert (str(caught.value), caught.value.code, caught.value.retryable) == (text, "assertion_failed", False)


async def test_assert_wants_true_or_false(attempt: type[Attempt]) -> None:
    """Nothing passes for true that is not."""
    with pytest.raises(Permanent, match="the condition is of type int") as caught:
        await attempt(assert_, {"condition": "1"}).run()
    assert caught.value.code == "invalid_condition"


async def test_a_condition_that_cannot_be_evaluated_is_told(attempt: type[Attempt]) -> None:
    """It is no assertion that does not hold."""
    with pytest.raises(ExpressionError, match="stock"):
        await attempt(assert_, {"condition": "stock >= 1"}).run()
