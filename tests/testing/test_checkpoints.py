"""Crashes at the checkpoints of actors, up to a whole tree that survives one at each of them."""

from __future__ import annotations

import contextlib
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import frozen

from bluev_actors.actors import Actor, Request, Supervisor, child, handles, open_system
from bluev_actors.errors import ActorError, ActorStoppedError, ChildStartError
from bluev_actors.faultpoints import around
from bluev_actors.testing.checkpoints import count_checkpoints, crash_at_checkpoint
from bluev_actors.testing.faults import InjectedError
from bluev_actors.testing.trees import tree
from bluev_actors.testing.virtual_time import run_in_virtual_time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from bluev_actors.actors import ChildSpec, Ref, System

VIRTUAL_TIME = True


# --- coroutines ---


async def three_checkpoints() -> str:
    """Yield, sleep and wait."""
    await trio.lowlevel.checkpoint()
    await trio.sleep(1)
    sending, receiving = trio.open_memory_channel[str](1)
    await sending.send("arrived")
    return await receiving.receive()


async def test_nothing_happens_to_others() -> None:
    """Only the one who is named is counted."""
    with count_checkpoints("/me") as counted:
        assert await around("/you", three_checkpoints()) == "arrived"
        assert counted.passed == 0
        assert await around("/me", three_checkpoints()) == "arrived"
    assert counted.passed == 4


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
async def test_it_fails_once_at_each_place(nth: int) -> None:
    """The nth time it is resumed it fails, and neither before nor ever again."""
    with crash_at_checkpoint("/me", nth) as crash:
        with pytest.raises(InjectedError):
            await around("/me", three_checkpoints())
        assert crash.happened
        assert crash.passed == nth
        assert await around("/me", three_checkpoints()) == "arrived"


async def test_beyond_the_last_place_nothing_happens() -> None:
    """That is how a loop knows that it has seen them all."""
    with crash_at_checkpoint("/me", 5) as crash:
        await around("/me", three_checkpoints())
    assert not crash.happened


async def test_any_error_may_be_raised() -> None:
    """A class, or whatever makes one."""
    with crash_at_checkpoint("/me", error=lambda: OSError("no disk")), pytest.raises(OSError, match="no disk"):
        await around("/me", three_checkpoints())


async def test_the_wait_is_over_when_it_fails() -> None:
    """A second of sleep has passed, so the code fails after it and not instead of it."""
    began = trio.current_time()
    with crash_at_checkpoint("/me", 2), pytest.raises(InjectedError):
        await around("/me", three_checkpoints())
    assert trio.current_time() == began + 1


async def test_what_was_raised_can_be_caught() -> None:
    """The coroutine lives on if it handles the error, and waits as before."""

    async def stubborn() -> str:
        try:
            await trio.sleep(1)
        except InjectedError:
            await trio.sleep(1)
        return "still here"

    with crash_at_checkpoint("/me"):
        assert await around("/me", stubborn()) == "still here"


async def rest() -> None:
    """Wait for nothing."""
    await trio.sleep_forever()


async def test_a_cancellation_is_no_checkpoint_passed() -> None:
    """It comes through, and what it ended does not count."""
    with count_checkpoints("/me") as counted, trio.move_on_after(1) as scope:
        await around("/me", rest())
    assert scope.cancelled_caught
    assert counted.passed == 0


async def test_an_error_of_its_own_comes_through() -> None:
    """An escort does not hide what goes wrong by itself."""

    async def fails() -> None:
        await trio.sleep(1)
        raise KeyError("mine")

    with count_checkpoints("/me"), pytest.raises(KeyError, match="mine"):
        await around("/me", fails())


async def test_what_trio_itself_throws_comes_through() -> None:
    """A coroutine of another world is told so at the place where it yielded."""

    class Foreign:
        def __await__(self) -> object:
            yield "not a trap of Trio"

    async def strays() -> str:
        try:
            await Foreign()  # type: ignore[misc] # on purpose
        except TypeError as error:
            return str(error)
        return ""

    with count_checkpoints("/me"):
        assert "unrecognized yield" in await around("/me", strays())


async def lock_and_unlock(lock: trio.Lock) -> None:
    """Take a lock, at once or after a wait."""
    async with lock:
        await trio.sleep(1)


async def use_limiter(limiter: trio.CapacityLimiter) -> None:
    """The same with a token."""
    async with limiter:
        await trio.sleep(1)


async def use_semaphore(semaphore: trio.Semaphore) -> None:
    """The same with a semaphore."""
    async with semaphore:
        await trio.sleep(1)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(
    ("make", "use"),
    [
        (trio.Lock, lock_and_unlock),
        (lambda: trio.Semaphore(1), use_semaphore),
        (lambda: trio.CapacityLimiter(1), use_limiter),
    ],
    ids=["lock", "semaphore", "limiter"],
)
async def test_what_a_wait_takes_is_given_back(
    make: Callable[[], object], use: Callable[[object], Awaitable[None]], nth: int, *, busy: bool
) -> None:
    """Nothing is held for ever, for the moment at which it is handed over is no place to fail."""
    thing = make()
    async with trio.open_nursery() as nursery:
        if busy:
            nursery.start_soon(use, thing)
            await trio.testing.wait_all_tasks_blocked()
        with crash_at_checkpoint("/me", nth) as crash:
            try:
                await around("/me", use(thing))  # type: ignore[arg-type] # they are coroutine functions
            except InjectedError:
                assert nth == 1
    assert crash.happened == (nth == 1)
    with trio.fail_after(10):
        await use(thing)


async def test_a_condition_is_left_in_order() -> None:
    """Whoever is woken holds the lock again, so that is no place to fail either."""
    condition = trio.Condition()

    async def wait() -> None:
        async with condition:
            await condition.wait()
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        with crash_at_checkpoint("/me", 1) as crash, pytest.RaisesGroup(InjectedError):
            async with trio.open_nursery() as inner:
                inner.start_soon(lambda: around("/me", wait()))
                await trio.testing.wait_all_tasks_blocked()
                async with condition:
                    condition.notify()
        nursery.start_soon(trio.sleep, 0)
    assert crash.happened
    assert not condition.locked()


@asynccontextmanager
async def nursery_inside() -> AsyncGenerator[trio.Nursery]:
    """A nursery that is left inside an asynchronous generator."""
    async with trio.open_nursery() as nursery:
        yield nursery


@pytest.mark.parametrize("open_nursery", [trio.open_nursery, nursery_inside])
async def test_a_nursery_is_left_in_order(
    open_nursery: Callable[[], AbstractAsyncContextManager[trio.Nursery]],
) -> None:
    """The wait at the end of a nursery is no place to fail: an error there would tear Trio's own books."""

    async def parent() -> None:
        async with open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)
        async with open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 1)

    with count_checkpoints("/me") as counted:
        await around("/me", parent())
    assert counted.passed == 0


# --- actors ---


@frozen
class Add(Request[int]):
    """Add a number to what is kept."""

    number: int


class Store(Actor[Add]):
    """Keeps a sum outside of itself, so that it survives."""

    def __init__(self, kept: list[int]) -> None:
        self._kept = kept

    async def on_start(self) -> None:
        """Take a moment."""
        await trio.sleep(0.1)

    @handles
    async def _on_add(self, request: Add) -> int:
        await trio.sleep(0.1)
        self._kept.append(request.number)
        await trio.lowlevel.checkpoint()
        return sum(self._kept)


class Ticker(Actor[None]):
    """Does something on its own."""

    async def run(self) -> object:
        """Tick three times, and rest."""
        for _ in range(3):
            await trio.sleep(0.5)
        return await trio.sleep_forever()


async def start(system: System, spec: ChildSpec) -> Ref[Any]:
    """Start a child, once more if it crashes before it runs: then it is its starter's to try again."""
    try:
        return await system.start(spec)
    except ChildStartError:
        return await system.start(spec)


async def add(store: Ref[Add], number: int) -> None:
    """Ask until there is an answer."""
    while True:
        try:
            await store.ask(Add(number))
        except ActorError:
            await trio.sleep(0.5)
        else:
            return


def group() -> Supervisor[None]:
    """A supervisor that allows one crash."""
    return Supervisor([child("ticker", Ticker), child("spare", lambda: Store([]))])


async def work_in_a_tree() -> None:
    """Build a small tree, use it through a crash, and see that it is whole at the end."""
    kept: list[int] = []
    async with open_system() as system:
        store = await start(system, child("store", lambda: Store(kept)))
        await start(system, child("group", group))
        with trio.fail_after(60):
            for number in range(3):
                await add(store, number)
        await trio.sleep(5)
        assert tree(system) == {"store": "running", "group": {"ticker": "running", "spare": "running"}}
        assert set(kept) == {0, 1, 2}


@pytest.mark.parametrize("path", ["/store", "/group", "/group/ticker", "/group/spare"])
def test_a_tree_survives_a_crash_at_every_checkpoint(path: str) -> None:
    """Wherever one of them fails, its supervisor mends it, and all is as it should be in the end."""
    survived = 0
    for nth in count(1):
        with crash_at_checkpoint(path, nth) as crash:
            run_in_virtual_time(work_in_a_tree)
        if not crash.happened:
            break
        survived += 1
    assert survived > 1


def test_a_crash_of_the_root_ends_the_program_at_once() -> None:
    """Nobody is above it to mend it, so whoever opened the system is told, and nothing hangs."""
    ended = 0
    for nth in count(1):
        with crash_at_checkpoint("/", nth) as crash, contextlib.suppress(InjectedError, ActorStoppedError):
            run_in_virtual_time(work_in_a_tree)
        if not crash.happened:
            break
        ended += 1
    assert ended > 3


def test_two_actors_may_crash_in_one_run() -> None:
    """Blocks stand in one another, and each counts for itself."""
    with crash_at_checkpoint("/store", 2) as first, crash_at_checkpoint("/group/ticker", 2) as second:
        run_in_virtual_time(work_in_a_tree)
    assert first.happened
    assert second.happened
