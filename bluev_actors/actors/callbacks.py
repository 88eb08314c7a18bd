"""Plain functions that are to be told of an exit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from bluev_actors.actors.exits import Exit

_log = logging.getLogger(__name__)

ExitCallback: TypeAlias = Callable[["Exit"], None]


class ExitCallbacks:
    """Tells each function that was entered, in that order; one that raises is logged and harms nobody.

    Args:
        owner: whose exits these are, for the log.
    """

    __slots__ = ("_callbacks", "_owner")

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._callbacks: dict[object, ExitCallback] = {}

    def __len__(self) -> int:
        return len(self._callbacks)

    def enter(self, callback: ExitCallback) -> Callable[[], None]:
        """Add a function; returns the function that takes it out again, even in the middle of a `tell`."""
        key = object()
        self._callbacks[key] = callback
        return lambda: self._take_out(key)

    def tell(self, exit: Exit) -> None:
        """Call all of them."""
        for key in tuple(self._callbacks):
            callback = self._callbacks.get(key)
            if callback is not None:
                tell_one(callback, exit, self._owner)

    def _take_out(self, key: object) -> None:
        self._callbacks.pop(key, None)


def tell_one(callback: ExitCallback, exit: Exit, owner: str) -> None:
    """Call one function; whatever it raises is logged and harms nobody."""
    try:
        callback(exit)
    except Exception:  # noqa: BLE001 - whatever it raised, it must not harm the supervisor
        _log.exception("%s is gone, and a callback that was to be told of it failed", owner)


def nothing() -> None:
    """Take nothing out, because nothing was entered."""
