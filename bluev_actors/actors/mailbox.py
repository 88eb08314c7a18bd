"""A mailbox: two lanes, a bounded one for messages and an urgent one that is always open, and a doorbell.

The doorbell is a Trio memory channel with room for one ring. A channel that carries the messages themselves
costs a checkpoint for each, which was measured to be nearly their whole price; the lanes are plain deques, and
the receiver passes one checkpoint for each batch. The mailbox belongs to the actor and not to its incarnation,
and hands messages out one at a time, so a crash costs the message at hand and no other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import trio
from attrs import define, field, frozen

from bluev_actors.errors import ActorStoppedError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

M = TypeVar("M")

BATCH: Final = 256
"""Messages between two checkpoints; with cheap handlers other tasks wait less than a millisecond for them."""


@frozen
class MailboxStatistics:
    """Figures of a mailbox; `received` and `refused` only grow, so two readings give a rate."""

    depth: int
    """Messages that wait now."""
    urgent: int
    """Urgent messages that wait now."""
    capacity: int
    """Messages that may wait."""
    high_water: int
    """The most messages that ever waited."""
    received: int
    """Messages taken out so far, urgent ones included."""
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
        "_bell",
        "_capacity",
        "_doorbell",
        "_high_water",
        "_messages",
        "_owner",
        "_putters",
        "_received",
        "_refused",
        "_room",
        "_urgent",
        "_why_closed",
    )

    def __init__(self, capacity: int = 1024, owner: str = "") -> None:
        self._capacity = capacity
        self._owner = owner
        self._messages: deque[M] = deque()
        self._room = capacity  # none once it is closed, so that the quick path has one test instead of two
        self._why_closed: str | None = None
        self._high_water = 0
        self._received = 0
        self._refused = 0
        self._bell: trio.MemorySendChannel[None] | None = None  # there only while the receiver waits for it
        # Made when they are first needed: many actors never get anything urgent or never receive, and few
        # senders ever meet a full mailbox. An empty deque alone is a tenth of an idle actor.
        self._urgent: deque[M] | None = None
        self._putters: deque[_Putter[M]] | None = None
        self._doorbell: tuple[trio.MemorySendChannel[None], trio.MemoryReceiveChannel[None]] | None = None

    def __len__(self) -> int:
        """How many messages wait, urgent ones included."""
        return len(self._messages) + len(self._urgent or ())

    def __iter__(self) -> Iterator[M]:
        """Look at what waits, in the order in which it will be received."""
        yield from self._urgent or ()
        yield from self._messages

    # --- sending ---

    def put_nowait(self, item: M) -> None:
        """Append a message.

        Raises:
            MailboxFullError: there is no room; the item is inside.
            ActorStoppedError: the mailbox is closed; the item is inside.
        """
        depth = len(self._messages)
        if depth >= self._room:
            raise self._refusal(item)
        self._messages.append(item)
        if depth >= self._high_water:
            self._high_water = depth + 1
        if self._bell is not None:
            self.ring()

    def put_urgent(self, item: M) -> None:
        """Append to the urgent lane, which is never full.

        Raises:
            ActorStoppedError: the mailbox is closed; the item is inside.
        """
        if self._why_closed is not None:
            raise self._refusal(item)
        if self._urgent is None:
            self._urgent = deque()
        self._urgent.append(item)
        if self._bell is not None:
            self.ring()

    async def put(self, item: M) -> None:
        """Append a message, waiting for room behind all who wait already.

        When it is cancelled, the message was not put.

        Raises:
            ActorStoppedError: the mailbox is closed, or was closed meanwhile; the item is inside.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.full:
            await self.wait_for_room(item)
        else:
            self.put_nowait(item)
            await trio.lowlevel.cancel_shielded_checkpoint()

    @property
    def full(self) -> bool:
        """Whether a message would have to wait for room."""
        return len(self._messages) >= self._room and self._why_closed is None

    async def wait_for_room(self, item: M) -> None:
        """Append a message to a full mailbox as soon as it is its turn."""
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
            raise self._refusal(item)

    # --- receiving ---

    async def ready(self) -> None:
        """Wait until there may be something to take; always a checkpoint.

        A ring ends the wait too, so there may be nothing.
        """
        if self._urgent or self._messages:
            await trio.lowlevel.checkpoint()
            return
        if self._doorbell is None:
            self._doorbell = trio.open_memory_channel[None](1)
        self._bell, door = self._doorbell
        try:
            await door.receive()
        finally:
            self._bell = None

    def ring(self) -> None:
        """Wake a receiver that waits, whether or not there is something for it."""
        if self._bell is not None:
            self._bell.send_nowait(None)
            self._bell = None

    def drain(self, limit: int = BATCH) -> Iterator[M]:
        """Take what waits, one at a time and urgent ones first whenever they came, at most `limit` in all."""
        messages = self._messages
        for _ in range(limit):
            if self._urgent:
                item = self._urgent.popleft()
            elif messages:
                item = messages.popleft()
                if self._putters:
                    self._admit(self._putters.popleft())
            else:
                return
            self._received += 1
            yield item

    async def receive(self, limit: int = BATCH) -> list[M]:
        """Wait for messages and take all urgent ones and up to `limit` others, with one checkpoint for all."""
        await self.ready()
        while not self:
            await self.ready()
        return list(self.drain(len(self._urgent or ()) + limit))

    # --- the end ---

    def close(self, why: str) -> list[M]:
        """Refuse everything from now on, and those who wait for room too; returns what was left.

        Args:
            why: the reason, for the errors of those who are refused.
        """
        left = list(self)
        self._why_closed = why
        self._room = 0
        self._urgent = None
        self._messages.clear()
        while self._putters:
            self._putters.popleft().woken.set()
        self.ring()
        return left

    def statistics(self) -> MailboxStatistics:
        """Read the figures."""
        return MailboxStatistics(
            depth=len(self._messages),
            urgent=len(self._urgent or ()),
            capacity=self._capacity,
            high_water=self._high_water,
            received=self._received,
            refused=self._refused,
            waiting=len(self._putters or ()),
        )

    def _admit(self, putter: _Putter[M]) -> None:
        """Let a sender in; its message is in the mailbox before its task wakes, so nobody can slip in between."""
        putter.accepted = True
        putter.woken.set()
        self._messages.append(putter.item)

    def _refusal(self, item: M) -> ActorStoppedError | MailboxFullError:
        self._refused += 1
        if self._why_closed is not None:
            return ActorStoppedError(self._owner, item, self._why_closed)
        return MailboxFullError(self._owner, item, f"its mailbox is full ({self._capacity} messages)")
