"""A thread that does one job after the other for one task at a time.

Trio's own worker threads are made for calls that come from everywhere. For a commit of one row the way there and back
is most of the cost, and a thread that only waits for the next job halves it.
"""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

import trio
from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


@define
class _Job:
    """Something to be done for a task that waits for it."""

    do: Callable[[], None]
    task: trio.lowlevel.Task
    error: BaseException | None = None


class Worker:
    """A context manager around the thread; one task at a time may give it work.

    Args:
        name: what the thread is called.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._token = trio.lowlevel.current_trio_token()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._jobs.put(None)
        self._thread.join()

    async def run(self, do: Callable[[], None]) -> None:
        """Have something done in the thread; once begun it is never left alone, whoever cancels.

        Raises:
            Exception: whatever it raises.
        """
        job = _Job(do, trio.lowlevel.current_task())
        self._jobs.put(job)
        await trio.lowlevel.wait_task_rescheduled(_never)
        if job.error is not None:
            raise job.error

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.do()
            except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
                job.error = error
            self._token.run_sync_soon(trio.lowlevel.reschedule, job.task)


def _never(_raise_cancel: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
