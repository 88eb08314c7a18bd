from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from trio.testing import wait_all_tasks_blocked

from bluev_actors.engine.store.audience import Audience, Readers

if TYPE_CHECKING:
    import pytest


def test_everybody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """In the order in which they came; one that raises is logged, and one that left hears nothing."""
    audience, heard = Audience[int](), list[int]()

    def broken(_what: int) -> None:
        raise RuntimeError("nobody home")

    audience.add(broken)
    leave = audience.add(heard.append)
    assert len(audience) == 2
    audience.tell(1)
    leave()
    leave()
    audience.tell(2)
    assert heard == [1]
    assert "nobody home" in caplog.text


async def test_readers_leave_nothing_behind() -> None:
    """Neither those that were woken nor those that were cancelled; to wake nobody is no error."""
    readers = Readers()
    readers.wake("r")
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(readers.wait, "r")
        await wait_all_tasks_blocked()
        readers.wake("r")
    with trio.move_on_after(1):
        await readers.wait("r")
    assert readers == Readers() or not readers._waiting  # pyright: ignore[reportPrivateUsage] - what it holds does not show outside
