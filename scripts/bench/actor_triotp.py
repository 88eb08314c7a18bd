"""triotp in the actor bench: Erlang's behaviours as tasks of Trio; it needs Python 3.13.

It has no types to check against, so it is imported by name.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import import_module
from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING

import trio
import trio.testing
from bench.actor_case import CrashError, Tick
from bench.duels import Case, on_trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

gen_server = import_module("triotp.gen_server")
mailbox = import_module("triotp.mailbox")
supervisor = import_module("triotp.supervisor")
logbook = import_module("logbook")

State = dict[str, int]


def _module(times: int, done: trio.Event) -> SimpleNamespace:
    """A server as triotp wants it: a module of functions."""

    async def init(_: object) -> State:
        return {"left": times}

    async def handle_call(message: object, _: object, state: State) -> tuple[object, State]:
        return gen_server.Reply(message), state

    async def handle_cast(_: object, state: State) -> tuple[object, State]:
        state["left"] -= 1
        if not state["left"]:
            done.set()
        return gen_server.NoReply(), state

    return SimpleNamespace(__name__="bench", init=init, handle_call=handle_call, handle_cast=handle_cast)


@asynccontextmanager
async def _open_server(times: int, done: trio.Event) -> AsyncGenerator[None]:
    mailbox._init()  # noqa: SLF001 - what its own `node.run` does, which takes over the whole program
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gen_server.start, _module(times, done), None, "bench")
        await trio.testing.wait_all_tasks_blocked()
        yield
        nursery.cancel_scope.cancel()


async def tell(times: int) -> float:
    """One sender, one server."""
    done = trio.Event()
    async with _open_server(times, done):
        began = perf_counter()
        for number in range(times):
            await gen_server.cast("bench", Tick("n", number))
        await done.wait()
        return times / (perf_counter() - began)


async def ask(times: int) -> float:
    """One asker."""
    async with _open_server(0, trio.Event()):
        began = perf_counter()
        for number in range(times):
            await gen_server.call("bench", number)
        return times / (perf_counter() - began)


async def restart(times: int) -> float:
    """A child that crashes as soon as it lives; its log goes nowhere."""
    lives, done = [times], trio.Event()

    async def crashing() -> None:
        await trio.lowlevel.checkpoint()
        if not lives[0]:
            done.set()
            await trio.sleep_forever()
        lives[0] -= 1
        raise CrashError

    with logbook.NullHandler().applicationbound():
        async with trio.open_nursery() as nursery:
            began = perf_counter()
            child = supervisor.child_spec("child", crashing, [])
            nursery.start_soon(supervisor.start, [child], supervisor.options(times, 3600))
            await done.wait()
            took = perf_counter() - began
            nursery.cancel_scope.cancel()
    return times / took


CASES = (
    Case("triotp: tell", on_trio(tell), 10_000),
    Case("triotp: ask", on_trio(ask), 3_000),
    Case("triotp: restart", on_trio(restart), 1_000),
)
