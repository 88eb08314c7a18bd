"""What happened, told to those who want to know: run events, progress, changes of the supervision tree.

These are plain functions that the journal, the runs and the actor system call where it happens. They put bytes into
outboxes and never wait, so a client that does not read costs the run nothing; and they never raise, for a run must
not fail because it was looked at.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import frozen

from bluev_actors.actors import ActorCrashed, ActorEvent, ActorRestarted, ActorStarted, ActorStopped
from bluev_actors.daemon.frames import text_frame
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import ActorStatusUpdate
from bluev_actors.protocol.wire_events import progress_message, sendable

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from bluev_actors.daemon.conversation import Conversation
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.protocol.messages import ServerMessage
    from bluev_actors.workflows.run_events import NodeProgress, Recorded

T = TypeVar("T")

_log = logging.getLogger(__name__)

CHANGES: Final[dict[type[ActorEvent], str]] = {
    ActorStarted: "started",
    ActorRestarted: "restarted",
    ActorCrashed: "crashed",
    ActorStopped: "stopped",
}
"""What became of an actor, in the word that clients read."""
LONGEST_REASON: Final = 1024
"""Bytes of an exception's text that are shown."""


@frozen
class Publisher:
    """Tells the connections of a hub."""

    hub: Hub

    @contextmanager
    def listening(self) -> Generator[None]:
        """Hear of everything inside the block."""
        runtime = self.hub.runtime
        endings: tuple[Callable[[], None], ...] = (
            runtime.journal.subscribe(self.publish),
            runtime.on_progress(self.publish_progress),
            runtime.system.tap.subscribe(self.publish_change),
        )
        try:
            yield
        finally:
            for end in endings:
                end()

    def publish(self, batch: Sequence[Recorded]) -> None:
        """Offer each stored event to everybody who may want it."""
        for recorded in batch:
            session_id = self.hub.session_of(recorded.run_id) or ""
            for conversation in self.hub.audience.of_run(recorded.run_id, recorded.workflow_id, session_id):
                _at_its_own_risk(conversation, conversation.feed.offer, recorded)

    def publish_progress(self, run_id: str, workflow_id: str, progress: NodeProgress, at: float) -> None:
        """Show how far a node is; it is not stored, so only who is up to date gets it."""
        listeners = self.hub.audience.of_run(run_id, workflow_id, self.hub.session_of(run_id) or "")
        if listeners:
            message = progress_message(run_id, workflow_id, progress, at)
            self._tell([it for it in listeners if it.wants_progress(message)], message)

    def publish_change(self, event: ActorEvent) -> None:
        """Show a change of the supervision tree to those who asked for it by name."""
        listeners = self.hub.audience.of_tree()
        if listeners:
            self._tell(listeners, status_update(event, self.hub.timestamp()))

    def broadcast(self, payload: bytes, event_type: str | None = None) -> int:
        """Send a JSON object as it is to every connection, or to those subscribed to `event_type`.

        Returns:
            How many connections it was sent to.
        """
        chosen = [it for it in self.hub.sessions if it.subscriptions.wants_broadcast(event_type)]
        _send(chosen, text_frame(payload))
        return len(chosen)

    @staticmethod
    def _tell(listeners: Sequence[Conversation], message: ServerMessage) -> None:
        if listeners:
            _send(listeners, text_frame(encode(message)))


def _send(listeners: Sequence[Conversation], frame: bytes) -> None:
    for conversation in listeners:
        _at_its_own_risk(conversation, conversation.socket.send, frame)


def _at_its_own_risk(conversation: Conversation, tell: Callable[[T], None], what: T) -> None:
    """A bug met while telling one connection costs that one its socket, which it can resume, and nobody else."""
    try:
        tell(what)
    except Exception:  # noqa: BLE001 - whatever it is, a run must not fail because it was looked at
        _log.exception("%s could not be told of something and is closed", conversation.id)
        conversation.break_off()


def status_update(event: ActorEvent, timestamp: str) -> ActorStatusUpdate:
    """A change of the supervision tree as clients see it."""
    return ActorStatusUpdate(
        timestamp=timestamp,
        actor=sendable(event.path),
        kind=event.kind,
        state=CHANGES[type(event)],
        incarnation=event.incarnation,
        reason=sendable(event.reason, LONGEST_REASON) if isinstance(event, ActorCrashed | ActorStopped) else None,
    )
