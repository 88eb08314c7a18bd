"""The timers of a supervisor: children that do nothing but end at their time; the exit is the alarm."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Final, Never

import trio
from attrs import Factory, define

from bluev_actors.actors import Actor, ChildSpec, Exit, ExitKind, child
from bluev_actors.errors import ChildStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KIND: Final = "timer"


class Timer(Actor[Never]):
    """Ends at `deadline`, by Trio's clock."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    async def run(self) -> None:
        """Sleep until the deadline."""
        await trio.sleep_until(self._deadline)


@define
class Timers:
    """Named timers, each set at most once at a time.

    A timer that was taken back may still be on its way out when the next one of its name is set, so each has a child id
    of its own, and only the alarm of the one that is set counts.

    Args:
        start_child: the supervisor's.
        cancel_child: the supervisor's.
    """

    _start_child: Callable[[ChildSpec], object]
    _cancel_child: Callable[[str, str], None]
    _set: dict[str, str] = Factory(dict[str, str])
    _numbers: Iterator[int] = Factory(count)

    def arm(self, name: str, seconds: float) -> None:
        """Set a timer to go off `seconds` from now; one of this name that is set already stays as it is.

        A supervisor that is on its way out sets none: what is left of its children may still ask for some.
        """
        if name in self._set:
            return
        child_id = f"timer/{next(self._numbers)}/{name}"
        deadline = trio.current_time() + max(0.0, seconds)
        with suppress(ChildStartError):
            self._start_child(child(child_id, lambda: Timer(deadline), restart="temporary", kind=KIND, shutdown=0))
            self._set[name] = child_id

    def disarm(self, prefix: str) -> None:
        """Take back the timers whose names begin with `prefix`."""
        for name in [name for name in self._set if name.startswith(prefix)]:
            self._cancel_child(self._set.pop(name), "disarmed")

    def gone_off(self, spec: ChildSpec, exit_: Exit) -> str | None:
        """The name of the timer whose child has ended by itself; None when it had been taken back."""
        name = spec.id.split("/", 2)[2]
        if self._set.get(name) != spec.id:
            return None
        del self._set[name]
        return name if exit_.kind is ExitKind.NORMAL else None
