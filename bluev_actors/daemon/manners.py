"""How a client behaves: how fast it talks, and how much of what it says makes no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from bluev_actors.daemon.rate import TokenBucket
from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import ClientMessage, HeartbeatResponse

if TYPE_CHECKING:
    from bluev_actors.daemon.limits import Limits

OFFENCES: Final = 100
OFFENCE_PERIOD: Final = 60.0
"""More frames than this in so many seconds that are not accepted as messages are no accident."""


@define
class Manners:
    """Judges one connection. Times are those of any clock that only goes forward, in seconds."""

    _messages: TokenBucket
    _offences: TokenBucket

    @classmethod
    def within(cls, limits: Limits, now: float) -> Manners:
        """The judge of a connection that begins now."""
        messages = TokenBucket(limits.message_rate, limits.message_burst, now)
        return cls(messages, TokenBucket(OFFENCES / OFFENCE_PERIOD, OFFENCES, now))

    def admit(self, message: ClientMessage, now: float) -> None:
        """Let a message pass; a `heartbeat_response` always does.

        Raises:
            ProtocolError: with the code `rate_limited`.
        """
        if not isinstance(message, HeartbeatResponse) and not self._messages.take(now):
            sentence = f"More than {self._messages.rate:g} messages a second are not taken; wait a moment."
            raise ProtocolError("rate_limited", sentence, request_id=message.request_id)

    def bears(self, now: float) -> bool:
        """Count one frame that was not accepted; False when there have been too many lately."""
        return self._offences.take(now)
