"""The Trio side of one connection: the two tasks that carry texts, and the waiting for answers."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import trio

from bluev_actors.client.conversation import Conversation
from bluev_actors.errors import (
    ClientError,
    ConnectionLostError,
    ProtocolError,
    RequestTimeoutError,
    ServerRefusedError,
)
from bluev_actors.protocol.messages import ConnectionEstablished, Error, ServerMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.client.conversation import Answer
    from bluev_actors.client.run_view import RunView
    from bluev_actors.protocol.messages import ClientMessage

OUTGOING: Final = 64
"""Texts that wait to be sent; who wants to send more waits."""
PATIENCE: Final = 1.0
"""Seconds that the reading stops for a slow iterator, so that the socket itself holds the daemon back.

Longer would endanger the connection, as a daemon closes those that stand still, so after that the slow one
lets go of the stream and gets the rest sent again."""
MISSED_HEARTBEATS: Final = 3


class Wire(Protocol):
    """What carries whole texts; `socket.Socket` is the one that is used."""

    async def send(self, text: str) -> None:
        """Send one text; raises ConnectionLostError."""
        ...

    async def receive(self) -> str | bytes:
        """Wait for the next text; raises ConnectionLostError."""
        ...


class Link:
    """One connection, as the tasks of a client share it.

    Args:
        wire: where the texts go.
        timeout: seconds that an answer may take.
    """

    def __init__(self, wire: Wire, *, timeout: float) -> None:
        self.conversation = Conversation()
        self._wire = wire
        self._timeout = timeout
        self._outgoing, self._to_send = trio.open_memory_channel[str](OUTGOING)
        self._room = trio.Event()

    # --- the tasks ----------------------------------------------------------------------------------------

    async def greet(self) -> ConnectionEstablished:
        """Wait for the greeting, which comes before everything else.

        Raises:
            ConnectionLostError: something else came, or nothing in time.
        """
        with trio.move_on_after(self._timeout):
            await self._receive_one()
        greeting = self.conversation.greeting
        if greeting is None:
            raise ConnectionLostError("whoever answers there does not greet as a daemon does")
        return greeting

    async def read(self) -> None:
        """Take in what comes until the connection breaks. A task of its own; it does not fail."""
        try:
            while True:
                with trio.fail_after(self._longest_silence()):
                    await self._receive_one()
                if self.conversation.congested:
                    await self._wait_for_room()
        except trio.TooSlowError:
            self.lose(ConnectionLostError("the daemon has given no sign of life"))
        except ClientError as error:
            self.lose(error)

    async def _receive_one(self) -> None:
        text = await self._wire.receive()
        try:
            reply = self.conversation.receive(text)
        except ProtocolError as error:
            raise ConnectionLostError(f"what the daemon sent is no message: {error}") from error
        if reply is not None:
            await self._send(reply)

    def _longest_silence(self) -> float:
        greeting = self.conversation.greeting
        return math.inf if greeting is None else greeting.heartbeat_interval * MISSED_HEARTBEATS

    async def _wait_for_room(self) -> None:
        """Let somebody who iterates catch up, unless somebody else waits for an answer behind all this."""
        self._room = trio.Event()
        if not self.conversation.asking:
            with trio.move_on_after(PATIENCE):
                await self._room.wait()

    async def write(self) -> None:
        """Send what there is to say, in order. A task of its own: a send that is cut off tears the stream."""
        try:
            async for text in self._to_send:
                await self._wire.send(text)
        except ClientError as error:
            self.lose(error)

    def lose(self, why: ClientError) -> None:
        """Nothing more comes or goes; whoever waits hears why."""
        self.conversation.lose(why)
        self._outgoing.close()

    # --- what the others do -------------------------------------------------------------------------------

    async def ask(self, message: ClientMessage, first: Callable[[ServerMessage], None] | None = None) -> ServerMessage:
        """Send a message and wait for its direct reply.

        Args:
            message: what to ask.
            first: called with the reply before anything that stands behind it in the stream is taken in.

        Raises:
            ServerRefusedError: the daemon answers with an error.
            RequestTimeoutError: there is no answer in time; whether the daemon has acted is not known.
            ConnectionLostError: the connection broke before the answer came.
        """
        answered = trio.Event()
        answers: list[Answer] = []

        def deliver(answer: Answer) -> None:
            if first is not None and isinstance(answer, ServerMessage):
                first(answer)  # a plain call on the reader's task: it must not raise
            answers.append(answer)
            answered.set()

        question = self.conversation.ask(message, deliver)
        self.make_room()
        try:
            with trio.fail_after(self._timeout):
                await self._send(question.text)
                await answered.wait()
        except trio.TooSlowError:
            raise RequestTimeoutError(f"no answer to {message.type} within {self._timeout:g} s") from None
        finally:
            self.conversation.forget(question.request_id)
        return _read(answers[0])

    async def _send(self, text: str) -> None:
        """Have a text sent, after those that wait already; when the connection is lost, it is dropped."""
        with suppress(trio.ClosedResourceError):
            await self._outgoing.send(text)

    def check(self) -> None:
        """Raise what the connection was lost by, if it was."""
        if self.conversation.lost is not None:
            raise self.conversation.lost

    def make_room(self) -> None:
        """Somebody has taken something, or needs what comes next: reading goes on."""
        self._room.set()

    async def change_of(self, view: RunView) -> None:
        """Wait until something more is known of a run, or nothing more will be."""
        event = trio.Event()
        with view.heard_by(event.set):
            await event.wait()


def _read(answer: Answer) -> ServerMessage:
    if isinstance(answer, ClientError):
        raise answer
    if isinstance(answer, Error):
        raise ServerRefusedError(answer.code, answer.message, answer.path or "")
    return answer
