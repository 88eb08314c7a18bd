"""The executors of a run that have a task of their own: who they are, who was told to end, who stands still."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, field

from bluev_actors.actors import child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bluev_actors.actors import ChildSpec
    from bluev_actors.engine.context import NodeContext
    from bluev_actors.engine.node_executor import NodeExecutor

GRACE_MARGIN: Final = 0.1
"""Seconds beyond its grace after which a cancelled node that is still there is named."""
STRIDE: Final = 100
"""Nodes cancelled at a time; to cancel one takes some 50 microseconds."""
FINAL_CAUSES: Final = frozenset({"stopped", "fail_fast"})
"""Causes after which nothing goes on from a checkpoint."""


@define(eq=False)
class Crew:
    """The executors at work, by the ids of their nodes.

    Args:
        start_child: the supervisor's.
        cancel_child: the supervisor's.
        arm: sets a timer, which calls `disobedient` when it goes off.
        disarm: takes back the timers whose names begin like this.
        call: has `cancel_some` called soon, after the answer to whoever asked.
        grace: seconds that a cancelled node has.
    """

    _start_child: Callable[[ChildSpec], object] = field(alias="start_child")
    _cancel_child: Callable[[str, str], None] = field(alias="cancel_child")
    _arm: Callable[[str, float], None] = field(alias="arm")
    _disarm: Callable[[str], None] = field(alias="disarm")
    _call: Callable[[], None] = field(alias="call")
    _grace: float = field(alias="grace")
    _executors: dict[str, NodeExecutor] = Factory(dict[str, "NodeExecutor"])
    _told: set[NodeExecutor] = Factory(set["NodeExecutor"])
    _to_cancel: deque[NodeExecutor] = Factory(deque["NodeExecutor"])
    _graces: dict[str, list[NodeExecutor]] = Factory(dict[str, "list[NodeExecutor]"])
    _still: set[NodeExecutor] = Factory(set["NodeExecutor"])
    _numbers: Iterator[int] = Factory(count)

    def __len__(self) -> int:
        return len(self._executors)

    def __iter__(self) -> Iterator[str]:
        return iter(self._executors)

    def context(self, node_id: str) -> NodeContext | None:
        """The attempt at work on a node, if there is one."""
        executor = self._executors.get(node_id)
        return None if executor is None else executor.context

    def put_to_work(self, executor: NodeExecutor) -> None:
        """Give an executor a task."""
        node_id = executor.context.node_id
        self._executors[node_id] = executor
        # It has one life, and who made it must not keep it: else each is garbage that only the collector finds.
        self._start_child(child(node_id, [executor].pop, restart="temporary", kind="node"))

    def has_left(self, node_id: str) -> NodeExecutor:
        """Forget an executor whose task is over."""
        executor = self._executors.pop(node_id)
        self._told.discard(executor)
        self._still.discard(executor)
        if not self._told and self._graces:
            self._disarm("grace/")
            self._graces.clear()
        return executor

    # --- telling them to end --------------------------------------------------------------------------------------

    def tell_to_end(self, node_ids: Iterable[str]) -> None:
        """Cancel those that were not told before; who is still there after its grace is named, once."""
        chosen = [self._executors[node_id] for node_id in node_ids if node_id in self._executors]
        news = [executor for executor in chosen if executor not in self._told]
        if news:
            if not self._to_cancel:
                self._call()
            self._to_cancel.extend(news)
            self._told.update(news)
            number = str(next(self._numbers))
            self._graces[number] = news
            self._arm(f"grace/{number}", self._grace + GRACE_MARGIN)

    def cancel_some(self, causes: Mapping[str, str]) -> None:
        """Cancel the next of those that were told to end, a bounded number.

        Args:
            causes: why, by node id.
        """
        for _ in range(min(STRIDE, len(self._to_cancel))):
            executor = self._to_cancel.popleft()
            node_id = executor.context.node_id
            if self._executors.get(node_id) is executor:
                cause = causes.get(node_id, "overtaken")
                if cause in FINAL_CAUSES:
                    executor.context.end_checkpoints()
                self._cancel_child(node_id, cause)
        if self._to_cancel:
            self._call()

    def disobedient(self, number: str) -> list[NodeContext]:
        """Those of one round of cancelling that are still there, although their grace is over."""
        return [executor.context for executor in self._graces.pop(number) if executor in self._told]

    def end_grace(self) -> None:
        """Give clean-ups no more time, and leave threads behind."""
        for executor in self._executors.values():
            executor.context.end_grace()

    # --- standing still -------------------------------------------------------------------------------------------

    def stand_still(self, spared: Mapping[str, object]) -> list[str]:
        """Make those stand still that can; the ids of their nodes.

        Args:
            spared: nodes that are on their way out.
        """
        chosen = [it for n, it in self._executors.items() if n not in spared and it not in self._still and it.suspend()]
        self._still.update(chosen)
        return [executor.context.node_id for executor in chosen]

    def stands_still(self, node_id: str) -> bool:
        """Whether a node stands still."""
        return self._executors.get(node_id) in self._still

    def go_on(self, node_id: str) -> bool:
        """Let a node that stands still go on; whether there is one."""
        executor = self._executors.get(node_id)
        if executor is None:
            return False
        self._still.discard(executor)
        executor.resume()
        return True
