from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.engine.ending import fail_run
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.engine.run_writer import RunWriter
from bluev_actors.workflows.graph import Node, Workflow
from bluev_actors.workflows.run_events import (
    ErrorDetail,
    NodeCancelled,
    NodeCompleted,
    NodePaused,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    RunFailed,
    RunStarted,
    RunStatusChanged,
)

if TYPE_CHECKING:
    from bluev_actors.workflows.run_events import RunEvent

WHY = ErrorDetail("recovery_failed", "nobody can carry it on")
NAMES = ["a", "b", "c"]


def ended(*events: RunEvent) -> tuple[RunWriter, list[RunEvent]]:
    """The end of a run after some events: its writer, and what was written then."""
    journal = MemoryJournal()
    record = RunRecord("r", Workflow("w", tuple(Node(name, "noop") for name in NAMES)), {}, 0.0)
    journal.open_run(record)
    writer = RunWriter(journal, record, lambda: 7.0)
    begun: list[RunEvent] = [RunStarted(), *events]
    for event in begun:
        writer.add(event)
    writer.commit()
    fail_run(writer, WHY)
    return writer, [it.event for it in journal.history("r", 1 + len(events))]


def test_what_has_not_ended_is_cancelled_and_then_the_run_has_failed() -> None:
    """What has, stays as it is; what never began is cancelled too; attempts keep their numbers."""
    writer, written = ended(NodeStarted("a"), NodeCompleted("a", 1, {}), NodeStarted("b", 2))
    assert written[:-1] == [NodeCancelled("b", 2, "fail_fast"), NodeCancelled("c", 0, "fail_fast")]
    assert isinstance(written[-1], RunFailed)
    assert written[-1].error == WHY
    assert (writer.state.status, writer.state.error) == ("failed", WHY)


def test_nodes_inside_bodies_end_too() -> None:
    """Those that were under way; the node whose body they stand in is cancelled once."""
    opened: list[RunEvent] = [NodeStarted("a", opens=True), NodeStarted("a[0]/x"), NodeWaiting("a[1]/x", 1)]
    _, written = ended(*opened)
    cancelled = [it.node_id for it in written if isinstance(it, NodeCancelled)]
    assert sorted(cancelled) == ["a", "a[0]/x", "a[1]/x", "b", "c"]


def test_the_summary_is_that_of_a_failed_run() -> None:
    """It tells the end that is being written, and not the state before it."""
    _, written = ended(NodeStarted("a"))
    assert isinstance(written[-1], RunFailed)
    assert written[-1].summary["state"] == "failed"
    assert written[-1].summary["nodes"]["cancelled"] == len(NAMES)


STEPS: st.SearchStrategy[RunEvent] = st.one_of(
    st.builds(NodeStarted, st.sampled_from(NAMES)),
    st.builds(NodePaused, st.sampled_from(NAMES), st.just(1)),
    st.builds(NodeWaiting, st.sampled_from(NAMES), st.just(1)),
    st.builds(NodeSkipped, st.sampled_from(NAMES), st.just("branch")),
    st.builds(NodeCompleted, st.sampled_from(NAMES), st.just(1), st.just({"out": 1})),
    st.just(RunStatusChanged("pausing", None, "hard")),
    st.just(RunStatusChanged("paused")),
    st.just(RunStatusChanged("stopping")),
)


@given(st.lists(STEPS, max_size=12))
def test_whatever_has_happened_the_run_comes_to_its_end(events: list[RunEvent]) -> None:
    """All of its nodes have their final state, nothing is in flight, and the last event is the run's."""
    writer, written = ended(*events)
    assert isinstance(written[-1], RunFailed)
    assert all(writer.state.node(name).ended for name in NAMES)
    assert not writer.state.in_flight
    assert not writer.state.open
