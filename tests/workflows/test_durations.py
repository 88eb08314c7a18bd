"""How long nodes took."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.workflows.durations import Durations
from bluev_actors.workflows.run_events import Pause
from bluev_actors.workflows.run_state import NodeState

PAUSES = [Pause(10.0, "hard", 13.0), Pause(20.0, "drain", 25.0), Pause(40.0, "hard")]


def node(began: float | None, ended: float | None) -> NodeState:
    """A node that began and ended then."""
    return NodeState("completed", 1, began, began, ended)


@pytest.mark.parametrize(
    ("began", "ended", "took"),
    [
        (0, 5, 5),
        (5, 15, 7),
        (5, 30, 17),
        (13, 20, 7),
        (25, 26, 1),
        (15, 22, 7),
        (30, 45, 15),
        (9, 3, 0),
        (None, 5, 0),
        (5, None, 0),
    ],
)
def test_what_a_node_outlasted_does_not_count(began: float | None, ended: float | None, took: float) -> None:
    """A pause in the middle is taken off; one in which it came to its end is not, for it was at work until then."""
    assert Durations(PAUSES).of(node(began, ended)) == took


@given(st.none() | st.floats(0, 2e9), st.none() | st.floats(0, 2e9))
def test_without_pauses_it_is_the_nodes_own(began: float | None, ended: float | None) -> None:
    """From its first start to its end."""
    assert Durations([]).of(node(began, ended)) == node(began, ended).duration


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=6), st.floats(0, 100), st.floats(0, 100))
def test_it_is_never_less_than_nothing(stretches: list[tuple[float, float]], began: float, ended: float) -> None:
    """Nor more than all of the time between, whatever a clock that was set back has made of it."""
    pauses = [Pause(at, "hard", at + seconds) for at, seconds in stretches]
    assert 0 <= Durations(pauses).of(node(began, ended)) <= max(0.0, ended - began) + 54
