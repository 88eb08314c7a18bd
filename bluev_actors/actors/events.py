"""What happens to the actors of a system, as records, and the tap that hands them out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

from attrs import frozen

if TYPE_CHECKING:
    from bluev_actors.actors.exits import Exit
    from bluev_actors.actors.specs import Restart

_log = logging.getLogger(__name__)

E = TypeVar("E")


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


ReportContext: TypeAlias = Literal["start_error", "child_terminated", "shutdown", "shutdown_error"]
"""On what occasion a supervisor reports; the words and their meanings are OTP's.

    start_error        a child did not start
    child_terminated   a child ended which should not have
    shutdown           the supervisor gives up, because of this child
    shutdown_error     a child did not end as it was asked to
"""


@frozen
class Offender:
    """The child that a report is about."""

    id: str
    path: str
    kind: str
    incarnation: int
    restart: Restart
    shutdown: float | None


@frozen
class SupervisorReport:
    """A supervisor says what went wrong with a child."""

    supervisor: str
    """The path of the supervisor."""
    at: float
    """When, in seconds on Trio's clock."""
    context: ReportContext
    reason: Exit
    """How the child ended."""
    offender: Offender


@frozen
class DeadLetter:
    """A message that nobody will handle, and whose sender was not told so."""

    path: str
    """Whom it was for."""
    message: object
    why: str
    at: float
    """When it was given up, in seconds on Trio's clock."""


Subscriber: TypeAlias = Callable[[ActorEvent], None]


class Tap(Generic[E]):
    """Hands each event to every subscriber, at once and in the order in which they subscribed."""

    __slots__ = ("_subscribers", "watched")

    watched: bool
    """Whether anybody listens: nobody has to make events for nobody."""

    def __init__(self) -> None:
        self.watched = False
        # Replaced and never changed, so that a subscriber may come or go in the middle of an event. The key tells
        # two subscriptions of one function apart.
        self._subscribers: tuple[tuple[object, Callable[[E], None]], ...] = ()

    def subscribe(self, subscriber: Callable[[E], None]) -> Callable[[], None]:
        """Add a subscriber, a plain function that must not raise; returns the function that removes it."""
        key = object()
        self._subscribers = (*self._subscribers, (key, subscriber))
        self.watched = True
        return lambda: self._unsubscribe(key)

    def emit(self, event: E) -> None:
        """Hand an event to all; a subscriber that raises is logged and removed, and harms nobody."""
        for entry in self._subscribers:
            if entry in self._subscribers:  # another one may have taken it out just now
                self._tell(*entry, event)

    def _tell(self, key: object, subscriber: Callable[[E], None], event: E) -> None:
        try:
            subscriber(event)
        except Exception:  # noqa: BLE001 - whatever it raised, it must not harm the actors
            _log.exception("a subscriber of the tap failed and is removed: %r", subscriber)
            self._unsubscribe(key)

    def _unsubscribe(self, gone: object) -> None:
        self._subscribers = tuple((key, each) for key, each in self._subscribers if key is not gone)
        self.watched = bool(self._subscribers)
