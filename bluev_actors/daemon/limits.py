"""Every limit of the daemon's door and sockets, by the name it has in the configuration."""

from __future__ import annotations

from typing import Final

from attrs import frozen

KIB: Final = 1024
MIB: Final = 1024 * KIB


@frozen
class Limits:
    """What one peer may cost. Sizes are bytes, times are seconds.

    Attributes:
        connections: sockets open at once, of all clients together; more are refused with 503.
        head_size: an HTTP request's line and headers together (431).
        head_time: from the first byte of a request, or from the accept of a socket, to the end of its head (408).
        idle_time: how long a kept-alive HTTP connection may be silent between two requests.
        body_size: an HTTP request's body (413).
        body_time: how long the daemon waits for the whole of a body (408).
        send_time: how long one write of an HTTP answer may take.
        handshake_time: for the WebSocket handshake, once the head is there.
        close_time: for the closing handshake and for whatever is still to be written, when a connection ends.
        message_size: one WebSocket message, all its fragments together (close code 1009).
        message_fragments: how many fragments it may come in (1009).
        message_rate: messages a second that a connection may send in the long run.
        message_burst: messages that it may send at once.
        inbox_messages: messages read ahead of the application, per connection.
        inbox_size: bytes of messages read ahead of the application; past it the peer has to wait.
        outbox_soft: unsent bytes of a connection from which its updates are joined.
        outbox_hard: unsent bytes of a connection beyond which it is closed (4008).
        outbox_stall: how long a connection may take no byte while some wait for it (4008).
    """

    connections: int = 20_000
    head_size: int = 16 * KIB
    head_time: float = 10.0
    idle_time: float = 75.0
    body_size: int = 16 * MIB
    body_time: float = 30.0
    send_time: float = 30.0
    handshake_time: float = 10.0
    close_time: float = 2.0
    message_size: int = 16 * MIB
    message_fragments: int = 256 * KIB
    message_rate: float = 1000.0
    message_burst: int = 5000
    inbox_messages: int = 64
    inbox_size: int = MIB
    outbox_soft: int = 256 * KIB
    outbox_hard: int = 4 * MIB
    outbox_stall: float = 10.0
