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
    of its own, and only the alarm of the one that is set counts. Those that *stand still* wait while they are held.

    Args:
        start_child: the supervisor's.
        cancel_child: the supervisor's.
    """

    _start_child: Callable[[ChildSpec], object]
    _cancel_child: Callable[[str, str], None]
    _set: dict[str, str] = Factory(dict[str, str])
    _deadlines: dict[str, float] = Factory(dict[str, float])
    """When those that stand still in a pause are due."""
    _left: dict[str, float] | None = None
    """While they are held: the seconds that each has left."""
    _numbers: Iterator[int] = Factory(count)

    def arm(self, name: str, seconds: float, *, stands_still: bool = False) -> None:
        """Set a timer to go off `seconds` from now; one of this name that is set already stays as it is.

        A supervisor that is on its way out sets none: what is left of its children may still ask for some.

        Args:
            name: its name.
            seconds: how long from now, or from the release when it is held.
            stands_still: it waits while the timers are held.
        """
        if name in self._set:
            return
        if stands_still and self._left is not None:
            self._left.setdefault(name, max(0.0, seconds))
            return
        child_id = f"timer/{next(self._numbers)}/{name}"
        deadline = trio.current_time() + max(0.0, seconds)
        with suppress(ChildStartError):
            self._start_child(child(child_id, lambda: Timer(deadline), restart="temporary", kind=KIND, shutdown=0))
            self._set[name] = child_id
            if stands_still:
                self._deadlines[name] = deadline

    def disarm(self, prefix: str) -> None:
        """Take back the timers whose names begin with `prefix`."""
        for name in [name for name in self._set if name.startswith(prefix)]:
            self._take_back(name)
        for name in [name for name in self._left or () if name.startswith(prefix)]:
            del (self._left or {})[name]

    def disarm_one(self, name: str) -> None:
        """Take back one timer, if it is set."""
        if name in self._set:
            self._take_back(name)
        elif self._left is not None:
            self._left.pop(name, None)

    def _take_back(self, name: str) -> None:
        self._deadlines.pop(name, None)
        self._cancel_child(self._set.pop(name), "disarmed")

    def hold(self) -> None:
        """A pause begins: those that stand still do."""
        if self._left is None:
            now = trio.current_time()
            self._left = {name: max(0.0, at - now) for name, at in self._deadlines.items()}
            for name in self._left:
                self._take_back(name)

    def release(self) -> None:
        """The pause is over: they go on with what each has left."""
        left, self._left = self._left or {}, None
        for name, seconds in left.items():
            self.arm(name, seconds, stands_still=True)

    def gone_off(self, spec: ChildSpec, exit_: Exit) -> str | None:
        """The name of the timer whose child has ended by itself; None when it had been taken back."""
        name = spec.id.split("/", 2)[2]
        if self._set.get(name) != spec.id:
            return None
        del self._set[name]
        self._deadlines.pop(name, None)
        return name if exit_.kind is ExitKind.NORMAL else None
