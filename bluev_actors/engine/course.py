"""A run on its way: where its nodes stand, what ends around them, and what is to be done next.

The parts of a flow share it; none of them keeps anything of this for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.engine.effects import Effects
from bluev_actors.engine.scopes import Scope
from bluev_actors.engine.standstill import Standstill
from bluev_actors.workflows import paths
from bluev_actors.workflows.frontier import Frontier
from bluev_actors.workflows.interface import kind_in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bluev_actors.engine.effects import Cause
    from bluev_actors.engine.run_writer import RunWriter
    from bluev_actors.engine.scopes import Opening
    from bluev_actors.workflows.graph import Node, Workflow
    from bluev_actors.workflows.kinds import Kinds, NodeKind
    from bluev_actors.workflows.run_state import RunState


class Course:
    """What is known of a run besides its state.

    Args:
        writer: writes the run's events; holds its state.
        kinds: the catalogue the workflow was accepted against.
        now: wall time, in seconds since 1970.

    Attributes:
        root: the scope of the run itself; its failure is that of the run.
        scopes: all that are under way, by what the ids of their nodes begin with.
        openings: the open nodes, by their ids.
        still: nodes that a pause has halted without ending their tasks.
        due: nodes whose wait is over, and that have not gone on yet.
        causes: why executors were told to end, by the ids of their nodes.
        effects: what there is to do.
        suspended: nothing starts for the time being, and nothing is written of it.
    """

    __slots__ = (
        "_in_place",
        "causes",
        "due",
        "effects",
        "kinds",
        "now",
        "openings",
        "root",
        "scopes",
        "state",
        "still",
        "suspended",
        "writer",
    )

    def __init__(self, writer: RunWriter, kinds: Kinds, now: Callable[[], float]) -> None:
        workflow = writer.record.workflow
        self.writer = writer
        self.state: RunState = writer.state
        self.kinds = kinds
        self.now = now
        self.root = Scope(workflow, Frontier(workflow, kinds), writer.record.inputs)
        self.scopes: dict[str, Scope] = {"": self.root}
        self.openings: dict[str, Opening] = {}
        self.causes: dict[str, Cause] = {}
        self.still = Standstill(self.causes)
        self.due: set[str] = set()
        self.effects = Effects()
        self.suspended = False
        self._in_place: dict[str, NodeKind] = {}

    # --- how it goes --------------------------------------------------------------------------------------------

    @property
    def ending(self) -> bool:
        """Whether the run is on its way to `failed` or `stopped`, so that nothing starts or is tried again."""
        return self.root.failure is not None or self.state.status == "stopping"

    @property
    def moving(self) -> bool:
        """Whether nodes may start."""
        return self.state.status == "running" and self.root.failure is None and not self.suspended

    @property
    def reason(self) -> str:
        """Why nodes are cancelled that have not ended."""
        return "stopped" if self.state.status == "stopping" else "fail_fast"

    def is_doomed(self, scope: Scope | None) -> bool:
        """Whether nothing in a scope starts or is tried again, because it or what is around it ends."""
        if self.ending:
            return True
        while scope is not None and (opening := scope.opening) is not None:
            if scope.failure is not None or opening.failure is not None:
                return True
            scope = opening.scope
        return False

    def elapsed(self, node_id: str) -> float:
        """Seconds since the first attempt of a node began, pauses not counted."""
        first = self.state.nodes[node_id].first_started_at
        return 0.0 if first is None else self.state.time_between(first, self.now())

    # --- where nodes stand --------------------------------------------------------------------------------------

    def scope(self, node_id: str) -> Scope | None:
        """The scope that a node stands in; None when its item has not begun, or not begun again."""
        return self.scopes.get(paths.prefix(node_id)) if "/" in node_id else self.root

    def graph(self, node_id: str) -> Workflow:
        """The graph that a node stands in, whether or not its item is under way."""
        scope = self.scope(node_id)
        return self.root.workflow.graph_of(node_id) if scope is None else scope.workflow

    def node(self, node_id: str) -> Node:
        """A node, by its full id."""
        if "/" not in node_id:
            return self.root.workflow.by_id[node_id]
        return self.graph(node_id).by_id[paths.own(node_id)]

    def kind(self, node_id: str) -> NodeKind:
        """The kind of a node, by its full id."""
        return self.kinds[self.node(node_id).type]

    def kind_in_place(self, scope: Scope, node: Node) -> NodeKind:
        """The kind of a node in a scope, with the ports that its body gives it; worked out once, for all its items."""
        kind = self.kinds[node.type]
        if kind.body is None:
            return kind
        place = scope.path + node.id
        if place not in self._in_place:
            self._in_place[place] = kind_in_place(kind, node, scope.workflow.bodies[node.id])
        return self._in_place[place]

    # --- cancelling ---------------------------------------------------------------------------------------------

    def cancel(self, node_ids: Iterable[str], cause: Cause) -> None:
        """Have executors told to end."""
        for node_id in node_ids:
            self.causes[node_id] = cause
            self.effects.cancels.append(node_id)

    def cancel_in(self, scopes: Iterable[Scope]) -> None:
        """Have all executors in some scopes told to end, because what they work for has failed."""
        for scope in scopes:
            self.cancel(self._at_work(scope), "fail_fast")

    def _at_work(self, scope: Scope) -> Iterator[str]:
        """The nodes of a scope, and of those inside it, that have tasks."""
        for node in scope.workflow.nodes:
            node_id = scope.prefix + node.id
            if node_id in self.state.in_flight or node_id in self.still:
                yield node_id
            elif (opening := self.openings.get(node_id)) is not None:
                for inner in opening.live.values():
                    yield from self._at_work(inner)
