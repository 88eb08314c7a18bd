"""The floors of the actor bench: what bare Trio does in the same place, without anything an actor gives on top."""

from __future__ import annotations

import logging
import math
from time import perf_counter
from typing import TYPE_CHECKING

import trio
import trio.testing
from bench.actor_case import ASKERS, BATCH, RING, SENDERS, CrashError, Tick
from bench.actor_meters import in_a_fresh_process, logged, open_bystander, resident
from bench.duels import Case, on_trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Loop = Callable[[trio.MemoryReceiveChannel[Tick], "_Sink"], Awaitable[None]]

_log = logging.getLogger("bluev_actors.bench")


class _Sink:
    """Takes ticks by an async handler found by their class, until it has had them all."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.handlers: dict[type, Callable[[Tick], Awaitable[None]]] = {Tick: self.on_tick}

    async def on_tick(self, _: Tick) -> None:
        self.left -= 1


class _Slot:
    """Where an answer comes back."""

    __slots__ = ("answer", "answered")

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.answer = 0


_Call = tuple[int, _Slot]


# --- tell ---


async def checkpoints(times: int) -> float:
    """Nothing but checkpoints, in a task that is alone."""
    began = perf_counter()
    for _ in range(times):
        await trio.lowlevel.checkpoint()
    return times / (perf_counter() - began)


async def _naive_loop(inbox: trio.MemoryReceiveChannel[Tick], sink: _Sink) -> None:
    async for tick in inbox:
        await sink.handlers[type(tick)](tick)
        if not sink.left:
            return


async def _batched_loop(inbox: trio.MemoryReceiveChannel[Tick], sink: _Sink) -> None:
    while sink.left:
        tick = await inbox.receive()
        await sink.handlers[type(tick)](tick)
        try:
            for _ in range(BATCH):
                tick = inbox.receive_nowait()
                await sink.handlers[type(tick)](tick)
        except trio.WouldBlock:
            pass


async def _send_each(outbox: trio.MemorySendChannel[Tick], times: int) -> None:
    for number in range(times):
        await outbox.send(Tick("n", number))


async def _send_quickly(outbox: trio.MemorySendChannel[Tick], times: int) -> None:
    for number in range(times):
        tick = Tick("n", number)
        try:
            outbox.send_nowait(tick)
        except trio.WouldBlock:
            await outbox.send(tick)


async def tell_naive(times: int) -> float:
    """A memory channel as everybody writes it first: one checkpoint and more for each message."""
    outbox, inbox = trio.open_memory_channel[Tick](100)
    began = perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_naive_loop, inbox, _Sink(times))
        nursery.start_soon(_send_each, outbox, times)
    return times / (perf_counter() - began)


async def tell_batched(times: int) -> float:
    """The same channel, sent to and received from without a checkpoint as long as that goes."""
    outbox, inbox = trio.open_memory_channel[Tick](1024)
    began = perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_batched_loop, inbox, _Sink(times))
        nursery.start_soon(_send_quickly, outbox, times)
    return times / (perf_counter() - began)


async def fan_in(times: int) -> float:
    """Many senders into one naive channel."""
    each = max(1, times // SENDERS)
    outbox, inbox = trio.open_memory_channel[Tick](1024)
    began = perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_naive_loop, inbox, _Sink(each * SENDERS))
        for _ in range(SENDERS):
            nursery.start_soon(_send_each, outbox, each)
    return each * SENDERS / (perf_counter() - began)


async def ring(times: int) -> float:
    """A token that goes round a ring of tasks with a channel each."""
    done = trio.Event()
    links = [trio.open_memory_channel[int](1) for _ in range(RING)]

    async def pass_on(place: int) -> None:
        async for hops in links[place][1]:
            if not hops:
                done.set()
                return
            await links[(place + 1) % RING][0].send(hops - 1)

    async with trio.open_nursery() as nursery:
        for place in range(RING):
            nursery.start_soon(pass_on, place)
        await trio.testing.wait_all_tasks_blocked()
        began = perf_counter()
        links[0][0].send_nowait(times)
        await done.wait()
        took = perf_counter() - began
        nursery.cancel_scope.cancel()
    return times / took


async def delay(times: int) -> float:
    """The longest that a bystander waits while ticks flow through the batched channel, in milliseconds."""
    async with open_bystander() as bystander:
        await tell_batched(times)
    return bystander.worst * 1000


# --- ask ---


async def _answer(inbox: trio.MemoryReceiveChannel[_Call]) -> None:
    async for number, slot in inbox:
        slot.answer = number
        slot.answered.set()


async def _ask(outbox: trio.MemorySendChannel[_Call], times: int) -> None:
    for number in range(times):
        slot = _Slot()
        outbox.send_nowait((number, slot))
        await slot.answered.wait()


async def _ask_by(askers: int, times: int) -> float:
    outbox, inbox = trio.open_memory_channel[_Call](math.inf)
    each = max(1, times // askers)
    async with trio.open_nursery() as server:
        server.start_soon(_answer, inbox)
        began = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(askers):
                nursery.start_soon(_ask, outbox, each)
        took = perf_counter() - began
        server.cancel_scope.cancel()
    return askers * each / took


async def ask(times: int) -> float:
    """One asker; each call brings an event and a place for its answer."""
    return await _ask_by(1, times)


async def ask_many(times: int) -> float:
    """Many askers at once, and one message for each receive."""
    return await _ask_by(ASKERS, times)


# --- lives ---


async def _crash(started: trio.Event) -> None:
    started.set()
    await trio.lowlevel.checkpoint()
    raise CrashError


async def _guard(started: trio.Event, exits: trio.MemorySendChannel[Exception]) -> None:
    # The error is kept in no variable, for its traceback leads back here: such a circle waits for the garbage
    # collector, and a floor should not be beaten by that.
    with trio.CancelScope():
        try:
            await _crash(started)
        except CrashError as error:
            _log.error("crashed", exc_info=error)
            exits.send_nowait(error)


async def restart(times: int) -> float:
    """A task with a cancel scope for each life, and a channel that tells of its end."""
    send, receive = trio.open_memory_channel[Exception](math.inf)
    async with trio.open_nursery() as nursery:
        began = perf_counter()
        for _ in range(times):
            started = trio.Event()
            nursery.start_soon(_guard, started, send)
            await started.wait()
            await receive.receive()
        return times / (perf_counter() - began)


async def _idle(inbox: trio.MemoryReceiveChannel[Tick], started: trio.Event, stopped: trio.Event) -> None:
    with trio.CancelScope():
        started.set()
        async for _ in inbox:
            pass
    stopped.set()


async def spawn(times: int) -> float:
    """A task with a cancel scope and a channel, which says that it has started, and that it is over."""
    async with trio.open_nursery() as nursery:
        began = perf_counter()
        for _ in range(times):
            outbox, inbox = trio.open_memory_channel[Tick](10)
            started, stopped = trio.Event(), trio.Event()
            nursery.start_soon(_idle, inbox, started, stopped)
            await started.wait()
            outbox.close()
            await stopped.wait()
        return times / (perf_counter() - began)


async def memory(times: int) -> float:
    """Bytes for each of many idle tasks with a cancel scope and a channel."""
    async with trio.open_nursery() as nursery:
        kept: list[trio.MemorySendChannel[Tick]] = []
        before = resident()
        for _ in range(times):
            outbox, inbox = trio.open_memory_channel[Tick](10)
            kept.append(outbox)
            nursery.start_soon(_idle, inbox, trio.Event(), trio.Event())
        await trio.testing.wait_all_tasks_blocked()
        each = (resident() - before) / times
        nursery.cancel_scope.cancel()
    return each


CASES = (
    Case("floor: checkpoints", on_trio(checkpoints), 40_000),
    Case("floor: tell, naive", on_trio(tell_naive), 20_000),
    Case("floor: tell, batched", on_trio(tell_batched), 100_000),
    Case("floor: fan-in", on_trio(fan_in), 30_000),
    Case("floor: ring", on_trio(ring), 10_000),
    Case("floor: delay", on_trio(delay), 200_000),
    Case("floor: ask", on_trio(ask), 8_000),
    Case("floor: ask, many", on_trio(ask_many), 20_000),
    Case("floor: restart", on_trio(restart), 2_000),
    Case("floor: restart, logged", logged(on_trio(restart)), 2_000),
    Case("floor: spawn", on_trio(spawn), 2_000),
    Case("floor: memory", in_a_fresh_process(memory), 10_000, once=True),
)
