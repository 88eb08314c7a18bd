"""The heartbeat: every connection is asked whether it lives, and those that have long said nothing are closed.

Any byte of a client counts, an answer to the protocol's own ping as well, so a client that has never heard of the
`heartbeat` message lives too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Never

import trio

from bluev_actors.actors import Actor
from bluev_actors.daemon.frames import text_frame
from bluev_actors.protocol.codec import encode
from bluev_actors.protocol.codes import CloseCode
from bluev_actors.protocol.messages import Heartbeat

if TYPE_CHECKING:
    from bluev_actors.daemon.hub import Hub

MISSED: Final = 2
"""So many intervals without a sign of life are too many."""
LOOKS: Final = 4
"""How often in an interval the dead are looked for, so that nobody is found much later than promised."""
SWEEP: Final = 500
"""How many connections are seen to between two checkpoints."""


def is_dead(now: float, last_seen: float, interval: float) -> bool:
    """Whether a client that was last heard of at `last_seen` is to be given up; all in seconds on one clock."""
    return now - last_seen >= MISSED * interval


class HeartbeatKeeper(Actor[Never]):
    """Asks all connections, every interval."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._interval = hub.settings.heartbeat

    async def run(self) -> None:
        """Beat until stopped."""
        while True:
            for _ in range(LOOKS):
                await trio.sleep(self._interval / LOOKS)
                await self._bury()
            await self._beat()

    async def _bury(self) -> None:
        for place, conversation in enumerate(self._hub.sessions):
            if is_dead(trio.current_time(), conversation.socket.last_seen, self._interval):
                conversation.socket.close_soon(CloseCode.SILENT, "no sign of life")
            await _breathe(place)

    async def _beat(self) -> None:
        frame = text_frame(encode(Heartbeat(timestamp=self._hub.timestamp())))
        for place, conversation in enumerate(self._hub.sessions):
            conversation.socket.send(frame)
            conversation.socket.ping()
            await _breathe(place)


async def _breathe(place: int) -> None:
    """Let others go on, now and then."""
    if place % SWEEP == SWEEP - 1:
        await trio.lowlevel.checkpoint()
