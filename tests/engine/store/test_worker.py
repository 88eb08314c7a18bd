from __future__ import annotations

import threading
import time

import pytest
import trio

from bluev_actors.engine.store.worker import Worker


@pytest.mark.usefixtures("running_clock")
async def test_jobs_are_done_in_one_thread() -> None:
    """One after the other, and not in the loop's thread."""
    seen = list[str]()
    with Worker("scribe") as worker:
        for _ in range(3):
            await worker.run(lambda: seen.append(threading.current_thread().name))
    assert seen == ["scribe"] * 3
    assert "scribe" not in {it.name for it in threading.enumerate()}


@pytest.mark.usefixtures("running_clock")
async def test_what_a_job_raises_is_the_callers() -> None:
    """And the thread goes on."""

    def fail() -> None:
        raise OSError("no")

    with Worker("scribe") as worker:
        with pytest.raises(OSError, match="no"):
            await worker.run(fail)
        await worker.run(lambda: None)


@pytest.mark.usefixtures("running_clock")
async def test_a_job_is_never_left_alone() -> None:
    """Who is cancelled stays until the job is done, for it may be half-way through a commit."""
    done = list[int]()

    def slow() -> None:
        time.sleep(0.05)
        done.append(1)

    with Worker("scribe") as worker, trio.CancelScope() as scope:
        scope.cancel()
        await worker.run(slow)
    assert done == [1]
