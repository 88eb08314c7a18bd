"""The last events of a run: every node gets its final state, and the run says what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.run_events import NodeCancelled, RunCompleted, RunFailed, RunStopped
from bluev_actors.workflows.summary import outputs_of, results_of, summarise

if TYPE_CHECKING:
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.run_events import ErrorDetail
    from bluev_actors.workflows.summary import Ending
    from bluev_actors.workflows.values import JsonObject


def write_completed(writer: RunWriter) -> None:
    """End a run all of whose nodes have ended."""
    state, workflow = writer.state, writer.record.workflow
    results, outputs = results_of(state, workflow), outputs_of(state, workflow)
    writer.add(RunCompleted(results, _summary(writer, "completed"), outputs))


def write_failed(writer: RunWriter, error: ErrorDetail) -> None:
    """End a run that has failed; nothing of it may be in flight any more."""
    _cancel_the_rest(writer, "fail_fast")
    writer.add(RunFailed(error, _summary(writer, "failed")))


def write_stopped(writer: RunWriter) -> None:
    """End a run that was told to stop."""
    _cancel_the_rest(writer, "stopped")
    writer.add(RunStopped(results_of(writer.state, writer.record.workflow), _summary(writer, "stopped")))


def fail_run(writer: RunWriter, error: ErrorDetail) -> None:
    """End a run that nobody can carry on: without its catalogue, its frontier or its actor.

    Args:
        writer: the pen; what it writes is committed.
        error: why the run cannot go on.
    """
    write_failed(writer, error)
    writer.commit()


def _cancel_the_rest(writer: RunWriter, reason: str) -> None:
    """Those inside bodies first, then their containers and all others in the order of the document."""
    state = writer.state
    nested = [it for it, known in state.nodes.items() if not known.ended and "/" in it]
    own = [it for it in writer.record.workflow.by_id if not state.node(it).ended]
    for node_id in (*nested, *own):
        writer.add(NodeCancelled(node_id, state.node(node_id).attempt, reason))


def _summary(writer: RunWriter, ending: Ending) -> JsonObject:
    return summarise(writer.state, writer.record.workflow, ending=ending, at=writer.now())
