"""The seed's callbacks: plain or async functions in this process, called as things happen in a run.

They run in an actor of their own that reads the run's log, so they come in the order of `seq`, after the event is
committed, and a slow one delays no node. One that raises is logged; the others and the run go on.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Never, TypeAlias

import trio
from attrs import asdict, fields

from bluev_actors.actors import Actor
from bluev_actors.errors import NodeError
from bluev_actors.workflows.run_events import (
    NodeCancelled,
    NodeCompleted,
    NodeEmitted,
    NodeFailed,
    NodeLog,
    NodePaused,
    NodeRetrying,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    Recorded,
    RunCompleted,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.engine.event_reader import EventReader
    from bluev_actors.engine.run_handle import ExecutionContext
    from bluev_actors.workflows.run_events import NodeProgress, RunEvent

_log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[..., Awaitable[object] | object]

NAMES: Final[dict[type, str]] = {
    NodeStarted: "node_start",
    NodeCompleted: "node_complete",
    NodeFailed: "node_error",
    NodeRetrying: "node_retry",
    NodeSkipped: "node_skip",
    NodePaused: "node_pause",
    NodeCancelled: "node_cancel",
    NodeWaiting: "node_wait",
    NodeLog: "node_log",
    NodeEmitted: "node_event",
    RunStarted: "workflow_start",
    RunStatusChanged: "workflow_status",
    RunCompleted: "workflow_complete",
    RunFailed: "workflow_error",
    RunStopped: "workflow_stopped",
}
"""The callback for each event: the seed's five, and what the engine says besides."""
PROGRESS: Final = "node_progress"
RESUMED: Final = "node_resume"
STATUS_NAMES: Final[dict[str, str]] = {
    "pausing": "workflow_pause",
    "paused": "workflow_pause",
    "running": "workflow_resume",
    "queued": "workflow_resume",
    "stopping": "workflow_stop",
}
"""The callback for each state that a run changes to, besides `workflow_status`."""
CALLBACK_NAMES: Final = frozenset({*NAMES.values(), *STATUS_NAMES.values(), PROGRESS, RESUMED})


def check_name(name: str) -> None:
    """Raise a `ValueError` unless there is a callback of this name."""
    if name not in CALLBACK_NAMES:
        known = ", ".join(sorted(CALLBACK_NAMES))
        raise ValueError(f"there is no callback {name!r}; there are {known}")


class CallbackReader(Actor[Never]):
    """Reads one run and calls its callbacks.

    Args:
        context: what the callbacks get, and where they are found.
        reader: the run's events.
    """

    def __init__(self, context: ExecutionContext, reader: EventReader) -> None:
        self._context = context
        self._reader = reader
        self._paused: set[str] = set()
        self._progress: dict[str, NodeProgress] = {}
        self._news = trio.Event()
        self.finished = trio.Event()

    async def run(self) -> None:
        """Call the callbacks of every event, until the run has ended."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_progress)
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self.finished.set()

    def show_progress(self, progress: NodeProgress) -> None:
        """Note how far a node is; a callback that is slow hears the newest of each node."""
        self._progress[progress.node_id] = progress
        self._news.set()

    async def _read(self) -> None:
        async for recorded in self._reader:
            data = {**describe(recorded, self._context.exceptions), "seq": recorded.seq, "at": recorded.at}
            for name in self._names(recorded.event):
                await self._tell(name, data)

    def _names(self, event: RunEvent) -> Iterator[str]:
        """The callbacks that an event is for."""
        if isinstance(event, RunStatusChanged):
            yield STATUS_NAMES[event.status]
        if isinstance(event, NodePaused):
            self._paused.add(event.node_id)
        elif isinstance(event, NodeStarted) and event.node_id in self._paused:
            self._paused.remove(event.node_id)
            yield RESUMED
        yield NAMES[type(event)]

    async def _read_progress(self) -> None:
        while True:
            await self._news.wait()
            self._news = trio.Event()
            newest, self._progress = self._progress, {}
            for progress in newest.values():
                await self._tell(PROGRESS, asdict(progress))

    async def _tell(self, name: str, data: dict[str, Any]) -> None:
        for callback in self._context.callbacks_of(name):
            await self._call(callback, name, data)

    async def _call(self, callback: Callback, name: str, data: dict[str, Any]) -> None:
        try:
            result = callback(self._context, **data)
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - a callback is the user's, and may fail in any way
            _log.exception("the callback %s of run %r raised; the run goes on", name, self._context.run_id)


def describe(recorded: Recorded, exceptions: dict[str, BaseException]) -> dict[str, Any]:
    """What the callback for an event is called with.

    That is the event's own fields; where it has an `error`, that is the exception, and
    `error_detail` is what clients see.
    """
    event = recorded.event
    data = {attribute.name: getattr(event, attribute.name) for attribute in fields(type(event))}
    if isinstance(event, NodeFailed | NodeRetrying | RunFailed):
        detail = event.error
        known = exceptions.get(event.node_id) if isinstance(event, NodeFailed) else None
        data |= {"error": known or NodeError(detail.message, code=detail.code), "error_detail": detail}
    return data
