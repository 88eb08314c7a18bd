"""The actor that starts, restarts and stops others."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from bluev_actors.actors.actor import Actor
from bluev_actors.actors.cell import ChildExited
from bluev_actors.actors.children import Children
from bluev_actors.actors.commands import (
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    LookUp,
    RestartChild,
    StartChild,
    StopChild,
    SupervisorCommand,
    WhichChildren,
)
from bluev_actors.actors.dispatch import handles
from bluev_actors.actors.lifecycle import ALIVE, State
from bluev_actors.actors.ref import Ref, Rejected
from bluev_actors.actors.restart import ChildSpec, Exit, RestartBudget, RestartWindow, Strategy
from bluev_actors.errors import ActorError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from bluev_actors.actors.call import Call, Envelope

M = TypeVar("M")


class Supervisor(Actor[M | SupervisorCommand], Generic[M]):
    """Starts its children in order, restarts them by their contracts, and stops them in reverse order.

    Subclasses may take messages of their own.

    Args:
        children: the contracts of those it starts with, after its own `on_start`.
        strategy: who is restarted together.
        intensity: how many restarts it allows within `period`; one more and it stops all children and exits.
        period: the length of that window, in seconds.
        max_children: how many contracts it may have; None: as many as you like.
    """

    _children: Children

    def __init__(
        self,
        children: Sequence[ChildSpec] = (),
        *,
        strategy: Strategy = "one_for_one",
        intensity: int = 1,
        period: float = 5.0,
        max_children: int | None = None,
    ) -> None:
        self._first_children = tuple(children)
        self._strategy: Strategy = strategy
        self._restart_budget = RestartBudget(intensity, period)
        self._max_children = max_children

    # --- for subclasses, from the supervisor's own task ---

    @property
    def children(self) -> tuple[str, ...]:
        """The ids of its children, in start order."""
        return tuple(cell.spec.id for cell in self._children)

    def child(self, id: str) -> Ref[Any]:
        """The ref of a child; raises `ActorError` if there is none of this id."""
        return Ref(self._children.known(id))

    def start_child(self, spec: ChildSpec) -> Ref[Any]:
        """Start a child without waiting for its `on_start`; a plain call, from `on_start` on.

        Raises:
            ChildIdTakenError: there is a child of this id.
            ChildStartError: there are `max_children` already, or the supervisor is stopping.
        """
        cell = self._children.add(spec)
        self._children.spawn(cell)
        return Ref(cell)

    def cancel_child(self, id: str, reason: str = "") -> None:
        """Cancel the incarnation of a child now, without waiting; its exit arrives like every other.

        Raises:
            ActorError: there is no child of this id.
        """
        self._children.known(id).kill(reason)

    def has_ended(self, id: str) -> bool:
        """Whether a child will not come back by itself: it is gone for good, or there is none of this id."""
        cell = self._children.find(id)
        return cell is None or cell.state is State.STOPPED

    def forget_child(self, id: str) -> None:
        """Give up the place of a child that is gone; a plain call.

        Raises:
            ActorError: there is no child of this id, or it is not stopped.
        """
        self._children.forget(self._children.stopped(id))

    async def on_child_exit(self, spec: ChildSpec, exit: Exit) -> None:
        """Do something about an exit, after the child was restarted or given up.

        The exits of siblings that were ended to be restarted with a child do not come here.

        Args:
            spec: the contract of the child.
            exit: how its incarnation ended.
        """

    # --- commands ---

    @handles
    def _on_start_child(self, command: StartChild) -> None:
        with _rejecting():
            cell = self._children.add(command.spec)
        cell.starter = self._asker()
        self._children.spawn(cell)

    @handles
    def _on_stop_child(self, command: StopChild) -> None:
        with _rejecting():
            cell = self._children.known(command.id)
        if asker := self._asker():
            cell.when_stopped(lambda _: asker.answer(None))
        cell.request_stop("its supervisor was told to stop it")

    @handles
    def _on_restart_child(self, command: RestartChild) -> None:
        with _rejecting():
            cell = self._children.renew(self._children.stopped(command.id))
        cell.starter = self._asker()
        self._children.spawn(cell)

    def _asker(self) -> Call[Any] | None:
        """The call to answer when the command is carried out; None if it was told and nobody waits for that."""
        return None if self._cell.call is None else self.defer()

    @handles
    def _on_delete_child(self, command: DeleteChild) -> None:
        with _rejecting():
            self._children.forget(self._children.stopped(command.id))

    @handles
    def _on_which_children(self, _: WhichChildren) -> tuple[ChildInfo, ...]:
        return tuple(
            ChildInfo(cell.spec.id, cell.kind, cell.state, cell.spec.restart, cell.incarnation)
            for cell in self._children
        )

    @handles
    def _on_count_children(self, _: CountChildren) -> ChildCounts:
        active = [cell for cell in self._children if cell.state in ALIVE]
        supervisors = sum(cell.children is not None for cell in active)
        return ChildCounts(len(self._children), len(active), supervisors, len(active) - supervisors)

    @handles
    def _on_look_up(self, command: LookUp) -> Ref[Any] | None:
        cell = self._children.find(command.id)
        return None if cell is None or cell.state is State.STOPPED else Ref(cell)

    # --- the runtime's side ---

    async def live(self) -> object:
        """Live as every actor does, around it a nursery, and at the end the ends of the children."""
        failure: BaseException
        try:
            async with trio.open_nursery() as nursery:
                self._children = self._cell.children = self._found(nursery)
                try:
                    return await super().live()
                finally:
                    await self._end_children()
        except BaseExceptionGroup as group:
            failure = unwrap(group)
        # Raised out here, so that the nursery's group does not become its context.
        raise failure

    def _found(self, nursery: trio.Nursery) -> Children:
        window = RestartWindow(self._restart_budget)
        return Children(self._cell, nursery, self._strategy, window, self._max_children)

    async def _set_up(self) -> None:
        await super()._set_up()
        for spec in self._first_children:
            await self._children.start(spec)

    async def _open(self, envelope: Envelope) -> None:
        if isinstance(envelope, ChildExited):
            if await self._children.settle(envelope):
                await self.on_child_exit(envelope.cell.spec, envelope.exit)
        else:
            await super()._open(envelope)

    async def _end_children(self) -> None:
        self._cell.stopping()
        self._cell.refuse_calls()
        await self._children.end()


@contextmanager
def _rejecting() -> Generator[None]:
    """Answer the request at hand with the error that its command meets."""
    try:
        yield
    except ActorError as error:
        raise Rejected(error) from None


def unwrap(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a nursery wrapped, so that what went wrong inside keeps its type outside.

    That is the one exception in the group, or, beside errors that followed from it, the one that is to end the
    program, such as a `KeyboardInterrupt`. If there is no such one, it is the group.
    """
    final = [error for error in group.exceptions if not isinstance(error, (Exception, trio.Cancelled))]
    sole = final or group.exceptions
    return sole[0] if len(sole) == 1 else group
