"""Time that jumps."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bluev_actors.testing.virtual_time import run_in_virtual_time


def test_a_year_passes_in_a_moment() -> None:
    """Whoever sleeps is woken as soon as nobody has anything to do."""

    async def sleep(seconds: float) -> float:
        await trio.sleep(seconds)
        return trio.current_time()

    year = 365 * 24 * 3600.0
    assert run_in_virtual_time(sleep, year) >= year


def test_a_clock_of_ones_own_is_used() -> None:
    """Options are those of `trio.run`."""
    clock = MockClock()

    async def now() -> float:
        clock.jump(5)
        return trio.current_time()

    began = clock.current_time()
    assert run_in_virtual_time(now, clock=clock) == began + 5
