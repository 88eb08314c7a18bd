"""Follows the events of one run: a place in its log, and a wait when it is at the end of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

import trio

from bluev_actors.errors import RunNotFoundError

if TYPE_CHECKING:
    from bluev_actors.engine.journal import Journal
    from bluev_actors.workflows.run_events import Recorded


class EventReader:
    """An async iterator over the events of a run, up to and with the one that ends it.

    A slow reader costs nobody anything, for it is only a place in the log.

    Args:
        journal: where the events are.
        run_id: the run.
        after: the last `seq` that is not wanted.
    """

    def __init__(self, journal: Journal, run_id: str, after: int = 0) -> None:
        self._journal = journal
        self._run_id = run_id
        self._after = after
        self._batch: deque[Recorded] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Recorded:
        """The next event.

        Raises:
            HistoryExpiredError: events that were not read yet are no longer held.
        """
        if not self._batch:
            await self._fill()
        recorded = self._batch.popleft()
        self._after = recorded.seq
        return recorded

    async def _fill(self) -> None:
        await trio.lowlevel.checkpoint()
        try:
            while not (news := self._journal.history(self._run_id, self._after)):
                if self._journal.has_ended(self._run_id):
                    raise StopAsyncIteration
                await self._journal.changed(self._run_id)
            self._batch.extend(news)
        except RunNotFoundError:
            raise StopAsyncIteration from None
