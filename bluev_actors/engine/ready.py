"""The nodes of a run that may start, in their order; who has to wait for room lets the others pass.

Room is scarce in two places: a body may limit how many of its nodes are under way, and a gate limits those that share
a key, over all runs. Each line is first come, first served.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluev_actors.engine.scopes import Scope
    from bluev_actors.workflows.graph import Node

Ready: TypeAlias = "tuple[Scope, Node]"


class Gate(Protocol):
    """Lets nodes that share a `concurrency_key` start, so many at one time, or so many in a while."""

    def enter(self, node_id: str, key: str) -> bool:
        """Whether the node may start now; it has a place then, until it leaves."""
        ...

    def retake(self, node_id: str, key: str) -> None:
        """Give a node the place it had before a crash, whether there is one or not."""
        ...

    def leave(self, node_id: str) -> None:
        """The node is not under way any more."""
        ...


class ReadyNodes:
    """The queue of one run.

    Args:
        gate: for the nodes that have a key; None: they start as all others do.
        needs_room: whether a node needs room in its body; an open node does not.
    """

    def __init__(self, gate: Gate | None, needs_room: Callable[[Scope, Node], bool]) -> None:
        self._gate = gate
        self._needs_room = needs_room
        self._queue: deque[Ready] = deque()
        self._lines: dict[str, deque[Ready]] = {}
        self._entered: set[str] = set()
        self._keys_to_try: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._queue or self._keys_to_try)

    def add(self, scope: Scope, node: Node) -> None:
        """One more, behind the others."""
        self._queue.append((scope, node))

    def add_first(self, nodes: Iterable[Ready]) -> None:
        """Some that go before all others, in their own order."""
        self._queue.extendleft(reversed(list(nodes)))

    def take(self, starts: Callable[[Scope, Node], bool]) -> Ready | None:
        """The next one that has room; None when there is none.

        Args:
            starts: whether a node is to start at all; one that is not is dropped.
        """
        while self._keys_to_try or self._queue:
            ready = self._from_line() if self._keys_to_try else self._queue.popleft()
            if ready is None:
                continue
            scope, node = ready
            if scope.opening is None and node.concurrency_key is None:
                if starts(scope, node):
                    return ready
                continue
            if starts(scope, node) and self._has_room(scope, node) and self._enters(scope, node):
                return ready
            self.release(scope)
        return None

    def _from_line(self) -> Ready | None:
        line = self._lines.get(self._keys_to_try[-1])
        if line:
            return line.popleft()
        self._lines.pop(self._keys_to_try.pop(), None)
        return None

    def _has_room(self, scope: Scope, node: Node) -> bool:
        if scope.opening is None or not self._needs_room(scope, node):
            return True
        full = next((it for it in scope.around() if it.full), None)
        if full is not None:
            full.held.append((scope, node))
        return full is None

    def _enters(self, scope: Scope, node: Node) -> bool:
        key = node.concurrency_key
        if key is None or self._gate is None:
            return True
        trying = bool(self._keys_to_try) and self._keys_to_try[-1] == key
        line = self._lines.get(key)
        if (not line or trying) and self._enter(scope.prefix + node.id, key, self._gate):
            return True
        if trying:
            self._keys_to_try.pop()
            self._lines.setdefault(key, deque()).appendleft((scope, node))
        else:
            self._lines.setdefault(key, deque()).append((scope, node))
        return False

    def _enter(self, node_id: str, key: str, gate: Gate) -> bool:
        if gate.enter(node_id, key):
            self._entered.add(node_id)
        return node_id in self._entered

    def retake(self, node_id: str, key: str | None) -> None:
        """Give a node that goes on after a crash the place it had."""
        if key is not None and self._gate is not None and node_id not in self._entered:
            self._gate.retake(node_id, key)
            self._entered.add(node_id)

    def left(self, scope: Scope, node: Node) -> None:
        """A node is not under way any more: there may be room for another."""
        if node.concurrency_key is not None and self._gate is not None:
            node_id = scope.prefix + node.id
            if node_id in self._entered:
                self._entered.remove(node_id)
                self._gate.leave(node_id)
                self._try(node.concurrency_key)
        self.release(scope)

    def _try(self, key: str) -> None:
        if self._lines.get(key) and key not in self._keys_to_try:
            self._keys_to_try.append(key)

    def gate_opened(self) -> None:
        """There may be room for some that had been refused."""
        for key in self._lines:
            self._try(key)

    def release(self, scope: Scope) -> None:
        """Let one of those that wait for room in a scope, or around it, come forward."""
        if scope.opening is not None:
            self._queue.extendleft(it.held.popleft() for it in scope.around() if it.held and not it.full)

    def drop_bodies(self) -> None:
        """Forget the nodes inside bodies; they come again when their scopes do."""
        self._queue = deque(it for it in self._queue if it[0].opening is None)
        self._lines = {key: deque(it for it in line if it[0].opening is None) for key, line in self._lines.items()}
