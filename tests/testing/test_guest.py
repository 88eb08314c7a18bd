"""Trio as a guest of plain code."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from bluev_actors.testing.guest import GuestRun, StuckError, sole

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator


@asynccontextmanager
async def nowhere() -> AsyncGenerator[None]:
    """A place with nothing in it."""
    yield


@pytest.fixture
def guest() -> Generator[GuestRun]:
    """A run with nothing in it."""
    run = GuestRun(nowhere, time_limit=100, patience=5)
    yield run
    run.close()


async def now() -> float:
    """What time it is in the run."""
    return trio.current_time()


async def five_seconds() -> None:
    """Sleep."""
    await trio.sleep(5)


async def ten_seconds() -> None:
    """Sleep for longer."""
    await trio.sleep(10)


async def alive() -> bool:
    """Whether the run goes on."""
    return True


def test_a_call_returns_what_comes_of_it(guest: GuestRun) -> None:
    """Of a coroutine function and of a plain one."""
    began = guest.call(now, "now")
    assert guest.call(trio.current_time, "now") == began


def test_time_stands_still_between_the_calls_and_jumps_within_them(guest: GuestRun) -> None:
    """A sleep costs nothing, and what sleeps beside the calls is woken by their time alone."""
    woken: list[float] = []

    async def sleeper() -> None:
        await trio.sleep(7)
        woken.append(trio.current_time())

    began = guest.clock.current_time()
    guest.call(lambda: guest.nursery.start_soon(sleeper), "start")
    guest.call(now, "now")
    assert guest.clock.current_time() == began
    assert not woken
    guest.call(five_seconds, "sleep")
    assert not woken
    guest.call(five_seconds, "sleep")
    assert woken == [began + 7]
    assert guest.clock.current_time() == began + 10


def test_tasks_settle_after_a_call(guest: GuestRun) -> None:
    """What a plain call sets going has gone as far as it can when the call returns."""
    reached: list[str] = []

    async def walk() -> None:
        for place in ("gate", "garden", "house"):
            await trio.lowlevel.checkpoint()
            reached.append(place)

    guest.call(lambda: guest.nursery.start_soon(walk), "start")
    assert reached == ["gate", "garden", "house"]


class Steered(BaseException):
    """Like those by which Hypothesis steers."""


@pytest.mark.parametrize("error", [KeyError("k"), Steered()])
def test_an_error_comes_out_as_it_is(guest: GuestRun, error: BaseException) -> None:
    """Also of a nursery of the call's own, and the run goes on."""

    async def fail() -> None:
        raise error

    async def fail_in_a_nursery() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    functions: list[Callable[[], object]] = [fail, fail_in_a_nursery]
    for function in functions:
        with pytest.raises(type(error)) as caught:
            guest.call(function, "fail")
        assert caught.value is error
    assert guest.call(alive, "alive")


def test_waiting_in_vain_fails_at_once(guest: GuestRun) -> None:
    """The virtual limit is over in no time."""
    with pytest.raises(StuckError, match=r"^wait: did not end within 100 s of virtual time$"):
        guest.call(trio.sleep_forever, "wait")
    assert guest.call(alive, "alive")


async def spin() -> None:
    """Be busy for ever, without a wait."""
    while True:
        await trio.lowlevel.checkpoint()


def test_being_busy_for_ever_ends_with_patience() -> None:
    """The run is cancelled, and says so; another run can follow it."""
    run = GuestRun(nowhere, time_limit=100, patience=0.2)
    with pytest.raises(StuckError, match=r"^spin: did not end within 0.2 s of real time, and is cancelled$"):
        run.call(spin, "spin")
    run.close()
    with pytest.raises(StuckError, match=r"^now: the run is over$"):
        run.call(now, "now")
    other = GuestRun(nowhere, time_limit=100, patience=5)
    assert other.call(alive, "alive")
    other.close()


def test_what_waits_for_the_world_ends_with_patience() -> None:
    """A place that opens by waiting for ever has no deadline that time could jump to."""

    @asynccontextmanager
    async def closed() -> AsyncGenerator[None]:
        await trio.sleep(math.inf)
        yield

    with pytest.raises(StuckError, match=r"the opening: did not end within 0\.2 s of real time, and is cancelled"):
        GuestRun(closed, time_limit=100, patience=0.2)


def test_a_place_that_does_not_close_ends_with_patience() -> None:
    """What shields itself for ever cannot be ended; that is said too."""
    release = trio.Event()

    @asynccontextmanager
    async def sticky() -> AsyncGenerator[None]:
        yield
        with trio.CancelScope(shield=True):
            await release.wait()

    run = GuestRun(sticky, time_limit=100, patience=0.2)
    with pytest.raises(StuckError, match=r"the end: did not end within 0\.2 s of real time, and cannot be cancelled"):
        run.close()
    release.set()
    run.close()


def test_a_place_is_open_from_start_to_end() -> None:
    """It is opened before the first call and left after the last, the tasks beside them before it."""
    story: list[str] = []

    @asynccontextmanager
    async def place() -> AsyncGenerator[None]:
        await trio.sleep(50)
        story.append("open")
        yield
        await trio.sleep(50)
        story.append("closed")

    async def guard() -> None:
        try:
            await trio.sleep_forever()
        finally:
            story.append("guard leaves")

    run = GuestRun(place, time_limit=10, patience=5)
    run.call(lambda: run.nursery.start_soon(guard), "start")
    story.append("call")
    run.close()
    assert story == ["open", "call", "guard leaves", "closed"]


def test_a_place_that_fails_to_open() -> None:
    """Its error comes out as it is, and no run is left."""

    @asynccontextmanager
    async def broken() -> AsyncGenerator[None]:
        if trio.current_time() >= 0:
            raise OSError("no room")
        yield

    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            GuestRun(broken, time_limit=10, patience=5)


def test_a_place_that_fails_to_close() -> None:
    """Its error comes out of the end."""

    @asynccontextmanager
    async def broken() -> AsyncGenerator[None]:
        yield
        raise OSError("stuck door")

    run = GuestRun(broken, time_limit=10, patience=5)
    with pytest.raises(OSError, match="stuck door"):
        run.close()


def test_a_crash_beside_the_calls_ends_the_run() -> None:
    """It comes out of the call in whose time it happened, and out of the end."""

    async def crash() -> None:
        await trio.sleep(3)
        raise KeyError("beside")

    run = GuestRun(nowhere, time_limit=100, patience=5)
    run.call(lambda: run.nursery.start_soon(crash), "start")
    with pytest.raises(KeyError, match="beside") as first:
        run.call(ten_seconds, "sleep")
    with pytest.raises(KeyError, match="beside") as second:
        run.call(now, "now")
    with pytest.raises(KeyError, match="beside") as third:
        run.close()
    assert first.value is second.value is third.value


def test_the_sole_error_of_groups() -> None:
    """Groups of one are peeled off, groups of more are not."""
    error = KeyError()
    pair = ExceptionGroup("", [error, ValueError()])
    assert sole(error) is error
    assert sole(ExceptionGroup("", [ExceptionGroup("", [error])])) is error
    assert sole(ExceptionGroup("", [pair])) is pair
