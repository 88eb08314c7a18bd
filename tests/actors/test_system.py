"""A whole system, from its opening to its end."""

from __future__ import annotations

import gc
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Never

import pytest
import trio
from attrs import define, field, frozen
from trio.testing import MockClock

from bluev_actors.actors import (
    Actor,
    ActorEvent,
    ActorRestarted,
    ActorStarted,
    ActorStopped,
    DeleteChild,
    LookUp,
    Ref,
    Request,
    RestartBudget,
    RestartChild,
    State,
    StopChild,
    Supervisor,
    System,
    child,
    handles,
    open_system,
    render,
)
from bluev_actors.actors.cell import Cell
from bluev_actors.errors import (
    ActorError,
    ActorStoppedError,
    ChildIdTakenError,
    ChildStartError,
    RestartIntensityError,
)

if TYPE_CHECKING:
    from bluev_actors.actors import ChildSpec, Exit
    from bluev_actors.actors.specs import Strategy


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


class Boom(BaseException):
    """Somebody's own way to end the program."""


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


# --- drains ---


class Scribe(Actor[str]):
    """Takes a second for each message, and writes it down."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    async def receive(self, message: str) -> None:
        """Write it down."""
        await trio.sleep(1)
        self.log.append(f"{self.name} {message}")

    async def on_stop(self, exit: Exit) -> None:
        """Write it down."""
        self.log.append(f"{self.name} {exit}")


def scribe(log: list[str], name: str) -> ChildSpec:
    """The contract of a scribe."""
    return child(name, lambda: Scribe(log, name))


async def test_draining_a_system() -> None:
    """Everybody handles what waits, in reverse order, and whoever talks to an earlier one still can."""
    log = list[str]()
    async with open_system(scribe(log, "a"), scribe(log, "b")) as system:
        for actor in system.tree().children:
            ref = await system.root.ask(LookUp(actor.path[1:]))
            assert ref is not None
            ref.tell("1")
            ref.tell("2")
        await trio.sleep(0.5)
        await system.drain("closing time")
        assert trio.current_time() == 2
        assert [line for line in log if "shutdown" in line] == [f"{n} shutdown (its supervisor stops)" for n in "ba"]
        assert sorted(line for line in log if "shutdown" not in line) == ["a 1", "a 2", "b 1", "b 2"]
        with pytest.raises(ActorStoppedError):
            await system.start(Greeter)
        await trio.sleep_forever()  # the block is cancelled, for its system is gone


async def test_draining_within_a_time() -> None:
    """Whoever is left then is cancelled, and what waited is lost, and said to be."""
    log, letters = list[str](), list[object]()
    async with open_system(scribe(log, "a")) as system:
        system.dead_letters.subscribe(lambda letter: letters.append(letter.message))
        ref = await system.root.ask(LookUp("a"))
        assert ref is not None
        for number in range(9):
            ref.tell(str(number))
        with trio.CancelScope(shield=True):
            await system.drain(within=2.5)
        assert trio.current_time() == 2.5
        assert log[:2] == ["a 0", "a 1"]
        assert letters == list("345678")


async def test_draining_a_system_twice() -> None:
    """Both wait for the same end; the second may be in more of a hurry, which a stop is for."""
    log = list[str]()
    async with open_system(scribe(log, "a")) as system:
        ref = await system.root.ask(LookUp("a"))
        assert ref is not None
        ref.tell("1")
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(system.drain)
                nursery.start_soon(system.drain)
        assert (trio.current_time(), log[0]) == (1, "a 1")
        with trio.CancelScope(shield=True):
            await system.drain()


async def test_leaving_the_block_cuts_a_drain_short() -> None:
    """Whoever does not wait for the drain gets the end that a block always has."""
    log = list[str]()
    async with open_system(scribe(log, "a")) as system:
        ref = await system.root.ask(LookUp("a"))
        assert ref is not None
        for number in range(9):
            ref.tell(str(number))
        with trio.move_on_after(1.5):
            await system.drain()
    assert trio.current_time() == 2
    assert log[:2] == ["a 0", "a 1"]
    assert len(log) == 3


# --- ends of every kind ---


class Partner(Actor[Any]):
    """Asks the other one, again and again, and once more at the very end."""

    def __init__(self, other: str, told: list[str]) -> None:
        self.other, self.told = other, told

    async def run(self) -> None:
        """Ask without end."""
        while True:
            await self.ask()
            await trio.sleep(0.1)

    async def on_stop(self, exit: Exit) -> None:
        """Ask once more."""
        del exit
        await self.ask()
        self.told.append(self.ref.path)

    async def ask(self) -> None:
        """Ask, whatever comes of it."""
        with suppress(ActorError):
            ref = await self.system.root.ask(LookUp(self.other))
            if ref is not None:
                await ref.ask(Greet("you"), timeout=3)


@pytest.mark.parametrize("moment", [0, 0.05, 0.1, 1.5])
async def test_cancelled_from_outside_while_they_ask_each_other(moment: float) -> None:
    """Nobody waits for anybody for ever: time-outs and refusals work while all of it ends."""
    told = list[str]()
    specs = [child(name, partial(Partner, other, told)) for name, other in ("ab", "ba", "cc")]
    with trio.move_on_after(moment) as scope:
        async with open_system(*specs, child("greeter", Greeter)):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    if moment:
        assert sorted(told) == ["/a", "/b", "/c"]
    assert trio.current_time() <= moment + 15


async def test_asked_from_the_block_when_it_is_cancelled() -> None:
    """A question that the block waits for is given up with the block."""

    class Slow(Actor[Greet]):
        @handles
        async def greet(self, message: Greet) -> str:
            await trio.sleep(100)
            return message.name

    with trio.move_on_after(1):
        async with open_system() as system:
            await (await system.start(Slow)).ask(Greet("you"), timeout=60)
    assert trio.current_time() == 1 + 5  # the time that its contract gives the handler


@pytest.mark.parametrize("where", ["on_start", "run", "on_stop"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Boom])
def test_what_ends_the_program_ends_it(where: str, error: type[BaseException]) -> None:
    """Ctrl-C in an actor is no crash: nothing is restarted, everybody cleans up, and it comes out as it is."""
    log = list[str]()

    class Interrupted(Actor[Any]):
        async def on_start(self) -> None:
            log.append("start")
            if where == "on_start":
                raise error

        async def run(self) -> None:
            await trio.sleep(1)
            if where == "run":
                raise error

        async def on_stop(self, exit: Exit) -> None:
            del exit
            if where == "on_stop":
                raise error

    async def main() -> None:
        inner = child("inner", lambda: Supervisor[Never]([scribe(log, "deep"), child("x", Interrupted)]))
        async with open_system(scribe(log, "bystander"), inner, intensity=100) as system:
            system.tap.subscribe(lambda event: log.append("again") if isinstance(event, ActorRestarted) else None)
            await trio.sleep(3)

    with pytest.raises(error):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    assert log.count("start") == 1
    assert "again" not in log
    assert any(line.startswith("bystander") for line in log)
    assert any(line.startswith("deep") for line in log)


async def test_a_system_in_a_system() -> None:
    """An actor may run a whole system of its own, which ends with it."""
    states = list[State]()

    class Host(Actor[Never]):
        async def run(self) -> None:
            async with open_system() as inner:
                ref = await inner.start(Greeter)
                ref.when_stopped(lambda _: states.append(ref.state))
                await trio.sleep_forever()

    async with open_system(child("host", Host)):
        await trio.sleep(1)
    assert states == [State.STOPPED]


async def test_the_root_may_be_stopped_while_it_starts() -> None:
    """A child that stops the whole system in its own start ends what has started, and the block is not entered."""
    log = list[str]()

    class Saboteur(Actor[Never]):
        async def on_start(self) -> None:
            self.system.root.stop("sabotage")
            await trio.sleep(10)

    with pytest.raises(ChildStartError):
        async with open_system(scribe(log, "a"), child("s", Saboteur), scribe(log, "b")):
            raise AssertionError("the block must not be entered")
    assert (log, trio.current_time()) == (["a shutdown (its supervisor stops)"], 0)


async def test_a_root_that_stops_by_itself_is_no_failure() -> None:
    """The block is cancelled and left, and there is nothing to raise."""
    log = list[str]()
    async with open_system(scribe(log, "a")) as system:
        system.root.stop("from within")
        await trio.sleep(60)
    assert trio.current_time() == 0
    assert log == ["a shutdown (its supervisor stops)"]
    assert system.failure is None


async def test_nothing_is_left_of_a_system() -> None:
    """No actor, no cell and no system, once the block is left and nobody holds a ref."""
    gc.collect()
    kinds = (Cell, Actor, System)
    before = sum(isinstance(each, kinds) for each in gc.get_objects())
    async with open_system(*(child(str(number), Greeter) for number in range(20))) as system:
        await (await system.start(Greeter)).ask(Greet("you"))
    del system
    gc.collect()
    assert sum(isinstance(each, kinds) for each in gc.get_objects()) <= before


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
