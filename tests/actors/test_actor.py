"""What an actor sees of its own life: hooks, the receive loop, and stopping itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Never

import pytest
import trio
from attrs import frozen
from trio.testing import wait_all_tasks_blocked

from bluev_actors.actors import Actor, Exit, ExitKind, Request, child, handles
from bluev_actors.actors.mailbox import BATCH
from bluev_actors.errors import ActorStoppedError

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
