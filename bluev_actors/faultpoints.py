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

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Generator

Trap: TypeAlias = Callable[[str, str], None]
"""Called with the point's name and a key that tells one actor from another; raises to make it fail."""

R = TypeVar("R")

Escort: TypeAlias = Callable[[str, Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
"""Called with a key that tells one actor from another and with the coroutine it lives in; returns what to await."""


@frozen
class _Hooks:
    """What is armed here; most programs have none of it, and find that out with one look."""

    trap: Trap | None = None
    escorts: tuple[Escort, ...] = ()


_hooks: ContextVar[_Hooks | None] = ContextVar("bluev_actors_fault_hooks", default=None)


def fault(point: str, key: str = "") -> None:
    """Give an armed trap the chance to raise here.

    Args:
        point: the name of the place, such as `run.receive`.
        key: who passes, such as the run's id.
    """
    hooks = _hooks.get()
    if hooks is not None and hooks.trap is not None:
        hooks.trap(point, key)


def is_armed() -> bool:
    """Whether there is a trap or an escort here: who passes many points may ask once, for nobody can arm one later."""
    return _hooks.get() is not None


@contextmanager
def armed(trap: Trap) -> Generator[None]:
    """Arm `trap` for this task and for every task started inside the block."""
    with _hooked(evolve(_hooks.get() or _Hooks(), trap=trap)):
        yield


def around(key: str, coroutine: Coroutine[Any, Any, R]) -> Coroutine[Any, Any, R]:
    """Give every escort the chance to go with a coroutine.

    Args:
        key: whose it is, such as an actor's path.
        coroutine: not yet begun.

    Returns:
        What to await in its place: the coroutine itself, unless there are escorts.
    """
    hooks = _hooks.get()
    for escort in () if hooks is None else hooks.escorts:
        coroutine = escort(key, coroutine)
    return coroutine


@contextmanager
def escorted(escort: Escort) -> Generator[None]:
    """Send `escort`, beside those that are out already, with the coroutines of this task and of those it starts."""
    hooks = _hooks.get() or _Hooks()
    with _hooked(evolve(hooks, escorts=(*hooks.escorts, escort))):
        yield


@contextmanager
def _hooked(hooks: _Hooks) -> Generator[None]:
    token = _hooks.set(hooks)
    try:
        yield
    finally:
        _hooks.reset(token)
