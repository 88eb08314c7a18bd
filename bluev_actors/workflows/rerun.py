"""Which records of an earlier run may stand in a new one, so that only a part of the workflow runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.errors import RefusedError
from bluev_actors.workflows.fingerprints import fingerprints
from bluev_actors.workflows.wording import hint, quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from bluev_actors.workflows.graph import Workflow
    from bluev_actors.workflows.options import Rerun
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject


def reusable(
    old: Workflow,
    old_state: RunState,
    old_inputs: JsonObject,
    new: Workflow,
    new_inputs: JsonObject,
    rerun: Rerun,
) -> dict[str, JsonObject]:
    """The outputs that a new run takes over from an earlier one.

    A node is taken over when it had completed and is defined as it was, and the same holds for all that leads to it;
    what a branch had skipped is skipped again. So `failed` and `stale` run again what did not complete, what was
    changed or is new, and all that follows from these; `from_nodes` also the nodes it names, and all that follows
    from them. A node with a body is taken over as a whole or not at all.

    Args:
        old: the earlier run's workflow.
        old_state: what became of it.
        old_inputs: the values that it was started with.
        new: the workflow of the new run.
        new_inputs: the values that it is started with.
        rerun: what to run again.

    Returns:
        Outputs by node, each after those of the nodes that lead to it.

    Raises:
        RefusedError: `invalid_state`: the earlier run has not ended; `not_found`: a node to begin with is not there;
            `bad_message`: there has to be one.
    """
    _check(old_state, new, rerun)
    before = fingerprints(old, old_inputs)
    stands: dict[str, bool] = {}
    for node_id, fingerprint in fingerprints(new, new_inputs).items():
        stands[node_id] = (
            before.get(node_id) == fingerprint
            and not (rerun.mode == "from_nodes" and node_id in rerun.nodes)
            and old_state.node(node_id).status in ("completed", "skipped")
            and all(stands[edge.from_node] for edge in new.incoming[node_id])
        )
    return _outputs(old_state, [node_id for node_id, it in stands.items() if it])


def _outputs(state: RunState, node_ids: Collection[str]) -> dict[str, JsonObject]:
    found = {node_id: state.node(node_id) for node_id in node_ids}
    return {node_id: node.outputs or {} for node_id, node in found.items() if node.status == "completed"}


def _check(old_state: RunState, new: Workflow, rerun: Rerun) -> None:
    if not old_state.ended:
        message = f"the run {old_state.run_id} has not ended; stop it first, or wait for its end"
        raise RefusedError("invalid_state", message)
    if rerun.mode != "from_nodes":
        return
    if not rerun.nodes:
        raise RefusedError("bad_message", "`from_nodes` needs `nodes`: the ids of those to begin with")
    strangers = [node_id for node_id in rerun.nodes if node_id not in new.by_id]
    if strangers:
        words = hint(strangers[0], new.by_id).words
        message = f"the workflow has no node {quoted(strangers[0])} to begin with; {words}"
        raise RefusedError("not_found", message)
