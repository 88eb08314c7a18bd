"""A run event as the bytes of a WebSocket frame: made once, however many connections get it.

What cannot be written must not silence a run, so an event that fails here is shown as an `error` that names its
place: a reader then knows that there is a hole, and where.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, cast

from attrs import define, evolve, field

from bluev_actors.daemon.frames import text_frame
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import (
    Error,
    NodeEventMessage,
    NodeLogMessage,
    NodeStatusUpdate,
    RunEventMessage,
    RunMessage,
    WorkflowCompleted,
    WorkflowExecutionStarted,
    WorkflowFailed,
    WorkflowStatusUpdate,
    WorkflowStopped,
)
from bluev_actors.protocol.wire_events import to_message
from bluev_actors.workflows.graph import WorkflowOutput
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
    RunEvent,
    RunFailed,
    RunStarted,
    RunStatusChanged,
    RunStopped,
)
from bluev_actors.workflows.times import rfc3339

_log = logging.getLogger(__name__)

MESSAGE_OF: Final[dict[type[RunEvent], type[RunMessage]]] = {
    RunStarted: WorkflowExecutionStarted,
    RunStatusChanged: WorkflowStatusUpdate,
    RunCompleted: WorkflowCompleted,
    RunFailed: WorkflowFailed,
    RunStopped: WorkflowStopped,
    NodeStarted: NodeStatusUpdate,
    NodeCompleted: NodeStatusUpdate,
    NodeFailed: NodeStatusUpdate,
    NodeRetrying: NodeStatusUpdate,
    NodeWaiting: NodeStatusUpdate,
    NodePaused: NodeStatusUpdate,
    NodeSkipped: NodeStatusUpdate,
    NodeCancelled: NodeStatusUpdate,
    NodeLog: NodeLogMessage,
    NodeEmitted: NodeEventMessage,
}
"""The message that shows each event, to know who wants one without making it."""

Declared: TypeAlias = Mapping[str, WorkflowOutput]


@define
class EventFrames:
    """Makes frames of run events and keeps the newest, which is the one that many connections ask for.

    Args:
        declared_of: the outputs that a run's workflow declares.
    """

    _declared_of: Callable[[str], Declared]
    _newest: Recorded | None = field(default=None, init=False)
    _frame: bytes = field(default=b"", init=False)

    def of(self, recorded: Recorded) -> bytes:
        """The frame of an event."""
        if recorded is not self._newest:
            self._frame = self._written(recorded)
            self._newest = recorded
        return self._frame

    def again(self, recorded: Recorded) -> bytes:
        """The frame of an event that is sent again: it carries no cursor, for a cursor only rises."""
        return self._written(recorded, lambda message: evolve(message, cursor=None))

    def reply(self, recorded: Recorded, request_id: str | None) -> bytes:
        """The frame of event 1 as the reply to the request that started the run."""

        def answer(message: RunEventMessage) -> RunEventMessage:
            return evolve(cast("WorkflowExecutionStarted", message), request_id=request_id)

        return self._written(recorded, answer, request_id)

    def message(self, recorded: Recorded) -> RunEventMessage:
        """The message of an event."""
        return to_message(recorded, declared=self._declared_of(recorded.run_id))

    def _written(
        self,
        recorded: Recorded,
        change: Callable[[RunEventMessage], RunEventMessage] = lambda message: message,
        request_id: str | None = None,
    ) -> bytes:
        try:
            return text_frame(encode(change(self.message(recorded))))
        except Exception:  # noqa: BLE001 - whatever it is, the run must not be silent
            error_id = uuid.uuid4().hex
            _log.exception("event %d of run %r cannot be shown (%s)", recorded.seq, recorded.run_id, error_id)
            return text_frame(encode(_stand_in(recorded, error_id, request_id)))


def wire_type(event: RunEvent) -> str:
    """The `type` of the message that shows an event."""
    return MESSAGE_OF[type(event)].type


def _stand_in(recorded: Recorded, error_id: str, request_id: str | None) -> Error:
    return Error(
        timestamp=rfc3339(recorded.at),
        request_id=request_id,
        code="internal_error",
        message=f"Event {recorded.seq} of this run cannot be shown; the daemon's log says why.",
        detail={"run_id": recorded.run_id, "seq": recorded.seq, "error_id": error_id},
    )
