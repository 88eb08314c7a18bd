"""What an actor is: a class whose instance lives in one task and is spoken to by messages alone."""

from __future__ import annotations

import logging
import typing
from collections.abc import Callable
from inspect import isawaitable, signature
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import trio

from bluev_actors.actors.call import Call
from bluev_actors.actors.cell import Signal
from bluev_actors.actors.mailbox import BATCH
from bluev_actors.actors.ref import Ref, Rejected, own_cell
from bluev_actors.actors.restart import Exit, ExitKind
from bluev_actors.faultpoints import fault

if TYPE_CHECKING:
    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.system import System

_log = logging.getLogger(__name__)

M = TypeVar("M")
F = TypeVar("F", bound=Callable[..., Any])

_HANDLES: Final = "__bluev_handles__"


def handles(method: F) -> F:
    """Mark the method that handles the messages of its one parameter's class, or classes when it is a union."""
    setattr(method, _HANDLES, True)
    return method


class UnhandledMessageError(TypeError):
    """An actor got a message for which its class has no handler."""


class ExitAs(Exception):  # noqa: N818 - no error: it carries an exit out of `run`
    """Raised inside an actor to end its incarnation in just this way."""

    def __init__(self, exit: Exit) -> None:  # noqa: A002 - the standard term
        super().__init__(str(exit))
        self.exit = exit


class Actor(Generic[M]):
    """Base class of actors.

    Its methods run in the actor's own task, one message after another, so its attributes need no locks. An exception
    that leaves one of them is a crash: the incarnation ends, and the supervisor decides whether another is made from
    the factory. What must survive a crash belongs elsewhere; the mailbox does survive.
    """

    ref: Ref[M]
    """The actor's own address; set before `on_start`."""
    system: System
    """The system it lives in; set before `on_start`."""
    _cell: Cell[M]
    _handlers: dict[type, Callable[[Any, Any], object]]

    async def on_start(self) -> None:
        """Prepare; siblings that are started after this one wait for it."""

    async def on_stop(self, exit: Exit) -> None:  # noqa: A002 - the standard term
        """Clean up after `run` ended in whatever way, if `on_start` had ended.

        It cannot be cancelled from outside, and has the `shutdown` seconds of the contract.

        Args:
            exit: how the incarnation ended.
        """

    async def receive(self, message: M) -> object:
        """Handle one message; the default calls the method that `@handles` its class.

        Returns:
            The answer, if the message is a request.
        """
        handler = self._table().get(type(message)) or self._find_handler(type(message))
        result = handler(self, message)
        return await result if isawaitable(result) else result

    async def run(self) -> object:
        """Take messages until it is time to stop; an actor that does one thing and ends overrides this.

        Returns:
            What becomes the `result` of the exit.
        """
        cell, mailbox = self._cell, self._cell.mailbox
        cell.receiving = True
        while not cell.leaving:
            await mailbox.ready()
            for _ in range(min(len(mailbox), BATCH)):
                if cell.leaving:
                    break
                await self._handle(mailbox.get_nowait())
        cell.receiving = False
        return None

    def stop(self) -> None:
        """End after the current message, with a normal exit."""
        self._cell.leaving = True
        self._cell.mailbox.ring()

    def defer(self) -> Call[Any]:
        """Take over the answer to the request at hand: whoever holds the call answers it, later.

        Returns:
            The call. If the actor ends before it is answered, the asker is told.
        """
        call = self._cell.handling
        if not isinstance(call, Call):
            raise RuntimeError("there is no request at hand whose answer could be deferred")
        self._cell.defer(call)
        return call

    async def _handle(self, item: M | Call[Any] | Signal) -> None:
        cell = self._cell
        cell.handling = item
        cell.handling_since = trio.current_time()
        fault("actor.receive", cell.path)
        if isinstance(item, Signal):
            await self._on_signal(item)
        elif isinstance(item, Call):
            await self._answer(cast("Call[Any]", item))
        else:
            await self._take(item)
        cell.handling = None

    async def _take(self, message: M) -> None:
        try:
            await self.receive(message)
        except Rejected as rejected:
            _log.debug("%s rejected a message that nobody asked about: %s", self._cell.path, rejected)

    async def _answer(self, call: Call[Any]) -> None:
        if call.done:
            return
        try:
            result = await self.receive(call.message)
        except Rejected as rejected:
            call.fail(rejected.error)
        else:
            if not call.deferred:
                call.answer(result)

    async def _on_signal(self, signal: Signal) -> None:
        """Take a signal of the runtime; only supervisors get any."""

    async def _live(self) -> object:
        """Live this incarnation inside its scope."""
        await self._set_up()
        self._cell.running()
        return await self.run()

    async def _set_up(self) -> None:
        fault("actor.start", self._cell.path)
        await self.on_start()
        self._cell.prepared = True

    @classmethod
    def _table(cls) -> dict[type, Callable[[Any, Any], object]]:
        """The handlers by message class, made when the class first needs them."""
        table = cls.__dict__.get("_handlers")
        if table is None:
            table = cls._handlers = _handlers_of(cls)
        return table

    @classmethod
    def _find_handler(cls, message_type: type) -> Callable[[Any, Any], object]:
        """The handler of the nearest base class of a message, remembered for the next one."""
        table = cls._table()
        for base in message_type.__mro__:
            if base in table:
                table[message_type] = table[base]
                return table[base]
        known = ", ".join(sorted(handled.__name__ for handled in table)) or "nothing"
        raise UnhandledMessageError(
            f"{cls.__name__} cannot handle {message_type.__name__}; it handles {known}"
        )


def _handlers_of(cls: type) -> dict[type, Callable[[Any, Any], object]]:
    table: dict[type, Callable[[Any, Any], object]] = {}
    for base in reversed(cls.__mro__):
        for name, method in vars(base).items():
            if getattr(method, _HANDLES, False):
                table |= dict.fromkeys(_message_types(method), getattr(cls, name))
    return table


def _message_types(method: Callable[..., object]) -> tuple[type, ...]:
    """The classes that a handler's one parameter is annotated with."""
    parameters = list(signature(method).parameters)
    hints = typing.get_type_hints(method)
    if len(parameters) != 2 or parameters[1] not in hints:  # noqa: PLR2004 - itself and the message
        raise TypeError(f"{method.__qualname__}: a handler takes one message, with its class as annotation")
    hint = hints[parameters[1]]
    members = (
        typing.get_args(hint)
        if isinstance(hint, UnionType) or typing.get_origin(hint) is typing.Union
        else (hint,)
    )
    return tuple(typing.get_origin(member) or member for member in members)


def _made(cell: Cell[Any]) -> Actor[Any]:
    """Make the actor of a new incarnation and give it its place."""
    actor = cell.spec.factory()
    if not isinstance(actor, Actor):
        raise TypeError(f"{cell.path}: the factory made {type(actor).__name__}, which is no Actor")
    actor = cast("Actor[Any]", actor)
    actor._cell = cell  # noqa: SLF001 - the other half of the same thing
    actor.ref = Ref(cell)
    actor.system = cell.system
    cell.actor = actor
    return actor


async def live(cell: Cell[Any]) -> None:
    """Live one incarnation of an actor, from its factory to its exit.

    Nothing gets out but what must end the whole program, such as a `KeyboardInterrupt`.
    """
    own_cell.set(cell)
    ending = Exit(ExitKind.KILLED)
    try:
        ending = await _run_to_exit(cell)
        ending = await _clean_up(cell, ending) if cell.prepared else ending
    except BaseException as error:
        ending = Exit(ExitKind.CRASHED, error)
        raise
    finally:
        cell.exited(ending)


async def _run_to_exit(cell: Cell[Any]) -> Exit:
    result: object = None
    try:
        with cell.scope:
            result = await _made(cell)._live()  # noqa: SLF001 - as in `_made`
    except ExitAs as ending:
        return ending.exit
    except Exception as error:  # noqa: BLE001 - an actor may fail in any way; its supervisor judges it
        return Exit(ExitKind.CRASHED, error)
    return cell.outcome(result)


async def _clean_up(cell: Cell[Any], ending: Exit) -> Exit:
    """Give the actor its `on_stop`; a failure of that is the exit, unless something failed before."""
    cell.stopping()
    actor = cast("Actor[Any]", cell.actor)
    try:
        fault("actor.stop", cell.path)
        if type(actor).on_stop is Actor.on_stop:
            return ending
        with trio.CancelScope(deadline=trio.current_time() + cell.spec.grace, shield=True) as scope:
            await actor.on_stop(ending)
    except Exception as error:
        _log.exception("%s: on_stop failed", cell.path)
        return Exit(ExitKind.CRASHED, error) if ending.expected else ending
    if scope.cancelled_caught and ending.expected:
        return Exit(
            ExitKind.KILLED, result=ending.result, reason=f"on_stop took longer than {cell.spec.grace:g} s"
        )
    return ending
