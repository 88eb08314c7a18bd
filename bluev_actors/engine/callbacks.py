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
    from bluev_actors.engine.event_reader import EventReader
    from bluev_actors.engine.run_handle import ExecutionContext

_log = logging.getLogger(__name__)

Callback: TypeAlias = Callable[..., Awaitable[object] | object]

CALLBACK_NAMES: Final = frozenset(
    {
        "node_start",
        "node_complete",
        "node_error",
        "node_retry",
        "node_skip",
        "node_pause",
        "node_cancel",
        "node_wait",
        "node_log",
        "node_event",
        "workflow_start",
        "workflow_status",
        "workflow_complete",
        "workflow_error",
        "workflow_stopped",
    }
)
"""The seed's five, and what the engine says besides."""


class CallbackReader(Actor[Never]):
    """Reads one run and calls its callbacks.

    Args:
        context: what the callbacks get, and where they are found.
        reader: the run's events.
    """

    def __init__(self, context: ExecutionContext, reader: EventReader) -> None:
        self._context = context
        self._reader = reader
        self.finished = trio.Event()

    async def run(self) -> None:
        """Call the callbacks of every event, until the run has ended."""
        try:
            await self._read()
        finally:
            self.finished.set()

    async def _read(self) -> None:
        async for recorded in self._reader:
            name, data = describe(recorded, self._context.exceptions)
            for callback in self._context.callbacks_of(name):
                await self._call(callback, name, {**data, "seq": recorded.seq, "at": recorded.at})

    async def _call(self, callback: Callback, name: str, data: dict[str, Any]) -> None:
        try:
            result = callback(self._context, **data)
            if inspect.isawaitable(result):
                await result
        except Exception:
            _log.exception("the callback %s of run %r raised; the run goes on", name, self._context.run_id)


def describe(recorded: Recorded, exceptions: dict[str, BaseException]) -> tuple[str, dict[str, Any]]:
    """The name of the callback for an event, and what it is called with."""
    event = recorded.event
    match event:
        case NodeStarted(node_id, attempt, recovered):
            return "node_start", {"node_id": node_id, "attempt": attempt, "recovered": recovered}
        case NodeCompleted(node_id, attempt, outputs):
            return "node_complete", {"node_id": node_id, "attempt": attempt, "outputs": outputs}
        case NodeFailed(node_id, attempt, detail):
            error = exceptions.get(node_id) or NodeError(detail.message, code=detail.code)
            return "node_error", {"node_id": node_id, "attempt": attempt, "error": error, "error_detail": detail}
        case NodeRetrying(node_id, attempt, detail, next_at):
            return "node_retry", {"node_id": node_id, "attempt": attempt, "error_detail": detail, "next_at": next_at}
        case NodeSkipped(node_id, reason):
            return "node_skip", {"node_id": node_id, "reason": reason}
        case NodePaused(node_id, attempt):
            return "node_pause", {"node_id": node_id, "attempt": attempt}
        case NodeCancelled(node_id, attempt, reason):
            return "node_cancel", {"node_id": node_id, "attempt": attempt, "reason": reason}
        case NodeWaiting(node_id, attempt, reason):
            return "node_wait", {"node_id": node_id, "attempt": attempt, "reason": reason}
        case NodeLog(node_id, attempt, level, message, code):
            line = {"level": level, "message": message, "code": code}
            return "node_log", {"node_id": node_id, "attempt": attempt, **line}
        case NodeEmitted(node_id, attempt, name, value):
            return "node_event", {"node_id": node_id, "attempt": attempt, "name": name, "data": value}
        case RunStarted():
            return "workflow_start", {}
        case RunStatusChanged(status, reason, mode):
            return "workflow_status", {"state": status, "reason": reason, "mode": mode}
        case RunCompleted(results, summary, outputs):
            return "workflow_complete", {"results": results, "summary": summary, "outputs": outputs}
        case RunFailed(detail, summary):
            error = NodeError(detail.message, code=detail.code)
            return "workflow_error", {"error": error, "error_detail": detail, "summary": summary}
        case RunStopped(results, summary):
            return "workflow_stopped", {"results": results, "summary": summary}
