"""One run of a graph inside a run: the run's own, or a body's for one item; and the node that such an item belongs to.

A *scope* knows what its nodes still wait for. An *open node* has no task: its work is done by its body, once for each
item of a round, and when a round has ended the node is called again. Plain bookkeeping; `Flow` decides.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import Factory, define

from bluev_actors.workflows import paths
from bluev_actors.workflows.frontier import Frontier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.engine.outcome import BodyEnd, Opens
    from bluev_actors.workflows.graph import Node, Workflow
    from bluev_actors.workflows.kinds import Kinds
    from bluev_actors.workflows.run_events import ErrorDetail
    from bluev_actors.workflows.values import JsonObject


@define(eq=False)
class Scope:
    """One run of one graph.

    Attributes:
        workflow: the graph.
        frontier: what its nodes still wait for.
        inputs: the values it was started with.
        prefix: what the ids of its nodes begin with, as in `each[3]/`.
        path: the same without numbers, as in `each/`: where the graph stands in the document.
        opening: the open node it works for; None for the run itself.
        index: which item of it.
        busy: how many tasks, and calls of open nodes, are under way in it and below; not counted for the run itself.
        failure: why it has failed.
        held: its nodes, and those below, that wait because so many are under way.
    """

    workflow: Workflow
    frontier: Frontier
    inputs: JsonObject
    prefix: str = ""
    path: str = ""
    opening: Opening | None = None
    index: int = 0
    busy: int = 0
    failure: ErrorDetail | None = None
    held: deque[tuple[Scope, Node]] = Factory(deque["tuple[Scope, Node]"])

    @property
    def full(self) -> bool:
        """Whether a body has as many nodes under way as it may have."""
        limit = self.workflow.settings.max_concurrency
        return self.opening is not None and limit is not None and self.busy >= limit

    def around(self) -> Iterator[Scope]:
        """The scope itself, and those it is in, from the inside outward, without the run's own."""
        scope = self
        while scope.opening is not None:
            yield scope
            scope = scope.opening.scope

    def occupy(self, by: int) -> None:
        """Count tasks that come or go."""
        scope = self
        while (opening := scope.opening) is not None:
            scope.busy += by
            opening.busy += by
            scope = opening.scope


@define(eq=False)
class Opening:
    """A node whose work is done by its body.

    Attributes:
        scope: where the node stands.
        node: the node.
        attempt: its attempt.
        rounds: how often it has said what to open.
        opens: the round under way; None before the first.
        ends: how each item of all rounds has ended; None for one that has not.
        first: the number of the round's first item.
        next: the number of the next item to begin.
        live: the items under way, by their numbers.
        busy: how many tasks and calls are under way below.
        called: whether it is being asked what comes next.
        resting: whether it waits before its next item.
        failure: why the attempt fails as soon as nothing is under way below.
    """

    scope: Scope
    node: Node
    attempt: int
    rounds: int = 0
    opens: Opens | None = None
    ends: list[BodyEnd | None] = Factory(list["BodyEnd | None"])
    first: int = 0
    next: int = 0
    live: dict[int, Scope] = Factory(dict[int, Scope])
    busy: int = 0
    called: bool = False
    resting: bool = False
    failure: ErrorDetail | None = None
    ended: int = 0
    """How many items have ended."""

    @property
    def node_id(self) -> str:
        """The node's full id."""
        return self.scope.prefix + self.node.id

    @property
    def body(self) -> Workflow:
        """The graph that is run for each item."""
        return self.scope.workflow.bodies[self.node.id]

    @property
    def wants(self) -> bool:
        """Whether another item of the round may begin."""
        if self.opens is None or self.called or self.resting or self.failure is not None:
            return False
        return self.next < len(self.ends) and (
            self.opens.concurrency is None or len(self.live) < self.opens.concurrency
        )

    @property
    def is_through(self) -> bool:
        """Whether all items of the round have ended, and the node has not been asked since."""
        return not self.called and not self.resting and self.failure is None and self.ended == len(self.ends)

    def take(self, opens: Opens) -> None:
        """Begin a round."""
        self.opens, self.first = opens, len(self.ends)
        self.rounds += 1
        self.ends.extend([None] * len(opens.items))

    def prefix(self, index: int) -> str:
        """What the ids of the nodes of one item begin with."""
        indexed = self.opens is None or self.opens.indexed
        return paths.item_prefix(self.node_id, index if indexed else None)

    def begin(self, kinds: Kinds) -> Scope:
        """Begin the next item of the round; it is live until `end`."""
        index, body = self.next, self.body
        self.next += 1
        prefix, path = self.prefix(index), f"{self.scope.path}{self.node.id}/"
        scope = Scope(body, Frontier(body, kinds), {}, prefix, path, self, index)
        self.live[index] = scope
        return scope

    def given(self, index: int) -> JsonObject:
        """What the node gives the body for an item of the round."""
        return {} if self.opens is None else self.opens.items[index - self.first]

    def end(self, scope: Scope, end: BodyEnd) -> None:
        """An item has ended."""
        del self.live[scope.index]
        self.ends[scope.index] = end
        self.ended += 1
