"""A mailbox: two lanes, a bounded one for messages and an urgent one that is always open, and a doorbell.

The doorbell is a Trio memory channel with room for one ring. A channel for each message would cost a checkpoint for
each message, which was measured to be nearly the whole price of a message; the lanes are plain deques, and the receiver
passes one checkpoint for each batch. The mailbox belongs to the actor and not to its incarnation, so what waits in it
outlives a crash.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

import trio
from attrs import define, field, frozen

from bluev_actors.errors import ActorStoppedError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M")

BATCH = 256
"""Messages between two checkpoints; other tasks then wait less than a millisecond for cheap handlers."""


@frozen
class MailboxStatistics:
    """Figures of a mailbox; those that count only ever grow, so two readings give a rate."""

    depth: int
    """Messages that wait now."""
    urgent: int
    """Urgent messages that wait now."""
    capacity: int
    """Messages that may wait."""
    high_water: int
    """The most messages that ever waited."""
    received: int
    """Messages and urgent messages taken out so far."""
    refused: int
    """Messages refused so far, for want of room or because the mailbox was closed."""
    waiting: int
    """Senders that wait for room now."""


@define(eq=False)
class _Putter(Generic[M]):
    """A sender that waits for room, and what it wants to put."""

    item: M
    woken: trio.Event = field(factory=trio.Event)
    accepted: bool = False


class Mailbox(Generic[M]):
    """The queue in front of one actor.

    Args:
        capacity: how many messages may wait; urgent ones do not count.
        owner: whose it is, for error texts.
    """

    __slots__ = (
        "_asleep",
        "_capacity",
        "_doorbell",
        "_high_water",
        "_messages",
        "_owner",
        "_putters",
        "_received",
        "_refused",
        "_urgent",
        "_why_closed",
    )

    def __init__(self, capacity: int = 1024, owner: str = "") -> None:
        self._capacity = capacity
        self._owner = owner
        self._messages: deque[M] = deque()
        self._urgent: deque[M] = deque()
        self._putters: deque[_Putter[M]] | None = None
        self._why_closed: str | None = None
        self._high_water = 0
        self._received = 0
        self._refused = 0
        self._asleep = False
        # The doorbell is hung when somebody first waits: an actor that runs one node and ends never does.
        self._doorbell: tuple[trio.MemorySendChannel[None], trio.MemoryReceiveChannel[None]] | None = None

    def __len__(self) -> int:
        """How many messages wait, urgent ones included."""
        return len(self._messages) + len(self._urgent)

    def __iter__(self) -> Iterator[M]:
        """Look at what waits, in the order in which it will be received."""
        yield from self._urgent
        yield from self._messages

    def put_nowait(self, item: M) -> None:
        """Append a message.

        Raises:
            MailboxFullError: there is no room; the item is inside.
            ActorStoppedError: the mailbox is closed; the item is inside.
        """
        if self._why_closed is not None:
            raise self._closed(item)
        if len(self._messages) >= self._capacity:
            self._refused += 1
            raise MailboxFullError(self._owner, item, f"its mailbox is full ({self._capacity} messages)")
        self._append(item)

    def put_urgent(self, item: M) -> None:
        """Append to the urgent lane, which is never full.

        Raises:
            ActorStoppedError: the mailbox is closed; the item is inside.
        """
        if self._why_closed is not None:
            raise self._closed(item)
        self._urgent.append(item)
        if self._asleep:
            self.ring()

    async def put(self, item: M) -> None:
        """Append a message, waiting for room behind all who wait already.

        When it is cancelled, the message was not put.

        Raises:
            ActorStoppedError: the mailbox is closed, or was closed meanwhile; the item is inside.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._why_closed is None and len(self._messages) >= self._capacity:
            await self._wait_for_room(item)
        else:
            self.put_nowait(item)
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def ready(self) -> None:
        """Wait until something may be there to receive; always a checkpoint.

        A ring wakes the receiver too, so it may find nothing.
        """
        if self._urgent or self._messages:
            await trio.lowlevel.checkpoint()
            return
        if self._doorbell is None:
            self._doorbell = trio.open_memory_channel[None](1)
        self._asleep = True
        try:
            await self._doorbell[1].receive()
        finally:
            self._asleep = False

    def ring(self) -> None:
        """Wake a receiver that waits, whether or not there is something for it."""
        if self._asleep and self._doorbell is not None:
            self._asleep = False
            self._doorbell[0].send_nowait(None)

    def get_nowait(self) -> M:
        """Take the next message, an urgent one if there is any.

        Raises:
            trio.WouldBlock: nothing waits.
        """
        if self._urgent:
            item = self._urgent.popleft()
        elif self._messages:
            item = self._messages.popleft()
            if self._putters:
                self._admit()
        else:
            raise trio.WouldBlock
        self._received += 1
        return item

    async def receive(self, limit: int = BATCH) -> list[M]:
        """Wait for messages and take all urgent ones and up to `limit` others, with one checkpoint for all."""
        await self.ready()
        while not self:
            await self.ready()
        count = len(self._urgent) + min(limit, len(self._messages))
        return [self.get_nowait() for _ in range(count)]

    def close(self, why: str) -> list[M]:
        """Refuse everything from now on, to waiting senders too; returns what was left.

        Args:
            why: the reason, for the errors of those who are refused.
        """
        left = [*self._urgent, *self._messages]
        self._why_closed = why
        self._urgent.clear()
        self._messages.clear()
        while self._putters:
            self._putters.popleft().woken.set()
        self.ring()
        return left

    def statistics(self) -> MailboxStatistics:
        """Read the figures."""
        return MailboxStatistics(
            depth=len(self._messages),
            urgent=len(self._urgent),
            capacity=self._capacity,
            high_water=self._high_water,
            received=self._received,
            refused=self._refused,
            waiting=len(self._putters or ()),
        )

    def _append(self, item: M) -> None:
        self._messages.append(item)
        if len(self._messages) > self._high_water:
            self._high_water = len(self._messages)
        if self._asleep:
            self.ring()

    async def _wait_for_room(self, item: M) -> None:
        if self._putters is None:
            self._putters = deque()
        putter = _Putter(item)
        self._putters.append(putter)
        try:
            await putter.woken.wait()
        except trio.Cancelled:
            self._putters.remove(putter)
            raise
        if not putter.accepted:
            raise self._closed(item)

    def _admit(self) -> None:
        """Let the first sender in who waits; its message is in the mailbox before the sender's task wakes."""
        if self._putters:
            putter = self._putters.popleft()
            putter.accepted = True
            putter.woken.set()
            self._append(putter.item)

    def _closed(self, item: M) -> ActorStoppedError:
        self._refused += 1
        return ActorStoppedError(self._owner, item, self._why_closed or "")
