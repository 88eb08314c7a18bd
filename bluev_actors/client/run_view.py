"""One run as one connection sees it: a mirror of its state, and the feeds of those who read its messages."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define, field

from bluev_actors.client.feed import Feed
from bluev_actors.client.mirror import Mirror
from bluev_actors.protocol.messages import Gap
from bluev_actors.workflows.run_state import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from bluev_actors.protocol.messages import NodeProgressMessage, RunEventMessage, Watching
    from bluev_actors.workflows.values import JsonObject


@define(eq=False)
class RunView:
    """What a connection knows of a run and who wants to know it.

    Attributes:
        mirror: the run's state.
        feeds: the queues of those who read its messages.
    """

    mirror: Mirror
    feeds: list[Feed] = field(factory=list[Feed])
    _listeners: list[Callable[[], None]] = field(factory=list["Callable[[], None]"])

    @classmethod
    def of(cls, run_id: str) -> RunView:
        """A view of a run of which nothing is known yet, not even its workflow."""
        return cls(Mirror(RunState(run_id, "")))

    @property
    def state(self) -> RunState:
        """The run as far as it has been told."""
        return self.mirror.state

    @property
    def congested(self) -> bool:
        """Whether the next message would make a feed let go of the stream while somebody reads it."""
        return any(feed.congested for feed in self.feeds)

    def hear(self, message: RunEventMessage | NodeProgressMessage) -> None:
        """Take a message of this run in."""
        self.mirror.fold(message)
        for feed in self.feeds:
            feed.offer(message)
        self._let_go()
        self.notify()

    def skip(self, gap: Gap, snapshot: JsonObject) -> None:
        """Go on from a snapshot: what lies between is lost."""
        self.mirror.load(snapshot)
        for feed in self.feeds:
            feed.skip(gap, snapshot["seq"])
            self._close_if_ended(feed)
        self.notify()

    def attach(self, feed: Feed, watching: Watching | None = None) -> None:
        """Let the stream into a feed from here on; `watching` is what the daemon answered to its request."""
        feed.attached = True
        self.feeds.append(feed)
        if watching is not None and watching.snapshot is not None:
            self.mirror.load(watching.snapshot)
            self._begin_at(feed, watching, watching.snapshot)
        self._close_if_ended(feed)

    def _begin_at(self, feed: Feed, watching: Watching, snapshot: JsonObject) -> None:
        """Begin where a snapshot was taken; with a reason it came instead of what was asked for."""
        if watching.reason is not None:
            gap = Gap(timestamp=watching.timestamp, reason=watching.reason, snapshots=(snapshot,), cursor="")
            feed.skip(gap, snapshot["seq"])
        feed.after = max(feed.after, snapshot["seq"])

    def _close_if_ended(self, feed: Feed) -> None:
        """A snapshot of a run that has ended stands for its last message too."""
        if self.state.ended and feed.after >= self.state.seq:
            feed.end()

    def _let_go(self) -> None:
        if not all(feed.attached for feed in self.feeds):
            self.feeds = [feed for feed in self.feeds if feed.attached]

    def notify(self) -> None:
        """Wake whoever waits for a change of this run, or of the connection it is seen through."""
        for listener in tuple(self._listeners):
            listener()

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Generator[None]:
        """Call `listener` after every change inside the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
