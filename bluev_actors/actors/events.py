"""What happens to the actors of a system, as records, and the tap that hands them out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

_log = logging.getLogger(__name__)


@frozen
class ActorEvent:
    """Something happened to one actor."""

    path: str
    """Its place in the tree."""
    kind: str
    """What it is: its contract's `kind`, or the name of its class."""
    incarnation: int
    """Which of its lives, counted from 1."""
    at: float
    """When, in seconds on Trio's clock."""


@frozen
class ActorStarted(ActorEvent):
    """Its `on_start` ended well, for the first time."""


@frozen
class ActorRestarted(ActorEvent):
    """The same, in a later incarnation."""


@frozen
class ActorCrashed(ActorEvent):
    """An incarnation was ended by an exception."""

    reason: str
    """The exception, as text."""
    error: BaseException | None


@frozen
class ActorStopped(ActorEvent):
    """It is gone for good."""

    reason: str
    """How its last incarnation ended, as text."""


Subscriber: TypeAlias = Callable[[ActorEvent], None]


class Tap:
    """Hands each event to every subscriber, at once and in the order in which they subscribed."""

    __slots__ = ("_subscribers",)

    def __init__(self) -> None:
        self._subscribers: dict[object, Subscriber] = {}

    @property
    def watched(self) -> bool:
        """Whether anybody listens: nobody has to make events for nobody."""
        return bool(self._subscribers)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Add a subscriber, a plain function that must not raise; returns the function that removes it."""
        key = object()
        self._subscribers[key] = subscriber
        return lambda: self._unsubscribe(key)

    def emit(self, event: ActorEvent) -> None:
        """Hand an event to all; a subscriber that raises is logged and removed, and harms nobody."""
        for key, subscriber in list(self._subscribers.items()):
            try:
                subscriber(event)
            except Exception:  # noqa: BLE001 - whatever it raised, it must not harm the actors
                _log.exception("a subscriber of the tap failed and is removed: %r", subscriber)
                self._unsubscribe(key)

    def _unsubscribe(self, key: object) -> None:
        self._subscribers.pop(key, None)
