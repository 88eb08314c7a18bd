"""Where the messages of a followed run come from: the engine in this process, or a daemon."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

import trio

from bluev_actors.errors import ClientError
from bluev_actors.protocol.wire_events import progress_message, to_message
from bluev_actors.workflows.run_events import TERMINAL_EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.client import EventStream, RemoteRun
    from bluev_actors.client.feed import RunUpdate
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.engine.runtime import Runtime
    from bluev_actors.workflows.run_events import NodeProgress, Recorded
    from bluev_actors.workflows.run_state import RunState

BUFFER = 1_024


class Source(Protocol):
    """A run that is being followed."""

    @property
    def state(self) -> RunState:
        """What is known of the run."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether everything has been taken that there will ever be."""
        ...

    async def take(self, within: float) -> Sequence[RunUpdate]:
        """What has come since the last call; waits at most `within` seconds for more to come."""
        ...


class EngineSource:
    """A run of the engine in this process.

    It gathers the run's events by plain calls and lets them be taken in batches: between two batches the engine
    has the processor for itself. Made before the run starts, so that it hears the first event too.
    """

    def __init__(self, runtime: Runtime, run_id: str) -> None:
        self._run_id = run_id
        self._gathered: deque[Recorded | tuple[str, NodeProgress, float]] = deque()
        self._ended = trio.Event()
        self._handle: RunHandle | None = None
        runtime.journal.subscribe(self._gather)
        runtime.on_progress(self._gather_progress)

    def follow(self, handle: RunHandle) -> None:
        """The run has started."""
        self._handle = handle

    def _gather(self, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            if recorded.run_id == self._run_id:
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


class DaemonSource:
    """A run on a daemon. Its task `pump` has to run beside whoever takes."""

    def __init__(self, run: RemoteRun) -> None:
        self._run = run
        self._stream: EventStream = run.events()
        self._to_take, self._taken = trio.open_memory_channel["RunUpdate"](BUFFER)
        self._failure: ClientError | None = None
        self._over = False

    @property
    def state(self) -> RunState:
        """What is known of the run."""
        return self._run.state

    @property
    def exhausted(self) -> bool:
        """Whether everything has been taken up to the terminal message, or the snapshot was the end already."""
        return self._over

    async def pump(self) -> None:
        """Carry the run's messages over. Its own task, since the waiting of `take` is cut short again and again."""
        async with self._to_take:
            try:
                async for update in self._stream:
                    await self._to_take.send(update)
            except ClientError as error:
                self._failure = error

    async def take(self, within: float) -> Sequence[RunUpdate]:
        """What has come; returns as soon as something has.

        Raises:
            ClientError: the connection broke, and everything that came before has been taken.
        """
        updates: list[RunUpdate] = []
        try:
            with trio.move_on_after(within):
                updates.append(await self._taken.receive())
            while len(updates) < BUFFER:
                updates.append(self._taken.receive_nowait())
        except trio.WouldBlock:
            pass
        except trio.EndOfChannel:
            self._end(updates)
        return updates

    def _end(self, updates: Sequence[RunUpdate]) -> None:
        self._over = not updates and self._failure is None
        if not updates and self._failure is not None:
            raise self._failure
