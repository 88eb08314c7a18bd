"""A whole actor system in one breath: its root supervisor, its registry and its tap.

Nothing here is global, so several systems may live in one program, each in its own block.
"""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from bluev_actors.actors.cell import Cell
from bluev_actors.actors.commands import StartChild
from bluev_actors.actors.deadlines import Deadlines
from bluev_actors.actors.events import ActorEvent, DeadLetter, Subscriber, SupervisorReport, Tap
from bluev_actors.actors.incarnation import live
from bluev_actors.actors.introspection import ActorSnapshot, snapshot
from bluev_actors.actors.ref import Ref
from bluev_actors.actors.registry import Registry
from bluev_actors.actors.specs import ChildSpec, Strategy
from bluev_actors.actors.supervisor import Supervisor, unwrap
from bluev_actors.errors import ChildStartError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bluev_actors.actors.actor import Actor


class System:
    """What all actors of one tree share."""

    tap: Tap[ActorEvent]
    """Hands out what happens to the actors."""
    reports: Tap[SupervisorReport]
    """Hands out what supervisors have to report."""
    dead_letters: Tap[DeadLetter]
    """Hands out the messages that nobody will handle and whose senders were not told so."""
    registry: Registry
    """Names to refs."""
    deadlines: Deadlines
    """The time-outs of all asks."""

    now: Callable[[], float]
    """Tells the time of Trio's clock, in seconds; `trio.current_time` looks up at each call whose clock that is."""

    def __init__(self, root: Callable[[], Supervisor[Any]]) -> None:
        self.now = trio.lowlevel.current_clock().current_time
        self.tap = Tap()
        self.reports = Tap()
        self.dead_letters = Tap()
        self.registry = Registry()
        self.deadlines = Deadlines()
        spec = ChildSpec("/", root, restart="temporary", shutdown=math.inf)
        self._root: Cell[Any] = Cell(spec, "/", self, None)

    async def open(self, nursery: trio.Nursery) -> None:
        """Start the root in a nursery, which is cancelled when the root is gone; raises what it failed with."""
        self._root.begin()
        nursery.start_soon(self.deadlines.run, name="deadlines")
        nursery.start_soon(self._live, nursery.cancel_scope, name="root")
        if not await self._root.start_settled():
            raise self.failure or ChildStartError("/: did not start")

    async def close(self) -> None:
        """Stop everything in reverse order."""
        with trio.CancelScope(shield=True):
            self._root.request_stop("the system is closed")
            await self._root.gone()

    async def drain(self, reason: str = "", *, within: float = math.inf) -> None:
        """Have every actor handle what waits for it and take nothing new, in reverse order, and then end.

        With the actors the block of `open_system` ends: what is left of it is cancelled.

        Args:
            reason: why, for those who are refused meanwhile.
            within: seconds after which whoever is left is cancelled.
        """
        self._root.request_drain(reason, within)
        await self._root.gone()

    async def _live(self, scope: trio.CancelScope) -> None:
        try:
            await live(self._root)
        finally:
            self._root.finish()
            self.deadlines.close()
            scope.cancel(reason="the root supervisor is gone")

    @property
    def failure(self) -> BaseException | None:
        """What the root ended with, if it did not end well."""
        return None if self._root.exit is None else self._root.exit.error

    @property
    def root(self) -> Ref[Any]:
        """The supervisor at the top, which takes the commands of every supervisor."""
        return Ref(self._root)

    async def start(self, spec: ChildSpec | Callable[[], Actor[Any]]) -> Ref[Any]:
        """Start an actor under the root and wait for its `on_start`.

        Args:
            spec: its contract, or just its factory, whose name in lower case is its id then.

        Raises:
            ChildIdTakenError: there is one of this id.
            ChildStartError: it did not start; the cause says why.
        """
        if not isinstance(spec, ChildSpec):
            spec = ChildSpec(getattr(spec, "__name__", type(spec).__name__).lower(), spec)
        return await self.root.ask(StartChild(spec), timeout=math.inf)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have a plain function called with each event of the tree; returns the function that ends that."""
        return self.tap.subscribe(subscriber)

    def tree(self) -> ActorSnapshot:
        """Take a picture of all actors."""
        return snapshot(self._root)


@asynccontextmanager
async def open_system(
    *children: ChildSpec, strategy: Strategy = "one_for_one", intensity: int = 3, period: float = 5.0
) -> AsyncGenerator[System]:
    """Run an actor system for the length of a block.

    Leaving the block, in whatever way, stops all actors in reverse order; each has the time its contract gives it.

    Args:
        *children: contracts of actors to start first, in this order.
        strategy: the root supervisor's.
        intensity: how many restarts it allows within `period`.
        period: in seconds.

    Raises:
        ChildStartError: one of `children` did not start.
        RestartIntensityError: the root gave up; the block is cancelled.
    """
    system = System(lambda: Supervisor(children, strategy=strategy, intensity=intensity, period=period))
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                await system.open(nursery)
                yield system
            finally:
                await system.close()
    except BaseExceptionGroup as group:
        failure = unwrap(group)
    if failure is None:
        failure = system.failure
    # Raised out here and not where it was caught, so that the nursery's group does not become its context.
    if failure is not None:
        raise failure
