"""One client on one socket: who it is, what it wants, and where it is in the order of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from bluev_actors.daemon.commands import first_event
from bluev_actors.daemon.event_frames import wire_type
from bluev_actors.daemon.feed import Feed
from bluev_actors.daemon.frames import text_frame
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.cursors import cursor_text
from bluev_actors.protocol.messages import Error, Gap, ServerMessage
from bluev_actors.protocol.subscriptions import Subscriptions
from bluev_actors.workflows.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bluev_actors.daemon.commands import Caller
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.daemon.socket import Socket
    from bluev_actors.engine.run_handle import RunHandle
    from bluev_actors.errors import ProtocolError
    from bluev_actors.protocol.messages import NodeProgressMessage
    from bluev_actors.workflows.run_events import Recorded
    from bluev_actors.workflows.values import JsonObject

INTERNAL_ERROR: Final = 1011
"""The close code that RFC 6455 has for it."""
FIRST_FRAME_WAIT: Final = 0.25
"""Seconds a new connection has to say from where its events shall begin."""


@define(eq=False)
class Conversation:
    """What the daemon knows of one connection.

    Args:
        id: tells it from all others, those before it included.
        caller: for whom it speaks.
        hub: what it talks to.
        socket: where its frames go.
        nursery: where its tasks live.
        client_info: what the client says of itself.
        protocol: the sub-protocol agreed on; None with a client that asked for none.
    """

    id: str
    caller: Caller
    hub: Hub
    socket: Socket
    nursery: trio.Nursery
    client_info: JsonObject
    protocol: str | None
    connected_at: float = field(init=False)
    """Wall time, in seconds since 1970."""
    subscriptions: Subscriptions = field(factory=Subscriptions, init=False)
    feed: Feed = field(init=False)
    owed: dict[str, str | None] = field(factory=dict[str, str | None], init=False)
    """Runs whose event 1 is the reply to a request of this connection, with the request's id."""
    _floors: dict[str, int] = field(factory=dict[str, int], init=False)
    """Of watched runs: the `seq` up to which the watch's own answer has shown them."""

    def __attrs_post_init__(self) -> None:
        self.connected_at = self.hub.runtime.now()
        self.feed = Feed(self.hub.runtime.journal, self, self.nursery.start_soon)

    @property
    def session_id(self) -> str:
        """The session it belongs to."""
        return self.caller.session_id

    # --- saying something -------------------------------------------------------------------------------------

    def timestamp(self) -> str:
        """The time, as messages carry it."""
        return self.hub.timestamp()

    def send(self, message: ServerMessage) -> None:
        """Say something to this client alone."""
        self.socket.send(text_frame(encode(message)))

    def break_off(self) -> None:
        """End the connection because of a bug met in serving it; what it has been told stands, so it can resume."""
        self.socket.close_soon(INTERNAL_ERROR, "internal error")

    def send_error(self, error: ProtocolError) -> None:
        """Say that a frame is not accepted."""
        self.send(
            Error(
                timestamp=self.timestamp(),
                request_id=error.request_id,
                code=error.code,
                message=str(error),
                path=error.path or None,
            )
        )

    # --- events -----------------------------------------------------------------------------------------------

    def wants(self, recorded: Recorded) -> bool:
        """Whether this connection gets an event; the reply to its own request is not asked about here."""
        if recorded.seq <= self._floors.get(recorded.run_id, 0):
            return False
        return self.subscriptions.wants(
            wire_type(recorded.event), recorded.run_id, recorded.workflow_id, own=self.owns(recorded.run_id)
        )

    def owns(self, run_id: str) -> bool:
        """Whether this connection's session started a run."""
        return self.hub.session_of(run_id) == self.session_id

    def wants_progress(self, message: NodeProgressMessage) -> bool:
        """Whether this connection gets a message that is not stored: only if it is up to date and reads fast enough."""
        if not self.feed.live or self.clogged:
            return False
        return self.subscriptions.wants(
            message.type, message.run_id, message.workflow_id, own=self.owns(message.run_id)
        )

    @property
    def clogged(self) -> bool:
        """Whether so much is waiting to be sent that more would only pile up."""
        return self.socket.above_soft_limit

    def show(self, recorded: Recorded) -> None:
        """Send an event, if this connection wants it or is owed it."""
        if recorded.seq == 1 and recorded.run_id in self.owed:
            request_id = self.owed.pop(recorded.run_id)
            self.socket.send(self.hub.frames.reply(recorded, request_id))
        elif self.wants(recorded):
            self.socket.send(self.hub.frames.of(recorded))

    def show_again(self, recorded: Recorded) -> None:
        """Send an event of a watched run a second time."""
        self.socket.send(self.hub.frames.again(recorded))

    def tell_gap(self) -> None:
        """Say that events are lost to this connection, and how things stand now; no reply is among what is lost."""
        for run in self.hub.runtime.list_runs():
            if run.run_id in self.owed and run.state.seq:
                self.send(first_event(self.hub, run, self.owed.pop(run.run_id)))
        self.send(
            Gap(
                timestamp=self.timestamp(),
                reason="expired",
                snapshots=self.snapshots(),
                cursor=cursor_text(self.hub.runtime.journal.cursor),
            )
        )

    async def room(self) -> None:
        """Wait until there is room for more; always a checkpoint."""
        await trio.lowlevel.checkpoint()
        await self.socket.room()

    async def begin_late(self) -> None:
        """Let events through even if the client says nothing."""
        await trio.sleep(FIRST_FRAME_WAIT)
        self.feed.begin()

    # --- runs -------------------------------------------------------------------------------------------------

    def watch(self, run: RunHandle) -> None:
        """Have every event of a run from now on, and those after its present `seq` only."""
        is_news = run.session_id != self.session_id and run.run_id not in self.subscriptions.watches
        self.subscriptions.watch(run.run_id)
        self.hub.audience.enter(self)
        if is_news:
            self._floors[run.run_id] = run.state.seq

    def watch_again(self, run_ids: Iterable[str]) -> None:
        """Have every event of these runs that comes after the place which the client names itself."""
        self._floors.clear()
        try:
            for run_id in run_ids:
                if self.hub.session_of(run_id) is not None:
                    self.subscriptions.watch(run_id)
        finally:
            self.hub.audience.enter(self)

    def unwatch(self, run_id: str) -> None:
        """Follow a run no longer."""
        self._floors.pop(run_id, None)
        self.subscriptions.unwatch(run_id)
        self.hub.audience.enter(self)

    def snapshots(self) -> tuple[JsonObject, ...]:
        """How the live runs of the session and the watched runs stand."""
        return tuple(snapshot(run.state) for run in self._runs_of_interest())

    def _runs_of_interest(self) -> Iterator[RunHandle]:
        for run in self.hub.runtime.list_runs():
            live = run.session_id == self.session_id and not run.state.ended
            if live or run.run_id in self.subscriptions.watches:
                yield run
