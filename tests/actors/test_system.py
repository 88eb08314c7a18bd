"""A whole system, from its opening to its end."""

from __future__ import annotations

from typing import Any, Never

import pytest
import trio
from attrs import frozen

from bluev_actors.actors import (
    Actor,
    ActorEvent,
    ActorStarted,
    ActorStopped,
    Request,
    State,
    child,
    handles,
    open_system,
)
from bluev_actors.errors import ActorStoppedError, ChildIdTakenError, ChildStartError, RestartIntensityError


@frozen
class Greet(Request[str]):
    """Asks for a greeting."""

    name: str


class Greeter(Actor[Greet]):
    """Greets."""

    @handles
    async def greet(self, message: Greet) -> str:
        """Say hello."""
        return f"Hello, {message.name}!"


class Mine(Actor[Any]):
    """Explodes when it is touched."""

    async def receive(self, message: object) -> None:
        """Explode."""
        raise ValueError(message)


async def test_hello() -> None:
    """The first program that everybody writes."""
    async with open_system() as system:
        greeter = await system.start(Greeter)
        assert await greeter.ask(Greet("world")) == "Hello, world!"
    assert greeter.state is State.STOPPED


async def test_it_starts_with_children() -> None:
    """They run when the block begins, and the path says where they are."""
    async with open_system(child("a", Greeter), child("b", Greeter)) as system:
        assert [actor.path for actor in system.tree().walk()] == ["/", "/a", "/b"]


async def test_the_id_of_a_bare_factory() -> None:
    """It is the factory's name in lower case, or its class' where it has none, once."""

    class Maker:
        def __call__(self) -> Greeter:
            return Greeter()

    async with open_system() as system:
        assert (await system.start(Greeter)).id == "greeter"
        assert (await system.start(Maker())).id == "maker"
        with pytest.raises(ChildIdTakenError):
            await system.start(Greeter)


async def test_errors_of_the_block_stay_as_they_are() -> None:
    """No group around them, and their own cause and context."""
    with pytest.raises(LookupError) as raised:  # noqa: PT012 - leaving the block is what raises
        async with open_system(child("a", Greeter)):
            try:
                [].pop()
            except IndexError as error:
                raise LookupError("mine") from error
    assert isinstance(raised.value.__cause__, IndexError)
    assert raised.value.__context__ is raised.value.__cause__


async def test_a_group_of_the_block_stays_a_group() -> None:
    """What the block itself raises as a group is not taken apart."""
    error = ValueError("one")
    with pytest.raises(ExceptionGroup, match="mine") as raised:
        async with open_system():
            raise ExceptionGroup("mine", [error])
    assert raised.value.exceptions == (error,)


async def test_the_root_gives_up() -> None:
    """The block is cancelled, and the error is raised as it is, with the crash as its cause."""
    with pytest.raises(RestartIntensityError) as raised:  # noqa: PT012 - leaving the block is what raises
        async with open_system(child("mine", Mine), intensity=0) as system:
            ref = await system.start(child("other", Mine))
            ref.tell("boom")
            await trio.sleep_forever()
    assert isinstance(raised.value.__cause__, ValueError)


async def test_an_error_of_the_block_goes_before() -> None:
    """When the block fails after the root gave up, the block's own error is the one that is seen."""
    with pytest.raises(LookupError):  # noqa: PT012 - leaving the block is what raises
        async with open_system(child("mine", Mine), intensity=0) as system:
            mine = await system.start(child("other", Mine))
            mine.tell("boom")
            try:
                await trio.sleep_forever()
            finally:
                raise LookupError("mine")


async def test_a_start_that_fails() -> None:
    """The block is not entered."""

    class Broken(Actor[Never]):
        async def on_start(self) -> None:
            raise OSError("broken")

    with pytest.raises(ChildStartError, match="/broken: did not start"):
        async with open_system(child("broken", Broken)):
            raise AssertionError("the block must not be entered")


async def test_nothing_is_left() -> None:
    """After the block there is no task more than before, whatever lived in it."""
    before = trio.lowlevel.current_statistics().tasks_living
    async with open_system(*(child(str(number), Greeter) for number in range(20))) as system:
        assert trio.lowlevel.current_statistics().tasks_living > before
        (await system.start(Greeter)).stop()
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_two_systems() -> None:
    """They share nothing, names neither."""
    async with open_system() as one, open_system() as two:
        first, second = await one.start(Greeter), await two.start(Greeter)
        one.registry.register("greeter", first)
        two.registry.register("greeter", second)
        assert first != second
        assert one.registry.find("greeter") == first


async def test_its_events() -> None:
    """Whoever subscribes hears of every actor until they have heard enough."""
    events = list[ActorEvent]()
    async with open_system() as system:
        leave = system.subscribe(events.append)
        ref = await system.start(Greeter)
        ref.stop()
        await ref.stopped()
        leave()
        await system.start(child("another", Greeter))
    assert [type(event) for event in events] == [ActorStarted, ActorStopped]


async def test_after_the_end() -> None:
    """Whoever kept a system or a ref is told that it is over."""
    async with open_system() as system:
        ref = await system.start(Greeter)
    with pytest.raises(ActorStoppedError):
        ref.tell(Greet("nobody"))
    with pytest.raises(ActorStoppedError):
        await system.start(Greeter)
    assert system.tree().state is State.STOPPED


async def test_ending_twice_at_once() -> None:
    """Stopping the root from within ends the block as leaving it does."""
    with trio.move_on_after(5) as scope:
        async with open_system(child("a", Greeter)) as system:
            system.root.stop("from within")
            await trio.sleep_forever()
    assert not scope.cancelled_caught
    assert trio.current_time() == 0
