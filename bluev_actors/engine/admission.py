"""Who may start next among all nodes of a daemon that name the same `concurrency_key`.

Each key has so many slots and so many starts in a period, both as the run that asks has them in its settings. Runs that
were refused wait in a line, one place each however many nodes they have, so that a wide run does not shut out a narrow
one. Who is first in line is woken when there is room and has it to itself until it has entered or passed its turn on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from attrs import Factory, define, field

from bluev_actors.workflows import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from bluev_actors.workflows.graph import Rate, Settings

_ANY_TIME: Final = float("-inf")
_FIRST_SWEEP: Final = 64
"""Keys from which on it is worth looking for those that nobody needs any more."""


@define(eq=False)
class _Key:
    """What the nodes of one key share. `line` says of each run in it whether it was woken and has not asked since."""

    inside: int = 0
    line: dict[Gate, bool] = Factory(dict["Gate", bool])
    starts: deque[float] = Factory(deque[float])
    longest: int = 0
    """How many starts the rates that were asked about so far look back."""
    period: float = 0.0

    def first(self) -> Gate | None:
        return next(iter(self.line), None)

    def note_start(self, at: float) -> None:
        self.starts.append(at)
        while len(self.starts) > self.longest:
            self.starts.popleft()

    def next_start(self, rate: Rate | None) -> float:
        """When one more may start: a period after the start that is `limit` starts back.

        Starts are noted from the first time that somebody asks with a rate.
        """
        if rate is None:
            return _ANY_TIME
        self.longest = max(self.longest, rate.limit)
        self.period = max(self.period, rate.period)
        if len(self.starts) < rate.limit:
            return _ANY_TIME
        return self.starts[-rate.limit] + rate.period

    def is_idle(self, now: float) -> bool:
        recent = self.starts and self.starts[-1] + self.period > now
        return not (self.inside or self.line or recent)


class Admission:
    """The keys of a daemon.

    Args:
        now: any clock that never goes back, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._keys: dict[str, _Key] = {}
        self._sweep_at = _FIRST_SWEEP

    def gate(self, settings: Settings, wake: Callable[[], None]) -> Gate:
        """The gate of one run, for as long as it lives.

        Args:
            settings: the run's, with its limits by key.
            wake: called when there may be room for a node that was refused: a plain call that only takes note, for it
                may come from inside another run's `leave`. The run then asks again, and ends with `pass_on`.
        """
        return Gate(self, settings, wake)

    def inside(self, key: str) -> int:
        """How many nodes hold a slot of a key."""
        found = self._keys.get(key)
        return found.inside if found else 0

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._keys)

    def find(self, key: str) -> _Key:
        """What the nodes of a key share; only gates need it."""
        if key not in self._keys:
            self._sweep()
            self._keys[key] = _Key()
        return self._keys[key]

    def _sweep(self) -> None:
        """Forget idle keys, rarely enough to cost next to nothing: documents may bring any number of them."""
        if len(self._keys) >= self._sweep_at:
            now = self.now()
            self._keys = {name: key for name, key in self._keys.items() if not key.is_idle(now)}
            self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._keys))


@define(eq=False)
class Gate:
    """What one run holds and waits for. `Admission.gate` makes it."""

    _admission: Admission
    _settings: Settings
    _wake: Callable[[], None]
    _held: dict[str, str | None] = field(factory=dict[str, "str | None"], init=False)
    """The key of each node inside; None when it shares the slot of the node that it is inside of."""
    _waits: dict[str, _Key] = field(factory=dict[str, _Key], init=False)

    def enter(self, node_id: str, key: str) -> bool:
        """Take a slot for a node about to start, or a place in line when there is none.

        A node that stands in the body of one that holds the same key shares its slot, for else each would wait for
        the other.

        Args:
            node_id: the node's full id.
            key: its `concurrency_key`.

        Returns:
            Whether it may start.
        """
        if node_id in self._held:
            return True
        if self._is_inside(node_id, key):
            self._held[node_id] = None
            return True
        there = self._admission.find(key)
        if not self._may_enter(there, key):
            there.line[self] = False
            self._waits[key] = there
            return False
        self._take(there, node_id, key)
        self._leave_line(key)
        return True

    def retake(self, node_id: str, key: str) -> None:
        """Take a slot for a node that had one before a crash, whether one is free or not."""
        if node_id not in self._held:
            self._take(self._admission.find(key), node_id, key)

    def leave(self, node_id: str) -> None:
        """Give back the slot of a node, if it has one."""
        key = self._held.pop(node_id, None)
        if key is not None:
            there = self._admission.find(key)
            there.inside -= 1
            self._wake_first(there, key)

    def pass_on(self) -> None:
        """Give up the turns that this run was woken for and has not used; it ends every answer to a wake-up."""
        for key in [key for key, there in self._waits.items() if there.line[self]]:
            self._leave_line(key)

    def withdraw(self) -> None:
        """Wait for nothing any more; a run that is paused or comes to its end must not hold up the line."""
        for key in list(self._waits):
            self._leave_line(key)

    def take_over(self, wake: Callable[[], None]) -> None:
        """Serve the next incarnation of the run, after a crash of the one before; what is held stays held.

        Args:
            wake: as for `Admission.gate`.
        """
        self._wake = wake
        self.withdraw()

    def keep_only(self, node_ids: Collection[str]) -> None:
        """Give back what nodes hold that are not under way any more."""
        for node_id in [it for it in self._held if it not in node_ids]:
            self.leave(node_id)

    def close(self) -> None:
        """Give everything back: the run, or this incarnation of it, is over."""
        self.withdraw()
        for node_id in list(self._held):
            self.leave(node_id)

    def next_at(self) -> float | None:
        """When to ask again by itself, because a rate holds up what is first in line; None when nothing does."""
        return min((at for at in self._starts() if at > _ANY_TIME), default=None)

    def _starts(self) -> Iterator[float]:
        for key, there in self._waits.items():
            if there.first() is self and self._has_room(there, key):
                yield there.next_start(self._settings.rates.get(key))

    def _is_inside(self, node_id: str, key: str) -> bool:
        around = paths.container(node_id)
        while around is not None:
            if self._held.get(around) == key:
                return True
            around = paths.container(around)
        return False

    def _may_enter(self, there: _Key, key: str) -> bool:
        is_next = there.first() in (None, self)
        in_time = there.next_start(self._settings.rates.get(key)) <= self._admission.now()
        return is_next and in_time and self._has_room(there, key)

    def _has_room(self, there: _Key, key: str) -> bool:
        """Whether a slot is free by this run's own limit; a key for which it has set neither limit nor rate has one."""
        limit = self._settings.concurrency.get(key, None if key in self._settings.rates else 1)
        return limit is None or there.inside < limit

    def _take(self, there: _Key, node_id: str, key: str) -> None:
        self._held[node_id] = key
        there.inside += 1
        there.note_start(self._admission.now())

    def _leave_line(self, key: str) -> None:
        there = self._admission.find(key)
        there.line.pop(self, None)
        self._waits.pop(key, None)
        self._wake_first(there, key)

    def _wake_first(self, there: _Key, key: str) -> None:
        first = there.first()
        if first is not None and not there.line[first] and first._has_room(there, key):  # noqa: SLF001 - one of us
            there.line[first] = True
            first._wake()  # noqa: SLF001 - one of us
