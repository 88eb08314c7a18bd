"""One client's side of the conversation with a daemon, without a wire: texts in, texts out, plain calls.

It pairs replies with requests by `request_id`, folds what is said of runs into the views of those who follow
them, and hands the rest to listeners. It knows no event loop: whoever waits gives it a function, and a shell
around it (`client.py` is the one for Trio) carries the texts.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from attrs import define, evolve, field, frozen

from bluev_actors.client.run_view import RunView
from bluev_actors.errors import ClientError
from bluev_actors.protocol.codec import UnknownMessage, decode_server, encode
from bluev_actors.protocol.messages import (
    ClientMessage,
    ConnectionEstablished,
    Gap,
    Heartbeat,
    HeartbeatResponse,
    NodeProgressMessage,
    Reply,
    RunEventMessage,
    ServerMessage,
    WorkflowExecutionStarted,
)

Incoming: TypeAlias = ServerMessage | UnknownMessage
"""Whatever a daemon may say: a message of the protocol, or a broadcast."""
Answer: TypeAlias = ServerMessage | ClientError
"""What becomes of a request: its direct reply, or why there will be none."""
Deliver: TypeAlias = Callable[[Answer], None]
Listener: TypeAlias = Callable[[Incoming | None], None]
"""Called with each message, and with None when no more will come."""

PULSE: Final = encode(HeartbeatResponse()).decode()
"""What is said when the daemon asks whether the client lives."""


@frozen
class Question:
    """A request on its way: the text to send, and the id by which its answer is known."""

    request_id: str
    text: str


@define(eq=False)
class Conversation:
    """What has been said on one connection, and who waits for what.

    Attributes:
        greeting: the daemon's first message, once it has come.
        cursor: "I have seen everything up to here", for `resume`.
        lost: why nothing more will come; None as long as something may.
    """

    greeting: ConnectionEstablished | None = None
    cursor: str = ""
    lost: ClientError | None = None
    _asked: dict[str, Deliver] = field(factory=dict[str, Deliver])
    _views: WeakValueDictionary[str, RunView] = field(factory=WeakValueDictionary[str, RunView])
    _listeners: list[Listener] = field(factory=list[Listener])
    _crowded: RunView | None = None

    # --- asking -------------------------------------------------------------------------------------------

    def ask(self, message: ClientMessage, deliver: Deliver) -> Question:
        """Prepare a request; `deliver` is called in the very place of the stream where its answer stands.

        Raises:
            ClientError: the connection is lost.
            ProtocolError: a value in the message is not plain JSON.
        """
        if self.lost is not None:
            raise self.lost
        request_id = message.request_id or uuid.uuid4().hex
        text = encode(evolve(message, request_id=request_id)).decode()
        self._asked[request_id] = deliver
        return Question(request_id, text)

    def forget(self, request_id: str) -> None:
        """Nobody waits for this answer any more."""
        self._asked.pop(request_id, None)

    @property
    def asking(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._asked)

    # --- hearing ------------------------------------------------------------------------------------------

    def receive(self, text: str | bytes) -> str | None:
        """Take in what came; the answer is what has to be said at once, if anything.

        Raises:
            ProtocolError: what came is not a message at all.
        """
        message = decode_server(text)
        if isinstance(message, Heartbeat):
            return PULSE
        self._note_place(message)
        if not self._answer(message):
            for listen in tuple(self._listeners):
                listen(message)
        self._pass_on(message)
        return None

    def _note_place(self, message: Incoming) -> None:
        if isinstance(message, ConnectionEstablished):
            self.greeting = message
        cursor = getattr(message, "cursor", None)
        if cursor is not None:
            self.cursor = cursor

    def _answer(self, message: Incoming) -> bool:
        """Hand a reply to who asked for it; what nobody here waits for is no reply."""
        if not isinstance(message, Reply | WorkflowExecutionStarted) or message.request_id is None:
            return False
        deliver = self._asked.pop(message.request_id, None)
        if deliver is not None:
            deliver(message)
        return deliver is not None

    def _pass_on(self, message: Incoming) -> None:
        if isinstance(message, RunEventMessage | NodeProgressMessage):
            self._pass_on_to_view(message)
        elif isinstance(message, Gap):
            self._skip(message)

    def _pass_on_to_view(self, message: RunEventMessage | NodeProgressMessage) -> None:
        view = self._views.get(message.run_id)
        if view is not None:
            view.hear(message)
            self._crowded = view if view.congested else None

    def _skip(self, gap: Gap) -> None:
        for snapshot in gap.snapshots:
            view = self._views.get(snapshot.get("run_id", ""))
            if view is not None:
                view.skip(gap, snapshot)

    def lose(self, why: ClientError) -> None:
        """Nothing more will come: tell everybody who waits."""
        self.lost = self.lost or why
        asked, self._asked = self._asked, {}
        for deliver in asked.values():
            deliver(self.lost)
        for view in tuple(self._views.values()):
            view.notify()
        for listen in tuple(self._listeners):
            listen(None)

    # --- following ----------------------------------------------------------------------------------------

    def view(self, run_id: str) -> RunView:
        """The view of a run, which lives as long as somebody holds it."""
        view = self._views.get(run_id)
        if view is None:
            view = self._views[run_id] = RunView.of(run_id)
        return view

    @property
    def congested(self) -> bool:
        """Whether somebody who reads is so far behind that it pays to wait before taking in more."""
        return self._crowded is not None and self._crowded.congested

    def listen(self, listener: Listener) -> None:
        """Call `listener` with all but replies and heartbeats, and with None when the connection is lost."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Undo `listen`."""
        self._listeners.remove(listener)
