"""The states of an actor and the table of their moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors.lifecycle import ALIVE, MOVES, IllegalMoveError, State, check


def test_every_state_has_its_moves() -> None:
    """The table is total, so a new state cannot be forgotten in it."""
    assert MOVES.keys() == set(State)


def test_only_stopped_is_final() -> None:
    """An actor can always end, and once it is gone for good nothing brings it back."""
    assert [state for state in State if not MOVES[state]] == [State.STOPPED]


@pytest.mark.parametrize("state", list(State))
def test_the_end_can_be_reached(state: State) -> None:
    """From everywhere some moves lead to the end."""
    reached = {state}
    for _ in State:
        reached |= {after for before in reached for after in MOVES[before]}
    assert State.STOPPED in reached


def test_an_incarnation_is_over_before_the_next_starts() -> None:
    """Two incarnations never overlap: only an actor without a living one may start one."""
    assert [state for state in State if State.STARTING in MOVES[state]] == [State.EXITED]
    assert State.EXITED not in ALIVE


@given(old=st.sampled_from(State), new=st.sampled_from(State))
def test_check_is_the_table(old: State, new: State) -> None:
    """What the table does not allow is refused, and the error names the actor and both states."""
    if new in MOVES[old]:
        check("/a", old, new)
    else:
        with pytest.raises(IllegalMoveError, match=f"/a: {old.value} cannot become {new.value}"):
            check("/a", old, new)


def test_a_state_is_its_word() -> None:
    """A state goes into JSON and logs as the word it is."""
    assert f"{State.RUNNING}" == "running"
