"""Hypothesis's state machines in Trio: rules that are coroutines, in one run, in virtual time.

    class Machine(TrioMachine):
        @asynccontextmanager
        async def open(self) -> AsyncGenerator[None]:
            async with open_system() as self.system:
                yield

        @rule(name=names)
        async def start(self, name: str) -> None:
            await self.system.start(child(name, Worker))

        @rule(seconds=st.floats(0, 10))
        async def pass_time(self, seconds: float) -> None:
            await self.advance(seconds)

    TestMachine = Machine.TestCase

Hypothesis seeds Trio's scheduler, so what failed once fails again, and shrinks.
"""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import trio
from hypothesis import stateful
from hypothesis.stateful import Invariant, Rule, RuleBasedStateMachine
from trio.testing import wait_all_tasks_blocked

from bluev_actors.testing.guest import GuestRun

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

F = TypeVar("F", bound="Callable[..., object]")


def rule(**arguments: Any) -> Callable[[F], F]:  # noqa: ANN401 - strategies and bundles, of whatever
    """Hypothesis's own `rule`, with a type that lets coroutine functions in."""
    return cast("Callable[[F], F]", stateful.rule(**arguments))


def initialize(**arguments: Any) -> Callable[[F], F]:  # noqa: ANN401 - as above
    """Hypothesis's own `initialize`, with a type that lets coroutine functions in."""
    return cast("Callable[[F], F]", stateful.initialize(**arguments))


class TrioMachine(RuleBasedStateMachine):
    """Base class of state machines whose rules, initialisers and invariants run in Trio; they may be `async def`.

    After each of them the tasks are left to settle. Between them time stands still; within one it jumps to the next
    deadline whenever all tasks wait. A rule's error reaches Hypothesis as it is, and so does what ends the run from
    inside, such as a crash in the nursery.
    """

    time_limit: ClassVar[float] = 3600.0
    """Seconds of virtual time that one rule may take; one that waits in vain fails after this, at once."""
    patience: ClassVar[float] = 10.0
    """Real seconds that one rule may take; one that is busy for ever fails after this."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - whatever bases beside this one take
        super().__init_subclass__(**kwargs)
        for method in vars(cls).values():
            for name, mark in list(getattr(method, "__dict__", {}).items()):
                if isinstance(mark, (Rule, Invariant)):
                    setattr(method, name, dataclasses.replace(mark, function=_in_trio(mark.function)))

    def __init__(self) -> None:
        super().__init__()
        self._failure: BaseException | None = None
        self._guest = GuestRun(self.open, time_limit=self.time_limit, patience=self.patience)

    # --- for subclasses ---

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Override this with what shall be there while the rules run, such as `async with open_system()`."""
        yield

    @property
    def nursery(self) -> trio.Nursery:
        """For tasks of the test's own; cancelled at the end. Not there yet in `open`."""
        return self._guest.nursery

    async def settle(self) -> None:
        """Wait until nobody has anything to do but wait for time to pass."""
        await wait_all_tasks_blocked()

    async def advance(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline, and the tasks settle."""
        await trio.sleep(seconds)
        await self.settle()

    def teardown(self) -> None:
        """End the run: `open` is left as at the end of a block, then all is cancelled that is still there.

        Raises:
            StuckError: it does not end.
            BaseException: what the run ended with; if a rule has failed before, that error only has a note of it.
        """
        try:
            self._guest.close()
        except Exception as error:
            if self._failure is None:
                raise
            if error is not self._failure:
                self._failure.add_note(f"Later, the run ended with {error!r}")

    # --- for the rules ---

    def perform(self, function: Callable[[], object], name: str) -> object:
        """Carry out a rule in the run; its arguments and errors are those of `GuestRun.call`."""
        try:
            return self._guest.call(function, name)
        except BaseException as error:
            self._failure = error
            raise


def _in_trio(function: Callable[..., object]) -> Callable[..., object]:
    """A plain method that has a method called in the machine's run."""

    @wraps(function)
    def step(self: TrioMachine, **arguments: object) -> object:
        return self.perform(partial(function, self, **arguments), function.__name__)

    return step
