"""A followed run of the engine in this process."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import trio

from bluev_actors.protocol.wire_events import progress_message, to_message
from bluev_actors.workflows.run_events import TERMINAL_EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.run_events import NodeProgress, Recorded, RunEvent
    from bluev_actors.workflows.run_state import RunState


class EngineSource:
    """A run of the engine in this process.

    It gathers the run's events by plain calls and lets them be taken in batches: between two batches the engine
    has the processor for itself. Made before the run starts, so that it hears the first event too.

    Args:
        runtime: the engine.
        run_id: the run.
        wants: the events that will be looked at; None for all, and progress too.
    """

    def __init__(self, runtime: Runtime, run_id: str, wants: tuple[type[RunEvent], ...] | None = None) -> None:
        self._run_id = run_id
        self._wants = wants
        self._gathered: deque[Recorded | tuple[str, NodeProgress, float]] = deque()
        self._ended = trio.Event()
        self._handle: RunHandle | None = None
        runtime.journal.subscribe(self._gather)
        if wants is None:
            runtime.on_progress(self._gather_progress)

    def follow(self, handle: RunHandle) -> None:
        """The run has started."""
        self._handle = handle

    def _gather(self, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            if recorded.run_id == self._run_id:
                self._take_in(recorded)

    def _take_in(self, recorded: Recorded) -> None:
        if self._wants is None or isinstance(recorded.event, self._wants):
            self._gathered.append(recorded)
        if isinstance(recorded.event, TERMINAL_EVENTS):
            self._ended.set()

    def _gather_progress(self, run_id: str, workflow_id: str, progress: NodeProgress, at: float) -> None:
        if run_id == self._run_id:
            self._gathered.append((workflow_id, progress, at))

    @property
    def state(self) -> RunState:
        """What is known of the run."""
        assert self._handle is not None, "`follow` comes first"  # noqa: S101 - a slip of ours, not of the user's
        return self._handle.state

    @property
    def exhausted(self) -> bool:
        """Whether the terminal event has been taken."""
        return self._ended.is_set() and not self._gathered

    async def take(self, within: float) -> Sequence[RunUpdate]:
        """Everything that has happened in `within` seconds, or up to the end if that comes first."""
        with trio.move_on_after(within):
            await self._ended.wait()
        gathered, self._gathered = self._gathered, deque()
        return [self._message(item) for item in gathered]

    def _message(self, item: Recorded | tuple[str, NodeProgress, float]) -> RunUpdate:
        if isinstance(item, tuple):
            workflow_id, progress, at = item
            return progress_message(self._run_id, workflow_id, progress, at)
        return to_message(item)
