"""Everything a daemon says that answers no request: events subscribed to, broadcasts, changes of the tree."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Self

import trio

if TYPE_CHECKING:
    from types import TracebackType

    from bluev_actors.client.conversation import Incoming
    from bluev_actors.client.link import Link

INBOX_LIMIT: Final = 4_096


class Inbox:
    """A context manager that gathers messages as long as it lasts, and an asynchronous iterator over them.

    It holds at most a few thousand. When its reader is slower than that, the oldest are dropped and counted,
    for much of what comes here is never sent again; who must not miss an event of a run reads
    `RemoteRun.events`.

    Attributes:
        dropped: how many messages were dropped so far.
    """

    def __init__(self, link: Link) -> None:
        self.dropped = 0
        self._link = link
        self._waiting: deque[Incoming] = deque()
        self._came = trio.Event()

    def __enter__(self) -> Self:
        self._link.conversation.listen(self._put)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.conversation.unlisten(self._put)

    def _put(self, message: Incoming | None) -> None:
        """Take a message in; None wakes the reader because nothing more will come."""
        if message is not None:
            self._waiting.append(message)
        if len(self._waiting) > INBOX_LIMIT:
            self._waiting.popleft()
            self.dropped += 1
        self._came.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Incoming:
        """The next message.

        Raises:
            ConnectionLostError: the connection broke, and everything that came before has been read.
        """
        await trio.lowlevel.checkpoint()
        while not self._waiting:
            self._link.check()
            self._came = trio.Event()
            await self._came.wait()
        return self._waiting.popleft()
