"""Nodes that a pause has halted without ending their tasks, as a process that is stopped by a signal is.

On record such a node is paused. Its task lives on; it keeps its place in its body; and it may end at any time, after
the run has come to rest as well, when its item is not there any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define

if TYPE_CHECKING:
    from collections.abc import Container

    from bluev_actors.engine.ready import Ready
    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.graph import Node


@define(eq=False)
class Standstill:
    """Those of one run.

    Args:
        causes: the nodes whose tasks were told to end.
    """

    _causes: Container[str]
    _nodes: dict[str, Scope] = Factory(dict[str, "Scope"])
    _behind: dict[str, Ready] = Factory(dict[str, "Ready"])

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._nodes

    @property
    def leaving(self) -> bool:
        """Whether some of them were told to end and are not gone."""
        return any(node_id in self._causes for node_id in self._nodes)

    def halt(self, node_id: str, scope: Scope) -> None:
        """A node stands still from now on."""
        self._nodes[node_id] = scope

    def has_place(self, node_id: str, scope: Scope) -> bool:
        """Whether a node has kept its place in a scope."""
        return self._nodes.get(node_id) is scope

    def go_on(self, node_id: str, scope: Scope) -> None:
        """A node starts, whether or not it stood still; it takes a place unless it has kept it."""
        if self._nodes.pop(node_id, None) is not scope:
            scope.occupy(1)

    def waits_behind(self, scope: Scope, node: Node) -> bool:
        """Whether a node cannot start yet, because its task of before is still on its way out."""
        node_id = scope.prefix + node.id
        leaving = node_id in self._nodes and node_id in self._causes
        if leaving:
            self._behind[node_id] = (scope, node)
        return leaving

    def leave(self, node_id: str, scope: Scope | None) -> Ready | None:
        """The task of a node has ended while it stood still.

        Args:
            node_id: the node.
            scope: where it stands now, if its item has begun again.

        Returns:
            The node, when it waited to start behind its own task.
        """
        kept = self._nodes.pop(node_id, None)
        if scope is not None and kept is scope:
            scope.occupy(-1)
        return self._behind.pop(node_id, None)
