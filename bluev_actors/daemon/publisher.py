"""What happened, told to those who want to know: run events, progress, changes of the supervision tree.

These are plain functions that the journal, the runs and the actor system call where it happens. They put bytes into
outboxes and never wait, so a client that does not read costs the run nothing; and they never raise, for a run must
not fail because it was looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from attrs import frozen

from bluev_actors.daemon.frames import text_frame
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.messages import ActorStatusUpdate
from bluev_actors.protocol.wire_events import progress_message

if TYPE_CHECKING:
    from bluev_actors.actors import ActorEvent
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.workflows.run_events import NodeProgress, Recorded
    from bluev_actors.workflows.values import JsonObject

_log: Final = logging.getLogger(__name__)


@frozen
class Publisher:
    """Tells the connections of a hub."""

    hub: Hub

    @contextmanager
    def listening(self) -> Iterator[None]:
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
                with _only_this_one(conversation):
                    conversation.feed.offer(recorded)

    def publish_progress(self, run_id: str, workflow_id: str, progress: NodeProgress, at: float) -> None:
        """Show how far a node is to those who follow its run live; progress is not stored, so nobody catches up on it."""
        session_id = self.hub.session_of(run_id) or ""
        listeners = self.hub.audience.of_run(run_id, workflow_id, session_id)
        if listeners:
            self._send(listeners, progress_message(run_id, workflow_id, progress, at), session_id)

    def publish_change(self, event: ActorEvent) -> None:
        """Show a change of the supervision tree to those who asked for it by name."""
        listeners = self.hub.audience.of_tree()
        if listeners:
            self._send(listeners, self._status_update(event))

    def broadcast(self, payload: bytes, event_type: str | None = None) -> int:
        """Send a JSON object as it is to every connection, or to those subscribed to `event_type`.

        Returns:
            How many connections it was sent to.
        """
        frame = text_frame(payload)
        chosen = [it for it in self.hub.sessions if it.subscriptions.wants_broadcast(event_type)]
        for conversation in chosen:
            conversation.socket.send(frame)
        return len(chosen)


@contextmanager
def _at_its_own_risk(conversation: Conversation) -> Iterator[None]:
    """A bug met while telling one connection costs that one its socket, which it can resume, and nobody else."""
    try:
        yield
    except Exception:
        _log.exception("connection %s could not be told of an event and is closed", conversation.id)
        conversation.socket.close_soon(INTERNAL_ERROR, "internal error")
