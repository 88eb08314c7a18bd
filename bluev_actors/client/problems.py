"""Problems of a workflow as a daemon tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.workflows.problems import GraphProblem

if TYPE_CHECKING:
    from bluev_actors.workflows.values import JsonObject


def read_problem(error: JsonObject) -> GraphProblem:
    """Read one of the errors of a reply; what a newer daemon adds is left out."""
    return GraphProblem(
        code=error.get("code", ""),
        message=error.get("message", ""),
        path=error.get("path", ""),
        node_id=error.get("node_id"),
        port=error.get("port"),
        details=error.get("details"),
    )
