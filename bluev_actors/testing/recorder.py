"""A record of what came, which a test can wait on: events of a system, dead letters, messages to a probe."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

import trio
from trio.testing import wait_all_tasks_blocked

if TYPE_CHECKING:
    from collections.abc import Generator

    from bluev_actors.actors.events import ActorEvent, DeadLetter
    from bluev_actors.actors.system import System

T = TypeVar("T")
K = TypeVar("K")


class Recorder(Generic[T]):
    """Things in the order in which they came, each of which is *unread* until it was waited for.

    Args:
        of_whom: what error texts call it.
    """

    def __init__(self, of_whom: str) -> None:
        self.seen: list[T] = []
        """All that came."""
        self.unread: list[T] = []
        """What came and was not waited for yet."""
        self._of_whom = of_whom
        self._news = trio.Event()

    def note(self, item: T) -> None:
        """Add what came."""
        self.seen.append(item)
        self.unread.append(item)
        self._news.set()
        self._news = trio.Event()

    async def wait_for(self, kind: type[K], /, *, within: float = 1.0, **attributes: object) -> K:
        """Wait for the first unread thing of a kind; those of other kinds stay unread.

        Args:
            kind: its class, or a base of it.
            within: seconds to wait for it, if it is not there yet.
            **attributes: what it must have, such as `path="/store"`.

        Raises:
            AssertionError: it did not come.
        """
        with trio.move_on_after(within):
            while True:
                for place, item in enumerate(self.unread):
                    if isinstance(item, kind) and _has(item, attributes):
                        del self.unread[place]
                        return item
                await self._news.wait()
        wanted = ", ".join([kind.__name__, *(f"{name}={value!r}" for name, value in attributes.items())])
        raise AssertionError(f"{self._of_whom}: no {wanted} within {within:g} s; unread: {self.unread}")

    async def expect_nothing(self, seconds: float = 0.0) -> None:
        """Check that all is read and stays so for a time.

        Args:
            seconds: how long; 0 for until nobody has anything to do any more.

        Raises:
            AssertionError: there is or came something unread.
        """
        if seconds:
            with trio.move_on_after(seconds):
                while not self.unread:
                    await self._news.wait()
        await wait_all_tasks_blocked()
        if self.unread:
            raise AssertionError(f"{self._of_whom}: nothing more was expected; unread: {self.unread}")


def _has(item: object, attributes: dict[str, object]) -> bool:
    return all(getattr(item, name, _NOTHING) == value for name, value in attributes.items())


_NOTHING = object()


@contextmanager
def record_events(system: System) -> Generator[Recorder[ActorEvent]]:
    """Record what happens to the actors of a system from now on."""
    recorder = Recorder["ActorEvent"]("events")
    unsubscribe = system.subscribe(recorder.note)
    try:
        yield recorder
    finally:
        unsubscribe()


@contextmanager
def record_dead_letters(system: System) -> Generator[Recorder[DeadLetter]]:
    """Record the messages that reach nobody from now on."""
    recorder = Recorder["DeadLetter"]("dead letters")
    unsubscribe = system.dead_letters.subscribe(recorder.note)
    try:
        yield recorder
    finally:
        unsubscribe()
