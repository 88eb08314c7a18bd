"""A bench for node types: one attempt of one node, without a run around it."""

from __future__ import annotations

import inspect
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from attrs import frozen

from bluev_actors.engine import turns
from bluev_actors.engine.context import NodeContext
from bluev_actors.workflows.graph import Node
from bluev_actors.workflows.inputs import Gathered
from bluev_actors.workflows.params import NodeParams

if TYPE_CHECKING:
    from bluev_actors.engine.node_types import NodeType
    from bluev_actors.workflows.run_events import NodeEmitted, NodeLog, NodeProgress
    from bluev_actors.workflows.values import Json, JsonObject

EPOCH: Final = 1_800_000_000.0
"""Wall time when Trio's clock reads 0."""
SCOPE: Final[JsonObject] = {"inputs": {"city": "Oslo"}, "nodes": {}, "run": {"id": "run", "workflow_id": "workflow"}}
"""What expressions may name besides the inputs of their node."""


class NotedPort:
    """A run that notes what its node says."""

    def __init__(self) -> None:
        self.said: list[NodeLog | NodeEmitted] = []
        self.progress: list[NodeProgress] = []
        self.saved: list[Json] = []

    def say(self, event: NodeLog | NodeEmitted) -> None:
        """Note a line or a named event."""
        self.said.append(event)

    def remark(self, line: NodeLog) -> None:
        """Note a line about the node."""
        self.said.append(line)

    def mask(self, text: str) -> str:
        """There are no secrets."""
        return text

    def show_progress(self, progress: NodeProgress) -> None:
        """Note how far the node is."""
        self.progress.append(progress)

    def save(self, node_id: str, state: Json) -> None:
        """Note a checkpoint."""
        assert node_id == "it"
        self.saved.append(state)

    async def stored(self) -> None:
        """It is noted already."""
        await trio.lowlevel.checkpoint()

    def now(self) -> float:
        """Wall time, in step with Trio's clock."""
        return EPOCH + trio.current_time()


class Attempt:
    """One attempt of a node called `it`.

    Args:
        node_type: what to run.
        params: its settings as a document has them.
        inputs: its inputs.
        connected: names of outputs that have a connection.
        sources: ids of the nodes behind the items of the input `in`.
        resume_state: its last checkpoint.
        started_at: wall time at which it began.
    """

    def __init__(
        self,
        node_type: NodeType,
        params: JsonObject | None = None,
        inputs: JsonObject | None = None,
        *,
        connected: tuple[str, ...] = (),
        sources: tuple[str, ...] = (),
        resume_state: Json = None,
        started_at: float = EPOCH,
    ) -> None:
        self.node_type = node_type
        self.port = NotedPort()
        self.context = NodeContext(
            node=Node("it", node_type.kind.name),
            node_id="it",
            run_id="run",
            workflow_id="workflow",
            attempt=1,
            started_at=started_at,
            grace=5,
            connected_outputs=connected,
            resume_state=resume_state,
            port=self.port,
        )
        compiled = NodeParams.compile(params or {}, node_type.kind)
        gathered = Gathered(inputs or {}, {"in": list(sources)})
        self.context.give(compiled, SCOPE, compiled.evaluate(SCOPE), gathered)

    async def run(self) -> dict[str, Any]:
        """Call the node's function as an executor does."""
        return self.node_type.outputs_from(await self.call())

    async def call(self) -> object:
        """Call the node's function, and give what it returned as it is."""
        arguments = dict(self.context.inputs)
        if self.node_type.takes_context:
            arguments["ctx"] = self.context
        returned = self.node_type.function(**arguments)
        return await returned if inspect.isawaitable(returned) else returned

    async def pace(self) -> Pace:
        """Run it on a clock that goes on by a quarter of a turn with every look at it."""
        looks, turns_of_others = count(), 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(turns, "perf_counter", lambda: next(looks) * turns.TURN / 4)
            async with trio.open_nursery() as nursery:

                async def watch() -> None:
                    nonlocal turns_of_others
                    while True:
                        await trio.lowlevel.checkpoint()
                        turns_of_others += 1

                nursery.start_soon(watch)
                assert await self.run()
                nursery.cancel_scope.cancel()
        return Pace(next(looks), turns_of_others)


@frozen
class Pace:
    """How a node went about long work.

    Attributes:
        looks: how often it looked at the clock.
        turns: how often all others had their turn meanwhile.
    """

    looks: int
    turns: int

    def suits(self, items: int, passes: int = 1) -> bool:
        """Whether nobody was held up: it looked at every piece of its items, and let others go when a turn was over."""
        return self.looks >= passes * items // turns.STRIDE and self.turns >= self.looks // 8


@pytest.fixture(scope="session")
def attempt() -> type[Attempt]:
    """Make attempts; it has no state, so Hypothesis may use it for many examples."""
    return Attempt
