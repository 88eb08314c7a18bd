"""A connection's place in the order of events."""

# What is hidden is looked at where nothing shown would tell of a leak or a bug.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import trio
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from bluev_actors.daemon import feed as feed_module
from bluev_actors.daemon.feed import Feed
from bluev_actors.engine.journal import MemoryJournal, RunRecord
from bluev_actors.workflows.graph import Workflow
from bluev_actors.workflows.run_events import NodeLog, Recorded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


def journal_of(capacity: int = 100_000, runs: int = 2) -> MemoryJournal:
    """A journal with some open runs."""
    journal = MemoryJournal(capacity)
    for number in range(runs):
        journal.open_run(RunRecord(f"r{number}", Workflow(f"w{number}", ()), {}, 0.0))
    return journal


@define(eq=False)
class Recorder:
    """A connection that remembers what it was shown, and has room for so much at a time."""

    room_for: int = 1_000_000
    shown: list[int] = field(factory=list[int])
    repeated: list[tuple[str, int]] = field(factory=list[tuple[str, int]])
    gaps: int = 0
    waiting: int = 0
    waits: int = 0

    @property
    def clogged(self) -> bool:
        """Whether as much waits as there is room for."""
        return self.waiting >= self.room_for

    def show(self, recorded: Recorded) -> None:
        """Remember an event."""
        self.shown.append(recorded.cursor)
        self.waiting += 1

    def show_again(self, recorded: Recorded) -> None:
        """Remember an event that came again."""
        self.repeated.append((recorded.run_id, recorded.seq))
        self.waiting += 1

    def tell_gap(self) -> None:
        """Remember that something was lost."""
        self.gaps += 1

    async def room(self) -> None:
        """Send all that waits."""
        self.waits += 1
        await trio.lowlevel.checkpoint()
        self.waiting = 0


@define(eq=False)
class World:
    """A journal, a feed of it, and the tasks that the feed wants started."""

    journal: MemoryJournal = field(factory=journal_of)
    reader: Recorder = field(factory=Recorder)
    tasks: list[Callable[[], Awaitable[None]]] = field(factory=list["Callable[[], Awaitable[None]]"])
    feed: Feed = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.feed = Feed(self.journal, self.reader, self.tasks.append)
        self.journal.subscribe(self._offer)

    def _offer(self, batch: Sequence[Recorded]) -> None:
        for recorded in batch:
            self.feed.offer(recorded)

    def happen(self, times: int = 1, run_id: str = "r0") -> None:
        """Store some events."""
        for _ in range(times):
            self.journal.append(run_id, [(NodeLog("n", 1, "info", ""), 0.0)])

    async def work(self) -> None:
        """Run the tasks that were started."""
        while self.tasks:
            await self.tasks.pop(0)()


def test_nothing_is_shown_before_it_begins() -> None:
    """A new connection has the time to say from where."""
    world = World()
    world.happen(3)
    assert world.reader.shown == []
    world.feed.begin()
    world.happen()
    assert world.reader.shown == [1, 2, 3, 4]


def test_it_begins_where_the_journal_was() -> None:
    """What happened before the greeting is not for a new connection."""
    journal = journal_of()
    journal.append("r0", [(NodeLog("n", 1, "info", ""), 0.0)])
    world = World(journal)
    world.feed.begin()
    world.happen()
    assert world.reader.shown == [2]


def test_to_begin_twice_is_to_begin_once() -> None:
    """The first frame begins the events, and the timer that comes later does not begin them again."""
    world = World()
    world.happen()
    world.feed.begin()
    world.feed.begin()
    assert world.reader.shown == [1]


def test_moving_back_shows_again_what_came_after() -> None:
    """`resume` sent late moves the place back."""
    world = World()
    world.feed.begin()
    world.happen(3)
    world.feed.move_to(1)
    assert world.reader.shown == [1, 2, 3, 2, 3]
    assert world.feed.live


async def test_a_slow_reader_is_behind_and_misses_nothing() -> None:
    """What does not fit waits in the journal and not in memory, and comes in order."""
    world = World(reader=Recorder(room_for=2))
    world.feed.begin()
    world.happen(5)
    assert world.reader.shown == [1, 2]
    assert not world.feed.live
    world.happen(2)
    await world.work()
    world.reader.waiting = 0
    world.happen()
    assert world.reader.shown == list(range(1, 9))
    assert world.feed.live


async def test_one_task_walks_however_often_it_falls_behind() -> None:
    """Two walkers would show everything twice."""
    world = World(reader=Recorder(room_for=1))
    world.feed.begin()
    world.happen(3)
    world.feed.move_to(0)
    world.feed.repeat("r0", 0, 3)
    assert len(world.tasks) == 1
    await world.work()
    assert world.reader.shown == [1, 1, 2, 3]
    assert world.reader.repeated == [("r0", 1), ("r0", 2), ("r0", 3)]


async def test_a_long_way_is_walked_in_strides() -> None:
    """A replay of many events lets others go on in between."""
    world = World()
    world.happen(feed_module.STRIDE * 3)
    world.feed.begin()
    assert len(world.reader.shown) == feed_module.STRIDE
    await world.work()
    assert world.reader.shown == list(range(1, feed_module.STRIDE * 3 + 1))
    assert world.reader.waits >= 2


def test_what_is_gone_is_told_and_not_skipped_in_silence() -> None:
    """A place that the journal no longer holds gives a gap, and events go on from the present."""
    world = World(journal_of(capacity=2))
    world.happen(5)
    world.feed.begin()
    assert (world.reader.gaps, world.reader.shown) == (1, [])
    world.happen()
    assert world.reader.shown == [6]


def test_a_run_is_repeated_from_a_place_to_a_place() -> None:
    """`watch` with `after` gets what is between, and what comes then is live."""
    world = World()
    world.feed.begin()
    world.happen(4)
    world.happen(1, "r1")
    world.reader.shown.clear()
    world.feed.repeat("r0", 1, 4)
    assert world.reader.repeated == [("r0", 2), ("r0", 3), ("r0", 4)]
    world.happen()
    assert world.reader.shown == [6]


def test_nothing_to_repeat_is_no_trouble() -> None:
    """A client that has everything already is live at once."""
    world = World()
    world.feed.begin()
    world.happen(2)
    world.feed.repeat("r0", 2, 2)
    assert world.reader.repeated == []
    assert world.feed.live


def test_a_run_that_was_forgotten_is_not_repeated() -> None:
    """Between the request and the showing a run may be gone."""
    world = World()
    world.feed.begin()
    world.happen(2)
    world.journal.forget_run("r0")
    world.feed.repeat("r0", 0, 2)
    assert world.reader.repeated == []
    assert world.feed.live


async def test_asking_again_for_less_does_not_take_back_what_was_promised() -> None:
    """Two watches of one run, the second from further on, before the first is through: both are kept."""
    world = World(reader=Recorder(room_for=1))
    world.feed.begin()
    world.happen(1)
    world.happen(5, "r1")
    world.feed.repeat("r0", 0, 1)
    world.feed.repeat("r1", 1, 5)
    world.feed.repeat("r1", 3, 5)
    await world.work()
    assert world.reader.repeated == [("r0", 1), *(("r1", seq) for seq in range(2, 6))]


async def test_a_very_long_run_is_taken_in_parts() -> None:
    """A reader holds on to so many events at a time, and to no more."""
    world = World()
    world.feed.begin()
    world.happen(feed_module.AHEAD + 10)
    world.feed.repeat("r0", 0, feed_module.AHEAD + 10)
    assert len(world.feed._repeats) <= feed_module.AHEAD
    await world.work()
    assert [seq for _, seq in world.reader.repeated] == list(range(1, feed_module.AHEAD + 11))


MOVES = st.lists(st.sampled_from(["happen", "other", "begin", "work", "move", "repeat"]), max_size=40)


@given(moves=MOVES, room=st.integers(1, 4))
async def test_every_event_is_shown_in_order_and_none_is_left_out(moves: list[str], room: int) -> None:
    """Whatever the rhythm of events, reading and moving: from each place on nothing is left out, to the newest."""
    world, numbers, place, ways = World(reader=Recorder(room_for=room)), count(), 0, list[tuple[int, list[int]]]()

    def set_out_from(new: int) -> None:
        nonlocal place
        ways.append((place, list(world.reader.shown)))
        world.reader.shown.clear()
        place = new

    for move in moves:
        if move == "happen":
            world.happen(2)
        elif move == "other":
            world.happen(1, "r1")
        elif move == "begin":
            world.feed.begin()
        elif move == "work":
            await world.work()
        elif move == "move":
            set_out_from(next(numbers) % (world.journal.cursor + 1))
            world.feed.move_to(place)
        else:
            world.feed.repeat("r0", 0, len(world.journal.history("r0")))
    world.feed.begin()
    await world.work()
    assert world.reader.shown == list(range(place + 1, world.journal.cursor + 1))
    for start, shown in ways:
        assert shown == list(range(start + 1, start + 1 + len(shown)))
