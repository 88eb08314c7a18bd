"""A mailbox: two lanes, a bounded one for messages and an urgent one that is always open, and a bell.

A Trio memory channel costs a checkpoint for each message, which was measured to be nearly their whole price. Here the
lanes are plain deques, the receiver passes one checkpoint for each batch, and the bell reschedules its task directly.
The mailbox belongs to the actor and not to its incarnation, and hands messages out one at a time, so a crash costs the
message at hand and no other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import trio
from attrs import define, frozen

from bluev_actors.errors import ActorStoppedError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluev_actors.actors.specs import Overflow

M = TypeVar("M")

BATCH: Final = 256
"""Messages between two checkpoints; with cheap handlers other tasks wait less than a millisecond for them."""


@frozen
class MailboxStatistics:
    """Figures of a mailbox; `received`, `refused` and `dropped` only grow, so two readings give a rate."""

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
    """Messages refused so far, for want of room or because the mailbox was closed; their senders know."""
    waiting: int
    """Senders that wait for room now."""
    dropped: int
    """Messages dropped so far by an overflow policy; their senders do not know."""
    stashed: int
    """Messages put aside now."""
    paused: bool
    """Whether messages that are not urgent are held back."""


@define(eq=False)
class _Putter(Generic[M]):
    """A sender that waits for room, and what it wants to put."""

    item: M
    task: trio.lowlevel.Task
    accepted: bool = False


class Mailbox(Generic[M]):
    """The queue in front of one actor.

    Args:
        capacity: how many messages may wait, those put aside included; urgent ones do not count.
        owner: whose it is, for error texts.
        overflow: what becomes of a message for which there is no room.
        on_drop: told of each message that an overflow policy drops.
    """

    __slots__ = (
        "_capacity",
        "_dropped",
        "_high_water",
        "_messages",
        "_on_drop",
        "_overflow",
        "_owner",
        "_paused",
        "_putters",
        "_received",
        "_receiver",
        "_refused",
        "_room",
        "_stash",
        "_stashed_at",
        "_urgent",
        "_why_closed",
    )

    def __init__(
        self,
        capacity: int = 1024,
        owner: str = "",
        overflow: Overflow = "wait",
        on_drop: Callable[[M], None] | None = None,
    ) -> None:
        self._capacity = capacity
        self._owner = owner
        self._overflow: Overflow = overflow
        self._on_drop = on_drop
        self._messages: deque[M] = deque()
        self._room = capacity  # none once it is closed, so that the quick path has one test instead of two
        self._why_closed: Callable[[], str] | None = None
        self._paused = False
        self._stashed_at = -1
        self._high_water = 0
        self._received = 0
        self._refused = 0
        self._dropped = 0
        self._receiver: trio.lowlevel.Task | None = None  # there only while it waits
        # Made when they are first needed: many actors never get anything urgent or never receive, and few
        # senders ever meet a full mailbox. An empty deque alone is a tenth of an idle actor.
        self._urgent: deque[M] | None = None
        self._stash: deque[M] | None = None
        self._putters: deque[_Putter[M]] | None = None

    def __len__(self) -> int:
        """How many messages wait, urgent ones included and those put aside not."""
        return len(self._messages) + len(self._urgent or ())

    def __iter__(self) -> Iterator[M]:
        """Look at all that is there: what waits in the order in which it will be received, then what was put aside."""
        yield from self._urgent or ()
        yield from self._messages
        yield from self._stash or ()

    def configure(self, capacity: int, overflow: Overflow, on_drop: Callable[[M], None] | None) -> None:
        """Change the bound and what becomes of messages beyond it; the arguments are those it was made with.

        What waits already is kept even if it is more than the new bound allows.
        """
        self._capacity = capacity
        self._overflow = overflow
        self._on_drop = on_drop
        self._resize()

    # --- sending ---

    def put_nowait(self, item: M) -> None:
        """Append a message, or drop one if that is the policy.

        Raises:
            MailboxFullError: there is no room; the item is inside.
            ActorStoppedError: the mailbox is closed; the item is inside.
        """
        if len(self._messages) >= self._room:
            self._overflow_with(item)
        else:
            self._messages.append(item)
        if self._receiver is not None and not self._paused:
            self.ring()

    def put_urgent(self, item: M) -> None:
        """Append to the urgent lane, which is never full and never held back.

        Raises:
            ActorStoppedError: the mailbox is closed; the item is inside.
        """
        if self._why_closed is not None:
            raise self._refusal(item)
        self.put_control(item)

    def put_control(self, item: M) -> None:
        """Append to the urgent lane even if the mailbox takes nothing new: what the runtime itself has to say."""
        if self._urgent is None:
            self._urgent = deque()
        self._urgent.append(item)
        if self._receiver is not None:
            self.ring()

    def put_last(self, item: M) -> None:
        """Append behind all messages whether or not there is room, for what is bounded elsewhere, such as timers."""
        self._messages.append(item)
        if self._receiver is not None and not self._paused:
            self.ring()

    async def put(self, item: M) -> None:
        """Append a message; where the policy is to wait for room, behind all who wait already.

        When it is cancelled, the message was not put.

        Raises:
            MailboxFullError: there is no room and the policy is to say so; the item is inside.
            ActorStoppedError: the mailbox is closed, or was closed meanwhile; the item is inside.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.must_wait:
            await self.wait_for_room(item)
        else:
            self.put_nowait(item)
            await trio.lowlevel.cancel_shielded_checkpoint()

    @property
    def must_wait(self) -> bool:
        """Whether a message has to wait for room."""
        return len(self._messages) >= self._room and self._overflow == "wait" and self._why_closed is None

    async def wait_for_room(self, item: M) -> None:
        """Append a message to a full mailbox as soon as it is its turn."""
        if self._putters is None:
            self._putters = deque()
        putters, putter = self._putters, _Putter(item, trio.lowlevel.current_task())
        putters.append(putter)

        def withdraw(_: object) -> trio.lowlevel.Abort:
            # At the very moment of the cancellation, so that nobody lets in a sender who is told that it sent nothing.
            putters.remove(putter)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(withdraw)
        if not putter.accepted:
            raise self._refusal(item)

    def turn_away(self, is_meant: Callable[[M], bool]) -> list[M]:
        """Refuse those who wait for room with something that is meant; returns what they wanted to put."""
        turned = [putter for putter in self._putters or () if is_meant(putter.item)]
        for putter in turned:
            if self._putters is not None:
                self._putters.remove(putter)
            trio.lowlevel.reschedule(putter.task)
        return [putter.item for putter in turned]

    # --- receiving ---

    async def ready(self) -> None:
        """Wait until there may be something to take; always a checkpoint.

        A ring ends the wait too, so there may be nothing.
        """
        if self._urgent or (self._messages and not self._paused):
            await trio.lowlevel.checkpoint()
            return
        self._receiver = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)

    def ring(self) -> None:
        """Wake a receiver that waits, whether or not there is something for it."""
        if self._receiver is not None:
            trio.lowlevel.reschedule(self._receiver)
            self._receiver = None

    def drain(self, limit: int = BATCH) -> Iterator[M]:
        """Take what waits, one at a time and urgent ones first whenever they came, at most `limit` in all."""
        messages = self._messages
        for _ in range(limit):
            if self._urgent:
                item = self._urgent.popleft()
            elif messages and not self._paused:
                # A mailbox is fullest just before something is taken out.
                if len(messages) > self._high_water:  # noqa: PLR1730 - `max` costs a call for each message
                    self._high_water = len(messages)
                item = messages.popleft()
                if self._putters:
                    self._admit()
            else:
                return
            self._received += 1
            yield item

    async def receive(self, limit: int = BATCH) -> list[M]:
        """Wait for messages and take all urgent ones and up to `limit` others, with one checkpoint for all."""
        await self.ready()
        while not (self._urgent or (self._messages and not self._paused)):
            await self.ready()
        return list(self.drain(len(self._urgent or ()) + limit))

    # --- pausing and putting aside ---

    @property
    def drops_oldest(self) -> bool:
        """Whether what has waited longest may be dropped."""
        return self._overflow == "drop_oldest"

    @property
    def paused(self) -> bool:
        """Whether messages that are not urgent are held back; there is still room for them."""
        return self._paused

    def pause(self) -> None:
        """Hold back all messages that are not urgent."""
        self._paused = True

    def promote(self, is_meant: Callable[[M], bool]) -> None:
        """Put what waits among the messages, and is meant, into the urgent lane instead."""
        for item in [item for item in self._messages if is_meant(item)]:
            self._messages.remove(item)
            self.put_control(item)

    def resume(self) -> None:
        """Let messages through again."""
        self._paused = False
        self.ring()

    def stash(self, item: M) -> None:
        """Put a message that was taken out aside; it takes up room until it is back and gone."""
        if self._stash is None:
            self._stash = deque()
        self._stash.append(item)
        self._stashed_at = self._received
        self._resize()

    def unstash(self) -> int:
        """Put back in front all that was put aside, in the order in which it was; returns how many."""
        back = self._stash or ()
        self._stash = None
        self._messages.extendleft(reversed(back))
        self._resize()
        if self._receiver is not None and not self._paused:
            self.ring()
        return len(back)

    @property
    def has_stashed_last(self) -> bool:
        """Whether the message that was taken out last was put aside already."""
        return self._stashed_at == self._received

    # --- the end ---

    def shut(self, why: Callable[[], str]) -> None:
        """Refuse everything from now on, and those who wait for room too, but keep what is there.

        Args:
            why: gives the reason, for the errors of those who are refused.
        """
        self._why_closed = why
        self._room = 0
        while self._putters:
            trio.lowlevel.reschedule(self._putters.popleft().task)

    def close(self, why: Callable[[], str]) -> list[M]:
        """Shut the mailbox, whose receiver is gone, and empty it; returns what was left."""
        self.shut(why)
        if not (self._urgent or self._messages or self._stash):
            return []
        left = list(self)
        self._urgent = self._stash = None
        self._messages.clear()
        return left

    def marks(self) -> tuple[object, ...]:
        """What changes whenever the figures do, for whoever looks often and wants to know whether to look closer."""
        put_aside, urgent = len(self._stash or ()), len(self._urgent or ())
        return (len(self._messages), urgent, put_aside, self._received, self._dropped, self._capacity, self._paused)

    def statistics(self) -> MailboxStatistics:
        """Read the figures."""
        return MailboxStatistics(
            depth=len(self._messages),
            urgent=len(self._urgent or ()),
            capacity=self._capacity,
            high_water=max(self._high_water, len(self._messages)),
            received=self._received,
            refused=self._refused,
            waiting=len(self._putters or ()),
            dropped=self._dropped,
            stashed=len(self._stash or ()),
            paused=self._paused,
        )

    # --- within ---

    def _stop_waiting(self, _: object) -> trio.lowlevel.Abort:
        """The receiver is cancelled while it waits."""
        self._receiver = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _overflow_with(self, item: M) -> None:
        """Deal with a message for which there is no room."""
        if self._why_closed is not None or not self._overflow.startswith("drop"):
            raise self._refusal(item)
        if self._overflow == "drop_oldest" and self._messages:
            self._messages.append(item)
            item = self._messages.popleft()
        self._dropped += 1
        if self._on_drop is not None:
            self._on_drop(item)

    def _admit(self) -> None:
        """Let senders in; their messages are in before their tasks wake, so nobody can slip in between."""
        while self._putters and len(self._messages) < self._room:
            putter = self._putters.popleft()
            putter.accepted = True
            trio.lowlevel.reschedule(putter.task)
            self._messages.append(putter.item)

    def _resize(self) -> None:
        """Count what was put aside as taking up room."""
        if self._why_closed is None:
            self._room = max(0, self._capacity - len(self._stash or ()))
            self._admit()

    def _refusal(self, item: M) -> ActorStoppedError | MailboxFullError:
        self._refused += 1
        if self._why_closed is not None:
            return ActorStoppedError(self._owner, item, self._why_closed())
        return MailboxFullError(self._owner, item, f"its mailbox is full ({self._capacity} messages)")
