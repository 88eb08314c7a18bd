"""What the actor bench measures beside rates, and in what surroundings: memory, delays, logging."""

from __future__ import annotations

import gc
import logging
import os
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator


def resident() -> int:
    """The bytes of memory that this process has, after all rubbish is gone."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def in_a_fresh_process(case: Callable[[int], Awaitable[float]]) -> Callable[[int], float]:
    """A case that must not find memory which others have left free."""

    def figure(times: int) -> float:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            return pool.submit(trio.run, case, times).result()

    return figure


class Bystander:
    """A task that wants nothing but its turn."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def run(self) -> None:
        """Yield again and again, and remember the longest time until the next turn, in seconds.

        In seconds of this process, which never sleeps while a bystander is there: so they are those of the clock on the
        wall, without what other processes take.
        """
        while True:
            began = process_time()
            await trio.lowlevel.checkpoint()
            self.worst = max(self.worst, process_time() - began)


@asynccontextmanager
async def open_bystander() -> AsyncGenerator[Bystander]:
    """Have a bystander for the length of a block."""
    bystander = Bystander()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bystander.run)
        yield bystander
        nursery.cancel_scope.cancel()


@contextmanager
def crashes_logged(level: int) -> Generator[None]:
    """Have crashes logged from this level on, into a handler that throws them away."""
    log, handler = logging.getLogger("bluev_actors"), logging.NullHandler()
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(level)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


def logged(figure: Callable[[int], float]) -> Callable[[int], float]:
    """A case whose crashes are logged, where those of others are not."""

    def within(times: int) -> float:
        with crashes_logged(logging.ERROR):
            return figure(times)

    return within
