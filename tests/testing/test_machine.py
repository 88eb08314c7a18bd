"""State machines whose rules are coroutines."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest
import trio
from attrs import frozen
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, invariant, precondition, run_state_machine_as_test

from bluev_actors.actors import Actor, Request, child, handles, open_system
from bluev_actors.testing.guest import StuckError
from bluev_actors.testing.machine import TrioMachine, initialize, rule
from bluev_actors.testing.trees import tree

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hypothesis.stateful import RuleBasedStateMachine

    from bluev_actors.actors import Ref

QUICK = settings(
    max_examples=40,
    stateful_step_count=8,
    deadline=None,
    database=None,
    derandomize=True,  # these are tests of the machine, and what it must find it must find each time
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=(HealthCheck.too_slow,),
)


def failure_of(machine: type[RuleBasedStateMachine]) -> BaseException:
    """What Hypothesis reports of a machine."""
    try:
        run_state_machine_as_test(machine, settings=QUICK)
    except BaseException as error:  # noqa: BLE001 - whatever it is, a test looks at it
        return error
    pytest.fail("nothing was found")


def steps_of(error: BaseException) -> list[str]:
    """The smallest program that fails, without the lines around it."""
    return [line for line in error.__notes__ if line.startswith("state.") and "teardown" not in line]


@frozen
class Add(Request[int]):
    """Add to a sum."""

    number: int


@frozen
class Break:
    """Makes an actor crash."""


class Counter(Actor["Add | Break"]):
    """Adds up, slowly, and forgets when it crashes."""

    def __init__(self) -> None:
        self._sum = 0

    @handles
    async def _on_add(self, add: Add) -> int:
        await trio.sleep(1)
        self._sum += add.number
        return self._sum

    @handles
    def _on_break(self, _: Break) -> None:
        raise RuntimeError("broken")


class CounterMachine(TrioMachine):
    """A model of a counter that crashes now and then."""

    counters: Bundle[Ref[Add | Break]] = Bundle("counters")
    opened: ClassVar[list[str]] = []

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """An actor system."""
        self.sums: dict[Ref[Add | Break], int] = {}
        async with open_system(intensity=1000) as self.system:
            self.opened.append("open")
            yield
        self.opened.append("closed")

    @initialize(target=counters)
    async def begin(self) -> Ref[Add | Break]:
        """There is one to begin with."""
        return await self.start("first")

    @rule(target=counters, name=st.sampled_from(["a", "b"]))
    async def start(self, name: str) -> Ref[Add | Break]:
        """Start one more."""
        assume(name not in tree(self.system))
        ref: Ref[Add | Break] = await self.system.start(child(name, Counter))
        self.sums[ref] = 0
        return ref

    @rule(counter=counters, number=st.integers(0, 10))
    async def add(self, counter: Ref[Add | Break], number: int) -> None:
        """Add to one."""
        began = trio.current_time()
        self.sums[counter] += number
        assert await counter.ask(Add(number)) == self.sums[counter]
        assert trio.current_time() == began + 1

    @rule(counter=counters)
    def crash(self, counter: Ref[Add | Break]) -> None:
        """A rule may be plain."""
        counter.tell(Break())
        self.sums[counter] = 0

    @precondition(lambda self: self.sums)
    @rule(seconds=st.floats(0, 10))
    async def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        began = trio.current_time()
        await self.advance(seconds)
        assert trio.current_time() == began + seconds

    @invariant()
    async def all_run(self) -> None:
        """After each step everybody has settled, whatever happened."""
        assert all(state == "running" for state in tree(self.system).values())

    @invariant()
    def all_are_known(self) -> None:
        """An invariant may be plain."""
        assert len(self.sums) == len(tree(self.system))


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Crashes are what these tests are about."""
    caplog.set_level(logging.CRITICAL)


def test_a_machine_that_is_right() -> None:
    """Rules, initialisers and invariants, plain ones and coroutines, with bundles and preconditions."""
    CounterMachine.opened.clear()
    run_state_machine_as_test(CounterMachine, settings=QUICK)
    assert CounterMachine.opened == ["open", "closed"] * (len(CounterMachine.opened) // 2)


def test_a_planted_bug_is_found_and_shrunk() -> None:
    """The smallest program has one step, and the error is the assertion and no group around it."""

    class Buggy(CounterMachine):
        """Does not believe in fours."""

        @rule(number=st.integers(0, 1000))
        async def add_four(self, number: int) -> None:
            """Fails from four on."""
            await self.advance(1)
            assert number < 4, "four or more"

    error = failure_of(Buggy)
    assert type(error) is AssertionError
    assert steps_of(error)[-1] == "state.add_four(number=4)"
    assert not any(
        step.startswith(("state.add(", "state.crash", "state.start", "state.pass_time")) for step in steps_of(error)
    )


def test_a_bug_that_takes_a_crash_is_shrunk() -> None:
    """Two steps of different kinds are needed, and no more are told."""

    class Forgetful(CounterMachine):
        """Its model does not know that a crash forgets."""

        @rule(counter=CounterMachine.counters)
        def crash(self, counter: Ref[Add | Break]) -> None:
            """Crash it, and expect it to remember."""
            counter.tell(Break())

    steps = [step for step in steps_of(failure_of(Forgetful)) if "all_" not in step and "begin" not in step]
    assert [step.partition("(")[0] for step in steps] == ["state.add", "state.crash", "state.add"]


def test_a_rule_that_waits_in_vain() -> None:
    """It fails at once, and is shrunk as any other failure."""

    class Stuck(TrioMachine):
        """Waits for what never comes."""

        @rule(number=st.integers())
        async def wait(self, number: int) -> None:
            """Only now and then."""
            if number > 2:
                await trio.sleep_forever()

    error = failure_of(Stuck)
    assert type(error) is StuckError
    assert str(error) == "wait: did not end within 3600 s of virtual time"
    assert steps_of(error) == ["state.wait(number=3)"]


def test_a_crash_in_the_nursery_is_a_failure() -> None:
    """It reaches Hypothesis by itself, from the rule in whose time it happened."""

    class Crashing(TrioMachine):
        """Starts what crashes after a while."""

        @rule()
        async def start(self) -> None:
            """Start it."""
            self.nursery.start_soon(self._crash)

        @rule()
        async def pass_time(self) -> None:
            """Let it happen."""
            await self.advance(3)

        async def _crash(self) -> None:
            await trio.sleep(2)
            raise KeyError("beside")

    error = failure_of(Crashing)
    assert type(error) is KeyError
    assert steps_of(error) == ["state.start()", "state.pass_time()"]
    assert not [note for note in error.__notes__ if "Later" in note]


class AtTheEnd(TrioMachine):
    """Fails when it is closed."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """A place whose door is stuck."""
        yield
        raise OSError("stuck door")

    @rule()
    async def nothing(self) -> None:
        """All is well so far."""


def test_a_failure_at_the_end() -> None:
    """What goes wrong when the place is left is a failure of its own."""
    error = failure_of(AtTheEnd)
    assert type(error) is OSError


def test_a_failure_at_the_end_does_not_hide_the_first() -> None:
    """The rule's error is the one to look at; the other stands in a note of it."""

    class Twice(AtTheEnd):
        """Fails before it is closed, too."""

        @rule()
        async def fail(self) -> None:
            """The first failure."""
            raise KeyError("first")

        nothing = None  # type: ignore[assignment] # or else it would be tried without a failure of a rule

    error = failure_of(Twice)
    assert type(error) is KeyError
    assert "Later, the run ended with OSError('stuck door')" in error.__notes__


def test_a_place_that_does_not_open() -> None:
    """Its error comes out, of the first example already."""

    class Closed(AtTheEnd):
        """Cannot be opened."""

        @asynccontextmanager
        async def open(self) -> AsyncGenerator[None]:
            """Fail."""
            if trio.current_time() >= 0:
                raise PermissionError("locked")
            yield

    assert type(failure_of(Closed)) is PermissionError


def test_the_scheduler_is_seeded() -> None:
    """The same steps are always taken in the same order: a failure that depends on it can be shrunk.

    Trio orders the tasks of a turn by chance, and Hypothesis seeds that, because Trio registers it as a plug-in.
    """
    stories: set[tuple[int, ...]] = set()

    class Racing(TrioMachine):
        """Starts tasks that race."""

        @rule()
        async def race(self) -> None:
            """Note in what order they come in."""
            order: list[int] = []

            async def run(number: int) -> None:
                for _ in range(3):
                    await trio.lowlevel.checkpoint()
                order.append(number)

            async with trio.open_nursery() as nursery:
                for number in range(6):
                    nursery.start_soon(run, number)
            stories.add(tuple(order))

    for _ in range(5):
        run_state_machine_as_test(Racing, settings=settings(QUICK, max_examples=1, stateful_step_count=1))
    assert len(stories) == 1
    assert stories != {tuple(range(6))}


def test_nothing_is_left() -> None:
    """A machine's run is over when it is torn down: another program of Trio can run."""
    machine = CounterMachine()
    machine.teardown()
    trio.run(trio.sleep, 0)


TestCounter = CounterMachine.TestCase
"""Pytest collects a machine as it does any other."""
TestCounter.settings = settings(QUICK, derandomize=False)
