"""A check for tasks that are left behind."""

from __future__ import annotations

import pytest
import trio

from bluev_actors.testing.leftovers import no_task_left

VIRTUAL_TIME = True


async def linger() -> None:
    """Stay for a while."""
    await trio.sleep(1)


async def test_what_ends_in_the_block_is_no_leftover() -> None:
    """A nursery inside leaves nothing, as nurseries do."""
    with no_task_left():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(linger)


async def test_a_child_of_the_task_is_left() -> None:
    """Started in a nursery from before, it outlives the block."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(AssertionError, match=r"^left running: \S*linger$"), no_task_left():
            nursery.start_soon(linger)


async def test_a_system_task_is_left() -> None:
    """It belongs to nobody, so nobody waits for it."""
    with pytest.raises(AssertionError, match=r"left running: .*linger"), no_task_left():
        trio.lowlevel.spawn_system_task(linger)
    await trio.sleep(2)


async def test_what_was_there_before_does_not_count() -> None:
    """Only what the block started."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(linger)
        with no_task_left():
            await trio.lowlevel.checkpoint()


async def test_the_error_of_the_block_goes_first() -> None:
    """What was left behind by a failure is no news."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(KeyError), no_task_left():
            _leave_and_fail(nursery)


def _leave_and_fail(nursery: trio.Nursery) -> None:
    nursery.start_soon(linger)
    raise KeyError
