"""Named points where a test can make the code fail.

`fault("name")` does nothing in a shipped process. `bluev_actors.testing.faults` arms a *trap*: a function
that is called with the point's name and may raise. The trap lives in a context variable, so it reaches the
tasks started under it and no other test, thread or run of Trio.

`around(key, coroutine)` gives back the coroutine. `bluev_actors.testing.checkpoints` sends *escorts*: functions that
take a coroutine and give another in its place, which drives it and may make it fail wherever it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

Trap: TypeAlias = Callable[[str, str], None]
"""Called with the point's name and a key that tells one actor from another; raises to make it fail."""

R = TypeVar("R")

Escort: TypeAlias = Callable[[str, Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
"""Called with a key that tells one actor from another and with the coroutine it lives in; returns what to await."""

_trap: ContextVar[Trap | None] = ContextVar("bluev_actors_fault_trap", default=None)
_escorts: ContextVar[tuple[Escort, ...]] = ContextVar("bluev_actors_escorts", default=())


def fault(point: str, key: str = "") -> None:
    """Give an armed trap the chance to raise here.

    Args:
        point: the name of the place, such as `run.receive`.
        key: who passes, such as the run's id.
    """
    trap = _trap.get()
    if trap is not None:
        trap(point, key)


def is_armed() -> bool:
    """Whether there is a trap here: a loop may ask once instead of passing its point at every turn."""
    return _trap.get() is not None


@contextmanager
def armed(trap: Trap) -> Generator[None]:
    """Arm `trap` for this task and for every task started inside the block."""
    token = _trap.set(trap)
    try:
        yield
    finally:
        _trap.reset(token)


def around(key: str, coroutine: Coroutine[Any, Any, R]) -> Coroutine[Any, Any, R]:
    """Give every escort the chance to go with a coroutine.

    Args:
        key: whose it is, such as an actor's path.
        coroutine: not yet begun.

    Returns:
        What to await in its place: the coroutine itself, unless there are escorts.
    """
    for escort in _escorts.get():
        coroutine = escort(key, coroutine)
    return coroutine


@contextmanager
def escorted(escort: Escort) -> Generator[None]:
    """Send `escort`, beside any others, with the coroutines of this task and of every task started inside the block."""
    token = _escorts.set((*_escorts.get(), escort))
    try:
        yield
    finally:
        _escorts.reset(token)
