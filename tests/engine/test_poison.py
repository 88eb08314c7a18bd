"""Which node is taken for the one that takes the process down with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.poison import CLEAN, CRASHES, NOTE, Bench, Suspicion, may_kill, suspect
from bluev_actors.workflows.run_events import NodeCompleted, NodeStarted, RunStarted
from bluev_actors.workflows.run_state import RunState, apply_event

if TYPE_CHECKING:
    from bluev_actors.workflows.run_events import RunEvent
    from bluev_actors.workflows.values import Json


def state_of(*events: RunEvent) -> RunState:
    """A run after some events."""
    state = RunState("run", "workflow")
    for seq, event in enumerate((RunStarted(), *events), 1):
        apply_event(state, event, seq, float(seq))
    return state


def crash(notes: dict[str, Json], state: RunState, marks: int = 0, others: int = 0) -> Suspicion:
    """The process died: judge the run, and note it as the run's actor does."""
    found = suspect(notes, state, dict.fromkeys(state.in_flight, marks), others=others)
    alone = next(iter(state.in_flight), None) if found.one_at_a_time else None
    notes[NOTE] = found.watching(alone).as_note()
    return found


def test_one_node_in_flight_is_guilty_at_the_third_crash() -> None:
    """Two crashes may be bad luck; the third in a row, with one node in flight, has a name."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"))
    assert [crash(notes, state).poisoned for _ in range(CRASHES)] == [None, None, "a"]


def test_of_several_each_is_tried_alone() -> None:
    """After three crashes with two in flight, they run one at a time, and the next crash names the one at work."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"), NodeStarted("b"))
    assert [crash(notes, state).one_at_a_time for _ in range(CRASHES)] == [False, False, True]
    assert crash(notes, state).poisoned == "a"


def test_the_second_suspect_is_guilty_when_the_first_came_through() -> None:
    """A suspect that ended well is none any more; who runs alone next is blamed for the next crash."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"), NodeStarted("b"))
    for _ in range(CRASHES):
        crash(notes, state)
    state = state_of(NodeStarted("a"), NodeStarted("b"), NodeCompleted("a", 1, {}))
    notes[NOTE] = Suspicion(state.news, 1, marks={"b": 0}).watching("b").as_note()
    assert suspect(notes, state, dict.fromkeys(state.in_flight, 0)).poisoned == "b"


def test_something_new_between_two_crashes_begins_the_count_again() -> None:
    """A run that gets on is not held up, however often the machine fails."""
    notes: dict[str, Json] = {}
    crash(notes, state_of(NodeStarted("a")))
    crash(notes, state_of(NodeStarted("a")))
    later = state_of(NodeStarted("a"), NodeCompleted("a", 1, {}), NodeStarted("b"))
    assert crash(notes, later).crashes == 1


def test_going_on_after_a_crash_is_nothing_new() -> None:
    """That the suspects were started again by the recovery itself does not clear them."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"))
    crash(notes, state)
    apply_event(state, NodeStarted("a", recovered=True), state.seq + 1, 9.0)
    assert crash(notes, state).crashes == 2


def test_a_run_that_was_left_in_order_did_not_crash() -> None:
    """A drain leaves nodes in flight on purpose."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"))
    for _ in range(CRASHES - 1):
        crash(notes, state)
    notes[CLEAN] = state.seq
    assert crash(notes, state) == Suspicion(state.news)


def test_nobody_is_suspected_where_nothing_is_in_flight() -> None:
    """A paused run is at rest: it cannot have crashed anything."""
    notes: dict[str, Json] = {}
    assert [crash(notes, state_of()).crashes for _ in range(CRASHES)] == [0, 0, 0]


@given(st.integers(0, 9), st.integers(0, 9), st.none() | st.text())
def test_a_note_is_read_as_it_was_written(news: int, crashes: int, alone: str | None) -> None:
    """What is kept of a suspicion is what the next process knows."""
    notes: dict[str, Json] = {NOTE: Suspicion(news, crashes, alone, {"\n1": 1, "\n2": 2}).as_note()}
    found = suspect(notes, RunState("run", "workflow", news=news), {"\n1": 1, "\n2": 2})
    assert found.crashes == crashes + 1


@pytest.mark.parametrize("note", [None, 3, "text", []])
def test_a_note_that_is_none_counts_for_nothing(note: Json) -> None:
    """A journal that was tampered with does not keep a run from going on."""
    assert suspect({NOTE: note}, state_of(NodeStarted("a")), {"a": 0}).crashes == 1


def test_a_checkpoint_is_news() -> None:
    """A node that gets on from crash to crash is no suspect, however often the machine fails."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"))
    assert [crash(notes, state, marks=marks).crashes for marks in (1, 2, 3, 4)] == [1, 1, 1, 1]


def test_a_lone_node_beside_others_is_tried_and_not_convicted() -> None:
    """It is alone in its run, not in the process: any of the others may be the one."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"))
    for _ in range(CRASHES - 1):
        crash(notes, state, others=1)
    assert crash(notes, state, others=1) == Suspicion(state.news, CRASHES, marks={"a": 0})
    assert crash(notes, state, others=1).poisoned == "a"


def test_who_gets_on_alone_is_not_convicted() -> None:
    """A suspect that has kept a checkpoint since it was started by itself was not what killed the process."""
    notes: dict[str, Json] = {}
    state = state_of(NodeStarted("a"), NodeStarted("b"))
    for _ in range(CRASHES):
        crash(notes, state)
    assert crash(notes, state, marks=7).poisoned is None


def test_only_code_that_is_not_ours_can_kill() -> None:
    """Of our kinds those that reach outside could; a user's could in any case."""
    ours = {it.kind.name: may_kill(it.kind) for it in BUILT_INS}
    assert not any(ours[name] for name in ("noop", "delay", "expression", "wait_signal", "map"))
    assert ours["python"]
    assert ours["subprocess"]

    @node
    async def theirs() -> None:
        """Somebody's."""

    assert may_kill(theirs.kind)


def test_one_run_after_the_other() -> None:
    """Who is first on the bench goes at once; who leaves it calls the next, and only who was first does."""
    bench, called = Bench(), list[str]()
    seats = [bench.take_seat(run_id, partial(called.append, run_id)) for run_id in "abc"]
    assert seats == [True, False, False]
    bench.leave("b")
    assert called == []
    bench.leave("a")
    assert called == ["c"]
    bench.leave("a")
    bench.leave("c")
    assert called == ["c"]
