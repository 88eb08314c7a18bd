"""The states of an actor and the table of their moves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.actors.lifecycle import ALIVE, MOVES, IllegalMoveError, State, refuse_move


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


def test_a_life_that_goes_well() -> None:
    """The common way through the table, with a restart in the middle."""
    life = (State.EXITED, State.STARTING, State.RUNNING, State.STOPPING, State.EXITED, State.STARTING)
    assert all(new in MOVES[old] for old, new in pairwise(life))


def test_whatever_lives_can_end() -> None:
    """A crash may come in every part of a life, and skips the rest of it."""
    assert all(State.EXITED in MOVES[state] for state in ALIVE)


def test_nothing_moves_to_where_it_is() -> None:
    """A state that is entered twice would be told of twice."""
    assert not [state for state in State if state in MOVES[state]]


@given(old=st.sampled_from(State), new=st.sampled_from(State))
def test_a_refusal_names_all_three(old: State, new: State) -> None:
    """The error says who it was, and what cannot become what."""
    with pytest.raises(IllegalMoveError, match=f"^/a: {old.value} cannot become {new.value}$"):
        refuse_move("/a", old, new)


def test_a_state_is_its_word() -> None:
    """A state goes into JSON and logs as the word it is."""
    assert f"{State.RUNNING}" == "running"
