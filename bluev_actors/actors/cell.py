"""What stands behind a ref: the part of an actor that outlives its incarnations.

A cell holds the mailbox, the state and the one incarnation that lives now. Its methods are plain calls; they are made
by three tasks only in three roles: the incarnation's own task, its supervisor's, and whoever holds the ref.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

import trio

from bluev_actors.actors.call import Call
from bluev_actors.actors.events import ActorCrashed, ActorRestarted, ActorStarted, ActorStopped
from bluev_actors.actors.lifecycle import ALIVE, State, check
from bluev_actors.actors.mailbox import Mailbox
from bluev_actors.actors.ref import Ref
from bluev_actors.actors.restart import Exit, ExitKind, RestartWindow
from bluev_actors.errors import ActorRestartingError, ActorStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.actor import Actor
    from bluev_actors.actors.restart import ChildSpec
    from bluev_actors.actors.system import System

_log = logging.getLogger(__name__)

M = TypeVar("M")


class Signal:
    """Base class of what the runtime itself sends an actor; it never reaches `receive`."""

    __slots__ = ()


class ChildExited(Signal):
    """Tells a supervisor that an incarnation of a child is over."""

    __slots__ = ("cell", "exit", "incarnation")

    def __init__(self, cell: Cell[Any], exit: Exit) -> None:  # noqa: A002 - the standard term
        self.cell = cell
        self.exit = exit
        self.incarnation = cell.incarnation


class Cell(Generic[M]):
    """One child, behind its ref.

    Args:
        spec: its contract.
        path: its place in the tree.
        system: the system it belongs to.
        supervisor: the cell of its supervisor; None for the root.
        incarnation: how many lives it had before.
    """

    __slots__ = (
        "__weakref__",
        "_cut",
        "_deferred",
        "_moved",
        "_on_stopped",
        "actor",
        "asked",
        "exit",
        "handling",
        "handling_since",
        "incarnation",
        "last_crash",
        "leaving",
        "mailbox",
        "path",
        "prepared",
        "receiving",
        "scope",
        "spec",
        "started",
        "started_at",
        "starter",
        "state",
        "stop_reason",
        "supervisor",
        "system",
        "waiting_on",
        "window",
    )

    def __init__(
        self, spec: ChildSpec, path: str, system: System, supervisor: Cell[Any] | None, incarnation: int = 0
    ) -> None:
        self.spec = spec
        self.path = path
        self.system = system
        self.supervisor = supervisor
        self.mailbox: Mailbox[M | Call[Any] | Signal] = Mailbox(spec.mailbox, path)
        self.window = None if spec.budget is None else RestartWindow(spec.budget)
        self.state = State.EXITED
        self.incarnation = incarnation
        self.actor: Actor[M] | None = None
        self.exit: Exit | None = None
        self.stop_reason: str | None = None
        self.last_crash = ""
        self.waiting_on = ""
        self.starter: Call[Any] | None = None
        self._deferred: WeakSet[Call[Any]] | None = None
        self._moved: trio.lowlevel.ParkingLot | None = None
        self._on_stopped: list[Callable[[Exit], None]] = []
        self._reset()

    def _reset(self) -> None:
        # Shielded, because only its supervisor ends an actor: a cancellation from outside would end all at once and in
        # no order. The supervisor passes the cancellation on, child by child.
        self.scope = trio.CancelScope(shield=True)
        self._cut: Exit | None = None
        self.asked: str | None = None
        self.leaving = False
        self.receiving = False
        self.prepared = False
        self.started = False
        self.started_at = 0.0
        self.handling: object = None
        self.handling_since = 0.0

    @property
    def kind(self) -> str:
        """What it is: what its contract says, or the name of its class, or, before it has one, of its factory."""
        if self.spec.kind:
            return self.spec.kind
        made = type(self.actor) if self.actor is not None else self.spec.factory
        return str(getattr(made, "__name__", ""))

    # --- what its supervisor does ---

    def begin(self) -> None:
        """Prepare the next incarnation; whoever waits for an answer of the last one is told that it crashed."""
        self._move(State.STARTING)
        self._fail_lost(ActorRestartingError(f"{self.path}: crashed while it worked on this request"))
        self._reset()
        self.incarnation += 1

    def leave(self, reason: str) -> None:
        """Ask the incarnation to end: after its current message, or at once if it takes no messages.

        When its time is over it is cancelled.
        """
        if self.asked is not None:
            return
        self.asked = reason
        grace = self.spec.grace
        if not self.receiving or grace == 0:
            self._cut = Exit(ExitKind.KILLED if grace == 0 else ExitKind.SHUTDOWN, reason=reason)
            self.scope.cancel(reason=reason)
            return
        self.leaving = True
        self.mailbox.ring()
        self._cut = Exit(ExitKind.KILLED, reason=f"did not stop within {grace:g} s")
        self.scope.deadline = trio.current_time() + grace

    def kill(self, reason: str) -> None:
        """Cancel the incarnation now."""
        if not self.scope.cancel_called:
            self._cut = Exit(ExitKind.KILLED, reason=reason)
            self.scope.cancel(reason=reason)

    def finish(self) -> None:
        """Give the actor up for good: the mailbox is closed and everybody who waits for it is told."""
        exit = self.exit or Exit(ExitKind.SHUTDOWN, reason=self.stop_reason or "")  # noqa: A001 - the standard term
        self.exit = exit
        self._move(State.STOPPED)
        why = f"stopped: {exit}"
        for left in self.mailbox.close(why):
            if isinstance(left, Call):
                left.fail(ActorStoppedError(self.path, left.message, why))
        self._fail_lost(ActorStoppedError(self.path, None, why))
        self.actor = None
        if self.system.tap.watched:
            now = trio.current_time()
            self.system.tap.emit(ActorStopped(self.path, self.kind, self.incarnation, now, str(exit)))
        for callback in self._on_stopped:
            callback(exit)

    async def start_settled(self) -> bool:
        """Wait until `on_start` has ended; returns whether it ended well."""
        while self.state is State.STARTING:
            await self._next_move()
        return self.started

    async def over(self) -> None:
        """Wait until no incarnation lives."""
        while self.state in ALIVE:
            await self._next_move()

    # --- what the incarnation's own task does ---

    def running(self) -> None:
        """Note that `on_start` ended well."""
        self._move(State.RUNNING)
        self.started = True
        if self.starter is not None:
            self.starter.answer(Ref(self))
        self.started_at = trio.current_time()
        if self.system.tap.watched:
            event = ActorStarted if self.incarnation == 1 else ActorRestarted
            self.system.tap.emit(event(self.path, self.kind, self.incarnation, self.started_at))

    def stopping(self) -> None:
        """Note that it takes no more messages."""
        if self.state is not State.STOPPING:
            self._move(State.STOPPING)

    def outcome(self, result: object) -> Exit:
        """The exit of an incarnation whose scope has closed without an exception."""
        if self.scope.cancelled_caught:
            return self._cut or Exit(ExitKind.KILLED)
        if self.asked is not None:
            return Exit(ExitKind.SHUTDOWN, result=result, reason=self.asked)
        return Exit(ExitKind.NORMAL, result=result)

    def exited(self, exit: Exit) -> None:  # noqa: A002 - the standard term
        """Note the end of the incarnation and tell the supervisor, whose the next move is."""
        self.exit = exit
        if exit.kind is ExitKind.CRASHED:
            self._report_crash(exit)
        self._move(State.EXITED)
        if self.supervisor is not None:
            self.supervisor.notice(ChildExited(self, exit))

    def notice(self, signal: Signal) -> None:
        """Take a signal; one that comes after the end is of no use to anybody."""
        if self.state is not State.STOPPED:
            self.mailbox.put_urgent(signal)

    def _report_crash(self, exit: Exit) -> None:  # noqa: A002 - the standard term
        self.last_crash = f"{type(exit.error).__name__}: {exit.error}"
        _log.error("%s crashed (incarnation %d)", self.path, self.incarnation, exc_info=exit.error)
        if self.system.tap.watched:
            now = trio.current_time()
            event = ActorCrashed(self.path, self.kind, self.incarnation, now, self.last_crash, exit.error)
            self.system.tap.emit(event)

    def defer(self, call: Call[Any]) -> None:
        """Remember a call that will be answered after its handler has returned."""
        call.deferred = True
        if self._deferred is None:
            self._deferred = WeakSet()
        self._deferred.add(call)

    def refuse_calls(self) -> None:
        """Fail the calls that wait in the mailbox: nobody will answer them soon."""
        for item in self.mailbox:
            if isinstance(item, Call):
                item.fail(self.refusal(item.message))

    # --- what the holder of a ref does ---

    def request_stop(self, reason: str) -> None:
        """Ask for the end of the actor, whatever its restart policy."""
        if self.stop_reason is None:
            self.stop_reason = reason
        if self.state in ALIVE:
            self.leave(reason)

    def refusal(self, message: object) -> ActorStoppedError | ActorRestartingError:
        """Why it cannot answer `message` now."""
        if self.stop_reason is None:
            return ActorRestartingError(f"{self.path}: is stopping")
        return ActorStoppedError(self.path, message, f"is stopping: {self.stop_reason}")

    async def gone(self) -> Exit:
        """Wait until it is gone for good."""
        while self.state is not State.STOPPED:
            await self._next_move()
        return self.exit or Exit(ExitKind.SHUTDOWN)

    def when_stopped(self, callback: Callable[[Exit], None]) -> None:
        """Have a plain function called when it is gone for good, at once if it is."""
        if self.state is State.STOPPED:
            callback(self.exit or Exit(ExitKind.SHUTDOWN))
        else:
            self._on_stopped.append(callback)

    # --- within ---

    def _move(self, new: State) -> None:
        check(self.path, self.state, new)
        self.state = new
        if self._moved is not None:
            self._moved.unpark_all()

    async def _next_move(self) -> None:
        if self._moved is None:
            self._moved = trio.lowlevel.ParkingLot()
        await self._moved.park()

    def _fail_lost(self, error: Exception) -> None:
        lost = [*(self._deferred or ()), *([self.handling] if isinstance(self.handling, Call) else [])]
        for call in lost:
            call.fail(error)
        self._deferred = None
