"""Crashes at the checkpoints of an actor: wherever it waits, and nowhere else, another task may have its turn.

    for nth in itertools.count(1):
        with crash_at_checkpoint("/store", nth) as crash:
            run_in_virtual_time(scenario)
        if not crash.happened:
            break

The error comes out of the `await` at which the actor waited, at the moment when the wait is over: what it waited for
has happened, and Trio has done its part. So these are the crashes that a bug on the next line would cause.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache, partial
from inspect import isasyncgen, iscoroutine, isgenerator
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

import outcome
import trio
from attrs import define, field

from bluev_actors.faultpoints import escorted
from bluev_actors.testing.faults import Fault, InjectedError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterator
    from types import CodeType

R = TypeVar("R")

Judge: TypeAlias = Callable[[], BaseException | None]
"""Called at each checkpoint that was passed; returns what to raise there."""

POINT: Final = "checkpoint"
"""What these places are called in a `Fault`."""
_SLEEP: Final = trio.sleep_until.__code__


@contextmanager
def crash_at_checkpoint(
    path: str, nth: int = 1, error: Callable[[], BaseException] = InjectedError
) -> Generator[Fault]:
    """Make an actor crash when it has passed its nth checkpoint; once, whatever incarnation it is in by then.

    Blocks may stand in one another: each counts its own actor.

    Args:
        path: of the actor, such as `/store`; the root supervisor's is `/`.
        nth: at which checkpoint of its `on_start` and `run`, counted from 1 through all its incarnations.
        error: makes what is raised, such as an exception class.

    Yields:
        The fault: whether it has `happened`, and how many checkpoints were `passed`.
    """
    fault = Fault(POINT, path, nth, error)
    with escorted(partial(_escort, path, partial(fault.at, POINT, path))):
        yield fault


@contextmanager
def count_checkpoints(path: str) -> Generator[CheckpointCount]:
    """Count the checkpoints that an actor passes, in all its incarnations, and let it pass them.

    The number may differ from run to run: Trio takes the tasks of a turn in random order.
    """
    counted = CheckpointCount()
    with escorted(partial(_escort, path, counted.count)):
        yield counted


@define
class CheckpointCount:
    """How many checkpoints an actor has passed."""

    passed: int = field(default=0, init=False)

    def count(self) -> None:
        """Count one more, and let it pass."""
        self.passed += 1


def _escort(path: str, judge: Judge, key: str, coroutine: Coroutine[Any, Any, R]) -> Coroutine[Any, Any, R]:
    return _accompanied(judge, coroutine) if key == path else coroutine


async def _accompanied(judge: Judge, coroutine: Coroutine[Any, Any, R]) -> R:
    return await _drive(judge, coroutine)


@types.coroutine
def _drive(judge: Judge, coroutine: Coroutine[Any, Any, R]) -> Generator[object, outcome.Outcome[object], R]:
    """Pass on what the coroutine says to Trio, and back what Trio answers, or else the error of the judge.

    Trio answers with an outcome, which the waiting function unwraps.
    """
    go_on: Callable[[], object] = partial(coroutine.send, None)
    while True:
        try:
            trap = go_on()
        except StopIteration as end:
            return cast("R", end.value)
        try:
            answer = yield trap
        except BaseException as error:  # noqa: BLE001 - whatever Trio throws is for the coroutine
            go_on = partial(coroutine.throw, error)
            continue
        fatal = judge() if _is_place(coroutine, answer) else None
        go_on = partial(coroutine.send, answer) if fatal is None else partial(coroutine.throw, fatal)


@cache
def _held() -> frozenset[CodeType]:
    """Waits of Trio that have something in hand when they end.

    What an error took from them would never be given back, and a nursery would tear Trio's own books. No code of an
    actor can fail there. A nursery can only be made inside a run, so this cannot be a constant.
    """
    waits = (
        trio.Lock.acquire,
        trio.Semaphore.acquire,
        trio.CapacityLimiter.acquire_on_behalf_of,
        trio.Condition.wait,
        type(trio.open_nursery()).__aexit__,
    )
    return frozenset(wait.__code__ for wait in waits)


def _is_place(coroutine: object, answer: outcome.Outcome[object]) -> bool:
    """Whether code of an actor could fail where the coroutine waits, now that Trio has answered.

    Where the answer is an error, as a cancellation is, it fails anyway. But a sleep is always ended by a cancellation,
    by that of its own deadline.
    """
    functions = frozenset(_code_of_the_wait(coroutine))
    if isinstance(answer, outcome.Error):
        return _SLEEP in functions and getattr(answer.error, "source", "") == "deadline"
    return functions.isdisjoint(_held())


def _code_of_the_wait(awaited: object) -> Iterator[CodeType]:
    """The functions that a suspended coroutine stands in, from the outermost to the innermost."""
    while awaited is not None:
        if iscoroutine(awaited):
            yield awaited.cr_code
            awaited = awaited.cr_await
        elif isasyncgen(awaited):
            yield awaited.ag_code
            awaited = awaited.ag_await
        elif isgenerator(awaited):
            yield awaited.gi_code
            awaited = awaited.gi_yieldfrom
        else:
            # A step of an asynchronous generator does not say whose it is, but the garbage collector knows.
            awaited = next(filter(isasyncgen, gc.get_referents(awaited)), None)
