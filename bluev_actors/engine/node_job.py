"""Puts one attempt of a node together: its context, what it is given, and the executor that will run it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bluev_actors.engine.cache import fingerprint, may_cache
from bluev_actors.engine.context import NodeContext
from bluev_actors.engine.node_executor import NodeExecutor
from bluev_actors.engine.plain import plain_copy
from bluev_actors.workflows.graph import DONE, ERROR
from bluev_actors.workflows.inputs import gather_inputs

if TYPE_CHECKING:
    from bluev_actors.engine.clocks import TimeLimit
    from bluev_actors.engine.context import RunPort
    from bluev_actors.engine.flow import Flow, Round
    from bluev_actors.engine.run_desk import RunDesk
    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.expressions import Scope as Names
    from bluev_actors.workflows.graph import Edge, Node
    from bluev_actors.workflows.run_events import NodeStarted
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject


def make_executor(
    desk: RunDesk, flow: Flow, started: NodeStarted, port: RunPort, limit: TimeLimit, round_: Round | None = None
) -> NodeExecutor:
    """The executor of one attempt.

    Args:
        desk: what the run works with.
        flow: knows the scope of the node, and the run's state, from which inputs are taken when the executor starts.
        started: which attempt.
        port: how the node speaks to its run.
        limit: how long the attempt may take.
        round_: of an open node that is asked again: how its body has ended so far.
    """
    node, scope = flow.node(started.node_id), flow.scope(started.node_id)
    return NodeExecutor(
        _context(desk, flow.state, node, scope, started, port, round_),
        desk.catalogue[node.type],
        partial(_prepare, desk, flow, scope),
        timeout=limit.seconds,
        timeout_code=limit.code,
        max_output_bytes=desk.limits.output_bytes,
        cache=desk.cache,
    )


def _context(
    desk: RunDesk,
    state: RunState,
    node: Node,
    scope: Scope,
    started: NodeStarted,
    port: RunPort,
    round_: Round | None,
) -> NodeContext:
    workflow = desk.record.workflow
    known = state.nodes[started.node_id]
    return NodeContext(
        node=node,
        node_id=started.node_id,
        run_id=desk.record.run_id,
        workflow_id=workflow.id,
        attempt=started.attempt,
        started_at=known.started_at or desk.now(),
        grace=workflow.settings.grace,
        connected_outputs=connected_outputs(scope.workflow.outgoing[node.id]),
        resume_state=plain_copy(desk.journal.checkpoint(desk.record.run_id, started.node_id)),
        port=port,
        round=0 if round_ is None else round_.number,
        finished=() if round_ is None else round_.finished,
        pausable=desk.kinds[node.type].pausable,
        outside=desk.outside,
    )


def connected_outputs(outgoing: list[Edge]) -> tuple[str, ...]:
    """The names of a node's own outputs that lead somewhere, each once, in the order of the document."""
    names = {edge.from_output: None for edge in outgoing}
    names.pop(DONE, None)
    names.pop(ERROR, None)
    return tuple(names)


def _prepare(desk: RunDesk, flow: Flow, scope: Scope, context: NodeContext) -> None:
    """Evaluate the params and gather the inputs, in the executor's own task; what goes wrong is the node's failure."""
    node, nodes, prefix = context.node, flow.state.nodes, scope.prefix
    kind = flow.kind_in_place(scope, node)

    def outputs_of(node_id: str) -> JsonObject | None:
        known = nodes.get(prefix + node_id)
        return None if known is None else known.outputs

    compiled = desk.params[scope.path + node.id]
    names: Names = {
        "inputs": scope.inputs,
        "nodes": {it: outputs_of(it) for it in compiled.node_refs},
        "run": {"id": desk.record.run_id, "workflow_id": desk.record.workflow_id},
    }
    params = compiled.evaluate(names, desk.secrets.reveal)
    gathered = gather_inputs(kind, scope.workflow.incoming[node.id], outputs_of, params)
    context.give(compiled, names, params, gathered)
    if desk.cache is not None and may_cache(kind, node, desk.record.options.use_cache):
        context.fingerprint = fingerprint(kind, node, compiled, names, gathered, context.connected_outputs)
