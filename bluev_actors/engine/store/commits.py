"""The way from what is appended to what is committed: one open batch, and one at hand that is being written.

Whatever is appended while a batch is written belongs to the next one, so many events share one commit. A batch that
cannot be written stays at hand and is tried again until it is. Nothing here is lost when the task that writes crashes:
the next one goes on with the batch at hand.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

from bluev_actors.engine.store.audience import Audience
from bluev_actors.engine.store.batch import Batch
from bluev_actors.engine.store.trouble import sentence
from bluev_actors.errors import StorageUnavailableError
from bluev_actors.faultpoints import fault

if TYPE_CHECKING:
    from bluev_actors.engine.store.store_writer import StoreWriter

Performer: TypeAlias = Callable[[Callable[[], None], float], Awaitable[None]]
"""Has a job of the writer done, here or in a thread; the number says how many writes it has."""

_log = logging.getLogger(__name__)

CHECKPOINT_DELAY: Final = 0.5
"""Seconds that checkpoints may wait for an event to go with."""
PATIENCE: Final = 2.0
"""Seconds of trouble after which those who wait for it to be over are told."""
FIRST_RETRY: Final = 0.1
LAST_RETRY: Final = 2.0
"""Seconds between two attempts to write: first, and at most."""


class Commits:
    """Takes batches to the disk, one after the other.

    Args:
        writer: writes them.
        perform: has the writer do something, where it suits.
        publish: shows what is committed, and calls what waits for it; it does not raise.
    """

    def __init__(self, writer: StoreWriter, perform: Performer, publish: Callable[[Batch], None]) -> None:
        self.open = Batch(1)
        self.at_hand: Batch | None = None
        self.trouble: str | None = None
        self.listeners: Audience[str | None] = Audience()
        self._writer = writer
        self._perform = perform
        self._publish = publish
        self._done = 0
        self._any = trio.Event()
        self._urgent = trio.Event()
        self._waiting = trio.lowlevel.ParkingLot()

    # --- for those who append -----------------------------------------------------------------------------------

    def ring(self) -> None:
        """Say that the open batch has something that should not wait."""
        self._urgent.set()
        self._any.set()

    def ring_softly(self) -> None:
        """Say that the open batch has something that may wait a little for company."""
        self._any.set()

    def batches(self) -> tuple[Batch, ...]:
        """What is not known to be on the disk, the newest first."""
        return (self.open,) if self.at_hand is None else (self.open, self.at_hand)

    async def stored(self, batch: Batch | None) -> None:
        """Wait until a batch is committed and published; None: there is nothing to wait for.

        Raises:
            StorageUnavailableError: there is trouble that does not end soon.
        """
        if batch is None or batch.published:
            await trio.lowlevel.checkpoint()
            return
        self.ring()
        while self._done < batch.number:
            with trio.move_on_after(PATIENCE) as scope:
                await self._waiting.park()
            if scope.cancelled_caught and self.trouble is not None:
                raise StorageUnavailableError(self.trouble)

    # --- for the one who writes ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write whatever comes, for ever."""
        while True:
            await self.finish()
            await self._something()
            self.take()

    async def finish(self) -> None:
        """Write and publish the batch at hand, if there is one; and do a chore."""
        batch = self.at_hand
        if batch is not None:
            await self._commit(batch)
            self._conclude(batch)
        await self._do_chores()

    async def drain(self) -> None:
        """Write all there is, and come back; for when `run` is over."""
        while self.at_hand is not None or self.open:
            await self.finish()
            self.take()

    def take(self) -> None:
        """Take up the open batch, and begin another."""
        if self.open:
            self.at_hand = self.open
            self.open = Batch(self.open.number + 1)
        self._any, self._urgent = trio.Event(), trio.Event()

    async def _something(self) -> None:
        if self._writer.has_chores and not self.open:
            await trio.lowlevel.checkpoint()
            return
        await self._any.wait()
        if not self._urgent.is_set():
            with trio.move_on_after(CHECKPOINT_DELAY):
                await self._urgent.wait()

    async def _commit(self, batch: Batch) -> None:
        write, delay = self._writer.commit, FIRST_RETRY
        while not batch.committed:
            try:
                fault("journal.commit")
                await self._perform(partial(write, batch), len(batch))
            except (sqlite3.Error, OSError) as error:
                self._suffer(sentence(error))
                await trio.sleep(delay)
                write, delay = self._writer.commit_again, min(LAST_RETRY, 2 * delay)
        self._recover()

    def _conclude(self, batch: Batch) -> None:
        fault("journal.publish")
        self._publish(batch)
        batch.published = True
        self.at_hand = None
        self._done = batch.number
        self._waiting.unpark_all()

    async def _do_chores(self) -> None:
        """Keep the log short and delete what was forgotten, a little at a time; what fails is tried another time."""
        try:
            if self._writer.log_is_long:
                await self._perform(self._writer.shorten_log, math.inf)
            if self._writer.has_chores:
                await self._perform(self._writer.sweep, math.inf)
        except sqlite3.Error as error:
            _log.warning("a chore of the journal has to wait: %s", error)
            await trio.sleep(FIRST_RETRY)

    # --- trouble ------------------------------------------------------------------------------------------------

    def _suffer(self, why: str) -> None:
        if self.trouble is None:
            _log.error("%s; it is tried again", why)
        if self.trouble != why:
            self.trouble = why
            self.listeners.tell(why)

    def _recover(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            _log.info("the journal can be written again")
            self.listeners.tell(None)
