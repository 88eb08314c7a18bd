"""Whoever listens to a journal: subscribers to its events, readers of single runs, listeners to its trouble."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

import trio
from attrs import Factory, define

_log = logging.getLogger(__name__)

T = TypeVar("T")

Listener: TypeAlias = Callable[[T], None]


@define(eq=False)
class Audience(Generic[T]):
    """Plain functions that are told something; one that raises harms nobody."""

    _listeners: list[Listener[T]] = Factory(list[Listener[T]])

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Listener[T]) -> Callable[[], None]:
        """Have `listener` called from now on; the answer ends that."""
        self._listeners.append(listener)

        def remove() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return remove

    def tell(self, what: T) -> None:
        """Call everybody."""
        for listener in tuple(self._listeners):
            try:
                listener(what)
            except Exception:  # noqa: BLE001 - whoever listens, a run is never lost to it
                _log.exception("a listener of the journal raised; the journal goes on without it")


@define(eq=False)
class Readers:
    """Tasks that wait for more of a run."""

    _waiting: dict[str, trio.lowlevel.ParkingLot] = Factory(dict[str, trio.lowlevel.ParkingLot])

    async def wait(self, run_id: str) -> None:
        """Wait until there is something to see of a run."""
        lot = self._waiting.setdefault(run_id, trio.lowlevel.ParkingLot())
        try:
            await lot.park()
        finally:
            if not lot and self._waiting.get(run_id) is lot:
                del self._waiting[run_id]

    def wake(self, run_id: str) -> None:
        """Wake everybody who waits for a run."""
        lot = self._waiting.get(run_id)
        if lot is not None:
            lot.unpark_all()
