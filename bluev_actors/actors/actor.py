"""What an actor is: a class whose instance lives in one task and is spoken to by messages alone."""

from __future__ import annotations

import logging
import math
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

import trio

from bluev_actors.actors.call import Call, is_call
from bluev_actors.actors.cell import Cell, Drained  # noqa: TC001 - handlers are found by their annotations
from bluev_actors.actors.dispatch import Handler, find_handler, handles, is_for_runtime
from bluev_actors.actors.exits import Exit, ExitKind
from bluev_actors.actors.lifecycle import ALIVE
from bluev_actors.actors.monitors import Down, DownSignal, Link, Monitor, linked_exit
from bluev_actors.actors.ref import Ref, Rejected, cell_behind
from bluev_actors.actors.timers import Timers
from bluev_actors.faultpoints import fault

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable

    from bluev_actors.actors.system import System

_log = logging.getLogger(__name__)

M = TypeVar("M")


class Actor(Generic[M]):
    """Base class of actors.

    Its methods run in the actor's own task, one message after another, so its attributes need no locks. An
    exception that leaves one of them is a crash: the incarnation ends, and the supervisor decides whether the
    factory makes another. What must survive a crash belongs elsewhere; the mailbox does survive.
    """

    _cell: Cell[M]
    _handlers: ClassVar[dict[type, Handler]] = {}
    """What takes each class of messages that came so far; each class has its own."""
    _methods: ClassVar[dict[type, Handler]] = {}
    """The same without regard to an overridden `receive`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - whatever bases beside this one take
        super().__init_subclass__(**kwargs)
        cls._handlers, cls._methods = {}, {}

    @property
    def ref(self) -> Ref[M]:
        """The actor's own address; there from `on_start` on."""
        return Ref(self._cell)

    @property
    def system(self) -> System:
        """The system it lives in; there from `on_start` on."""
        return self._cell.system

    # --- what subclasses may override ---

    async def on_start(self) -> None:
        """Prepare; siblings that are started after this one may wait for it.

        Raises:
            Ignore: it is not needed now, which is no failure.
        """

    async def on_stop(self, exit: Exit) -> None:
        """Clean up after `run` ended in whatever way; called if `on_start` ended well.

        It is shielded from every cancellation, and has the `shutdown` seconds of the contract.

        Args:
            exit: how the incarnation ended.
        """

    async def receive(self, message: M) -> object:
        """Handle one message; by default the method that `@handles` its class does.

        Returns:
            The answer, if the message is a request.
        """
        result = self.__method_for(type(message))(self, message)
        return await cast("CoroutineType[Any, Any, object]", result) if isinstance(result, CoroutineType) else result

    async def run(self) -> object:
        """Take messages until it is time to stop; an actor that does one thing and ends overrides this.

        Returns:
            What becomes the `result` of the exit.
        """
        cell = self._cell
        mailbox = cell.mailbox
        cell.receiving = True
        while not cell.leaving:
            await (self._wait() if cell.has_timers else mailbox.ready())
            if not cell.leaving:
                await self.__take_batch()
        cell.receiving = False
        return None

    # --- what subclasses may call ---

    def stop(self) -> None:
        """End `run` after the message at hand, with a normal exit; of no effect on a `run` of your own."""
        self._cell.leaving = True
        self._cell.mailbox.ring()

    def defer(self) -> Call[Any]:
        """Take over the answer to the request at hand: whoever holds the call answers it, later.

        Returns:
            The call. If the actor ends before it is answered, the asker is told.

        Raises:
            RuntimeError: there is no request at hand.
        """
        call = self._cell.handling
        if not is_call(call):
            raise RuntimeError("there is no request at hand whose answer could be deferred")
        self._cell.defer(call)
        return call

    def stash(self) -> None:
        """Put the message at hand aside, for later; if it is a request, its asker goes on waiting.

        What was put aside takes up room in the mailbox, and outlives a crash; only the asker of a request whose handler
        crashes after all is told so.

        Raises:
            RuntimeError: there is no message at hand, or it was put aside already.
        """
        item = self._cell.handling
        if item is None or self._cell.mailbox.has_stashed_last:
            raise RuntimeError("there is no message at hand that could be put aside")
        if is_call(item):
            item.deferred = True
        self._cell.mailbox.stash(item)  # type: ignore[arg-type]  # what is at hand came out of this mailbox

    def unstash(self) -> int:
        """Put back in front of the mailbox all that was put aside, in the order in which it was; returns how many."""
        return self._cell.mailbox.unstash()

    def after(self, seconds: float, message: M, *, key: Hashable = None) -> None:
        """Send itself a message later; timers end with the incarnation, and wait while it is paused.

        One that is due already when it is cancelled may still arrive.

        Args:
            seconds: how much later.
            message: what to send.
            key: a name to cancel it by; it replaces the timer that has this name.
        """
        self.__timers().start(trio.current_time() + seconds, message, key=key)

    def every(self, seconds: float, message: M, *, key: Hashable = None) -> None:
        """Send itself a message again and again; one that could not be sent in time is not made up for.

        Args:
            seconds: the period; the first is sent when it is over once.
            message: what to send.
            key: a name to cancel it by; it replaces the timer that has this name.

        Raises:
            ValueError: the period is not positive.
        """
        self.__timers().start(trio.current_time() + seconds, message, key=key, every=seconds)

    def cancel_timer(self, key: Hashable) -> bool:
        """Cancel the timer of this name; returns whether there was one."""
        timers = self._cell.timers
        return timers is not None and timers.cancel(key)

    def monitor(self, ref: Ref[Any], *, restarts: bool = False) -> Monitor:
        """Be sent a `Down` when another actor is gone for good, at once if it is; ends with the incarnation.

        Args:
            ref: the other.
            restarts: whether to be sent one at the end of every incarnation of it, too.

        Returns:
            What `cancel` ends it by.
        """
        return Monitor(self._cell, cell_behind(ref), ref, restarts=restarts)

    def link(self, ref: Ref[Any]) -> Link:
        """Share the fate of another actor's present incarnation, and have it share ours.

        When one of the two ends in any way but a normal one, the other ends as crashed, with a `LinkedExitError`; what
        becomes of each then is up to its supervisor.

        Returns:
            What `cancel` ends it by.

        Raises:
            LinkedExitError: the other is not alive.
        """
        other = cell_behind(ref)
        if other.state not in ALIVE:
            error = linked_exit(other, other.exit or Exit(ExitKind.SHUTDOWN)).error
            raise error or AssertionError
        return Link(self._cell, other)

    # --- the loop ---

    async def _wait(self) -> None:
        """Wait until there may be something to take, or a timer is due."""
        cell, timers = self._cell, self._cell.timers
        if timers is None:
            await cell.mailbox.ready()
            return
        with trio.move_on_at(math.inf if cell.mailbox.paused else timers.next_at):
            await cell.mailbox.ready()
        if not cell.mailbox.paused:
            for message in timers.due(trio.current_time()):
                cell.mailbox.put_last(message)

    async def __take_batch(self) -> None:
        """Handle what waits, without a checkpoint of our own.

        One function and not three: these are the lines that every message of the program passes. Nobody can see since
        when a plain handler works, for nobody else runs meanwhile; so only of an async one is the time noted.
        """
        cell = self._cell
        handlers = self._handlers
        now = cell.system.now
        for item in cell.mailbox.drain():
            cell.handling = item
            if cell.armed:
                fault("actor.receive", cell.path)
            try:
                kind = item.__class__
                result = (handlers.get(kind) or self.__handler_of(kind))(self, item)
                if result is not None and result.__class__ is CoroutineType:
                    cell.handling_since = now()
                    await result
            except Rejected as rejected:
                _log.debug("%s rejected a message nobody asked about: %s", cell.path, rejected)
            if cell.leaving:
                break
        cell.handling = None

    def __handler_of(self, kind: type) -> Handler:
        """Find what takes a class of messages: `receive` if that is overridden, or the method marked for it."""
        receive = type(self).receive
        marked_only = receive is _BY_MARK or is_for_runtime(kind)
        handler = self._handlers[kind] = self.__method_for(kind) if marked_only else receive
        return handler

    def __method_for(self, kind: type) -> Handler:
        """Find the method marked for a class of messages."""
        method = self._methods.get(kind)
        if method is None:
            method = self._methods[kind] = find_handler(type(self), kind)
        return method

    @handles
    def _on_call(self, call: Call[Any]) -> object:
        """Handle the request in a call, unless nobody waits for the answer any more."""
        if call.done:
            return None
        call.deferred = False
        kind: type = call.message.__class__
        try:
            result = (self._handlers.get(kind) or self.__handler_of(kind))(self, call.message)
        except Rejected as rejected:
            call.fail(rejected.error)
            return None
        if result.__class__ is CoroutineType:
            return self.__answer(call, result)
        if not call.deferred:
            call.answer(result)
        return None

    async def __answer(self, call: Call[Any], handling: Coroutine[Any, Any, object]) -> None:
        try:
            result = await handling
        except Rejected as rejected:
            call.fail(rejected.error)
        else:
            if not call.deferred:
                call.answer(result)

    @handles
    def _on_down(self, signal: DownSignal) -> object:
        """Handle what a monitor tells, unless it was another incarnation that wanted to know."""
        if signal.incarnation != self._cell.incarnation:
            return None
        return (self._handlers.get(Down) or self.__handler_of(Down))(self, signal.down)

    @handles
    def _on_drained(self, _: Drained) -> None:
        """All that waited is handled."""
        self._cell.leave_drained()

    def __timers(self) -> Timers[M]:
        cell = self._cell
        if cell.timers is None:
            cell.timers = Timers()
            cell.has_timers = True
        cell.mailbox.ring()  # a task of its own may have started one while the actor waits for messages
        return cell.timers

    # --- the runtime's side ---

    @property
    def takes_messages(self) -> bool:
        """Whether it is of the kind that takes messages until it is time to stop."""
        return type(self).run is _ONLY_RECEIVING

    @property
    def only_receives(self) -> bool:
        """Whether it has nothing left to do when it has stopped taking messages, but for its `on_stop`."""
        return self.takes_messages

    def embody(self, cell: Cell[M]) -> None:
        """Become the incarnation of a cell."""
        self._cell = cell

    async def live(self) -> object:
        """Live from `on_start` to the end of `run`, inside the incarnation's scope."""
        cell = self._cell
        if cell.armed:
            fault("actor.start", cell.path)
        if type(self).on_start is not _NOTHING_TO_PREPARE:
            await self.on_start()
        cell.prepared = True
        if cell.children is not None:
            await self._start_children()
        cell.running()
        return await self.run()

    async def _start_children(self) -> None:
        """Start those it begins with, if it is a supervisor."""


_NOTHING_TO_PREPARE = Actor[Any].on_start
_BY_MARK = Actor[Any].receive
_ONLY_RECEIVING = Actor[Any].run
