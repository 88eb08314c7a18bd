"""A nursery that helps a block and gets out of its way."""

from __future__ import annotations

import pytest
import trio

from bluev_actors.client.helpers import open_helpers


async def test_helpers_end_with_the_block() -> None:
    """Leaving does not wait for them."""
    async with open_helpers() as nursery:
        nursery.start_soon(trio.sleep_forever)
    assert not nursery.child_tasks


async def test_the_blocks_error_leaves_it_bare() -> None:
    """And brings no group along as its context."""

    async def block() -> None:
        async with open_helpers() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.lowlevel.checkpoint()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        await block()
    assert caught.value.__context__ is None


async def test_a_helpers_error_ends_the_block() -> None:
    """Bare as well, since the block itself was only cancelled."""

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise ValueError("theirs")

    async def block() -> None:
        async with open_helpers() as nursery:
            nursery.start_soon(fail)
            await trio.sleep_forever()

    with pytest.raises(ValueError, match="theirs"):
        await block()


async def test_two_errors_stay_together() -> None:
    """Neither is dropped for the other."""

    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("theirs")

    async def block() -> None:
        async with open_helpers() as nursery:
            nursery.start_soon(fail)
            await trio.lowlevel.checkpoint()
            raise ValueError("mine")

    with pytest.raises(BaseExceptionGroup) as caught:
        await block()
    assert caught.group_contains(ValueError, match="mine")
    assert caught.group_contains(ValueError, match="theirs")


async def test_a_cancel_from_outside_passes() -> None:
    """A time limit around it works as around anything."""
    with trio.move_on_after(0) as scope:
        async with open_helpers() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()
    assert scope.cancelled_caught
