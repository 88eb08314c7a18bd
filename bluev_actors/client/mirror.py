"""A copy of a run's state, folded from what the daemon says of it by the same function the engine uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from bluev_actors.errors import ProtocolError, RunFailedError, RunStoppedError
from bluev_actors.protocol.messages import NodeProgressMessage
from bluev_actors.protocol.wire_events import from_message, progress_of
from bluev_actors.workflows.run_state import RunState, apply, apply_progress
from bluev_actors.workflows.snapshot import load_snapshot

if TYPE_CHECKING:
    from bluev_actors.protocol.messages import RunEventMessage
    from bluev_actors.workflows.values import JsonObject


@define(eq=False)
class Mirror:
    """What this client knows of one run.

    Attributes:
        state: the run as far as it has been told; what was coalesced for a slow client shows its newest only.
    """

    state: RunState

    def fold(self, message: RunEventMessage | NodeProgressMessage) -> None:
        """Take one message in; one that has been seen already changes nothing."""
        self.state.workflow_id = message.workflow_id
        if isinstance(message, NodeProgressMessage):
            apply_progress(self.state, progress_of(message))
        elif (recorded := from_message(message)) is not None:
            apply(self.state, recorded)

    def load(self, snapshot: JsonObject) -> None:
        """Start over from a snapshot, unless it tells nothing new: it lacks the outputs of the nodes.

        Raises:
            ProtocolError: it is not a snapshot at all.
        """
        try:
            loaded = load_snapshot(snapshot)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProtocolError("bad_message", f"this is no snapshot of a run: {error!r}") from error
        if loaded.seq > self.state.seq:
            self.state = loaded


def results_of(state: RunState) -> JsonObject:
    """The results of a run that has ended.

    Raises:
        RunFailedError: it failed.
        RunStoppedError: it was stopped.
    """
    summary = state.summary or {}
    if state.status == "failed":
        raise RunFailedError(_failure(state, summary), summary)
    if state.status == "stopped":
        raise RunStoppedError(f"run {state.run_id} was stopped", summary)
    return state.results or {}


def _failure(state: RunState, summary: JsonObject) -> str:
    """Why it failed: a snapshot has no error of the run, but its summary lists those of the nodes."""
    if state.error is not None:
        return state.error.message
    errors: list[JsonObject] = summary.get("errors", [])
    return str(errors[0]["message"]) if errors else f"run {state.run_id} failed"
