"""Following to the end, and Ctrl-C."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.cli.follow import EXIT_BY_STATUS, LEFT, Interrupts, follow, until_interrupted
from bluev_actors.workflows.run_events import RUN_ENDED
from bluev_actors.workflows.run_state import RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluev_actors.client.feed import RunUpdate


async def for_ever() -> int:
    """Work without an end."""
    await trio.sleep_forever()


class Told:
    """A source that gives out empty batches, and then has no more."""

    def __init__(self, batches: int, *, fails: bool = False) -> None:
        self.left = batches
        self.fails = fails
        self.state = RunState("r", "w", status="completed")

    @property
    def exhausted(self) -> bool:
        """Whether all were taken."""
        return self.left == 0

    async def take(self, within: float) -> Sequence[RunUpdate]:
        """The next one."""
        await trio.sleep(within)
        self.left -= 1
        if self.fails:
            raise ValueError("no more")
        return []


class Seen:
    """A display that notes."""

    pace = 0.0
    wants = None

    def __init__(self) -> None:
        self.shown = 0
        self.closed = 0

    def show(self, updates: Sequence[RunUpdate], state: RunState) -> None:
        """Note it."""
        del updates, state
        self.shown += 1

    def close(self, state: RunState) -> None:
        """Note it."""
        del state
        self.closed += 1


async def test_every_batch_is_shown() -> None:
    """And the display is closed once."""
    display = Seen()
    state = await follow(Told(3), display)
    assert (display.shown, display.closed, state.status) == (3, 1, "completed")


async def test_a_display_is_closed_whatever_happens() -> None:
    """Or a terminal would be left without its cursor."""
    display = Seen()
    with pytest.raises(ValueError, match="no more"):
        await follow(Told(1, fails=True), display)
    assert display.closed == 1


async def test_the_work_says_the_exit_code() -> None:
    """What it returns is what the process ends with; its helpers end with it."""

    async def work(nursery: trio.Nursery, _: Interrupts) -> int:
        nursery.start_soon(trio.sleep_forever)
        await trio.lowlevel.checkpoint()
        return 7

    assert await until_interrupted(work) == 7


async def test_an_error_of_the_work_leaves_it_bare() -> None:
    """So that the front desk knows it."""

    async def work(nursery: trio.Nursery, _: Interrupts) -> int:
        nursery.start_soon(trio.sleep_forever)
        await trio.lowlevel.checkpoint()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await until_interrupted(work)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_work(number: signal.Signals) -> None:
    """Wherever it is."""

    async def work(_nursery: trio.Nursery, _: Interrupts) -> int:
        signal.raise_signal(number)
        return await for_ever()

    assert await until_interrupted(work) == LEFT


async def test_two_signals_in_a_breath() -> None:
    """The second comes while the first is being obeyed, and changes nothing."""

    async def work(_nursery: trio.Nursery, _: Interrupts) -> int:
        signal.raise_signal(signal.SIGINT)
        try:
            return await for_ever()
        finally:
            signal.raise_signal(signal.SIGINT)

    assert await until_interrupted(work) == LEFT


async def test_a_signal_in_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trio hands back what nobody took, as a KeyboardInterrupt; it was still a Ctrl-C."""

    async def listen(_: Interrupts, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    async def work(_nursery: trio.Nursery, _: Interrupts) -> int:
        await trio.lowlevel.checkpoint()
        return 0

    monkeypatch.setattr(Interrupts, "listen", listen)
    assert await until_interrupted(work) == LEFT


async def test_the_first_signal_may_mean_something_else() -> None:
    """And then the second one ends it."""
    acts = list[str]()

    async def work(_nursery: trio.Nursery, interrupts: Interrupts) -> int:
        first = trio.Event()

        async def stop() -> None:
            acts.append("stop")
            first.set()

        interrupts.react = stop
        signal.raise_signal(signal.SIGINT)
        await first.wait()
        signal.raise_signal(signal.SIGINT)
        return await for_ever()

    assert await until_interrupted(work) == LEFT
    assert acts == ["stop"]


async def test_a_run_that_ends_after_the_signal_was_still_left() -> None:
    """Whoever presses Ctrl-C gets its exit code, even when the work comes to its own end."""

    async def work(_nursery: trio.Nursery, interrupts: Interrupts) -> int:
        over = trio.Event()

        async def stop() -> None:
            await trio.lowlevel.checkpoint()
            over.set()

        interrupts.react = stop
        signal.raise_signal(signal.SIGINT)
        await over.wait()
        return 3

    assert await until_interrupted(work) == LEFT


def test_every_end_has_its_code() -> None:
    """No run ends without one."""
    assert EXIT_BY_STATUS.keys() == RUN_ENDED
