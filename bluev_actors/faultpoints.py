"""Named points where a test can make the code fail.

`fault("name")` does nothing in a shipped process. `bluev_actors.testing.faults` arms a *trap*: a function
that is called with the point's name and may raise. The trap lives in a context variable, so it reaches the
tasks started under it and no other test, thread or run of Trio.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Generator

Trap: TypeAlias = Callable[[str, str], None]
"""Called with the point's name and a key that tells one actor from another; raises to make it fail."""

_trap: ContextVar[Trap | None] = ContextVar("bluev_actors_fault_trap", default=None)


def fault(point: str, key: str = "") -> None:
    """Give an armed trap the chance to raise here.

    Args:
        point: the name of the place, such as `run.receive`.
        key: who passes, such as the run's id.
    """
    trap = _trap.get()
    if trap is not None:
        trap(point, key)


@contextmanager
def armed(trap: Trap) -> Generator[None]:
    """Arm `trap` for this task and for every task started inside the block."""
    token = _trap.set(trap)
    try:
        yield
    finally:
        _trap.reset(token)
