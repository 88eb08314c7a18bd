"""What holds of the record of any run, whatever happened to it and to its process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.run_events import TERMINAL_EVENTS, NodeStarted, Recorded, RunStarted
from bluev_actors.workflows.run_state import RunState, apply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.workflows.graph import Workflow


def replayed(workflow: Workflow, history: Sequence[Recorded]) -> RunState:
    """The state that a record comes to.

    Raises:
        AssertionError: the record breaks a law.
    """
    state = RunState(history[0].run_id if history else "", workflow.id)
    for number, recorded in enumerate(history, start=1):
        assert recorded.seq == number, "a run's events are numbered without holes"
        assert recorded.cursor > state.cursor, "the global order only rises"
        assert not state.ended, "nothing comes after the terminal event"
        assert isinstance(recorded.event, RunStarted) == (number == 1), "the first event, and only that, starts the run"
        if isinstance(recorded.event, NodeStarted):
            _check_start(workflow, state, recorded.event)
        apply(state, recorded)
    if state.ended:
        assert isinstance(history[-1].event, TERMINAL_EVENTS), "the terminal event is the last"
        assert not state.in_flight, "nothing is in flight when a run has ended"
        assert all(it.ended for it in state.nodes.values()), "every node of an ended run has ended"
        assert set(state.nodes) >= set(workflow.by_id), "every node of an ended run has ended"
    return state


def _check_start(workflow: Workflow, state: RunState, event: NodeStarted) -> None:
    known = state.node(event.node_id)
    assert state.status == "running", f"{event.node_id} started in a run that is {state.status}"
    assert not known.ended, f"{event.node_id} had ended as {known.status} and started again"
    assert event.recovered == (known.status == "running"), "what was in flight, and only that, is recovered"
    again = known.status in ("running", "paused")
    assert event.attempt == known.attempt + (not again), "only a failed attempt gives way to the next number"
    limit = workflow.settings.max_concurrency
    others = len(state.in_flight) - (event.node_id in state.in_flight)
    assert event.opens or limit is None or others < limit, "no more nodes run at a time than the settings say"
    if event.node_id in workflow.by_id:
        sources = {edge.from_node for edge in workflow.incoming[event.node_id]}
        assert all(state.node(it).ended for it in sources), "no node starts before its inputs are settled"
