"""What stands behind a ref: the part of an actor that outlives its incarnations.

Its methods are plain calls in three roles: what the supervisor does with it, what the incarnation's own task
notes in it, and what whoever holds the ref may ask of it. Only these change an actor's state.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import trio

from bluev_actors.actors.call import Call, Envelope, is_call
from bluev_actors.actors.callbacks import ExitCallback, ExitCallbacks, nothing, tell_one
from bluev_actors.actors.events import ActorCrashed, ActorRestarted, ActorStarted, ActorStopped, DeadLetter
from bluev_actors.actors.exits import Exit, ExitKind, Remains, describe, describe_remains, remains_of
from bluev_actors.actors.lifecycle import (
    ALIVE,
    EXITED,
    MOVES,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    State,
    refuse_move,
)
from bluev_actors.actors.mailbox import Mailbox
from bluev_actors.actors.ref import Ref
from bluev_actors.actors.restart import RestartWindow
from bluev_actors.errors import ActorRestartingError, ActorStoppedError, ChildStartError, MailboxFullError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.actor import Actor
    from bluev_actors.actors.children import Children
    from bluev_actors.actors.specs import ChildSpec
    from bluev_actors.actors.system import System
    from bluev_actors.actors.timers import Timers

_log = logging.getLogger(__name__)

_CUT = Exit(ExitKind.KILLED)
_CRASHED: Final = ExitKind.CRASHED  # a plain name, because it is quicker to find

DEFAULT_GRACE: Final = 5.0
"""Seconds that an actor has to end if its contract says nothing, as in OTP."""

M = TypeVar("M")


class ChildExited(Envelope):
    """Tells a supervisor that an incarnation of a child is over."""

    __slots__ = ("cell", "exit")

    def __init__(self, cell: Cell[Any], exit: Exit) -> None:
        self.cell = cell
        self.exit = exit


class Drained(Envelope):
    """The last thing in the mailbox of an actor that drains: all that came before it is handled."""

    __slots__ = ()


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
        "_crash",
        "_cut",
        "_deferred",
        "_gone",
        "_moved",
        "_on_exit",
        "_on_stopped",
        "_ties",
        "actor",
        "armed",
        "children",
        "drain_by",
        "drain_reason",
        "established",
        "exit",
        "failures",
        "farewell",
        "handling",
        "handling_since",
        "has_timers",
        "held",
        "incarnation",
        "kind",
        "leaving",
        "mailbox",
        "path",
        "prepared",
        "queued",
        "receiving",
        "restart_at",
        "scope",
        "settled",
        "spec",
        "started",
        "started_at",
        "starter",
        "state",
        "stop_reason",
        "supervises",
        "supervisor",
        "system",
        "task",
        "timers",
        "waiting",
        "waits_for",
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
        self.mailbox: Mailbox[M | Envelope] = Mailbox(spec.mailbox, path, spec.overflow, self._on_drop(spec))
        self.window = None if spec.budget is None else RestartWindow(spec.budget)
        self.state = EXITED
        self.incarnation = incarnation
        self._crash: Remains = ""
        self.failures = 0
        self.restart_at: float | None = None
        self.stop_reason: str | None = None
        self.drain_by: float | None = None
        self.drain_reason = ""
        self.starter: Call[Ref[Any]] | None = None
        self.supervises = False
        self.established = False
        self._deferred: set[Call[Any]] | None = None
        self._moved: trio.lowlevel.ParkingLot | None = None
        self._gone: trio.lowlevel.ParkingLot | None = None
        self._on_exit: ExitCallbacks | None = None
        self._on_stopped: ExitCallbacks | None = None
        self._reset()

    def _reset(self) -> None:
        """Forget the last incarnation."""
        # Shielded, because only its supervisor ends an actor: a cancellation from outside would end all at once
        # and in no order. Whoever is cancelled from outside passes it on, child by child.
        self.scope = trio.CancelScope(shield=True)
        self.actor: Actor[M] | None = None
        self.children: Children | None = None
        self.exit: Exit | None = None
        self.prepared = self.started = self.receiving = self.leaving = False
        self.has_timers = self.armed = self.settled = self.queued = self.held = False
        self.farewell: trio.CancelScope | None = None
        self.started_at = self.handling_since = 0.0
        self.handling: object = None
        self.timers: Timers[M] | None = None
        self.task: trio.lowlevel.Task | None = None
        self.waiting: Call[Any] | None = None
        self.waits_for: Cell[Any] | None = None
        self._asked: str | None = None
        self._cut = _CUT
        self._ties: ExitCallbacks | None = None

    # --- what its supervisor does ---

    def begin(self) -> None:
        """Prepare the next incarnation; those who wait for an answer of the last one are told that it is over."""
        self._move(STARTING)
        if self.incarnation:
            self._lose_calls_at_hand(self._restarting)
            self._reset()
        self.restart_at = None
        self.incarnation += 1
        if self.drain_by is not None:
            self._limit_drain(self.drain_by)

    def change(self, spec: ChildSpec) -> None:
        """Live by another contract; its factory makes the next incarnation, all else counts at once."""
        self.spec = spec
        self.kind = spec.kind or self.kind
        self.mailbox.configure(spec.mailbox, spec.overflow, self._on_drop(spec))
        if self.window is None or spec.budget != self.window.budget:
            self.window = None if spec.budget is None else RestartWindow(spec.budget)

    def delay(self, until: float) -> None:
        """Note that the next incarnation is started later; whoever waits for an answer is told, and may ask then."""
        self.restart_at = until
        self._refuse_all_calls()

    def hold(self) -> None:
        """Note that it is started again only with its siblings, which may wait for its answers while they end."""
        self.held = True
        self._refuse_all_calls()

    def leave(self, reason: str) -> None:
        """Ask the incarnation to end: after its message at hand, or at once if it takes no messages.

        One that is busy with that, or ends already, is cancelled when its time is over.
        """
        if self._asked is not None or self.scope.cancel_called:
            return
        self._asked = reason
        grace = self.grace
        if grace and self.waits_for is not None and self.waits_for.state is STARTING:
            self.waits_for.leave(reason)  # or it would not come to its own end before the child has started
        if grace and (self.receiving or self.state is STOPPING):
            self.leaving = True
            self.mailbox.ring()
            if not self._ends_at_once:
                self._cut = Exit(ExitKind.KILLED, reason=f"did not stop within {grace:g} s")
                self.scope.deadline = self._last_moment()
        else:
            self._cancel(Exit(ExitKind.SHUTDOWN if grace else ExitKind.KILLED, reason=reason))

    def kill(self, reason: str) -> None:
        """Cancel the incarnation now, and a supervisor's polite end of its children too."""
        if self.farewell is not None:
            self.farewell.cancel(reason=reason)
        if not self.scope.cancel_called:
            self._cancel(Exit(ExitKind.KILLED, reason=reason))

    def finish(self) -> None:
        """Give the actor up for good: its mailbox is closed and everybody who waits for it is told."""
        if self.state is STOPPED:
            return
        last = self.exit = self.exit or Exit(ExitKind.SHUTDOWN, reason=self.stop_reason or "")
        self._move(STOPPED)
        self.restart_at = None
        self._answer_starter()
        # The mailbox keeps it, so it must not hold the cell: else each that ends is garbage only the collector finds.
        why = partial(_why_stopped, last)
        for left in self.mailbox.close(why):
            self._lose(left, why())
        self._lose_calls_at_hand(self._stopped)
        self.actor = self.children = None
        if self._gone is not None:
            self._gone.unpark_all()
        if self.system.tap.watched:
            now = self.system.now()
            self.system.tap.emit(ActorStopped(self.path, self.kind, self.incarnation, now, str(last)))
        if self._on_stopped is not None:
            self._on_stopped.tell(last)
        self._on_stopped = self._on_exit = None

    def _answer_starter(self) -> None:
        """Tell whoever waits for its start that there will be none."""
        starter, self.starter = self.starter, None
        if starter is None:
            return
        if self.exit is not None and self.exit.kind is ExitKind.IGNORED:
            starter.answer(Ref(self))
        else:
            starter.fail(self.start_error())

    def start_error(self) -> ChildStartError:
        """The error of one that did not start, caused by what went wrong."""
        error = ChildStartError(f"{self.path}: did not start: {self.exit}")
        error.__cause__ = None if self.exit is None else self.exit.error
        return error

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
        self._move(RUNNING)
        self.started = self.established = True
        self.started_at = self.system.now()
        if self.starter is not None:
            self.starter.answer(Ref(self))
            self.starter = None
        if self.system.tap.watched:
            event = ActorStarted if self.incarnation == 1 else ActorRestarted
            self.system.tap.emit(event(self.path, self.kind, self.incarnation, self.started_at))
        if self.drain_by is not None and not self._takes_messages:
            self.leave_drained()

    def stopping(self) -> None:
        """It takes no more messages."""
        if self.state is not STOPPING:
            self._move(STOPPING)

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
        self.waiting = self.timers = None
        self.exit = exit
        if exit.kind is _CRASHED:
            self._note_crash(exit)
        if self.drain_by is not None and self.system.now() >= self.drain_by:
            self.stop_reason = self.stop_reason or "did not drain in time"
        self._move(EXITED)
        if self._ties is not None or self._on_exit is not None:
            self._tell_of_exit(exit)

    def report(self, exit: Exit) -> None:
        """Tell the supervisor, whose the next move is."""
        if self.supervisor is not None and self.supervisor.state is not STOPPED:
            self.supervisor.mailbox.put_control(ChildExited(self, exit))

    def defer(self, call: Call[Any]) -> None:
        """A call will be answered after its handler has returned."""
        call.deferred = True
        if self._deferred is None:
            self._deferred = set()
        self._deferred.add(call)

    def forget_call(self, call: Call[Any]) -> None:
        """A call whose answer was left for later is done."""
        if self._deferred is not None:
            self._deferred.discard(call)

    def tie(self, end: ExitCallback) -> Callable[[], None]:
        """Have a plain function called when this incarnation is over, and no later one; returns what undoes that."""
        if self._ties is None:
            self._ties = ExitCallbacks(self.path)
        return self._ties.enter(end)

    def refuse_calls(self) -> None:
        """Fail the calls that wait in the mailbox, or for room in it: in vain, and perhaps they are waited for."""
        for item in (*self.mailbox, *self.mailbox.turn_away(is_call)):
            if isinstance(item, Envelope):
                item.lose(self.refusal)

    # --- what the holder of a ref may ask ---

    def request_stop(self, reason: str) -> None:
        """Ask for the end of the actor, whatever its restart policy."""
        if self.stop_reason is None:
            self.stop_reason = reason
        if self.drain_by is not None:
            self._cut_drain_short(reason)
        if self.state in ALIVE:
            self.leave(reason)
        elif self.restart_at is not None and self.supervisor is not None:
            # It waits for a delayed restart that will not come; its supervisor gives it up.
            self.supervisor.mailbox.put_control(ChildExited(self, self.exit or _CUT))

    def pause(self) -> None:
        """Hold back messages that are not urgent, unless it drains; what the ends of its children call for goes on."""
        if not self.draining:
            self.mailbox.pause()
            self.mailbox.promote(lambda item: isinstance(item, ChildExited))

    def request_drain(self, reason: str, within: float = math.inf) -> None:
        """Ask it to handle what waits, to take nothing new, and then to end for good.

        It is cancelled after `within` seconds; one that takes no messages is asked to stop at once. A pause ends.
        """
        by = self.system.now() + within
        if self.drain_by is not None:
            self.drain_by = min(by, self.drain_by)
            self._limit_drain(self.drain_by)
        if self.drain_by is not None or self.stop_reason is not None or self.state is STOPPED:
            return
        if not self._can_drain(by):
            self.request_stop(reason or "drained")
            return
        self.drain_by = by
        self.drain_reason = reason or "drained"
        self.mailbox.resume()
        self.mailbox.shut(lambda: f"drains: {reason}" if reason else "drains")
        self.mailbox.put_last(Drained())
        self._limit_drain(self.drain_by)

    def _can_drain(self, by: float) -> bool:
        """Whether there is anybody to handle what waits, and time for it."""
        if self.restart_at is not None:
            return self.restart_at <= by
        return self.state is not RUNNING or self._takes_messages

    def leave_drained(self) -> None:
        """All that waited is handled: it ends for good."""
        self.stop_reason = self.stop_reason or self.drain_reason
        self.leave(self.stop_reason)

    @property
    def grace(self) -> float:
        """Seconds it has to end; a supervisor whose contract says nothing has as long as its children take."""
        if self.spec.shutdown is None:
            return math.inf if self.supervises else DEFAULT_GRACE
        return self.spec.shutdown

    @property
    def stops_politely(self) -> bool:
        """Whether it was cancelled only because it took no messages that could have told it to stop."""
        return self.scope.cancel_called and self._cut.kind is ExitKind.SHUTDOWN

    @property
    def draining(self) -> bool:
        """Whether it only handles what it has."""
        return self.drain_by is not None

    @property
    def last_crash(self) -> str:
        """What ended the last incarnation that crashed, as text."""
        return describe_remains(self._crash)

    @property
    def waiting_on(self) -> str:
        """The path of the actor whose answer it waits for."""
        return "" if self.waiting is None or self.waiting.done else self.waiting.target.path

    @property
    def unanswering(self) -> bool:
        """Whether an ask would wait in vain: it is on its way out, or comes back only later."""
        return self.state is STOPPING or self.held or self.restart_at is not None

    def refusal(self, message: object) -> ActorStoppedError | ActorRestartingError:
        """Why it cannot answer now."""
        if self.restart_at is not None:
            wait = max(0.0, self.restart_at - self.system.now())
            return ActorRestartingError(f"{self.path}: is started again in {wait:.3g} s ({self.exit})")
        if self.held:
            return ActorRestartingError(f"{self.path}: is started again with its siblings ({self.exit})")
        if self.stop_reason is None and self.spec.restart != "temporary":
            return ActorRestartingError(f"{self.path}: is stopping")
        return ActorStoppedError(self.path, message, f"is stopping: {self.stop_reason or 'its work is over'}")

    async def gone(self) -> Exit:
        """Wait until it is gone for good."""
        if self.state is not STOPPED:
            # Whoever waits for the end is not woken by every move before it.
            if self._gone is None:
                self._gone = trio.lowlevel.ParkingLot()
            await self._gone.park()
        else:
            await trio.lowlevel.checkpoint()
        return self.exit or _CUT

    def when_stopped(self, callback: ExitCallback) -> Callable[[], None]:
        """Have a plain function called when it is gone for good, at once if it is; returns what undoes that."""
        if self.exit is not None and self.state is STOPPED:
            tell_one(callback, self.exit, self.path)
            return nothing
        if self._on_stopped is None:
            self._on_stopped = ExitCallbacks(self.path)
        return self._on_stopped.enter(callback)

    def when_exited(self, callback: ExitCallback) -> Callable[[], None]:
        """Have a plain function called whenever an incarnation is over; returns what undoes that."""
        if self.state is STOPPED:
            return nothing
        if self._on_exit is None:
            self._on_exit = ExitCallbacks(self.path)
        return self._on_exit.enter(callback)

    def die_with(self, exit: Exit) -> None:
        """End the incarnation, as crashed, because somebody it is linked to ended."""
        if self.state in ALIVE and not self.scope.cancel_called:
            self._cancel(exit)

    # --- within ---

    def _tell_of_exit(self, exit: Exit) -> None:
        ties, self._ties = self._ties, None
        for callbacks in (ties, self._on_exit):
            if callbacks is not None:
                callbacks.tell(exit)

    def _move(self, new: State) -> None:
        if new not in MOVES[self.state]:
            refuse_move(self.path, self.state, new)
        self.state = new
        if self._moved is not None:
            moved, self._moved = self._moved, None
            moved.unpark_all()

    async def _next_move(self) -> None:
        if self._moved is None:
            self._moved = trio.lowlevel.ParkingLot()
        await self._moved.park()

    def _cancel(self, exit: Exit) -> None:
        """Cancel the incarnation; if that is what ends it, it ended like this."""
        self._cut = exit
        self.scope.cancel(reason=exit.reason)

    @property
    def _takes_messages(self) -> bool:
        return self.receiving or (self.actor is not None and self.actor.takes_messages)

    @property
    def _ends_at_once(self) -> bool:
        """Whether it does nothing but wait for messages, so that no deadline, which costs 4 us, need be set for it."""
        return self.handling is None and self.receiving and self.actor is not None and self.actor.only_receives

    def _last_moment(self) -> float:
        """When it is cancelled if it has not ended; a supervisor has the time that its children need to drain."""
        until = self.system.now() + self.grace
        return until if self.children is None or self.drain_by is None else max(until, self.drain_by)

    def _cut_drain_short(self, reason: str) -> None:
        """Make a stop out of a drain."""
        self.drain_by = None
        if self._asked is not None:
            self.scope.deadline = min(self.scope.deadline, self._last_moment())
        for child in self.children or ():
            if child.draining:
                child.request_stop(reason)

    def _limit_drain(self, at: float) -> None:
        if at < self.scope.deadline and not self.scope.cancel_called:
            self._cut = Exit(ExitKind.KILLED, reason="did not drain in time")
            self.scope.deadline = at

    def _note_crash(self, exit: Exit) -> None:
        self._crash = remains_of(exit.error)
        _log.error("%s crashed in its incarnation %d", self.path, self.incarnation, exc_info=exit.error)
        if self.system.tap.watched:
            now = self.system.now()
            event = ActorCrashed(self.path, self.kind, self.incarnation, now, describe(exit.error), exit.error)
            self.system.tap.emit(event)

    def _on_drop(self, spec: ChildSpec) -> Callable[[M | Envelope], None] | None:
        return self._dropped if spec.overflow.startswith("drop") else None

    def _dropped(self, item: M | Envelope) -> None:
        """A message fell victim to the overflow policy."""
        why = f"its mailbox is full ({self.spec.mailbox} messages)"
        if isinstance(item, Envelope):
            item.lose(lambda message: MailboxFullError(self.path, message, why))
        else:
            self._lose(item, why)

    def _lose(self, item: M | Envelope, why: str) -> None:
        """Give up a message that nobody will handle: its asker is told, or it becomes a dead letter."""
        if isinstance(item, Envelope):
            item.lose(self._stopped)
        elif self.system.dead_letters.watched:
            self.system.dead_letters.emit(DeadLetter(self.path, item, why, self.system.now()))

    def _lose_calls_at_hand(self, error_for: Callable[[object], Exception]) -> None:
        if isinstance(self.handling, Envelope):
            self.handling.lose(error_for)
        self.handling = None
        if self._deferred is not None:
            deferred, self._deferred = self._deferred, None
            for call in deferred:
                call.lose(error_for)

    def _refuse_all_calls(self) -> None:
        """Fail the calls at hand and those that wait: an answer would come too late for whoever waits for it."""
        self._lose_calls_at_hand(self._restarting)
        self.refuse_calls()

    def _restarting(self, message: object) -> ActorRestartingError:
        return ActorRestartingError(f"{self.path}: ended while it worked on {type(message).__name__} ({self.exit})")

    def _stopped(self, message: object) -> ActorStoppedError:
        return ActorStoppedError(self.path, message, _why_stopped(self.exit))


def _why_stopped(exit_: Exit | None) -> str:
    return f"stopped: {exit_}"
