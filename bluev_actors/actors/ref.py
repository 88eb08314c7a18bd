"""The only thing others hold of an actor: an address that survives its crashes."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from bluev_actors.actors.call import Call, Request
from bluev_actors.actors.lifecycle import State
from bluev_actors.errors import ActorError, ActorStoppedError, AskTimeoutError, BluevError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluev_actors.actors.cell import Cell
    from bluev_actors.actors.mailbox import MailboxStatistics
    from bluev_actors.actors.restart import Exit

M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")

own_cell: ContextVar[Cell[Any] | None] = ContextVar("bluev_actors_own_cell", default=None)
"""The actor whose task, or whose task's child, is running: it is shown as waiting while it asks."""


class Rejected(Exception):  # noqa: N818 - it says what a handler does: `raise Rejected(error)`
    """Raised by the handler of a request to answer with an error instead of crashing.

    Args:
        error: what the asker's `ask` raises.
    """

    def __init__(self, error: BluevError) -> None:
        super().__init__(str(error))
        self.error = error


class Ref(Generic[M_contra]):
    """The address of one actor, through all its incarnations."""

    __slots__ = ("_cell", "_mailbox")

    def __init__(self, cell: Cell[Any]) -> None:
        self._cell = cell
        self._mailbox = cell.mailbox

    def __repr__(self) -> str:
        return f"<Ref {self.path} {self.state.value}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self._cell is other._cell

    def __hash__(self) -> int:
        return hash(self._cell)

    @property
    def id(self) -> str:
        """Its name among its siblings."""
        return self._cell.spec.id

    @property
    def path(self) -> str:
        """Its place in the tree, such as `/runs/run-1`; the root's is `/`."""
        return self._cell.path

    @property
    def state(self) -> State:
        """Where it is in its life."""
        return self._cell.state

    @property
    def incarnation(self) -> int:
        """Which of its lives this is, counted from 1."""
        return self._cell.incarnation

    @property
    def mailbox(self) -> MailboxStatistics:
        """The figures of its mailbox."""
        return self._mailbox.statistics()

    def tell(self, message: M_contra, *, urgent: bool = False) -> None:
        """Put a message in its mailbox, without waiting and without a checkpoint.

        Args:
            message: what to tell.
            urgent: whether it goes before all messages that are not; urgent messages always find room.

        Raises:
            MailboxFullError: there is no room; the message is inside.
            ActorStoppedError: it is gone for good; the message is inside.
        """
        if urgent:
            self._mailbox.put_urgent(message)
        else:
            self._mailbox.put_nowait(message)

    async def send(self, message: M_contra) -> None:
        """Put a message in its mailbox, waiting for room as long as it takes.

        Raises:
            MailboxFullError: it is full and the sender's own, so nobody would ever make room.
            ActorStoppedError: it is gone for good; the message is inside.
        """
        if self._mailbox.full and self._is_own():
            self._mailbox.put_nowait(message)
        await self._mailbox.put(message)

    async def ask(self, message: Request[R], *, timeout: float = 5.0, urgent: bool = False) -> R:
        """Send a request and wait for its answer.

        Args:
            message: the request.
            timeout: seconds to wait for room in the mailbox and for the answer together.
            urgent: whether it goes before all messages that are not.

        Raises:
            AskTimeoutError: no answer came in time; the request may still be worked on.
            ActorStoppedError: it is gone for good, or went before it answered.
            ActorRestartingError: it crashed while it worked on this request, or is on its way out.
            ActorError: it is the asker itself, which would wait for ever.
            BluevError: whatever its handler rejected the request with.
        """
        if self._is_own():
            raise ActorError(f"{self.path}: cannot wait for its own answer to {type(message).__name__}")
        call = Call(message)
        asker = own_cell.get()
        if asker is not None:
            asker.waiting_on = self.path
        try:
            with trio.move_on_after(timeout):
                await self._post(call, urgent=urgent)
                return await call.wait()
        finally:
            if asker is not None:
                asker.waiting_on = ""
        raise AskTimeoutError(f"{self.path}: no answer to {type(message).__name__} within {timeout:g} s")

    async def _post(self, call: Call[Any], *, urgent: bool) -> None:
        """Put a call in the mailbox; an error speaks of the request and not of its envelope."""
        cell = self._cell
        if cell.state is State.STOPPING:
            raise cell.refusal(call.message)
        try:
            if urgent:
                self._mailbox.put_urgent(call)
            elif self._mailbox.full:
                await self._mailbox.wait_for_room(call)
            else:
                self._mailbox.put_nowait(call)
        except ActorStoppedError as error:
            error.undelivered = call.message
            raise

    def _is_own(self) -> bool:
        """Whether the running task is the very one that takes this mailbox's messages."""
        return own_cell.get() is self._cell and self._cell.task is trio.lowlevel.current_task()

    def stop(self, reason: str = "") -> None:
        """Ask it to end for good, whatever its restart policy; it does so before it takes another message.

        One that is still busy after the `shutdown` seconds of its contract is cancelled; one that takes no
        messages is cancelled at once. Does not wait: `stopped` does.
        """
        self._cell.request_stop(reason)

    async def stopped(self) -> Exit:
        """Wait until it is gone for good, which a restart is not; returns how it ended."""
        return await self._cell.gone()

    def when_stopped(self, callback: Callable[[Exit], None]) -> None:
        """Have a plain function called when it is gone for good, at once if it is; it must not raise."""
        self._cell.when_stopped(callback)
