"""The watchdog, in real time, for that is what it is about."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.engine.node_types import node
from bluev_actors.engine.nodes.examples import example, step
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.engine.watchdog import watching
from bluev_actors.workflows.run_events import NodeLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from bluev_actors.engine.context import NodeContext

pytestmark = pytest.mark.usefixtures("running_clock")

LIMIT = 0.1
TOO_LONG = 0.3


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the watchdog has said."""
    return [it.getMessage() for it in caplog.records if it.name == "bluev_actors.engine.watchdog"]


def hold_up_everybody() -> None:
    """Block the event loop."""
    time.sleep(TOO_LONG)  # real time is the point here


async def test_who_holds_up_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """In the log at once, with the place in its code; and in its run, where its author sees it."""

    @node
    async def greedy(ctx: NodeContext) -> str:
        hold_up_everybody()
        return f"done {ctx.attempt}"

    async with open_runtime([greedy], watchdog=LIMIT) as runtime:
        run = await runtime.start(
            example("w", {"a": step("greedy"), "b": step("delay", {"seconds": 0.2})}, "a.done -> b.after"),
            run_id="run-1",
        )
        await run.result()
        lines = [it.event for it in run.history() if isinstance(it.event, NodeLog)]
    (said,) = warnings(caplog)
    assert said.startswith("node 'run-1/a' holds up the event loop for 0.")
    assert "hold_up_everybody" in said
    assert __file__ in said
    (line,) = lines
    assert (line.node_id, line.level, line.code) == ("a", "warning", "node_stalled")
    assert "let it run in a thread" in line.message


async def test_one_stall_is_told_once_and_the_next_again(caplog: pytest.LogCaptureFixture) -> None:
    """However long it takes; a new one is news."""

    @node
    async def greedy() -> None:
        hold_up_everybody()
        await trio.sleep(0.05)
        hold_up_everybody()

    async with open_runtime([greedy], watchdog=LIMIT) as runtime:
        await (await runtime.start(example("w", {"a": step("greedy")}))).result()
    assert len(warnings(caplog)) == 2


async def test_who_is_no_node_is_named_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it is."""
    with watching(LIMIT):
        await trio.lowlevel.checkpoint()
        hold_up_everybody()
        await trio.lowlevel.checkpoint()
    (said,) = warnings(caplog)
    assert said.startswith("the event loop is held up for 0.")
    assert "hold_up_everybody" in said


@pytest.mark.parametrize("work", [lambda: None, lambda: time.sleep(0.01)])
async def test_a_loop_that_breathes_is_left_alone(caplog: pytest.LogCaptureFixture, work: Callable[[], None]) -> None:
    """Much work in short turns holds nobody up; an idle loop does not either."""
    with watching(LIMIT):
        for _ in range(20):
            work()
            await trio.lowlevel.checkpoint()
        await trio.sleep(2 * LIMIT)
    assert warnings(caplog) == []


async def test_a_node_in_a_thread_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    """A plain function may block as long as it likes."""

    @node
    def patient() -> None:
        hold_up_everybody()

    async with open_runtime([patient], watchdog=LIMIT) as runtime:
        await (await runtime.start(example("w", {"a": step("patient")}))).result()
    assert warnings(caplog) == []


async def test_nobody_watches_unless_asked_to(caplog: pytest.LogCaptureFixture) -> None:
    """A runtime without a watchdog says nothing, and there is no thread."""

    @node
    async def greedy() -> None:
        hold_up_everybody()

    async with open_runtime([greedy]) as runtime:
        await (await runtime.start(example("w", {"a": step("greedy")}))).result()
    assert warnings(caplog) == []


async def test_it_ends_with_its_block(caplog: pytest.LogCaptureFixture, running_clock: MockClock) -> None:
    """Whoever raises or is cancelled inside; nobody is watched any more then."""
    caplog.set_level(logging.DEBUG)
    for _ in range(2):
        with pytest.raises(LookupError), watching(LIMIT):
            raise LookupError
    with trio.move_on_after(0.01) as scope, watching(60):
        await trio.sleep_forever()
    assert scope.cancelled_caught
    hold_up_everybody()
    await trio.lowlevel.checkpoint()
    assert warnings(caplog) == []
    assert running_clock.rate == 1
