"""The tests of `supervised.py`: no second of real time passes in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from supervised import Ledger, Till, main

from bluev_actors import child, open_system
from bluev_actors.actors import ActorCrashed, ActorEvent, ActorRestarted, System
from bluev_actors.errors import RestartIntensityError
from bluev_actors.testing import Probe, Recorder, run_in_virtual_time, tree

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.mark.virtual_time
async def test_a_bad_price_costs_that_sale_alone(
    actor_system: System, actor_events: Recorder[ActorEvent], probe: Callable[..., Awaitable[Probe[int]]]
) -> None:
    """The till crashes and comes back, and takes what waited meanwhile."""
    ledger = await probe("ledger")
    till = await actor_system.start(child("till", lambda: Till(ledger.ref)))
    for price in ("3", "four", "5"):
        till.tell(price)
    crash = await actor_events.wait_for(ActorCrashed, path="/till")
    assert "four" in crash.reason
    await actor_events.wait_for(ActorRestarted, path="/till", incarnation=2)
    assert [await ledger.expect(int) for _ in range(2)] == [3, 5]
    assert tree(actor_system) == {"ledger": "running", "till": "running"}


async def ask_for_four_crashes() -> None:
    """Crash the ledger once a second."""
    async with open_system() as system:
        ledger = await system.start(Ledger)
        for _ in range(4):
            ledger.tell(-1)
            await trio.sleep(1)


@pytest.mark.virtual_time
async def test_the_fourth_crash_within_five_seconds_ends_it() -> None:
    """A supervisor that cannot help says so, and does not wait for more."""
    began = trio.current_time()
    with pytest.raises(RestartIntensityError, match="more than 3 restarts within 5 s"):
        await ask_for_four_crashes()
    assert trio.current_time() - began == pytest.approx(3)


def test_the_ledger_survives_the_till(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole program: the price after the bad one is added to the total from before."""
    run_in_virtual_time(main)
    assert "sold for 5 which makes 8" in capsys.readouterr().out
