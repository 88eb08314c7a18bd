"""Ends a run that nobody can carry on: without its catalogue, its frontier or its actor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.run_events import NodeCancelled, RunFailed
from bluev_actors.workflows.summary import summarise

if TYPE_CHECKING:
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.workflows.run_events import ErrorDetail


def fail_run(writer: RunWriter, error: ErrorDetail) -> None:
    """Give every node that has not ended its final state, and the run its last event.

    Args:
        writer: the pen; what it writes is committed.
        error: why the run cannot go on.
    """
    state, workflow = writer.state, writer.record.workflow
    for node_id in dict.fromkeys([*state.nodes, *workflow.by_id]):
        node = state.node(node_id)
        if not node.ended:
            writer.add(NodeCancelled(node_id, node.attempt, "fail_fast"))
    writer.add(RunFailed(error, summarise(state, workflow, ending="failed", at=writer.now())))
    writer.commit()
