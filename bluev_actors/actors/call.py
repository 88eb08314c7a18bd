"""A request on its way: the message, and the slot that its answer comes back in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeGuard, TypeVar, cast

import trio

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.ref import Ref

M_co = TypeVar("M_co", covariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Envelope:
    """Base class of what the runtime itself puts in a mailbox, among the messages of the users."""

    __slots__ = ()

    @property
    def content(self) -> object:
        """The message inside, for whoever looks at the mailbox from outside."""
        return self

    def lose(self, error_for: Callable[[object], Exception]) -> None:
        """Tell whoever waits for it, if anybody, that nobody will take it.

        Args:
            error_for: makes the error from the message inside.
        """


class Askable(Protocol[M_co, R_co]):
    """What an actor that takes `M_co` can be asked, answered with an `R_co`; every `Request` that it takes is one.

    It is there for type checkers alone: with it they know of an `ask` both whether the ref takes the request and what
    it is answered with. A plain parameter of type `Request[R]` would tell them the second only.
    """

    def asked_of(self, ref: Ref[M_co]) -> R_co:
        """Never called; see `Request.asked_of`."""
        ...


class Request(Generic[R_co]):
    """Base class of the messages that expect an answer, which is of type `R_co`."""

    __slots__ = ()

    def asked_of(self, ref: Ref[Self]) -> R_co:
        """Says to type checkers: whoever takes this class of requests answers with an `R_co`. Never called."""
        raise NotImplementedError(f"use {ref!r}.ask(...)")


class Call(Envelope, Generic[R]):
    """A request in a mailbox, answered once; whatever comes after the first answer is ignored.

    The one task that waits for the answer is rescheduled with it; a memory channel for each call was measured to cost
    2.7 times as much.

    Args:
        message: the request.
        target: who is asked.
    """

    __slots__ = ("_answer", "_error", "_waiter", "blocking", "deferred", "done", "message", "target", "timed")

    def __init__(self, message: Askable[Any, R], target: Cell[Any]) -> None:
        self.message = message
        self.target = target
        self.done = False
        """Whether it is answered, failed, or no longer waited for."""
        self.deferred = False
        """Whether its handler has left the answer for later."""
        self.timed = False
        """Whether its system's deadlines are to be told when it is done."""
        self.blocking = False
        """Whether the asker is an actor that does nothing else until the answer comes."""
        self._answer: R | None = None
        self._error: Exception | None = None
        self._waiter: trio.lowlevel.Task | None = None

    @property
    def content(self) -> object:
        """The request."""
        return self.message

    def answer(self, answer: R) -> None:
        """Give the asker its answer."""
        if not self.done:
            self._answer = answer
            self._settle()

    def fail(self, error: Exception) -> None:
        """Make the asker's `ask` raise `error`."""
        if not self.done:
            self._error = error
            self._settle()

    def lose(self, error_for: Callable[[object], Exception]) -> None:
        """Fail, if it is not answered yet."""
        if not self.done:
            self.fail(error_for(self.message))

    async def wait(self) -> R:
        """Wait for the answer, or raise what it failed with; always a checkpoint.

        If that is cancelled, the call is done: nobody need work on it any more.
        """
        if self.done:
            await trio.lowlevel.checkpoint()
        else:
            self._waiter = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abandon)
        if self._error is not None:
            raise self._error
        return cast("R", self._answer)

    def _settle(self) -> None:
        self._finish()
        if self._waiter is not None:
            trio.lowlevel.reschedule(self._waiter)
            self._waiter = None

    def _finish(self) -> None:
        self.done = True
        if self.deferred:
            self.target.forget_call(self)
        if self.timed:
            self.target.system.deadlines.release()

    def _abandon(self, _: object) -> trio.lowlevel.Abort:
        self._finish()
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED


def is_call(item: object) -> TypeGuard[Call[Any]]:
    """Whether something in a mailbox is a request with an asker behind it."""
    return isinstance(item, Call)
