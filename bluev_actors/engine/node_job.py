"""Puts one attempt of a node together: its context, what it is given, and the executor that will run it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bluev_actors.engine.context import NodeContext
from bluev_actors.engine.node_executor import NodeExecutor
from bluev_actors.engine.plain import plain_copy
from bluev_actors.workflows.graph import DONE, ERROR
from bluev_actors.workflows.inputs import gather_inputs

if TYPE_CHECKING:
    from bluev_actors.engine.clocks import TimeLimit
    from bluev_actors.engine.context import RunPort
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.workflows.expressions import Scope
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.run_events import NodeStarted
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject


def make_executor(
    desk: RunDesk, state: RunState, started: NodeStarted, port: RunPort, limit: TimeLimit
) -> NodeExecutor:
    """The executor of one attempt.

    Args:
        desk: what the run works with.
        state: the run's state, from which the inputs are taken when the executor starts.
        started: which attempt.
        port: how the node speaks to its run.
        limit: how long the attempt may take.
    """
    node = desk.record.workflow.by_id[started.node_id]
    return NodeExecutor(
        _context(desk, state, node, started, port),
        desk.catalogue[node.type],
        partial(_prepare, desk, state),
        timeout=limit.seconds,
        timeout_code=limit.code,
        max_output_bytes=desk.limits.output_bytes,
    )


def _context(desk: RunDesk, state: RunState, node: Node, started: NodeStarted, port: RunPort) -> NodeContext:
    workflow = desk.record.workflow
    known = state.nodes[node.id]
    return NodeContext(
        node=node,
        run_id=desk.record.run_id,
        workflow_id=workflow.id,
        attempt=started.attempt,
        started_at=known.started_at or desk.now(),
        grace=workflow.settings.grace,
        connected_outputs=connected_outputs(desk, node),
        resume_state=plain_copy(desk.journal.checkpoint(desk.record.run_id, node.id)),
        port=port,
    )


def connected_outputs(desk: RunDesk, node: Node) -> tuple[str, ...]:
    """The names of a node's own outputs that lead somewhere, each once, in the order of the document."""
    names = dict.fromkeys(edge.from_output for edge in desk.record.workflow.outgoing[node.id])
    return tuple(name for name in names if name not in (DONE, ERROR))


def _prepare(desk: RunDesk, state: RunState, context: NodeContext) -> None:
    """Evaluate the params and gather the inputs, in the executor's own task; what goes wrong is the node's failure."""
    node, workflow = context.node, desk.record.workflow
    kind = desk.kinds[node.type]

    def outputs_of(node_id: str) -> JsonObject | None:
        return state.node(node_id).outputs

    compiled = desk.params[node.id]
    scope: Scope = {
        "inputs": desk.record.inputs,
        "nodes": {it: outputs_of(it) for it in compiled.node_refs},
        "run": {"id": desk.record.run_id, "workflow_id": workflow.id},
    }
    params = compiled.evaluate(scope)
    gathered = gather_inputs(kind, workflow.incoming[node.id], outputs_of, params)
    context.give(compiled, scope, params, gathered)
