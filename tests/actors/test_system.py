"""A whole system, from its opening to its end."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, Never

import pytest
import trio
from attrs import define, field, frozen

from bluev_actors.actors import (
    Actor,
    ActorEvent,
    ActorStarted,
    ActorStopped,
    DeleteChild,
    Ref,
    Request,
    RestartBudget,
    RestartChild,
    State,
    StopChild,
    Supervisor,
    child,
    handles,
    open_system,
    render,
)
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    ChildIdTakenError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import ChildSpec, Exit
    from bluev_actors.actors.restart import Strategy


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


# --- violence ---


@define(eq=False)
class Chance:
    """What happens to a tree, and to whom it may."""

    dice: Random
    seen: list[Ref[Any]] = field(factory=list["Ref[Any]"])


class Wild(Actor[str]):
    """Starts, works and ends as chance has it."""

    def __init__(self, chance: Chance) -> None:
        self.chance, self.dice = chance, chance.dice

    async def on_start(self) -> None:
        """Take a while, and fail now and then."""
        self.chance.seen.append(self.ref)
        await trio.sleep(self.dice.random())
        if self.dice.random() < 0.1:
            raise OSError("no start")

    async def receive(self, message: str) -> None:
        """Do what is asked, after a while."""
        await trio.sleep(self.dice.random())
        if message == "crash":
            raise ValueError(message)
        if message == "hang":
            await trio.sleep_forever()
        self.stop()

    async def on_stop(self, exit: Exit) -> None:
        """Take longer than there is time now and then, and fail now and then."""
        del exit
        await trio.sleep(self.dice.random() * 8)
        if self.dice.random() < 0.1:
            raise RuntimeError("no end")


class WildFamily(Supervisor[Never]):
    """Three children, some of which are families themselves."""

    def __init__(self, chance: Chance, depth: int) -> None:
        self.chance, self.depth, dice = chance, depth, chance.dice
        strategy: Strategy = dice.choice(["one_for_one", "one_for_all", "rest_for_one"])
        specs = [self.member(f"k{number}") for number in range(3)]
        super().__init__(specs, strategy=strategy, intensity=dice.choice([0, 2, 20]))

    def member(self, id_: str) -> ChildSpec:
        """A contract as chance has it."""
        chance, dice, deeper = self.chance, self.chance.dice, self.depth - 1
        is_family = self.depth > 0 and dice.random() < 0.6
        return child(
            id_,
            (lambda: WildFamily(chance, deeper)) if is_family else (lambda: Wild(chance)),
            restart=dice.choice(["permanent", "transient", "temporary"]),
            shutdown=dice.choice([0, 1, 5, None]),
            budget=dice.choice([None, RestartBudget(1)]),
        )

    async def on_start(self) -> None:
        """Be there to be harmed."""
        self.chance.seen.append(self.ref)


async def harm(ref: Ref[Any], dice: Random) -> None:
    """Do something to an actor, which may be gone or not understand."""
    with suppress(ActorError):
        match dice.randrange(6):
            case 0:
                ref.stop("violence")
            case 1 | 2:
                command = dice.choice([StopChild, RestartChild, DeleteChild])
                await ref.ask(command(f"k{dice.randrange(3)}"), timeout=2)
            case _:
                ref.tell(dice.choice(["crash", "hang", "stop"]))


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_happens_it_ends(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """A tree in which everything fails at random moments ends when it is told to, in time, and leaves nothing."""
    caplog.set_level("CRITICAL")
    chance = Chance(Random(seed))  # noqa: S311 - no secret
    before = trio.lowlevel.current_statistics().tasks_living
    with suppress(RestartIntensityError, ChildStartError):
        async with open_system(child("family", lambda: WildFamily(chance, 2)), intensity=5) as system:
            for _ in range(30):
                await trio.sleep(chance.dice.random())
                await harm(chance.dice.choice(chance.seen), chance.dice)
                assert render(system.tree()).startswith("/ [Supervisor]")
    assert trio.lowlevel.current_statistics().tasks_living == before
    assert {ref.state for ref in chance.seen} == {State.STOPPED}
    assert trio.current_time() < 300
