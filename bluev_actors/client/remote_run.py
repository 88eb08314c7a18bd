"""A run that a daemon works on, as its client holds it: the same calls as on a run in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluev_actors.client.event_stream import EventStream
from bluev_actors.client.feed import Feed
from bluev_actors.client.mirror import results_of
from bluev_actors.errors import RunNotFoundError, ServerRefusedError
from bluev_actors.protocol.messages import ControlWorkflow, WorkflowControlResponse
from bluev_actors.workflows.control import ControlOutcome
from bluev_actors.workflows.times import rfc3339

if TYPE_CHECKING:
    from bluev_actors.client.link import Link
    from bluev_actors.client.run_view import RunView
    from bluev_actors.workflows.control import StopMode
    from bluev_actors.workflows.graph import PauseMode
    from bluev_actors.workflows.run_state import RunState
    from bluev_actors.workflows.values import JsonObject


class RemoteRun:
    """One run on a daemon. Made by `Client.execute` and `Client.watch`.

    Args:
        link: the connection.
        view: what the connection knows of the run.
        feed: the run's messages from where the holder began to follow it, not read by anybody yet.
    """

    def __init__(self, link: Link, view: RunView, feed: Feed) -> None:
        self._link = link
        self._view = view
        self._begun_after = feed.after
        self._unread: Feed | None = feed

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.state.run_id

    @property
    def workflow_id(self) -> str:
        """The id of its workflow."""
        return self.state.workflow_id

    @property
    def state(self) -> RunState:
        """The run as far as the daemon has told of it; a mirror, to be read only."""
        return self._view.state

    def events(self, after: int | None = None) -> EventStream:
        """Iterate over the run's messages by `seq`, up to and with the terminal one.

        Each call gives an iterator of its own, which misses nothing. Events that the daemon no longer holds
        are replaced by a `Gap`. `NodeProgressMessage`s come between the others, as long as the reader keeps
        up. Who reads slower than the run goes holds the daemon back for a while and then gets the rest sent
        again, so at most some thousand messages wait here.

        Args:
            after: begin after this `seq`, 0 being the start; where this run was first followed when left out.
        """
        unread = None
        if after is None:
            unread, self._unread, after = self._unread, None, self._begun_after
        return EventStream(self._link, self._view, Feed(after) if unread is None else unread)

    async def result(self) -> JsonObject:
        """Wait for the end and return the results. To cancel this waiting does not stop the run.

        Results above 256 KiB come as references, which the terminal event lists in `by_ref`.

        Raises:
            RunFailedError: the run failed.
            RunStoppedError: the run was stopped.
            ConnectionLostError: the connection broke before the run ended; the run goes on.
        """
        while not self.state.ended:
            self._link.check()
            await self._link.change_of(self._view)
        return results_of(self.state)

    async def pause(
        self,
        mode: PauseMode | None = None,
        *,
        until: float | None = None,
        timeout: float | None = None,
    ) -> ControlOutcome:
        """Pause it; after the answer no node starts until it is resumed.

        Args:
            mode: how nodes in flight are treated: `checkpoint`, `drain` or `hard`; as the workflow says if
                left out.
            until: resume by itself at this wall time, in seconds since 1970.
            timeout: stop it if it is still paused after this many seconds.

        Raises:
            RunNotFoundError: the daemon no longer holds the run.
            ClientError: there is no answer, or a refusal of the message itself.
        """
        moment = None if until is None else rfc3339(until)
        return await self._control(
            ControlWorkflow(run_id=self.run_id, action="pause", mode=mode, until=moment, timeout=timeout)
        )

    async def resume(self) -> ControlOutcome:
        """Let a paused run go on. Raises as `pause` does."""
        return await self._control(ControlWorkflow(run_id=self.run_id, action="resume"))

    async def stop(self, mode: StopMode | None = None) -> ControlOutcome:
        """Stop it: `graceful` leaves nodes time to clean up, `kill` does not. Raises as `pause` does."""
        return await self._control(ControlWorkflow(run_id=self.run_id, action="stop", mode=mode))

    async def _control(self, message: ControlWorkflow) -> ControlOutcome:
        reply = await self._link.ask(message)
        if not isinstance(reply, WorkflowControlResponse):
            raise ServerRefusedError("bad_message", f"the daemon answered a control with {reply.type}")
        if reply.status == "not_found":
            raise RunNotFoundError(reply.message or f"there is no run {self.run_id}")
        return ControlOutcome(
            run_id=reply.run_id or self.run_id,
            workflow_id=reply.workflow_id or self.workflow_id,
            action=reply.action,
            accepted=reply.status == "acknowledged",
            status=reply.state or self.state.status,
            seq=reply.seq or self.state.seq,
            code=reply.code,
            message=reply.message,
        )

    def __repr__(self) -> str:
        return f"<RemoteRun {self.run_id} of {self.workflow_id!r}: {self.state.status}, seq {self.state.seq}>"
