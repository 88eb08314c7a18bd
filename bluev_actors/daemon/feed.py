"""One connection's place in the one order of stored events.

A feed is *held* until the connection's first frame, *behind* while it is shown what it missed, and then *live*. Only
a live feed takes events as they come; any other finds them in the journal when it gets there. So a client that was
away, one that reads slowly and one that has just come are a single case: a place that is behind.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from attrs import define, field

from bluev_actors.errors import HistoryExpiredError, RunNotFoundError
from bluev_actors.workflows.run_events import Recorded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


FeedState: TypeAlias = Literal["held", "behind", "live"]

STRIDE: Final = 200
"""How many events are looked at between two checkpoints, so that a long replay holds up nobody else."""
AHEAD: Final = 5_000
"""How many events are taken from the journal at a time, so that a slow reader does not keep old ones alive."""


class History(Protocol):
    """Where past events are found: a journal."""

    @property
    def cursor(self) -> int:
        """The place of the newest event."""
        ...

    def read_all(self, after: int) -> Sequence[Recorded]:
        """The events of all runs after a place."""
        ...

    def history(self, run_id: str, after: int = 0) -> Sequence[Recorded]:
        """The events of one run after a `seq`."""
        ...


class Reader(Protocol):
    """The connection that a feed serves."""

    @property
    def clogged(self) -> bool:
        """Whether so much is waiting to be sent that more would only pile up."""
        ...

    def show(self, recorded: Recorded) -> None:
        """Send an event, if this connection wants it."""
        ...

    def show_again(self, recorded: Recorded) -> None:
        """Send an event of a watched run a second time."""
        ...

    def tell_gap(self) -> None:
        """Say that events are lost to this connection, and how things stand now."""
        ...

    async def room(self) -> None:
        """Wait until there is room for more; always a checkpoint."""
        ...


@define(eq=False)
class Feed:
    """Shows a connection every event once, in order.

    Args:
        history: where what was missed is found.
        reader: the connection.
        start_soon: starts a task that lives no longer than the connection.
    """

    _history: History
    _reader: Reader
    _start_soon: Callable[[Callable[[], Awaitable[None]]], object]
    place: int = field(init=False)
    """Whatever is above this cursor has still to be looked at. A live feed does not keep it up to date."""
    state: FeedState = field(default="held", init=False)
    _missed: deque[Recorded] = field(factory=deque[Recorded], init=False)
    _again: dict[str, tuple[int, int]] = field(factory=dict[str, tuple[int, int]], init=False)
    """Runs whose events are to be sent again: after which `seq`, and up to which."""
    _repeats: deque[Recorded] = field(factory=deque[Recorded], init=False)
    _walking: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.place = self._history.cursor

    @property
    def live(self) -> bool:
        """Whether events are shown as they come."""
        return self.state == "live"

    def begin(self) -> None:
        """Let events through, from the place on. Does nothing if they are let through already."""
        if self.state == "held":
            self.move_to(self.place)

    def move_to(self, place: int) -> None:
        """Go on from another place in the order: what came after it comes again."""
        self.place = place
        self._missed.clear()
        self._walk()

    def repeat(self, run_id: str, after: int, upto: int) -> None:
        """Show the events of one run with a `seq` above `after` and up to `upto` again, before anything else."""
        if self.live:
            self.place = self._history.cursor
        self._again[run_id] = (min(after, self._again.get(run_id, (after, upto))[0]), upto)
        self._walk()

    def offer(self, recorded: Recorded) -> None:
        """Take an event that has just been stored."""
        if not self.live:
            return
        if self._reader.clogged:
            self.move_to(recorded.cursor - 1)
        else:
            self._reader.show(recorded)

    def _walk(self) -> None:
        """Make the first stride at once, so that a short way needs no task; leave the rest to one."""
        self.state = "behind"
        if not self._walking and not self._stride():
            self._walking = True
            self._start_soon(self._walk_on)

    async def _walk_on(self) -> None:
        while not self._stride():
            await self._reader.room()
        self._walking = False

    def _stride(self) -> bool:
        """Show a bounded number of events; True once none is left and the feed is live."""
        for _ in range(STRIDE):
            if self._reader.clogged:
                return False
            if not self._step():
                self.state = "live"
                return True
        return False

    def _step(self) -> bool:
        """Show one event, if there is one left to show."""
        if self._repeats or self._fetch_repeats():
            self._reader.show_again(self._repeats.popleft())
        elif self._missed or self._fetch_missed():
            recorded = self._missed.popleft()
            self.place = recorded.cursor
            self._reader.show(recorded)
        else:
            return False
        return True

    def _fetch_repeats(self) -> bool:
        """Take the next events that are to be shown again; a run that has been dropped meanwhile has none."""
        while self._again and not self._repeats:
            run_id, (after, upto) = next(iter(self._again.items()))
            until = min(upto, after + AHEAD)
            with suppress(HistoryExpiredError, RunNotFoundError):
                self._repeats.extend(islice(self._history.history(run_id, after), until - after))
            if until < upto:
                self._again[run_id] = (until, upto)
            else:
                del self._again[run_id]
        return bool(self._repeats)

    def _fetch_missed(self) -> bool:
        """Take the next events that were missed, or say that they are gone and go on from here."""
        try:
            self._missed.extend(islice(self._history.read_all(self.place), AHEAD))
        except HistoryExpiredError:
            self.place = self._history.cursor
            self._reader.tell_gap()
        return bool(self._missed)
