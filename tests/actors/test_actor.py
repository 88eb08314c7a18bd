"""What an actor sees of its own life: hooks, the receive loop, and stopping itself."""

from __future__ import annotations

import math
from collections.abc import Callable  # noqa: TC003 - for attrs
from functools import partial
from typing import TYPE_CHECKING, Any, Never

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import (
    Actor,
    Backoff,
    DeadLetter,
    Down,
    Exit,
    ExitKind,
    Link,
    LookUp,
    Monitor,
    Ref,
    Rejected,
    Request,
    RestartBudget,
    State,
    Supervisor,
    child,
    handles,
    open_system,
)
from bluev_actors.actors.mailbox import BATCH
from bluev_actors.errors import (
    ActorRestartingError,
    ActorStoppedError,
    AskTimeoutError,
    LinkedExitError,
    MailboxFullError,
    RefusedError,
)
from bluev_actors.faultpoints import armed

if TYPE_CHECKING:
    from bluev_actors.actors import System


@frozen
class Count:
    """Count this."""

    number: int


@frozen
class Total(Request[int]):
    """Asks for the sum."""


class Counter(Actor[Count | Total]):
    """Adds numbers up; stops itself at 100."""

    total = 0

    @handles
    def count(self, message: Count) -> None:
        """Add one up."""
        self.total += message.number
        if self.total >= 100:
            self.stop()

    @handles
    async def sum_up(self, _: Total) -> int:
        """Say the sum."""
        return self.total


class Slow(Counter):
    """Adds in its own time."""

    @handles
    async def count_slowly(self, message: Count) -> None:
        """Add one up after a second."""
        await trio.sleep(1)
        self.total += message.number


class Diary(Actor[str]):
    """Writes down what happens to it."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    async def on_start(self) -> None:
        """Note where it lives."""
        self.lines.append(f"start {self.ref.path} in {type(self.system).__name__}")

    async def receive(self, message: str) -> object:
        """Take every message in its own way."""
        self.lines.append(message)
        if message == "fall over":
            raise ValueError(message)
        return await super().receive(message) if message == "up" else None

    async def on_stop(self, exit: Exit) -> None:
        """Note how it ended."""
        await trio.lowlevel.checkpoint()
        self.lines.append(f"stop {exit}")


async def test_messages_one_after_another(system: System) -> None:
    """Handlers of one actor never overlap, so its state needs no lock."""
    slow = await system.start(Slow)
    for number in (1, 2, 3):
        slow.tell(Count(number))
    assert await slow.ask(Total()) == 6
    assert trio.current_time() == pytest.approx(3)


async def test_the_hooks_in_order(system: System) -> None:
    """It starts, takes messages, and is told how it ended."""
    lines = list[str]()
    ref = await system.start(child("diary", lambda: Diary(lines)))
    ref.tell("hello")
    await wait_all_tasks_blocked()
    ref.stop("bye")
    await ref.stopped()
    assert lines == ["start /diary in System", "hello", "stop shutdown (bye)"]


async def test_a_new_incarnation_is_a_new_object(system: System) -> None:
    """After a crash the factory makes a fresh actor; the address and what waits stay."""
    ref = await system.start(Counter)
    ref.tell(Count(5))
    ref.tell("nonsense")
    ref.tell(Count(7))
    assert await ref.ask(Total()) == 7
    assert ref.incarnation == 2


async def test_an_unknown_message_is_a_crash(system: System) -> None:
    """A message that nobody handles is never lost in silence."""
    ref = await system.start(child("counter", Counter, restart="temporary"))
    ref.tell("nonsense")
    ending = await ref.stopped()
    assert str(ending.error) == "Counter has no handler for str; it handles Count, Total"


async def test_an_overridden_receive(system: System) -> None:
    """`receive` may be overridden, and may hand on what it does not want itself."""
    lines = list[str]()
    ref = await system.start(child("diary", lambda: Diary(lines), restart="temporary"))
    ref.tell("up")
    assert "Diary has no handler for str" in str((await ref.stopped()).error)


async def test_async_handlers_through_super(system: System) -> None:
    """The default `receive` waits for an async handler."""

    class Polite(Slow):
        async def receive(self, message: Count | Total) -> object:
            return await super().receive(message)

    ref = await system.start(Polite)
    ref.tell(Count(1))
    assert await ref.ask(Total()) == 1


async def test_stopping_itself(system: System) -> None:
    """It ends after the message at hand, normally, and takes no other."""
    ref = await system.start(child("counter", Counter, restart="transient"))
    for number in (1, 99, 5):
        ref.tell(Count(number))
    ending = await ref.stopped()
    assert ending.kind is ExitKind.NORMAL
    assert ref.mailbox.received == 2


async def test_stopping_before_the_first_message(system: System) -> None:
    """`stop` in `on_start` means that it never takes a message."""

    class Shy(Counter):
        async def on_start(self) -> None:
            self.stop()

    ref = await system.start(child("shy", Shy, restart="temporary"))
    assert (await ref.stopped()).kind is ExitKind.NORMAL


async def test_a_one_shot(system: System) -> None:
    """An actor that overrides `run` does its one thing; what it returns is the result of its exit."""

    class Task(Actor[Never]):
        async def run(self) -> str:
            await trio.sleep(1)
            return "done"

    ref = await system.start(child("task", Task, restart="temporary"))
    ending = await ref.stopped()
    assert (ending.kind, ending.result) == (ExitKind.NORMAL, "done")
    with pytest.raises(ActorStoppedError):
        ref.tell("too late")


async def test_a_one_shot_that_is_stopped(system: System) -> None:
    """It takes no messages, so there is nothing to wait for: it is cancelled at once, which is an orderly end."""

    class Task(Actor[Never]):
        async def run(self) -> None:
            await trio.sleep_forever()

    ref = await system.start(child("task", Task))
    ref.stop("no longer needed")
    ending = await ref.stopped()
    assert (ending.kind, ending.reason) == (ExitKind.SHUTDOWN, "no longer needed")
    assert trio.current_time() == 0


async def test_a_batch_reader(system: System) -> None:
    """An actor may take its messages in batches of its own, beside a loop of its own."""
    batches = list[list[object]]()

    class Batches(Actor[int]):
        async def run(self) -> None:
            while True:
                batches.append(list(await self._cell.mailbox.receive(limit=2)))

    ref = await system.start(Batches)
    for number in range(3):
        ref.tell(number)
    await wait_all_tasks_blocked()
    assert batches == [[0, 1], [2]]


async def test_messages_that_never_end(system: System) -> None:
    """An actor that keeps itself busy still lets others run, and can be stopped."""

    class Busy(Actor[int]):
        async def receive(self, message: int) -> None:
            self.ref.tell(message + 1)

    ref = await system.start(Busy)
    ref.tell(0)
    for _ in range(10):
        await trio.lowlevel.checkpoint()
    assert BATCH < ref.mailbox.received <= 11 * BATCH
    ref.stop()
    await ref.stopped()


async def test_deferring_nothing(system: System) -> None:
    """Without a request at hand there is no answer to put off."""

    class Confused(Actor[str]):
        async def receive(self, message: str) -> None:
            del message
            self.defer()

    ref = await system.start(child("confused", Confused, restart="temporary"))
    ref.tell("hello")
    assert "no request at hand" in str((await ref.stopped()).error)


async def test_each_class_has_its_own_handlers(system: System) -> None:
    """What one class has found does not leak into its subclasses."""
    for factory, seconds in ((Counter, 0), (Slow, 1), (Counter, 0)):
        before = trio.current_time()
        ref = await system.start(child(f"{factory.__name__} at {before}", factory))
        ref.tell(Count(1))
        await ref.ask(Total())
        assert trio.current_time() - before == pytest.approx(seconds)
        ref.stop()
        await ref.stopped()
        await trio.sleep(1)


# --- putting messages aside ---


@frozen
class Get(Request[str]):
    """Asks for something that is there only when the door is open."""

    what: str = "thing"


class Door(Actor[str | Get]):
    """Handles messages only while it is open; puts the others aside."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.open = False

    @handles
    async def on_word(self, word: str) -> None:
        """Open, close, fall over, or wait for the door."""
        match word:
            case "open":
                self.open = True
                self.log.append(f"{self.unstash()} back")
            case "close":
                self.open = False
            case "crash":
                raise ValueError(word)
            case "stash and crash":
                self.stash()
                raise ValueError(word)
            case _:
                self.take(word)

    @handles
    def on_get(self, message: Get) -> str:
        """Hand it out if the door is open."""
        if message.what == "forbidden":
            self.stash()
            raise Rejected(RefusedError("forbidden", "no"))
        self.take(f"get {message.what}")
        return f"a {message.what}"

    def take(self, what: str) -> None:
        """Note it if the door is open."""
        if self.open:
            self.log.append(what)
        else:
            self.stash()


class SlowDoor(Door):
    """The same, with handlers that wait."""

    on_get = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType] - another one takes its place

    @handles
    async def on_get_slowly(self, message: Get) -> str:
        """Hand it out after a while."""
        await trio.sleep(1)
        return Door.on_get(self, message)


async def start_door(system: System, log: list[str], door: type[Door] = Door, mailbox: int = 10) -> Ref[str | Get]:
    """Start a closed door that may crash often."""
    return await system.start(child("door", lambda: door(log), mailbox=mailbox, budget=RestartBudget(100)))


async def test_what_is_put_aside_comes_back_in_front(system: System) -> None:
    """In its order, before all that waits, which has its order too."""
    log = list[str]()
    door = await start_door(system, log)
    for word in ("a", "b"):
        door.tell(word)
    await wait_all_tasks_blocked()
    assert (door.mailbox.stashed, door.mailbox.depth, log) == (2, 0, [])
    for word in ("open", "c"):
        door.tell(word)
    await wait_all_tasks_blocked()
    assert log == ["2 back", "a", "b", "c"]
    assert door.mailbox.stashed == 0


async def test_what_is_put_aside_again(system: System) -> None:
    """It keeps its place in the order."""
    log = list[str]()
    door = await start_door(system, log)
    for word in ("a", "open", "close", "b", "c", "open"):
        door.tell(word)
    await wait_all_tasks_blocked()
    assert log == ["1 back", "a", "2 back", "b", "c"]


@pytest.mark.parametrize("door_class", [Door, SlowDoor])
async def test_the_asker_of_what_is_put_aside_waits(
    door_class: type[Door], system: System, nursery: trio.Nursery
) -> None:
    """Its answer comes when the request is handled in the end, by a plain handler and by one that waits."""
    log = list[str]()
    door = await start_door(system, log, door_class)
    answers = list[str]()

    async def ask(what: str) -> None:
        answers.append(await door.ask(Get(what), timeout=60))

    for what in ("hat", "coat"):
        nursery.start_soon(ask, what)
        await wait_all_tasks_blocked()
    await trio.sleep(10)
    assert (answers, door.mailbox.stashed) == ([], 2)
    door.tell("open")
    await trio.sleep(10)
    assert sorted(answers) == ["a coat", "a hat"]
    assert log == ["2 back", "get hat", "get coat"]


async def test_an_asker_that_waits_no_longer(system: System) -> None:
    """What it asked for is not done when it comes back."""
    log = list[str]()
    door = await start_door(system, log)
    with pytest.raises(AskTimeoutError):
        await door.ask(Get(), timeout=1)
    door.tell("open")
    await wait_all_tasks_blocked()
    assert log == ["1 back"]


async def test_a_rejection_of_what_was_put_aside(system: System) -> None:
    """The asker has its answer, and nothing is handled a second time."""
    log = list[str]()
    door = await start_door(system, log)
    with pytest.raises(RefusedError):
        await door.ask(Get("forbidden"))
    door.tell("open")
    await wait_all_tasks_blocked()
    assert (log, door.incarnation) == (["1 back"], 1)


async def test_what_is_put_aside_outlives_a_crash(system: System, nursery: trio.Nursery) -> None:
    """The next incarnation takes it back; whoever asked waits on."""
    log = list[str]()
    door = await start_door(system, log)
    answers = list[str]()

    async def ask() -> None:
        answers.append(await door.ask(Get(), timeout=60))

    door.tell("a")
    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    door.tell("crash")
    await wait_all_tasks_blocked()
    assert (door.incarnation, door.mailbox.stashed, answers) == (2, 2, [])
    door.tell("open")
    await wait_all_tasks_blocked()
    assert log == ["2 back", "a", "get thing"]
    assert answers == ["a thing"]


async def test_a_crash_after_it_was_put_aside(system: System) -> None:
    """The message was saved before, so it is handled once more: until somebody handles it well."""
    door = await start_door(system, [])
    door.tell("stash and crash")
    await wait_all_tasks_blocked()
    assert (door.incarnation, door.mailbox.stashed) == (2, 1)
    door.tell("open")
    await wait_all_tasks_blocked()
    assert (door.incarnation, door.mailbox.stashed) == (3, 1)


async def test_a_crash_after_a_request_was_put_aside(system: System) -> None:
    """Whoever asked is told at once, as of every request at hand; so it is not handled when it comes back."""

    class Clumsy(Door):
        @handles
        def on_clumsy_get(self, _: Get) -> str:
            self.stash()
            raise ValueError("oh")

    door = await start_door(system, [], Clumsy)
    with pytest.raises(ActorRestartingError, match="oh"):
        await door.ask(Get(), timeout=60)
    assert (door.mailbox.stashed, trio.current_time()) == (1, 0)
    door.tell("open")
    await wait_all_tasks_blocked()
    assert (door.incarnation, door.mailbox.stashed) == (2, 0)


async def test_a_stop_of_one_that_works_on_what_it_put_aside(system: System) -> None:
    """It is as busy as before, so it is cancelled when its time is over."""

    class Stubborn(Actor[str]):
        async def receive(self, message: str) -> None:
            del message
            self.stash()
            await trio.sleep_forever()

    stubborn = await system.start(Stubborn)
    stubborn.tell("work")
    await wait_all_tasks_blocked()
    stubborn.stop()
    assert str(await stubborn.stopped()) == "killed (did not stop within 5 s)"


async def test_what_is_put_aside_takes_up_room(system: System, nursery: trio.Nursery) -> None:
    """With a full stash nobody but the urgent gets in: it is as bounded as the mailbox."""
    log = list[str]()
    door = await start_door(system, log, mailbox=2)
    for word in ("a", "b"):
        door.tell(word)
    await wait_all_tasks_blocked()
    with pytest.raises(MailboxFullError):
        door.tell("c")
    with pytest.raises(AskTimeoutError, match="no room"):
        await door.ask(Get(), timeout=1)
    nursery.start_soon(door.send, "c")
    await wait_all_tasks_blocked()
    door.tell("open", urgent=True)
    await wait_all_tasks_blocked()
    assert log == ["2 back", "a", "b", "c"]


async def test_one_message_many_times(system: System) -> None:
    """Messages that are the very same object are as many messages as were told."""
    log = list[str]()
    door = await start_door(system, log)
    for _ in range(3):
        door.tell("a")
    door.tell("open")
    await wait_all_tasks_blocked()
    assert log == ["3 back", "a", "a", "a"]
    assert door.incarnation == 1


async def test_the_end_of_what_is_put_aside(system: System, nursery: trio.Nursery) -> None:
    """Whoever asked is told, the rest are dead letters; a drain does not handle it either."""
    letters = list[DeadLetter]()
    system.dead_letters.subscribe(letters.append)
    told = list[object]()

    async def ask(door: Ref[str | Get]) -> None:
        with pytest.raises(ActorStoppedError) as stopped:
            await door.ask(Get(), timeout=60)
        told.append(stopped.value.undelivered)

    door = await start_door(system, [])
    nursery.start_soon(ask, door)
    door.tell("a")
    await wait_all_tasks_blocked()
    door.drain()
    await door.stopped()
    await wait_all_tasks_blocked()
    assert told == [Get()]
    assert [(letter.message, letter.why) for letter in letters] == [("a", "stopped: shutdown (drained)")]


@pytest.mark.parametrize("twice", ["stash stash", "stash unstash stash"])
async def test_nothing_to_put_aside(twice: str, system: System) -> None:
    """A message is put aside once, and only while it is at hand."""
    failures = list[str]()

    class Confused(Actor[str]):
        async def on_start(self) -> None:
            self.try_to_stash()

        async def receive(self, message: str) -> None:
            for deed in message.split() if not failures[1:] else ():
                if deed == "unstash":
                    self.unstash()
                else:
                    self.try_to_stash()

        async def on_stop(self, exit: Exit) -> None:
            del exit
            self.try_to_stash()

        def try_to_stash(self) -> None:
            try:
                self.stash()
            except RuntimeError as error:
                failures.append(str(error))

    confused = await system.start(Confused)
    confused.tell(twice)
    await wait_all_tasks_blocked()
    confused.stop()
    await confused.stopped()
    assert failures == ["there is no message at hand that could be put aside"] * 3


async def test_a_task_beside_it_takes_back(system: System, nursery: trio.Nursery) -> None:
    """What comes back is handled at once, though the actor waits for messages."""
    log = list[str]()
    doors = list[Door]()

    def make() -> Door:
        doors.append(Door(log))
        return doors[-1]

    door = await system.start(child("door", make))
    door.tell("a")
    await wait_all_tasks_blocked()
    doors[0].open = True
    nursery.start_soon(in_a_task, doors[0].unstash)
    await wait_all_tasks_blocked()
    assert log == ["a"]


async def in_a_task(deed: Callable[[], object]) -> None:
    """Do something in a task of its own."""
    await trio.lowlevel.checkpoint()
    deed()


# --- timers ---


@frozen
class Set(Request[object]):
    """Has a clock do something with its timers, in its own task."""

    deed: Callable[[Clock], object]


class Clock(Actor["str | Set"]):
    """Notes when its timers fire."""

    def __init__(self, log: list[tuple[float, str]]) -> None:
        self.log = log

    @handles
    async def fire(self, message: str) -> None:
        """Note it, or do what it says."""
        self.log.append((trio.current_time(), message))
        if message == "crash":
            raise ValueError(message)
        if message.startswith("nap"):
            await trio.sleep(float(message.removeprefix("nap ")))

    @handles
    def set(self, message: Set) -> object:
        """Set timers."""
        return message.deed(self)


def set_timer(what: str, seconds: float, message: str, actor: Clock, key: str | None = None) -> None:
    """Have a clock call its `after` or `every`."""
    set_it = actor.after if what == "after" else actor.every
    set_it(seconds, message, key=key)


async def start_clock(system: System, log: list[tuple[float, str]]) -> Ref[str | Set]:
    """Start a clock that may crash often."""
    return await system.start(child("clock", lambda: Clock(log), mailbox=2, budget=RestartBudget(1000)))


async def test_a_message_later(system: System) -> None:
    """Each at its time, however they were set."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    for seconds in (3, 1, 2.5):
        await clock.ask(Set(partial(set_timer, "after", seconds, f"after {seconds}")))
    await trio.sleep(10)
    assert log == [(1, "after 1"), (2.5, "after 2.5"), (3, "after 3")]


async def test_a_message_again_and_again(system: System) -> None:
    """The first when the period is over once; ticks that could not be told are not made up for."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    await clock.ask(Set(lambda actor: actor.every(2, "tick")))
    await trio.sleep(5)
    clock.tell("nap 6")
    await trio.sleep(8)
    assert log == [(2, "tick"), (4, "tick"), (5, "nap 6"), (11, "tick"), (12, "tick")]


@pytest.mark.parametrize("seconds", [0, -5])
async def test_a_message_at_once(seconds: float, system: System) -> None:
    """It comes behind what waits."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    clock.tell("first")
    await clock.ask(Set(lambda actor: actor.after(seconds, "last")))
    await wait_all_tasks_blocked()
    assert log == [(0, "first"), (0, "last")]


async def test_a_message_never(system: System) -> None:
    """Infinitely later is never; what is no number is refused, and so is no period."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)

    def try_all(actor: Clock) -> None:
        actor.after(math.inf, "never")
        with pytest.raises(ValueError, match="nan"):
            actor.after(math.nan, "never")
        for period in (0, -1, math.nan, math.inf):
            with pytest.raises(ValueError, match=r"every must be|nan"):
                actor.every(period, "never")

    await clock.ask(Set(try_all))
    await trio.sleep(80_000)
    assert (log, clock.incarnation) == ([], 1)


async def test_timers_have_names(system: System) -> None:
    """A second one of a name replaces the first; without a name each is its own, and cannot be cancelled."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)

    def set_all(actor: Clock) -> tuple[bool, ...]:
        actor.after(1, "replaced", key="name")
        actor.every(2, "tick", key="name")
        actor.after(3, "cancelled", key=("any", "key"))
        actor.after(4, "one")
        actor.after(4, "other")
        return (actor.cancel_timer(("any", "key")), actor.cancel_timer("nobody"), actor.cancel_timer(None))

    assert await clock.ask(Set(set_all)) == (True, False, False)
    await trio.sleep(5)
    assert log[:1] == [(2, "tick")]
    assert sorted(log[1:]) == [(4, "one"), (4, "other"), (4, "tick")]
    assert await clock.ask(Set(lambda actor: actor.cancel_timer("name"))) is True
    assert await clock.ask(Set(lambda actor: actor.cancel_timer("name"))) is False
    await trio.sleep(5)
    assert len(log) == 4


async def test_there_are_no_timers(system: System) -> None:
    """Cancelling one is no error, and makes none."""
    clock = await start_clock(system, [])
    assert await clock.ask(Set(lambda actor: actor.cancel_timer("name"))) is False


async def test_timers_end_with_the_incarnation(system: System) -> None:
    """The next one sets its own; one that is already in the mailbox has come."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    await clock.ask(Set(lambda actor: actor.every(1, "tick")))
    await trio.sleep(2.5)
    clock.tell("crash")
    await trio.sleep(10)
    assert log == [(1, "tick"), (2, "tick"), (2.5, "crash")]
    assert (clock.incarnation, await clock.ask(Set(lambda actor: actor.cancel_timer("name")))) == (2, False)


async def test_timers_wait_in_a_pause(system: System) -> None:
    """They come when it goes on, each once, and then as they should."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    await clock.ask(Set(partial(set_timer, "every", 2, "tick")))
    await clock.ask(Set(partial(set_timer, "after", 1, "once")))
    clock.pause()
    clock.tell("told")
    await trio.sleep(7)
    clock.tell("urgent", urgent=True)
    await wait_all_tasks_blocked()
    assert log == [(7, "urgent")]
    clock.resume()
    await trio.sleep(2)
    assert log[1:] == [(7, "told"), (7, "once"), (7, "tick"), (8, "tick")]


async def test_a_pause_just_before_it_is_due(system: System) -> None:
    """It waits though the actor had set its alarm already."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    await clock.ask(Set(lambda actor: actor.after(2, "once")))
    await trio.sleep(1)
    clock.pause()
    await trio.sleep(5)
    assert log == []
    clock.resume()
    await wait_all_tasks_blocked()
    assert log == [(6, "once")]


async def test_timers_need_no_room(system: System) -> None:
    """A thousand of them may be due at once in a mailbox for two; each comes once, in the order in which it was set."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)

    def set_all(actor: Clock) -> None:
        for number in range(1000):
            actor.after(1, f"{number}")

    await clock.ask(Set(set_all))
    await trio.sleep(1.5)
    assert log == [(1, f"{number}") for number in range(1000)]
    assert clock.mailbox.dropped == clock.mailbox.refused == 0


async def test_a_busy_actor_has_its_timers(system: System) -> None:
    """An actor whose mailbox is never empty still hears of them, at the end of a batch."""
    log = list[str]()

    class Busy(Actor[str]):
        async def on_start(self) -> None:
            self.after(0, "stop")

        async def receive(self, message: str) -> None:
            log.append(message)
            if message == "stop":
                self.stop()
            else:
                self.ref.tell(message)

    busy = await system.start(child("busy", Busy, restart="temporary"))
    busy.tell("work")
    assert (await busy.stopped()).kind is ExitKind.NORMAL
    assert len(log) <= 3 * BATCH


async def test_timers_in_hooks(system: System) -> None:
    """Set in `on_start` it fires; set in `on_stop` it is too late, and harms nobody."""
    log = list[str]()

    class Hooked(Actor[str]):
        async def on_start(self) -> None:
            self.after(1, "hello")

        async def receive(self, message: str) -> None:
            log.append(message)

        async def on_stop(self, exit: Exit) -> None:
            del exit
            self.after(0, "too late")

    hooked = await system.start(Hooked)
    await trio.sleep(2)
    hooked.stop()
    await hooked.stopped()
    assert (log, hooked.mailbox.depth) == (["hello"], 0)


async def test_a_task_beside_it_sets_a_timer(system: System, nursery: trio.Nursery) -> None:
    """The actor, which waits for messages, notices; the first timer of all, and an earlier one than all others."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    (actor,) = [await clock.ask(Set(lambda actor: actor))]
    assert isinstance(actor, Clock)
    nursery.start_soon(in_a_task, lambda: actor.after(5, "late"))
    await wait_all_tasks_blocked()
    nursery.start_soon(in_a_task, lambda: actor.after(1, "soon"))
    await trio.sleep(6)
    assert log == [(1, "soon"), (5, "late")]


async def test_a_supervisor_has_timers_too(system: System) -> None:
    """Beside the delayed restarts of its children, which have their own."""
    log = list[str]()

    class Warden(Supervisor[str]):
        async def on_start(self) -> None:
            self.every(1, "round")

        @handles
        def on_round(self, message: str) -> None:
            log.append(f"{message} at {trio.current_time():g}")

    await system.start(Warden)
    await trio.sleep(2.5)
    assert log == ["round at 1", "round at 2"]


async def test_what_a_timer_sends_may_crash_it(system: System) -> None:
    """That is a crash like any other, and costs the timers that were left."""
    log = list[tuple[float, str]]()
    clock = await start_clock(system, log)
    for seconds, message in ((1, "crash"), (1, "with it"), (2, "lost")):
        await clock.ask(Set(partial(set_timer, "after", seconds, message)))
    await trio.sleep(5)
    assert log == [(1, "crash"), (1, "with it")]
    assert clock.incarnation == 2


TIMER = st.tuples(st.sampled_from(["after", "every", "cancel"]), st.integers(1, 6), st.sampled_from([None, "x", "y"]))


@given(st.lists(st.tuples(st.integers(0, 3), TIMER), max_size=10))
def test_timers_are_as_promised(plan: list[tuple[int, tuple[str, int, str | None]]]) -> None:
    """Whatever is set and cancelled when: what comes is what a plain calendar says."""
    trio.run(check_timers, plan, clock=MockClock(autojump_threshold=0))


async def check_timers(plan: list[tuple[int, tuple[str, int, str | None]]]) -> None:
    """Carry out a plan, and compare what was sent with a calendar.

    Each step has its own fraction of the second, so that nothing is set just when something is due.
    """
    end = 20.5
    log = list[tuple[float, str]]()
    calendar = dict[object, tuple[float, str, int | None]]()
    expected = list[tuple[float, str]]()
    async with open_system() as system:
        clock = await start_clock(system, log)
        now = seconds_passed = 0.0
        for number, (pause, (what, seconds, key)) in enumerate(plan):
            seconds_passed += pause
            now = seconds_passed + (number + 1) / 64
            expected += fire(calendar, now)
            await trio.sleep(now - trio.current_time())
            message = f"{number}"
            if what == "cancel":
                await clock.ask(Set(partial(Clock.cancel_timer, key=key)))
                calendar.pop(key, None)
            else:
                await clock.ask(Set(partial(set_timer, what, seconds, message, key=key)))
                calendar[message if key is None else key] = (
                    now + seconds,
                    message,
                    seconds if what == "every" else None,
                )
        expected += fire(calendar, end + now)
        await trio.sleep(end + now - trio.current_time())
    assert sorted(log) == sorted(expected)
    assert [at for at, _ in log] == sorted(at for at, _ in log)


def fire(calendar: dict[object, tuple[float, str, int | None]], until: float) -> list[tuple[float, str]]:
    """What a calendar has before a time; what comes again is entered for its next time."""
    fired = list[tuple[float, str]]()
    for key, (at, message, every) in tuple(calendar.items()):
        due = at
        while due < until:
            fired.append((due, message))
            due = math.inf if every is None else due + every
        if due == math.inf:
            del calendar[key]
        else:
            calendar[key] = (due, message, every)
    return fired


# --- answers left for later ---


async def test_a_deferred_answer_of_one_that_ends(system: System, nursery: trio.Nursery) -> None:
    """Whoever waits for it is told: that it may ask again after a crash, and that it need not after the end."""
    errors = list[type[Exception]]()

    class Procrastinator(Actor["str | Get"]):
        @handles
        def get(self, _: Get) -> None:
            self.defer()

        @handles
        def on_word(self, word: str) -> None:
            raise ValueError(word)

    lazy = await system.start(Procrastinator)

    async def ask() -> None:
        with pytest.raises((ActorRestartingError, ActorStoppedError)) as error:
            await lazy.ask(Get(), timeout=60)
        errors.append(error.type)

    ends: tuple[Callable[[], None], ...] = (lambda: lazy.tell("crash"), lazy.stop)
    for end in ends:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        end()
        await wait_all_tasks_blocked()
    assert errors == [ActorRestartingError, ActorStoppedError]
    assert lazy.state is State.STOPPED


async def test_answered_calls_are_let_go(system: System, nursery: trio.Nursery) -> None:
    """An actor that leaves every answer for later keeps the open ones only."""
    held = list[int]()

    class Desk(Actor[Get]):
        @handles
        async def get(self, _: Get) -> None:
            nursery.start_soon(self.answer, self.defer())

        async def answer(self, call: Any) -> None:  # noqa: ANN401 - a call of any request
            await trio.sleep(1)
            call.answer("late")
            held.append(len(self._cell._deferred or ()))  # pyright: ignore[reportPrivateUsage] - to see what is kept

    desk = await system.start(Desk)
    for _ in range(5):
        assert await desk.ask(Get()) == "late"
    with pytest.raises(AskTimeoutError):
        await desk.ask(Get(), timeout=0.5)
    await trio.sleep(1)
    assert held == [0] * 6


# --- the rest of what an actor may do ---


class Gate(Door):
    """A door that refuses."""

    @handles
    async def refuse_slowly(self, message: Get) -> str:
        """Refuse, after a while."""
        await trio.sleep(1)
        raise Rejected(RefusedError("closed", message.what))

    @handles
    def refuse(self, number: int) -> None:
        """Refuse what nobody asked for."""
        raise Rejected(RefusedError("closed", str(number)))


async def test_a_refusal(system: System) -> None:
    """It is an answer for who asks, after a wait too, and nothing for who tells; it is never a crash."""
    door: Ref[Any] = await system.start(child("door", lambda: Gate([])))
    with pytest.raises(RefusedError, match="hat"):
        await door.ask(Get("hat"))
    door.tell(7)
    await wait_all_tasks_blocked()
    assert (door.incarnation, door.mailbox.received) == (1, 2)


async def test_looking_at_others(system: System) -> None:
    """Monitors and links are made by an actor's own methods; what they do is another test's business."""
    downs, refused = list[Down](), list[Ref[Any]]()

    class Friend(Actor["Ref[Any] | Down"]):
        @handles
        def meet(self, friend: Ref[Any]) -> None:
            assert isinstance(self.monitor(friend), Monitor)
            try:
                assert isinstance(self.link(friend), Link)
            except LinkedExitError:
                refused.append(friend)

        @handles
        def down(self, message: Down) -> None:
            downs.append(message)

    one, other = [await system.start(child(id, Friend, restart="temporary")) for id in ("one", "other")]
    one.tell(other)
    await wait_all_tasks_blocked()
    other.stop()
    assert isinstance((await one.stopped()).error, LinkedExitError)
    third = await system.start(child("third", Friend))
    third.tell(other)
    await wait_all_tasks_blocked()
    assert refused == [other]
    assert [(down.ref, down.gone) for down in downs] == [(other, True)]


async def test_a_fault_is_a_crash() -> None:
    """Tests may make any message fail, by the path of its receiver."""
    faults = list[str]()

    def trap(name: str, key: str) -> None:
        if (name, key, len(faults)) == ("actor.receive", "/counter", 0):
            faults.append(key)
            raise OSError(name)

    with armed(trap):
        async with open_system() as system:
            counter = await system.start(Counter)
            for number in (1, 2):
                counter.tell(Count(number))
            assert await counter.ask(Total()) == 2
            assert counter.incarnation == 2


async def test_a_message_class_is_looked_up_once(system: System) -> None:
    """One that came as a message is known when it comes inside a request's own handling, and the other way round."""

    class Echo(Actor["Get"]):
        async def receive(self, message: Get) -> object:
            return await super().receive(message) if message.what == "base" else message.what

        @handles
        def get(self, message: Get) -> str:
            return f"base {message.what}"

    echo = await system.start(Echo)
    assert [await echo.ask(Get(what)) for what in ("x", "base", "y")] == ["x", "base base", "y"]
    echo.tell(Get("base"))
    assert await echo.ask(Get("z")) == "z"


async def test_an_alarm_of_an_earlier_life(system: System) -> None:
    """A down that waited while its watcher crashed is not for the next incarnation."""
    downs = list[Down]()

    class Careless(Actor["Ref[Any] | Down"]):
        @handles
        async def watch(self, other: Ref[Any]) -> None:
            self.monitor(other)
            await trio.sleep(1)
            raise ValueError("bug")

        @handles
        def down(self, message: Down) -> None:
            downs.append(message)

    other, careless = await system.start(Counter), await system.start(Careless)
    careless.tell(other)
    await wait_all_tasks_blocked()
    other.stop()
    await trio.sleep(2)
    assert (downs, careless.incarnation) == ([], 2)


async def test_a_supervisor_without_timers_waits_as_every_actor(system: System) -> None:
    """It may have delayed restarts and no timers of its own."""
    supervisor: Ref[Any] = await system.start(
        child("supervisor", lambda: Supervisor[Never]([child("counter", Counter, backoff=Backoff(first=1, jitter=0))]))
    )
    counter = await supervisor.ask(LookUp("counter"))
    assert counter is not None
    counter.tell("nonsense")
    await trio.sleep(3)
    assert (counter.incarnation, counter.state) == (2, State.RUNNING)
