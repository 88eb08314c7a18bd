"""A bench for node types: one attempt of one node, without a run around it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio

from bluev_actors.engine.context import NodeContext
from bluev_actors.workflows.graph import Node
from bluev_actors.workflows.kinds import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.params import NodeParams
    from bluev_actors.workflows.run_events import NodeEmitted, NodeLog, NodeProgress
    from bluev_actors.workflows.values import Json, JsonObject

EPOCH = 1_800_000_000.0
"""Wall time when Trio's clock reads 0."""


class NotedPort:
    """A run that notes what its node says."""

    def __init__(self) -> None:
        self.said: list[NodeLog | NodeEmitted] = []
        self.progress: list[NodeProgress] = []
        self.saved: list[Json] = []

    def say(self, event: NodeLog | NodeEmitted) -> None:
        """Note a line or a named event."""
        self.said.append(event)

    def show_progress(self, progress: NodeProgress) -> None:
        """Note how far the node is."""
        self.progress.append(progress)

    def save(self, node_id: str, state: Json) -> None:
        """Note a checkpoint."""
        assert node_id == "it"
        self.saved.append(state)

    def now(self) -> float:
        """Wall time, in step with Trio's clock."""
        return EPOCH + trio.current_time()


class Computed:
    """Stands for compiled params: each is computed by a function of the names in its scope."""

    def __init__(self, values: Mapping[str, Json]) -> None:
        self._values = values
        self.scopes: list[Mapping[str, Json]] = []

    def compute(self, param: str, scope: Mapping[str, Json]) -> Json:
        """Give the value that the test wants."""
        self.scopes.append(scope)
        return self._values[param]


class Attempt:
    """One attempt of a node called `it`.

    Args:
        node_type: what to run.
        params: its settings; the defaults are filled in.
        inputs: its inputs.
        computed: the values of params that are expressions or templates.
        connected: names of outputs that have a connection.
        sources: ids of the nodes behind the items of the input `in`.
        resume_state: its last checkpoint.
        started_at: wall time at which it began; now when left out.
    """

    def __init__(
        self,
        node_type: NodeType,
        params: JsonObject | None = None,
        inputs: JsonObject | None = None,
        *,
        computed: Mapping[str, Json] | None = None,
        connected: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
        resume_state: Json = None,
        started_at: float | None = None,
    ) -> None:
        self.node_type = node_type
        self.port = NotedPort()
        self.computed = Computed(computed or {})
        defaults = {it.name: it.default for it in node_type.kind.params if it.default is not NOTHING}
        self.context = NodeContext(
            node=Node("it", node_type.kind.name),
            run_id="run",
            workflow_id="workflow",
            attempt=1,
            started_at=EPOCH if started_at is None else started_at,
            grace=5,
            connected_outputs=connected,
            resume_state=resume_state,
            port=self.port,
            params=defaults | (params or {}),
            inputs=inputs or {},
            sources={"in": list(sources)},
            compiled=cast("NodeParams", self.computed),
        )

    async def run(self) -> dict[str, Any]:
        """Call the node's function as an executor does."""
        arguments = dict(self.context.inputs)
        if self.node_type.takes_context:
            arguments["ctx"] = self.context
        returned = self.node_type.function(**arguments)
        return self.node_type.outputs_from(await returned if inspect.isawaitable(returned) else returned)


@pytest.fixture(scope="session")
def attempt() -> type[Attempt]:
    """Make attempts; it has no state, so Hypothesis may use it for many examples."""
    return Attempt
