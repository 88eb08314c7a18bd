from __future__ import annotations

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.clocks import Clocks, TimeLimit
from bluev_actors.workflows.graph import Node, RetryPolicy


@define
class Hand:
    """A clock that is moved by hand."""

    at: float = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.at


def clocks_and_hand(**policy: float) -> tuple[Clocks, Hand]:
    """Clocks, and the hand that moves them."""
    hand = Hand()
    return Clocks(hand, RetryPolicy(max_elapsed=policy.get("max_elapsed"))), hand


def test_a_node_without_limits_is_not_timed() -> None:
    """Most nodes have no limit, and cost nothing."""
    clocks, hand = clocks_and_hand()
    assert clocks.start(Node("a", "noop"), 1) == TimeLimit(None)
    hand.at += 5
    assert clocks.stop("a") == 0.0


@pytest.mark.parametrize(
    ("node", "limit"),
    [
        (Node("a", "noop", timeout=3), TimeLimit(3, "timeout")),
        (Node("a", "noop", total_timeout=3), TimeLimit(3, "total_timeout")),
        (Node("a", "noop", timeout=3, total_timeout=4), TimeLimit(3, "timeout")),
        (Node("a", "noop", timeout=4, total_timeout=3), TimeLimit(3, "total_timeout")),
        (Node("a", "noop", timeout=3, total_timeout=3), TimeLimit(3, "timeout")),
        (Node("a", "noop", retry=RetryPolicy(max_elapsed=9)), TimeLimit(None, "total_timeout")),
    ],
)
def test_the_tighter_limit_counts(node: Node, limit: TimeLimit) -> None:
    """An attempt ends by its own timeout or by that of all attempts, whichever is first."""
    clocks, _ = clocks_and_hand()
    found = clocks.start(node, 1)
    assert found.seconds == limit.seconds
    if limit.seconds is not None:
        assert found.code == limit.code


def test_the_default_policy_times_all_nodes() -> None:
    """`max_elapsed` of the workflow's policy holds for nodes that have none."""
    clocks, hand = clocks_and_hand(max_elapsed=9)
    clocks.start(Node("a", "noop"), 1)
    hand.at += 5
    assert clocks.stop("a") == 5


def test_an_attempt_goes_on_with_the_rest() -> None:
    """Cut short and started again under the same number, it has what is left."""
    clocks, hand = clocks_and_hand()
    node = Node("a", "noop", timeout=10)
    clocks.start(node, 1)
    hand.at += 4
    clocks.stop("a")
    hand.at += 1000
    assert clocks.start(node, 1).seconds == 6
    hand.at += 7
    clocks.stop("a")
    assert clocks.start(node, 1).seconds == 0
    assert clocks.start(node, 2).seconds == 10


def test_the_total_counts_attempts_and_waits() -> None:
    """What all attempts and the waits between them took comes off the total."""
    clocks, hand = clocks_and_hand()
    node = Node("a", "noop", total_timeout=30)
    clocks.start(node, 1)
    hand.at += 4
    assert clocks.stop("a") == 4
    assert clocks.stop("a") == 0
    clocks.wait("a", 5)
    hand.at += 5
    clocks.waited("a")
    assert clocks.start(node, 2).seconds == 21


def test_a_wait_that_begins_during_a_pause_counts_too() -> None:
    """The total does not know when a wait began."""
    clocks, _ = clocks_and_hand()
    node = Node("a", "noop", total_timeout=30)
    clocks.start(node, 1)
    clocks.stop("a")
    clocks.keep("a", 5)
    assert clocks.release() == {"a": 5}
    assert clocks.start(node, 2).seconds == 25


def test_a_wait_stands_still_while_held() -> None:
    """A pause keeps what is left of each wait; what is over by then has nothing left."""
    clocks, hand = clocks_and_hand()
    for node_id, seconds in (("a", 10.0), ("b", 3.0), ("c", 9.0)):
        clocks.wait(node_id, seconds)
    clocks.waited("c")
    hand.at += 4
    clocks.hold()
    clocks.keep("d", 7)
    hand.at += 1000
    assert clocks.release() == {"a": 6, "b": 0, "d": 7}
    assert clocks.release() == {}


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1000)), max_size=20))
def test_pauses_add_nothing(stretches: list[tuple[float, float]]) -> None:
    """However often a wait is held, it takes as long as it was to take."""
    clocks, hand = clocks_and_hand()
    clocks.wait("a", 500)
    ran = 0.0
    for running, paused in stretches:
        hand.at += running
        ran += running
        clocks.hold()
        hand.at += paused
        assert clocks.release()["a"] == pytest.approx(max(0.0, 500 - ran), abs=1e-6)
