"""Sessions: one principal's name for its work, spoken for by any number of connections.

A session lives while it has a connection or a run that is held. Its runs and the answers to its requests are the
runtime's to keep, under its id; so all there is to know here is who is connected now, and a session without
connections needs no record at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from attrs import define, field

from bluev_actors.protocol.codes import CloseCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluev_actors.daemon.conversation import Conversation


@define
class Sessions:
    """The connections, by session and in the order in which they came."""

    _connected: dict[str, dict[Conversation, None]] = field(factory=dict[str, "dict[Conversation, None]"], init=False)
    _count: int = field(default=0, init=False)
    _empty: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Conversation]:
        """All connections, as they are now; they may come and go while one walks over them."""
        return iter([it for connected in self._connected.values() for it in connected])

    def of(self, session_id: str) -> tuple[Conversation, ...]:
        """The connections of a session, the oldest first."""
        return tuple(self._connected.get(session_id, ()))

    def enter(self, conversation: Conversation, *, takeover: bool = False) -> None:
        """Take a connection in; with `takeover` the older ones of its session are closed."""
        if takeover:
            for older in self.of(conversation.session_id):
                older.socket.close_soon(CloseCode.TAKEN_OVER, "taken over")
        self._connected.setdefault(conversation.session_id, {})[conversation] = None
        self._count += 1

    def leave(self, conversation: Conversation) -> None:
        """Forget this connection and no other."""
        connected = self._connected[conversation.session_id]
        del connected[conversation]
        self._count -= 1
        if not connected:
            del self._connected[conversation.session_id]
        if not self._count:
            self._empty.unpark_all()

    async def wait_empty(self) -> None:
        """Wait until nobody is connected."""
        while self._count:
            await self._empty.park()
