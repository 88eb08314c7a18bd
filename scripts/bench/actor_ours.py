"""Ours in the actor bench, written as a user writes it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import trio
import trio.testing
from attrs import frozen
from bench.actor_case import ASKERS, BATCH, RING, SENDERS, WATCHED, CrashError, Tick
from bench.actor_meters import in_a_fresh_process, logged, open_bystander, resident
from bench.duels import Case, on_trio

from bluev_actors.actors import Actor, Ref, Request, child, handles, open_system
from bluev_actors.actors.introspection import Lens
from bluev_actors.actors.ref import cell_behind

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bluev_actors.actors import ActorEvent, ActorSnapshot
    from bluev_actors.actors.cell import Cell


class Sink(Actor[Tick]):
    """Takes ticks by an async handler, and rings when it has had them all."""

    def __init__(self, times: int, done: trio.Event) -> None:
        self.left = times
        self.done = done

    @handles
    async def on_tick(self, _: Tick) -> None:
        """Count down."""
        self.left -= 1
        if not self.left:
            self.done.set()


class PlainSink(Actor[Tick]):
    """The same by a plain handler."""

    def __init__(self, times: int, done: trio.Event) -> None:
        self.left = times
        self.done = done

    @handles
    def on_tick(self, _: Tick) -> None:
        """Count down."""
        self.left -= 1
        if not self.left:
            self.done.set()


@frozen
class Question(Request[int]):
    """A number, to be given back."""

    number: int


class Server(Actor[Question]):
    """Answers questions."""

    @handles
    def on_question(self, question: Question) -> int:
        """Give the number back."""
        return question.number


@frozen
class Token:
    """Goes round the ring."""

    hops: int


@frozen
class Neighbour:
    """Closes the ring."""

    ref: Ref[Token | Neighbour]


class Node(Actor[Token | Neighbour]):
    """One place of the ring."""

    def __init__(self, done: trio.Event) -> None:
        self.done = done
        self.next: Ref[Token | Neighbour] | None = None

    @handles
    def on_neighbour(self, message: Neighbour) -> None:
        """Remember whose turn is next."""
        self.next = message.ref

    @handles
    def on_token(self, token: Token) -> None:
        """Pass it on."""
        if self.next is None or not token.hops:
            self.done.set()
        else:
            self.next.tell(Token(token.hops - 1))


class Idle(Actor[Tick]):
    """Does nothing."""


class Crashing(Actor[Tick]):
    """Crashes as soon as it lives, until it has done so often enough."""

    def __init__(self, lives: list[int], done: trio.Event) -> None:
        self.lives = lives
        self.done = done

    async def run(self) -> None:
        """Pass one checkpoint and crash."""
        await trio.lowlevel.checkpoint()
        if not self.lives[0]:
            self.done.set()
            return
        self.lives[0] -= 1
        raise CrashError


# --- tell ---


async def _tell(ref: Ref[Tick], times: int) -> None:
    for number in range(times):
        ref.tell(Tick("n", number))
        if not number % BATCH:
            await trio.lowlevel.checkpoint()


async def _flood(sink: Callable[[int, trio.Event], Actor[Tick]], times: int) -> float:
    done = trio.Event()
    async with open_system() as system:
        ref: Ref[Tick] = await system.start(child("sink", lambda: sink(times, done)))
        began = perf_counter()
        await _tell(ref, times)
        await done.wait()
        return times / (perf_counter() - began)


async def tell(times: int) -> float:
    """One sender, one actor with an async handler."""
    return await _flood(Sink, times)


async def tell_plain(times: int) -> float:
    """One sender, one actor with a plain handler."""
    return await _flood(PlainSink, times)


async def delay(times: int) -> float:
    """The longest that a bystander waits meanwhile, in milliseconds."""
    async with open_bystander() as bystander:
        await _flood(Sink, times)
    return bystander.worst * 1000


async def fan_in(times: int) -> float:
    """Many senders who wait for room, one actor."""
    each = max(1, times // SENDERS)
    done = trio.Event()

    async def send(ref: Ref[Tick]) -> None:
        for number in range(each):
            await ref.send(Tick("n", number))

    async with open_system() as system:
        ref: Ref[Tick] = await system.start(child("sink", lambda: Sink(each * SENDERS, done)))
        began = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(SENDERS):
                nursery.start_soon(send, ref)
        await done.wait()
        return each * SENDERS / (perf_counter() - began)


async def ring(times: int) -> float:
    """A token that goes round a ring of actors."""
    done = trio.Event()
    async with open_system() as system:
        nodes: list[Ref[Token | Neighbour]] = [
            await system.start(child(f"node-{place}", lambda: Node(done))) for place in range(RING)
        ]
        for place, node in enumerate(nodes):
            node.tell(Neighbour(nodes[(place + 1) % RING]))
        await trio.testing.wait_all_tasks_blocked()
        began = perf_counter()
        nodes[0].tell(Token(times))
        await done.wait()
        return times / (perf_counter() - began)


# --- ask ---


async def _ask(ref: Ref[Question], times: int) -> None:
    for number in range(times):
        await ref.ask(Question(number))


async def _ask_by(askers: int, times: int) -> float:
    each = max(1, times // askers)
    async with open_system() as system:
        ref: Ref[Question] = await system.start(child("server", Server))
        began = perf_counter()
        async with trio.open_nursery() as nursery:
            for _ in range(askers):
                nursery.start_soon(_ask, ref, each)
        return askers * each / (perf_counter() - began)


async def ask(times: int) -> float:
    """One asker."""
    return await _ask_by(1, times)


async def ask_many(times: int) -> float:
    """Many askers at once."""
    return await _ask_by(ASKERS, times)


# --- lives ---


def _nothing(_: ActorEvent) -> None:
    """Take an event."""


async def _restart(times: int, *, watched: bool) -> float:
    lives, done = [times], trio.Event()
    async with open_system(intensity=times, period=3600.0) as system:
        if watched:
            system.subscribe(_nothing)
        began = perf_counter()
        await system.start(child("child", lambda: Crashing(lives, done), restart="transient"))
        await done.wait()
        return times / (perf_counter() - began)


async def restart(times: int) -> float:
    """A child that crashes as soon as it lives."""
    return await _restart(times, watched=False)


async def restart_watched(times: int) -> float:
    """The same with one subscriber who gets every event."""
    return await _restart(times, watched=True)


async def spawn(times: int) -> float:
    """A child is started, runs, is stopped and is gone."""
    async with open_system() as system:
        began = perf_counter()
        for _ in range(times):
            ref: Ref[Tick] = await system.start(child("idle", Idle, restart="temporary"))
            ref.stop()
            await ref.stopped()
        return times / (perf_counter() - began)


async def memory(times: int) -> float:
    """Bytes for each of many idle actors, their contracts included."""
    async with open_system() as system:
        before = resident()
        for number in range(times):
            await system.start(child(f"idle-{number}", Idle))
        await trio.testing.wait_all_tasks_blocked()
        return (resident() - before) / times


async def look(times: int) -> float:
    """Milliseconds for each look at a tree of idle actors, as `watch_tree` takes them."""
    return await _look(times, Lens)


async def picture(times: int) -> float:
    """Milliseconds for each whole picture of the same tree, as `System.tree` takes them."""
    return await _look(times, Retina)


class Retina(Lens):
    """Forgets what it has seen."""

    def look(self, cell: Cell[Any]) -> ActorSnapshot:
        """Look for the first time."""
        return Lens().look(cell)


async def _look(times: int, make: Callable[[], Lens]) -> float:
    async with open_system() as system:
        for number in range(WATCHED):
            await system.start(child(f"idle-{number}", Idle))
        lens, root = make(), cell_behind(system.root)
        lens.look(root)
        began = perf_counter()
        for _ in range(times):
            lens.look(root)
        return 1000 * (perf_counter() - began) / times


CASES = (
    Case("ours: tell, async handler", on_trio(tell), 100_000),
    Case("ours: tell, plain handler", on_trio(tell_plain), 100_000),
    Case("ours: fan-in", on_trio(fan_in), 30_000),
    Case("ours: ring", on_trio(ring), 10_000),
    Case("ours: delay", on_trio(delay), 200_000),
    Case("ours: ask", on_trio(ask), 8_000),
    Case("ours: ask, many", on_trio(ask_many), 20_000),
    Case("ours: restart", on_trio(restart), 2_000),
    Case("ours: restart, watched", on_trio(restart_watched), 2_000),
    Case("ours: restart, logged", logged(on_trio(restart)), 2_000),
    Case("ours: spawn", on_trio(spawn), 2_000),
    Case("ours: look", on_trio(look), 10),
    Case("ours: picture", on_trio(picture), 10),
    Case("ours: memory", in_a_fresh_process(memory), 10_000, once=True),
)
