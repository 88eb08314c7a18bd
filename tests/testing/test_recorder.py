"""Records that a test waits on."""

from __future__ import annotations

import pytest
import trio
from attrs import frozen

from bluev_actors.actors import (
    Actor,
    ActorCrashed,
    ActorEvent,
    ActorRestarted,
    ActorStarted,
    child,
    handles,
    open_system,
)
from bluev_actors.testing.recorder import Recorder, record_dead_letters, record_events

VIRTUAL_TIME = True


@frozen
class Apple:
    """A thing."""

    weight: int = 1


@frozen
class Golden(Apple):
    """A thing of a special kind."""


@frozen
class Break:
    """Makes an actor crash."""


class Fragile(Actor[Break]):
    """Crashes when it is told to."""

    @handles
    def _on_break(self, _: Break) -> None:
        raise RuntimeError("broken")


async def test_what_came_before_is_found() -> None:
    """A test may be late."""
    recorder = Recorder[Apple]("basket")
    recorder.note(Apple(1))
    began = trio.current_time()
    assert await recorder.wait_for(Apple) == Apple(1)
    assert trio.current_time() == began


async def test_what_comes_later_is_waited_for() -> None:
    """A test may be early, and what it does not wait for does not end the wait."""
    recorder = Recorder[object]("basket")

    async def bring() -> None:
        for item in ("leaf", Apple(2)):
            await trio.sleep(0.4)
            recorder.note(item)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bring)
        assert await recorder.wait_for(Apple) == Apple(2)
    assert recorder.seen == ["leaf", Apple(2)]
    assert recorder.unread == ["leaf"]


async def test_each_is_read_once() -> None:
    """Whoever waits for a second one gets the second one, even if they are equal or the same."""
    recorder = Recorder[Apple]("basket")
    same = Apple()
    for apple in (same, Apple(2), same, Apple()):
        recorder.note(apple)
    assert await recorder.wait_for(Apple, weight=1) is same
    assert await recorder.wait_for(Apple, weight=1) is same
    assert await recorder.wait_for(Apple, weight=1) is not same
    assert recorder.unread == [Apple(2)]


async def test_a_base_class_will_do() -> None:
    """A special thing is one of its kind, and not the other way round."""
    recorder = Recorder[Apple]("basket")
    recorder.note(Apple())
    recorder.note(Golden())
    assert type(await recorder.wait_for(Golden)) is Golden
    assert type(await recorder.wait_for(Apple)) is Apple


async def test_an_attribute_that_is_not_there_is_not_equal() -> None:
    """Nor is it an error, for other kinds may have it."""
    recorder = Recorder[object]("basket")
    recorder.note(Apple())
    with pytest.raises(AssertionError):
        await recorder.wait_for(object, colour=None)


async def test_what_does_not_come_is_told_with_what_did() -> None:
    """The text names what was waited for, for how long, and what is there instead."""
    recorder = Recorder[object]("basket")
    recorder.note("leaf")
    began = trio.current_time()
    with pytest.raises(AssertionError, match=r"^basket: no Apple, weight=3 within 2 s; unread: \['leaf'\]$"):
        await recorder.wait_for(Apple, weight=3, within=2)
    assert trio.current_time() == began + 2


async def test_nothing_is_expected() -> None:
    """All that came was read, and nothing more comes for a time."""
    recorder = Recorder[Apple]("basket")
    recorder.note(Apple())
    await recorder.wait_for(Apple)
    began = trio.current_time()
    await recorder.expect_nothing()
    assert trio.current_time() == began
    await recorder.expect_nothing(3)
    assert trio.current_time() == began + 3


async def test_something_is_unread() -> None:
    """What was left unread is an error at once."""
    recorder = Recorder[Apple]("basket")
    recorder.note(Apple())
    with pytest.raises(AssertionError, match=r"basket: nothing more was expected; unread: \[Apple"):
        await recorder.expect_nothing(3)


@pytest.mark.parametrize(("seconds", "delay"), [(3, 2), (0, 0)])
async def test_something_comes(seconds: float, delay: float) -> None:
    """What comes meanwhile is an error when it comes; without seconds, what is on its way still counts."""
    recorder = Recorder[Apple]("basket")

    async def bring() -> None:
        await trio.sleep(delay)
        recorder.note(Apple())

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bring)
        with pytest.raises(AssertionError, match="nothing more was expected"):
            await recorder.expect_nothing(seconds)
    assert trio.current_time() == began + delay


async def test_events_of_a_system() -> None:
    """From the start of the block to its end."""
    async with open_system() as system:
        with record_events(system) as events:
            ref = await system.start(child("fragile", Fragile))
            ref.tell(Break())
            await events.wait_for(ActorRestarted, path="/fragile", incarnation=2)
            crash = await events.wait_for(ActorCrashed)
            assert str(crash.error) == "broken"
        ref.tell(Break())
        await trio.testing.wait_all_tasks_blocked()
    kinds: list[type[ActorEvent]] = [type(event) for event in events.seen]
    assert kinds[0] is ActorStarted
    assert kinds.count(ActorRestarted) == 1


async def test_dead_letters_of_a_system() -> None:
    """What waits in the mailbox of an actor that is gone reaches nobody."""
    async with open_system() as system:
        with record_dead_letters(system) as letters:
            ref = await system.start(child("fragile", Fragile))
            ref.stop("enough")
            message = Break()
            ref.tell(message)
            await ref.stopped()
            letter = await letters.wait_for(object, path="/fragile")
            assert letter in letters.seen
            await letters.expect_nothing()
