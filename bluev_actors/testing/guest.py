"""A Trio run that takes turns with plain code, in virtual time: what a `TrioMachine` lives in.

Trio is a guest of the caller's thread, which gives it its turns for as long as a call takes and no longer. Between
the calls time stands still; within one it jumps to the next deadline whenever all tasks wait. What goes on in threads
counts for nothing: the clock jumps on while they work.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from inspect import isawaitable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, cast

import outcome
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager


class StuckError(Exception):
    """Something in a guest run went on for longer than its limits allow."""


class GuestRun:
    """A run of Trio inside a program that knows nothing of it.

    Args:
        place: makes the context in which the calls are carried out, such as `open_system`.
        time_limit: seconds of virtual time that one call may take; one that waits in vain fails after this, at once.
        patience: real seconds that one call, the opening or the end may take.

    Raises:
        StuckError: the place does not open.
        BaseException: whatever the place fails with.
    """

    nursery: trio.Nursery
    """For tasks that live beside the calls; cancelled at the end."""

    def __init__(
        self, place: Callable[[], AbstractAsyncContextManager[object]], *, time_limit: float, patience: float
    ) -> None:
        self.clock = MockClock()
        self._place = place
        self._time_limit = time_limit
        self._patience = patience
        self._turns: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._calls, calls = trio.open_memory_channel[_Call](1)
        self._scope = trio.CancelScope()
        self._end: outcome.Outcome[None] | None = None
        self._is_open = False
        trio.lowlevel.start_guest_run(
            self._run,
            calls,
            run_sync_soon_threadsafe=self._turns.put,
            done_callback=self._ended,
            host_uses_signal_set_wakeup_fd=True,
            clock=self.clock,
        )
        self._pump("the opening", lambda: self._is_open)

    # --- the host's side ---

    def call(self, function: Callable[[], object], what: str) -> object:
        """Have a function called in the run, what it returns awaited, and let the tasks settle after it.

        Args:
            function: a plain or a coroutine function.
            what: its name in the texts of errors.

        Returns:
            What came of it.

        Raises:
            StuckError: it took too long.
            BaseException: what it raised, or what the run ended with meanwhile; never in a group of one.
        """
        call = _Call(function, what)
        if self._end is None:
            self._calls.send_nowait(call)
        self._pump(what, lambda: call.result is not None)
        if call.result is None:
            raise StuckError(f"{what}: the run is over")
        return call.result.unwrap()

    def close(self) -> None:
        """Leave the place, cancel what is still there, and end the run.

        Raises:
            StuckError: it does not end.
            BaseException: what the run ended with; never in a group of one.
        """
        if self._end is None:
            self._calls.close()
        self._pump("the end", lambda: False)

    def _pump(self, what: str, is_done: Callable[[], bool]) -> None:
        """Give the run its turns until something is done; if the run is over before, raise what it ended with."""
        if not self._give_turns(is_done):
            self._scope.cancel()
            how = "is cancelled" if self._give_turns(lambda: False) else "cannot be cancelled"
            raise StuckError(f"{what}: did not end within {self._patience:g} s of real time, and {how}")
        if isinstance(self._end, outcome.Error) and not is_done():
            raise self._end.error

    def _give_turns(self, is_done: Callable[[], bool]) -> bool:
        """Take turns with the run until something is done or the run is over; False if patience is over before."""
        deadline = time.monotonic() + self._patience
        while not is_done() and self._end is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with suppress(Empty):
                self._turns.get(timeout=left)()
        return True

    def _ended(self, end: outcome.Outcome[None]) -> None:
        self._end = outcome.Error(sole(end.error)) if isinstance(end, outcome.Error) else end

    # --- the guest's side ---

    async def _run(self, calls: trio.MemoryReceiveChannel[_Call]) -> None:
        self._time_flies(True)
        with self._scope:
            async with self._place(), trio.open_nursery() as self.nursery:
                await wait_all_tasks_blocked()
                self._is_open = True
                await self._serve(calls)
                self.nursery.cancel_scope.cancel()

    async def _serve(self, calls: trio.MemoryReceiveChannel[_Call]) -> None:
        self._time_flies(False)
        try:
            async for call in calls:
                self._time_flies(True)
                call.result = await self._outcome(call)
                self._time_flies(False)
        finally:
            self._time_flies(True)

    async def _outcome(self, call: _Call) -> outcome.Outcome[object]:
        try:
            with trio.move_on_after(self._time_limit):
                result = call.function()
                result = await result if isawaitable(result) else result
                await wait_all_tasks_blocked()
                return outcome.Value(result)
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 - those by which Hypothesis steers are no `Exception`
            return outcome.Error(sole(error))
        return outcome.Error(StuckError(f"{call.what}: did not end within {self._time_limit:g} s of virtual time"))

    def _time_flies(self, flies: bool) -> None:
        self.clock.autojump_threshold = 0 if flies else math.inf


class _Call:
    """A function to call in the run, and what came of it."""

    def __init__(self, function: Callable[[], object], what: str) -> None:
        self.function = function
        self.what = what
        self.result: outcome.Outcome[object] | None = None


def sole(error: BaseException) -> BaseException:
    """The one error inside groups of one."""
    inner = _inside(error)
    return sole(inner[0]) if len(inner) == 1 else error


def _inside(error: BaseException) -> tuple[BaseException, ...]:
    return cast("BaseExceptionGroup[BaseException]", error).exceptions if isinstance(error, BaseExceptionGroup) else ()
