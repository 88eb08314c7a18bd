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


def clocks_and_hand(max_elapsed: float | None = None) -> tuple[Clocks, Hand]:
    """Clocks, and the hand that moves them."""
    hand = Hand()
    return Clocks(hand, RetryPolicy(max_elapsed=max_elapsed)), hand


def test_a_node_without_limits_is_not_timed() -> None:
    """Most nodes have no limit, and cost nothing."""
    clocks, hand = clocks_and_hand()
    assert clocks.start("a", Node("a", "noop"), 1) == TimeLimit(None)
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
    found = clocks.start("a", node, 1)
    assert found.seconds == limit.seconds
    if limit.seconds is not None:
        assert found.code == limit.code


def test_the_default_policy_times_all_nodes() -> None:
    """`max_elapsed` of the workflow's policy holds for nodes that have none."""
    clocks, hand = clocks_and_hand(max_elapsed=9)
    clocks.start("a", Node("a", "noop"), 1)
    hand.at += 5
    assert clocks.stop("a") == 5


def test_an_attempt_goes_on_with_the_rest() -> None:
    """Cut short and started again under the same number, it has what is left."""
    clocks, hand = clocks_and_hand()
    node = Node("a", "noop", timeout=10)
    clocks.start("a", node, 1)
    hand.at += 4
    clocks.stop("a")
    hand.at += 1000
    assert clocks.start("a", node, 1).seconds == 6
    hand.at += 7
    clocks.stop("a")
    assert clocks.start("a", node, 1).seconds == 0
    assert clocks.start("a", node, 2).seconds == 10


def test_the_total_counts_attempts_and_waits() -> None:
    """What all attempts and the waits between them took comes off the total."""
    clocks, hand = clocks_and_hand()
    node = Node("a", "noop", total_timeout=30)
    clocks.start("a", node, 1)
    hand.at += 4
    assert clocks.stop("a") == 4
    assert clocks.stop("a") == 0
    clocks.count("a", 5)
    hand.at += 5000
    assert clocks.start("a", node, 2).seconds == 21


def test_a_wait_of_a_node_without_limits_counts_for_nothing() -> None:
    """There is nothing that it could use up."""
    clocks, _ = clocks_and_hand()
    clocks.count("a", 5)
    assert clocks.start("a", Node("a", "noop", total_timeout=30), 1).seconds == 30


def test_the_same_node_of_two_items_has_two_clocks() -> None:
    """A node inside a body is timed once for each item, by its id in the run."""
    clocks, hand = clocks_and_hand()
    node = Node("fetch", "noop", timeout=10)
    clocks.start("each[0]/fetch", node, 1)
    hand.at += 4
    assert clocks.start("each[1]/fetch", node, 1).seconds == 10
    clocks.stop("each[0]/fetch")
    assert clocks.start("each[0]/fetch", node, 1).seconds == 6


def test_what_was_used_before_a_crash_is_used() -> None:
    """A restored attempt goes on with the rest; the next one has its own time, and the total is that of all."""
    clocks, _ = clocks_and_hand()
    node = Node("a", "noop", timeout=10, total_timeout=30)
    clocks.restore("a", node, 2, attempt=4, total=15)
    assert clocks.start("a", node, 2) == TimeLimit(6, "timeout")
    clocks.restore("a", node, 2, attempt=4, total=28)
    assert clocks.start("a", node, 2) == TimeLimit(2, "total_timeout")
    assert clocks.start("a", node, 3) == TimeLimit(2, "total_timeout")


def test_a_node_without_limits_is_not_restored() -> None:
    """Nothing was noted of it, and nothing is."""
    clocks, _ = clocks_and_hand()
    clocks.restore("a", Node("a", "noop"), 1, attempt=4, total=15)
    assert clocks.stop("a") == 0.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1000), st.booleans()), max_size=20))
def test_stretches_add_up(stretches: list[tuple[float, float, bool]]) -> None:
    """However often an attempt is cut short or restored, it has used what it ran, and pauses add nothing."""
    clocks, hand = clocks_and_hand()
    node = Node("a", "noop", timeout=500, total_timeout=1000)
    ran = 0.0
    for running, paused, crashes in stretches:
        limit = clocks.start("a", node, 1)
        assert limit.seconds == pytest.approx(max(0.0, 500 - ran), abs=1e-6)
        hand.at += running
        ran += running
        assert clocks.stop("a") == pytest.approx(ran, abs=1e-6)
        hand.at += paused
        if crashes:
            clocks.restore("a", node, 1, ran, ran)
