"""What an earlier incarnation of a run left in flight, until it has started again or has been ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define

from bluev_actors.workflows import paths

if TYPE_CHECKING:
    from collections.abc import Iterable


@define(eq=False)
class Leftovers:
    """Nodes that are in flight on record and have no task.

    Attributes:
        suspects: those that are to start one by one; None when all may start at once.
        suspect: the node that runs by itself, because it may be the one that takes the process down.
    """

    _nodes: dict[str, None] = Factory(dict[str, None])
    suspects: list[str] | None = None
    suspect: str | None = None

    def __len__(self) -> int:
        return len(self._nodes)

    def find(self, node_ids: Iterable[str], *, one_at_a_time: bool) -> None:
        """Note what was in flight."""
        self._nodes = dict.fromkeys(node_ids)
        self.suspects = [] if one_at_a_time else None

    def drop(self, node_id: str) -> None:
        """A node has started again, or has ended."""
        self._nodes.pop(node_id, None)

    def drop_within(self, node_id: str) -> list[str]:
        """Drop a node, or all those inside it; all there are when the id is empty.

        Returns:
            The ids of those it dropped.
        """
        chosen = [it for it in self._nodes if not node_id or it == node_id or paths.is_inside(it, node_id)]
        for it in chosen:
            del self._nodes[it]
        return chosen

    def next_suspect(self) -> str | None:
        """The next one to run by itself, taken off the list; None when it has been ended meanwhile."""
        node_id = self.suspects.pop(0) if self.suspects else None
        self.suspect = node_id if node_id in self._nodes else None
        return self.suspect
