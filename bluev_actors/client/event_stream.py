"""Iterating over what one run says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import trio

from bluev_actors.protocol.messages import ServerMessage, Watch, Watching

if TYPE_CHECKING:
    from bluev_actors.client.feed import Feed, RunUpdate
    from bluev_actors.client.link import Link
    from bluev_actors.client.run_view import RunView


class EventStream:
    """An asynchronous iterator over one run's messages, by `seq`, up to and with the terminal one.

    It reads from a bounded feed. When that let go of the stream, because this reader was slow or has only
    just begun, the daemon is asked to send again what is missing.
    """

    def __init__(self, link: Link, view: RunView, feed: Feed) -> None:
        self._link = link
        self._view = view
        self._feed = feed
        feed.attended = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RunUpdate:
        """The next message.

        Raises:
            ConnectionLostError: the connection broke before the run ended.
        """
        await trio.lowlevel.checkpoint()
        while (update := self._feed.take()) is None:
            if self._feed.over:
                raise StopAsyncIteration
            self._link.check()
            await self._more()
        self._link.make_room()
        return update

    async def _more(self) -> None:
        if self._feed.attached:
            await self._link.change_of(self._view)
        else:
            await self._link.ask(Watch(run_id=self._view.state.run_id, after=self._feed.after), self._attach)

    def _attach(self, answer: ServerMessage) -> None:
        if isinstance(answer, Watching):
            self._view.attach(self._feed, answer)
