"""The time-outs of asks: each to the second, kept by one task however many they are."""

from __future__ import annotations

import gc
import math
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from bluev_actors.actors import Actor, Request, child, handles, open_system
from bluev_actors.actors.call import Call
from bluev_actors.actors.deadlines import Deadlines
from bluev_actors.errors import AskTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bluev_actors.actors import System
    from bluev_actors.actors.cell import Cell


@frozen
class Wait(Request[str]):
    """Asks for something that takes its time."""

    seconds: float


class Sleeper(Actor[Wait]):
    """Leaves everybody waiting."""

    @handles
    async def wait(self, message: Wait) -> str:
        """Answer late."""
        await trio.sleep(message.seconds)
        return "here"


@asynccontextmanager
async def keeping_time() -> AsyncGenerator[Deadlines]:
    """Run deadlines for the length of a block."""
    deadlines = Deadlines()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deadlines.run)
        try:
            yield deadlines
        finally:
            deadlines.close()


def new_call(system: System) -> Call[str]:
    """A call that nobody answers."""
    return Call(Wait(0), cell_of_root(system))


def cell_of_root(system: System) -> Cell[Any]:
    """Whom the calls are for."""
    return system._root  # pyright: ignore[reportPrivateUsage] - its path is in the error's text


async def outcome(call: Call[str]) -> tuple[float, str]:
    """When a call is done, and how."""
    try:
        text = await call.wait()
    except AskTimeoutError as error:
        text = str(error)
    return trio.current_time(), text


# --- one call ---


async def test_a_call_fails_in_its_time(system: System) -> None:
    """The text names who was asked, for what, and how long."""
    call = new_call(system)
    async with keeping_time() as deadlines:
        deadlines.add(call, 2.5)
        assert await outcome(call) == (2.5, "/: no answer to Wait within 2.5 s")
        assert len(deadlines) == 0


async def test_time_that_was_spent_counts(system: System) -> None:
    """An asker that waited for room first gets what is left, and the text names what it allowed."""
    call = new_call(system)
    async with keeping_time() as deadlines:
        deadlines.add(call, 5, spent=3)
        assert await outcome(call) == (2, "/: no answer to Wait within 5 s")


async def test_an_answer_in_time(system: System) -> None:
    """The call is forgotten when it would have been due, and nothing comes of it."""
    call = new_call(system)
    async with keeping_time() as deadlines:
        deadlines.add(call, 2)
        call.answer("here")
        assert await outcome(call) == (0, "here")
        await trio.sleep(3)
        assert len(deadlines) == 0


@pytest.mark.parametrize("timeout", [0, -1, -math.inf])
async def test_no_time_at_all(timeout: float, system: System) -> None:
    """It fails as soon as the time keeper's turn comes, without any time passing."""
    call = new_call(system)
    async with keeping_time() as deadlines:
        deadlines.add(call, timeout)
        assert (await outcome(call))[0] == 0


async def test_an_answer_in_the_very_last_moment(system: System) -> None:
    """An answer that was given when the time is over, but before anybody looked, counts."""
    call = new_call(system)
    async with keeping_time() as deadlines:
        deadlines.add(call, 1)
        await trio.sleep(0.5)
        call.answer("here")
        await trio.sleep(0.5)
        assert (await outcome(call))[1] == "here"


# --- many calls ---


async def test_an_earlier_one_comes_later(system: System) -> None:
    """A time-out that is shorter than all before it is not late."""
    async with keeping_time() as deadlines, trio.open_nursery() as nursery:
        done = list[tuple[float, str]]()

        async def ask(timeout: float) -> None:
            call = new_call(system)
            deadlines.add(call, timeout)
            done.append(await outcome(call))

        for timeout in (9, 3, 6, 1):
            nursery.start_soon(ask, timeout)
            await wait_all_tasks_blocked()
        await trio.sleep(2)
        nursery.start_soon(ask, 0.5)
    assert [at for at, _ in done] == [1, 2.5, 3, 6, 9]


async def test_many_at_once(system: System) -> None:
    """All that are due at the same time fail at that time."""
    calls = [new_call(system) for _ in range(100)]
    async with keeping_time() as deadlines:
        for call in calls:
            deadlines.add(call, 1)
        await trio.sleep(1.5)
        assert all(call.done for call in calls)
        assert len(deadlines) == 0


PLAN = st.tuples(
    st.integers(0, 8).map(lambda eighths: eighths / 8),
    st.integers(0, 24).map(lambda eighths: eighths / 8),
    st.none() | st.integers(0, 24).map(lambda eighths: eighths / 8 + 1 / 16),
)
"""When a call is made, how long its asker waits, and when it is answered, which is never just when it is due."""


@given(st.lists(PLAN, max_size=12))
def test_every_call_ends_when_it_should(plans: list[tuple[float, float, float | None]]) -> None:
    """Whatever is asked, answered and left open: each call ends at its answer or its time-out, whichever is first."""
    trio.run(check_plans, plans, clock=MockClock(autojump_threshold=0))


async def check_plans(plans: list[tuple[float, float, float | None]]) -> None:
    """Carry out plans of calls and check each of them."""

    async def carry_out(at: float, timeout: float, answered: float | None) -> None:
        await trio.sleep(at)
        call = new_call(system)
        async with trio.open_nursery() as nursery:
            if answered is not None:
                nursery.start_soon(answer_after, call, answered)
            deadlines.add(call, timeout)
            ended, text = await outcome(call)
            assert ended == min(at + timeout, math.inf if answered is None else at + answered)
            assert (text == "here") == (answered is not None and answered < timeout)

    async with open_system() as system, keeping_time() as deadlines:
        async with trio.open_nursery() as nursery:
            for plan in plans:
                nursery.start_soon(carry_out, *plan)
        assert sum(not entry.done for entry in open_calls(deadlines)) == 0


async def answer_after(call: Call[str], seconds: float) -> None:
    """Answer a call later."""
    await trio.sleep(seconds)
    call.answer("here")


def open_calls(deadlines: Deadlines) -> list[Call[Any]]:
    """The calls that are kept."""
    return [entry[-1] for entry in deadlines._heap]  # pyright: ignore[reportPrivateUsage] - to see what is kept


# --- memory ---


async def test_answered_calls_are_swept_out(system: System) -> None:
    """A thousand asks a second with a long time-out do not pile up: at most about twice what is open, and some."""
    async with keeping_time() as deadlines:
        still_open = [new_call(system) for _ in range(50)]
        for call in still_open:
            deadlines.add(call, 60)
        most = 0
        for _ in range(10_000):
            call = new_call(system)
            deadlines.add(call, 30)
            call.answer("here")
            most = max(most, len(deadlines))
        assert most <= 2 * 50 + 1024 + 50
        assert set(still_open) <= set(open_calls(deadlines))
        await trio.sleep(31)
        assert [call.done for call in still_open] == [False] * 50
        await trio.sleep(30)
        assert all(call.done for call in still_open)
        assert len(deadlines) == 0


async def test_open_calls_outlive_every_sweep(system: System) -> None:
    """With many more open than a sweep allows for none is lost, and each fails in its time."""
    async with keeping_time() as deadlines:
        calls = [new_call(system) for _ in range(5_000)]
        for place, call in enumerate(calls):
            deadlines.add(call, 1 + place % 7)
        assert len(deadlines) == 5_000
        for seconds in range(1, 8):
            await trio.sleep(0.5)
            assert sum(call.done for call in calls) == sum(place % 7 < seconds - 1 for place in range(5_000))
            await trio.sleep(0.5)
        await wait_all_tasks_blocked()
        assert all(call.done for call in calls)


async def test_a_call_is_let_go_when_it_is_over(system: System) -> None:
    """Nothing of a call that failed is kept."""
    async with keeping_time() as deadlines:
        message = WeakWait()
        seen = weakref.ref(message)
        deadlines.add(Call(message, cell_of_root(system)), 1)
        del message
        await trio.sleep(2)
        gc.collect()
        assert seen() is None


class WeakWait(Request[str]):
    """A request that a weak reference can look at."""


# --- the end ---


async def test_closing_ends_the_task(system: System) -> None:
    """At once, though calls are open, and even before it has begun."""
    with trio.fail_after(1):
        async with keeping_time() as deadlines:
            deadlines.add(new_call(system), 60)
            await wait_all_tasks_blocked()
        closed = Deadlines()
        closed.close()
        await closed.run()
    assert trio.current_time() == 0


async def test_a_cancelled_program_keeps_the_time(system: System) -> None:
    """Actors that ask each other while they stop still have their time-outs, though all around is cancelled."""
    with trio.CancelScope() as scope:
        async with keeping_time() as deadlines:
            call = new_call(system)
            deadlines.add(call, 2)
            scope.cancel()
            with trio.CancelScope(shield=True):
                assert (await outcome(call))[0] == 2
    assert trio.current_time() == 2


async def test_a_system_has_one_time_keeper(system: System) -> None:
    """A hundred asks at once need no tasks of their own, and leave nothing behind."""
    sleeper = await system.start(child("sleeper", Sleeper, mailbox=200))
    sleeper.tell(Wait(1000))
    tasks = list[int]()
    failed = list[float]()

    async def ask(timeout: float) -> None:
        with pytest.raises(AskTimeoutError):
            await sleeper.ask(Wait(0), timeout=timeout)
        failed.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(ask, 1 + number / 4)
        await wait_all_tasks_blocked()
        tasks.append(trio.lowlevel.current_statistics().tasks_living)
    tasks.append(trio.lowlevel.current_statistics().tasks_living)
    assert tasks[0] - tasks[1] == 100
    assert failed == [1 + number / 4 for number in range(100)]
    assert len(system.deadlines) == 0


async def test_time_without_limit_costs_nothing(system: System) -> None:
    """Such an ask is never entered."""
    sleeper = await system.start(Sleeper)
    assert await sleeper.ask(Wait(1_000_000), timeout=math.inf) == "here"
    assert len(system.deadlines) == 0
