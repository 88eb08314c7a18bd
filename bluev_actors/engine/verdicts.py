"""What the end of a node means for those around it, read off the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from bluev_actors.workflows.graph import DONE, ERROR
from bluev_actors.workflows.run_events import ErrorDetail

if TYPE_CHECKING:
    from bluev_actors.engine.scopes import Opening, Scope
    from bluev_actors.workflows.graph import Node
    from bluev_actors.workflows.run_state import NodeState, RunState
    from bluev_actors.workflows.values import JsonObject

EXECUTOR_CRASHED: Final = "executor_crashed"
"""The error code of a node, and of its run, whose executors crashed too often."""
INTERRUPTED: Final = ErrorDetail("interrupted", "was cut off by a crash, and runs at most once")
"""The error of a node that runs at most once."""
POISONED: Final = ErrorDetail("poison", "took the process down with it too often")
"""The error of a node that is not run again for the sake of all others."""


def edges_of(known: NodeState) -> tuple[tuple[str, ...], str]:
    """What an ended node gave and why the rest will never come, for `Frontier.settle`."""
    if known.status == "completed":
        return (*(known.outputs or {}), DONE), "branch"
    if known.status == "failed":
        return tuple(known.outputs or ()), "failed"
    return (), known.reason or "stopped"


def error_output(node: Node, error: ErrorDetail) -> JsonObject | None:
    """The outputs of a failed node; None for one that has none."""
    return {ERROR: {"code": error.code, "message": error.message}} if node.on_error == "error_output" else None


def fails(scope: Scope, node: Node) -> bool:
    """Whether a failure of the node is one of its whole scope."""
    return node.on_error == "fail" and scope.workflow.settings.on_error != "continue"


def of_node(scope: Scope, node: Node, error: ErrorDetail) -> ErrorDetail:
    """A node's error as the error of its scope; a run is not tried again, so its error says nothing of that."""
    retryable = error.retryable and scope.opening is not None
    return evolve(error, message=f"node {node.id} failed: {error.message}", retryable=retryable)


def of_item(opening: Opening, index: int, error: ErrorDetail) -> ErrorDetail:
    """An item's error as the error of the node that the item belongs to."""
    indexed = opening.opens is None or opening.opens.indexed
    return evolve(error, message=f"item {index}: {error.message}") if indexed else error


def recalled_failure(state: RunState, scope: Scope) -> ErrorDetail | None:
    """Why a scope has failed, by what is on record of its nodes."""
    for node in scope.workflow.nodes:
        known = state.nodes.get(scope.prefix + node.id)
        if known is not None and known.status == "failed" and known.error and fails(scope, node):
            return of_node(scope, node, known.error)
    return None


def recalled_crash(state: RunState) -> ErrorDetail | None:
    """Why a run has failed whose executors crashed too often."""
    errors = (known.error for known in state.nodes.values() if known.status == "failed")
    return next((error for error in errors if error is not None and error.code == EXECUTOR_CRASHED), None)
