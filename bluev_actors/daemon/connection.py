"""The actor of one accepted stream: HTTP requests, until one of them asks for a socket, and then a conversation.

One task reads what the client says and acts on it, so frames act in the order received. Whatever goes wrong in it, a
bug included, ends this stream and no other: the supervisor notes the crash and forgets the connection.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Never

import trio

from bluev_actors.actors import Actor
from bluev_actors.daemon.commands import Caller
from bluev_actors.daemon.conversation import INTERNAL_ERROR, Conversation
from bluev_actors.daemon.dispatch import dispatch
from bluev_actors.daemon.greeting import greeting_to
from bluev_actors.daemon.guard import Refusal, Refused
from bluev_actors.daemon.handshake import introduction_of
from bluev_actors.daemon.http import serve_stream
from bluev_actors.daemon.manners import Manners
from bluev_actors.daemon.socket import SocketClosed, open_socket
from bluev_actors.errors import ProtocolError
from bluev_actors.faultpoints import fault
from bluev_actors.protocol.codec import decode_client
from bluev_actors.protocol.codes import CloseCode
from bluev_actors.protocol.messages import Error

if TYPE_CHECKING:
    from bluev_actors.actors import Exit
    from bluev_actors.daemon.asgi import ASGIApp
    from bluev_actors.daemon.handshake import Introduction
    from bluev_actors.daemon.hub import Hub
    from bluev_actors.daemon.request import RequestHead
    from bluev_actors.daemon.socket import Socket
    from bluev_actors.protocol.messages import ClientMessage

_log = logging.getLogger(__name__)


class Connection(Actor[Never]):
    """Serves one stream to its end.

    Args:
        hub: what the client talks to.
        stream: as it was accepted.
        app: answers what is not a WebSocket.
    """

    def __init__(self, hub: Hub, stream: trio.abc.Stream, app: ASGIApp) -> None:
        self._hub = hub
        self._stream = stream
        self._app = app

    async def on_start(self) -> None:
        """Count among the open streams."""
        self._hub.open_streams += 1

    async def run(self) -> None:
        """Serve the stream."""
        await serve_stream(
            self._stream,
            app=self._app,
            upgrade=self._converse,
            limits=self._hub.settings.limits,
            draining=lambda: self._hub.draining,
            check=self._hub.guard.refusal,
        )

    async def on_stop(self, exit: Exit) -> None:  # noqa: ARG002 - the hook's own signature
        """Close a stream that was given up before it was served to its end."""
        self._hub.open_streams -= 1
        await trio.aclose_forcefully(self._stream)

    async def _converse(self, head: RequestHead, stream: trio.abc.Stream) -> None:
        if self._hub.draining:
            raise Refused(Refusal(503, "draining", "The daemon is going down."))
        introduction = introduction_of(head)
        limits = self._hub.settings.limits
        try:
            async with open_socket(stream, head, limits=limits, subprotocol=introduction.protocol) as socket:
                await self._talk_to_the_end(introduction, socket)
        except SocketClosed as closed:
            _log.debug("the handshake of %s failed: %s", self.ref.id, closed)

    async def _talk_to_the_end(self, introduction: Introduction, socket: Socket) -> None:
        """Talk; a bug ends it with the close code for that. What the client was told stands, so it can resume."""
        try:
            await self._talk(introduction, socket)
        except Exception:
            socket.close_soon(INTERNAL_ERROR, "internal error")
            raise

    async def _talk(self, introduction: Introduction, socket: Socket) -> None:
        async with trio.open_nursery() as nursery:
            conversation = Conversation(
                id=self.ref.id,
                caller=Caller(introduction.session_id),
                hub=self._hub,
                socket=socket,
                nursery=nursery,
                client_info=introduction.client_info,
                protocol=introduction.protocol,
            )
            with self._hub.present(conversation, takeover=introduction.takeover):
                conversation.send(greeting_to(conversation))
                nursery.start_soon(conversation.begin_late)
                crash = await self._listen(conversation)
            nursery.cancel_scope.cancel()
        if crash is not None:
            raise crash

    async def _listen(self, conversation: Conversation) -> Exception | None:
        """Act on what the client says, to the end of the socket or to the first bug, which is returned."""
        manners = Manners.within(self._hub.settings.limits, trio.current_time())
        crash: Exception | None = None
        try:
            while crash is None:
                frame = await conversation.socket.receive()
                message = _understood(conversation, frame, manners)
                if message is not None:
                    crash = await _act(conversation, message)
        except SocketClosed as closed:
            _log.debug("%s closed: %s", conversation.id, closed)
        return crash


def _understood(conversation: Conversation, frame: str | bytes, manners: Manners) -> ClientMessage | None:
    """The message of a frame; None when it is none that is accepted, which the client is told."""
    try:
        message = _decode(frame)
        manners.admit(message, trio.current_time())
    except ProtocolError as error:
        conversation.send_error(error)
        conversation.feed.begin()
        if not manners.bears(trio.current_time()):
            conversation.socket.close_soon(CloseCode.OFFENDER, "too many frames that are not accepted")
        return None
    return message


def _decode(frame: str | bytes) -> ClientMessage:
    if isinstance(frame, bytes):
        raise ProtocolError("bad_json", "A message is JSON in a text frame; this one is binary.")
    return decode_client(frame)


async def _act(conversation: Conversation, message: ClientMessage) -> Exception | None:
    """Do what a message asks for; the exception of a handler that has a bug is returned."""
    try:
        fault("connection.dispatch", conversation.session_id)
        await dispatch(conversation, message)
    except ProtocolError as error:
        error.request_id = message.request_id
        conversation.send_error(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends this connection alone
        _apologise(conversation, message)
        return error
    return None


def _apologise(conversation: Conversation, message: ClientMessage) -> None:
    error_id = uuid.uuid4().hex
    _log.exception("%s: %s could not be handled (%s)", conversation.id, message.type, error_id)
    conversation.send(
        Error(
            timestamp=conversation.timestamp(),
            request_id=message.request_id,
            code="internal_error",
            message="Something is wrong with the daemon. This connection ends; its runs go on.",
            detail={"error_id": error_id},
        )
    )
