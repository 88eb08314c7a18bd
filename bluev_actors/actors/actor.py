"""What an actor is: a class whose instance lives in one task and is spoken to by messages alone."""

from __future__ import annotations

import logging
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeGuard, TypeVar, cast

import trio

from bluev_actors.actors.call import Call, Envelope, is_call
from bluev_actors.actors.dispatch import Handler, find_handler
from bluev_actors.actors.ref import Ref, Rejected
from bluev_actors.faultpoints import fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.restart import Exit
    from bluev_actors.actors.system import System

_log = logging.getLogger(__name__)

M = TypeVar("M")


class Actor(Generic[M]):
    """Base class of actors.

    Its methods run in the actor's own task, one message after another, so its attributes need no locks. An
    exception that leaves one of them is a crash: the incarnation ends, and the supervisor decides whether the
    factory makes another. What must survive a crash belongs elsewhere; the mailbox does survive.
    """

    ref: Ref[M]
    """The actor's own address; set before `on_start`."""
    system: System
    """The system it lives in; set before `on_start`."""
    _cell: Cell[M]
    _handlers: ClassVar[dict[type, Handler]] = {}
    """The handlers found so far, by message class; each class has its own."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - whatever bases beside this one take
        super().__init_subclass__(**kwargs)
        cls._handlers = {}

    # --- what subclasses may override ---

    async def on_start(self) -> None:
        """Prepare; siblings that are started after this one may wait for it."""

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
        result = self._dispatch(message)
        if isinstance(result, CoroutineType):
            return await cast("CoroutineType[Any, Any, object]", result)
        return result

    async def run(self) -> object:
        """Take messages until it is time to stop; an actor that does one thing and ends overrides this.

        Returns:
            What becomes the `result` of the exit.
        """
        cell = self._cell
        take = self._dispatch if type(self).receive is Actor[M].receive else self.receive
        cell.receiving = True
        while not cell.leaving:
            await cell.mailbox.ready()
            if not cell.leaving:
                await self._take_batch(take)
        cell.receiving = False
        return None

    async def _take_batch(self, take: Callable[[M], object]) -> None:
        """Handle what waits, without a checkpoint of our own.

        One function and not three, and no coroutine for `receive` unless it is overridden: these are the lines
        that every message of the program passes. Nobody can see what a plain handler works on, for nobody else
        runs meanwhile; so only of an async one is it noted.
        """
        cell = self._cell
        now = trio.lowlevel.current_clock().current_time
        for item in cell.mailbox.drain():
            fault("actor.receive", cell.path)
            try:
                result = self._open(item) if isinstance(item, Envelope) else take(item)
                if isinstance(result, CoroutineType):
                    cell.handling, cell.handling_since = item, now()
                    await result
            except Rejected as rejected:
                _log.debug("%s rejected a message nobody asked about: %s", cell.path, rejected)
            if cell.leaving:
                break
        cell.handling = None

    def _dispatch(self, message: object) -> object:
        kind = type(message)
        handler = self._handlers.get(kind)
        if handler is None:
            handler = self._handlers[kind] = find_handler(type(self), kind)
        return handler(self, message)

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
        call = self._cell.call
        if call is None:
            raise RuntimeError("there is no request at hand whose answer could be deferred")
        self._cell.defer(call)
        return call

    # --- the runtime's side ---

    def embody(self, cell: Cell[M]) -> None:
        """Become the incarnation of a cell."""
        self._cell = cell
        self.ref = Ref(cell)
        self.system = cell.system

    async def live(self) -> object:
        """Live from `on_start` to the end of `run`, inside the incarnation's scope."""
        await self._set_up()
        self._cell.running()
        return await self.run()

    async def _set_up(self) -> None:
        fault("actor.start", self._cell.path)
        await self.on_start()
        self._cell.prepared = True

    async def _open(self, envelope: Envelope) -> None:
        """Handle what is in an envelope of the runtime."""
        if is_call(envelope) and not envelope.done:
            self._cell.call = envelope
            await self._answer(envelope)
            self._cell.call = None

    async def _answer(self, call: Call[Any]) -> None:
        try:
            result = await self.receive(cast("M", call.message))
        except Rejected as rejected:
            call.fail(rejected.error)
        else:
            if not call.deferred:
                call.answer(result)


def is_actor(made: object) -> TypeGuard[Actor[Any]]:
    """Whether what a factory made is an actor."""
    return isinstance(made, Actor)
