"""What stands behind a ref: the part of an actor that outlives its incarnations.

Its methods are plain calls in three roles: what the supervisor does with it, what the incarnation's own task
notes in it, and what whoever holds the ref may ask of it. Only these change an actor's state.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

import trio

from bluev_actors.actors.call import Call, Envelope
from bluev_actors.actors.events import ActorCrashed, ActorRestarted, ActorStarted, ActorStopped
from bluev_actors.actors.lifecycle import ALIVE, State, check
from bluev_actors.actors.mailbox import Mailbox
from bluev_actors.actors.ref import Ref
from bluev_actors.actors.restart import Exit, ExitKind, RestartWindow, describe
from bluev_actors.errors import ActorRestartingError, ActorStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.actor import Actor
    from bluev_actors.actors.children import Children
    from bluev_actors.actors.restart import ChildSpec
    from bluev_actors.actors.system import System

_log = logging.getLogger(__name__)

_CUT = Exit(ExitKind.KILLED)

M = TypeVar("M")


class ChildExited(Envelope):
    """Tells a supervisor that an incarnation of a child is over."""

    __slots__ = ("cell", "exit", "incarnation")

    def __init__(self, cell: Cell[Any], exit: Exit) -> None:
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
        "_asked",
        "_cut",
        "_deferred",
        "_moved",
        "_on_stopped",
        "actor",
        "call",
        "children",
        "exit",
        "handling",
        "handling_since",
        "incarnation",
        "kind",
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
        "task",
        "waiting_on",
        "window",
    )

    def __init__(
        self,
        spec: ChildSpec,
        path: str,
        system: System,
        supervisor: Cell[Any] | None = None,
        incarnation: int = 0,
    ) -> None:
        self.spec = spec
        self.path = path
        self.system = system
        self.supervisor = supervisor
        self.kind = spec.kind
        self.mailbox: Mailbox[M | Envelope] = Mailbox(spec.mailbox, path)
        self.window = None if spec.budget is None else RestartWindow(spec.budget)
        self.state = State.EXITED
        self.incarnation = incarnation
        self.exit: Exit | None = None
        self.last_crash = ""
        self.stop_reason: str | None = None
        self.starter: Call[Ref[Any]] | None = None
        self._deferred: WeakSet[Call[Any]] | None = None
        self._moved: trio.lowlevel.ParkingLot | None = None
        self._on_stopped: list[Callable[[Exit], None]] | None = None
        self._reset()

    def _reset(self) -> None:
        """Forget the last incarnation."""
        # Shielded, because only its supervisor ends an actor: a cancellation from outside would end all at once
        # and in no order. Whoever is cancelled from outside passes it on, child by child.
        self.scope = trio.CancelScope(shield=True)
        self.actor: Actor[M] | None = None
        self.children: Children | None = None
        self.prepared = False
        self.started = False
        self.started_at = 0.0
        self.receiving = False
        self.leaving = False
        self._asked: str | None = None
        self._cut = _CUT
        self.call: Call[Any] | None = None
        self.task: trio.lowlevel.Task | None = None
        self.handling: object = None
        self.handling_since = 0.0
        self.waiting_on = ""

    # --- what its supervisor does ---

    def begin(self) -> None:
        """Prepare the next incarnation; those who wait for an answer of the last one are told that it is over."""
        self._move(State.STARTING)
        self._lose_calls_at_hand(self._restarting)
        self._reset()
        self.incarnation += 1

    def leave(self, reason: str) -> None:
        """Ask the incarnation to end: after its message at hand, or at once if it takes no messages.

        One that is busy with that, or ends already, is cancelled when its time is over.
        """
        if self._asked is not None or self.scope.cancel_called:
            return
        self._asked = reason
        grace = self.spec.grace
        if grace and (self.receiving or self.state is State.STOPPING):
            self.leaving = True
            self.mailbox.ring()
            self._cut = Exit(ExitKind.KILLED, reason=f"did not stop within {grace:g} s")
            self.scope.deadline = trio.current_time() + grace
        else:
            self._cancel(Exit(ExitKind.SHUTDOWN if grace else ExitKind.KILLED, reason=reason))

    def kill(self, reason: str) -> None:
        """Cancel the incarnation now."""
        if not self.scope.cancel_called:
            self._cancel(Exit(ExitKind.KILLED, reason=reason))

    def finish(self) -> None:
        """Give the actor up for good: its mailbox is closed and everybody who waits for it is told."""
        if self.state is State.STOPPED:
            return
        last = self.exit = self.exit or Exit(ExitKind.SHUTDOWN, reason=self.stop_reason or "")
        self._move(State.STOPPED)
        for left in self.mailbox.close(f"stopped: {last}"):
            if isinstance(left, Envelope):
                left.lose(self._stopped)
        self._lose_calls_at_hand(self._stopped)
        self.actor = self.children = None
        if self.system.tap.watched:
            now = trio.current_time()
            self.system.tap.emit(ActorStopped(self.path, self.kind, self.incarnation, now, str(last)))
        for callback in self._on_stopped or ():
            self._call_back(callback, last)

    async def start_settled(self) -> bool:
        """Wait until it has started, or failed to and is over; returns which."""
        while not self.started and self.state in ALIVE:
            await self._next_move()
        return self.started

    async def over(self) -> None:
        """Wait until no incarnation lives."""
        while self.state in ALIVE:
            await self._next_move()

    # --- what the incarnation's own task notes ---

    def running(self) -> None:
        """It has started, and whoever waits for that is told."""
        self._move(State.RUNNING)
        self.started = True
        self.started_at = trio.current_time()
        if self.starter is not None:
            self.starter.answer(Ref(self))
            self.starter = None
        if self.system.tap.watched:
            event = ActorStarted if self.incarnation == 1 else ActorRestarted
            self.system.tap.emit(event(self.path, self.kind, self.incarnation, self.started_at))

    def stopping(self) -> None:
        """It takes no more messages."""
        self.handling = None
        if self.state is not State.STOPPING:
            self._move(State.STOPPING)

    def outcome(self, result: object) -> Exit:
        """The exit of an incarnation whose scope has closed without an exception."""
        if self.scope.cancelled_caught:
            return self._cut
        if self._asked is not None:
            return Exit(ExitKind.SHUTDOWN, result=result, reason=self._asked)
        return Exit(ExitKind.NORMAL, result=result)

    def exited(self, exit: Exit) -> None:
        """The incarnation is over."""
        self.task = None  # its context leads back here, and a circle would wait for the garbage collector
        self.exit = exit
        if exit.kind is ExitKind.CRASHED:
            self._log_crash(exit)
        self._move(State.EXITED)

    def report(self, exit: Exit) -> None:
        """Tell the supervisor, whose the next move is."""
        if self.supervisor is not None and self.supervisor.state is not State.STOPPED:
            self.supervisor.mailbox.put_urgent(ChildExited(self, exit))

    def defer(self, call: Call[Any]) -> None:
        """A call will be answered after its handler has returned."""
        call.deferred = True
        if self._deferred is None:
            self._deferred = WeakSet()
        self._deferred.add(call)

    def refuse_calls(self) -> None:
        """Fail the calls that wait in the mailbox: they would wait in vain, and perhaps be waited for."""
        for item in self.mailbox:
            if isinstance(item, Envelope):
                item.lose(self.refusal)

    # --- what the holder of a ref may ask ---

    def request_stop(self, reason: str) -> None:
        """Ask for the end of the actor, whatever its restart policy."""
        if self.stop_reason is None:
            self.stop_reason = reason
        if self.state in ALIVE:
            self.leave(reason)

    def refusal(self, message: object) -> ActorStoppedError | ActorRestartingError:
        """Why it cannot answer now, while it is stopping."""
        if self.stop_reason is None and self.spec.restart != "temporary":
            return ActorRestartingError(f"{self.path}: is stopping")
        return ActorStoppedError(self.path, message, f"is stopping: {self.stop_reason or 'its work is over'}")

    async def gone(self) -> Exit:
        """Wait until it is gone for good."""
        while self.exit is None or self.state is not State.STOPPED:
            await self._next_move()
        return self.exit

    def when_stopped(self, callback: Callable[[Exit], None]) -> None:
        """Have a plain function called when it is gone for good, at once if it is."""
        if self.exit is not None and self.state is State.STOPPED:
            self._call_back(callback, self.exit)
        elif self._on_stopped is None:
            self._on_stopped = [callback]
        else:
            self._on_stopped.append(callback)

    # --- within ---

    def _call_back(self, callback: Callable[[Exit], None], last: Exit) -> None:
        try:
            callback(last)
        except Exception:  # noqa: BLE001 - whatever it raised, it must not harm the supervisor
            _log.exception("%s is gone, and a callback that was to be told of it failed", self.path)

    def _move(self, new: State) -> None:
        check(self.path, self.state, new)
        self.state = new
        if self._moved is not None:
            self._moved.unpark_all()

    async def _next_move(self) -> None:
        if self._moved is None:
            self._moved = trio.lowlevel.ParkingLot()
        await self._moved.park()

    def _cancel(self, exit: Exit) -> None:
        """Cancel the incarnation; if that is what ends it, it ended like this."""
        self._cut = exit
        self.scope.cancel(reason=exit.reason)

    def _log_crash(self, exit: Exit) -> None:
        self.last_crash = describe(exit.error)
        _log.error("%s crashed in its incarnation %d", self.path, self.incarnation, exc_info=exit.error)
        if self.system.tap.watched:
            now = trio.current_time()
            event = ActorCrashed(self.path, self.kind, self.incarnation, now, self.last_crash, exit.error)
            self.system.tap.emit(event)

    def _lose_calls_at_hand(self, error_for: Callable[[object], Exception]) -> None:
        if self.call is not None:
            self.call.lose(error_for)
        for call in self._deferred or ():
            call.lose(error_for)
        self._deferred = None

    def _restarting(self, message: object) -> ActorRestartingError:
        return ActorRestartingError(f"{self.path}: ended while it worked on {type(message).__name__}")

    def _stopped(self, message: object) -> ActorStoppedError:
        return ActorStoppedError(self.path, message, f"stopped: {self.exit}")
