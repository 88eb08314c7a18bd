"""The queue between a socket and somebody who reads one run's messages, bounded and without a gap."""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from attrs import define, field

from bluev_actors.protocol.messages import TERMINAL_TYPES, Gap, NodeProgressMessage, RunEventMessage

RunUpdate: TypeAlias = RunEventMessage | NodeProgressMessage | Gap
"""What a run has to say to whoever follows it."""

FEED_LIMIT: Final = 1_024


@define(eq=False)
class Feed:
    """The messages of one run that one reader has not taken yet, by `seq`, none twice.

    A feed that is full lets go of the stream instead of growing: it is *detached*, keeps what it has, and
    whoever reads it asks the daemon to send again what comes after `after`. So a slow reader loses nothing
    and holds up nobody, and a feed that has not begun yet is the same thing as one that fell behind.

    Attributes:
        after: the `seq` of the last message that was let in.
        limit: how many messages wait at most.
        attached: whether messages of the stream are let in.
        attended: whether somebody reads, so that it pays to wait for room.
    """

    after: int = 0
    limit: int = FEED_LIMIT
    attached: bool = False
    attended: bool = False
    _waiting: deque[RunUpdate] = field(factory=deque[RunUpdate], init=False)
    _over: bool = field(default=False, init=False)

    def offer(self, update: RunEventMessage | NodeProgressMessage) -> None:
        """Let a message of the stream in, unless the feed is detached or has it already."""
        if not self.attached:
            return
        if isinstance(update, NodeProgressMessage):
            self._let_progress_in(update)
        elif update.seq > self.after:
            self._let_in(update)

    def _let_progress_in(self, progress: NodeProgressMessage) -> None:
        # Progress is never worth letting go of the stream for: the next one says it better.
        if not self.full:
            self._waiting.append(progress)

    def _let_in(self, event: RunEventMessage) -> None:
        if self.full:
            self.attached = False
            return
        self._waiting.append(event)
        self.after = event.seq

    def skip(self, gap: Gap, seq: int) -> None:
        """Go on after `seq`: what came before is lost, and `gap` says so to the reader."""
        if self.attached:
            self._waiting.append(gap)
            self.after = max(self.after, seq)

    def end(self) -> None:
        """Note that nothing comes after what has come already."""
        self._over = True

    def take(self) -> RunUpdate | None:
        """The next message, or None when none waits."""
        if not self._waiting:
            return None
        update = self._waiting.popleft()
        self._over = self._over or update.type in TERMINAL_TYPES
        return update

    @property
    def congested(self) -> bool:
        """Whether the next message would make it let go of the stream while somebody reads."""
        return self.attached and self.attended and self.full

    @property
    def full(self) -> bool:
        """Whether as many messages wait as may."""
        return len(self._waiting) >= self.limit

    @property
    def over(self) -> bool:
        """Whether the reader has had everything that there will ever be."""
        return self._over and not self._waiting

    def __len__(self) -> int:
        return len(self._waiting)
